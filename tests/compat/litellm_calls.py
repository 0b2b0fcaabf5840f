"""What the tests within_litellm*.py share: LiteLLM over penstock, calls to the scripted provider."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it asks GitHub for prices otherwise

import litellm
import pytest

from penstock.adapters import litellm as adapter
from penstock.testing.presets import openai_chat
from penstock.testing.provider import Provider

ASKED = [{"role": "user", "content": "What is a penstock?"}]
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]
AZURE_PATH = "/openai/deployments/any/chat/completions"


@pytest.fixture(params=["h1", "h2"])
def installed(request: pytest.FixtureRequest, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The version that is to be spoken."""
    monkeypatch.setattr(litellm, "http2", request.param == "h2")
    monkeypatch.setattr(litellm, "ssl_verify", str(provider.trust.ca_file))
    adapter.install()
    yield {"h1": "HTTP/1.1", "h2": "HTTP/2"}[request.param]
    adapter.uninstall()


def openai(provider: Provider, **more: Any) -> dict[str, Any]:
    key = {"api_base": provider.base_url, "api_key": provider.api_key}
    return {"model": "openai/any", "messages": ASKED, "max_retries": 0, **key, **more}


def azure(provider: Provider, **more: Any) -> dict[str, Any]:
    provider.script(openai_chat.rules(provider.turn, path=AZURE_PATH))
    key = {"api_base": provider.anthropic_url, "api_key": provider.api_key, "api_version": "2024-10-21"}
    return {"model": "azure/any", "messages": ASKED, "max_retries": 0, **key, **more}


def anthropic(provider: Provider, **more: Any) -> dict[str, Any]:
    key = {"api_base": provider.anthropic_url, "api_key": provider.api_key}
    return {"model": "anthropic/claude-any", "messages": ASKED, "max_tokens": 100, **key, **more}


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
