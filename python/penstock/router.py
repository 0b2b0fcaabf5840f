"""The gateway's core for one program, without a server: configuration, routing, dialects, journal and hooks, called
as functions.

    async with penstock.Router("config.yaml") as router:
        answer = await router.chat({"model": "gpt", "messages": [{"role": "user", "content": "Hi"}]})

A call is what a request to `penstock serve` is, served by the same code (gateway.call). Async methods run in the
caller's loop; `_sync` ones block their thread, with or without a loop in it, while a thread of the Router's own runs
them. Any number of loops and threads may share one Router: health, connections and journal are common to all. Needs the
extra: pip install 'penstock[gateway]'.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.dialects.dialect import Dialect
from penstock.errors import ConfigError
from penstock.gateway.condition import condition, deployments
from penstock.gateway.direct import DirectCall
from penstock.gateway.endpoints import COUNT, EXACT, PATHS, Endpoint
from penstock.gateway.setup import UNUSABLE, Setup, setup_of
from penstock.router_answer import RouterAnswer
from penstock.router_config import config_of
from penstock.router_error import RouterError
from penstock.router_stream import RouterStream, SyncRouterStream, error_of
from penstock.router_thread import LoopThread

if TYPE_CHECKING:
    from penstock.config.models import Config

__all__ = ["Router", "RouterAnswer", "RouterError", "RouterStream", "SyncRouterStream"]

Body = Mapping[str, Any] | bytes
HeadersLike = Mapping[str, str] | None
ENDPOINTS: dict[str, Endpoint] = {dialect.value: EXACT[path] for path, dialect in PATHS.items()}
STREAMED = frozenset({Dialect.CHAT, Dialect.COMPLETIONS, Dialect.RESPONSES, Dialect.MESSAGES})
PAUSE_S = 0.01  # between two looks at what still runs
SETTLE_S = 2.0  # for calls whose requests were cancelled to write their records


class Router:
    """Calls to models over deployments.

    config      path of a LiteLLM config.yaml, a mapping as its YAML reads, or a penstock Config
    model_list  instead of it: LiteLLM's rows; `settings` are then router_settings (num_retries=2, fallbacks=[...])
    callbacks   Hooks, LiteLLM loggers or journal callbacks as objects, beside those that the configuration names
    environ     where os.environ/NAME is looked up; None = os.environ

    Keys and CORS of general_settings have no meaning here. ConfigError with everything that is wrong; TypeError for
    arguments that do not go together. Making one starts nothing.
    """

    def __init__(
        self,
        config: str | os.PathLike[str] | Mapping[str, Any] | Config | None = None,
        *,
        model_list: Sequence[Mapping[str, Any]] | None = None,
        callbacks: Sequence[object] = (),
        environ: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        read = config_of(config, model_list, settings, environ)
        try:
            self._setup: Setup = setup_of(read, None, is_shared=True, callbacks=callbacks)
        except UNUSABLE as err:
            raise ConfigError(str(err)) from err
        self._running: set[DirectCall] = set()
        self._is_closed = False
        self._thread = LoopThread()
        weakref.finalize(self, self._thread.stop)

    def __repr__(self) -> str:
        state = "closed, " if self._is_closed else ""
        return f"<Router {state}{len(self._running)} running, {len(self._setup.config.deployments)} deployments>"

    # -- any dialect --

    async def call(self, dialect: str, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        """A whole answer. `dialect` is "chat", "completions", "embeddings", "responses" or "messages"; the answer is in
        the same one, whatever the provider speaks.

        body     a mapping, or JSON as bytes, which goes on byte by byte when the provider speaks the dialect
        headers  as a gateway's caller sends them: anthropic-beta, traceparent, x-litellm-tags, ...

        RouterError when there is none; ValueError for an unknown dialect; TypeError for a body that is no JSON;
        RuntimeError after close. Cancelling it resets the provider.
        """
        return await self._whole(_endpoint(dialect), body, headers)

    def stream(self, dialect: str, body: Body, *, headers: HeadersLike = None) -> RouterStream:
        """A streamed answer, for `async with`. A mapping gets `stream: true`; bytes must have it. Errors as in call(),
        from entering and reading it."""
        endpoint = _endpoint(dialect)
        if endpoint.dialect not in STREAMED:
            raise ValueError(f"{dialect} has no streams")
        if not isinstance(body, bytes):
            body = {**body, "stream": True}
        return RouterStream(self._begin(endpoint, body, headers, is_stream=True))

    def call_sync(self, dialect: str, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        """The blocking twin of call()."""
        return self._thread.run(self.call(dialect, body, headers=headers))

    def stream_sync(self, dialect: str, body: Body, *, headers: HeadersLike = None) -> SyncRouterStream:
        """The blocking twin of stream(), for `with`."""
        return SyncRouterStream(self.stream(dialect, body, headers=headers), self._thread)

    # -- by name; errors as in call() and stream() --

    async def chat(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        """OpenAI's chat completions."""
        return await self.call("chat", body, headers=headers)

    def chat_stream(self, body: Body, *, headers: HeadersLike = None) -> RouterStream:
        return self.stream("chat", body, headers=headers)

    async def messages(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        """Anthropic's messages."""
        return await self.call("messages", body, headers=headers)

    def messages_stream(self, body: Body, *, headers: HeadersLike = None) -> RouterStream:
        return self.stream("messages", body, headers=headers)

    async def completions(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        """OpenAI's old completions."""
        return await self.call("completions", body, headers=headers)

    def completions_stream(self, body: Body, *, headers: HeadersLike = None) -> RouterStream:
        return self.stream("completions", body, headers=headers)

    async def responses(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        """OpenAI's responses."""
        return await self.call("responses", body, headers=headers)

    def responses_stream(self, body: Body, *, headers: HeadersLike = None) -> RouterStream:
        return self.stream("responses", body, headers=headers)

    async def embeddings(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        return await self.call("embeddings", body, headers=headers)

    async def count_tokens(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        """Anthropic's /v1/messages/count_tokens."""
        return await self._whole(COUNT, body, headers)

    # -- the same, blocking --

    def chat_sync(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        return self.call_sync("chat", body, headers=headers)

    def chat_stream_sync(self, body: Body, *, headers: HeadersLike = None) -> SyncRouterStream:
        return self.stream_sync("chat", body, headers=headers)

    def messages_sync(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        return self.call_sync("messages", body, headers=headers)

    def messages_stream_sync(self, body: Body, *, headers: HeadersLike = None) -> SyncRouterStream:
        return self.stream_sync("messages", body, headers=headers)

    def completions_sync(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        return self.call_sync("completions", body, headers=headers)

    def completions_stream_sync(self, body: Body, *, headers: HeadersLike = None) -> SyncRouterStream:
        return self.stream_sync("completions", body, headers=headers)

    def responses_sync(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        return self.call_sync("responses", body, headers=headers)

    def responses_stream_sync(self, body: Body, *, headers: HeadersLike = None) -> SyncRouterStream:
        return self.stream_sync("responses", body, headers=headers)

    def embeddings_sync(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        return self.call_sync("embeddings", body, headers=headers)

    def count_tokens_sync(self, body: Body, *, headers: HeadersLike = None) -> RouterAnswer:
        return self._thread.run(self.count_tokens(body, headers=headers))

    # -- what is going on --

    def models(self) -> list[str]:
        """Names that calls may ask for: groups and aliases; what fits a pattern is not among them."""
        return self._setup.routes.names()

    def health(self) -> dict[str, Any]:
        """`deployments` by id (circuit, failures, latencies, tokens of the minute), `cooling_down`, `transport`,
        `journal`, `in_flight`. Asks no provider."""
        return {
            "in_flight": len(self._running),
            "deployments": deployments(self._setup),
            **condition(self._setup),
        }

    # -- life --

    async def aclose(self, *, drain_s: float = 5.0) -> None:
        """Refuse new calls, wait for running ones at most `drain_s`, cancel the rest (RouterError there), and write the
        journal. May be called twice. Inside of a stream's block it waits for that block in vain."""
        for pause_s in self._drain(drain_s):
            await asyncio.sleep(pause_s)
        await asyncio.to_thread(self._end)

    def close(self, *, drain_s: float = 5.0) -> None:
        """The blocking twin of aclose(). In a loop's thread it cannot wait for that loop's own calls."""
        for pause_s in self._drain(drain_s):
            time.sleep(pause_s)
        self._end()

    def _drain(self, drain_s: float) -> Iterator[float]:
        self._is_closed = True
        due_s = time.monotonic() + drain_s
        while self._running and time.monotonic() < due_s:
            yield PAUSE_S
        yield from self._setup.transport.drain(0)
        due_s = time.monotonic() + SETTLE_S
        while self._running and time.monotonic() < due_s:
            yield PAUSE_S

    def _end(self) -> None:
        self._thread.stop()
        self._setup.journal.close()

    async def __aenter__(self) -> Router:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Router:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- one call --

    def _begin(self, endpoint: Endpoint, body: Body, headers: HeadersLike, *, is_stream: bool) -> DirectCall:
        if self._is_closed:
            raise RuntimeError("the router is closed; make a new one")
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return DirectCall(self._setup, endpoint, encoded, headers or {}, self._running, is_stream=is_stream)

    async def _whole(self, endpoint: Endpoint, body: Body, headers: HeadersLike) -> RouterAnswer:
        call = self._begin(endpoint, body, headers, is_stream=False)
        await call.serve()
        failure = call.told()
        if failure is not None:
            raise error_of(call, failure)
        return RouterAnswer(call)


def _endpoint(dialect: str) -> Endpoint:
    endpoint = ENDPOINTS.get(dialect)
    if endpoint is None:
        raise ValueError(f"no dialect {dialect!r}; there are {', '.join(ENDPOINTS)}")
    return endpoint
