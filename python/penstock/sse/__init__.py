"""Server-sent events of LLM providers: framing, and a tally that counts beside the bytes.

Pure: bytes in, values out. The format is the WHATWG's (https://html.spec.whatwg.org/multipage/server-sent-events.html),
with the limits that it lacks.
"""

from __future__ import annotations

from penstock.sse.events import Event, Events, EventTooLong
from penstock.sse.flags import DONE, ERROR, FINISHED, MALFORMED, SEMANTIC, USAGE
from penstock.sse.tally import Tally
from penstock.sse.usage import Usage, usage_of

__all__ = [
    "DONE",
    "ERROR",
    "FINISHED",
    "MALFORMED",
    "SEMANTIC",
    "USAGE",
    "Event",
    "EventTooLong",
    "Events",
    "Tally",
    "Usage",
    "usage_of",
]
