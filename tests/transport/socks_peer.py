"""A strict SOCKS5 server on a loopback port (RFC 1928, RFC 1929): it relays, and remembers what it was asked.

Anything that the RFCs do not allow a client to send ends the connection and is kept in `complaints`. Names under
`.test` are looked up as loopback, so that a test can see who has resolved one.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass

LIMIT_S = 30.0
NO_AUTH, PASSWORD, NOTHING = 0, 2, 0xFF
NAME, IPV4, IPV6 = 3, 1, 4


@dataclass(frozen=True, slots=True)
class Asked:
    """One CONNECT: `kind` is name, ipv4 or ipv6."""

    kind: str
    host: str
    port: int


class Refused(Exception):
    """The client has broken the protocol, or may not in."""


class SocksPeer:
    """A context manager. With `auth` it insists on user and password."""

    def __init__(self, *, auth: tuple[str, str] | None = None) -> None:
        self.asked: list[Asked] = []
        self.complaints: list[str] = []
        self._auth = auth
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._socks: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __repr__(self) -> str:
        return f"<SocksPeer port={self.port} asked={self.asked} complaints={self.complaints}>"

    def url(self, scheme: str, userinfo: str = "") -> str:
        return f"{scheme}://{userinfo + '@' if userinfo else ''}127.0.0.1:{self.port}"

    def __enter__(self) -> SocksPeer:
        self._start(self._accept)
        return self

    def __exit__(self, *exc_info: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._threads[0].join(LIMIT_S)
        self._listener.close()
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT_S)
            assert not thread.is_alive(), f"{thread} does not end"
        if exc_info[0] is None:
            assert self.complaints == []

    # -- threads --

    def _start(self, run: object, *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(LIMIT_S)
            self._socks.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                self._greet(sock)
                origin = self._connect(sock)
            except Refused as err:
                self.complaints.append(str(err))
                return
            except OSError:  # the client is gone
                return
            if origin is not None:
                self._relay(sock, origin)

    # -- the protocol --

    def _greet(self, sock: socket.socket) -> None:
        version, count = exactly(sock, 2)
        methods = exactly(sock, count)
        if version != 5 or not methods or len(set(methods)) != count:
            raise Refused(f"greeting {version} {methods!r}")
        wanted = NO_AUTH if self._auth is None else PASSWORD
        if wanted not in methods:
            sock.sendall(bytes([5, NOTHING]))
            raise ConnectionError
        sock.sendall(bytes([5, wanted]))
        if self._auth is not None:
            self._check_password(sock, self._auth)

    def _check_password(self, sock: socket.socket, auth: tuple[str, str]) -> None:
        version, user_n = exactly(sock, 2)
        user = exactly(sock, user_n)
        password = exactly(sock, exactly(sock, 1)[0])
        if version != 1 or not user:
            raise Refused(f"password message {version}")
        is_right = (user.decode(), password.decode()) == auth
        sock.sendall(bytes([1, 0 if is_right else 1]))
        if not is_right:
            raise ConnectionError

    def _connect(self, sock: socket.socket) -> socket.socket | None:
        version, command, reserved, kind = exactly(sock, 4)
        if (version, command, reserved) != (5, 1, 0) or kind not in (NAME, IPV4, IPV6):
            raise Refused(f"request {version} {command} {reserved} {kind}")
        if kind == NAME:
            host = exactly(sock, exactly(sock, 1)[0]).decode("ascii")
        else:
            family, n = (socket.AF_INET, 4) if kind == IPV4 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, exactly(sock, n))
        port = struct.unpack("!H", exactly(sock, 2))[0]
        self.asked.append(Asked({NAME: "name", IPV4: "ipv4", IPV6: "ipv6"}[kind], host, port))
        try:
            origin = socket.create_connection(("127.0.0.1" if host.endswith(".test") else host, port), LIMIT_S)
        except OSError:
            sock.sendall(bytes([5, 5, 0, 1]) + bytes(6))
            return None
        origin.settimeout(LIMIT_S)
        self._socks.append(origin)
        for byte in bytes([5, 0, 0, NAME, 3]) + b"any" + bytes(2):  # cut wherever it can be
            sock.sendall(bytes([byte]))
        return origin

    def _relay(self, sock: socket.socket, origin: socket.socket) -> None:
        with origin:
            back = threading.Thread(target=pump, args=(origin, sock), daemon=True)
            back.start()
            pump(sock, origin)
            back.join(LIMIT_S)


def exactly(sock: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n:
        piece = sock.recv(n - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def pump(source: socket.socket, sink: socket.socket) -> None:
    """One direction, to its end; the end is passed on."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for sock, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):
            sock.shutdown(how)
