"""LiteLLM over penstock; test_litellm.py runs this where LiteLLM is. The provider is the scripted one."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it asks GitHub for prices otherwise

import litellm
import pytest
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler

from penstock.adapters import litellm as adapter
from penstock.adapters.litellm.transports import AsyncTransport, SyncTransport
from penstock.testing import Pace, ToolCall, Turn, faults
from penstock.testing.provider import Provider
from tests.waiting import eventually

ASKED = [{"role": "user", "content": "What is a penstock?"}]
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture(autouse=True, params=["h1", "h2"])
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


def anthropic(provider: Provider, **more: Any) -> dict[str, Any]:
    key = {"api_base": provider.anthropic_url, "api_key": provider.api_key}
    return {"model": "anthropic/claude-any", "messages": ASKED, "max_tokens": 100, **key, **more}


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_every_seam_is_live() -> None:
    seams = {seam.name.rpartition(".")[2]: seam for seam in adapter.status()}
    proxy = seams.pop("initialize_shared_aiohttp_session")
    assert [seam for seam in seams.values() if not seam.is_live] == []
    assert len(seams) >= 4
    assert proxy.is_live or proxy.why == "litellm.proxy.proxy_server is not imported"


def test_handlers_have_our_transports() -> None:
    assert isinstance(AsyncHTTPHandler().client._transport, AsyncTransport)
    assert isinstance(HTTPHandler().client._transport, SyncTransport)
    assert isinstance(litellm.module_level_aclient.client._transport, AsyncTransport)
    assert isinstance(litellm.module_level_client.client._transport, SyncTransport)


@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_chat(ask: Any, provider: Provider, installed: str) -> None:
    answer = await litellm.acompletion(**ask(provider))
    assert answer.choices[0].message.content == provider.text
    assert {seen.protocol for seen in provider.requests} == {installed}
    answer = await asyncio.to_thread(litellm.completion, **ask(provider))
    assert answer.choices[0].message.content == provider.text
    assert {seen.protocol for seen in provider.requests} == {installed}


@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_stream(ask: Any, provider: Provider, installed: str) -> None:
    chunks = [chunk async for chunk in await litellm.acompletion(**ask(provider, stream=True))]
    assert text_of(chunks) == provider.text
    chunks = await asyncio.to_thread(lambda: list(litellm.completion(**ask(provider, stream=True))))
    assert text_of(chunks) == provider.text
    assert {seen.protocol for seen in provider.requests} == {installed}


@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_tools(ask: Any, provider: Provider) -> None:
    provider.says(Turn(text="", tools=(ToolCall("now", {"zone": "UTC"}),)))
    answer = await litellm.acompletion(**ask(provider, tools=TOOLS))
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments.replace(" ", "")) == ("now", '{"zone":"UTC"}')
    chunks = [chunk async for chunk in await litellm.acompletion(**ask(provider, tools=TOOLS, stream=True))]
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert "".join(call.function.arguments or "" for call in calls).replace(" ", "") == '{"zone":"UTC"}'


@pytest.mark.parametrize("ask", [openai, anthropic])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.rate_limit(), litellm.RateLimitError),
        (faults.server_error(500), litellm.InternalServerError),
        (faults.status(401), litellm.AuthenticationError),
    ],
    ids=["429", "500", "401"],
)
async def test_errors(ask: Any, fault: Any, error: type[Exception], provider: Provider) -> None:
    provider.fault(fault)
    with pytest.raises(error):
        await litellm.acompletion(**ask(provider))
    with pytest.raises(error):
        await asyncio.to_thread(litellm.completion, **ask(provider))
    assert len(provider.requests) == 2


@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_timeout(ask: Any, provider: Provider) -> None:
    provider.fault(faults.silence())
    with pytest.raises(litellm.Timeout):
        await litellm.acompletion(**ask(provider, timeout=0.2))
    await eventually(lambda: [seen.aborted_s is not None for seen in provider.requests] == [True])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_nothing_is_sent_twice(ask: Any, stream: bool, provider: Provider) -> None:
    """The peer took the request and hung up: LiteLLM's own retry must not see an error that it repeats."""
    provider.fault(faults.reset())
    with pytest.raises(litellm.InternalServerError):
        await litellm.acompletion(**ask(provider, stream=stream))
    assert len(provider.requests) == 1


async def test_a_cut_stream_is_an_error(provider: Provider) -> None:
    provider.fault(faults.cut(after_events=3))
    with pytest.raises(litellm.exceptions.MidStreamFallbackError):
        [chunk async for chunk in await litellm.acompletion(**openai(provider, stream=True))]


async def test_a_router_retries_and_falls_back(provider: Provider) -> None:
    """Its model groups, cooldowns and retries stay as they are."""
    good = {key: value for key, value in openai(provider).items() if key != "messages"}
    models = [
        {"model_name": "broken", "litellm_params": {**good, "api_base": provider.base_url + "/nowhere"}},
        {"model_name": "good", "litellm_params": good},
    ]
    router = litellm.Router(model_list=models, fallbacks=[{"broken": ["good"]}], num_retries=0)
    answer = await router.acompletion(model="broken", messages=ASKED)
    assert answer.choices[0].message.content == provider.text
    provider.fault(faults.server_error(503), times=1)
    retrying = litellm.Router(model_list=models, num_retries=2, retry_after=0)
    answer = await retrying.acompletion(model="good", messages=ASKED)
    assert answer.choices[0].message.content == provider.text


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
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: provider.requests[0].aborted_s is not None)


@pytest.mark.parametrize("ask", [openai, anthropic])
@pytest.mark.parametrize("ttl_s", [0, 0.01, 0.1])
async def test_a_stream_outlives_its_client(ask: Any, ttl_s: float, provider: Provider) -> None:
    """Evicted, closed, deleted, collected: every event comes."""
    provider.says(Turn(text="word " * 60), pace=Pace(per_s=100))
    stream = await litellm.acompletion(**ask(provider, stream=True))
    chunks = [await anext(stream)]
    cache = litellm.in_memory_llm_clients_cache
    for key, client in list(cache.cache_dict.items()):
        cache.set_cache(key, client, ttl=ttl_s)
        handler = getattr(client, "client", None) or getattr(client, "_client", client)
        await handler.aclose()
        del client, handler
    cache.flush_cache()
    for name in ("module_level_aclient", "module_level_client"):
        litellm.__dict__.pop(name, None)
    gc.collect()
    chunks += [chunk async for chunk in stream]
    assert text_of(chunks) == provider.text
    answer = await litellm.acompletion(**ask(provider))
    assert answer.choices[0].message.content == provider.text


async def test_the_reaper_sees_what_is_in_flight(provider: Provider) -> None:
    from litellm.caching.evicted_client_closer import _has_connection_in_flight

    provider.fault(faults.stall(after_events=1))
    handler = AsyncHTTPHandler()
    assert not _has_connection_in_flight(handler)
    response = await handler.post(
        provider.anthropic_url + "/v1/messages", json={"model": "x", "stream": True, "messages": []}, stream=True
    )
    assert _has_connection_in_flight(handler)
    await response.aclose()
    await eventually(lambda: not _has_connection_in_flight(handler))
