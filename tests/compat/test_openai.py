"""The unmodified openai package over penstock, on either of the libraries it may stand on, against a scripted provider
with TLS, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import openai
import pytest

from penstock.testing import Provider, faults
from penstock.testing.provider import library_of
from tests.compat.within import run

MESSAGES: Any = [{"role": "user", "content": "What is in a penstock?"}]
EVENTS_BEFORE_TEXT = 1  # the one that names the role


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    if request.param == "httpx2" and library_of(openai) == "httpx":
        pytest.skip("this openai does not know httpx2")
    return request.param


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def peer(request: pytest.FixtureRequest) -> Iterator[Provider]:
    with Provider("Water under pressure", tls="no_alpn" if request.param == "HTTP/1.1" else True) as made:
        yield made
        assert {each.protocol for each in made.requests} == {request.param}


def client(library: str, peer: Provider, kind: str = "Async", **settings: Any) -> Any:
    adapter = import_module(f"penstock.adapters.{library}")
    under = getattr(adapter, f"{kind}Transport")(verify=str(peer.trust.ca_file))
    http = getattr(import_module(library), "AsyncClient" if kind == "Async" else "Client")(transport=under)
    made = openai.AsyncOpenAI if kind == "Async" else openai.OpenAI
    return made(base_url=peer.base_url, api_key=peer.api_key, http_client=http, **settings)


def text_of(chunks: list[Any]) -> str:
    return "".join(each.choices[0].delta.content or "" for each in chunks)


def test_a_completion_is_streamed_and_the_connection_reused(library: str, peer: Provider) -> None:
    async def ask() -> None:
        async with client(library, peer) as api:
            for n in range(2):
                stream = await api.chat.completions.create(model="m", messages=MESSAGES, stream=True)
                assert text_of([each async for each in stream]) == peer.text
                timings = stream.response.extensions["penstock"].timings
                assert (timings.tls_version, timings.reused) == ("TLSv1.3", n > 0)

    run(ask())
    first, second = peer.expect("POST", "/v1/chat/completions", header={"authorization": f"Bearer {peer.api_key}"})
    assert first.connection == second.connection
    assert first.json()["stream"] is True


def test_a_completion_at_once_and_the_blocking_client(library: str, peer: Provider) -> None:
    async def ask() -> None:
        async with client(library, peer) as api:
            made = await api.chat.completions.create(model="m", messages=MESSAGES)
            assert made.choices[0].message.content == peer.text

    run(ask())
    with client(library, peer, "Sync") as api:
        made = api.chat.completions.create(model="m", messages=MESSAGES)
        assert made.choices[0].message.content == peer.text
        assert text_of(list(api.chat.completions.create(model="m", messages=MESSAGES, stream=True))) == peer.text


def test_closing_a_stream_resets_it(library: str, peer: Provider) -> None:
    peer.fault(faults.stall(after_events=EVENTS_BEFORE_TEXT + 1))

    async def ask() -> None:
        async with client(library, peer) as api:
            stream = await api.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            assert text_of([await anext(stream) for _ in range(EVENTS_BEFORE_TEXT + 1)])
            await stream.close()
            assert (await peer.wait_done_async()).is_aborted

    run(ask())


def test_the_packages_own_timeout_and_retry(library: str, peer: Provider) -> None:
    peer.fault(faults.silence())

    async def ask() -> None:
        async with client(library, peer, timeout=openai.Timeout(20, read=0.2), max_retries=1) as api:
            with pytest.raises(openai.APITimeoutError) as caught:
                await api.chat.completions.create(model="m", messages=MESSAGES)
            assert type(caught.value.__cause__).__name__ == "ReadTimeout"

    run(ask())
    peer.expect("POST", "/v1/chat/completions", times=2)


def test_a_status_error_has_its_body(library: str, peer: Provider) -> None:
    peer.fault(faults.status(401, "no"))
    with client(library, peer, "Sync") as api, pytest.raises(openai.AuthenticationError, match="no"):
        api.chat.completions.create(model="m", messages=MESSAGES)
