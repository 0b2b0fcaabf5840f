"""A scripted HTTP server on real sockets, on a native thread of its own.

    with Upstream(on("POST", "/v1/chat/completions").answer(429).then.answer(json={...})) as upstream:
        client = httpx.Client(base_url=upstream.base_url, verify=upstream.trust.ssl_context())

HTTP/1.1 and HTTP/2 (by ALPN, or by prior knowledge) on ports that are opened when they are asked for. It runs from the
moment it is made until close(). Thread: any; the server's own thread never takes the GIL.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeVar

from penstock.testing.errors import ScriptError
from penstock.testing.port import Accept, Port, TlsFault
from penstock.testing.requests import Request
from penstock.testing.rule import Rule, compiled_script, script_of
from penstock.testing.scripted import Scripted
from penstock.testing.trust import Trust, authority

if TYPE_CHECKING:
    from penstock._upstream import Server

U = TypeVar("U", bound="Upstream")
WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts; *_max are high-water marks. running: requests that have arrived and are not over."""

    connections: int = 0
    connections_total: int = 0
    connections_max: int = 0
    requests: int = 0
    running: int = 0
    running_max: int = 0
    aborted: int = 0
    unmatched: int = 0
    malformed: int = 0
    events: int = 0


class Upstream(Scripted):
    """rules      the script; script() changes it
    tls, accept, max_connections, max_streams  of its ports, unless url() says otherwise (port.py)
    host       address to listen on
    record_limit, body_limit_bytes  requests kept in full, and how much of each body; the rest is counted

    ScriptError for a script that cannot be, OSError when it cannot listen.
    """

    def __init__(
        self,
        *rules: Rule | Iterable[Rule],
        tls: bool | TlsFault = True,
        accept: Accept = "serve",
        max_connections: int = 0,
        max_streams: int = 100,
        host: str = "127.0.0.1",
        record_limit: int = 10_000,
        body_limit_bytes: int = 1 << 20,
    ) -> None:
        self.host = host
        self._port = Port(tls=tls, accept=accept, max_connections=max_connections, max_streams=max_streams)
        self._ports: dict[Port, int] = {}
        self._refusing: set[Port] = set()
        self._lock = threading.Lock()
        script = script_of(rules)
        self._server: Server = _server(record_limit, body_limit_bytes)
        self._is_closed = False
        try:
            self.script(script)
        except BaseException:
            self.close()
            raise

    # -- where it is --

    def url(
        self,
        path: str = "/",
        *,
        tls: bool | TlsFault | None = None,
        accept: Accept | None = None,
        max_connections: int | None = None,
        max_streams: int | None = None,
    ) -> str:
        """An absolute URL on a port that behaves so; opens it when there is none yet. None: as the upstream's own."""
        given = {"tls": tls, "accept": accept, "max_connections": max_connections, "max_streams": max_streams}
        port = replace(self._port, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        return f"{port.scheme}://{self._authority(self._number(port))}{path}"

    @property
    def base_url(self) -> str:
        """Without a path: https, unless tls=False."""
        return self.url("")

    @property
    def trust(self) -> Trust:
        """What clients need to trust its certificates."""
        return authority().trust

    def listen(self, number: int, *, tls: bool | TlsFault = False) -> str:
        """Open a port of a fixed number; its URL without a path."""
        port = replace(self._port, tls=tls)
        with self._lock:
            self._ports[port] = self._server.listen(port.listener(self.host, number))
        return self.url("", tls=tls)

    def refuse(self) -> None:
        """From now on its ports refuse connections; those that are there go on. resume() opens them again."""
        with self._lock:
            for port, number in self._ports.items():
                if port not in self._refusing:
                    self._server.close_port(number)
                    self._refusing.add(port)

    def resume(self) -> None:
        """Listen again on all ports."""
        with self._lock:
            for port in sorted(self._refusing, key=repr):
                self._server.listen(port.listener(self.host, self._ports[port]))
                self._refusing.remove(port)

    @contextmanager
    def down(self, how: Literal["fin", "abrupt", "reset"] = "reset") -> Iterator[None]:
        """Out of order for the block: connections end, new ones are refused."""
        self.refuse()
        self.drop_connections(how)
        try:
            yield
        finally:
            self.resume()

    def _number(self, port: Port) -> int:
        with self._lock:
            if port not in self._ports:
                self._ports[port] = self._server.listen(port.listener(self.host))
            return self._ports[port]

    def _authority(self, number: int) -> str:
        return f"[{self.host}]:{number}" if ":" in self.host else f"{self.host}:{number}"

    # -- what it does --

    def _use(self, script: tuple[Rule, ...]) -> None:
        try:
            self._server.set_script(compiled_script(script))
        except ValueError as err:
            raise ScriptError(str(err)) from None

    def drop_connections(self, how: Literal["fin", "abrupt", "reset"] = "reset") -> None:
        """End all connections now."""
        self._server.drop_connections(how)

    def goaway(self) -> None:
        """HTTP/2: a graceful GOAWAY on all connections."""
        self._server.goaway()

    # -- what it saw --

    @property
    def requests(self) -> list[Request]:
        """In order of arrival, as of now."""
        return [Request.of(record) for record in self._server.records()]

    def wait_for(self, requests: int = 1, *, timeout_s: float = WAIT_S) -> list[Request]:
        """Until so many requests have come; TimeoutError when they do not. Blocks, and lets other threads run."""
        if not self._server.wait(requests, timeout_s):
            raise TimeoutError(f"{len(self.requests)} of {requests} requests came within {timeout_s:g} s")
        return self.requests

    def wait_done(self, number: int = -1, *, timeout_s: float = WAIT_S) -> Request:
        """Until that request (from 0; -1 the latest) was answered or aborted; TimeoutError when it is not."""
        if number < 0:
            number += len(self.requests)
        if not self._server.wait_done(number, timeout_s):
            state = "is still running after" if number < len(self.requests) else "has not come within"
            raise TimeoutError(f"request {number} {state} {timeout_s:g} s")
        return self.requests[number]

    async def wait_for_async(self, requests: int = 1, *, timeout_s: float = WAIT_S) -> list[Request]:
        return await asyncio.to_thread(self.wait_for, requests, timeout_s=timeout_s)

    async def wait_done_async(self, number: int = -1, *, timeout_s: float = WAIT_S) -> Request:
        return await asyncio.to_thread(self.wait_done, number, timeout_s=timeout_s)

    def stats(self) -> Stats:
        """Counts since it began; high-water marks since then, or since clear()."""
        counts = self._server.stats()
        return Stats(**{each.name: counts[each.name] for each in fields(Stats)})

    def clear(self) -> None:
        """Forget requests and high-water marks."""
        self._server.clear()

    # -- its end --

    def close(self) -> None:
        """Ports, connections and thread are gone when it returns. May be called twice."""
        self._is_closed = True
        self._server.close()

    async def aclose(self) -> None:
        await asyncio.to_thread(self.close)

    def __enter__(self: U) -> U:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self: U) -> U:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "running"
        return f"<Upstream {state}, ports {sorted(self._ports.values())}, {len(self._rules)} rules>"


def _server(record_limit: int, body_limit_bytes: int) -> Server:
    try:
        from penstock import _upstream
    except ImportError as err:
        raise ImportError(f"this build of penstock is without the scripted upstream: {err}") from err
    return _upstream.Server(record_limit=record_limit, body_limit_bytes=body_limit_bytes)
