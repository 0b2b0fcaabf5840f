"""Frames that break the rules: the connection is lost with all its requests, and said goodbye to with the code that
RFC 9113 names; the next request gets a new one (sections A, C and E)."""

from __future__ import annotations

from dataclasses import replace

from penstock import Limits
from tests.transport import h2_frames as h2
from tests.transport.h2_raw_peer import Talk
from tests.transport.h2_row import Row, Want, breaks_by, broken, malformed, sends

OK = (b":status", b"200")
HEAD = h2.block(OK)


def breaks(name: str, rule: str, code: int, frames: bytes) -> Row:
    """Frames that need not know the victim's stream, which is 1 (its neighbour's is 3)."""
    return Row(name=name, rule=rule, scripts=breaks_by(lambda a: frames), want=broken(code))


def greets(name: str, rule: str, hello: bytes, code: int = h2.PROTOCOL_ERROR, text: str = "") -> Row:
    """The first bytes of the connection are wrong."""
    return Row(
        name=name, rule=rule, hello=b"", scripts=breaks_by(lambda a: hello, greets=True), want=broken(code, text)
    )


BOTH_LOST = replace(broken(h2.FLOW_CONTROL_ERROR), goaway=None)  # which the TCP reset may take away

FIRST = (
    greets("an answer in HTTP/1.1", "A13", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", text="HTTP/1"),
    greets("something else altogether", "A13", b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
    greets("no SETTINGS first", "A13", h2.ping() + h2.settings()),
    greets("an ACK first", "A13", h2.settings_ack() + h2.settings()),
)

SETTINGS = (
    breaks("an ACK for nothing", "A13", h2.PROTOCOL_ERROR, h2.settings_ack() * 2),
    breaks("SETTINGS of 5 bytes", "A2", h2.FRAME_SIZE_ERROR, h2.frame(h2.SETTINGS, 0, 0, bytes(5))),
    breaks("SETTINGS ACK with content", "A13", h2.FRAME_SIZE_ERROR, h2.frame(h2.SETTINGS, h2.ACK, 0, bytes(6))),
    breaks("SETTINGS on a stream", "A2", h2.PROTOCOL_ERROR, h2.frame(h2.SETTINGS, 0, 1)),
    breaks("a window of 2^31", "A8", h2.FLOW_CONTROL_ERROR, h2.settings((h2.INITIAL_WINDOW_SIZE, 2**31))),
    breaks("frames of 100 bytes", "A10", h2.PROTOCOL_ERROR, h2.settings((h2.MAX_FRAME_SIZE, 100))),
    breaks("frames of 2^24 bytes", "A10", h2.PROTOCOL_ERROR, h2.settings((h2.MAX_FRAME_SIZE, 2**24))),
    breaks("push switched on by the server", "A11", h2.PROTOCOL_ERROR, h2.settings((h2.ENABLE_PUSH, 1))),
    breaks("PUSH_PROMISE", "A11", h2.PROTOCOL_ERROR, h2.push_promise(1, 2)),
    Row(
        name="PUSH_PROMISE before our SETTINGS were acknowledged",
        rule="A11",
        hello=b"",
        scripts=breaks_by(lambda a: h2.settings() + h2.push_promise(a, 2), greets=True),
        want=broken(),
    ),
    Row(
        name="settings nobody knows",
        rule="A2",
        scripts=sends(lambda a: h2.settings((0xF00D, 7), (0x99, 2**32 - 1)) + h2.answer(a)),
        want=Want(),
    ),
)

SHAPES = (
    breaks("a frame over 16,384 bytes", "A10", h2.FRAME_SIZE_ERROR, h2.frame(h2.DATA, 0, 1, bytes(16385))),
    breaks("PING of 7 bytes", "E50", h2.FRAME_SIZE_ERROR, h2.frame(h2.PING, 0, 0, bytes(7))),
    breaks("PING on a stream", "E50", h2.PROTOCOL_ERROR, h2.frame(h2.PING, 0, 1, bytes(8))),
    breaks("RST_STREAM of 3 bytes", "E52", h2.FRAME_SIZE_ERROR, h2.frame(h2.RST_STREAM, 0, 1, bytes(3))),
    breaks("RST_STREAM on stream 0", "E52", h2.PROTOCOL_ERROR, h2.rst(0, h2.CANCEL)),
    breaks("RST_STREAM on an idle stream", "E52", h2.PROTOCOL_ERROR, h2.rst(99, h2.CANCEL)),
    breaks("PRIORITY of 4 bytes", "E51", h2.FRAME_SIZE_ERROR, h2.frame(h2.PRIORITY, 0, 1, bytes(4))),
    breaks("GOAWAY of 4 bytes", "B18", h2.FRAME_SIZE_ERROR, h2.frame(h2.GOAWAY, 0, 0, bytes(4))),
    breaks("GOAWAY on a stream", "B18", h2.PROTOCOL_ERROR, h2.frame(h2.GOAWAY, 0, 1, bytes(8))),
    breaks("WINDOW_UPDATE of 3 bytes", "C31", h2.FRAME_SIZE_ERROR, h2.frame(h2.WINDOW_UPDATE, 0, 0, bytes(3))),
    breaks("WINDOW_UPDATE by 0", "C31", h2.PROTOCOL_ERROR, h2.window(0, 0)),
    breaks("WINDOW_UPDATE that overflows", "C31", h2.FLOW_CONTROL_ERROR, h2.window(0, 2**31 - 1)),
    breaks("DATA on stream 0", "F60", h2.PROTOCOL_ERROR, h2.frame(h2.DATA, 0, 0, b"x")),
    breaks("DATA on an idle stream", "F60", h2.PROTOCOL_ERROR, h2.data(99, b"x")),
    breaks("DATA before HEADERS", "F60", h2.PROTOCOL_ERROR, h2.data(1, b"x")),
    breaks("HEADERS on a stream of its own", "F60", h2.PROTOCOL_ERROR, h2.status(2, 200)),
    breaks("HEADERS on an idle stream", "F60", h2.PROTOCOL_ERROR, h2.status(99, 200)),
    breaks("CONTINUATION of nothing", "E46", h2.PROTOCOL_ERROR, h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, HEAD)),
    breaks("PING inside a header block", "E46", h2.PROTOCOL_ERROR, h2.frame(h2.HEADERS, 0, 1, HEAD) + h2.ping()),
    breaks(
        "padding longer than the frame",
        "C29",
        h2.PROTOCOL_ERROR,
        h2.status(1, 200) + h2.frame(h2.DATA, h2.PADDED, 1, b"\xc8short"),
    ),
    breaks("an HPACK index out of range", "E54", h2.COMPRESSION_ERROR, h2.headers_of(1, h2.indexed(200))),
    breaks("an HPACK table past our setting", "A10", h2.COMPRESSION_ERROR, h2.headers_of(1, h2.number(0x20, 5, 65536))),
    breaks(
        "an HPACK table that shrinks inside a block",
        "E54",
        h2.COMPRESSION_ERROR,
        h2.headers_of(1, HEAD + h2.number(0x20, 5, 0)),
    ),
    breaks(
        "Huffman code that is none",
        "E54",
        h2.COMPRESSION_ERROR,
        h2.headers_of(1, HEAD + b"\x00\x01x\x84" + b"\xff" * 4),
    ),
    breaks("an HPACK string past the block", "E54", h2.COMPRESSION_ERROR, h2.headers_of(1, HEAD + b"\x00\x05ab")),
)


def overflow_upload(talk: Talk) -> None:
    """The neighbour is served first; the victim's upload then waits for credit and gets far too much of it."""
    talk.gives_credit = False
    neighbour, victim = talk.whole("/b"), talk.head("/a")
    credit = h2.window(0, 100_000)  # for the uploads that come: a connection without any gets none
    talk.send(h2.window(victim.stream, 2**31 - 1), credit)
    talk.answer(neighbour)
    talk.gives_credit = True
    talk.serve()


STREAM_WINDOWS = (
    # An error of the stream, which libnghttp2 takes for one of the connection, as it may (RFC 9113 5.4.2).
    breaks("WINDOW_UPDATE by 0 on a stream", "C31", h2.PROTOCOL_ERROR, h2.window(1, 0)),
    Row(
        name="more body than our window",
        rule="C31",
        limits=Limits(buffer_bytes=4096),
        scripts=sends(lambda a: h2.status(a, 200) + h2.data(a, bytes(5000), end=True)),
        want=malformed(h2.FLOW_CONTROL_ERROR),
        or_want=BOTH_LOST,
    ),
    Row(
        name="the window of an upload overflows",
        rule="C31",
        content=lambda: bytes(200_000),
        neighbour_first=True,
        scripts=(overflow_upload,),
        want=malformed(h2.FLOW_CONTROL_ERROR),
        or_want=BOTH_LOST,
    ),
)

PLAIN = (*FIRST, *SETTINGS, *SHAPES, *STREAM_WINDOWS)
TLS_TOO = ("an answer in HTTP/1.1", "PUSH_PROMISE", "DATA before HEADERS")
FRAMES = (*PLAIN, *(replace(row, name=f"{row.name}, TLS", tls=True) for row in PLAIN if row.name in TLS_TOO))
