"""Endpoints that the configuration declares: a path of ours, an address elsewhere, bytes both ways as they come.

No dialect, no retries: the answer is the target's, its status too. Only hop-by-hop fields stay behind (RFC 9110 7.6.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from penstock.config.models import PassThrough
from penstock.dialects.dialect import Dialect
from penstock.dialects.failure import Failure, Fault
from penstock.errors import PenstockError
from penstock.gateway.auth import Unauthorized
from penstock.gateway.inbound import BodyTooLarge, CallerGone, Inbound
from penstock.gateway.refusing import refusal_of, refuse
from penstock.gateway.relay import TURN_BYTES
from penstock.gateway.upstream import failure_of

if TYPE_CHECKING:
    from penstock.gateway.setup import Setup

HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
    ]
)
OURS = frozenset({"authorization", "x-api-key", "api-key", "x-litellm-api-key", "cookie"})  # keys for us, not for them


def declared(setup: Setup, inbound: Inbound) -> PassThrough | None:
    """The declared endpoint of a request; the longest path wins."""
    best: PassThrough | None = None
    for each in setup.config.general.pass_through:
        path = each.path.rstrip("/")
        is_here = inbound.path == path or (each.include_subpath and inbound.path.startswith(f"{path}/"))
        if not is_here or (each.methods and inbound.method not in each.methods):
            continue
        if best is None or len(each.path) > len(best.path):
            best = each
    return best


async def serve_pass_through(setup: Setup, inbound: Inbound, way: PassThrough) -> None:
    """Send it there and relay what comes."""
    try:
        if way.auth:
            setup.auth.check(inbound)
        body = await inbound.body(setup.config.general.max_request_bytes)
    except (Unauthorized, BodyTooLarge) as err:
        return await refuse(inbound, refusal_of(err), dialect=Dialect.CHAT)
    if "/../" in f"{inbound.path}/":
        text = f"the path {inbound.path!r} leaves {way.path!r}"
        failure = Failure(fault=Fault.BAD_REQUEST, status=400, message=text)
        return await refuse(inbound, failure, dialect=Dialect.CHAT)
    inbound.watch()
    url = target_of(way, inbound)
    try:
        async with setup.transport.stream(
            inbound.method, url, headers=fields_of(way, inbound), content=body or None
        ) as response:
            send = await inbound.begin(response.status, kept(response.exchange.headers))
            turn_bytes = 0
            async for chunk in response:
                try:
                    await send(chunk)
                except inbound.closed as err:
                    raise CallerGone(str(err)) from None
                if (turn_bytes := turn_bytes + len(chunk)) > TURN_BYTES:
                    turn_bytes = 0
                    await asyncio.sleep(0)
    except PenstockError as err:
        if err.head_seen:
            raise  # the answer is cut, and the caller's connection with it: no shorter answer is made of it
        return await refuse(inbound, failure_of(err, is_stream=False), dialect=Dialect.CHAT)
    await inbound.end()
    return None


def target_of(way: PassThrough, inbound: Inbound) -> str:
    """The address asked for.

    >>> from types import SimpleNamespace
    >>> way = PassThrough(path="/x", target="https://h/y", include_subpath=True)
    >>> target_of(way, SimpleNamespace(path="/x/a/b", query="c=1"))
    'https://h/y/a/b?c=1'
    """
    rest = inbound.path[len(way.path.rstrip("/")) :] if way.include_subpath else ""
    joint = "&" if "?" in way.target else "?"
    base = way.target.rstrip("/") if rest else way.target
    return f"{base}{rest}{joint + inbound.query if inbound.query else ''}"


def fields_of(way: PassThrough, inbound: Inbound) -> list[tuple[str, str]]:
    """Header fields for the target: the declared ones, under them the caller's if they shall go on."""
    fields = list(way.headers)
    given = {name.lower() for name, _ in fields}
    for name, value in inbound.headers():
        if name in HOP_BY_HOP or name in given or name in OURS:
            continue
        if way.forward_headers or name in ("content-type", "accept", "user-agent"):
            fields.append((name, value))
    return fields


def kept(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """The target's header fields that are not about its connection, duplicates too."""
    named = ((name.lower().decode("latin-1"), value.decode("latin-1")) for name, value in fields)
    return [(name, value) for name, value in named if name not in HOP_BY_HOP]
