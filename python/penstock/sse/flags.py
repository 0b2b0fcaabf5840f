"""What a Tally has seen so far, as bits of `Tally.seen`."""

from __future__ import annotations

SEMANTIC = 1  # something a reader would see: text, reasoning, refusal, a tool call, audio
FINISHED = 2  # the dialect's word for the end: finish_reason of every choice, message_stop, response.completed
ERROR = 4  # an error event; it and what follows it is not relayed
USAGE = 8  # token counts
DONE = 16  # nothing more can follow: [DONE], message_stop, a terminal response event
MALFORMED = 32  # an event that is not the JSON of this dialect
