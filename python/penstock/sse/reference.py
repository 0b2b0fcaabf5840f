"""Tally in plain Python: slow, and the judge of the fast one. One JSON parse per event, no cleverness.

An error event or a malformed one, and all after it, stays out of what is relayed: how the caller is told is the relay's
decision.
"""

from __future__ import annotations

import json
import re
from typing import Any

from penstock.sse.events import MAX_EVENT_BYTES, Event, Events
from penstock.sse.flags import DONE, ERROR, FINISHED, MALFORMED, SEMANTIC, USAGE

SPOKEN = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio")
NULL_USAGE = re.compile(rb'\s*,\s*"usage"\s*:\s*null(?=\s*[,}])|"usage"\s*:\s*null\s*,\s*')
ENDS = {"response.completed", "response.incomplete", "response.failed"}


class Tally:
    """Counts one upstream stream; see docs/gateway.md for the interface."""

    def __init__(
        self,
        dialect: str,
        *,
        strip_usage: bool = False,
        keep_text: bool = False,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        self.dialect = dialect
        self.strip_usage = strip_usage
        self.keep_text = keep_text
        self.seen = 0
        self.events_n = self.semantic_n = self.malformed_n = self.text_bytes = 0
        self.finish_reason: str | None = None
        self.model: str | None = None
        self.id: str | None = None
        self.error: bytes | None = None
        self._usage: dict[str, Any] | None = None
        self._choices: dict[int, bool] = {}  # index -> has it finished
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._tools: dict[int, list[str]] = {}
        self._events = Events(max_event_bytes)

    def __repr__(self) -> str:
        return f"<Tally {self.dialect}, {self.events_n} events, seen {self.seen:#x}>"

    @property
    def held(self) -> bytes:
        return self._events.held

    @property
    def usage(self) -> bytes | None:
        return None if self._usage is None else json.dumps(self._usage).encode()

    @property
    def is_complete(self) -> bool:
        return bool(self.seen & FINISHED) and not self.seen & (ERROR | MALFORMED)

    def text(self) -> str:
        return "".join(self._text)

    def reasoning(self) -> str:
        return "".join(self._reasoning)

    def tool_calls(self) -> list[tuple[str, str, str]]:
        return [(call[0], call[1], call[2]) for _, call in sorted(self._tools.items())]

    def feed(self, data: bytes) -> bytes:
        """The whole events to relay."""
        out: list[bytes] = []
        for event in self._events.feed(data):
            if self.seen & (ERROR | MALFORMED):
                break
            raw = self._count(event)
            if raw:
                out.append(raw)
        whole = b"".join(out)
        return data if whole == data else whole

    def _count(self, event: Event) -> bytes:
        """What is relayed of an event."""
        if event.data is None:
            return event.raw
        self.events_n += 1
        data = event.data.strip()
        if self.dialect in ("chat", "completions") and data.startswith(b"[DONE]"):
            self.seen |= DONE
            return event.raw
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            self.malformed_n += 1
            self.seen |= MALFORMED
            return b""
        if self._is_error(event, value):
            return b""
        if self.dialect == "messages":
            self._messages(value)
        elif self.dialect == "responses":
            self._responses(value)
        else:
            return self._chat(event, value)
        return event.raw

    def _is_error(self, event: Event, value: dict[str, Any]) -> bool:
        error = value.get("error")
        if not error and value.get("type") == "response.failed" and isinstance(value.get("response"), dict):
            error = value["response"].get("error")
        if not error and (event.event == "error" or value.get("type") == "error"):
            error = value
        if not error:
            return False
        self.error = json.dumps(error).encode()
        self.seen |= ERROR
        return True

    def _spoke(self, text: object) -> None:
        self.seen |= SEMANTIC
        self.semantic_n += 1
        if isinstance(text, str):
            self.text_bytes += len(text.encode("utf-8", "replace"))
            if self.keep_text:
                self._text.append(text)

    def _chat(self, event: Event, value: dict[str, Any]) -> bytes:
        self.id, self.model = self.id or _text(value.get("id")), self.model or _text(value.get("model"))
        choices = value.get("choices")
        choices = choices if isinstance(choices, list) else []
        usage = value.get("usage")
        if isinstance(usage, dict):
            self._usage = usage
            self.seen |= USAGE
        for choice in choices:
            if isinstance(choice, dict):
                self._choice(choice)
        if self._choices and all(self._choices.values()):
            self.seen |= FINISHED
        if not self.strip_usage:
            return event.raw
        if isinstance(usage, dict) and not choices:
            return b""
        return NULL_USAGE.sub(b"", event.raw, count=1) if usage is None and "usage" in value else event.raw

    def _choice(self, choice: dict[str, Any]) -> None:
        index = _index(choice)
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else choice
        is_first = index == 0
        spoken = [name for name in SPOKEN if delta.get(name)]
        if isinstance(delta.get("text"), str) and delta["text"]:  # completions
            spoken.append("text")
        for name in spoken:
            self._spoke(delta[name] if name in ("content", "text", "refusal") and is_first else None)
        if is_first and self.keep_text:
            for name in ("reasoning_content", "reasoning"):
                if isinstance(delta.get(name), str):
                    self._reasoning.append(delta[name])
                    break
            for call in delta.get("tool_calls") or []:
                if isinstance(call, dict):
                    self._tool(call)
        reason = choice.get("finish_reason")
        self._choices[index] = self._choices.get(index, False) or bool(reason)
        if reason and (is_first or self.finish_reason is None):
            self.finish_reason = _text(reason)

    def _tool(self, call: dict[str, Any]) -> None:
        index = _index(call)
        entry = self._tools.setdefault(index, ["", "", ""])
        given = call.get("function")
        function = given if isinstance(given, dict) else {}
        entry[0] = entry[0] or _text(call.get("id")) or ""
        entry[1] = entry[1] or _text(function.get("name")) or ""
        entry[2] += _text(function.get("arguments")) or ""

    def _messages(self, value: dict[str, Any]) -> None:
        kind = value.get("type")
        if kind == "message_start" and isinstance(value.get("message"), dict):
            message = value["message"]
            self.id, self.model = _text(message.get("id")), _text(message.get("model"))
            self._merge(message.get("usage"))
        elif kind == "content_block_start" and isinstance(value.get("content_block"), dict):
            block = value["content_block"]
            if block.get("type") not in ("text", "thinking"):
                self._spoke(None)
                if block.get("type") == "tool_use" and self.keep_text:
                    self._tools[value.get("index", 0)] = [
                        _text(block.get("id")) or "",
                        _text(block.get("name")) or "",
                        "",
                    ]
        elif kind == "content_block_delta" and isinstance(value.get("delta"), dict):
            self._block_delta(value, value["delta"])
        elif kind == "message_delta":
            delta = value.get("delta")
            if isinstance(delta, dict) and delta.get("stop_reason"):
                self.finish_reason = _text(delta["stop_reason"])
            self._merge(value.get("usage"))
        elif kind == "message_stop":
            self.seen |= FINISHED | DONE

    def _block_delta(self, value: dict[str, Any], delta: dict[str, Any]) -> None:
        if delta.get("text"):
            self._spoke(delta["text"])
        elif delta.get("thinking"):
            self._spoke(None)
            if self.keep_text and isinstance(delta["thinking"], str):
                self._reasoning.append(delta["thinking"])
        elif delta.get("partial_json"):
            self._spoke(None)
            if value.get("index") in self._tools and isinstance(delta["partial_json"], str):
                self._tools[value["index"]][2] += delta["partial_json"]

    def _merge(self, usage: object) -> None:
        """Counts of Anthropic are cumulative: what is given overwrites, null keeps."""
        if isinstance(usage, dict):
            self._usage = {**(self._usage or {}), **{name: count for name, count in usage.items() if count is not None}}
            self.seen |= USAGE

    def _responses(self, value: dict[str, Any]) -> None:
        kind = _text(value.get("type")) or ""
        if kind.endswith(".delta") and value.get("delta"):
            self._spoke(value["delta"] if kind == "response.output_text.delta" else None)
        elif kind == "response.output_item.added" and _type(value.get("item")) not in (None, "message", "reasoning"):
            self._spoke(None)
        response = value.get("response")
        if isinstance(response, dict):
            self.id, self.model = _text(response.get("id")), _text(response.get("model"))
            if isinstance(response.get("usage"), dict):
                self._usage = response["usage"]
                self.seen |= USAGE
            if kind in ENDS:
                self.finish_reason = _text(response.get("status"))
                self.seen |= FINISHED | DONE


def _index(value: dict[str, Any]) -> int:
    index = value.get("index")
    return index if isinstance(index, int) else 0


def _type(item: object) -> str | None:
    return _text(item.get("type")) if isinstance(item, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
