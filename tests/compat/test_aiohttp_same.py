"""The same exchanges through aiohttp alone and over penstock. What differs is on docs/differences-aiohttp.md, and all
that is on it differs."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from penstock import TLS
from penstock.adapters.aiohttp import Middleware
from penstock.testing import Upstream
from tests.compat.aiohttp_exchange import Exchange, Outcome, outcome_of
from tests.compat.aiohttp_faulty import FAULTY
from tests.compat.aiohttp_good import GOOD
from tests.compat.within import run
from tests.house.tree import ROOT

EXCHANGES = [*GOOD, *FAULTY]
PAGE = ROOT / "docs/differences-aiohttp.md"
KINDS = ("HTTP/1.1", "HTTP/2")


@asynccontextmanager
async def session(kind: str, upstream: Upstream) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cafile=upstream.trust.ca_file)
    ours = Middleware(http2=kind == "HTTP/2", tls=TLS(ca_file=upstream.trust.ca_file))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context if kind == "aiohttp" else True),
        middlewares=() if kind == "aiohttp" else (ours,),
    ) as made:
        yield made


def played(exchange: Exchange, kind: str) -> Outcome:
    async def ask() -> Outcome:
        with Upstream(exchange.rules) as upstream:
            async with session(kind, upstream) as client:
                return await outcome_of(exchange, client, upstream)

    return run(ask())


def comparable(outcome: Outcome, kind: str) -> Outcome:
    """HTTP/2 has no reason phrase of its own."""
    return replace(outcome, reason="") if kind == "HTTP/2" else outcome


def listed(kind: str) -> dict[str, tuple[str, str]]:
    """The page's rows for that version: name to what aiohttp and penstock make of it."""
    rows: dict[str, tuple[str, str]] = {}
    section = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if section == kind and len(cells) == 4 and cells[1] not in ("aiohttp", "---"):
            for name in cells[0].split("`, `"):
                rows[name] = (cells[1], cells[2])
    return rows


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[each.name for each in EXCHANGES])
def test_exchange(exchange: Exchange) -> None:
    stock = played(exchange, "aiohttp")
    for kind in KINDS if exchange.h2 else KINDS[:1]:
        ours = played(exchange, kind)
        difference = listed(kind).get(exchange.name)
        if difference is None:
            assert comparable(ours, kind) == comparable(stock, kind), kind
        else:
            assert str(stock) in difference[0].split(" or "), kind
            assert str(ours) == difference[1], kind
            is_certain = " or " not in difference[0]
            assert not is_certain or comparable(ours, kind) != comparable(stock, kind), f"{kind}: nothing differs"


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_lists_exchanges_that_are_there(kind: str) -> None:
    assert set(listed(kind)) <= {each.name for each in EXCHANGES if each.h2 or kind == KINDS[0]}


def test_there_are_enough() -> None:
    assert len({each.name for each in EXCHANGES}) == len(EXCHANGES) >= 100
