"""Chat chunks (OpenAI) as an Anthropic stream, event by event.

One block is open at a time: text, thinking, or a tool's input. A tool's block is closed when the next one begins and
its arguments are complete JSON; servers that announce all calls first and send arguments in turns keep theirs open to
the end. message_delta and message_stop come from `end()` alone, which is called only after a complete stream. Input
tokens are known at the end only: message_start says 0, message_delta has the counts.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.dialects.answers import NO_MESSAGES_USAGE, reasoning_of, text_of, tool_id
from penstock.dialects.call import CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.reading import Members, json_object
from penstock.dialects.stream_translation import StreamTranslation
from penstock.dialects.words import messages_usage, stop_reason

_encode = msgspec.json.Encoder().encode


class _Tool:
    __slots__ = ("arguments", "block", "is_open")

    def __init__(self, block: int) -> None:
        self.block = block
        self.arguments: list[str] = []
        self.is_open = True


class ChatToMessages(StreamTranslation):
    """One stream."""

    __slots__ = ("_blocks_n", "_finish", "_is_started", "_open", "_tools", "_usage")

    upstream = Dialect.CHAT
    caller = Dialect.MESSAGES

    def __init__(self, call: CallFacts) -> None:
        super().__init__(call)
        self._usage: Members | None = None
        self._finish: object = None
        self._is_started = False
        self._blocks_n = 0
        self._open: str | None = None  # "text" or "thinking": the last block, while it is open
        self._tools: dict[int, _Tool] = {}  # by index of the call

    def __repr__(self) -> str:
        return f"<ChatToMessages {self._blocks_n} blocks, {self._open or 'none'} open>"

    def end(self) -> bytes:
        if self._is_failed:
            return b""
        if self._finish is None:
            return self._cut("a finish_reason")
        out: list[bytes] = []
        self._close(out)
        for tool in self._tools.values():
            self._close_tool(tool, out)
        reason = stop_reason(self._finish, has_tools=bool(self._tools))
        usage = NO_MESSAGES_USAGE if self._usage is None else messages_usage(self._usage)
        delta = {"stop_reason": reason, "stop_sequence": None}
        out.append(_event("message_delta", {"type": "message_delta", "delta": delta, "usage": usage}))
        out.append(_event("message_stop", {"type": "message_stop"}))
        return b"".join(out)

    def _event(self, value: Members, out: list[bytes]) -> None:
        if value.get("error"):
            self._fail(_encode(value["error"]), out)
            return
        if isinstance(value.get("usage"), dict):
            self._usage = value["usage"]
        choices = value.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict) and choice.get("index") in (0, None):
                self._start(value, out)
                self._delta(choice.get("delta"), out)
                self._finish = choice.get("finish_reason") or self._finish

    def _start(self, value: Members, out: list[bytes]) -> None:
        if self._is_started:
            return
        self._is_started = True
        message: Members = {
            "id": text_of(value.get("id")) or "msg_0",
            "type": "message",
            "role": "assistant",
            "model": text_of(value.get("model")) or self._call.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": NO_MESSAGES_USAGE,
        }
        out.append(_event("message_start", {"type": "message_start", "message": message}))

    def _delta(self, delta: Any, out: list[bytes]) -> None:
        if not isinstance(delta, dict):
            return
        thoughts = delta.get("thinking_blocks")
        if isinstance(thoughts, list):
            for each in thoughts:
                self._signature(each, out)
        reasoning = reasoning_of(delta)
        if reasoning:
            self._say("thinking", {"type": "thinking_delta", "thinking": reasoning}, out)
        for name in ("content", "refusal"):
            text = delta.get(name)
            if isinstance(text, list):  # Mistral's parts
                text = "".join(text_of(part.get("text")) for part in text if isinstance(part, dict))
            if isinstance(text, str) and text:
                self._say("text", {"type": "text_delta", "text": text}, out)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                self._call_piece(call, out)
        if isinstance(delta.get("function_call"), dict):
            self._call_piece({"index": 0, "function": delta["function_call"]}, out)

    def _say(self, kind: str, delta: Members, out: list[bytes]) -> None:
        if self._open != kind:
            self._close(out)
            self._close_complete(out)
            empty = (
                {"type": "text", "text": ""}
                if kind == "text"
                else {"type": "thinking", "thinking": "", "signature": ""}
            )
            out.append(_block_start(self._blocks_n, empty))
            self._blocks_n += 1
            self._open = kind
        out.append(_block_delta(self._blocks_n - 1, delta))

    def _signature(self, thought: Any, out: list[bytes]) -> None:
        """A whole block with its signature, as our own translation of Anthropic's stream tells it."""
        if not isinstance(thought, dict):
            return
        if thought.get("type") == "redacted_thinking":
            self._close(out)
            out.append(
                _block_start(self._blocks_n, {"type": "redacted_thinking", "data": text_of(thought.get("data"))})
            )
            out.append(_block_stop(self._blocks_n))
            self._blocks_n += 1
        elif self._open == "thinking" and text_of(thought.get("signature")):
            delta = {"type": "signature_delta", "signature": thought["signature"]}
            out.append(_block_delta(self._blocks_n - 1, delta))

    def _call_piece(self, call: Members, out: list[bytes]) -> None:
        index = call.get("index")
        index = index if isinstance(index, int) else 0
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        tool = self._tools.get(index)
        if tool is None:
            self._close(out)
            self._close_complete(out)
            tool = self._tools[index] = _Tool(self._blocks_n)
            self._blocks_n += 1
            block = {"type": "tool_use", "id": tool_id(call, index), "name": text_of(function.get("name")), "input": {}}
            out.append(_block_start(tool.block, block))
        piece = function.get("arguments")
        if isinstance(piece, dict):
            piece = _encode(piece).decode()
        if isinstance(piece, str) and piece:
            tool.arguments.append(piece)
            out.append(_block_delta(tool.block, {"type": "input_json_delta", "partial_json": piece}))

    def _close(self, out: list[bytes]) -> None:
        if self._open is not None:
            self._open = None
            out.append(_block_stop(self._blocks_n - 1))

    def _close_complete(self, out: list[bytes]) -> None:
        for tool in self._tools.values():
            if tool.is_open and tool.arguments and json_object("".join(tool.arguments)) is not None:
                self._close_tool(tool, out)

    def _close_tool(self, tool: _Tool, out: list[bytes]) -> None:
        if tool.is_open:
            tool.is_open = False
            tool.arguments.clear()
            out.append(_block_stop(tool.block))


def _event(name: str, data: Members) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encode(data) + b"\n\n"


def _block_start(index: int, block: Members) -> bytes:
    return _event("content_block_start", {"type": "content_block_start", "index": index, "content_block": block})


def _block_delta(index: int, delta: Members) -> bytes:
    return _event("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})


def _block_stop(index: int) -> bytes:
    return _event("content_block_stop", {"type": "content_block_stop", "index": index})
