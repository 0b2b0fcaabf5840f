"""Changes of a reply's steps that faults are made of: divide, replace, drop. Pure.

An event is one piece of an Events step; bytes are those of Body steps and events alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock.testing.errors import ScriptError
from penstock.testing.sse import DONE
from penstock.testing.steps import (
    CHUNKED,
    VERBATIM,
    Body,
    Events,
    Head,
    Step,
    Steps,
    without_field,
)

WHOLE_EVENTS_N = 100_000  # most events that are joined into one body


def up_to_head(steps: Steps) -> Steps:
    """The steps up to the final head, with it; ScriptError when there is none."""
    for index, step in enumerate(steps):
        if isinstance(step, Head):
            return steps[: index + 1]
    raise ScriptError("this fault needs a reply with a head: answer(), head() or sse()")


def divided(steps: Steps, after_events: int | None, after_bytes: int | None) -> tuple[Steps, Steps]:
    """Before and after that many events or bytes of the body; without either, right after the head."""
    if after_events is not None and after_bytes is not None:
        raise ScriptError("after_events or after_bytes, not both")
    head = up_to_head(steps)
    left = after_events if after_events is not None else after_bytes or 0
    if left < 0:
        raise ScriptError(f"a position in the body is 0 or more, not {left}")
    size = _events_n if after_events is not None else _bytes_n
    halves = _halves_by_event if after_events is not None else _halves_by_byte
    before: list[Step] = list(head)
    rest = list(steps[len(head) :])
    while rest and left >= size(rest[0]):
        left -= size(rest[0])
        before.append(rest.pop(0))
        if left == 0:
            break
    if left and rest:
        first, second = halves(rest.pop(0), left)
        before += first
        rest[:0] = second
    elif left:
        what = "events" if after_events is not None else "bytes"
        raise ScriptError(f"the reply has {left} {what} too few for this fault")
    return tuple(before), tuple(rest)


def _events_n(step: Step) -> int:
    return step.count if isinstance(step, Events) else 0


def _bytes_n(step: Step) -> int:
    if isinstance(step, Body):
        return len(step.data)
    if not isinstance(step, Events):
        return 0
    rounds, more = divmod(step.count, len(step.pieces))
    return rounds * sum(map(len, step.pieces)) + sum(map(len, step.pieces[:more]))


def _halves_by_event(step: Step, n: int) -> tuple[list[Step], list[Step]]:
    """The first n events of the step, and the rest; a half without events is empty."""
    assert isinstance(step, Events)
    turn = n % len(step.pieces)
    before = replace(step, count=n)
    after = replace(step, pieces=step.pieces[turn:] + step.pieces[:turn], count=step.count - n)
    return [before] if before.count else [], [after] if after.count else []


def _halves_by_byte(step: Step, n: int) -> tuple[list[Step], list[Step]]:
    if isinstance(step, Body):
        return [Body(step.data[:n])], [Body(step.data[n:])]
    assert isinstance(step, Events)
    whole_n = 0
    while n >= len(step.piece(whole_n)):
        n -= len(step.piece(whole_n))
        whole_n += 1
    before, after = _halves_by_event(step, whole_n)
    if n == 0:
        return before, after
    _, rest = _halves_by_event(after[0], 1)
    torn = step.piece(whole_n)
    return [*before, Body(torn[:n])], [Body(torn[n:]), *rest]


def with_event(steps: Steps, at: int, change: Callable[[bytes], bytes]) -> Steps:
    """One event changed."""
    before, after = divided(steps, at, None)
    if not after or not isinstance(after[0], Events):
        raise ScriptError(f"the reply has no event {at}")
    step = after[0]
    if step.count == len(step.pieces):  # keep the schedule in one step
        pieces = (change(step.pieces[0]), *step.pieces[1:])
        return _joined((*before, replace(step, pieces=pieces), *after[1:]))
    first, rest = _halves_by_event(step, 1)
    assert isinstance(first[0], Events)
    changed = replace(first[0], pieces=(change(step.pieces[0]),))
    return (*before, changed, *rest, *after[1:])


def _joined(steps: Steps) -> Steps:
    """Neighbouring events, each sent once and at one pace, as one step."""
    made: list[Step] = []
    for step in steps:
        last = made[-1] if made else None
        if (
            isinstance(step, Events)
            and isinstance(last, Events)
            and (last.per_s, last.jitter, last.seed) == (step.per_s, step.jitter, step.seed)
            and last.count <= len(last.pieces)
            and step.count <= len(step.pieces)
        ):
            pieces = last.pieces[: last.count] + step.pieces[: step.count]
            made[-1] = replace(last, pieces=pieces, count=len(pieces))
        else:
            made.append(step)
    return tuple(made)


def without_events(steps: Steps, is_dropped: Callable[[bytes], bool]) -> Steps:
    """Without such events; of steps that repeat their pieces, too."""
    made: list[Step] = []
    for step in steps:
        if isinstance(step, Events):
            kept = tuple(piece for piece in step.pieces if not is_dropped(piece))
            dropped_n = sum(is_dropped(step.piece(n)) for n in range(step.count)) if kept != step.pieces else 0
            step = replace(step, pieces=kept, count=step.count - dropped_n)
        if not isinstance(step, Events) or step.count:
            made.append(step)
    return tuple(made)


def broken(piece: bytes) -> bytes:
    """An event whose JSON breaks off in the middle."""
    start = piece.find(b"data:") + 5
    data = piece[start:].rstrip(b"\n")
    half = data[: len(data) * 2 // 3] if len(data) > 3 else b' {"'
    return piece[:start] + half + b"\n\n"


def is_terminal(piece: bytes) -> bool:
    """[DONE], message_stop, response.completed and its like."""
    names = (b"event: message_stop\n", b"event: response.completed\n", b"event: response.incomplete\n")
    return piece.endswith(DONE) or any(name in piece for name in (*names, b"event: response.failed\n"))


def fitted(steps: Steps) -> Steps:
    """A Content-Length made to fit what is there."""
    length = sum(map(_bytes_n, steps))
    return tuple(
        replace(step, body_bytes=length) if isinstance(step, Head) and step.body_bytes >= 0 else step for step in steps
    )


def chunked(steps: Steps) -> Steps:
    """A body with a length as chunks."""
    return tuple(
        replace(step, body_bytes=CHUNKED) if isinstance(step, Head) and step.body_bytes >= 0 else step for step in steps
    )


def with_length(head: Head, length: int) -> Head:
    """The head with that Content-Length, whatever comes."""
    fields = (*without_field(head.fields, b"content-length"), (b"content-length", b"%d" % length))
    return replace(head, fields=fields, body_bytes=VERBATIM)


def head_and_body(steps: Steps) -> tuple[Head, bytes]:
    """The head, and all of the body at once; its pauses are lost."""
    head = up_to_head(steps)[-1]
    assert isinstance(head, Head)
    pieces: list[bytes] = []
    for step in steps:
        if isinstance(step, Body):
            pieces.append(step.data)
        elif isinstance(step, Events):
            if step.count > WHOLE_EVENTS_N:
                raise ScriptError(f"a stream of {step.count} events is too long for this fault")
            pieces += [step.piece(n) for n in range(step.count)]
    return head, b"".join(pieces)
