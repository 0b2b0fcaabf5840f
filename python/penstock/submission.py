"""What a Transport is made of: settings turned into a pool, requests handed to it, and what still runs.

`submit()` and `submit_sync()` are the hot path: a request costs one call into the engine, one small response object
and one weak reference. Running requests are known by weak references only, so that dropping a response ends it.
Thread: any; nothing here is locked, because sets and attributes change in single steps under the GIL and the pool is
opened by the runtime.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from penstock import check
from penstock.errors import ConfigError, InvalidRequest, PenstockError, TransportClosed
from penstock.headers import Headers
from penstock.http2 import HTTP2, http2_part
from penstock.limits import Clocks, Limits, Timeouts
from penstock.network import Network
from penstock.proxy import Proxy, proxy_of
from penstock.proxy_routes import routes_of
from penstock.response import RUNNING, Response, ResponseFacts, SyncResponse
from penstock.runtime import runtime, shares_libssl
from penstock.ssl_context import objection
from penstock.tls import TLS
from penstock.upload import Content, Fixed, SyncContent, Upload, async_source, fixed_content, pump_sync, sync_source
from penstock.url import ascii_url

if TYPE_CHECKING:
    from penstock._core import Exchange, Fields, Pool, PoolConfig

Pairs = Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]] | Sequence[tuple[str | bytes, str | bytes]]
HeadersLike = Pairs | Mapping[str, str] | Headers | None
T = TypeVar("T")
PAUSES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)  # between two looks at what still runs


class Submitter:
    """Settings, the pool they share, and the requests of one transport."""

    def __init__(
        self,
        *,
        limits: Limits | None,
        timeouts: Timeouts | None,
        tls: TLS | None,
        network: Network | None,
        http2: bool | HTTP2,
        proxy: object,
        trust_env: bool,
    ) -> None:
        self.limits = _setting("limits", limits, Limits)
        self.timeouts = _setting("timeouts", timeouts, Timeouts)
        self.tls = _setting("tls", tls, TLS)
        self.network = _setting("network", network, Network)
        self.proxy = proxy_of(proxy)
        if self.proxy is not None and self.network.uds is not None:
            raise ConfigError("proxy= and Network(uds=...) are two ways for the same connection: give one")
        env = dict(os.environ) if check.flag("trust_env", trust_env) else {}
        _check_context(self.tls)
        if self.proxy is not None and self.proxy.tls is not None:
            _check_context(self.proxy.tls)
        self._config = cast(
            "PoolConfig",
            {
                **self.limits.pool_part(),
                **self.network.pool_part(),
                **self.tls.pool_part(env),
                **http2_part(http2),
                "proxy": None if self.proxy is None else self.proxy.pool_part(env),
            },
        )
        self._clocks = self.timeouts.clocks
        self._body_limit = self.limits.body_bytes or 0
        self._env = env
        self._routes = None if self.proxy is not None or self.network.uds is not None else routes_of(env)
        self._pool: Pool | None = None
        self._proxied: dict[Proxy, Pool] = {}  # those that the environment has chosen so far
        self._epoch = runtime.epoch
        self._is_closed = False
        self._live: set[weakref.ref[ResponseFacts]] = set()

    # -- requests --

    def clocks_of(self, timeouts: Timeouts | None) -> Clocks:
        """The clocks of one request."""
        if timeouts is None:
            return self._clocks
        if not isinstance(timeouts, Timeouts):
            raise TypeError(f"timeouts must be penstock.Timeouts, not {type(timeouts).__name__}")
        return timeouts.clocks

    def submit(
        self,
        method: str | bytes,
        url: str | bytes,
        headers: HeadersLike,
        content: Content,
        clocks: Clocks,
        target: bytes | None = None,
        server_name: str | None = None,
        *,
        whole: bool = False,
        streamed: bool = False,
    ) -> Response:
        """Hand a request to the engine, in a running event loop; returns at once. With `streamed` the caller sends
        the body (`response.exchange.send()`)."""
        body = fixed_content(content)
        source = None if body is content or isinstance(content, str) else async_source(content)
        exchange = self._exchange(
            method, url, headers, body, clocks, target, server_name, streamed or source is not None, whole, False
        )
        response = Response(exchange, self._body_limit, None if source is None else Upload(exchange, source))
        self._live.add(weakref.ref(response, self._live.discard))
        return response

    def submit_sync(
        self,
        method: str | bytes,
        url: str | bytes,
        headers: HeadersLike,
        content: SyncContent,
        clocks: Clocks,
        target: bytes | None = None,
        server_name: str | None = None,
        *,
        whole: bool = False,
    ) -> SyncResponse:
        """Hand a request to the engine for the calling thread; a streamed body is sent before this returns."""
        body = fixed_content(content)
        source = None if body is content or isinstance(content, str) else sync_source(content)
        exchange = self._exchange(
            method, url, headers, body, clocks, target, server_name, source is not None, whole, True
        )
        response = SyncResponse(exchange, self._body_limit)
        self._live.add(weakref.ref(response, self._live.discard))
        if source is not None:
            pump_sync(exchange, source)
        return response

    def _exchange(
        self,
        method: str | bytes,
        url: str | bytes,
        headers: HeadersLike,
        body: Fixed | None,
        clocks: Clocks,
        target: bytes | None,
        server_name: str | None,
        streamed: bool,
        whole: bool,
        blocking: bool,
    ) -> Exchange:
        pool = self._pool
        if pool is None or self._epoch != runtime.epoch:
            pool = self._open()
        if isinstance(url, str) and not url.isascii():
            url = ascii_url(url)
        if self._routes is not None and (proxy := self._routes.proxy(url)) is not None:
            pool = self._proxied.get(proxy) or self._open_proxied(proxy)
        fields = headers if type(headers) is list else _fields(headers)
        try:
            if not (streamed or whole or blocking or target or server_name):  # keywords take longer
                return pool.submit(method, url, fields, body, clocks)
            return pool.submit(
                method,
                url,
                fields,
                body,
                clocks,
                streamed=streamed,
                whole=whole,
                blocking=blocking,
                body_limit_bytes=self._body_limit if whole else 0,
                target=target,
                sni=server_name,
            )
        except ValueError as err:
            if isinstance(err, PenstockError):
                raise
            raise InvalidRequest(str(err)) from None

    def _open(self) -> Pool:
        if self._is_closed:
            raise TransportClosed("this transport is closed")
        if self._epoch != runtime.epoch:
            self._epoch = runtime.epoch
            self._live.clear()  # the parent's
            self._proxied.clear()
        self._pool = runtime.pool(self._config)
        return self._pool

    def _open_proxied(self, proxy: Proxy) -> Pool:
        """The pool of the same settings, but through this proxy."""
        config = cast("PoolConfig", {**self._config, "proxy": proxy.pool_part(self._env)})
        pool = self._proxied[proxy] = runtime.pool(config)
        return pool

    def pools(self) -> list[Pool]:
        """Those that this transport has opened in this process."""
        if self._epoch != runtime.epoch:
            return []
        return [*([] if self._pool is None else [self._pool]), *self._proxied.values()]

    # -- the end --

    def running(self) -> list[ResponseFacts]:
        """Responses of this transport that are not over."""
        if self._epoch != runtime.epoch:
            return []  # those of the parent process
        responses = [each() for each in list(self._live)]
        return [each for each in responses if each is not None and each.state in RUNNING]

    def refuse(self) -> None:
        """From now on new requests raise TransportClosed; running ones go on."""
        self._is_closed = True
        self._pool = None
        self._proxied.clear()

    def drain(self, drain_s: float | None) -> Iterator[float]:
        """Refuse new requests; yields how long to pause until nothing runs or the time is up, then cancels."""
        limit_s = check.optional_seconds("drain_s", drain_s)
        self.refuse()
        due_s = None if limit_s is None else time.monotonic() + limit_s
        looks = 0
        while running := self.running():
            pause_s = PAUSES_S[min(looks, len(PAUSES_S) - 1)]
            looks += 1
            if due_s is not None:
                pause_s = min(pause_s, due_s - time.monotonic())
                if pause_s <= 0:
                    for each in running:
                        each.cancel()
                    return
            yield pause_s


def _setting(name: str, given: T | None, kind: type[T]) -> T:
    if given is None:
        return kind()
    if not isinstance(given, kind):
        raise TypeError(f"{name} must be penstock.{kind.__name__}, not {type(given).__name__}")
    return given


def _check_context(tls: TLS) -> None:
    if tls.context is not None and (why := objection(tls.context, shares_libssl=shares_libssl())):
        raise ConfigError(f"TLS(context=...) cannot be used: {why}")


def _fields(headers: HeadersLike) -> Fields:
    """Header fields as a sequence of pairs."""
    if headers is None:
        return ()
    if isinstance(headers, Headers):
        return headers.raw
    if isinstance(headers, Mapping):
        return list(headers.items())
    if isinstance(headers, list | tuple):
        return headers
    raise TypeError(f"headers must be a list of pairs, a mapping or Headers, not {type(headers).__name__}")
