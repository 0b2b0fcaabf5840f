"""Heads, bodies and trailers that break the rules: one stream is lost, its neighbour is not (sections E and F)."""

from __future__ import annotations

from penstock import Limits
from tests.transport import h2_frames as h2
from tests.transport.h2_row import Row, Want, breaks_by, flooded, limited, malformed, sends

OK = (b":status", b"200")


def bad_head(name: str, rule: str, *fields: h2.Field, end: bool = False) -> Row:
    """A head that no client may take, with an innocent body behind it."""

    def build(a: int) -> bytes:
        head = h2.headers(a, *fields, flags=h2.END_STREAM if end else 0)
        return head if end else head + h2.data(a, b"fine", end=True)

    return Row(name=name, rule=rule, scripts=sends(build), want=malformed())


BAD_HEADS = (
    bad_head("a name in upper case", "F57", OK, (b"X-Up", b"1")),
    bad_head("connection", "F57", OK, (b"connection", b"close")),
    bad_head("keep-alive", "F57", OK, (b"keep-alive", b"timeout=5")),
    bad_head("proxy-connection", "F57", OK, (b"proxy-connection", b"close")),
    bad_head("transfer-encoding", "F57", OK, (b"transfer-encoding", b"chunked")),
    bad_head("upgrade", "F57", OK, (b"upgrade", b"websocket")),
    bad_head("no :status", "F57", (b"x", b"1")),
    bad_head("two :status", "F57", OK, OK),
    bad_head(":status behind a field", "F57", (b"x", b"1"), OK),
    bad_head(":status of two digits", "F57", (b":status", b"20")),
    bad_head(":status of four digits", "F57", (b":status", b"2000")),
    bad_head(":status of letters", "F57", (b":status", b"abc")),
    bad_head("empty :status", "F57", (b":status", b"")),
    bad_head("an unknown pseudo field", "F57", OK, (b":version", b"2")),
    bad_head("a request's pseudo field", "F57", OK, (b":path", b"/")),
    bad_head("CR in a value", "F57", OK, (b"x", b"a\rb")),
    bad_head("LF in a value", "F57", OK, (b"x", b"a\nb")),
    bad_head("CRLF and a field in a value", "F57", OK, (b"x", b"a\r\nset-cookie: b")),
    bad_head("NUL in a value", "F57", OK, (b"x", b"a\0b")),
    bad_head("a blank in a name", "F57", OK, (b"a b", b"1")),
    bad_head("a colon in a name", "F57", OK, (b"a:b", b"1")),
    bad_head("an empty name", "F57", OK, (b"", b"1")),
    bad_head("NUL in a name", "F57", OK, (b"a\0b", b"1")),
    bad_head("te", "F57", OK, (b"te", b"gzip")),
    bad_head("a list of lengths", "F58", OK, (b"content-length", b"4, 4")),
    bad_head("two lengths", "F58", OK, (b"content-length", b"4"), (b"content-length", b"5")),
    bad_head("a length with a letter", "F58", OK, (b"content-length", b"4x")),
    bad_head("a negative length", "F58", OK, (b"content-length", b"-4")),
    bad_head("a length past 64 bits", "F58", OK, (b"content-length", b"99999999999999999999")),
    bad_head("a length, and END_STREAM at once", "F61", OK, (b"content-length", b"4"), end=True),
    bad_head("101", "E47", (b":status", b"101"), (b"x", b"1")),
    bad_head("103 with END_STREAM", "E47", (b":status", b"103"), end=True),
)


def length(n: int) -> h2.Field:
    return (b"content-length", b"%d" % n)


BODIES = (
    Row(
        name="a body longer than its length",
        rule="F58",
        scripts=sends(lambda a: h2.status(a, 200, length(3)) + h2.data(a, b"four", end=True)),
        want=malformed(),
    ),
    Row(
        name="a body shorter than its length",
        rule="F58",
        scripts=sends(lambda a: h2.status(a, 200, length(9)) + h2.data(a, b"four", end=True)),
        want=malformed(),
    ),
    Row(
        name="DATA between interim heads",
        rule="F60",
        scripts=sends(lambda a: h2.status(a, 103) + h2.data(a, b"x", end=True)),
        want=malformed(),
    ),
    Row(
        name="DATA behind the end is ignored",
        rule="F60",
        scripts=sends(lambda a: h2.answer(a) + h2.data(a, b"more", end=True)),
        want=Want(),
    ),
    Row(
        name="HEADERS behind the end are ignored",
        rule="F60",
        scripts=sends(lambda a: h2.answer(a) + h2.status(a, 500, end=True)),
        want=Want(),
    ),
    Row(
        name="a HEAD response with a body",
        rule="F58",
        method="HEAD",
        content=lambda: None,
        scripts=sends(lambda a: h2.answer(a)),
        want=malformed(),
    ),
    Row(
        name="a 204 with a body",
        rule="F58",
        scripts=sends(lambda a: h2.status(a, 204) + h2.data(a, b"fine", end=True)),
        want=malformed(),
    ),
    Row(
        name="a 304 with a body",
        rule="F58",
        method="GET",
        content=lambda: None,
        scripts=sends(lambda a: h2.status(a, 304) + h2.data(a, b"fine", end=True)),
        want=malformed(),
    ),
    Row(
        name="a HEAD response with a length has no body",
        rule="F58",
        method="HEAD",
        content=lambda: None,
        scripts=sends(lambda a: h2.status(a, 200, length(4), end=True)),
        want=Want(body=b""),
    ),
    Row(
        name="a 304 with a length has no body",
        rule="F58",
        method="GET",
        content=lambda: None,
        scripts=sends(lambda a: h2.status(a, 304, length(4), end=True)),
        want=Want(status=304, body=b""),
    ),
    Row(
        name="blanks around a value are trimmed",
        rule="A14",
        scripts=sends(lambda a: h2.status(a, 200, (b"x", b" \ta \t")) + h2.data(a, b"fine", end=True)),
        want=Want(fields=(("x", "a"),)),
    ),
    Row(
        name="padding is not body",
        rule="C29",
        scripts=sends(
            lambda a: (
                h2.status(a, 200, length(4)) + h2.padded(a, b"fi", 200) + h2.padded(a, b"ne", 0, flags=h2.END_STREAM)
            )
        ),
        want=Want(),
    ),
)

TRAILERS = (
    Row(
        name="a pseudo field in trailers",
        rule="F57",
        scripts=sends(lambda a: h2.status(a, 200) + h2.data(a, b"x") + h2.trailers(a, OK)),
        want=malformed(),
    ),
    Row(
        name="trailers without END_STREAM",
        rule="F59",
        scripts=sends(lambda a: h2.status(a, 200) + h2.data(a, b"x") + h2.headers(a, (b"x", b"1"))),
        want=malformed(),
    ),
    Row(
        name="trailers over their limit",
        rule="F59",
        scripts=sends(lambda a: h2.status(a, 200) + h2.data(a, b"x") + h2.trailers(a, *[(b"x", b"1")] * 102)),
        want=limited(),
    ),
    Row(
        name="good trailers",
        rule="F59",
        scripts=sends(
            lambda a: h2.status(a, 200) + h2.data(a, b"fine") + h2.trailers(a, (b"x-sum", b"1"), (b"set-cookie", b"no"))
        ),
        want=Want(trailers=(("x-sum", "1"),)),
    ),
)


def bomb(a: int, uses_n: int) -> bytes:
    """One entry of 3,900 bytes for our table, then one byte for each use of it."""
    return h2.headers_of(a, h2.block(OK) + h2.remembered(b"a", b"v" * 3900) + h2.indexed(62) * uses_n)


def fields(a: int, n: int) -> bytes:
    return h2.headers_of(a, h2.block(OK) + h2.field(b"a", b"") * n)


def in_pieces(a: int, n: int) -> bytes:
    """A good head as HEADERS and `n` CONTINUATIONs of a byte each, and its body."""
    encoded = h2.block(OK, length(4))
    tail = encoded[-n:]
    pieces = [h2.frame(h2.HEADERS, 0, a, encoded[:-n])]
    pieces += [h2.frame(h2.CONTINUATION, h2.END_HEADERS if at == n - 1 else 0, a, tail[at : at + 1]) for at in range(n)]
    return b"".join(pieces) + h2.data(a, b"fine", end=True)


LIMITS = (
    Row(
        name="500 fields",
        rule="E45",
        scripts=sends(lambda a: fields(a, 500) + h2.data(a, b"fine", end=True)),
        want=Want(),
    ),
    Row(name="501 fields", rule="E45", scripts=sends(lambda a: fields(a, 501)), want=limited()),
    Row(
        name="four times too many fields", rule="E45", scripts=breaks_by(lambda a: fields(a, 2001)), want=flooded(None)
    ),
    Row(
        name="a head of 5,000 bytes where 4,096 are allowed",
        rule="E45",
        limits=Limits(head_bytes=4096),
        scripts=sends(lambda a: h2.status(a, 200, (b"x", b"v" * 5000))),
        want=limited(),
    ),
    Row(
        name="a head of 20,000 bytes where 4,096 are allowed",
        rule="E45",
        limits=Limits(head_bytes=4096),
        scripts=breaks_by(lambda a: h2.status(a, 200, (b"x", b"v" * 20000))),
        want=flooded(None),
    ),
    Row(name="8 CONTINUATIONs", rule="E46", scripts=sends(lambda a: in_pieces(a, 8)), want=Want()),
    Row(name="9 CONTINUATIONs", rule="E46", scripts=breaks_by(lambda a: in_pieces(a, 9)), want=flooded()),
    Row(
        name="16 interim heads",
        rule="E47",
        scripts=sends(lambda a: h2.status(a, 103) * 16 + h2.answer(a)),
        want=Want(infos_n=16),
    ),
    Row(
        name="17 interim heads",
        rule="E47",
        scripts=sends(lambda a: h2.status(a, 103) * 17 + h2.answer(a)),
        want=limited(h2.ENHANCE_YOUR_CALM),
    ),
    Row(name="a small HPACK bomb", rule="E54", scripts=sends(lambda a: bomb(a, 60)), want=limited()),
    Row(name="an HPACK bomb", rule="E54", scripts=breaks_by(lambda a: bomb(a, 12_000)), want=flooded(None)),
    Row(
        name="100 empty DATA",
        rule="E48",
        scripts=sends(lambda a: h2.status(a, 200) + h2.data(a) * 100 + h2.data(a, b"fine", end=True)),
        want=Want(),
    ),
    Row(
        name="150 empty DATA",
        rule="E48",
        scripts=breaks_by(lambda a: h2.status(a, 200) + h2.data(a) * 150 + h2.data(a, b"fine", end=True)),
        want=flooded(),
    ),
)

HEADS = (*BAD_HEADS, *BODIES, *TRAILERS, *LIMITS)
