"""RST_STREAM: a verdict on one request. What is sent again, what is not, what counts as a whole response (table B)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from penstock import errors
from tests.transport import h2_frames as h2
from tests.transport.h2_raw_peer import Asked, Talk, fine
from tests.transport.h2_row import Row, Want, reset_by_peer, sends, truncated

PART = b"hel"


async def one_shot() -> AsyncIterator[bytes]:
    """What was taken from it cannot be had again."""
    yield PART
    yield b"lo"


def refuses(code: int) -> Callable[[Talk], None]:
    """Every attempt of the victim, on whatever connection."""

    def react(asked: Asked) -> bytes:
        return h2.rst(asked.stream, code) if asked.path == "/a" else fine(asked)

    return lambda talk: talk.serve(react)


def refuses_first(n: int) -> Callable[[Talk], None]:
    """The victim's first `n` attempts, on whatever connection."""

    def script(talk: Talk) -> None:
        def react(asked: Asked) -> bytes:
            is_early = asked.path == "/a" and talk.peer.paths().count("/a") <= n
            return h2.rst(asked.stream, h2.REFUSED_STREAM) if is_early else fine(asked)

        talk.serve(react)

    return script


def verdict(name: str, code: int, **more: object) -> Row:
    row = Row(name=name, rule="B", scripts=sends(lambda a: h2.rst(a, code)), want=reset_by_peer(code, name))
    return replace(row, **more)  # type: ignore[arg-type]


AGAIN = (
    Row(
        name="REFUSED_STREAM once",
        rule="B",
        scripts=sends(lambda a: h2.rst(a, h2.REFUSED_STREAM)),
        want=Want(sent_n=2),
    ),
    Row(
        name="REFUSED_STREAM twice",
        rule="B",
        scripts=(refuses_first(2),) * 9,
        want=Want(sent_n=3),
    ),
    Row(
        name="REFUSED_STREAM for ever",
        rule="B",
        scripts=(refuses(h2.REFUSED_STREAM),) * 9,
        want=Want(
            error=errors.Disconnected, code=h2.REFUSED_STREAM, text="REFUSED_STREAM", sent_n=4, maybe_processed=False
        ),
    ),
    Row(
        name="REFUSED_STREAM, of a GET",
        rule="B",
        method="GET",
        content=lambda: None,
        scripts=sends(lambda a: h2.rst(a, h2.REFUSED_STREAM)),
        want=Want(sent_n=2),
    ),
    Row(
        name="REFUSED_STREAM, of a body that came from an iterator",
        rule="B22",
        content=one_shot,
        scripts=sends(lambda a: h2.rst(a, h2.REFUSED_STREAM)),
        want=Want(
            loses="stream",
            error=errors.Disconnected,
            code=h2.REFUSED_STREAM,
            text="not sent again: part of its body was taken",
            maybe_processed=False,
        ),
    ),
    Row(
        name="HTTP_1_1_REQUIRED",
        rule="B",
        scripts=sends(lambda a: h2.rst(a, h2.HTTP_1_1_REQUIRED)),
        want=Want(loses="reuse", sent_n=2, version="HTTP/1.1"),
    ),
)

NEVER_AGAIN = (
    verdict("PROTOCOL_ERROR", h2.PROTOCOL_ERROR, want=replace(reset_by_peer(h2.PROTOCOL_ERROR), loses="reuse")),
    verdict("INTERNAL_ERROR", h2.INTERNAL_ERROR),
    verdict("STREAM_CLOSED", h2.STREAM_CLOSED),
    verdict("CANCEL", h2.CANCEL),
    verdict("CONNECT_ERROR", h2.CONNECT_ERROR),
    verdict("ENHANCE_YOUR_CALM", h2.ENHANCE_YOUR_CALM),
    verdict("INADEQUATE_SECURITY", h2.INADEQUATE_SECURITY),
    verdict("code 4711", 4711),
    verdict(
        "NO_ERROR before the head", h2.NO_ERROR, want=reset_by_peer(h2.NO_ERROR, "before the response was complete")
    ),
    verdict("INTERNAL_ERROR, of a GET", h2.INTERNAL_ERROR, method="GET", content=lambda: None, want=reset_by_peer(2)),
    Row(
        name="REFUSED_STREAM behind a 103",
        rule="B",
        scripts=sends(lambda a: h2.status(a, 103) + h2.rst(a, h2.REFUSED_STREAM)),
        want=replace(reset_by_peer(h2.REFUSED_STREAM), maybe_processed=False),
    ),
    Row(
        name="REFUSED_STREAM behind the head",
        rule="B",
        scripts=sends(lambda a: h2.status(a, 200) + h2.rst(a, h2.REFUSED_STREAM)),
        want=replace(truncated(h2.REFUSED_STREAM), maybe_processed=False),
    ),
    Row(
        name="HTTP_1_1_REQUIRED behind the head",
        rule="B",
        scripts=sends(lambda a: h2.status(a, 200) + h2.rst(a, h2.HTTP_1_1_REQUIRED)),
        want=truncated(h2.HTTP_1_1_REQUIRED),
    ),
    Row(name="421", rule="B", scripts=sends(lambda a: h2.answer(a, code=421)), want=Want(status=421)),
)

HALF = (b"content-length", b"9")
CUT = (
    Row(
        name="NO_ERROR inside the body",
        rule="B",
        scripts=sends(lambda a: h2.status(a, 200) + h2.data(a, b"half") + h2.rst(a, h2.NO_ERROR)),
        want=truncated(h2.NO_ERROR),
    ),
    Row(
        name="NO_ERROR before the last byte of a known length",
        rule="B",
        scripts=sends(lambda a: h2.status(a, 200, HALF) + h2.data(a, b"eightbyt") + h2.rst(a, h2.NO_ERROR)),
        want=truncated(h2.NO_ERROR),
    ),
    Row(
        name="NO_ERROR behind all bytes of the length, without END_STREAM",
        rule="B",
        scripts=sends(lambda a: h2.status(a, 200, HALF) + h2.data(a, b"ninebytes") + h2.rst(a, h2.NO_ERROR)),
        want=truncated(h2.NO_ERROR),
    ),
    Row(
        name="CANCEL inside the body",
        rule="B",
        scripts=sends(lambda a: h2.status(a, 200) + h2.data(a, b"half") + h2.rst(a, h2.CANCEL)),
        want=truncated(h2.CANCEL),
    ),
)


def answers_early(code: int, *after: int) -> Callable[[Talk], None]:
    """A whole answer while the victim's upload waits for credit; then a RST_STREAM for each code in `after`."""

    def script(talk: Talk) -> None:
        talk.gives_credit = False
        neighbour, victim = talk.whole("/b"), talk.head("/a")
        talk.answer(neighbour)
        credit = h2.window(0, 100_000)  # first: a connection without any gets no other upload
        talk.send(credit, h2.answer(victim.stream, code=code), *[h2.rst(victim.stream, each) for each in after])
        talk.gives_credit = True
        talk.serve()

    return script


def early(name: str, rule: str, want: Want, code: int, *after: int) -> Row:
    return Row(
        name=name,
        rule=rule,
        content=lambda: bytes(200_000),
        neighbour_first=True,
        scripts=(answers_early(code, *after),),
        want=want,
    )


BOTH_RESET = Want(rst=h2.NO_ERROR, rst_is_sure=False)

WHOLE = (
    Row(
        name="response and NO_ERROR together",
        rule="B",
        scripts=sends(lambda a: h2.answer(a) + h2.rst(a, h2.NO_ERROR)),
        want=Want(),
    ),
    Row(
        name="response and INTERNAL_ERROR together",
        rule="golang#49645",
        scripts=sends(lambda a: h2.answer(a) + h2.rst(a, h2.INTERNAL_ERROR)),
        want=Want(),
    ),
    early("a whole 413 during the upload", "F62", Want(status=413, rst=h2.NO_ERROR), 413),
    early("a whole 200 during the upload", "F63", Want(rst=h2.NO_ERROR), 200),
    early("a whole 200 during the upload, then NO_ERROR", "B", BOTH_RESET, 200, h2.NO_ERROR),
    early(
        "a whole 413 during the upload, then CANCEL", "golang#49645", replace(BOTH_RESET, status=413), 413, h2.CANCEL
    ),
)

TLS_TOO = ("REFUSED_STREAM once", "HTTP_1_1_REQUIRED", "INTERNAL_ERROR", "NO_ERROR inside the body")
PLAIN = (*AGAIN, *NEVER_AGAIN, *CUT, *WHOLE)
RESETS = (*PLAIN, *(replace(row, name=f"{row.name}, TLS", tls=True) for row in PLAIN if row.name in TLS_TOO))
