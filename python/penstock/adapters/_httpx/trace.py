"""The `trace` request extension: httpcore's events, told by what the engine knows.

The engine runs by itself, so what happened before the response head is told when the head (or the failure) is there,
in httpcore's order, with the moment it happened: `info["at_s"]`, seconds since the request was handed over. The body's
events are told as they happen. A connection that was reused has no connection events, as in httpcore.

The lists of events are pure functions; `Trace` calls the caller's function with them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from penstock.errors import PenstockError
from penstock.timings import Timings

Event = tuple[str, dict[str, Any]]


class Trace:
    """One request's trace function. TypeError when it is not asynchronous where it must be, or the reverse."""

    def __init__(self, function: Callable[[str, dict[str, Any]], Any], request: Any, timeout: Any, host: Any) -> None:
        self._function = function
        self.request = request
        self.timeout = timeout or {}
        self.host = host  # (host, port)
        self.prefix = "http11"

    def __repr__(self) -> str:
        return f"<Trace {self._function!r}>"

    async def atell(self, events: Iterable[Event]) -> None:
        for name, info in events:
            made = self._function(name, info)
            if not inspect.isawaitable(made):
                raise TypeError("the trace extension of an asynchronous request must be an asynchronous function")
            await made

    def tell(self, events: Iterable[Event]) -> None:
        for name, info in events:
            made = self._function(name, info)
            if inspect.iscoroutine(made):
                made.close()
                raise TypeError("the trace extension of a blocking request must be a plain function")

    # -- what to tell --

    def head(self, response: Any, stream: Any) -> Iterator[Event]:
        """Until the response head."""
        timings, exchange = response.timings, response.exchange
        self.prefix = "http2" if timings.stream_id else "http11"
        yield from self._connection(timings, stream)
        yield from self._request(timings)
        facts: tuple[Any, ...] = (exchange.status, exchange.headers)
        if not timings.stream_id:
            facts = (exchange.http_version, exchange.status, exchange.reason, exchange.headers)
        yield self._started("receive_response_headers", timings.sent_s)
        yield self._complete("receive_response_headers", timings.first_byte_s, facts)

    def failure(self, err: PenstockError, made: Exception) -> Iterator[Event]:
        """Of a request that has no response."""
        timings = err.timings or Timings()
        self.prefix = "http2" if timings.stream_id else "http11"
        failed = {"exception": made, "at_s": timings.total_s}
        if err.phase in ("resolve", "connect", "tls"):
            began = timings.queued_s
            yield "connection.connect_tcp.started", self._connect_info(began)
            if err.phase != "tls":
                yield "connection.connect_tcp.failed", failed
                return
            yield "connection.connect_tcp.complete", {"return_value": None, "at_s": began}
            yield "connection.start_tls.started", self._tls_info(began)
            yield "connection.start_tls.failed", failed
        elif err.phase == "send":
            yield from self._connection(timings, None)
            yield self._started("send_request_headers", _connected_s(timings))
            yield f"{self.prefix}.send_request_headers.failed", failed
        elif err.phase in ("wait", "head"):
            yield from self._connection(timings, None)
            yield from self._request(timings)
            yield self._started("receive_response_headers", timings.sent_s)
            yield f"{self.prefix}.receive_response_headers.failed", failed

    def started(self, name: str) -> list[Event]:
        """Of what happens now."""
        return [(f"{self.prefix}.{name}.started", {"request": self.request} if "body" in name else {})]

    def complete(self, name: str) -> list[Event]:
        return [(f"{self.prefix}.{name}.complete", {"return_value": None})]

    def failed(self, name: str, made: BaseException) -> list[Event]:
        return [(f"{self.prefix}.{name}.failed", {"exception": made})]

    def _connection(self, timings: Timings, stream: Any) -> Iterator[Event]:
        if timings.reused or timings.connect_s is None:
            return
        began = timings.queued_s or 0.0
        connected = began + (timings.dns_s or 0.0) + timings.connect_s
        yield "connection.connect_tcp.started", self._connect_info(began)
        yield "connection.connect_tcp.complete", {"return_value": stream, "at_s": connected}
        if timings.tls_s is not None:
            yield "connection.start_tls.started", self._tls_info(connected)
            yield "connection.start_tls.complete", {"return_value": stream, "at_s": connected + timings.tls_s}

    def _request(self, timings: Timings) -> Iterator[Event]:
        at_s = _connected_s(timings)
        yield self._started("send_request_headers", at_s)
        yield self._complete("send_request_headers", None)
        yield self._started("send_request_body", None)
        yield self._complete("send_request_body", timings.sent_s)

    def _started(self, name: str, at_s: float | None) -> Event:
        return f"{self.prefix}.{name}.started", {"request": self.request, "at_s": at_s}

    def _complete(self, name: str, at_s: float | None, value: Any = None) -> Event:
        return f"{self.prefix}.{name}.complete", {"return_value": value, "at_s": at_s}

    def _connect_info(self, at_s: float | None) -> dict[str, Any]:
        host, port = self.host
        return {"host": host, "port": port, "timeout": self.timeout.get("connect"), "at_s": at_s}

    def _tls_info(self, at_s: float | None) -> dict[str, Any]:
        return {"server_hostname": self.host[0], "timeout": self.timeout.get("connect"), "at_s": at_s}


def _connected_s(timings: Timings) -> float:
    parts = (timings.queued_s, timings.dns_s, timings.connect_s, timings.tls_s)
    return sum(part or 0.0 for part in parts)
