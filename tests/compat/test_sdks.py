"""The openai and anthropic packages, unmodified, over penstock with the line of docs/howto/sdks.md: HTTP/1.1 and
HTTP/2, TLS, a scripted provider. test_sdks_previous.py runs this file with their previous lines, which stand on httpx.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import anthropic
import openai
import pytest

from penstock.testing import Provider, ToolCall, Turn, faults
from penstock.testing.provider import library_of
from tests.compat.within import run

ASKED: Any = [{"role": "user", "content": "What is a penstock?"}]
CALL = ToolCall("now", {"zone": "UTC"})


class Sdk:
    """One package: what its clients and calls are named."""

    def __init__(self, module: Any, protocol: str) -> None:
        self.module = module
        self.protocol = protocol
        self.adapter: Any = import_module(f"penstock.adapters.{library_of(module)}")
        self.path = "/v1/chat/completions" if module is openai else "/v1/messages"

    def _settings(self, provider: Provider, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
        under = getattr(self.adapter, f"{kind}Transport")(
            tls=provider.trust.tls(), http2=self.protocol == "HTTP/2", trust_env=False
        )
        client = getattr(self.module, "DefaultAsyncHttpxClient" if kind == "Async" else "DefaultHttpxClient")
        url = provider.base_url if self.module is openai else provider.anthropic_url
        return {"base_url": url, "api_key": provider.api_key, "http_client": client(transport=under), **settings}

    def client(self, provider: Provider, **settings: Any) -> Any:
        made = openai.AsyncOpenAI if self.module is openai else anthropic.AsyncAnthropic
        return made(**self._settings(provider, "Async", settings))

    def sync_client(self, provider: Provider, **settings: Any) -> Any:
        made = openai.OpenAI if self.module is openai else anthropic.Anthropic
        return made(**self._settings(provider, "Sync", settings))

    def ask(self, client: Any, **more: Any) -> Any:
        """To be awaited when the client is asynchronous."""
        if self.module is openai:
            return client.chat.completions.create(model="m", messages=ASKED, **more)
        return client.messages.create(model="m", max_tokens=99, messages=ASKED, **more)

    def text_of(self, answer: Any) -> str:
        text = answer.choices[0].message.content if self.module is openai else answer.content[0].text
        return str(text)

    def piece_of(self, event: Any) -> str:
        if self.module is openai:
            return (event.choices[0].delta.content or "") if event.choices else ""
        return event.delta.text if event.type == "content_block_delta" else ""


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[openai, anthropic], ids=lambda module: module.__name__)
def sdk(request: pytest.FixtureRequest, protocol: str) -> Sdk:
    return Sdk(request.param, protocol)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider("Water under pressure.") as made:
        yield made


def test_chat(sdk: Sdk, provider: Provider) -> None:
    async def ask() -> None:
        async with sdk.client(provider) as client:
            for _ in range(2):
                assert sdk.text_of(await sdk.ask(client)) == provider.text

    run(ask())
    with sdk.sync_client(provider) as client:
        assert sdk.text_of(sdk.ask(client)) == provider.text
    assert {(each.protocol, each.is_tls) for each in provider.requests} == {(sdk.protocol, True)}
    assert {each.path for each in provider.requests} == {sdk.path}
    first, second, _ = provider.requests
    assert first.connection == second.connection


def test_stream(sdk: Sdk, provider: Provider) -> None:
    async def ask() -> None:
        async with sdk.client(provider) as client:
            stream = await sdk.ask(client, stream=True)
            assert "".join([sdk.piece_of(event) async for event in stream]) == provider.text

    run(ask())
    with sdk.sync_client(provider) as client:
        assert "".join(map(sdk.piece_of, sdk.ask(client, stream=True))) == provider.text


def test_many_streams_at_once(sdk: Sdk, provider: Provider) -> None:
    provider.says(Turn(deltas_n=200))

    async def ask() -> None:
        async with sdk.client(provider) as client:

            async def one() -> str:
                return "".join([sdk.piece_of(event) async for event in await sdk.ask(client, stream=True)])

            assert await asyncio.gather(*(one() for _ in range(20))) == [provider.text] * 20

    run(ask())
    if sdk.protocol == "HTTP/2":
        assert provider.stats().connections_max == 1


def test_tools(sdk: Sdk, provider: Provider) -> None:
    provider.says(Turn(text="", tools=(CALL,)))

    async def ask() -> None:
        async with sdk.client(provider) as client:
            answer = await sdk.ask(client)
            if sdk.module is openai:
                (call,) = answer.choices[0].message.tool_calls
                assert (call.function.name, call.function.arguments) == (CALL.name, CALL.text)
            else:
                (block,) = answer.content
                assert (block.type, block.name, block.input) == ("tool_use", CALL.name, CALL.arguments)
            events = [event async for event in await sdk.ask(client, stream=True)]
            assert CALL.name in str(events)

    run(ask())


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (faults.rate_limit(), "RateLimitError"),
        (faults.status(401), "AuthenticationError"),
        (faults.status(404), "NotFoundError"),
        (faults.context_length(), "BadRequestError"),
        (faults.server_error(500), "InternalServerError"),
        (faults.reset(), "APIConnectionError"),
    ],
    ids=["429", "401", "404", "400", "500", "reset"],
)
def test_errors(sdk: Sdk, provider: Provider, fault: Any, name: str) -> None:
    provider.fault(fault)
    kind = getattr(sdk.module, name)

    async def ask() -> None:
        async with sdk.client(provider, max_retries=0) as client:
            with pytest.raises(kind) as caught:
                await sdk.ask(client)
            assert type(caught.value) is kind

    run(ask())
    with sdk.sync_client(provider, max_retries=0) as client, pytest.raises(kind):
        sdk.ask(client)


def test_an_error_inside_a_stream(sdk: Sdk, provider: Provider) -> None:
    """What came before it is delivered. Some versions wrap the library's exception, some let it through."""
    provider.fault(faults.cut(after_events=3))
    library = import_module(library_of(sdk.module))

    async def ask() -> None:
        async with sdk.client(provider) as client:
            events = 0
            with pytest.raises((sdk.module.APIConnectionError, library.TransportError)):
                async for _ in await sdk.ask(client, stream=True):
                    events += 1
            assert events > 0

    run(ask())


def test_timeouts(sdk: Sdk, provider: Provider) -> None:
    provider.fault(faults.silence())

    async def ask() -> None:
        async with sdk.client(provider, timeout=0.2, max_retries=0) as client:
            with pytest.raises(sdk.module.APITimeoutError) as caught:
                await sdk.ask(client)
            assert type(caught.value.__cause__).__name__ == "ReadTimeout"

    run(ask())
    with sdk.sync_client(provider, timeout=0.2, max_retries=0) as client:
        with pytest.raises(sdk.module.APITimeoutError):
            sdk.ask(client)


@pytest.mark.parametrize("fault", [faults.rate_limit(retry_after_ms=1), faults.reset()], ids=["429", "reset"])
def test_retries(sdk: Sdk, provider: Provider, fault: Any) -> None:
    """The package's own; the transport sends a POST once."""
    provider.fault(fault, times=1)

    async def ask() -> None:
        async with sdk.client(provider, max_retries=2) as client:
            assert sdk.text_of(await sdk.ask(client)) == provider.text

    run(ask())
    counts = [each.header("x-stainless-retry-count") for each in provider.requests]
    assert counts == ["0", "1"]


def test_cancelling_a_call_stops_the_provider(sdk: Sdk, provider: Provider) -> None:
    provider.fault(faults.silence())

    async def ask() -> None:
        async with sdk.client(provider) as client:
            task = asyncio.ensure_future(sdk.ask(client))
            await provider.wait_for_async(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await provider.wait_done_async(0)).is_aborted

    run(ask())


def test_leaving_a_stream_stops_the_provider(sdk: Sdk, provider: Provider) -> None:
    provider.fault(faults.stall(after_events=3))

    async def ask() -> None:
        async with sdk.client(provider) as client:
            stream = await sdk.ask(client, stream=True)
            await anext(aiter(stream))
            await stream.close()
            assert (await provider.wait_done_async(0)).is_aborted

    run(ask())
    with sdk.sync_client(provider) as client:
        stream = sdk.ask(client, stream=True)
        next(iter(stream))
        stream.close()
        assert provider.wait_done(1).is_aborted
