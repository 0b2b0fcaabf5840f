"""What tests of the Python shell and its adapters share: certificates for TLS peers on the loopback interface."""

from __future__ import annotations

import ssl

import pytest

from tests.compat.httpx_library import Library
from tests.transport.certs import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server_tls(authority: Authority) -> ssl.SSLContext:
    return authority.issue().server_context()


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Library:
    return Library(request.param)
