"""What providers' refusals mean, and how they are told in the caller's dialect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.dialects.dialect import Dialect
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.failures import classify, classify_event, error_body, error_event
from penstock.sse import Events, Tally

NOW_S = 1_700_000_000.0
CHAT, MESSAGES, RESPONSES = Dialect.CHAT, Dialect.MESSAGES, Dialect.RESPONSES


def openai(message: str, kind: str | None = None, code: str | None = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


# who says it, status, what it means, and the body: {"raw": ...} when it is not JSON
SAID = json.loads((Path(__file__).parent / "golden/refusals.json").read_text())


@pytest.mark.parametrize("case", SAID, ids=lambda case: f"{case['who']}-{case['status']}-{case['fault']}")
def test_refusals_are_understood(case: dict[str, Any]) -> None:
    body = case["body"]
    raw = body["raw"].encode("latin-1") if "raw" in body else json.dumps(body).encode()
    failure = classify(MESSAGES if case["who"] == "Anthropic" else CHAT, case["status"], [], raw, now_s=NOW_S)
    assert (failure.fault.value, failure.status) == (case["fault"], case["status"])
    assert failure.message
    for caller in (CHAT, MESSAGES):
        told, out = error_body(caller, failure, request_id="r")
        assert 400 <= told < 600 and json.loads(out)["error"]["message"]


def test_phrases_of_the_callers_own_prompt_do_not_count() -> None:
    """A provider that echoes the request far into its message, and a server's error."""
    echo = "Invalid value. " + "x" * 700 + " maximum context length"
    assert classify(CHAT, 400, [], json.dumps(openai(echo)).encode(), now_s=0).fault is Fault.BAD_REQUEST
    body = json.dumps(openai("maximum context length")).encode()
    assert classify(CHAT, 500, [], body, now_s=0).fault is Fault.SERVER
    assert classify(CHAT, 429, [], body, now_s=0).fault is Fault.RATE_LIMIT


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([(b"Retry-After", b"2")], 2.0),
        ([(b"retry-after", b"0.5")], 0.5),
        ([(b"retry-after", b"30"), (b"retry-after-ms", b"1500")], 1.5),
        ([(b"retry-after", b"Tue, 14 Nov 2023 22:13:30 GMT")], 10.0),
        ([(b"retry-after", b"Tue, 14 Nov 2023 22:13:10 GMT")], 0.0),
        ([(b"retry-after", b"-1")], None),
        ([(b"retry-after", b"nan")], None),
        ([(b"retry-after", b"inf")], None),
        ([(b"retry-after", b"soon")], None),
        ([(b"retry-after", b"\xff")], None),
    ],
)
def test_retry_after(headers: list[tuple[bytes, bytes]], expected: float | None) -> None:
    assert classify(CHAT, 429, headers, b"{}", now_s=NOW_S).retry_after_s == expected


@pytest.mark.parametrize(("value", "expected"), [(b"true", True), (b"False", False), (b"maybe", None), (None, None)])
def test_should_retry(value: bytes | None, expected: bool | None) -> None:
    headers = [(b"X-Should-Retry", value)] if value is not None else []
    assert classify(CHAT, 500, headers, b"{}", now_s=0).should_retry is expected


def test_the_providers_own_words_pass_in_its_dialect() -> None:
    raw = b'{"error": {"message": "No", "type": "t", "param": "p", "code": "c"}, "more": 1}'
    failure = classify(CHAT, 400, [], raw, now_s=0)
    assert (failure.type, failure.code, failure.param, failure.body) == ("t", "c", "p", raw)
    assert error_body(CHAT, failure, request_id="r") == (400, raw)
    assert error_body(RESPONSES, failure, request_id="r") == (400, raw)
    status, body = error_body(MESSAGES, failure, request_id="r")
    assert status == 400
    told = {"type": "invalid_request_error", "message": "No"}
    assert json.loads(body) == {"type": "error", "error": told, "request_id": "r"}


@pytest.mark.parametrize(
    "raw", [b"<html>no</html>", b'{"detail":"no"}', b'[{"error":{"message":"no"}}]', b'{"error":"no"}']
)
def test_what_no_sdk_can_read_is_written_anew(raw: bytes) -> None:
    status, body = error_body(CHAT, classify(CHAT, 400, [], raw, now_s=0), request_id="r")
    assert (status, set(json.loads(body)["error"])) == (400, {"message", "type", "param", "code"})
    assert "no" in json.loads(body)["error"]["message"]


def test_keys_are_not_told() -> None:
    raw = json.dumps(openai("Incorrect API key provided: sk-proj-abcdefghijklmnop1234.")).encode()
    failure = classify(CHAT, 401, [], raw, now_s=0)
    for out in (failure.message.encode(), error_body(CHAT, failure, request_id="r")[1]):
        assert b"abcdefgh" not in out and b"***" in out


STATUSES = [
    (Fault.BAD_REQUEST, 413, 413, 413, "request_too_large"),
    (Fault.BAD_REQUEST, None, 400, 400, "invalid_request_error"),
    (Fault.CONTEXT_WINDOW, 413, 400, 400, "invalid_request_error"),
    (Fault.CONTENT_POLICY, 403, 403, 403, "permission_error"),
    (Fault.NOT_FOUND, 404, 404, 404, "not_found_error"),
    (Fault.AUTHENTICATION, 403, 403, 403, "permission_error"),
    (Fault.AUTHENTICATION, 402, 402, 402, "billing_error"),
    (Fault.RATE_LIMIT, 429, 429, 429, "rate_limit_error"),
    (Fault.OVERLOADED, 529, 503, 529, "overloaded_error"),
    (Fault.OVERLOADED, 503, 503, 529, "overloaded_error"),
    (Fault.SERVER, 500, 500, 500, "api_error"),
    (Fault.SERVER, 200, 502, 502, "api_error"),
    (Fault.CONNECT, None, 502, 502, "api_error"),
    (Fault.RESET, None, 502, 502, "api_error"),
    (Fault.SILENT, None, 504, 504, "timeout_error"),
    (Fault.CUT, None, 502, 502, "api_error"),
    (Fault.STALL, None, 504, 504, "timeout_error"),
    (Fault.IN_STREAM, None, 502, 502, "api_error"),
    (Fault.CANCELLED, None, 499, 499, "api_error"),
    (Fault.BUDGET, None, 503, 503, "api_error"),
]


@pytest.mark.parametrize(("fault", "status", "chat", "messages", "kind"), STATUSES)
def test_each_fault_has_a_status(fault: Fault, status: int | None, chat: int, messages: int, kind: str) -> None:
    failure = Failure(fault=fault, message="why", status=status)
    told, body = error_body(CHAT, failure, request_id="r")
    assert told == chat
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
    told, body = error_body(MESSAGES, failure, request_id="r")
    assert told == messages
    assert json.loads(body) == {"type": "error", "error": {"type": kind, "message": "why"}, "request_id": "r"}


def test_every_fault_is_there() -> None:
    assert {row[0] for row in STATUSES} == set(Fault)


@pytest.mark.parametrize("caller", [each for each in Dialect if each is not Dialect.EMBEDDINGS])
@pytest.mark.parametrize("fault", list(Fault))
def test_the_event_ends_a_stream_as_an_error(caller: Dialect, fault: Fault) -> None:
    event = error_event(caller, Failure(fault=fault, message="line one\nline two"), request_id="r")
    assert event.endswith(b"\n\n") and len(list(Events().feed(event))) == 1
    tally = Tally(caller.value)
    assert tally.feed(event) == b"" and tally.error is not None and not tally.is_complete


def test_the_forms_of_the_event() -> None:
    failure = Failure(fault=Fault.OVERLOADED, message="Overloaded", status=529)
    assert error_event(CHAT, failure, request_id="r") == (
        b'data: {"error":{"message":"Overloaded","type":"server_error","param":null,"code":"overloaded"}}\n\n'
    )
    assert error_event(MESSAGES, failure, request_id="r") == (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},'
        b'"request_id":"r"}\n\n'
    )
    told = error_event(RESPONSES, failure, request_id="r")
    assert told.startswith(
        b'event: error\ndata: {"type":"error","code":"overloaded","message":"Overloaded","param":null'
    )


@pytest.mark.parametrize(
    ("upstream", "raw", "fault", "status"),
    [
        (MESSAGES, {"type": "overloaded_error", "message": "Overloaded"}, Fault.OVERLOADED, 529),
        (MESSAGES, anthropic("api_error", "Internal"), Fault.IN_STREAM, 500),
        (MESSAGES, anthropic("rate_limit_error", "slow"), Fault.RATE_LIMIT, 429),
        (MESSAGES, anthropic("new_error", "what"), Fault.IN_STREAM, None),
        (CHAT, {"message": "The server had an error", "type": "server_error"}, Fault.IN_STREAM, None),
        (CHAT, {"message": "maximum context length", "code": "context_length_exceeded"}, Fault.CONTEXT_WINDOW, None),
        (CHAT, {"message": "Rate limit reached", "code": "rate_limit_exceeded"}, Fault.RATE_LIMIT, None),
        (CHAT, {"message": "Provider returned error", "code": 503}, Fault.OVERLOADED, 503),
        (CHAT, {"message": "Provider returned error", "code": 502}, Fault.IN_STREAM, 502),
        (CHAT, "went wrong", Fault.IN_STREAM, None),
        (RESPONSES, {"type": "error", "code": "rate_limit_exceeded", "message": "m"}, Fault.RATE_LIMIT, None),
        (RESPONSES, {"code": "server_error", "message": "m"}, Fault.IN_STREAM, None),
    ],
)
def test_errors_inside_of_a_stream(upstream: Dialect, raw: Any, fault: Fault, status: int | None) -> None:
    failure = classify_event(upstream, json.dumps(raw).encode())
    assert (failure.fault, failure.status) == (fault, status)
    assert failure.message


def test_an_error_event_that_is_no_json() -> None:
    assert classify_event(CHAT, b"").fault is Fault.IN_STREAM


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    status=st.integers(100, 599),
    body=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "message", "type", "code", "detail", "innererror"]), inner)
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
    headers=st.lists(st.tuples(st.sampled_from([b"retry-after", b"retry-after-ms", b"x"]), st.binary(max_size=40))),
)
def test_any_bytes_make_a_failure(status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    for upstream in (CHAT, MESSAGES):
        failure = classify(upstream, status, headers, body, now_s=NOW_S)
        classify_event(upstream, body)
        for caller in Dialect:
            told, out = error_body(caller, failure, request_id="r")
            assert 400 <= told < 600 and isinstance(json.loads(out)["error"], dict)
            assert error_event(caller, failure, request_id="r").count(b"\n\n") == 1
