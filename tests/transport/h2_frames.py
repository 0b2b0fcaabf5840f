"""HTTP/2 frames as bytes, right or wrong, and frames cut from bytes. Plain functions (RFC 9113 section 4).

Fields are literals without indexing and without Huffman, so that a reader of a test sees what is on the wire.

>>> frame(DATA, END_STREAM, 1, b"ok")
b'\\x00\\x00\\x02\\x00\\x01\\x00\\x00\\x00\\x01ok'
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_BYTES = 16384  # the longest payload a client takes that did not say otherwise
ID_MAX = 2**31 - 1

# types
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, ALTSVC = range(
    11
)
ORIGIN = 12
NAMES = ("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE")

# flags
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8

# error codes
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR = range(
    7
)
REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED = (
    range(7, 14)
)

# settings
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)

Field = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Frame:
    """One that came in."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    def __str__(self) -> str:
        name = NAMES[self.kind] if self.kind < len(NAMES) else f"type {self.kind}"
        return f"{name} stream={self.stream} flags={self.flags:#x} {self.payload[:16].hex()}"

    def number(self, at: int = 0) -> int:
        """The 32 bits at `at`: an error code, an increment, a last stream id."""
        return int.from_bytes(self.payload[at : at + 4], "big")


def size_of(head: bytes) -> int:
    """How long the payload is, by the frame's first nine bytes."""
    return int.from_bytes(head[:3], "big")


def frame_of(head: bytes, payload: bytes) -> Frame:
    return Frame(head[3], head[4], int.from_bytes(head[5:9], "big") & ID_MAX, payload)


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


# -- header blocks --


def number(first: int, bits: int, value: int) -> bytes:
    """An HPACK integer with a prefix of `bits` bits; `first` holds the bits above them (RFC 7541 5.1).

    >>> number(0, 5, 1337).hex()
    '1f9a0a'
    """
    top = 2**bits - 1
    if value < top:
        return bytes([first | value])
    out, value = [first | top], value - top
    while value >= 128:
        out.append(128 | value % 128)
        value //= 128
    return bytes([*out, value])


def string(text: bytes) -> bytes:
    return number(0, 7, len(text)) + text


def field(name: bytes, value: bytes) -> bytes:
    """Literal without indexing."""
    return b"\x00" + string(name) + string(value)


def remembered(name: bytes, value: bytes) -> bytes:
    """Literal that enters the peer's table, as index 62."""
    return b"\x40" + string(name) + string(value)


def indexed(index: int) -> bytes:
    return number(0x80, 7, index)


def block(*fields: Field) -> bytes:
    return b"".join(field(name, value) for name, value in fields)


# -- frames that carry heads and bodies --


def headers(stream: int, *fields: Field, flags: int = 0) -> bytes:
    return headers_of(stream, block(*fields), flags=flags)


def headers_of(stream: int, encoded: bytes, *, flags: int = 0) -> bytes:
    """A header block as HEADERS, with as many CONTINUATIONs as it needs."""
    pieces = [encoded[at : at + FRAME_BYTES] for at in range(0, len(encoded), FRAME_BYTES)] or [b""]
    out = []
    for at, piece in enumerate(pieces):
        ends = END_HEADERS if at == len(pieces) - 1 else 0
        out.append(frame(CONTINUATION if at else HEADERS, ends | (0 if at else flags), stream, piece))
    return b"".join(out)


def status(stream: int, code: int, *fields: Field, end: bool = False) -> bytes:
    """A response head."""
    return headers(stream, (b":status", b"%d" % code), *fields, flags=END_STREAM if end else 0)


def data(stream: int, text: bytes = b"", *, end: bool = False) -> bytes:
    """A body's bytes, cut to frames."""
    pieces = [text[at : at + FRAME_BYTES] for at in range(0, len(text), FRAME_BYTES)] or [b""]
    last = len(pieces) - 1
    return b"".join(
        frame(DATA, END_STREAM if end and at == last else 0, stream, piece) for at, piece in enumerate(pieces)
    )


def padded(stream: int, text: bytes, padding: int, *, flags: int = 0) -> bytes:
    return frame(DATA, PADDED | flags, stream, bytes([padding]) + text + bytes(padding))


def answer(stream: int, body: bytes = b"fine", *fields: Field, code: int = 200) -> bytes:
    """A whole response."""
    return status(stream, code, (b"content-length", b"%d" % len(body)), *fields) + data(stream, body, end=True)


def trailers(stream: int, *fields: Field) -> bytes:
    return headers(stream, *fields, flags=END_STREAM)


# -- control frames --


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", name, value) for name, value in pairs))


def stream_limit(n: int) -> bytes:
    return settings((MAX_CONCURRENT_STREAMS, n))


def settings_ack() -> bytes:
    return frame(SETTINGS, ACK)


def ping(payload: bytes = b"12345678", *, ack: bool = False) -> bytes:
    return frame(PING, ACK if ack else 0, 0, payload)


def rst(stream: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last_stream: int, code: int = NO_ERROR, debug: bytes = b"") -> bytes:
    return frame(GOAWAY, 0, 0, struct.pack(">II", last_stream, code) + debug)


def window(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def priority(stream: int, depends_on: int = 0) -> bytes:
    return frame(PRIORITY, 0, stream, struct.pack(">IB", depends_on, 15))


def push_promise(stream: int, promised: int) -> bytes:
    head = block((b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"x"), (b":path", b"/pushed"))
    return frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", promised) + head)
