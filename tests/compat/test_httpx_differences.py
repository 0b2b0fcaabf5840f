"""Stock httpx and penstock under httpx, exchange by exchange (exchanges_*.py): what the caller gets, and what the peer
saw of a request that was answered.

docs/differences.md lists every difference; a difference that is not on the page fails here, and so does a line of the
page that is no longer true.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.adapters.httpx import AsyncTransport
from tests.compat.exchange import Exchange
from tests.compat.exchanges_answers import ANSWERS
from tests.compat.exchanges_requests import REQUESTS
from tests.compat.within import run
from tests.transport.raw_peer import RawPeer

TRUST = ssl.create_default_context()  # made once, it takes long
ROWS = (*ANSWERS, *REQUESTS)
PAGE = Path(__file__).resolve().parents[2] / "docs/differences.md"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the caller got of the last request, and what the peer saw of it."""

    status: int | None = None
    reason: str = ""
    version: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    error: str = ""
    sent: tuple[Any, ...] = ()


async def outcome(transport: httpx.AsyncBaseTransport, row: Exchange, peer: RawPeer) -> Outcome:
    timeout = httpx.Timeout(10, read=row.read_s)
    got: dict[str, Any] = {}
    async with httpx.AsyncClient(transport=transport, timeout=timeout, headers={"user-agent": "test"}) as client:
        for n in range(row.times):
            if n > 0 and row.pauses:
                await asyncio.to_thread(peer.wait_for, lambda: peer.seen[0].end != "")
            got = {"body": b""}
            try:
                content = {} if row.upload is None else {"content": row.upload()}
                request = client.build_request(row.method, url_of(row, peer), **row.request, **content)
                response = await client.send(request, stream=True)
                got |= {"status": response.status_code, "reason": response.reason_phrase}
                got |= {"version": response.http_version, "headers": tuple(response.headers.raw)}
                async with contextlib.aclosing(response):
                    async for chunk in response.aiter_bytes():
                        got["body"] += chunk
            except Exception as err:
                got["error"] = type(err).__name__
    return Outcome(**got, sent=() if "error" in got else sent(peer))


def url_of(row: Exchange, peer: RawPeer) -> str:
    if row.url is not None:
        return row.url
    if row.path == "@":
        return peer.url("/").replace("//", "//user:pa%20ss@")
    return peer.url(row.path) if row.where != "plain" else peer.url(row.path).replace("http:", "https:")


def sent(peer: RawPeer) -> tuple[Any, ...]:
    """Number of requests, and the last one: its line, fields without regard to their order, and body."""
    if not peer.requests:
        return ()
    last = peer.requests[-1]
    fields = [(name.lower(), value.replace(b"%d" % peer.port, b"PORT")) for name, value in last.headers]
    return len(peer.requests), last.line, tuple(sorted(fields)), last.body


def differences(row: Exchange, tls: ssl.SSLContext | None) -> dict[str, tuple[Any, Any]]:
    """Field -> what stock httpx has, what penstock has. When only one of them has a response, that alone."""
    found = []
    for make in (lambda: httpx.AsyncHTTPTransport(verify=TRUST), lambda: AsyncTransport(http2=False)):
        with RawPeer(*row.scripts, tls=tls if row.where == "tls" else None) as peer:
            found.append(asdict(run(outcome(make(), row, peer))))
    stock, ours = found
    names = stock if bool(stock["error"]) == bool(ours["error"]) else ("error",)
    return {name: (stock[name], ours[name]) for name in names if stock[name] != ours[name]}


def listed() -> dict[str, set[str]]:
    """Exchange -> fields that differ, of the page's table."""
    rows: dict[str, set[str]] = {}
    for line in PAGE.read_text().splitlines():
        if match := re.match(r"\| (.+?) \| `([a-z, ]+)` \|", line):
            rows.setdefault(match[1], set()).update(match[2].split(", "))
    return rows


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_an_exchange(row: Exchange, server_tls: ssl.SSLContext) -> None:
    found = differences(row, server_tls)
    assert set(found) == listed().get(row.name, set()), f"{row.name}: {found}"


def test_the_page_speaks_of_exchanges_that_are_made() -> None:
    assert set(listed()) <= {row.name for row in ROWS}


def test_there_are_enough_exchanges_and_each_has_a_name() -> None:
    assert len(ROWS) > 100
    assert max(Counter(row.name for row in ROWS).values()) == 1
