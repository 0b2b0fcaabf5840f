"""Where penstock stands in LiteLLM, that its settings count there, and that it goes when it is told to. test_litellm.py
runs this where LiteLLM is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import litellm
import pytest
from litellm.llms.custom_httpx import http_handler
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler
from litellm.llms.openai.common_utils import BaseOpenAILLM

from penstock.adapters import litellm as adapter
from penstock.adapters.litellm import seams
from penstock.adapters.litellm.transports import AsyncTransport, SyncTransport
from penstock.errors import ConfigError
from penstock.testing.provider import Provider
from tests.compat.litellm_calls import anthropic, openai

OURS = (AsyncTransport, SyncTransport)


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    yield
    adapter.uninstall()


def below(client: Any) -> Any:
    return getattr(client, "client", client)._transport


def made() -> list[Any]:
    """The transport below each kind of client that LiteLLM makes."""
    sdks = (BaseOpenAILLM._get_async_http_client(), BaseOpenAILLM._get_sync_http_client())
    return [below(each) for each in (AsyncHTTPHandler(), HTTPHandler(), *sdks)]


def is_ours() -> list[bool]:
    return [isinstance(each, OURS) for each in made()]


async def test_every_seam_is_live() -> None:
    adapter.install()
    found = {seam.name.rpartition(".")[2]: seam for seam in adapter.status()}
    late = [seam for seam in found.values() if not seam.is_live and not seam.why.endswith(seams.NOT_IMPORTED)]
    assert late == []
    assert len([seam for seam in found.values() if seam.is_live]) >= 4
    assert is_ours() == [True] * 4


async def test_it_is_taken_out_again() -> None:
    before = [vars(seams.owner_of(place)).get(place.attribute) for place in seams.PLACES if seams.owner_of(place)]
    adapter.install()
    adapter.uninstall()
    after = [vars(seams.owner_of(place)).get(place.attribute) for place in seams.PLACES if seams.owner_of(place)]
    assert after == before
    assert is_ours() == [False] * 4
    assert not any(seam.is_live for seam in adapter.status())


async def test_installing_twice_is_once() -> None:
    first, second = adapter.install(), adapter.install()
    assert first == second
    adapter.uninstall()
    assert is_ours() == [False] * 4


async def test_a_variable_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_LITELLM", "off")
    assert not any(seam.is_live for seam in adapter.install())
    assert is_ours() == [False] * 4


async def test_another_signature_is_left_alone(monkeypatch: pytest.MonkeyPatch, provider: Provider) -> None:
    def create(*things: Any, **more: Any) -> None:
        return None

    monkeypatch.setattr(HTTPHandler, "_create_sync_transport", create)
    monkeypatch.setattr(litellm, "ssl_verify", str(provider.trust.ca_file))
    (seam,) = [seam for seam in adapter.install() if seam.name.endswith("_create_sync_transport")]
    assert not seam.is_live
    assert "(things, more)" in seam.why
    assert vars(HTTPHandler)["_create_sync_transport"] is create
    answer = await litellm.acompletion(**openai(provider))  # the others work
    assert answer.choices[0].message.content == provider.text
    adapter.uninstall()


async def test_clients_made_before_are_made_anew() -> None:
    held = litellm.module_level_aclient, litellm.module_level_client
    assert not any(isinstance(below(each), OURS) for each in held)
    adapter.install()
    assert all(isinstance(below(each), OURS) for each in held)
    adapter.uninstall()
    assert not any(isinstance(below(each), OURS) for each in held)


async def test_a_users_own_client_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter.install()
    async with httpx.AsyncClient() as own:
        monkeypatch.setattr(litellm, "aclient_session", own)
        assert BaseOpenAILLM._get_async_http_client() is own
    with httpx.Client() as own_sync:
        monkeypatch.setattr(litellm, "client_session", own_sync)
        assert BaseOpenAILLM._get_sync_http_client() is own_sync
    transport = httpx.HTTPTransport()
    monkeypatch.setattr(litellm, "sync_transport", transport, raising=False)
    assert below(HTTPHandler()) is transport


@pytest.mark.parametrize("attribute", ["http2", "enable_http2"])
@pytest.mark.parametrize("is_variable", [False, True])
async def test_both_names_of_http2(
    attribute: str, is_variable: bool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_variable:
        monkeypatch.setenv(f"LITELLM_{attribute.upper()}", "true")
    else:
        monkeypatch.setattr(litellm, attribute, True, raising=False)
    monkeypatch.setattr(litellm, "ssl_verify", str(provider.trust.ca_file))
    adapter.install()
    await litellm.acompletion(**openai(provider))
    await asyncio.to_thread(litellm.completion, **openai(provider))
    assert [seen.protocol for seen in provider.requests] == ["HTTP/2"] * 2


@pytest.mark.parametrize(
    ("most", "kept"), [(0, None), (-1, None), ("many", None), (True, None), (2, 3), (None, -1)], ids=str
)
def test_wrong_http2_limits_fail_at_once(most: Any, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "http2", True, raising=False)
    monkeypatch.setattr(litellm, "http2_max_connections", most, raising=False)
    monkeypatch.setattr(litellm, "http2_max_keepalive_connections", kept, raising=False)
    with pytest.raises(ConfigError, match="http2_max_"):
        adapter.install()
    assert not any(seam.is_live for seam in adapter.status())


async def test_the_settings_of_a_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "http2", True, raising=False)
    monkeypatch.setattr(litellm, "http2_max_connections", 7, raising=False)
    monkeypatch.setattr(litellm, "http2_max_keepalive_connections", 3, raising=False)
    monkeypatch.setattr(litellm, "force_ipv4", True)
    adapter.install()
    for each in made():
        settings = each.transport
        assert (settings.limits.max_connections, settings.limits.max_idle_connections) == (7, 3)
        assert settings.network.family == "ipv4"


@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_a_refused_peer(ask: Any, provider: Provider) -> None:
    """`ssl_verify` counts: the provider's certificate is nobody's that is trusted by default."""
    adapter.install()
    with pytest.raises(litellm.InternalServerError, match=r"SSL|Connection error"):  # the SDK's words for anything
        await litellm.acompletion(**ask(provider))
    assert provider.requests == []


async def test_a_context_of_the_users(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(cafile=str(provider.trust.ca_file))
    monkeypatch.setattr(litellm, "ssl_verify", context)
    adapter.install()
    handler = AsyncHTTPHandler(ssl_verify=context)
    response = await handler.post(provider.base_url + "/chat/completions", json={"model": "any", "messages": []})
    assert response.status_code == 200
    assert http_handler.get_ssl_configuration(context) is context
