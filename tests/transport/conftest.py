"""Peers for transport tests: certificates, nginx, and a transport that trusts them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from penstock import TLS, Transport

from .certs import Authority
from .nginx_peer import Nginx


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Nginx]:
    """One for all; who stops or reloads it takes `own_nginx`."""
    with Nginx(tmp_path_factory.mktemp("nginx"), tls=authority.issue()) as peer:
        yield peer


@pytest.fixture
def own_nginx(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx"), tls=authority.issue()) as peer:
        yield peer


@pytest.fixture
async def transport(authority: Authority) -> AsyncIterator[Transport]:
    async with Transport(tls=TLS(ca_file=authority.ca_file)) as opened:
        yield opened
