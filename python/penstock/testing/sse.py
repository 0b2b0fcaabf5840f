"""Server-sent events as they are on the wire (WHATWG HTML 9.2.5): lines, and a blank line after each event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.testing.errors import ScriptError
from penstock.testing.stamps import MEMBER, comment_stamp, json_stamp

DONE = b"data: [DONE]\n\n"
EventLike = bytes | str | Mapping[str, Any] | tuple[str, Any]


def dumps(value: object) -> str:
    """JSON as the providers send it: compact, not escaped."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def event(data: object, *, name: str | None = None, stamped: bool = False) -> bytes:
    """One event. `data` as text is sent as it is, line by line; anything else as JSON.

    >>> event({"a": 1}, name="x")
    b'event: x\\ndata: {"a":1}\\n\\n'
    """
    prefix = b""
    if isinstance(data, str):
        text = data
        if stamped:
            prefix = comment_stamp()
    else:
        if stamped and isinstance(data, Mapping):
            data = {**data, MEMBER: json_stamp()}
        elif stamped:
            prefix = comment_stamp()
        text = dumps(data)
    lines = [] if name is None else [f"event: {name}"]
    lines += [f"data: {line}" for line in text.split("\n")]
    return prefix + ("\n".join(lines) + "\n\n").encode()


def events(given: Iterable[EventLike], *, stamped: bool = False) -> tuple[bytes, ...]:
    """Each of: bytes as they are on the wire; text; a mapping (JSON); a pair of event name and one of these."""
    return tuple(_event(each, stamped) for each in given)


def _event(given: EventLike, stamped: bool) -> bytes:
    match given:
        case bytes():
            return given
        case (str() as name, data):
            return event(data, name=name, stamped=stamped)
        case str() | Mapping():
            return event(given, stamped=stamped and given != "[DONE]")
    raise ScriptError(f"an event must be bytes, str, a mapping or (name, data), not {type(given).__name__}")
