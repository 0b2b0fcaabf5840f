"""A server that does exactly what a script says, byte by byte, for what a real server cannot be made to do.

    with RawPeer([ReadHead(), Send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\nhalf"), Close()]) as peer:
        ... peer.url("/x") ...
        assert peer.seen[0].requests[0].target == b"/x"

The n-th connection runs the n-th script, later ones the last. A script that has run out waits for the client to close.
Nothing here sleeps: steps wait for bytes or for an event, and `wait_for` waits for something to have been seen.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

LIMIT_S = 30.0  # no step waits longer; a test that gets here has failed
TlsContext = ssl.SSLContext


@dataclass(slots=True)
class Request:
    """A request as it came in."""

    head: bytes  # with the empty line
    body: bytes = b""  # decoded when chunked
    body_raw: bytes = b""

    @property
    def line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def method(self) -> bytes:
        return self.line.split(b" ")[0]

    @property
    def target(self) -> bytes:
        return self.line.split(b" ")[1]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names as sent."""
        lines = self.head.split(b"\r\n")[1:-2]
        return [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]

    def header(self, wanted: bytes) -> bytes | None:
        values = [value for name, value in self.headers if name.lower() == wanted.lower()]
        assert len(values) < 2, f"{wanted!r} was sent {len(values)} times"
        return values[0] if values else None


@dataclass(slots=True)
class Seen:
    """What one connection has shown so far."""

    requests: list[Request] = field(default_factory=list)
    handshake: str = ""  # "", "done", or why it failed
    end: str = ""  # "" while open; "eof", "reset" by the client; "closed" by the script


# -- steps: each runs on the connection's thread --


class Ended(Exception):
    """The client has ended the connection where the script wanted more."""


class Step:
    def run(self, link: Link) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ReadHead(Step):
    """Read a request head and record it."""

    def run(self, link: Link) -> None:
        request = Request(link.read_until(b"\r\n\r\n"))
        with link.peer.changed:
            link.seen.requests.append(request)
            link.peer.changed.notify_all()


@dataclass(frozen=True, slots=True)
class ReadBody(Step):
    """Read the body of the last request, framed by its Content-Length or chunked."""

    def run(self, link: Link) -> None:
        request = link.seen.requests[-1]
        length = request.header(b"content-length")
        if request.header(b"transfer-encoding") == b"chunked":
            body, raw = link.read_chunks()
        else:
            body = raw = link.read_exactly(int(length or b"0"))
        with link.peer.changed:
            request.body, request.body_raw = body, raw
            link.peer.changed.notify_all()


@dataclass(frozen=True, slots=True)
class ReadSome(Step):
    """Read `n` bytes and forget them."""

    n: int

    def run(self, link: Link) -> None:
        link.read_exactly(self.n)


@dataclass(frozen=True, slots=True)
class Send(Step):
    """Send bytes, in pieces of `piece` bytes when given; each is its own segment and, under TLS, record."""

    data: bytes
    piece: int = 0

    def run(self, link: Link) -> None:
        size = self.piece or max(1, len(self.data))
        for at in range(0, len(self.data), size):
            link.send(self.data[at : at + size])


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """Go on when the test sets the event."""

    event: threading.Event

    def run(self, link: Link) -> None:
        assert self.event.wait(LIMIT_S), "nobody set the event"


@dataclass(frozen=True, slots=True)
class Tell(Step):
    """Set an event: the script has come this far."""

    event: threading.Event

    def run(self, link: Link) -> None:
        self.event.set()


@dataclass(frozen=True, slots=True)
class WaitEnd(Step):
    """Read until the client ends the connection."""

    def run(self, link: Link) -> None:
        while True:
            link.fill()


@dataclass(frozen=True, slots=True)
class Close(Step):
    """End the connection: TLS close_notify when `gracefully`, then FIN."""

    gracefully: bool = True

    def run(self, link: Link) -> None:
        link.close(gracefully=self.gracefully)


@dataclass(frozen=True, slots=True)
class EndWriting(Step):
    """FIN, but go on reading."""

    def run(self, link: Link) -> None:
        link.sock.shutdown(socket.SHUT_WR)


@dataclass(frozen=True, slots=True)
class Reset(Step):
    """End the connection with RST."""

    def run(self, link: Link) -> None:
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close(gracefully=False)


@dataclass(frozen=True, slots=True)
class Forever(Step):
    """Run the steps again and again, until the client ends the connection."""

    steps: Sequence[Step]

    def run(self, link: Link) -> None:
        while True:
            for step in self.steps:
                step.run(link)


Script = Sequence[Step]


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> Send:
    """A whole answer with Content-Length."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return Send(b"\r\n".join(lines) + b"\r\n\r\n" + body)


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A chunked body, each piece its own chunk."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


class Link:
    """One connection of the peer, on its own thread."""

    def __init__(self, peer: RawPeer, sock: socket.socket, seen: Seen) -> None:
        self.peer, self.sock, self.seen = peer, sock, seen
        self.is_closed = False
        self._held = bytearray()
        sock.settimeout(LIMIT_S)

    def __repr__(self) -> str:
        return f"<Link {self.seen}>"

    def fill(self) -> None:
        """Wait for bytes; Ended when there will be none."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError) as err:
            raise Ended("reset") from err
        if not data:
            raise Ended("eof")
        self._held += data

    def read_until(self, mark: bytes) -> bytes:
        while (at := self._held.find(mark)) < 0:
            self.fill()
        return self._take(at + len(mark))

    def read_exactly(self, n: int) -> bytes:
        while len(self._held) < n:
            self.fill()
        return self._take(n)

    def peek(self, n: int) -> bytes:
        """The next `n` bytes, which stay."""
        while len(self._held) < n:
            self.fill()
        return bytes(self._held[:n])

    def read_chunks(self) -> tuple[bytes, bytes]:
        """A chunked body: decoded, and as it came."""
        body, raw = bytearray(), bytearray()
        while True:
            line = self.read_until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            piece = self.read_exactly(size + 2) if size else self.read_until(b"\r\n")
            raw += line + piece
            if size == 0:
                return bytes(body), bytes(raw)
            body += piece[:-2]

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except (ConnectionError, ssl.SSLError) as err:
            raise Ended("reset") from err

    def close(self, *, gracefully: bool) -> None:
        if gracefully and isinstance(self.sock, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                self.sock.settimeout(1)
                self.sock.unwrap()
        self.is_closed = True
        self.sock.close()

    def _take(self, n: int) -> bytes:
        data = bytes(self._held[:n])
        del self._held[:n]
        return data


class RawPeer:
    """See the module. `tls` is the context of a TLS peer; `seen` holds one record per connection, in order."""

    def __init__(self, *scripts: Script, tls: TlsContext | None = None, backlog: int = 128) -> None:
        assert scripts, "what is it to do?"
        self.changed = threading.Condition()
        self.seen: list[Seen] = []
        self._scripts = scripts
        self._tls = tls
        self._links: list[Link] = []
        self._threads: list[threading.Thread] = []
        self._troubles: list[BaseException] = []
        self._is_closing = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = int(self._listener.getsockname()[1])

    def __repr__(self) -> str:
        return f"<RawPeer port={self.port} {'tls ' if self._tls else ''}seen={self.seen}>"

    def url(self, path: str = "/") -> str:
        return f"https://localhost:{self.port}{path}" if self._tls else f"http://127.0.0.1:{self.port}{path}"

    @property
    def requests(self) -> list[Request]:
        """Of all connections, in the order of the connections."""
        return [request for seen in self.seen for request in seen.requests]

    def wait_for(self, happened: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
        """Block until `happened()` holds; it is looked at whenever something was seen."""
        with self.changed:
            assert self.changed.wait_for(happened, limit_s), f"it did not happen: {self!r}"

    def __enter__(self) -> RawPeer:
        self._start(self._accept)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._is_closing = True
        with contextlib.suppress(OSError):  # wakes accept()
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self._threads[0].join(LIMIT_S)
        self._listener.close()
        for link in self._links:
            with contextlib.suppress(OSError):
                link.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT_S)
            assert not thread.is_alive(), f"{thread} does not end"
        if self._troubles and exc_info[0] is None:
            raise self._troubles[0]

    def _start(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, name=f"raw peer {self.port}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._is_closing:
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            script = self._scripts[min(len(self.seen), len(self._scripts) - 1)]
            link = Link(self, sock, Seen())
            self._links.append(link)
            with self.changed:
                self.seen.append(link.seen)
                self.changed.notify_all()
            self._start(self._serve, link, script)

    def _serve(self, link: Link, script: Script) -> None:
        end = "closed"
        try:
            if self._tls is not None:
                self._shake_hands(link, self._tls)
            for step in script:
                step.run(link)
            if not link.is_closed:
                WaitEnd().run(link)
        except Ended as ended:
            end = str(ended)
        except BaseException as trouble:
            end = "broken"
            if not self._is_closing:
                self._troubles.append(trouble)
        finally:
            link.sock.close()
            with self.changed:
                link.seen.end = end
                self.changed.notify_all()

    def _shake_hands(self, link: Link, context: TlsContext) -> None:
        try:
            # Without a handshake yet, so that __exit__ finds the socket that is in use and can end it.
            link.sock = context.wrap_socket(link.sock, server_side=True, do_handshake_on_connect=False)
            if self._is_closing:
                raise Ended("closed")
            link.sock.do_handshake()
            outcome = "done"
        except OSError as err:
            outcome = str(err)
        with self.changed:
            link.seen.handshake = outcome
            self.changed.notify_all()
        if outcome != "done":
            raise Ended("eof")
