"""A request keeps its meaning there and back; a stream means what the whole answer means, however it is cut."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.dialects.answers import chat_answer, messages_answer
from penstock.dialects.call import CallFacts
from penstock.dialects.chat_as_messages import translated as as_messages
from penstock.dialects.dialect import Dialect
from penstock.dialects.messages_as_chat import translated as as_chat
from penstock.dialects.providers import PROVIDERS
from penstock.dialects.reading import Refusals
from penstock.dialects.stream_to_chat import MessagesToChat
from penstock.dialects.stream_to_messages import ChatToMessages

STRICT = Refusals(drops=False)
CALL = CallFacts(dialect=Dialect.CHAT, body=b"{}", model="g", include_usage=True)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
NAME = st.sampled_from(["weather", "now", "f-1"])
ARGUMENTS = st.dictionaries(TEXT, st.none() | st.integers(-9, 9) | TEXT | st.lists(TEXT, max_size=2), max_size=3)
IMAGE = st.sampled_from(["data:image/png;base64,AAAA", "data:image/jpeg;base64,BBBB", "https://example.com/a.png"])


def rules(examples_n: int) -> Any:
    return settings(max_examples=examples_n, derandomize=True, deadline=None)


# -- requests --

PARTS = st.lists(
    st.one_of(
        TEXT.map(lambda text: {"type": "text", "text": text}),
        IMAGE.map(lambda url: {"type": "image_url", "image_url": {"url": url}}),
    ),
    min_size=1,
    max_size=3,
)
USER = st.one_of(TEXT, PARTS).map(lambda content: [{"role": "user", "content": content}])
SPOKEN = TEXT.map(lambda text: [{"role": "assistant", "content": text}])


@st.composite
def tool_turn(draw: st.DrawFn) -> list[dict[str, Any]]:
    calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": draw(NAME), "arguments": json.dumps(draw(ARGUMENTS))},
        }
        for number in range(draw(st.integers(1, 3)))
    ]
    content = draw(st.none() | TEXT)
    results = [{"role": "tool", "tool_call_id": call["id"], "content": draw(st.just("") | TEXT)} for call in calls]
    return [{"role": "assistant", "content": content, "tool_calls": calls}, *results]


TURNS = st.lists(st.one_of(USER, SPOKEN, tool_turn()), min_size=1, max_size=6).map(
    lambda turns: [message for turn in turns for message in turn]
)
SYSTEM = st.none() | TEXT.map(lambda text: {"role": "system", "content": text})


def meaning(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Roles and what they said: neighbours of one role are one speaker, and how text is cut does not matter."""
    out: list[tuple[Any, ...]] = []
    for message in messages:
        role = message["role"]
        if role == "tool":
            out.append(("tool", message["tool_call_id"], message["content"]))
            continue
        said = said_in(message)
        if out and out[-1][0] == role:
            said = out.pop()[1] + said
        out.append((role, said))
    return [(each[0], joined(each[1])) if len(each) == 2 else each for each in out]


def said_in(message: dict[str, Any]) -> list[tuple[Any, ...]]:
    content = message["content"]
    parts = [{"type": "text", "text": content or ""}] if not isinstance(content, list) else content
    said: list[tuple[Any, ...]] = [
        ("text", part["text"]) if part["type"] == "text" else ("image", part["image_url"]["url"]) for part in parts
    ]
    for call in message.get("tool_calls") or []:
        said.append(("call", call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])))
    return said


def joined(said: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """All of the text, then the rest in order: OpenAI's assistant has one text beside its calls."""
    text = "".join(each[1] for each in said if each[0] == "text")
    return [("text", text), *(each for each in said if each[0] != "text")]


@rules(200)
@given(system=SYSTEM, turns=TURNS)
def test_a_chat_request_keeps_its_meaning(system: dict[str, Any] | None, turns: list[dict[str, Any]]) -> None:
    messages = ([system] if system else []) + turns
    chat = {"model": "g", "messages": messages, "max_tokens": 5, "temperature": 0.5, "stop": ["a"], "stream": True}
    there = json.loads(json.dumps(as_messages(json.loads(json.dumps(chat)), model="m", refusals=STRICT), default=_raw))
    roles = [turn["role"] for turn in there["messages"]]
    assert all(roles[i] != roles[i + 1] for i in range(len(roles) - 1))
    back = as_chat(there, model="m", provider=PROVIDERS["openai"], refusals=STRICT)
    assert meaning(back["messages"]) == meaning(messages)
    assert (back["max_completion_tokens"], back["temperature"], back["stop"], back["stream"]) == (5, 0.5, ["a"], True)


def _raw(value: Any) -> Any:
    return json.loads(bytes(value))


# -- answers and streams --

BLOCKS = st.lists(
    st.one_of(
        TEXT.map(lambda text: {"type": "text", "text": text}),
        TEXT.map(lambda text: {"type": "thinking", "thinking": text, "signature": "sig"}),
        st.just({"type": "redacted_thinking", "data": "x"}),
        st.tuples(NAME, ARGUMENTS).map(lambda use: {"type": "tool_use", "name": use[0], "input": use[1]}),
    ),
    max_size=5,
).map(lambda blocks: [{**block, "id": f"toolu_{i}"} if "input" in block else block for i, block in enumerate(blocks)])
STOP = st.sampled_from(["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "pause_turn"])
COUNT = st.integers(0, 999)


def cut(draw: st.DrawFn, text: str) -> list[str]:
    at = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]


def event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


@st.composite
def anthropic_stream(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A message and a stream that tells it."""
    blocks, stop = draw(BLOCKS), draw(STOP)
    usage = {"input_tokens": draw(COUNT), "cache_read_input_tokens": draw(COUNT), "output_tokens": draw(COUNT)}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks}
    start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    out = event("message_start", message=start)
    for index, block in enumerate(blocks):
        empty, deltas = _in_pieces(draw, block)
        out += event("content_block_start", index=index, content_block=empty)
        for delta in deltas:
            out += event("content_block_delta", index=index, delta=delta)
            out += event("ping") if draw(st.booleans()) else b": comment\n\n"
        out += event("content_block_stop", index=index)
    told = {"output_tokens": usage["output_tokens"], "input_tokens": None}
    out += event("message_delta", delta={"stop_reason": stop}, usage=told) + event("message_stop")
    return {**message, "stop_reason": stop, "usage": usage}, out


def _in_pieces(draw: st.DrawFn, block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in cut(draw, block["text"])]
    if block["type"] == "thinking":
        pieces = [{"type": "thinking_delta", "thinking": piece} for piece in cut(draw, block["thinking"])]
        return {**block, "thinking": "", "signature": ""}, [*pieces, {"type": "signature_delta", "signature": "sig"}]
    if block["type"] == "tool_use":
        pieces = cut(draw, json.dumps(block["input"])) if block["input"] else []
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block, []


def fed(translator: MessagesToChat | ChatToMessages, data: bytes, at: list[int]) -> list[Any]:
    """What comes out, as values; the stream is fed in the pieces that `at` cuts it into."""
    places = sorted(each % (len(data) + 1) for each in at)
    out = b"".join(translator.feed(data[i:j]) for i, j in zip([0, *places], [*places, len(data)], strict=True))
    out += translator.end()
    lines = [line[len("data: ") :] for line in out.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def folded_chat(chunks: list[Any]) -> dict[str, Any]:
    """The completion that chunks tell."""
    message: dict[str, Any] = {}
    calls: dict[int, dict[str, Any]] = {}
    thoughts: list[Any] = []
    out: dict[str, Any] = {}
    for chunk in chunks:
        out["usage"] = chunk["usage"]
        for choice in chunk["choices"]:
            delta = choice["delta"]
            out["finish_reason"] = choice["finish_reason"]
            for name in ("content", "reasoning_content"):
                if delta.get(name):
                    message[name] = message.get(name, "") + delta[name]
            for thought in delta.get("thinking_blocks", []):
                assert thought.pop("index") == len(thoughts)
                thoughts.append(thought)
            for piece in delta.get("tool_calls", []):
                call = calls.setdefault(piece["index"], {"arguments": "", "id": piece.get("id"), **piece["function"]})
                if "id" not in piece:
                    call["arguments"] += piece["function"]["arguments"]
    out["calls"] = [(call["id"], call["name"], json.loads(call["arguments"])) for _, call in sorted(calls.items())]
    return {**out, **message, "thoughts": thoughts}


@rules(200)
@given(told=anthropic_stream(), at=st.lists(st.integers(0, 10_000), max_size=6))
def test_an_anthropic_stream_means_what_the_message_means(told: tuple[dict[str, Any], bytes], at: list[int]) -> None:
    message, stream = told
    whole = json.loads(chat_answer(json.dumps(message).encode(), CALL))
    said = whole["choices"][0]["message"]
    out = folded_chat(fed(MessagesToChat(CALL), stream, at))
    assert out["usage"] == whole["usage"]
    assert out["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert out.get("content", "") == (said["content"] or "")
    assert out.get("reasoning_content", "") == said.get("reasoning_content", "")
    assert out["thoughts"] == said.get("thinking_blocks", [])
    calls = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in said.get("tool_calls", [])
    ]
    assert out["calls"] == calls


@st.composite
def chat_stream(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A completion and a stream that tells it."""
    content, reasoning = draw(st.none() | TEXT), draw(st.none() | TEXT)
    uses = draw(st.lists(st.tuples(NAME, ARGUMENTS), max_size=3))
    calls = [
        {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": json.dumps(value)}}
        for i, (name, value) in enumerate(uses)
    ]
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in cut(draw, reasoning or "")]
    deltas += [{"content": piece} for piece in cut(draw, content or "")]
    for index, call in enumerate(calls):
        function = call["function"]
        assert isinstance(function, dict)
        deltas.append({"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in cut(draw, function["arguments"])
        ]
    usage = {"prompt_tokens": draw(COUNT), "completion_tokens": draw(COUNT), "total_tokens": 0}
    facts = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [{**facts, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**facts, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({**facts, "choices": [], "usage": usage})
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    said = {"role": "assistant", "content": content, "reasoning_content": reasoning, "tool_calls": calls}
    choice = {"index": 0, "message": said, "finish_reason": finish}
    return {"id": "chatcmpl-1", "model": "m", "choices": [choice], "usage": usage}, stream


def folded_message(events: list[Any]) -> dict[str, Any]:
    """The message that events tell; every block is begun once, and ended once."""
    blocks: dict[int, Any] = {}
    is_open: dict[int, bool] = {}
    out: dict[str, Any] = {}
    for each in events:
        kind, index = each["type"], each.get("index", 0)
        if kind == "message_start":
            out = each["message"]
        elif kind == "content_block_start":
            assert index == len(blocks)
            blocks[index], is_open[index] = each["content_block"], True
        elif kind == "content_block_delta":
            assert is_open[index]
            _apply(blocks[index], each["delta"])
        elif kind == "content_block_stop":
            assert is_open[index]
            is_open[index] = False
        elif kind == "message_delta":
            out |= {**each["delta"], "usage": each["usage"]}
    assert not any(is_open.values())
    content = [blocks[index] for index in sorted(blocks)]
    for block in content:
        if block["type"] == "tool_use" and isinstance(block["input"], str):
            block["input"] = json.loads(block["input"])
    return {**out, "content": content}


def _apply(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if delta["type"] == "input_json_delta":
        block["input"] = (block["input"] or "") + delta["partial_json"]
    else:
        name = delta["type"].removesuffix("_delta")
        block[name] += delta[name]


@rules(200)
@given(told=chat_stream(), at=st.lists(st.integers(0, 10_000), max_size=6))
def test_a_chat_stream_means_what_the_completion_means(told: tuple[dict[str, Any], bytes], at: list[int]) -> None:
    completion, stream = told
    whole = json.loads(messages_answer(json.dumps(completion).encode(), CALL))
    assert folded_message(fed(ChatToMessages(CALL), stream, at)) == whole
