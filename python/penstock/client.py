"""Transport: requests in, responses out. A thin handle; connections belong to the engine and are shared by all
transports of equal settings, from any event loop and any thread.

A call checks what the engine cannot (types that Python knows, content, non-ASCII hosts), submits, and waits. The
rest happens on the engine's thread. Closing or dropping a Transport never cuts a response that was handed out,
unless `aclose(drain_s=...)` runs out of time, and then the response says so.
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any

from penstock.calls import StreamCall, SyncStreamCall
from penstock.http2 import HTTP2
from penstock.limits import Limits, Timeouts
from penstock.network import Network
from penstock.response import Response, SyncResponse
from penstock.submission import HeadersLike, Submitter
from penstock.tls import TLS
from penstock.upload import Content, SyncContent

COUNTS = ("connections", "waiting", "opened", "reused", "closed_idle", "replayed", "goaways")


class Transport(Submitter):
    """HTTP to any number of hosts.

    http2      offer HTTP/2 by ALPN (True), never (False), or as HTTP2 says
    limits, timeouts, tls, network   settings, see there
    proxy      a Proxy, its URL, or an httpx.Proxy, for every request; None = as the environment says
    trust_env  look at SSL_CERT_FILE, SSL_CERT_DIR, SSLKEYLOGFILE, HTTPS_PROXY and its like, NO_PROXY

    ConfigError or TypeError for settings that cannot be. Making one starts nothing; the first request does.
    """

    def __init__(
        self,
        *,
        http2: bool | HTTP2 = True,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        tls: TLS | None = None,
        network: Network | None = None,
        proxy: object = None,
        trust_env: bool = True,
    ) -> None:
        super().__init__(
            limits=limits,
            timeouts=timeouts,
            tls=tls,
            network=network,
            http2=http2,
            proxy=proxy,
            trust_env=trust_env,
        )

    # -- asynchronous --

    async def request(
        self,
        method: str,
        url: str | bytes,
        *,
        headers: HeadersLike = None,
        content: Content = None,
        timeouts: Timeouts | None = None,
        target: bytes | None = None,
        server_name: str | None = None,
    ) -> Response:
        """A completed response, its body in `.body`.

        content      bytes, str (UTF-8), or an async iterable of bytes, which is sent as it comes
        timeouts     instead of the transport's
        target       the request target, verbatim (RFC 9112 3.2)
        server_name  for TLS: the name to ask for and to verify, instead of the URL's host

        Raises leaves of penstock.errors, and TypeError for arguments of a wrong type.
        """
        response = self.submit(method, url, headers, content, self.clocks_of(timeouts), target, server_name, whole=True)
        await response.read_whole()
        return response

    def stream(
        self,
        method: str,
        url: str | bytes,
        *,
        headers: HeadersLike = None,
        content: Content = None,
        timeouts: Timeouts | None = None,
        target: bytes | None = None,
        server_name: str | None = None,
    ) -> StreamCall:
        """`async with transport.stream(...) as response:` begins when the response head is there. Leaving the
        block early resets the response at the peer. Arguments as in `request()`."""
        clocks = self.clocks_of(timeouts)
        return StreamCall(lambda: self.submit(method, url, headers, content, clocks, target, server_name))

    async def aclose(self, *, drain_s: float | None = None) -> None:
        """Refuse new requests, wait for running ones of this transport (of any loop or thread), at most `drain_s`
        seconds, then cancel the rest: they raise RequestCancelled. None = no limit but the requests' own timeouts.
        Without a limit, do not call it inside a `stream()` block of this transport: it would wait for that block."""
        for pause_s in self.drain(drain_s):
            await asyncio.sleep(pause_s)

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # -- blocking --

    def request_sync(
        self,
        method: str,
        url: str | bytes,
        *,
        headers: HeadersLike = None,
        content: SyncContent = None,
        timeouts: Timeouts | None = None,
        target: bytes | None = None,
        server_name: str | None = None,
    ) -> SyncResponse:
        """The blocking twin of `request()`; content may be an iterable of bytes."""
        clocks = self.clocks_of(timeouts)
        response = self.submit_sync(method, url, headers, content, clocks, target, server_name, whole=True)
        response.read_whole()
        return response

    def stream_sync(
        self,
        method: str,
        url: str | bytes,
        *,
        headers: HeadersLike = None,
        content: SyncContent = None,
        timeouts: Timeouts | None = None,
        target: bytes | None = None,
        server_name: str | None = None,
    ) -> SyncStreamCall:
        """The blocking twin of `stream()`: `with transport.stream_sync(...) as response:`."""
        clocks = self.clocks_of(timeouts)
        return SyncStreamCall(lambda: self.submit_sync(method, url, headers, content, clocks, target, server_name))

    def close(self, *, drain_s: float | None = None) -> None:
        """The blocking twin of `aclose()`."""
        for pause_s in self.drain(drain_s):
            time.sleep(pause_s)

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what is going on --

    def stats(self) -> dict[str, Any]:
        """Live: `running` requests of this transport, and of its pools (one, and one for each proxy that the
        environment named; shared by transports of equal settings) `origins` with their connections and waiters,
        `connections`, `waiting`, `opened`, `reused`, `closed_idle`, `replayed`, `goaways`. Without a pool (before the
        first request, after closing) only zeros."""
        total: dict[str, Any] = {"running": len(self.running()), "origins": [], **dict.fromkeys(COUNTS, 0)}
        for pool in self.pools():
            for name, value in pool.stats().items():
                total[name] = total[name] + value if name in total else value
        return total

    def __repr__(self) -> str:
        running = len(self.running())
        state = "new" if self._pool is None else "open"
        if self._is_closed:
            state = "closing" if running else "closed"
        return f"<Transport {state}, {running} running>"
