"""What can go wrong with HTTP/2's frames; see faults.py, which has these, too."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from penstock.testing import edits
from penstock.testing.chain import Reply
from penstock.testing.errors import ScriptError
from penstock.testing.fault import Fault, ending
from penstock.testing.steps import Cut, Goaway, Rst, Settings

NO_ERROR = 0x0
REFUSED_STREAM = 0x7
INTERNAL_ERROR = 0x2
SETTING_NAMES = {
    "header_table_size": 1,
    "enable_push": 2,
    "max_concurrent_streams": 3,
    "initial_window_size": 4,
    "max_frame_size": 5,
    "max_header_list_size": 6,
}


def refused_stream() -> Fault:
    """HTTP/2: RST_STREAM(REFUSED_STREAM): the request was not processed. HTTP/1.1: the connection is reset."""
    return Fault("refused_stream", lambda reply: replace(reply, steps=(Rst(REFUSED_STREAM),)))


def rst(code: int = INTERNAL_ERROR, *, after_events: int | None = None, after_bytes: int | None = None) -> Fault:
    """RST_STREAM with that code after the head and a part. HTTP/1.1: the connection is reset."""
    return ending("rst", Rst(code), after_events, after_bytes)


def goaway(
    kind: Literal["graceful", "immediate", "before"] = "graceful",
    *,
    code: int = NO_ERROR,
    after_events: int | None = None,
) -> Fault:
    """HTTP/2 GOAWAY. graceful: streams that run are answered, no new ones are taken. immediate: it names this stream as
    the last, and the connection ends. before: it names the stream before, so this one was not processed, and the
    connection ends. HTTP/1.1: an answer as always, or the end of the connection."""

    if kind not in ("graceful", "immediate", "before"):
        raise ScriptError(f"a goaway is graceful, immediate or before, not {kind!r}")

    def change(reply: Reply) -> Reply:
        if kind == "before":
            return replace(reply, steps=(Goaway(code, "before"), Cut("fin")))
        if kind == "immediate":
            before = () if after_events is None else edits.divided(reply.steps, after_events, None)[0]
            return replace(reply, steps=(*before, Goaway(code, "this"), Cut("fin")))
        before, after = ((), reply.steps) if after_events is None else edits.divided(reply.steps, after_events, None)
        return replace(reply, steps=(*before, Goaway(code, "max"), Goaway(code, "this"), *after))

    return Fault(f"goaway {kind}", change)


def settings(**values: int) -> Fault:
    """HTTP/2 SETTINGS before the answer: max_concurrent_streams=1, initial_window_size=0, ... HTTP/1.1: nothing."""
    for name in values:
        if name not in SETTING_NAMES:
            raise ScriptError(f"no HTTP/2 setting {name!r}; there are {', '.join(SETTING_NAMES)}")
    pairs = tuple((SETTING_NAMES[name], value) for name, value in values.items())
    return Fault("settings", lambda reply: replace(reply, steps=(Settings(pairs), *reply.steps)))


def stream_limit(n: int = 1) -> Fault:
    """From now on at most so many streams of the connection at once."""
    return replace(settings(max_concurrent_streams=n), name="stream_limit")
