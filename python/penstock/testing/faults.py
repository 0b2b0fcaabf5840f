"""What can go wrong with an answer, as values: `rule.fault(cut(after_events=3))`, `upstream.fault(rate_limit())`.

A fault changes the steps of a reply. Positions: `after_events` counts whole events of a stream, `after_bytes` bytes of
a body; without either it is right after the head. What concerns a port (TLS faults, silence on accept, caps) is in
port.py. The end of a connection: "fin" (with TLS's close_notify), "abrupt" (FIN alone), "reset" (TCP RST).
HTTP/2's own are in frame_faults.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal

from penstock.testing import edits
from penstock.testing.chain import Reply
from penstock.testing.errors import ScriptError
from penstock.testing.fault import Fault as Fault
from penstock.testing.fault import ending
from penstock.testing.frame_faults import goaway as goaway
from penstock.testing.frame_faults import refused_stream as refused_stream
from penstock.testing.frame_faults import rst as rst
from penstock.testing.frame_faults import settings as settings
from penstock.testing.frame_faults import stream_limit as stream_limit
from penstock.testing.presets import mistakes
from penstock.testing.steps import Body, Cut, CutHow, Delay, Raw, Split, Stall

# -- instead of an answer --


def silence() -> Fault:
    """The request is taken, and nothing ever comes."""
    return Fault("silence", lambda reply: replace(reply, steps=(Stall(),)))


def reset(*, after_head: bool = False, how: CutHow = "reset") -> Fault:
    """The connection ends before the head, or right after it."""

    def change(reply: Reply) -> Reply:
        before = edits.up_to_head(reply.steps) if after_head else ()
        return replace(reply, steps=(*before, Cut(how)))

    return Fault("reset", change)


def status(
    code: int = 500, message: str = "", *, type: str = "", headers: dict[str, str] | None = None, body: str = ""
) -> Fault:
    """An error answer, in the words of the reply's provider; `body` is sent as it is."""

    def change(reply: Reply) -> Reply:
        if body:
            return Reply(dialect=reply.dialect).answer(code, headers, body)
        return mistakes.error(reply.dialect, code, message, type=type, headers=headers)

    return Fault(f"status {code}", change)


def rate_limit(*, retry_after_s: float | None = None, retry_after_ms: int | None = None) -> Fault:
    """429, with Retry-After (or its finer cousin retry-after-ms) when asked for."""
    headers: dict[str, str] = {}
    if retry_after_s is not None:
        headers["retry-after"] = f"{retry_after_s:g}"
    if retry_after_ms is not None:
        headers["retry-after-ms"] = str(retry_after_ms)
    return replace(status(429, headers=headers), name="rate_limit")


def server_error(code: int = 500, *, retry_after_s: float | None = None) -> Fault:
    """5xx: once with times=1, for a time with for_s=60, else for ever."""
    headers = {} if retry_after_s is None else {"retry-after": f"{retry_after_s:g}"}
    return replace(status(code, headers=headers), name="server_error")


def overloaded() -> Fault:
    """Anthropic's 529; 503 of the others."""

    def change(reply: Reply) -> Reply:
        return mistakes.error(reply.dialect, 529 if reply.dialect == "anthropic" else 503)

    return Fault("overloaded", change)


def context_length() -> Fault:
    """400: the prompt is too long."""
    return Fault("context_length", lambda reply: mistakes.context_length(reply.dialect or "openai"))


def content_filter() -> Fault:
    """400: the prompt was refused."""
    return Fault("content_filter", lambda reply: mistakes.content_filter(reply.dialect or "openai"))


# -- in time --


def delay(s: float) -> Fault:
    """So long until the head."""
    return Fault("delay", lambda reply: replace(reply, steps=(Delay(s), *reply.steps)))


def delay_body(s: float, *, after_events: int | None = None, after_bytes: int | None = None) -> Fault:
    """A pause after the head, or in the middle of the body."""

    def change(reply: Reply) -> Reply:
        before, after = edits.divided(reply.steps, after_events, after_bytes)
        return replace(reply, steps=(*before, Delay(s), *after))

    return Fault("delay_body", change)


def stall(*, after_events: int | None = None, after_bytes: int | None = None) -> Fault:
    """The head and a part, then nothing more."""
    return ending("stall", Stall(), after_events, after_bytes)


def drip(*, bytes_n: int = 1, pause_s: float = 0.001) -> Fault:
    """Every write of the connection has at most so many bytes, with a pause after each."""
    return Fault("drip", lambda reply: replace(reply, steps=(Split(bytes_n, pause_s), *reply.steps)))


def split(*, bytes_n: int = 1) -> Fault:
    """Every write of the connection has at most so many bytes."""
    return replace(drip(bytes_n=bytes_n, pause_s=0.0), name="split")


# -- in the body --


def cut(
    *,
    after_events: int | None = None,
    after_bytes: int | None = None,
    how: Literal["end", "fin", "abrupt", "reset"] = "reset",
) -> Fault:
    """The head and a part, then the end: of the connection, or with how="end" of the answer, as if it were whole."""

    def change(reply: Reply) -> Reply:
        before, _ = edits.divided(reply.steps, after_events, after_bytes)
        if how != "end":
            return replace(reply, steps=(*before, Cut(how)))
        return replace(reply, steps=edits.fitted(before))

    return Fault("cut", change)


def malformed_event(at: int = 0) -> Fault:
    """The event of that number, from 0, breaks off in the middle of its JSON; the others are well."""
    return Fault("malformed_event", lambda reply: replace(reply, steps=edits.with_event(reply.steps, at, edits.broken)))


def without_done() -> Fault:
    """The terminal event is missing: [DONE], message_stop, response.completed. The answer ends in order."""

    def change(reply: Reply) -> Reply:
        return replace(reply, steps=edits.without_events(reply.steps, edits.is_terminal))

    return Fault("without_done", change)


def error_event(message: str = "", *, type: str = "", after_events: int = 1) -> Fault:
    """An error in the stream, in the words of the reply's provider; then the answer ends in order."""

    def change(reply: Reply) -> Reply:
        before, _ = edits.divided(reply.steps, after_events, None)
        piece = mistakes.error_event(reply.dialect, message, type=type, number=after_events)
        return replace(reply, steps=(*before, Body(piece)))

    return Fault("error_event", change)


def wrong_length(by: int = 10) -> Fault:
    """Content-Length says so many bytes more than there are (less when negative); then the connection ends."""

    def change(reply: Reply) -> Reply:
        head, data = edits.head_and_body(reply.steps)
        length = max(0, len(data) + by)
        return replace(reply, steps=(edits.with_length(head, length), Body(data), Cut("fin")))

    return Fault("wrong_length", change)


def bad_chunk(*, after_events: int | None = None, after_bytes: int | None = None) -> Fault:
    """HTTP/1.1: a chunk whose size is no number. HTTP/2: bytes that are no frame. Then the connection ends."""

    def change(reply: Reply) -> Reply:
        before, _ = edits.divided(edits.chunked(reply.steps), after_events, after_bytes)
        return replace(reply, steps=(*before, Raw(b"zz\r\nno chunk\r\n"), Cut("fin")))

    return Fault("bad_chunk", change)


def at_each_boundary(reply: Reply, *, pause_s: float = 0.001) -> Iterator[Reply]:
    """The reply again and again, its body sent in two parts, divided after the first byte, the second, and so on:
    `on(...).reply(*at_each_boundary(reply))`."""
    head, data = edits.head_and_body(edits.chunked(reply.steps))
    for at in range(1, len(data)):
        yield replace(reply, steps=(head, Body(data[:at]), Delay(pause_s), Body(data[at:])))


FAULTS: dict[str, Callable[..., Fault]] = {
    each.__name__: each
    for each in (
        bad_chunk,
        content_filter,
        context_length,
        cut,
        delay,
        delay_body,
        drip,
        error_event,
        goaway,
        malformed_event,
        overloaded,
        rate_limit,
        refused_stream,
        reset,
        rst,
        server_error,
        settings,
        silence,
        split,
        stall,
        status,
        stream_limit,
        without_done,
        wrong_length,
    )
}


def fault_of(name: str, *args: object, **options: object) -> Fault:
    """A fault by its name; ScriptError for a name or an option that is none."""
    make = FAULTS.get(name)
    if make is None:
        raise ScriptError(f"no fault {name!r}; there are {', '.join(sorted(FAULTS))}")
    try:
        return make(*args, **options)
    except TypeError as err:
        raise ScriptError(f"fault {name}: {err}") from None
