"""Recordings in the providers' documented formats, and what a caller of the other dialect gets for them.

golden/NAME.request.json, NAME.answer.json: `expected` beside what is asked or answered. golden/NAME.sse: a provider's
stream, in NAME.expected the caller's. What comes out must also be what the SDK of the caller's dialect can read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.config.models import Deployment
from penstock.dialects.call import CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.pathway import Pathway, pathway
from penstock.secret import Secret
from penstock.sse import Events, Tally

GOLDEN = Path(__file__).parent / "golden"
NOW_S = 1700000000


def names(pattern: str) -> list[str]:
    return sorted(path.name for path in GOLDEN.glob(pattern))


def way(case: dict[str, Any], **more: Any) -> Pathway:
    caller = Dialect(case["caller"])
    provider = case.get("provider", "openai" if caller is Dialect.MESSAGES else "anthropic")
    deployment = Deployment(
        id="1",
        group="g",
        provider=provider,
        model=case.get("model", "m"),
        api_key=Secret("k"),
        params=case.get("params", {}),
        drop_params=case.get("drop_params"),
    )
    body = json.dumps(case.get("ask", {})).encode()
    return pathway(caller, deployment, CallFacts(dialect=caller, body=body, model="g", now_s=NOW_S, **more))


@pytest.mark.parametrize("name", names("*.request.json"))
def test_requests(name: str) -> None:
    case = json.loads((GOLDEN / name).read_text())
    out = way(case).request()
    assert json.loads(out.body) == case["expected"]
    assert out.url.endswith("/v1/messages" if case["caller"] == "chat" else "/chat/completions")


@pytest.mark.parametrize("name", names("*.answer.json"))
def test_answers(name: str) -> None:
    case = json.loads((GOLDEN / name).read_text())
    said = json.loads(way(case).response(json.dumps(case["answer"]).encode()))
    assert said == case["expected"]
    if case["caller"] == "chat":
        from openai.types.chat import ChatCompletion

        ChatCompletion.model_validate(said)
    else:
        from anthropic.types import Message

        Message.model_validate(said)


def stream_of(name: str, pieces: list[bytes], *, include_usage: bool = True) -> bytes:
    """As the gateway does it: the tally gives whole events, the end is asked for only when it was complete."""
    upstream = Dialect(name.split("_")[0])
    caller = Dialect.CHAT if upstream is Dialect.MESSAGES else Dialect.MESSAGES
    path = way({"caller": caller.value}, include_usage=include_usage, stream=True)
    assert path.upstream is upstream
    tally, translator = Tally(upstream.value), path.stream()
    assert translator is not None
    out = b"".join(translator.feed(tally.feed(piece)) for piece in pieces)
    return out + (translator.end() if tally.is_complete else b"")


@pytest.mark.parametrize("name", names("*.sse"))
def test_streams(name: str) -> None:
    out = stream_of(name, [(GOLDEN / name).read_bytes()])
    assert out.decode() == (GOLDEN / name.replace(".sse", ".expected")).read_text()
    for event in Events().feed(out):
        check_event(event.data or b"", event.event)


def check_event(data: bytes, kind: str) -> None:
    if data == b"[DONE]":
        return
    value = json.loads(data)
    if "choices" in value:
        from openai.types.chat import ChatCompletionChunk

        ChatCompletionChunk.model_validate(value)
    else:
        from anthropic.types import RawMessageStreamEvent
        from pydantic import TypeAdapter

        assert value["type"] == kind
        TypeAdapter[object](RawMessageStreamEvent).validate_python(value)


@pytest.mark.parametrize("name", names("*.sse"))
def test_streams_are_the_same_at_every_split(name: str) -> None:
    data = (GOLDEN / name).read_bytes()
    whole = stream_of(name, [data])
    for at in range(0, len(data), 7):
        assert stream_of(name, [data[:at], data[at:]]) == whole
    assert stream_of(name, [data[at : at + 1] for at in range(len(data))]) == whole
    assert stream_of(name, [data.replace(b"\n", b"\r\n")]) == whole


@pytest.mark.parametrize("name", [name for name in names("*.sse") if "error" in name or "cut" in name])
def test_a_stream_without_its_end_has_none_for_the_caller(name: str) -> None:
    out = stream_of(name, [(GOLDEN / name).read_bytes()])
    assert b"[DONE]" not in out and b"message_stop" not in out and b'"finish_reason":"' not in out


@pytest.mark.parametrize("name", ["messages_error.sse", "chat_error.sse", "messages_cut.sse", "chat_cut.sse"])
def test_a_translator_alone_does_not_pretend_either(name: str) -> None:
    """Fed without a tally in front, and asked for an end that there is not."""
    upstream = Dialect(name.split("_")[0])
    caller = Dialect.CHAT if upstream is Dialect.MESSAGES else Dialect.MESSAGES
    translator = way({"caller": caller.value}, stream=True).stream()
    assert translator is not None
    out = translator.feed((GOLDEN / name).read_bytes()) + translator.end()
    assert out.count(b'"error":') == 1
    assert b"[DONE]" not in out and b'"type":"message_stop"' not in out


def test_usage_is_told_only_to_who_asked() -> None:
    data = (GOLDEN / "messages_text.sse").read_bytes()
    assert b"usage" not in stream_of("messages_text.sse", [data], include_usage=False)
