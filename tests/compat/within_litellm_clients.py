"""What happens around LiteLLM's clients: eviction, closing, collection, cancelling, its own retry. Streams go on,
cancelled requests end at the provider, nothing is sent twice. test_litellm.py runs this where LiteLLM is.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import time
import weakref
from typing import Any

import httpx
import litellm
import pytest
from litellm.caching.evicted_client_closer import EvictedClientCloser, _has_connection_in_flight
from litellm.caching.llm_caching_handler import LLMClientCache
from litellm.llms.custom_httpx import http_handler
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler
from litellm.llms.openai import common_utils

from penstock.testing import Pace, Turn, faults
from penstock.testing.provider import Provider
from tests.compat.litellm_calls import anthropic, installed, openai, text_of
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures(installed.__name__)
FAILED = (litellm.InternalServerError, litellm.APIConnectionError, litellm.exceptions.MidStreamFallbackError)
LONG = Turn(text="word " * 60)
QUICK_S = 5.0  # the aim is 50 ms, see bench/cancel.py; a loaded machine must not fail the test


@pytest.fixture(params=[0.01, 0.1, 0.3])
def cache(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LLMClientCache:
    """LiteLLM's, where a client lives so many seconds, and is closed at once when it is evicted and nothing runs."""
    for module in (http_handler, common_utils):
        monkeypatch.setattr(module, "_DEFAULT_TTL_FOR_HTTPX_CLIENTS", request.param)
    made = LLMClientCache(evicted_client_closer=EvictedClientCloser(grace_seconds=0))
    monkeypatch.setattr(litellm, "in_memory_llm_clients_cache", made)
    return made


def close(client: Any) -> Any:
    """Whatever it is: a handler of LiteLLM's, a client of an SDK."""
    return (getattr(client, "aclose", None) or client.close)()


async def test_a_stream_outlives_its_client(cache: LLMClientCache, provider: Provider) -> None:
    """Its time to live is over, LiteLLM's closer was there; then closed, deleted, collected. Every event comes."""
    provider.says(LONG, pace=Pace(per_s=100))
    streams = [await litellm.acompletion(**ask(provider, stream=True)) for ask in (openai, anthropic)]
    heads = [[await anext(stream)] for stream in streams]
    clients = [*cache.cache_dict.values(), litellm.module_level_aclient]

    def is_evicted() -> bool:
        cache.evict_cache()
        return not cache.cache_dict

    await eventually(is_evicted)
    cache.evicted_client_closer.reap()
    for client in clients:
        await close(client)
    refs = [weakref.ref(client) for client in clients if not isinstance(client, AsyncHTTPHandler)]  # others hold those
    del clients, client
    litellm.__dict__.pop("module_level_aclient")
    gc.collect()
    for head, stream in zip(heads, streams, strict=True):
        chunks = head + [chunk async for chunk in stream]
        assert text_of(chunks) == provider.text
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    del streams, stream

    def is_collected() -> bool:
        gc.collect()
        return [ref() for ref in refs] == [None] * len(refs)

    await eventually(is_collected)
    answer = await litellm.acompletion(**openai(provider))
    assert answer.choices[0].message.content == provider.text


@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_a_blocking_stream_outlives_its_client(ask: Any, provider: Provider) -> None:
    def call() -> str:
        stream = litellm.completion(**ask(provider, stream=True))
        head = [next(stream)]
        clients = [*litellm.in_memory_llm_clients_cache.cache_dict.values(), litellm.module_level_client]
        for client in clients:
            client.close()
        del client, clients
        litellm.__dict__.pop("module_level_client")
        litellm.in_memory_llm_clients_cache.flush_cache()
        gc.collect()
        return text_of(head + list(stream))

    provider.says(LONG, pace=Pace(per_s=300))
    assert await asyncio.to_thread(call) == provider.text


async def test_the_reaper_sees_what_is_in_flight(provider: Provider) -> None:
    provider.fault(faults.stall(after_events=1))
    handler = AsyncHTTPHandler()
    assert not _has_connection_in_flight(handler)
    response = await handler.post(
        provider.anthropic_url + "/v1/messages", json={"model": "x", "stream": True, "messages": []}, stream=True
    )
    assert _has_connection_in_flight(handler)
    await response.aclose()
    await eventually(lambda: not _has_connection_in_flight(handler))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_a_cancelled_request_stops_the_provider(ask: Any, stream: bool, provider: Provider) -> None:
    provider.fault(faults.stall(after_events=2) if stream else faults.silence())

    async def call() -> None:
        answer = await litellm.acompletion(**ask(provider, stream=stream))
        async for _ in answer:
            pass

    task = asyncio.create_task(call())
    await eventually(lambda: bool(provider.requests) and provider.requests[0].sent_events >= (2 if stream else 0))
    cancelled_s = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    seen = await provider.wait_done_async()  # its clock is the same, CLOCK_MONOTONIC
    assert seen.aborted_s is not None
    assert cancelled_s <= seen.aborted_s < cancelled_s + QUICK_S
    assert len(provider.requests) == 1


@pytest.mark.parametrize("fault", [faults.reset(), faults.reset(how="fin"), faults.reset(how="abrupt"), faults.rst()])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_nothing_is_sent_twice(ask: Any, stream: bool, fault: Any, provider: Provider) -> None:
    """The peer took the request and hung up: LiteLLM's own retry must not see an error that it repeats."""
    provider.fault(fault)
    more = {"stream": True} if stream else {}
    with pytest.raises(FAILED):
        answer = await litellm.acompletion(**ask(provider, **more))
        [chunk async for chunk in answer]
    with pytest.raises(FAILED):
        await asyncio.to_thread(lambda: list(litellm.completion(**ask(provider, **more))))
    assert len(provider.requests) == 2


@pytest.mark.parametrize("fault", [faults.reset(), faults.wrong_length(), faults.bad_chunk(after_bytes=5)])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
async def test_what_was_sent_ends_in_a_read_error(method: str, fault: Any, provider: Provider) -> None:
    provider.fault(fault)
    with pytest.raises(httpx.ReadError, match=r"127\.0\.0\.1"):
        await getattr(AsyncHTTPHandler(), method)(provider.base_url + "/chat/completions", json={"messages": []})
    assert len(provider.requests) == 1


async def test_what_was_not_sent_is_a_connect_error(provider: Provider) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(httpx.ConnectError):
            await AsyncHTTPHandler().post(f"https://127.0.0.1:{held.getsockname()[1]}/", json={})
    assert provider.requests == []


async def test_a_peer_that_was_refused_is_not_asked_after_all(provider: Provider) -> None:
    """LiteLLM's retry would forget the handler's own `ssl_verify`."""
    strict = ssl.create_default_context()
    with pytest.raises(httpx.ProtocolError, match="SSL"):
        await AsyncHTTPHandler(ssl_verify=strict).post(provider.base_url, json={})
    with pytest.raises(httpx.ProtocolError, match="SSL"):
        await asyncio.to_thread(HTTPHandler(ssl_verify=strict).post, provider.base_url, json={})
    assert provider.requests == []
