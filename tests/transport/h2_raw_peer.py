"""A server that speaks HTTP/2 frame by frame as a script says, for what no real server does.

    def script(talk: Talk) -> None:
        asked = talk.whole("/a")                       # reads frames until that request is whole
        talk.send(status(asked.stream, 200), rst(asked.stream, CANCEL))
        talk.serve()                                   # answers everything else, until the client closes

    with H2Peer(script) as peer:
        ... peer.url("/a") ...

The n-th connection runs the n-th script, later ones the last. Unless the script says otherwise a Talk is a good
server: it acknowledges SETTINGS and PING, returns credit, answers /warm. A client that comes with HTTP/1.1 is served
in HTTP/1.1. Nothing here sleeps; threads and waits are RawPeer's.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import hpack

from tests.transport import h2_frames as h2
from tests.transport.raw_peer import (
    Ended,
    Forever,
    Link,
    RawPeer,
    ReadBody,
    ReadHead,
    Reset,
    Script,
    Step,
    TlsContext,
    answer,
)

PRIORITY_FLAG = 0x20
WINDOW_BYTES = 65535  # before anybody says otherwise


@dataclass(slots=True)
class Asked:
    """A request on a stream."""

    stream: int
    fields: list[tuple[bytes, bytes]]
    body: bytearray = field(default_factory=bytearray)
    is_whole: bool = False
    is_over: bool = False  # answered whole, or reset by either side
    is_taken: bool = False  # by the script: serve() leaves it alone
    reset: int | None = None  # the client's RST_STREAM

    def get(self, name: str) -> str:
        return b", ".join(value for key, value in self.fields if key == name.encode()).decode()

    @property
    def path(self) -> str:
        return self.get(":path")


TalkScript = Callable[["Talk"], None]
React = Callable[[Asked], bytes]


def fine(asked: Asked) -> bytes:
    return h2.answer(asked.stream)


class Talk:
    """One connection, from the server's side, on its own thread. What it has seen is read by the test's thread."""

    def __init__(self, peer: H2Peer, link: Link) -> None:
        self.peer, self.link = peer, link
        self.is_h2 = False
        self.requests: list[Asked] = []
        self.frames: list[h2.Frame] = []  # the client's, without HEADERS and DATA
        self.most_open_n = 0
        self.auto = {"/warm"}  # answered at once, whatever the script does
        self.acks_settings = self.acks_pings = self.gives_credit = True
        self.room = {0: WINDOW_BYTES}  # what the client lets us send, by stream
        self._first_room = WINDOW_BYTES
        self._streams: dict[int, Asked] = {}
        self._decoder = hpack.Decoder(max_header_list_size=2**24)
        self._block = bytearray()
        self._is_over = self._is_deaf = False

    def __repr__(self) -> str:
        return f"<Talk {self.link.seen.end or 'open'} {len(self.requests)} requests {[str(f) for f in self.frames]}>"

    # -- for scripts --

    def send(self, *pieces: bytes) -> None:
        self.link.send(b"".join(pieces))

    def read(self) -> h2.Frame:
        """The client's next frame, after what a good server does about it."""
        head = self.link.read_exactly(9)
        got = h2.frame_of(head, self.link.read_exactly(h2.size_of(head)))
        with self.peer.changed:
            self._note(got)
            self.peer.changed.notify_all()
        if not self._is_over:
            self._respond(got)
        return got

    def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self.read()

    def head(self, path: str) -> Asked:
        """The next request for `path`; its body may be missing."""
        found: list[Asked] = []

        def is_there() -> bool:
            found.extend(each for each in self.requests if each.path == path and not each.is_taken)
            return bool(found)

        self.until(is_there)
        found[0].is_taken = True
        return found[0]

    def whole(self, path: str) -> Asked:
        asked = self.head(path)
        self.until(lambda: asked.is_whole)
        return asked

    def answer(self, asked: Asked, body: bytes = b"fine") -> None:
        asked.is_over = True
        self.send(h2.answer(asked.stream, body))

    def pour(self, stream: int, n: int) -> None:
        """`n` body bytes, as far and as fast as the client's windows allow."""
        while n > 0:
            size = min(n, h2.FRAME_BYTES, self.room[0], self.room[stream])
            if size <= 0:
                self.read()
                continue
            self.room[0] -= size
            self.room[stream] -= size
            n -= size
            self.send(h2.data(stream, bytes(size)))

    def serve(self, react: React = fine) -> None:
        """Answer each whole request that no script took, until the client ends the connection."""
        while True:
            for asked in self.requests:
                if asked.is_whole and not asked.is_over and not asked.is_taken:
                    asked.is_over = True
                    self.send(react(asked))
            self.read()

    def finish(self) -> None:
        """FIN (under TLS without close_notify), after which only the client's end is waited for."""
        self._is_deaf = True
        self.link.sock.shutdown(socket.SHUT_WR)
        while True:
            self.link.fill()

    def reset(self) -> None:
        """TCP RST."""
        Reset().run(self.link)

    # -- what a test asks --

    def resets(self) -> dict[int, int]:
        """Codes of the client's RST_STREAMs by stream."""
        return {each.stream: each.number() for each in self.frames if each.kind == h2.RST_STREAM}

    def goaway(self) -> h2.Frame | None:
        """The client's last."""
        return next((each for each in reversed(self.frames) if each.kind == h2.GOAWAY), None)

    def hpack_table(self) -> list[tuple[bytes, bytes]]:
        """What the client has put into our table."""
        return [(bytes(name), bytes(value)) for name, value in self._decoder.header_table.dynamic_entries]

    # -- inside --

    def converse(self, script: TalkScript, hello: bytes) -> None:
        self.is_h2 = self.link.peek(len(h2.PREFACE)) == h2.PREFACE
        if not self.is_h2:
            Forever([ReadHead(), ReadBody(), answer(b"fine")]).run(self.link)
        self.link.read_exactly(len(h2.PREFACE))
        try:
            self.send(hello)
            script(self)
            while not self.link.is_closed:
                self.read()
        except Ended:
            self._is_over = True
            with contextlib.suppress(Ended):  # the client's last words
                while not self._is_deaf:
                    self.read()
            raise

    def _note(self, got: h2.Frame) -> None:
        asked = self._streams.get(got.stream)
        if got.kind in (h2.HEADERS, h2.CONTINUATION):
            self._note_head(got)
        elif got.kind == h2.DATA and asked is not None:
            asked.body += got.payload
            asked.is_whole = bool(got.flags & h2.END_STREAM)
        else:
            self.frames.append(got)
        if got.kind == h2.RST_STREAM and asked is not None:
            asked.reset, asked.is_over = got.number(), True
        if got.kind == h2.WINDOW_UPDATE and got.stream in self.room:
            self.room[got.stream] += got.number()
        if got.kind == h2.SETTINGS:
            for at in range(0, len(got.payload), 6):
                if int.from_bytes(got.payload[at : at + 2], "big") == h2.INITIAL_WINDOW_SIZE:
                    self._first_room = got.number(at + 2)

    def _note_head(self, got: h2.Frame) -> None:
        self._block += got.payload[5:] if got.flags & PRIORITY_FLAG and got.kind == h2.HEADERS else got.payload
        if got.kind == h2.HEADERS:
            asked = self._streams[got.stream] = Asked(got.stream, [], is_whole=bool(got.flags & h2.END_STREAM))
            self.room[got.stream] = self._first_room
        if not got.flags & h2.END_HEADERS:
            return
        asked = self._streams[got.stream]
        asked.fields = list(self._decoder.decode(bytes(self._block), raw=True))
        self._block.clear()
        self.requests.append(asked)
        self.most_open_n = max(self.most_open_n, sum(not each.is_over for each in self.requests))

    def _respond(self, got: h2.Frame) -> None:
        if got.kind == h2.SETTINGS and not got.flags & h2.ACK and self.acks_settings:
            self.send(h2.settings_ack())
        elif got.kind == h2.PING and not got.flags & h2.ACK and self.acks_pings:
            self.send(h2.ping(got.payload, ack=True))
        elif got.kind == h2.DATA and got.payload and self.gives_credit:
            self.send(h2.window(0, len(got.payload)))
            if not got.flags & h2.END_STREAM:
                self.send(h2.window(got.stream, len(got.payload)))
        asked = self._streams.get(got.stream)
        if asked is not None and asked.is_whole and not asked.is_over and asked.path in self.auto:
            self.answer(asked)


@dataclass(frozen=True, slots=True)
class Converse(Step):
    """A whole connection as a step of RawPeer's."""

    peer: H2Peer
    script: TalkScript

    def run(self, link: Link) -> None:
        talk = Talk(self.peer, link)
        with self.peer.changed:
            self.peer.talks_by_seen[id(link.seen)] = talk
        hellos = self.peer.hellos
        index = next(at for at, seen in enumerate(self.peer.seen) if seen is link.seen)
        talk.converse(self.script, hellos[min(index, len(hellos) - 1)])


class H2Peer(RawPeer):
    """See the module. The n-th connection begins with the n-th of `hellos`, later ones with the last."""

    def __init__(
        self, *scripts: TalkScript, hellos: Sequence[bytes] = (h2.settings(),), tls: TlsContext | None = None
    ) -> None:
        steps: list[Script] = [[Converse(self, script)] for script in scripts]
        super().__init__(*steps, tls=tls)
        self.hellos = hellos
        self.talks_by_seen: dict[int, Talk] = {}

    @property
    def talks(self) -> list[Talk]:
        """In the order of the connections, without those that never said a word."""
        return [self.talks_by_seen[id(seen)] for seen in self.seen if id(seen) in self.talks_by_seen]

    def paths(self) -> list[str]:
        """Of all requests, in HTTP/2 or HTTP/1.1, in the order of the connections."""
        with self.changed:
            asked = [each.path for talk in self.talks for each in talk.requests]
        return asked + [each.target.decode() for each in self.requests]
