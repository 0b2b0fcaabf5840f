"""Where calls go: LiteLLM's names and addresses work as they do there."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.config.models import Deployment
from penstock.dialects.call import BadRequest
from penstock.dialects.dialect import Dialect
from penstock.dialects.provider_rows import ROWS
from penstock.dialects.providers import PROVIDERS, address_of, split_model, url_of

CHAT, EMBEDDINGS, MESSAGES, RESPONSES = Dialect.CHAT, Dialect.EMBEDDINGS, Dialect.MESSAGES, Dialect.RESPONSES


@pytest.mark.parametrize(
    ("model", "api_base", "expected"),
    [
        ("openai/gpt-5", None, ("openai", "gpt-5")),
        ("openai/*", None, ("openai", "*")),
        ("*", None, ("openai", "*")),
        ("gpt-4o-mini", None, ("openai", "gpt-4o-mini")),
        ("o1", None, ("openai", "o1")),
        ("o3-mini", None, ("openai", "o3-mini")),
        ("chatgpt-4o-latest", None, ("openai", "chatgpt-4o-latest")),
        ("text-embedding-3-small", None, ("openai", "text-embedding-3-small")),
        ("ft:gpt-4o:me::1", None, ("openai", "ft:gpt-4o:me::1")),
        ("claude-sonnet-4-5", None, ("anthropic", "claude-sonnet-4-5")),
        ("anthropic/claude-sonnet-4-5", "https://proxy.example", ("anthropic", "claude-sonnet-4-5")),
        ("azure/my-deployment", "https://x.openai.azure.com", ("azure", "my-deployment")),
        ("together_ai/meta-llama/Llama-3-8b", None, ("together_ai", "meta-llama/Llama-3-8b")),
        ("openrouter/anthropic/claude-sonnet-4.5", None, ("openrouter", "anthropic/claude-sonnet-4.5")),
        ("openrouter/auto", None, ("openrouter", "openrouter/auto")),
        ("openrouter/*", None, ("openrouter", "*")),
        ("openai_like/x", "http://h/v1", ("custom_openai", "x")),
        ("vllm/x", "http://h/v1", ("hosted_vllm", "x")),
        ("ollama_chat/llama3", None, ("ollama", "llama3")),
        ("llama-3.3-70b", "https://api.groq.com/openai/v1", ("groq", "llama-3.3-70b")),
        ("llama-3.3-70b", "https://api.groq.com/openai/v1/", ("groq", "llama-3.3-70b")),
        ("claude-x", "http://localhost:8000/v1", ("openai", "claude-x")),
        ("llama", "http://localhost:8000/v1", ("openai", "llama")),
        ("llama", "https://evil.example/api.groq.com/openai/v1", ("openai", "llama")),
        ("llama", "https://api.groq.com.evil.example/openai/v1", ("openai", "llama")),
        ("meta/llama", "https://integrate.api.nvidia.com/v1", ("nvidia_nim", "meta/llama")),
    ],
)
def test_the_model_names_its_provider(model: str, api_base: str | None, expected: tuple[str, str]) -> None:
    assert split_model(model, api_base) == expected


def deployment(provider: str, **more: Any) -> Deployment:
    return Deployment(id="1", group="g", provider=provider, model=more.pop("model", "m"), **more)


@pytest.mark.parametrize(
    ("provider", "api_base", "dialect", "expected"),
    [
        ("openai", None, CHAT, "https://api.openai.com/v1/chat/completions"),
        ("openai", "http://h:8000/v1", CHAT, "http://h:8000/v1/chat/completions"),
        ("openai", "http://h:8000/v1/", EMBEDDINGS, "http://h:8000/v1/embeddings"),
        ("openai", "http://h:8000", CHAT, "http://h:8000/chat/completions"),
        ("openai", "http://h/v1/chat/completions", CHAT, "http://h/v1/chat/completions"),
        ("openai", "http://h/v1/chat/completions", EMBEDDINGS, "http://h/v1/embeddings"),
        ("openai", "http://h/v1?a=b", CHAT, "http://h/v1/chat/completions?a=b"),
        ("openai", "h:8000/v1", CHAT, "http://h:8000/v1/chat/completions"),
        ("openai", None, RESPONSES, "https://api.openai.com/v1/responses"),
        ("groq", None, CHAT, "https://api.groq.com/openai/v1/chat/completions"),
        ("deepseek", None, CHAT, "https://api.deepseek.com/chat/completions"),
        ("gemini", None, CHAT, "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
        ("cohere", None, EMBEDDINGS, "https://api.cohere.ai/compatibility/v1/embeddings"),
        ("ollama", None, CHAT, "http://localhost:11434/v1/chat/completions"),
        ("ollama", "http://gpu:11434", CHAT, "http://gpu:11434/v1/chat/completions"),
        ("ollama", "http://gpu:11434/v1", CHAT, "http://gpu:11434/v1/chat/completions"),
        ("mistral", "https://eu.example", CHAT, "https://eu.example/v1/chat/completions"),
        ("anthropic", None, MESSAGES, "https://api.anthropic.com/v1/messages"),
        ("anthropic", "https://p.example/anthropic", MESSAGES, "https://p.example/anthropic/v1/messages"),
        ("anthropic", "https://p.example/v1/", MESSAGES, "https://p.example/v1/messages"),
        ("anthropic", "https://p.example/v1/messages", MESSAGES, "https://p.example/v1/messages"),
    ],
)
def test_addresses(provider: str, api_base: str | None, dialect: Dialect, expected: str) -> None:
    assert url_of(deployment(provider, api_base=api_base), dialect, "m") == expected


AZURE = "https://x.openai.azure.com"


@pytest.mark.parametrize(
    ("api_base", "version", "dialect", "expected"),
    [
        (AZURE, "2024-10-21", CHAT, f"{AZURE}/openai/deployments/my%2Fm/chat/completions?api-version=2024-10-21"),
        (AZURE + "/", "2024-10-21", EMBEDDINGS, f"{AZURE}/openai/deployments/my%2Fm/embeddings?api-version=2024-10-21"),
        (AZURE, "2025-04-01-preview", RESPONSES, f"{AZURE}/openai/responses?api-version=2025-04-01-preview"),
        (AZURE, "preview", CHAT, f"{AZURE}/openai/v1/chat/completions"),
        (AZURE + "/openai/v1/", None, CHAT, f"{AZURE}/openai/v1/chat/completions"),
        (AZURE + "/openai/v1", "2024-10-21", RESPONSES, f"{AZURE}/openai/v1/responses"),
        (
            AZURE + "/openai/deployments/other",
            "2024-10-21",
            CHAT,
            f"{AZURE}/openai/deployments/other/chat/completions?api-version=2024-10-21",
        ),
        (
            AZURE + "/openai/deployments/other/chat/completions?api-version=2023-05-15",
            "2024-10-21",
            CHAT,
            f"{AZURE}/openai/deployments/other/chat/completions?api-version=2023-05-15",
        ),
    ],
)
def test_azure_has_the_deployment_in_the_path(
    api_base: str, version: str | None, dialect: Dialect, expected: str
) -> None:
    asked = deployment("azure", api_base=api_base, api_version=version)
    assert url_of(asked, dialect, "my/m") == expected


def test_a_provider_without_an_address_needs_one() -> None:
    with pytest.raises(BadRequest, match="no api_base"):
        url_of(deployment("azure"), CHAT, "m")
    assert address_of(deployment("azure")) == ""
    assert address_of(deployment("groq")) == "https://api.groq.com/openai/v1"
    assert address_of(deployment("groq", api_base="http://h")) == "http://h"


def test_the_table_is_sound() -> None:
    names = [name for row in ROWS for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names)) == len(PROVIDERS)
    for row in ROWS:
        assert row.paths
        assert row.api_base is None or (row.api_base.startswith("http") and not row.api_base.endswith("/"))
        assert row.key_env or not row.needs_key
        assert all(key == key.upper() for key in (*row.key_env, *row.base_env))
