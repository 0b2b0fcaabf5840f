"""What the other dialect cannot say is refused with its path, or left out when params may be dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.config.models import Deployment
from penstock.dialects.call import BadRequest, CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.pathway import BadAnswer, Pathway, pathway

USER = [{"role": "user", "content": "x"}]
CALLED = {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}


def way(caller: Dialect, body: bytes, *, drops: bool = False, provider: str | None = None) -> Pathway:
    deployment = Deployment(
        id="1", group="g", provider=provider or ("anthropic" if caller is Dialect.CHAT else "openai"), model="m"
    )
    return pathway(caller, deployment, CallFacts(dialect=caller, body=body, model="g", drop_params=drops))


def asked(caller: Dialect, members: dict[str, Any], *, drops: bool = False) -> dict[str, Any]:
    body = json.dumps({"model": "g", "messages": USER, "max_tokens": 5, **members}).encode()
    out: dict[str, Any] = json.loads(way(caller, body, drops=drops).request().body)
    return out


UNSAYABLE = [
    (Dialect.CHAT, {"seed": 1}, "seed"),
    (Dialect.CHAT, {"n": 2}, "n"),
    (Dialect.CHAT, {"logprobs": True}, "logprobs"),
    (Dialect.CHAT, {"frequency_penalty": 0.5}, "frequency_penalty"),
    (Dialect.CHAT, {"logit_bias": {"1": 1}}, "logit_bias"),
    (Dialect.CHAT, {"modalities": ["audio"]}, "modalities"),
    (Dialect.CHAT, {"web_search_options": {}}, "web_search_options"),
    (Dialect.CHAT, {"response_format": {"type": "json_object"}}, "response_format"),
    (Dialect.CHAT, {"tools": [{"type": "custom", "custom": {}}]}, "tools[0]"),
    (Dialect.CHAT, {"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
    (Dialect.CHAT, {"invented": 1}, "invented"),
    (
        Dialect.CHAT,
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "input_audio"}]}]},
        "messages[0].content[1].type",
    ),
    (
        Dialect.CHAT,
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "file", "file": {}}]}]},
        "messages[0].content[1].file.file_id",
    ),
    (Dialect.MESSAGES, {"top_k": 4}, "top_k"),
    (Dialect.MESSAGES, {"mcp_servers": []}, "mcp_servers"),
    (Dialect.MESSAGES, {"container": "c"}, "container"),
    (Dialect.MESSAGES, {"invented": 1}, "invented"),
    (Dialect.MESSAGES, {"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0]"),
    (
        Dialect.MESSAGES,
        {"messages": [{"role": "user", "content": [{"type": "container_upload"}, {"type": "text", "text": "x"}]}]},
        "messages[0].content[0].type",
    ),
    (
        Dialect.MESSAGES,
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "u"}}]}]},
        "messages[0].content[0].source",
    ),
    (
        Dialect.MESSAGES,
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]},
        "messages[0].content[0].source",
    ),
    (
        Dialect.MESSAGES,
        {"messages": [*USER, {"role": "assistant", "content": [{"type": "server_tool_use"}]}]},
        "messages[1].content[0].type",
    ),
]


@pytest.mark.parametrize(("caller", "members", "param"), UNSAYABLE)
def test_what_cannot_be_said(caller: Dialect, members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest, match="set drop_params to leave it out") as caught:
        asked(caller, members)
    assert (caught.value.param, caught.value.status) == (param, 400)
    out = asked(caller, members, drops=True)
    assert set(out) <= {"model", "messages", "max_tokens", "max_completion_tokens", "tools"}
    assert not out.get("tools")


WRONG = [
    (Dialect.CHAT, {"messages": "x"}, "messages"),
    (Dialect.CHAT, {"messages": [1]}, "messages[0]"),
    (Dialect.CHAT, {"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
    (Dialect.CHAT, {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    (Dialect.CHAT, {"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
    (Dialect.CHAT, {"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    (
        Dialect.CHAT,
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}]},
        "messages[0].content[0]",
    ),
    (Dialect.CHAT, {"messages": [*USER, CALLED, {"role": "tool", "content": "x"}]}, "messages[2].tool_call_id"),
    (
        Dialect.CHAT,
        {"messages": [*USER, {**CALLED, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]}]},
        "messages[1].tool_calls[0].function.arguments",
    ),
    (Dialect.CHAT, {"max_tokens": "5"}, "max_tokens"),
    (Dialect.CHAT, {"reasoning_effort": "huge"}, "reasoning_effort"),
    (Dialect.CHAT, {"tools": {}, "messages": 1}, "messages"),
    (Dialect.CHAT, {"stop": {"a": 1}}, "stop"),
    (Dialect.MESSAGES, {"messages": None}, "messages"),
    (Dialect.MESSAGES, {"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    (Dialect.MESSAGES, {"system": [{"type": "text"}]}, "system.text"),
    (Dialect.MESSAGES, {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, None),
    (Dialect.MESSAGES, {"tools": [{}]}, "tools[0].name"),
    (Dialect.MESSAGES, {"tools": [{"name": "f"}], "tool_choice": "auto"}, "tool_choice"),
    (Dialect.MESSAGES, {"output_config": {"format": {}}}, "output_config.format.schema"),
]


@pytest.mark.parametrize(("caller", "members", "param"), WRONG)
def test_what_is_wrong_is_named(caller: Dialect, members: dict[str, Any], param: str | None) -> None:
    for drops in (False, True):
        with pytest.raises(BadRequest) as caught:
            asked(caller, members, drops=drops)
        assert param is None or caught.value.param == param


@pytest.mark.parametrize("caller", [Dialect.CHAT, Dialect.MESSAGES])
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":"\xff"}', b"[" * 100_000])
def test_bodies_that_are_none(caller: Dialect, body: bytes) -> None:
    with pytest.raises(BadRequest):
        way(caller, body).request()


@pytest.mark.parametrize("caller", [Dialect.CHAT, Dialect.MESSAGES])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"choices":[],"content":5}', b'{"choices":[{}]}'])
def test_answers_that_are_none(caller: Dialect, body: bytes) -> None:
    with pytest.raises(BadAnswer):
        way(caller, b"{}").response(body)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["text", "user", "tool_use", "x", "auto"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "id", "name", "input", "function", "tool_calls", "source"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
MEMBERS = """messages system tools tool_choice stop max_tokens thinking output_config metadata response_format user
    stream reasoning_effort functions function_call parallel_tool_calls stop_sequences choices usage error id model
    max_completion_tokens temperature stop_reason content""".split()  # noqa: SIM905
MEMBER = st.sampled_from(MEMBERS)
ODD: list[Any] = [[], {}, [[]], [{}], 1, -1.5, True, "x", "", [1], ["x"], None]
ODD += [
    {name: odd} for name in ("type", "effort", "format", "function", "name", "user_id", "budget_tokens") for odd in ODD
]
ODD += [
    {"type": kind, kind: odd, "source": odd, "content": odd}
    for kind in ("json_schema", "tool", "function")
    for odd in ODD[:12]
]


@pytest.mark.parametrize("member", MEMBERS)
def test_members_of_odd_types_are_translated_or_refused(member: str) -> None:
    for caller in (Dialect.CHAT, Dialect.MESSAGES):
        tools = [{"type": "function", "function": {"name": "f"}}] if caller is Dialect.CHAT else [{"name": "f"}]
        for odd in ODD:
            value = {"messages": USER, "max_tokens": 5, "tools": tools, member: odd}
            if caller is Dialect.CHAT and member == "output_config":
                value |= {"reasoning_effort": "low", "response_format": {"type": "json_schema", "json_schema": {}}}
            check(caller, value, {"content": [], "choices": [{"message": {}, "delta": {}}], member: odd}, drops=True)
    assert ODD


KINDS = """text image_url file refusal image document tool_result search_result thinking redacted_thinking tool_use
    server_tool_use text_delta input_json_delta thinking_delta signature_delta x""".split()  # noqa: SIM905


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_with_odd_members_are_translated_or_refused(kind: str) -> None:
    names = ("text", "image_url", "file", "refusal", "source", "content", "tool_use_id", "thinking", "input", "id")
    names += ("data", "title", "partial_json", "signature", "tool_calls", "thinking_blocks", "reasoning_content")
    for name in names:
        for odd in (*ODD[:6], *ODD[10:13]):
            block = {"type": kind, "index": odd, name: odd}
            for role in ("user", "assistant"):
                message = {"role": role, "tool_call_id": "a", "content": [block], name: odd}
                for caller in (Dialect.CHAT, Dialect.MESSAGES):
                    check(caller, {"messages": [message]}, {"content": [block], "choices": [{"message": message}]})


def check(caller: Dialect, asked: Any, answer: dict[str, Any], *, drops: bool = False) -> None:
    """No other exception than BadRequest for the caller's nonsense and BadAnswer for the provider's."""
    path = way(caller, json.dumps(asked).encode(), drops=drops)
    try:
        json.loads(path.request().body)
    except BadRequest:
        pass
    try:
        json.loads(path.response(json.dumps(answer).encode()))
    except BadAnswer:
        pass
    translator = path.stream()
    assert translator is not None
    said = (answer.get("content") or [None])[0] if isinstance(answer.get("content"), list) else answer.get("content")
    for kind in ("message_start", "content_block_start", "content_block_delta", "message_delta", "chunk"):
        event = {"index": 0, "delta": said, "content_block": said, "message": answer, **answer, "type": kind}
        translator.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
        choice = {"index": 0, "delta": said if isinstance(said, dict) else answer, "finish_reason": said}
        translator.feed(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
    translator.feed(b'data: {"type":"content_block_stop","index":0}\n\n')
    translator.end()


@settings(max_examples=200, derandomize=True, deadline=None)
@given(members=st.dictionaries(MEMBER, JSON, max_size=5), message=JSON, drops=st.booleans())
def test_any_json_is_translated_or_refused(members: dict[str, Any], message: Any, drops: bool) -> None:
    answer = {"content": [message], "choices": [{"message": message, "delta": message}], **members}
    for caller in (Dialect.CHAT, Dialect.MESSAGES):
        check(caller, {"messages": [message], **members}, answer, drops=drops)
        check(caller, {"messages": [{"role": "user", "content": message}], **members}, answer, drops=drops)
