"""An unmodified aiohttp.ClientSession over penstock, as a client of an LLM: streams, errors, time, giving up."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientTimeout

from penstock import TLS
from penstock.adapters.aiohttp import client_session
from penstock.testing import ToolCall, Turn, Upstream, faults, on, presets
from tests.compat.within import run

ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "What is in a penstock?"}]}
PATH = "/v1/chat/completions"


@pytest.fixture(params=[False, True], ids=["h1", "h2"])
def http2(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    endless = on(path="/endless").sse([{"n": 1}], count=1_000_000, per_s=200)
    with Upstream(
        endless, on(path="/hello").answer(body="hello"), presets.openai_chat.rules("Water under pressure")
    ) as it:
        yield it


def session(upstream: Upstream, http2: bool, **settings: Any) -> aiohttp.ClientSession:
    return client_session(http2=http2, tls=TLS(ca_file=upstream.trust.ca_file), **settings)


async def contents(response: aiohttp.ClientResponse) -> AsyncIterator[str]:
    """The text of an OpenAI stream."""
    async for line in response.content:
        data = line.strip().removeprefix(b"data: ")
        if data and data != b"[DONE]":
            yield json.loads(data)["choices"][0]["delta"].get("content") or ""


def test_a_chat_is_streamed_and_answered_whole(upstream: Upstream, http2: bool) -> None:
    async def ask() -> None:
        async with session(upstream, http2, base_url=upstream.url("/v1/")) as client:
            async with client.post("chat/completions", json={**ASKED, "stream": True}) as response:
                assert response.version == ((2, 0) if http2 else (1, 1))
                assert (response.status, response.reason) == (200, "OK")
                assert "".join([text async for text in contents(response)]) == "Water under pressure"
                assert response.content.at_eof()
                assert (response.closed, response.connection) == (True, None)
            async with client.post("chat/completions", json=ASKED) as response:
                answer = await response.json()
                assert answer["choices"][0]["message"]["content"] == "Water under pressure"
        first, second = upstream.requests
        assert first.protocol == second.protocol == ("HTTP/2" if http2 else "HTTP/1.1")
        assert first.connection == second.connection
        assert second.json() == ASKED

    run(ask())


def test_tools_come_as_they_are(http2: bool) -> None:
    turn = Turn(text="", tools=(ToolCall("now", {"zone": "UTC"}),))

    async def ask() -> None:
        with Upstream(presets.openai_chat.rules(turn)) as upstream:
            async with session(upstream, http2) as client, client.post(upstream.url(PATH), json=ASKED) as response:
                (call,) = (await response.json())["choices"][0]["message"]["tool_calls"]
                assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("now", {"zone": "UTC"})

    run(ask())


def test_a_rate_limit_is_an_answer_and_can_be_tried_again(upstream: Upstream, http2: bool) -> None:
    upstream.fault(faults.rate_limit(retry_after_ms=1), times=1)

    async def ask() -> None:
        async with session(upstream, http2, raise_for_status=True) as client:
            with pytest.raises(aiohttp.ClientResponseError) as caught:
                await client.post(upstream.url(PATH), json=ASKED)
            assert caught.value.status == 429
            assert caught.value.message == "Too Many Requests"
            assert caught.value.headers is not None and caught.value.headers["retry-after-ms"] == "1"
            async with client.post(upstream.url(PATH), json=ASKED) as response:
                assert response.status == 200

    run(ask())


def test_a_refused_stream_is_sent_again_by_the_engine(upstream: Upstream) -> None:
    """A POST, which aiohttp itself does not repeat."""
    upstream.fault(faults.refused_stream(), times=1)

    async def ask() -> None:
        async with session(upstream, True) as client, client.post(upstream.url(PATH), json=ASKED) as response:
            assert response.status == 200
        assert len(upstream.requests) == 2

    run(ask())


SHORT_S = 0.1


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (ClientTimeout(total=None, sock_read=SHORT_S), aiohttp.SocketTimeoutError),
        (ClientTimeout(total=SHORT_S), asyncio.TimeoutError),
    ],
)
@pytest.mark.parametrize("fault", [faults.silence(), faults.stall(after_events=2)], ids=repr)
def test_silence_is_a_timeout(upstream: Upstream, http2: bool, fault: Any, timeout: Any, error: Any) -> None:
    upstream.fault(fault)

    async def ask() -> None:
        async with session(upstream, http2) as client:
            with pytest.raises(asyncio.TimeoutError) as caught:
                async with client.post(upstream.url(PATH), json={**ASKED, "stream": True}, timeout=timeout) as response:
                    await response.read()
            assert type(caught.value) is error
        assert (await upstream.wait_done_async()).is_aborted

    run(ask())


def test_connect_counts_the_wait_for_a_connection(upstream: Upstream) -> None:
    """With all of `limit` in use, nobody else gets one."""

    async def ask() -> None:
        timeout = ClientTimeout(total=None, connect=SHORT_S)
        connector = aiohttp.TCPConnector(limit=1)
        async with session(upstream, False, connector=connector) as client:
            async with client.get(upstream.url("/endless")) as response:
                assert response.status == 200
                with pytest.raises(aiohttp.ConnectionTimeoutError):
                    await client.get(upstream.url("/hello"), timeout=timeout)
        assert upstream.stats().connections_max == 1

    run(ask())


def test_a_cancelled_stream_ends_at_the_upstream(upstream: Upstream, http2: bool) -> None:
    async def listen(client: aiohttp.ClientSession, began: asyncio.Event) -> None:
        async with client.get(upstream.url("/endless")) as response:
            async for _ in response.content:
                began.set()

    async def ask() -> None:
        async with session(upstream, http2) as client:
            began = asyncio.Event()
            task = asyncio.create_task(listen(client, began))
            await began.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await upstream.wait_done_async()).is_aborted

    run(ask())


def test_a_cancelled_wait_for_the_head_ends_at_the_upstream(upstream: Upstream, http2: bool) -> None:
    upstream.fault(faults.silence())

    async def ask() -> None:
        async with session(upstream, http2) as client:
            task = asyncio.create_task(client.post(upstream.url(PATH), json=ASKED))  # type: ignore[arg-type]
            await upstream.wait_for_async()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await upstream.wait_done_async()).is_aborted

    run(ask())


@pytest.mark.parametrize("way", ["leave", "drop", "close", "release"])
def test_an_unread_response_ends_at_the_upstream(upstream: Upstream, http2: bool, way: str) -> None:
    async def ask() -> None:
        async with session(upstream, http2) as client:
            response = await client.get(upstream.url("/endless"))
            await response.content.readline()
            if way == "leave":
                async with response:
                    pass
            elif way == "close":
                response.close()
            elif way == "release":
                response.release()
            del response
            gc.collect()
            assert (await upstream.wait_done_async()).is_aborted
            async with client.get(upstream.url("/hello")) as after:
                assert await after.text() == "hello"

    run(ask())


def test_closing_wakes_a_reader(upstream: Upstream, http2: bool) -> None:
    async def ask() -> None:
        async with session(upstream, http2) as client:
            response = await client.get(upstream.url("/endless"))
            await response.content.readany()
            reading = asyncio.create_task(response.content.read())
            await asyncio.sleep(0)
            response.close()
            with pytest.raises(aiohttp.ClientConnectionError, match="Connection closed"):
                await reading
            with pytest.raises(aiohttp.ClientConnectionError, match="Connection closed"):
                await response.read()

    run(ask())


def test_a_closed_session_leaves_responses_alone(upstream: Upstream, http2: bool) -> None:
    """And takes no more requests."""

    async def ask() -> None:
        upstream.script(on().sse([{"n": 1}], count=20, per_s=200))
        client = session(upstream, http2)
        response = await client.get(upstream.url())
        await client.close()
        assert (await response.read()).count(b"data: ") == 20
        with pytest.raises(RuntimeError, match="Session is closed"):
            await client.get(upstream.url())

    run(ask())


def test_many_at_once_share_a_connection(upstream: Upstream) -> None:
    async def ask() -> None:
        async with session(upstream, True) as client:

            async def one() -> str:
                async with client.get(upstream.url("/hello")) as response:
                    return await response.text()

            assert await asyncio.gather(*[one() for _ in range(50)]) == ["hello"] * 50
        assert upstream.stats().connections_total == 1

    run(ask())
