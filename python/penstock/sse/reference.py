"""Tally in plain Python: slow, and the judge of the fast one. Every event is parsed whole, no cleverness.

An error event and all after it stays out of what is relayed: how the caller is told is the relay's decision.
"""

from __future__ import annotations

import re
from typing import Any

from penstock.sse.events import MAX_EVENT_BYTES, Event, Events
from penstock.sse.flags import DONE, ERROR, FINISHED, MALFORMED, SEMANTIC, USAGE
from penstock.sse.gathered import Gathered
from penstock.sse.strict_json import Number, bytes_of, members, parse, plain, text_of

DIALECTS = ("chat", "completions", "messages", "responses")
CHOICES_MAX = 128
NAME_MAX_BYTES = 512  # of model, id, finish_reason: what is longer is none
SPOKEN = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio")
NULL_USAGE = re.compile(
    r'[ \t\n\r]*,[ \t\n\r]*"usage"[ \t\n\r]*:[ \t\n\r]*null|"usage"[ \t\n\r]*:[ \t\n\r]*null[ \t\n\r]*,[ \t\n\r]*'
)
USAGE_FIELDS = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "cache_creation",
    "output_tokens_details",
    "server_tool_use",
    "service_tier",
    "inference_geo",
)


class Tally:
    """Counts one upstream stream; see docs/gateway.md for the interface."""

    def __init__(
        self,
        dialect: str,
        *,
        strip_usage: bool = False,
        keep_text: bool = False,
        is_strict: bool = False,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        if dialect not in DIALECTS:
            raise ValueError(f"dialect is {dialect!r}, wanted one of {', '.join(DIALECTS)}")
        if max_event_bytes < 1:
            raise ValueError("max_event_bytes must be positive")
        self.dialect = dialect
        self.strip_usage = strip_usage
        self.keep_text = keep_text
        self.is_strict = is_strict
        self.seen = 0
        self.events_n = self.semantic_n = self.malformed_n = self.text_bytes = 0
        self.finish_reason: str | None = None
        self.model: str | None = None
        self.id: str | None = None
        self.error: bytes | None = None
        self.usage: bytes | None = None
        self._choices: dict[int, bool] = {}  # index -> has it finished
        self._gathered = Gathered(keep_text)
        self._events = Events(max_event_bytes)
        self._is_dropped = False  # the event before
        self._is_spoken = False  # this event holds something semantic

    def __repr__(self) -> str:
        return f"<Tally {self.dialect}, {self.events_n} events, seen {self.seen:#x}>"

    @property
    def held(self) -> bytes:
        return b"" if self.seen & ERROR else self._events.held

    @property
    def is_complete(self) -> bool:
        return bool(self.seen & FINISHED) and not self.seen & ERROR

    def text(self) -> str:
        return "".join(self._gathered.text)

    def reasoning(self) -> str:
        return "".join(self._gathered.reasoning)

    def tool_calls(self) -> list[tuple[str, str, str]]:
        return self._gathered.tool_calls()

    def feed(self, data: bytes) -> bytes:
        """The whole events to relay. EventTooLong when one is longer than allowed; nothing can be fed after that."""
        out: list[bytes] = []
        if not self.seen & ERROR:
            for event in self._events.feed(data):
                if not event.is_tail:
                    relayed = self._count(event)
                    if self.seen & ERROR:
                        break
                    self._is_dropped = not relayed
                    out.append(relayed)
                elif not self._is_dropped:
                    out.append(event.raw)
        whole = b"".join(out)
        return data if whole == data else whole

    def _count(self, event: Event) -> bytes:
        """What is relayed of an event."""
        if event.data is None:
            return event.raw
        self.events_n += 1
        if event.data.lstrip(b" \t\n\r").startswith(b"[DONE]"):
            self.seen |= DONE
            return event.raw
        text = text_of(event.data)
        try:
            value = parse(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            self._malformed()
            if event.event == "error" or self.is_strict:
                self._error(event.data)
            return event.raw
        if self._is_error(event, value, text):
            return b""
        self._is_spoken = False
        relayed = event.raw
        if self.dialect == "messages":
            self._messages(value, text)
        elif self.dialect == "responses":
            self._responses(value, text)
        else:
            relayed = self._chat(event, value, text)
        if self._is_spoken:
            self.seen |= SEMANTIC
            self.semantic_n += 1
        return relayed

    def _malformed(self) -> None:
        self.malformed_n += 1
        self.seen |= MALFORMED

    def _error(self, raw: bytes) -> None:
        self.error = raw
        self.seen |= ERROR

    def _is_error(self, event: Event, value: dict[str, Any], text: str) -> bool:
        kind = value.get("type")
        if value.get("error"):
            self._error(bytes_of(members(text)["error"]))
        elif kind == "response.failed" and self.dialect == "responses":
            response = value.get("response")
            is_told = isinstance(response, dict) and response.get("error")
            self._error(bytes_of(members(members(text)["response"])["error"]) if is_told else _strip(event.data))
        elif event.event == "error" or kind == "error":
            self._error(_strip(event.data))
        return bool(self.seen & ERROR)

    def _said(self, text: object) -> None:
        """Text that a reader sees, if there is any."""
        if isinstance(text, str) and text:
            self.text_bytes += len(plain(text).encode())
            self._is_spoken = True

    # -- chat and completions

    def _chat(self, event: Event, value: dict[str, Any], text: str) -> bytes:
        self._name(value)
        choices = value.get("choices")
        choices = choices if isinstance(choices, list) else []
        usage = value.get("usage")
        if isinstance(usage, dict):
            self.usage = bytes_of(members(text)["usage"])
            self.seen |= USAGE
        was_malformed_n = self.malformed_n
        for choice in choices:
            if isinstance(choice, dict):
                self._choice(choice)
        self.malformed_n = min(self.malformed_n, was_malformed_n + 1)
        if self._choices:
            self.seen = self.seen | FINISHED if all(self._choices.values()) else self.seen & ~FINISHED
        if not self.strip_usage:
            return event.raw
        if isinstance(usage, dict) and not choices:
            return b""
        return _without_null_usage(event, value, text)

    def _choice(self, choice: dict[str, Any]) -> None:
        index = _index(choice)
        if index is None or index >= CHOICES_MAX:
            self._malformed()
            return
        gathered = self._gathered if index == 0 else Gathered(False)
        if self.dialect == "completions":
            self._said(choice.get("text"))
            gathered.say(choice.get("text"))
        elif isinstance(choice.get("delta"), dict):
            self._delta(choice["delta"], gathered)
        reason = _short(choice.get("finish_reason"))
        self._choices[index] = self._choices.get(index, False) or reason is not None
        if reason is not None and (index == 0 or self.finish_reason is None):
            self.finish_reason = reason

    def _delta(self, delta: dict[str, Any], gathered: Gathered) -> None:
        if any(delta.get(name) for name in SPOKEN):
            self._is_spoken = True
        for name in ("content", "refusal"):
            self._said(delta.get(name))
            gathered.say(delta.get(name))
        reasoning = delta.get("reasoning_content")
        gathered.reason(reasoning if isinstance(reasoning, str) and reasoning else delta.get("reasoning"))
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                function = call.get("function")
                function = function if isinstance(function, dict) else {}
                gathered.call(_index(call), call.get("id"), function.get("name"), function.get("arguments"))
        if isinstance(delta.get("function_call"), dict):
            function = delta["function_call"]
            gathered.call(0, None, function.get("name"), function.get("arguments"))

    # -- messages

    def _messages(self, value: dict[str, Any], text: str) -> None:
        kind = value.get("type")
        if kind == "message_start" and isinstance(value.get("message"), dict):
            self._name(value["message"])
            if isinstance(value["message"].get("usage"), dict):
                self._merge(members(members(text)["message"])["usage"])
        elif kind == "content_block_start" and isinstance(value.get("content_block"), dict):
            self._block(_index(value), value["content_block"])
        elif kind == "content_block_delta" and isinstance(value.get("delta"), dict):
            delta = value["delta"]
            self._written(delta)
            if isinstance(delta.get("partial_json"), str) and delta["partial_json"]:
                self._is_spoken = True
                self._gathered.call_more(_index(value), delta["partial_json"])
        elif kind == "message_delta":
            if isinstance(value.get("delta"), dict):
                self.finish_reason = _short(value["delta"].get("stop_reason")) or self.finish_reason
            if isinstance(value.get("usage"), dict):
                self._merge(members(text)["usage"])
        elif kind == "message_stop":
            self.seen |= FINISHED | DONE

    def _written(self, part: dict[str, Any]) -> None:
        self._said(part.get("text"))
        self._gathered.say(part.get("text"))
        if isinstance(part.get("thinking"), str) and part["thinking"]:
            self._is_spoken = True
            self._gathered.reason(part["thinking"])

    def _block(self, index: int | None, block: dict[str, Any]) -> None:
        self._written(block)
        if block.get("type") not in ("text", "thinking"):
            self._is_spoken = True
        if block.get("type") == "tool_use":
            self._gathered.call(index, block.get("id"), block.get("name"), None)

    def _merge(self, raw: str) -> None:
        """Counts of Anthropic are cumulative: what is given overwrites, null keeps."""
        old, new = members(text_of(self.usage)) if self.usage is not None else {}, members(raw)
        merged = {name: new[name] if new.get(name, "null") != "null" else old.get(name) for name in USAGE_FIELDS}
        self.usage = bytes_of("{" + ",".join(f'"{name}":{count}' for name, count in merged.items() if count) + "}")
        self.seen |= USAGE

    # -- responses

    def _responses(self, value: dict[str, Any], text: str) -> None:
        kind = value.get("type")
        kind = kind if isinstance(kind, str) else ""
        if kind.endswith(".delta") and value.get("delta"):
            self._is_spoken = True
            self._response_delta(kind, value)
        elif kind == "response.output_item.added" and isinstance(value.get("item"), dict):
            item = value["item"]
            if item.get("type") not in ("message", "reasoning"):
                self._is_spoken = True
            if item.get("type") in ("function_call", "custom_tool_call"):
                self._gathered.call(_index(value, "output_index"), item.get("call_id"), item.get("name"), None)
        response = value.get("response")
        if isinstance(response, dict):
            self._name(response)
            if isinstance(response.get("usage"), dict):
                self.usage = bytes_of(members(members(text)["response"])["usage"])
                self.seen |= USAGE
            if kind in ("response.completed", "response.incomplete"):
                self.finish_reason = _short(response.get("status")) or self.finish_reason
        if kind in ("response.completed", "response.incomplete"):
            self.seen |= FINISHED | DONE

    def _response_delta(self, kind: str, value: dict[str, Any]) -> None:
        delta = value["delta"]
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            self._said(delta)
            self._gathered.say(delta)
        elif kind in ("response.reasoning_text.delta", "response.reasoning_summary_text.delta"):
            self._gathered.reason(delta)
        elif kind in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
            self._gathered.call_more(_index(value, "output_index"), delta)

    def _name(self, value: dict[str, Any]) -> None:
        """Who answers: the first that says so."""
        self.id = self.id or _short(value.get("id"))
        self.model = self.model or _short(value.get("model"))


def _short(value: object) -> str | None:
    """A name, neither empty nor too long."""
    if not isinstance(value, str):
        return None
    value = plain(value)
    return value if 0 < len(value.encode()) <= NAME_MAX_BYTES else None


def _index(value: dict[str, Any], name: str = "index") -> int | None:
    """0 when there is none; None when it is a number that cannot be one."""
    index = value.get(name)
    if not isinstance(index, Number):
        return 0
    return int(index.text) if re.fullmatch(r"\d{1,6}", index.text) else None


def _strip(data: bytes | None) -> bytes:
    return (data or b"").strip(b" \t\n\r")


def _without_null_usage(event: Event, value: dict[str, Any], text: str) -> bytes:
    """The event without its member `"usage":null` and one comma; untouched when not on one line, or doubled."""
    if event.data is None or event.data_lines_n != 1 or value.get("usage", 0) is not None:
        return event.raw
    wanted = {name: each for name, each in value.items() if name != "usage"}
    for match in NULL_USAGE.finditer(text):
        shorter = text[: match.start()] + text[match.end() :]
        try:
            is_it = parse(shorter) == wanted
        except ValueError:
            continue
        if is_it:
            end = event.data_at + len(event.data)
            return event.raw[: event.data_at] + bytes_of(shorter) + event.raw[end:]
    return event.raw
