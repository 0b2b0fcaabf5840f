"""What the gateway reads of a whole answer."""

from __future__ import annotations

import pytest

from penstock.dialects.dialect import Dialect
from penstock.gateway.answer import forwarded, read_answer, relayed
from penstock.sse import Usage

CHAT = (
    b'{"id":"c-1","model":"m-1","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],"usage":%s}'
)


def test_a_chat_answer() -> None:
    answer = read_answer(Dialect.CHAT, CHAT % b'{"prompt_tokens":3,"completion_tokens":4}')
    assert answer is not None
    assert (answer.id, answer.model, answer.finish_reason, answer.error) == ("c-1", "m-1", "stop", None)
    assert answer.usage == Usage(input=3, output=4)


def test_an_answer_of_anthropic() -> None:
    body = b'{"id":"msg","model":"claude","stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}'
    answer = read_answer(Dialect.MESSAGES, body)
    assert answer is not None
    assert (answer.finish_reason, answer.usage) == ("end_turn", Usage(input=1, output=2))


@pytest.mark.parametrize("usage", [b"null", b"[]", b'"x"'])
def test_no_usage(usage: bytes) -> None:
    answer = read_answer(Dialect.CHAT, CHAT % usage)
    assert answer is not None
    assert answer.usage is None


def test_an_error_with_status_200() -> None:
    answer = read_answer(Dialect.CHAT, b'{"error":{"message":"no","code":502}}')
    assert answer is not None
    assert answer.error == b'{"message":"no","code":502}'


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id":', b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_no_answer(body: bytes) -> None:
    assert read_answer(Dialect.CHAT, body) is None


def test_members_of_unexpected_types_are_left_to_the_caller() -> None:
    answer = read_answer(Dialect.CHAT, b' {"id":7,"choices":"?"}')
    assert answer is not None
    assert (answer.id, answer.usage) == (None, None)


def test_what_the_caller_sees_of_the_provider() -> None:
    fields = [
        (b"X-Request-Id", b"r"),
        (b"x-ratelimit-limit-requests", b"9"),
        (b"set-cookie", b"no"),
        (b"server", b"no"),
    ]
    assert relayed(fields) == [("x-request-id", "r"), ("x-ratelimit-limit-requests", "9")]


def test_what_the_provider_sees_of_the_caller() -> None:
    headers = [
        ("authorization", "Bearer k"),
        ("anthropic-beta", "b"),
        ("x-mine", "1"),
        ("x-api-key", "k"),
        ("cookie", "c"),
    ]
    assert forwarded(headers) == (("anthropic-beta", "b"),)
    assert forwarded(headers, with_x=True) == (("anthropic-beta", "b"), ("x-mine", "1"))
