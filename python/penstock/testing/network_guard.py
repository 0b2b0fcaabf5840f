"""Fails what reaches beyond loopback, while the guard is up.

What it sees: connect, sendto and name lookups of Python's sockets, in every thread (an audit hook of the interpreter,
PEP 578: requests, httpx, aiohttp, asyncio), and requests of penstock by their URL. What it does not see: sockets that
other C code opens by itself (uvloop's connections to an address, grpc, libpq, curl), and other processes.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from penstock.submission import Submitter
from penstock.testing.errors import NetworkUsed

# event of the interpreter: which of its arguments is the address
EVENTS = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
}


def is_loopback(host: object) -> bool:
    """Is this a name or address of this machine, or none at all?

    >>> [is_loopback(each) for each in ("localhost", "127.8.0.1", "::1", None, "10.0.0.1", "example.com")]
    [True, True, True, True, False, False]
    """
    if isinstance(host, bytes):
        host = host.decode("latin-1")
    if not isinstance(host, str) or host == "":
        return True
    name = host.strip("[]").partition("%")[0].rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


class NetworkGuard:
    """`with NetworkGuard() as guard:`. What is refused raises NetworkUsed, and is kept in `guard.attempts`, because
    many clients swallow what was raised; leaving the block raises it again when nothing else was. `allow`: hosts that
    may be reached, as they are written in the URL or call."""

    def __init__(self, *, allow: Iterable[str] = ()) -> None:
        self.allow = frozenset(allow)
        self.attempts: list[str] = []

    def __repr__(self) -> str:
        return f"<NetworkGuard {'up' if self in _guards else 'down'}, {len(self.attempts)} attempts>"

    def check(self, what: str, host: object) -> None:
        """NetworkUsed when the host is not allowed."""
        if is_loopback(host) or host in self.allow:
            return
        name = host.decode("latin-1") if isinstance(host, bytes) else host
        self.attempts.append(f"{what} {name}")
        raise NetworkUsed(f"no network in this test: {what} {name}")

    def start(self) -> None:
        _install()
        _guards.append(self)

    def stop(self) -> None:
        if self in _guards:
            _guards.remove(self)

    def __enter__(self) -> NetworkGuard:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.attempts and kind is None:
            raise NetworkUsed(self.story())

    def story(self) -> str:
        """All that was refused."""
        return f"no network in this test, but it tried: {', '.join(dict.fromkeys(self.attempts))}"


_guards: list[NetworkGuard] = []
_installed: list[Callable[..., Any]] = []


def _install() -> None:
    """Once in a process: an audit hook cannot be taken away, so it looks whether a guard is up."""
    if _installed:
        return
    submit = Submitter._exchange

    def guarded(self: Submitter, method: Any, url: Any, *args: Any, **options: Any) -> Any:
        if _guards and self.network.uds is None and not getattr(self, "is_mock", False):
            text = url.decode("latin-1") if isinstance(url, bytes) else str(url)
            for guard in tuple(_guards):
                guard.check("penstock requests", urlsplit(text).hostname)
        return submit(self, method, url, *args, **options)

    _installed.append(submit)
    Submitter._exchange = guarded  # type: ignore[method-assign]
    sys.addaudithook(_audit)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _guards or event not in EVENTS:
        return
    address = args[EVENTS[event]] if len(args) > EVENTS[event] else None
    host = address[0] if isinstance(address, tuple) and address else address
    if isinstance(address, str | bytes) and event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        return  # the path of a Unix socket
    for guard in tuple(_guards):
        guard.check(f"{event}()", host)
