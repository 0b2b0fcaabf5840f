"""Each server once, in front of one application; and transports that trust them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from penstock import HTTP2, TLS, Limits, Timeouts, Transport
from tests.transport.certs import Authority, Issued

from .node import Application
from .server import Server
from .table import SERVERS

# a server that says nothing any more is an error with a name, not a test that hangs
TIMEOUTS = Timeouts(connect_s=20, pool_s=20, write_s=20, first_byte_s=20, idle_s=20, total_s=40)
_pools = count(Limits().max_waiting)


def own_transport(authority: Authority, *, http2: bool | HTTP2 = True, timeouts: Timeouts = TIMEOUTS) -> Transport:
    """One that shares no connection with another: a pool belongs to all transports with equal settings."""
    limits, tls = Limits(max_waiting=next(_pools)), TLS(ca_file=authority.ca_file)
    return Transport(http2=http2, limits=limits, timeouts=timeouts, tls=tls)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Application]:
    with Application(tmp_path_factory.mktemp("application"), authority.issue(), 0) as started:
        yield started


class Fleet:
    """The servers that tests have asked for, each started once."""

    def __init__(self, make_folder: Callable[[str], Path], issued: Issued, application: Application) -> None:
        self._make_folder, self._issued, self._application = make_folder, issued, application
        self._ends = ExitStack()
        self._started: dict[type[Server], Server] = {}

    def __repr__(self) -> str:
        return f"<Fleet {list(self._started.values())}>"

    def server(self, kind: type[Server]) -> Server:
        if kind not in self._started:
            made = kind(self._make_folder(kind.__name__), self._issued, self._application.plain_port)
            self._started[kind] = self._ends.enter_context(made)
        return self._started[kind]

    def close(self) -> None:
        self._ends.close()


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, authority: Authority, application: Application) -> Iterator[Fleet]:
    with closing(Fleet(tmp_path_factory.mktemp, authority.issue(), application)) as fleet:
        yield fleet


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, fleet: Fleet) -> Server:
    return fleet.server(request.param)


@pytest.fixture
async def transport(authority: Authority) -> AsyncIterator[Transport]:
    async with own_transport(authority) as opened:
        yield opened
