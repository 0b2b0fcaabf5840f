"""The unmodified openai package over penstock, against a scripted provider with TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from typing import Any

import openai
import pytest

from tests.compat.within import run
from tests.transport.certs import Authority
from tests.transport.raw_peer import Forever, RawPeer, ReadBody, ReadHead, Send, WaitEnd, answer, chunked

WORDS = ["Water", " under", " pressure"]
MESSAGES: Any = [{"role": "user", "content": "What is in a penstock?"}]
EVENT_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(content: str) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": None}
    data = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def completion() -> Send:
    choice = {"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}
    data = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return answer(json.dumps(data).encode(), b"Content-Type: application/json")


STREAM = Send(EVENT_STREAM + chunked(*map(event, WORDS), b"data: [DONE]\n\n"))
STALL = Send(EVENT_STREAM + chunked(event(WORDS[0]), end=b""))


def http_library() -> str:
    """Which of the two the installed openai stands on."""
    return (
        "httpx2"
        if "httpx2" in {each.__module__.split(".")[0] for each in openai.DefaultAsyncHttpxClient.__mro__}
        else "httpx"
    )


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    if request.param == "httpx2" and http_library() == "httpx":
        pytest.skip("this openai does not know httpx2")
    return request.param


def client(library: str, peer: RawPeer, authority: Authority, **settings: Any) -> Any:
    module = __import__(library)
    adapter = __import__(f"penstock.adapters.{library}", fromlist=["AsyncTransport"])
    http = module.AsyncClient(transport=adapter.AsyncTransport(verify=str(authority.ca_file)))
    return openai.AsyncOpenAI(base_url=peer.url("/v1"), api_key="sk-test", http_client=http, **settings)


def sync_client(library: str, peer: RawPeer, authority: Authority) -> Any:
    module = __import__(library)
    adapter = __import__(f"penstock.adapters.{library}", fromlist=["SyncTransport"])
    http = module.Client(transport=adapter.SyncTransport(verify=str(authority.ca_file)))
    return openai.OpenAI(base_url=peer.url("/v1"), api_key="sk-test", http_client=http)


def test_a_completion_is_streamed_and_the_connection_reused(
    library: str, authority: Authority, server_tls: ssl.SSLContext
) -> None:
    async def ask(peer: RawPeer) -> None:
        async with client(library, peer, authority) as api:
            for n in range(2):
                stream = await api.chat.completions.create(model="m", messages=MESSAGES, stream=True)
                assert [each.choices[0].delta.content async for each in stream] == WORDS
                timings = stream.response.extensions["penstock"].timings
                assert (timings.tls_version, timings.reused) == ("TLSv1.3", n > 0)

    with RawPeer([Forever([ReadHead(), ReadBody(), STREAM])], tls=server_tls) as peer:
        run(ask(peer))
    assert len(peer.seen) == 1
    request = peer.requests[0]
    assert request.line == b"POST /v1/chat/completions HTTP/1.1"
    assert request.header(b"authorization") == b"Bearer sk-test"
    assert json.loads(request.body)["stream"] is True


def test_a_completion_at_once_and_the_blocking_client(
    library: str, authority: Authority, server_tls: ssl.SSLContext
) -> None:
    async def ask(peer: RawPeer) -> None:
        async with client(library, peer, authority) as api:
            made = await api.chat.completions.create(model="m", messages=MESSAGES)
            assert made.choices[0].message.content == "".join(WORDS)

    with RawPeer([Forever([ReadHead(), ReadBody(), completion()])], tls=server_tls) as peer:
        run(ask(peer))
        with sync_client(library, peer, authority) as api:
            made = api.chat.completions.create(model="m", messages=MESSAGES)
            assert made.choices[0].message.content == "".join(WORDS)
    with (
        RawPeer([Forever([ReadHead(), ReadBody(), STREAM])], tls=server_tls) as peer,
        sync_client(library, peer, authority) as api,
    ):
        stream = api.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        assert [each.choices[0].delta.content for each in stream] == WORDS


def test_closing_a_stream_resets_it(library: str, authority: Authority, server_tls: ssl.SSLContext) -> None:
    async def ask(peer: RawPeer) -> None:
        async with client(library, peer, authority) as api:
            stream = await api.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            assert (await anext(stream)).choices[0].delta.content == WORDS[0]
            await stream.close()
            await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")

    with RawPeer([ReadHead(), ReadBody(), STALL, WaitEnd()], tls=server_tls) as peer:
        run(ask(peer))


def test_the_packages_own_timeout_and_retry(library: str, authority: Authority, server_tls: ssl.SSLContext) -> None:
    async def ask(peer: RawPeer) -> None:
        async with client(library, peer, authority, timeout=0.2, max_retries=1) as api:
            with pytest.raises(openai.APITimeoutError) as caught:
                await api.chat.completions.create(model="m", messages=MESSAGES)
            assert type(caught.value.__cause__).__name__ == "ReadTimeout"

    with RawPeer([ReadHead(), ReadBody(), WaitEnd()], tls=server_tls) as peer:
        run(ask(peer))
        assert len(peer.requests) == 2


def test_a_status_error_has_its_body(library: str, authority: Authority, server_tls: ssl.SSLContext) -> None:
    refusal = answer(b'{"error": {"message": "no"}}', b"Content-Type: application/json", status=b"401 Unauthorized")

    async def ask(peer: RawPeer) -> None:
        async with client(library, peer, authority) as api:
            with pytest.raises(openai.AuthenticationError, match="no"):
                await api.chat.completions.create(model="m", messages=MESSAGES)

    with RawPeer([Forever([ReadHead(), ReadBody(), refusal])], tls=server_tls) as peer:
        run(ask(peer))


def test_the_demonstration_runs() -> None:
    if http_library() == "httpx":
        pytest.skip("the demonstration is written for openai 3")
    done = subprocess.run([sys.executable, "-m", "penstock.demo"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "reused connection" in done.stdout
    assert "TLSv1.3" in done.stdout
