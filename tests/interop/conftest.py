"""Each server once, one after another, in front of one application; and transports that trust them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from penstock import TLS, Timeouts, Transport
from tests.transport.certs import Authority

from .node import Application
from .server import Server
from .table import SERVERS

# a server that says nothing any more is an error with a name, not a test that hangs
TIMEOUTS = Timeouts(connect_s=20, pool_s=20, write_s=20, first_byte_s=20, idle_s=20, total_s=40)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Application]:
    with Application(tmp_path_factory.mktemp("application"), authority.issue(), 0) as started:
        yield started


@pytest.fixture(scope="session", params=SERVERS, ids=lambda kind: kind.__name__.lower())
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    application: Application,
) -> Iterator[Server]:
    kind: type[Server] = request.param
    folder = tmp_path_factory.mktemp(kind.__name__.lower())
    with kind(folder, authority.issue(), application.plain_port) as started:
        yield started


@pytest.fixture
async def transport(authority: Authority) -> AsyncIterator[Transport]:
    async with Transport(tls=TLS(ca_file=authority.ca_file), timeouts=TIMEOUTS) as opened:
        yield opened
