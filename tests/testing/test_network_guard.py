"""The guard refuses what reaches beyond loopback, through Python's sockets and through penstock, and remembers it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

import httpx
import pytest

import penstock
from penstock.testing import MockTransport, NetworkGuard, NetworkUsed, on
from tests.compat.within import run

ELSEWHERE = "192.0.2.1"  # RFC 5737: documentation, routed nowhere


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection((ELSEWHERE, 80), timeout=5),
        lambda: socket.getaddrinfo("api.example.com", 443),
        lambda: socket.gethostbyname("api.example.com"),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (ELSEWHERE, 53)),
        lambda: httpx.get("http://api.example.com/", trust_env=False),
        lambda: penstock.Transport().request_sync("GET", f"https://{ELSEWHERE}/"),
        lambda: penstock.Transport().request_sync("GET", b"https://api.example.com/"),
        lambda: run(penstock.Transport().request("GET", "https://api.example.com/")),
        lambda: asyncio.run(asyncio.open_connection("api.example.com", 443)),  # type: ignore[arg-type]
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_what_reaches_out_is_refused(reach: Any) -> None:
    with (
        NetworkGuard() as guard,
        pytest.raises(NetworkUsed, match=r"no network in this test: .*(192\.0|example)"),
    ):
        try:
            reach()
        finally:
            attempts, guard.attempts = guard.attempts, []
    assert attempts


def test_loopback_unix_sockets_and_mocks_are_free() -> None:
    with NetworkGuard(), socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
        socket.getaddrinfo("localhost", server.getsockname()[1])
        left, right = socket.socketpair()
        left.close()
        right.close()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as unix:
            unix.connect("/nowhere/at/all")
        assert MockTransport(on().answer()).request_sync("GET", "https://api.example.com/").status == 200
        port = server.getsockname()[1]
        server.close()
        with pytest.raises(penstock.errors.ConnectError):
            penstock.Transport().request_sync("GET", f"http://127.0.0.1:{port}/")


def test_what_was_swallowed_is_told_at_the_end() -> None:
    def swallow() -> None:
        with contextlib.suppress(Exception):
            socket.getaddrinfo("api.example.com", 443)

    with pytest.raises(NetworkUsed, match=r"but it tried: socket.getaddrinfo\(\) api.example.com$"):
        with NetworkGuard() as guard:
            thread = threading.Thread(target=swallow)
            thread.start()
            thread.join()
            assert repr(guard) == "<NetworkGuard up, 1 attempts>"
    assert repr(guard) == "<NetworkGuard down, 1 attempts>"


def test_hosts_can_be_allowed() -> None:
    guard = NetworkGuard(allow=["api.example.com"])
    guard.check("connect", "api.example.com")
    with pytest.raises(NetworkUsed, match=r"connect example\.com"):
        guard.check("connect", b"example.com")
