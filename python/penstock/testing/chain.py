"""The words of a script: what a reply can do, as methods that return a longer reply.

`Reply` is one answer. `Rule` (rule.py) has the same words, for its last reply. Both are values: each method returns
a new one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.testing.errors import ScriptError
from penstock.testing.sse import EventLike, dumps
from penstock.testing.sse import events as events_of
from penstock.testing.steps import (
    CHUNKED,
    LAST,
    VERBATIM,
    Body,
    CutHow,
    Delay,
    Events,
    FieldsLike,
    Head,
    Info,
    Raw,
    Stall,
    Step,
    Steps,
    Trailers,
    field_of,
    fields_of,
)
from penstock.testing.steps import Cut as CutStep

if TYPE_CHECKING:
    from penstock.testing.faults import Fault

C = TypeVar("C", bound="Chain")
ABSENT: Any = object()
NO_CONTENT = (204, 304)  # have no body, and a length would be wrong (RFC 9110 8.6)


class Chain(ABC):
    """What can be said of a reply, in order of time."""

    __slots__ = ()

    @abstractmethod
    def current(self) -> Reply:
        """The reply that the next word is about."""

    @abstractmethod
    def with_reply(self: C, reply: Reply) -> C:
        """The same with that reply for the current one."""

    def _then(self: C, *more: Step) -> C:
        reply = self.current()
        if reply.steps and isinstance(reply.steps[-1], LAST):
            raise ScriptError(f"nothing can follow {reply.steps[-1]!r}")
        return self.with_reply(replace(reply, steps=(*reply.steps, *more)))

    def delay(self: C, s: float) -> C:
        """Wait so many seconds before what comes next."""
        return self._then(Delay(_seconds("delay", s)))

    def info(self: C, status: int, headers: FieldsLike = None) -> C:
        """A 1xx head, before the answer."""
        if not 100 <= status <= 199 or status == 101:
            raise ScriptError(f"an informational status is 100 or 102 to 199, not {status}")
        self._check_no_head()
        return self._then(Info(status, fields_of(headers)))

    def answer(
        self: C, status: int = 200, headers: FieldsLike = None, body: bytes | str = b"", *, json: object = ABSENT
    ) -> C:
        """A whole answer with Content-Length; `json` instead of `body` also sets the content type."""
        self._check_no_head()
        fields = fields_of(headers)
        if json is not ABSENT:
            if body:
                raise ScriptError("an answer has body= or json=, not both")
            body = dumps(json)
            if field_of(fields, b"content-type") is None:
                fields = ((b"content-type", b"application/json"), *fields)
        data = body.encode() if isinstance(body, str) else bytes(body)
        if status in NO_CONTENT and not data:
            return self._then(Head(status, fields, VERBATIM))
        pieces = (Body(data),) if data else ()
        return self._then(Head(_status(status), fields, len(data)), *pieces)

    def head(self: C, status: int = 200, headers: FieldsLike = None, *, body_bytes: int = CHUNKED) -> C:
        """The head alone; pieces of the body follow. body_bytes: a length, or CHUNKED, UNTIL_CLOSE, VERBATIM."""
        self._check_no_head()
        return self._then(Head(_status(status), fields_of(headers), body_bytes))

    def body(self: C, data: bytes | str) -> C:
        """A piece of the body."""
        self._check_head("a piece of the body")
        return self._then(Body(data.encode() if isinstance(data, str) else bytes(data)))

    def sse(
        self: C,
        events: Iterable[EventLike],
        *,
        count: int | None = None,
        per_s: float = 0.0,
        jitter: float = 0.0,
        seed: int = 0,
        stamped: bool = False,
        status: int = 200,
        headers: FieldsLike = None,
    ) -> C:
        """Server-sent events, with a head unless there is one.

        events  each bytes as on the wire, text, a mapping (sent as JSON), or a pair of event name and one of these
        count   how many in all, from `events` again and again; default: each once
        per_s   events per second on an absolute schedule; 0 = as fast as the peer takes them
        jitter  share of 1/per_s by which each may move, 0 to 1, repeatable by `seed`
        stamped number and send time in each event (stamps.py)
        """
        pieces = events_of(events, stamped=stamped)
        if not pieces:
            raise ScriptError("a stream needs at least one event")
        made = Events(pieces, len(pieces) if count is None else count, *_pace(per_s, jitter), seed)
        if made.count < 0:
            raise ScriptError(f"count must not be negative, as {made.count} is")
        if self.current().head_step is not None:
            return self._then(made)
        own = (*fields_of(headers),)
        named = {name for name, _ in own}
        usual = fields_of({"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"})
        fields = (*(pair for pair in usual if pair[0] not in named), *own)
        return self._then(Head(_status(status), fields, CHUNKED), made)

    def trailers(self: C, headers: FieldsLike) -> C:
        """Fields after the body; they end the answer. A body with a length has none in HTTP/1.1: it is chunked."""
        self._check_head("trailers")
        reply = self.current()
        steps = tuple(
            replace(step, body_bytes=CHUNKED) if isinstance(step, Head) and step.body_bytes >= 0 else step
            for step in reply.steps
        )
        return self.with_reply(replace(reply, steps=steps))._then(Trailers(fields_of(headers)))

    def raw(self: C, data: bytes) -> C:
        """Bytes on the wire as they are, around all framing."""
        return self._then(Raw(bytes(data)))

    def cut(self: C, how: CutHow = "reset") -> C:
        """End the connection: "fin" (with TLS's close_notify), "abrupt" (FIN alone), "reset" (TCP RST)."""
        return self._then(CutStep(how))

    def stall(self: C) -> C:
        """Nothing more until the peer leaves."""
        return self._then(Stall())

    def fault(self: C, *faults: Fault) -> C:
        """The reply with something wrong (faults.py), the first fault first."""
        reply = self.current()
        for each in faults:
            if not hasattr(each, "applied"):
                raise ScriptError(f"a fault is made by penstock.testing.faults, not {each!r}")
            reply = each.applied(reply)
        return self.with_reply(reply)

    def _check_no_head(self) -> None:
        if self.current().head_step is not None:
            raise ScriptError("this reply has its head already; Rule.then begins the next reply")

    def _check_head(self, what: str) -> None:
        if self.current().head_step is None:
            raise ScriptError(f"{what} needs a head before: answer(), head() or sse()")


@dataclass(frozen=True, slots=True)
class Reply(Chain):
    """One answer: steps in order. `dialect` ("openai", "anthropic", or "") shapes the bodies of error faults."""

    steps: Steps = ()
    dialect: str = ""

    def current(self) -> Reply:
        return self

    def with_reply(self: C, reply: Reply) -> C:
        return reply  # type: ignore[return-value]

    @property
    def head_step(self) -> Head | None:
        return next((step for step in self.steps if isinstance(step, Head)), None)

    @property
    def status(self) -> int:
        """Of the final head; 0 = none."""
        return 0 if self.head_step is None else self.head_step.status

    @property
    def events_n(self) -> int:
        """How many events it sends."""
        return sum(step.count for step in self.steps if isinstance(step, Events))

    def __repr__(self) -> str:
        names = [type(step).__name__.lower() for step in self.steps]
        return f"<Reply {self.status or 'without head'}: {', '.join(names) or 'empty'}>"


def _status(status: int) -> int:
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 999:
        raise ScriptError(f"the status of an answer is 200 to 999, not {status!r}; info() is for 1xx")
    return status


def _seconds(name: str, s: float) -> float:
    if isinstance(s, bool) or not isinstance(s, int | float) or not 0 <= s < 1e6:
        raise ScriptError(f"{name} must be a number of seconds, not {s!r}")
    return float(s)


def _pace(per_s: float, jitter: float) -> tuple[float, float]:
    if not per_s >= 0:
        raise ScriptError(f"per_s must be events per second, or 0 for no pacing, not {per_s!r}")
    if not 0 <= jitter <= 1:
        raise ScriptError(f"jitter must be 0 to 1 (a share of the time between two events), not {jitter!r}")
    if jitter and not per_s:
        raise ScriptError("jitter moves a schedule: give per_s, too")
    return float(per_s), float(jitter)
