"""GOAWAY and the end of the connection: who is sent again, who runs on, what the error says (table B, 16 to 24)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock import errors
from tests.transport import h2_frames as h2
from tests.transport.h2_raw_peer import Talk
from tests.transport.h2_row import Row, Want, breaks_by, sends, sends_and

ALL = h2.ID_MAX


def lost(code: int = 0, text: str = "", **more: object) -> Want:
    """Both died with the connection, without proof that the server did nothing."""
    want = Want(loses="connection", error=errors.Disconnected, code=code, text=text, neighbour=errors.Disconnected)
    return replace(want, **more)  # type: ignore[arg-type]


def behind_neighbour(*frames: Callable[[int], bytes]) -> tuple[Callable[[Talk], None], ...]:
    """The neighbour's stream is the lower one; the frames are made of its id; then it is answered."""

    def script(talk: Talk) -> None:
        neighbour, victim = talk.whole("/b"), talk.whole("/a")
        assert neighbour.stream < victim.stream
        talk.send(*[build(neighbour.stream) for build in frames])
        talk.answer(neighbour)
        talk.serve()

    return (script,)


SENT_AGAIN = Want(loses="reuse", sent_n=2)

SPLIT = (
    Row(
        name="GOAWAY below the victim",
        rule="B",
        neighbour_first=True,
        scripts=behind_neighbour(h2.goaway),
        want=SENT_AGAIN,
    ),
    Row(
        name="GOAWAY with an error below the victim",
        rule="B",
        neighbour_first=True,
        scripts=behind_neighbour(lambda b: h2.goaway(b, h2.INTERNAL_ERROR)),
        want=SENT_AGAIN,
    ),
    Row(
        name="GOAWAY above both",
        rule="B",
        scripts=sends(lambda a: h2.goaway(ALL) + h2.answer(a)),
        want=Want(loses="reuse"),
    ),
    Row(
        name="GOAWAY twice, the second below the victim",
        rule="B18",
        neighbour_first=True,
        scripts=behind_neighbour(lambda b: h2.goaway(ALL) + h2.ping(), h2.goaway),
        want=SENT_AGAIN,
    ),
    Row(
        name="GOAWAY twice, both above",
        rule="B18",
        scripts=sends(lambda a: h2.goaway(ALL) + h2.goaway(a + 2) + h2.answer(a)),
        want=Want(loses="reuse"),
    ),
    Row(
        name="GOAWAY with a growing id",
        rule="B18",
        scripts=breaks_by(lambda a: h2.goaway(a) + h2.goaway(a + 2)),
        want=Want(
            loses="connection", error=errors.MalformedResponse, code=h2.PROTOCOL_ERROR, goaway=h2.PROTOCOL_ERROR
        ),  # the neighbour was refused by the first: sent again
    ),
)

FRESH = (
    Row(
        name="GOAWAY with an error on a fresh connection's first stream",
        rule="B",
        scripts=sends(lambda a: h2.goaway(0, h2.INTERNAL_ERROR, b"no")),
        want=Want(
            loses="reuse",
            error=errors.Disconnected,
            code=h2.INTERNAL_ERROR,
            text="INTERNAL_ERROR: no",
            maybe_processed=False,
        ),
    ),
    Row(
        name="GOAWAY without an error on a fresh connection's first stream",
        rule="B",
        scripts=sends(lambda a: h2.goaway(0)),
        want=SENT_AGAIN,
    ),
    Row(
        name="GOAWAY with an error on a connection that has served",
        rule="B",
        warms=True,
        scripts=sends(lambda a: h2.goaway(0, h2.INTERNAL_ERROR)),
        want=SENT_AGAIN,
    ),
    Row(
        name="GOAWAY of every connection",
        rule="B21",
        scripts=(
            lambda talk: talk.serve(lambda asked: h2.goaway(0) if asked.path in "/a/b" else h2.answer(asked.stream)),
        )
        * 9,
        want=Want(
            loses="reuse",
            error=errors.Disconnected,
            text="GOAWAY",
            sent_n=4,
            maybe_processed=False,
            neighbour=errors.Disconnected,
        ),
    ),
    Row(
        name="GOAWAY as the first word",
        rule="B17",
        hello=h2.settings() + h2.goaway(0),
        scripts=(lambda talk: talk.until(lambda: False),),
        want=Want(loses="reuse", sent_n=None),
    ),
)


def answer_and_leave(talk: Talk) -> None:
    """The last response and GOAWAY in one write: who asks next must not come here."""
    talk.auto.clear()
    warm = talk.whole("/warm")
    talk.send(h2.answer(warm.stream), h2.goaway(warm.stream))
    talk.serve()


ENDS = (
    Row(
        name="GOAWAY with the last response",
        rule="undici#5453",
        warms=True,
        scripts=(answer_and_leave,),
        want=Want(loses="reuse"),
    ),
    Row(
        name="GOAWAY and FIN",
        rule="httpcore#1054",
        scripts=sends_and(lambda a: h2.goaway(ALL, h2.INTERNAL_ERROR, b"slow down"), Talk.finish),
        want=lost(h2.INTERNAL_ERROR, "INTERNAL_ERROR: slow down"),
    ),
    Row(
        name="GOAWAY without an error, and FIN",
        rule="httpcore#1054",
        scripts=sends_and(lambda a: h2.goaway(ALL, debug=b"bye"), Talk.finish),
        want=lost(0, "GOAWAY (NO_ERROR: bye)"),
    ),
    Row(
        name="GOAWAY inside a body, and FIN",
        rule="httpcore#1054",
        scripts=sends_and(
            lambda a: h2.status(a, 200) + h2.data(a, b"half") + h2.goaway(ALL, h2.INTERNAL_ERROR, b"x"), Talk.finish
        ),
        want=lost(h2.INTERNAL_ERROR, "INTERNAL_ERROR: x", error=errors.TruncatedResponse),
    ),
    Row(
        name="three GOAWAYs and FIN: the first error is kept",
        rule="B19",
        scripts=sends_and(
            lambda a: h2.goaway(ALL, 0, b"1") + h2.goaway(ALL, 2, b"2") + h2.goaway(ALL, 10, b"3"), Talk.finish
        ),
        want=lost(h2.INTERNAL_ERROR, "INTERNAL_ERROR: 2"),
    ),
    Row(
        name="GOAWAY that asks for calm, and FIN",
        rule="B20",
        scripts=sends_and(lambda a: h2.goaway(ALL, h2.ENHANCE_YOUR_CALM, b"too_many_pings"), Talk.finish),
        want=lost(h2.ENHANCE_YOUR_CALM, "ENHANCE_YOUR_CALM: too_many_pings"),
    ),
    Row(
        name="debug text that is no text",
        rule="B19",
        scripts=sends_and(lambda a: h2.goaway(ALL, 2, b"a\r\nb\0\xff" + b"x" * 5000), Talk.finish),
        want=lost(h2.INTERNAL_ERROR, "INTERNAL_ERROR: a??b??xxx"),
    ),
    Row(name="FIN before any answer", rule="B", scripts=sends_and(lambda a: b"", Talk.finish), want=lost()),
    Row(
        name="FIN on a connection that has served",
        rule="B",
        warms=True,
        scripts=sends_and(lambda a: b"", Talk.finish),
        want=lost(),
    ),
    Row(
        name="FIN on a connection that has served, of a GET",
        rule="B",
        warms=True,
        method="GET",
        content=lambda: None,
        scripts=sends_and(lambda a: b"", Talk.finish),
        want=Want(loses="connection", sent_n=2, neighbour=errors.Disconnected),
    ),
    Row(
        name="FIN inside a body",
        rule="G74",
        scripts=sends_and(lambda a: h2.status(a, 200) + h2.data(a, b"half"), Talk.finish),
        want=lost(error=errors.TruncatedResponse),
    ),
    Row(
        name="FIN inside a frame",
        rule="G74",
        scripts=sends_and(lambda a: h2.answer(a)[:-2], Talk.finish),
        want=lost(error=errors.TruncatedResponse),
    ),
    Row(
        name="FIN behind a whole response",
        rule="G75",
        scripts=sends_and(h2.answer, Talk.finish),
        want=lost(error=None),
    ),
    Row(
        name="TCP reset",
        rule="B",
        scripts=sends_and(lambda a: b"", Talk.reset),
        want=Want(loses="connection", error=errors.NetworkError, neighbour=errors.NetworkError),
    ),
)

TLS_TOO = ("GOAWAY below the victim", "GOAWAY and FIN", "FIN inside a body", "FIN behind a whole response")
PLAIN = (*SPLIT, *FRESH, *ENDS)
GOAWAYS = (*PLAIN, *(replace(row, name=f"{row.name}, TLS", tls=True) for row in PLAIN if row.name in TLS_TOO))
