"""One scenario of the hostile server: what it does, and what the client must make of it.

Each row asks for /a (the victim) and /b (its neighbour on the same connection) at once, then for /c. Only what the row
says may be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from penstock import Limits, errors
from penstock.upload import Content
from tests.transport import h2_frames as h2
from tests.transport.h2_raw_peer import Talk, TalkScript

# What a fault costs: nothing; the victim's stream; the connection for new requests, while the neighbour finishes on it;
# the connection and all on it.
Loss = Literal["nothing", "stream", "reuse", "connection"]
CONTENT = b"hello"


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """The outcome of /a, and of its neighbour where it cannot do well."""

    loses: Loss = "nothing"
    error: type[errors.PenstockError] | None = None  # None: a response
    status: int = 200
    body: bytes | None = b"fine"  # None: not looked at
    code: int | None = None  # of HTTP/2, as err.detail
    fields: tuple[tuple[str, str], ...] = ()  # of the response
    trailers: tuple[tuple[str, str], ...] = ()
    infos_n: int = 0  # 1xx before it
    text: str = ""  # part of the error's text
    maybe_processed: bool = True
    sent_n: int | None = 1  # times the server saw /a; None: as may be
    version: str = "HTTP/2"
    neighbour: type[errors.PenstockError] | None = None  # None: 200
    rst: int | None = None  # the client's RST_STREAM for /a
    rst_is_sure: bool = True  # False: the peer has reset it too, and newer libnghttp2 then takes ours back
    goaway: int | None = None  # the client's GOAWAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    rule: str
    scripts: Sequence[TalkScript]  # by connection; those after them serve well
    want: Want
    hello: bytes = field(default_factory=h2.settings)
    warms: bool = False  # a request before, so that the connection is not fresh
    neighbour_first: bool = False  # on the lower stream
    tls: bool = False
    method: str = "POST"
    content: Callable[[], Content] = lambda: CONTENT
    limits: Limits | None = None
    or_want: Want | None = None  # what newer libnghttp2 does, where it ends the connection for the fault of one stream


def sends(build: Callable[[int], bytes]) -> tuple[TalkScript, ...]:
    """When both requests are whole, the bytes that `build` makes of the victim's stream; the neighbour's answer behind
    them; then a good server."""

    def script(talk: Talk) -> None:
        victim, neighbour = talk.whole("/a"), talk.whole("/b")
        talk.send(build(victim.stream))
        victim.is_over = True
        talk.answer(neighbour)
        talk.serve()

    return (script,)


def breaks_by(build: Callable[[int], bytes], *, greets: bool = False) -> tuple[TalkScript, ...]:
    """The same where the connection is to be lost. Nothing is sent behind it, so that the client can close without a
    TCP reset, which would take its GOAWAY away. `greets`: not a word was said before, not even SETTINGS."""

    def script(talk: Talk) -> None:
        talk.acks_settings = talk.gives_credit = not greets
        victim = talk.whole("/a")
        talk.whole("/b")
        talk.send(build(victim.stream))
        talk.serve()

    return (script,)


def sends_and(build: Callable[[int], bytes], end: Callable[[Talk], None]) -> tuple[TalkScript, ...]:
    """The same without the neighbour's answer, and then the end of the connection."""

    def script(talk: Talk) -> None:
        victim = talk.whole("/a")
        talk.whole("/b")
        talk.send(build(victim.stream))
        end(talk)

    return (script,)


# -- wants that many rows share --


def malformed(code: int = h2.PROTOCOL_ERROR, **more: object) -> Want:
    """One stream lost to a head or body that breaks the rules (RFC 9113 8.1.1)."""
    return Want(loses="stream", error=errors.MalformedResponse, code=code, rst=code, **more)  # type: ignore[arg-type]


def limited(code: int = h2.CANCEL) -> Want:
    """Too much for a stream; who floods one gets no others."""
    loses: Loss = "reuse" if code == h2.ENHANCE_YOUR_CALM else "stream"
    return Want(loses=loses, error=errors.LimitExceeded, code=code, rst=code)


def broken(code: int = h2.PROTOCOL_ERROR, text: str = "") -> Want:
    """The connection lost to a frame that breaks the rules (RFC 9113 5.4.1)."""
    return Want(
        loses="connection",
        error=errors.MalformedResponse,
        code=code,
        goaway=code,
        neighbour=errors.MalformedResponse,
        text=text,
    )


def flooded(code: int | None = h2.ENHANCE_YOUR_CALM) -> Want:
    return Want(
        loses="connection",
        error=errors.LimitExceeded,
        code=code,
        goaway=h2.ENHANCE_YOUR_CALM,
        neighbour=errors.LimitExceeded,
    )


def reset_by_peer(code: int, text: str = "") -> Want:
    """A verdict on one request: told, not sent again."""
    return Want(loses="stream", error=errors.Disconnected, code=code, text=text)


def truncated(code: int) -> Want:
    return Want(loses="stream", error=errors.TruncatedResponse, code=code)
