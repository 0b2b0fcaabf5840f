"""Whole answers, both ways: an Anthropic message for a chat caller, a chat completion for an Anthropic caller."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.dialects.call import CallFacts
from penstock.dialects.reading import UNREADABLE, Members, json_object
from penstock.dialects.translation import BadAnswer
from penstock.dialects.words import chat_usage, finish_reason, messages_usage, stop_reason

_THOUGHTS = ("thinking", "redacted_thinking")
NO_MESSAGES_USAGE: Members = {"input_tokens": 0, "output_tokens": 0}


def _read(body: bytes, needs: str) -> Members:
    try:
        value = msgspec.json.decode(body)
    except UNREADABLE as err:
        raise BadAnswer(f"the provider's answer is not JSON: {err}") from None
    if not isinstance(value, dict) or not isinstance(value.get(needs), list):
        raise BadAnswer(f"the provider's answer has no {needs!r}")
    return value


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


# -- Anthropic's for a chat caller --


def chat_answer(body: bytes, call: CallFacts) -> bytes:
    """A chat completion. BadAnswer when the body is no message."""
    message = _read(body, "content")
    usage = message.get("usage")
    finish = finish_reason(message.get("stop_reason"))
    choice = {"index": 0, "message": _chat_message(message), "logprobs": None, "finish_reason": finish}
    out = {
        "id": text_of(message.get("id")),
        "object": "chat.completion",
        "created": call.now_s,
        "model": text_of(message.get("model")) or call.model,
        "choices": [choice],
        "usage": chat_usage(usage if isinstance(usage, dict) else {}),
    }
    return msgspec.json.encode(out)


def _chat_message(message: Members) -> Members:
    texts: list[str] = []
    thoughts: list[Members] = []
    calls: list[Members] = []
    for block in message["content"]:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            texts.append(text_of(block.get("text")))
        elif kind == "tool_use":
            calls.append(_tool_call(block))
        elif kind in _THOUGHTS:
            thoughts.append(block)
    out: Members = {"role": "assistant", "content": "".join(texts) if texts or not calls else None, "refusal": None}
    if thoughts:
        out["reasoning_content"] = "".join(text_of(each.get("thinking")) for each in thoughts)
        out["thinking_blocks"] = thoughts
    if calls:
        out["tool_calls"] = calls
    return out


def _tool_call(block: Members) -> Members:
    arguments = msgspec.json.encode(block.get("input") or {}).decode()
    function = {"name": text_of(block.get("name")), "arguments": arguments}
    return {"id": text_of(block.get("id")), "type": "function", "function": function}


# -- OpenAI's for an Anthropic caller --


def messages_answer(body: bytes, call: CallFacts) -> bytes:
    """A message. BadAnswer when the body is no chat completion with a choice."""
    completion = _read(body, "choices")
    choice: Any = completion["choices"][0] if completion["choices"] else None
    said = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(said, dict):
        raise BadAnswer("the provider's answer has no choice with a message")
    content = _blocks(said)
    has_tools = any(block.get("type") == "tool_use" for block in content)
    usage = completion.get("usage")
    out = {
        "id": text_of(completion.get("id")),
        "type": "message",
        "role": "assistant",
        "model": text_of(completion.get("model")) or call.model,
        "content": content,
        "stop_reason": stop_reason(choice.get("finish_reason"), has_tools=has_tools),
        "stop_sequence": None,
        "usage": messages_usage(usage) if isinstance(usage, dict) else NO_MESSAGES_USAGE,
    }
    return msgspec.json.encode(out)


def _blocks(said: Members) -> list[Members]:
    content: list[Members] = []
    thoughts = said.get("thinking_blocks")
    reasoning = reasoning_of(said)
    if isinstance(thoughts, list) and thoughts:
        content += [each for each in thoughts if isinstance(each, dict) and each.get("type") in _THOUGHTS]
    elif reasoning:
        content.append({"type": "thinking", "thinking": reasoning, "signature": ""})
    text = _text(said.get("content")) + text_of(said.get("refusal"))
    if text:
        content.append({"type": "text", "text": text})
    calls = said.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else []):
        if isinstance(call, dict):
            content.append(_tool_use(call, index))
    if not calls and isinstance(said.get("function_call"), dict):
        content.append(_tool_use({"function": said["function_call"]}, 0))
    return content


def _text(content: object) -> str:
    """Text, or parts of it: Mistral's reasoning models answer in parts."""
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) for part in content if isinstance(part, dict))
    return text_of(content)


def reasoning_of(said: Members) -> str:
    """What vendors call reasoning_content or reasoning."""
    return text_of(said.get("reasoning_content")) or text_of(said.get("reasoning"))


def tool_id(call: Members, index: int) -> str:
    return text_of(call.get("id")) or f"toolu_{index}"


def _tool_use(call: Members, index: int) -> Members:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    if isinstance(arguments, dict):  # some servers do not write JSON into a string
        parsed: object = arguments
    else:
        parsed = json_object(text_of(arguments))
        if parsed is None:  # the model's own broken JSON: the caller shall see what it was
            parsed = {"arguments": text_of(arguments)}
    return {"type": "tool_use", "id": tool_id(call, index), "name": text_of(function.get("name")), "input": parsed}
