"""One scripted exchange, run through any aiohttp session, and what came of it in words that can be compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from penstock.testing import Request, Rule, Upstream

Reading = Literal["read", "json", "lines", "any", "chunked", "exactly", "none"]
# Of one connection, or of the wire's framing, or the time of day.
NOT_COMPARED = frozenset(("connection", "keep-alive", "date", "transfer-encoding", "content-length", "host", "server"))
BOUNDARY = re.compile(rb"[0-9a-f]{32}")


@dataclass(frozen=True)
class Exchange:
    """name     of the row, and of its path
    rules    the upstream's
    request  arguments of ClientSession.request; a callable is called for them, when each must have its own
    url      of the port: arguments of Upstream.url
    h2       has it a meaning with HTTP/2?
    """

    name: str
    rules: Sequence[Rule]
    method: str = "GET"
    request: dict[str, Any] | Callable[[], dict[str, Any]] = field(default_factory=dict)
    reading: Reading = "read"
    tail: str = ""
    url: dict[str, Any] = field(default_factory=dict)
    address: Callable[[Upstream], str] | None = None
    h2: bool = True


@dataclass(frozen=True)
class Outcome:
    """What the caller saw, and what the upstream saw of the last request."""

    status: int = 0
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""  # the exception's class
    where: str = ""  # "head" or "body"
    hops: int = 0
    seen: tuple[Any, ...] = ()

    def __str__(self) -> str:
        """Short, for the page of differences."""
        return self.error or f"{self.status}, {len(self.body)} bytes"


async def outcome_of(exchange: Exchange, session: aiohttp.ClientSession, upstream: Upstream) -> Outcome:
    arguments = exchange.request() if callable(exchange.request) else dict(exchange.request)
    if exchange.address is not None:
        url = exchange.address(upstream)
    else:
        url = upstream.url(f"/{exchange.name}{exchange.tail}", **exchange.url)
    facts: dict[str, Any] = {}
    before = len(upstream.requests)
    try:
        async with session.request(exchange.method, url, **arguments) as response:
            facts = _facts(response)
            facts["where"] = "body"
            facts["body"] = await _body(response, exchange.reading)
            facts["where"] = ""
    except Exception as err:
        # of the exchange, whatever it is; pytest's own are no Exception
        facts = {"where": "head", **facts, "error": type(err).__name__, "body": b""}
    count = len(upstream.requests)
    is_compared = count > before and not facts.get("error")  # what is cut off is cut off somewhere
    return Outcome(**facts, seen=_seen(await upstream.wait_done_async(count - 1)) if is_compared else ())


def _facts(response: aiohttp.ClientResponse) -> dict[str, Any]:
    headers = ((name.lower(), value) for name, value in response.headers.items())
    return {
        "status": response.status,
        "reason": response.reason,
        "headers": tuple(pair for pair in headers if pair[0] not in NOT_COMPARED),
        "hops": len(response.history),
    }


async def _body(response: aiohttp.ClientResponse, reading: Reading) -> bytes:
    content = response.content
    if reading == "json":
        return repr(await response.json()).encode()
    if reading == "lines":
        return b"|".join([line async for line in content])
    if reading == "any":
        return b"".join([piece async for piece in content.iter_any()])
    if reading == "chunked":
        pieces = [piece async for piece in content.iter_chunked(7)]
        assert all(len(each) <= 7 for each in pieces)
        return b"".join(pieces)
    if reading == "exactly":
        return await content.readexactly(5)
    return b"" if reading == "none" else await response.read()


def _seen(request: Request) -> tuple[Any, ...]:
    """Of the request on the wire: all but framing, address and random boundaries."""
    headers = sorted(
        (name.lower(), BOUNDARY.sub(b"*", value.encode("latin-1")))
        for name, value in request.headers
        if name.lower() not in NOT_COMPARED
    )
    return (request.method, request.target, tuple(headers), BOUNDARY.sub(b"*", request.body))
