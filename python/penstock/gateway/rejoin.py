"""Rescue of a cut stream: another provider's answer from its start, without what the caller has already.

Events in the caller's dialect go in; those that repeat what was sent are swallowed, the one that goes beyond it is cut
at the border, later ones pass untouched. An answer that says something else is Diverged: two halves that do not
belong together are never joined. Only text can be rejoined; streams that sent reasoning or tool calls are not rescued.
Pure.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.dialects.dialect import Dialect
from penstock.dialects.reading import members_of
from penstock.sse import Event, Events

CAN_REJOIN = frozenset({Dialect.CHAT, Dialect.COMPLETIONS, Dialect.MESSAGES})


class Diverged(Exception):
    """The other answer does not begin with what was sent."""


class Rejoin:
    """One rescue. `sent` is the text that the caller has."""

    __slots__ = ("_at", "_dialect", "_events", "_sent", "is_joined")

    def __init__(self, dialect: Dialect, sent: str) -> None:
        self._dialect = dialect
        self._sent = sent
        self._at = 0
        self._events = Events()
        self.is_joined = not sent

    def __repr__(self) -> str:
        return f"<Rejoin {self._at} of {len(self._sent)} characters{', joined' if self.is_joined else ''}>"

    def feed(self, data: bytes) -> bytes:
        """What the caller lacks of whole events. Raises Diverged."""
        if self.is_joined:
            return data
        out: list[bytes] = []
        for event in self._events.feed(data):
            out.append(event.raw if self.is_joined else self._beyond(event))
        return b"".join(out)

    def _beyond(self, event: Event) -> bytes:
        """What of an event is new, before the border has been passed."""
        value = members_of(event)
        if value is None:
            return b""
        holder, name = self._text_in(value)
        if holder is None:
            if self._is_end(value):
                raise Diverged("the other answer ends before what was sent")
            return b""
        rest = self._match(holder[name])
        if not rest and not self.is_joined:
            return b""
        holder[name] = rest
        head = f"event: {event.event}\n".encode() if event.event else b""
        return head + b"data: " + msgspec.json.encode(value) + b"\n\n" if rest else b""

    def _match(self, text: str) -> str:
        """Compare with what was sent; what goes beyond it."""
        due = self._sent[self._at : self._at + len(text)]
        if text[: len(due)] != due:
            raise Diverged(f"the other answer differs after {self._at} characters")
        self._at += len(due)
        self.is_joined = self._at == len(self._sent)
        return text[len(due) :]

    def _text_in(self, value: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
        """Where an event has text; None when it has none. Raises Diverged for what is no text."""
        if self._dialect is Dialect.MESSAGES:
            delta = value.get("delta")
            if value.get("type") != "content_block_delta" or not isinstance(delta, dict):
                return None, ""
            if not isinstance(delta.get("text"), str):
                raise Diverged("the other answer begins with something else than text")
            return delta, "text"
        choices = value.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        holder, name = (choice, "text") if self._dialect is Dialect.COMPLETIONS else (choice.get("delta"), "content")
        if not isinstance(holder, dict):
            return None, ""
        if any(holder.get(each) for each in ("tool_calls", "reasoning_content", "reasoning", "refusal")):
            raise Diverged("the other answer begins with something else than text")
        return (holder, name) if isinstance(holder.get(name), str) and holder[name] else (None, "")

    def _is_end(self, value: dict[str, Any]) -> bool:
        if self._dialect is Dialect.MESSAGES:
            return value.get("type") in ("message_delta", "message_stop")
        choices = value.get("choices")
        return isinstance(choices, list) and any(isinstance(one, dict) and one.get("finish_reason") for one in choices)
