"""Write the seeds of fuzz_h2 and fuzz_h2_conn, whose sources say what the bytes mean.

Usage: python tests/fuzz/make_h2_corpus.py
"""

from __future__ import annotations

from pathlib import Path

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION, ALTSVC = range(11)
END_STREAM = ACK = 1
END_HEADERS, PADDED = 4, 8
GET, POST, STREAM, SMALL, PULL, EXPECT, FOUR = 0, 2, 3, 4, 8, 16, 192  # the first byte
OPEN, DROP, CREDIT, SEND, PINGS, STOP_WAITING, TAG, PULLS, SHUTDOWN, SEND_END = 0, 1, 2, 3, 4, 6, 7, 8, 245, 207


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def u32(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def block(**fields: str) -> bytes:
    """Literals without indexing; `status` is a pseudo field."""
    pairs = [((":" if name == "status" else "") + name, value) for name, value in fields.items()]
    return b"".join(b"\0" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in pairs)


def head(stream: int, flags: int = 0, **fields: str) -> bytes:
    return frame(HEADERS, flags | END_HEADERS, stream, block(**fields))


def setting(key: int, value: int) -> bytes:
    return frame(SETTINGS, 0, 0, key.to_bytes(2, "big") + u32(value))


def wire(frames: bytes, *, cut: int = 0) -> bytes:
    """Bytes of the server as they are, `cut` into pieces of 1 or 9."""
    return bytes([{0: 255, 1: 250, 9: 251}[cut]]) + len(frames).to_bytes(2, "big") + frames


def act(what: int, stream: int = 1, *more: int) -> bytes:
    return bytes([0, what, stream // 2, *more])


def pull(room: int = 255) -> bytes:
    return act(PULLS, 1, room)


OK = head(1, status="200") + frame(DATA, 0, 1, b"hello ") + frame(DATA, END_STREAM, 1, b"world")
SETTINGS_ACK = frame(SETTINGS, ACK, 0)
SEEDS = {
    "answer": bytes([GET | PULL]) + wire(SETTINGS_ACK + OK) + act(CREDIT) + pull(),
    "answer_in_pieces": bytes([GET | PULL]) + wire(SETTINGS_ACK + OK, cut=1) + act(OPEN) + pull(),
    "trailers": bytes([GET | PULL])
    + wire(head(1, status="200") + frame(DATA, 0, 1, b"x") + head(1, END_STREAM, checksum="1", age="2")),
    "interim": bytes([GET | PULL]) + wire(head(1, status="103", link="</a>") + head(1, status="103"), cut=9) + wire(OK),
    "padded": bytes([GET | PULL])
    + wire(
        frame(HEADERS, PADDED | END_HEADERS, 1, b"\x03" + block(status="200") + b"\0" * 3)
        + frame(DATA, PADDED, 1, b"\x05abc" + b"\0" * 5)
        + frame(DATA, PADDED | END_STREAM, 1, b"\x00z")
    ),
    "continuation": bytes([GET | PULL])
    + wire(
        frame(HEADERS, END_STREAM, 1, block(status="200")[:4])
        + frame(CONTINUATION, 0, 1, block(status="200")[4:] + block(a="b"))
        + frame(CONTINUATION, END_HEADERS, 1, block(c="d")),
        cut=1,
    ),
    "indexed": bytes([GET | FOUR | PULL])
    + wire(
        frame(HEADERS, END_HEADERS, 1, b"\x88\x40\x01a\x01b")
        + frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x88\xbe")
        + frame(HEADERS, END_HEADERS | END_STREAM, 5, b"\x20\x88")
    ),
    "goaway": bytes([GET | FOUR | PULL])
    + wire(head(1, status="200") + frame(GOAWAY, 0, 0, u32(3, 0) + b"bye"))
    + wire(frame(DATA, END_STREAM, 1, b"x") + frame(GOAWAY, 0, 0, u32(1, 11) + b"calm")),
    "resets": bytes([GET | FOUR | PULL])
    + wire(frame(RST, 0, 1, u32(7)) + frame(RST, 0, 3, u32(13)) + head(5, status="200") + frame(RST, 0, 5, u32(0))),
    "settings": bytes([STREAM | FOUR | PULL])
    + wire(setting(3, 2) + setting(4, 10) + setting(1, 0) + setting(5, 16384) + setting(6, 100))
    + act(SEND, 1, 200)
    + pull()
    + wire(setting(4, 100000) + setting(4, 0) + setting(3, 100) + frame(WINDOW, 0, 1, u32(1000)))
    + act(OPEN)
    + pull(),
    "pings": bytes([GET | PULL])
    + act(PINGS)
    + pull()
    + wire(frame(PING, ACK, 0, b"penstoc\1") + frame(PING, 0, 0, b"12345678"))
    + act(PINGS)
    + pull(),
    "push": bytes([GET | PULL]) + wire(frame(PUSH, END_HEADERS, 1, u32(2) + block(status="200"))),
    "odd_frames": bytes([GET | PULL])
    + wire(
        frame(PRIORITY, 0, 1, u32(0) + b"\x10")
        + frame(ALTSVC, 0, 0, b'\0\1ah2=":1"')
        + frame(12, 0, 0, b"\0\4http")
        + frame(16, 0, 0, u32(1) + b"u=1")
        + frame(0xBE, 255, 77, b"x")
        + frame(DATA, 0, 1)
        + OK
    ),
    "uploads": bytes([STREAM | FOUR | PULL])
    + act(TAG, 1)
    + act(TAG, 3)
    + act(SEND, 1, 255)
    + act(SEND, 3, 255)
    + pull(2)
    + pull(2)
    + act(SEND_END, 1, 100)
    + pull()
    + wire(head(1, END_STREAM, status="200") + head(3, status="413")),
    "fixed_upload": bytes([POST | PULL]) + act(SEND, 1, 255) + act(SEND, 1, 45) + pull() + wire(OK),
    "expect": bytes([POST | EXPECT | PULL])
    + act(SEND, 1, 255)
    + wire(head(1, status="100"))
    + act(SEND, 1, 255)
    + act(SEND, 1, 45)
    + pull()
    + wire(OK),
    "expect_no_more": bytes([STREAM | EXPECT | PULL]) + act(STOP_WAITING) + act(SEND_END, 1, 9) + pull() + wire(OK),
    "cancels": bytes([GET | FOUR | PULL])
    + wire(head(1, status="200") + frame(DATA, 0, 1, b"x"))
    + act(DROP, 1)
    + act(DROP, 3)
    + pull()
    + act(OPEN)
    + act(DROP, 9)
    + wire(frame(DATA, 0, 1, b"late") + head(3, END_STREAM, status="200") + frame(PING, 0, 0, b"12345678")),
    "shutdown": bytes([GET | PULL]) + act(SHUTDOWN) + pull() + wire(OK),
    "small_limits": bytes([GET | SMALL | PULL])
    + wire(head(1, status="200", a="b" * 100, c="d" * 100, e="f") + frame(DATA, 0, 1, b"x" * 256))
    + act(CREDIT)
    + pull()
    + wire(frame(DATA, 0, 1, b"x" * 300)),
    "http1": bytes([GET | PULL]) + wire(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
}

# fuzz_h2_conn
TWO_CONNS, STRICT, SMALL_WINDOW, AGE, AFTER, END_ALL, DRAIN = 1, 2, 4, 16, 32, 64, 128
FIXED, STREAMED, WAITS, COUNTS, SENDS, ENDS = 2, 3, 4, 8, 16, 32
HELLO = bytes([8, 0])


def ask(choice: int = 0, clock: int = 0) -> bytes:
    return bytes([0, choice, clock])


def say(frames: bytes, peer: int = 0) -> bytes:
    return bytes([14, peer]) + len(frames).to_bytes(2, "big") + frames


def answer(stream: int, peer: int = 0) -> bytes:
    return bytes([9, peer, stream])


def skip(tens_ms: int) -> bytes:
    """Up to 2.23 s, or a multiple of 2.24 s that is a power of two."""
    if tens_ms < 224:
        return bytes([5, tens_ms])
    return bytes([5, 224, (tens_ms // 224).bit_length() - 1])


CANCEL, CREDITS, UPLOADS, HANGS_UP, READS, HALF_CLOSES = (bytes([what]) for what in (2, 3, 4, 6, 7, 15))
CONN_SEEDS = {
    "answer": bytes([END_ALL]) + ask() + HELLO + answer(1) + ask() + answer(3),
    "shared": bytes([END_ALL]) + ask() + ask(FIXED, 9) + HELLO + ask() + answer(3) + answer(1) + answer(5),
    "one_stream": bytes([TWO_CONNS | END_ALL])
    + ask()
    + say(setting(3, 1) + SETTINGS_ACK)
    + ask() * 4
    + answer(1)
    + answer(1, peer=1)
    + answer(3),
    "strict": bytes([STRICT | END_ALL]) + ask() * 3 + say(setting(3, 1) + SETTINGS_ACK) + answer(1) + answer(3),
    "cancels": bytes([DRAIN])
    + ask() * 3
    + HELLO
    + CANCEL
    + b"\0"
    + say(head(3, status="200"))
    + CANCEL
    + b"\1"
    + ask() * 2
    + skip(6 * 224)
    + ask()
    + say(frame(PING, ACK, 0, b"penstoc\1")),
    "credit": bytes([SMALL_WINDOW | END_ALL])
    + ask(COUNTS)
    + HELLO
    + say(head(1, status="200") + frame(DATA, 0, 1, b"x" * 256))
    + CREDITS
    + b"\0"
    + say(frame(DATA, END_STREAM, 1, b"x" * 100)),
    "upload": bytes([END_ALL])
    + ask(STREAMED | SENDS, 100)
    + HELLO
    + UPLOADS
    + b"\0\x7f"
    + READS
    + b"\0"
    + UPLOADS
    + b"\0\x08"
    + answer(1),
    "expect": bytes([END_ALL])
    + ask(STREAMED | WAITS | SENDS | ENDS, 50)
    + ask(STREAMED | WAITS | SENDS | ENDS, 50)
    + HELLO
    + say(head(1, status="100"))
    + skip(110)
    + answer(1)
    + answer(3),
    "refused": bytes([END_ALL])
    + ask() * 3
    + HELLO
    + say(frame(RST, 0, 1, u32(7)) + frame(RST, 0, 3, u32(13)) + frame(RST, 0, 5, u32(11)))
    + skip(30)
    + answer(7)
    + answer(1, peer=1),
    "goaway": bytes([END_ALL])
    + ask() * 3
    + HELLO
    + say(frame(GOAWAY, 0, 0, u32(1, 0)))
    + bytes([8, 1])
    + answer(1)
    + answer(1, peer=1)
    + answer(3, peer=1),
    "calm": bytes([END_ALL])
    + ask() * 2
    + HELLO
    + say(frame(GOAWAY, 0, 0, u32(0, 11) + b"too_many_pings"))
    + skip(200)
    + ask()
    + answer(1, peer=1),
    "silence": bytes([END_ALL]) + ask() * 2 + HELLO + skip(16 * 224) + skip(16 * 224) + skip(16 * 224),
    "no_settings_ack": bytes([END_ALL]) + ask() + say(frame(SETTINGS, 0, 0)) + skip(8 * 224),
    "clocks": bytes([END_ALL]) + b"".join(ask(0, 128 + n) for n in range(7)) + HELLO + skip(8) + skip(100) + answer(3),
    "hang_ups": bytes([AFTER | DRAIN])
    + ask()
    + HELLO
    + say(head(1, status="200") + frame(DATA, 0, 1, b"x"))
    + HANGS_UP
    + b"\0"
    + ask()
    + HALF_CLOSES
    + b"\1",
    "old_age": bytes([AGE | END_ALL]) + ask() + HELLO + skip(8 * 224) + ask() + answer(1) + answer(3) + ask(),
}


def write(target: str, seeds: dict[str, bytes]) -> None:
    folder = Path(__file__).parent / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed in seeds.items():
        (folder / name).write_bytes(seed)


if __name__ == "__main__":
    write("fuzz_h2", SEEDS)
    write("fuzz_h2_conn", CONN_SEEDS)
