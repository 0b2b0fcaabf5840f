"""The SDKs read what we write: translated streams and answers, errors as bodies and as events."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
import openai
import pytest

from penstock.dialects.dialect import Dialect
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.failures import error_body, error_event
from tests.unit.dialects.test_golden import GOLDEN, stream_of

SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}
OVERLOADED = Failure(fault=Fault.OVERLOADED, message="Overloaded", status=529)


def anthropic_client(status: int, body: bytes, headers: dict[str, str]) -> anthropic.Anthropic:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=body, headers=headers))
    return anthropic.Anthropic(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport))


def openai_client(status: int, body: bytes, headers: dict[str, str]) -> openai.OpenAI:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=body, headers=headers))
    return openai.OpenAI(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport))


ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize("name", ["chat_tools.sse", "chat_tools_interleaved.sse"])
def test_anthropics_sdk_gathers_a_translated_stream(name: str) -> None:
    body = stream_of(name, [(GOLDEN / name).read_bytes()])
    with anthropic_client(200, body, SSE).messages.stream(max_tokens=5, **ASK) as stream:
        message = stream.get_final_message()
    calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
    expected = [("weather", {"city": "Paris"}), ("now", {})]
    assert calls == (expected if name == "chat_tools.sse" else [("a", {"x": 1}), ("b", {"y": 2})])
    assert message.stop_reason == "tool_use"
    if name == "chat_tools.sse":
        usage = message.usage
        assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (30, 300, 7)


def test_openais_sdk_gathers_a_translated_stream() -> None:
    body = stream_of("messages_tools.sse", [(GOLDEN / "messages_tools.sse").read_bytes()])
    with openai_client(200, body, SSE).chat.completions.stream(**ASK) as stream:
        completion = stream.get_final_completion()
    choice = completion.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("I look.", "tool_calls")
    calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
    assert calls == [("weather", '{"city": "Paris"}'), ("now", "{}")]
    assert completion.usage is not None and completion.usage.total_tokens == 561


def test_anthropics_sdk_raises_at_an_error_event() -> None:
    body = stream_of("chat_error.sse", [(GOLDEN / "chat_error.sse").read_bytes()])
    body += error_event(Dialect.MESSAGES, OVERLOADED, request_id="r")
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        for _ in anthropic_client(200, body, SSE).messages.create(max_tokens=5, stream=True, **ASK):
            pass


def test_openais_sdk_raises_at_an_error_event() -> None:
    body = stream_of("messages_error.sse", [(GOLDEN / "messages_error.sse").read_bytes()])
    body += error_event(Dialect.CHAT, OVERLOADED, request_id="r")
    with pytest.raises(openai.APIError, match="Overloaded"):
        for _ in openai_client(200, body, SSE).chat.completions.create(stream=True, **ASK):
            pass
    body = error_event(Dialect.RESPONSES, OVERLOADED, request_id="r")
    with pytest.raises(openai.APIError, match="Overloaded"):
        for _ in openai_client(200, body, SSE).responses.create(model="m", input="x", stream=True):
            pass


@pytest.mark.parametrize(
    ("fault", "of_openai", "of_anthropic"),
    [
        (Fault.BAD_REQUEST, openai.BadRequestError, anthropic.BadRequestError),
        (Fault.CONTEXT_WINDOW, openai.BadRequestError, anthropic.BadRequestError),
        (Fault.AUTHENTICATION, openai.AuthenticationError, anthropic.AuthenticationError),
        (Fault.NOT_FOUND, openai.NotFoundError, anthropic.NotFoundError),
        (Fault.RATE_LIMIT, openai.RateLimitError, anthropic.RateLimitError),
        (Fault.OVERLOADED, openai.InternalServerError, anthropic.APIStatusError),
        (Fault.SILENT, openai.InternalServerError, anthropic.APIStatusError),
    ],
)
def test_errors_have_their_class(fault: Fault, of_openai: type[Exception], of_anthropic: type[Exception]) -> None:
    failure = Failure(fault=fault, message="because")
    status, body = error_body(Dialect.CHAT, failure, request_id="r")
    with pytest.raises(of_openai, match="because"):
        openai_client(status, body, JSON).chat.completions.create(**ASK)
    status, body = error_body(Dialect.MESSAGES, failure, request_id="r")
    with pytest.raises(of_anthropic, match="because"):
        anthropic_client(status, body, JSON).messages.create(max_tokens=5, **ASK)
