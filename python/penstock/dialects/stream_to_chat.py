"""An Anthropic stream as chat chunks (OpenAI), event by event.

The finish reason is held back until `end()`, which is called only after message_stop: a stream that is cut before has
no finish reason for the caller either. Pings and unknown events are passed over. A thinking block is told twice: as
`reasoning_content` while it comes, and whole with its signature as `thinking_blocks` when it is complete.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.dialects.answers import text_of
from penstock.dialects.call import CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.reading import Members
from penstock.dialects.stream_translation import StreamTranslation
from penstock.dialects.words import chat_usage, finish_reason, merged_usage

_encode = msgspec.json.Encoder().encode
DONE = b"data: [DONE]\n\n"


class MessagesToChat(StreamTranslation):
    """One stream."""

    __slots__ = ("_after", "_head", "_is_stopped", "_stop_reason", "_thoughts", "_thoughts_n", "_tools", "_usage")

    upstream = Dialect.MESSAGES
    caller = Dialect.CHAT

    def __init__(self, call: CallFacts) -> None:
        super().__init__(call)
        self._usage: Members = {}
        self._stop_reason: object = None
        self._is_stopped = False
        self._tools: dict[int, _Tool] = {}  # by index of their block
        self._thoughts: dict[int, Members] = {}
        self._thoughts_n = 0
        # What of a chunk is before and after the delta, written once.
        self._after = b"}]" + (b',"usage":null' if call.include_usage else b"") + b"}\n\n"
        self._head = self._head_of("", call.model)

    def __repr__(self) -> str:
        return f"<MessagesToChat {len(self._tools)} tools, {'stopped' if self._is_stopped else 'running'}>"

    def end(self) -> bytes:
        if self._is_failed:
            return b""
        if not self._is_stopped:
            return self._cut("message_stop")
        finish = _encode(finish_reason(self._stop_reason))
        out = self._head + b'{},"logprobs":null,"finish_reason":' + finish + self._after
        if self._call.include_usage:
            start = self._head[: self._head.index(b'"choices":')]
            out += start + b'"choices":[],"usage":' + _encode(chat_usage(self._usage)) + b"}\n\n"
        return out + DONE

    def _head_of(self, name: str, model: str) -> bytes:
        facts = {"id": name, "object": "chat.completion.chunk", "created": self._call.now_s, "model": model}
        return b"data: " + _encode(facts)[:-1] + b',"choices":[{"index":0,"delta":'

    def _chunk(self, delta: Members) -> bytes:
        return self._head + _encode(delta) + b',"logprobs":null,"finish_reason":null' + self._after

    def _event(self, value: Members, out: list[bytes]) -> None:
        kind = value.get("type")
        if kind == "content_block_delta":
            self._delta(_index(value), value.get("delta"), out)
        elif kind == "content_block_start":
            self._block(_index(value), value.get("content_block"), out)
        elif kind == "content_block_stop":
            self._stop(_index(value), out)
        elif kind == "message_start":
            message = value.get("message")
            message = message if isinstance(message, dict) else {}
            self._usage = merged_usage(self._usage, message.get("usage"))
            self._head = self._head_of(text_of(message.get("id")), text_of(message.get("model")) or self._call.model)
            out.append(self._chunk({"role": "assistant", "content": ""}))
        elif kind == "message_delta":
            delta = value.get("delta")
            if isinstance(delta, dict) and delta.get("stop_reason"):
                self._stop_reason = delta["stop_reason"]
            self._usage = merged_usage(self._usage, value.get("usage"))
        elif kind == "message_stop":
            self._is_stopped = True
        elif kind == "error":
            self._fail(_encode(value), out)

    def _block(self, index: int, block: Any, out: list[bytes]) -> None:
        if not isinstance(block, dict):
            return
        kind = block.get("type")
        if kind == "text" and text_of(block.get("text")):
            out.append(self._chunk({"content": block["text"]}))
        elif kind == "tool_use":
            tool = self._tools[index] = _Tool(len(self._tools), block.get("input"))
            function = {"name": text_of(block.get("name")), "arguments": ""}
            call = {"index": tool.number, "id": text_of(block.get("id")), "type": "function", "function": function}
            out.append(self._chunk({"tool_calls": [call]}))
        elif kind in ("thinking", "redacted_thinking"):
            self._thoughts[index] = dict(block)
            if text_of(block.get("thinking")):
                out.append(self._chunk({"reasoning_content": block["thinking"]}))

    def _delta(self, index: int, delta: Any, out: list[bytes]) -> None:
        if not isinstance(delta, dict):
            return
        kind = delta.get("type")
        if kind == "text_delta":
            if text_of(delta.get("text")):
                out.append(self._chunk({"content": delta["text"]}))
        elif kind == "input_json_delta":
            tool, piece = self._tools.get(index), text_of(delta.get("partial_json"))
            if tool is not None and piece:
                tool.has_spoken = True
                out.append(self._arguments(tool, piece))
        elif kind == "thinking_delta":
            piece = text_of(delta.get("thinking"))
            thought = self._thoughts.setdefault(index, {"type": "thinking"})
            thought["thinking"] = text_of(thought.get("thinking")) + piece
            if piece:
                out.append(self._chunk({"reasoning_content": piece}))
        elif kind == "signature_delta":
            thought = self._thoughts.setdefault(index, {"type": "thinking", "thinking": ""})
            thought["signature"] = text_of(thought.get("signature")) + text_of(delta.get("signature"))

    def _arguments(self, tool: _Tool, piece: str) -> bytes:
        return self._chunk({"tool_calls": [{"index": tool.number, "function": {"arguments": piece}}]})

    def _stop(self, index: int, out: list[bytes]) -> None:
        thought = self._thoughts.pop(index, None)
        if thought is not None:
            # OpenAI's SDK adds up lists by the index of their entries.
            out.append(self._chunk({"thinking_blocks": [{"index": self._thoughts_n, **thought}]}))
            self._thoughts_n += 1
        tool = self._tools.get(index)
        if tool is not None and not tool.has_spoken:  # an input that was there from the start, or none at all
            tool.has_spoken = True
            out.append(self._arguments(tool, _encode(tool.given or {}).decode()))


class _Tool:
    __slots__ = ("given", "has_spoken", "number")

    def __init__(self, number: int, given: object) -> None:
        self.number = number
        self.given = given
        self.has_spoken = False


def _index(value: Members) -> int:
    index = value.get("index")
    return index if isinstance(index, int) else 0
