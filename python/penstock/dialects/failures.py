"""What a provider's refusal means, and how a failure is told to a caller in its own dialect.

`classify` reads status, headers and body of an answer that is not a 2xx, `classify_event` the error inside of a stream
or of a 200. `error_body` and `error_event` write. Pure. What providers say where: docs/dialects.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.dialects.dialect import Dialect
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.reading import UNREADABLE
from penstock.dialects.refusal import Said, fault_of, has_secret, masked, read_error, said_of
from penstock.dialects.retry_after import retry_after_s, should_retry

__all__ = ["classify", "classify_event", "error_body", "error_event"]

BODY_BYTES = 64 * 1024  # a longer error body is not kept
# fault: status when the provider gave none that fits, OpenAI's type, OpenAI's code, Anthropic's type
_WORDS: dict[Fault, tuple[int, str, str | None, str]] = {
    Fault.BAD_REQUEST: (400, "invalid_request_error", None, "invalid_request_error"),
    Fault.CONTEXT_WINDOW: (400, "invalid_request_error", "context_length_exceeded", "invalid_request_error"),
    Fault.CONTENT_POLICY: (400, "invalid_request_error", "content_policy_violation", "invalid_request_error"),
    Fault.NOT_FOUND: (404, "invalid_request_error", "model_not_found", "not_found_error"),
    Fault.AUTHENTICATION: (401, "authentication_error", "invalid_api_key", "authentication_error"),
    Fault.RATE_LIMIT: (429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error"),
    Fault.OVERLOADED: (503, "server_error", "overloaded", "overloaded_error"),
    Fault.SERVER: (502, "server_error", "upstream_error", "api_error"),
    Fault.CONNECT: (502, "server_error", "upstream_unreachable", "api_error"),
    Fault.RESET: (502, "server_error", "upstream_reset", "api_error"),
    Fault.SILENT: (504, "server_error", "upstream_timeout", "timeout_error"),
    Fault.CUT: (502, "server_error", "stream_cut", "api_error"),
    Fault.STALL: (504, "server_error", "stream_stalled", "timeout_error"),
    Fault.IN_STREAM: (502, "server_error", "upstream_error", "api_error"),
    Fault.CANCELLED: (499, "server_error", "cancelled", "api_error"),
    Fault.BUDGET: (503, "server_error", "attempts_exhausted", "api_error"),
}
# Anthropic's own status of each of its types; the other way round, the type of a status.
_ANTHROPIC_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_ANTHROPIC_TYPE = {status: kind for kind, status in _ANTHROPIC_STATUS.items()}
_OPENAI_TYPE = {402: "billing_error", 403: "permission_error"}
_OPENAI_CODE = {402: "insufficient_quota", 403: "permission_denied"}
# Faults whose own status says more than the table's.
_KEEPS_STATUS = frozenset({Fault.BAD_REQUEST, Fault.AUTHENTICATION, Fault.SERVER, Fault.CONTENT_POLICY})


def classify(
    upstream: Dialect, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, *, now_s: float
) -> Failure:
    """The failure that an answer means. Any bytes are taken: a proxy's HTML, half a JSON, nothing."""
    said = read_error(body)
    message = masked(said.message) or f"the provider answered {status} without a message"
    fields = {name.lower(): value for name, value in headers}
    keeps = said.is_json and len(body) <= BODY_BYTES and not has_secret(body)
    return Failure(
        fault=fault_of(status, said),
        message=message,
        status=status,
        type=said.type,
        code=said.code,
        param=said.param,
        retry_after_s=retry_after_s(fields, now_s),
        should_retry=should_retry(fields),
        body=body if keeps else None,
        body_dialect=upstream if keeps else None,
    )


def classify_event(upstream: Dialect, raw: bytes) -> Failure:
    """The failure that an error event means. `raw` is its error object, or the whole event."""
    try:
        value = msgspec.json.decode(raw)
    except UNREADABLE:
        value = None
    said = said_of(value) if value is not None else Said()
    status = _ANTHROPIC_STATUS.get(said.type or "") if upstream.is_anthropic else _status_in(said)
    fault = fault_of(status, said) if status is not None else fault_of(0, said)
    if fault is Fault.SERVER:
        fault = Fault.IN_STREAM
    return Failure(
        fault=fault,
        message=masked(said.message) or "the provider sent an error without a message",
        status=status,
        type=said.type,
        code=said.code,
        param=said.param,
    )


def _status_in(said: Said) -> int | None:
    """Some providers put the status into `code`."""
    return int(said.code) if said.code is not None and said.code.isdecimal() and len(said.code) == 3 else None


def error_body(caller: Dialect, failure: Failure, *, request_id: str) -> tuple[int, bytes]:
    """Status and JSON for the caller: the provider's own words when it speaks the caller's dialect."""
    status = status_for(caller, failure)
    if (
        failure.body is not None
        and failure.body_dialect is not None
        and failure.body_dialect.is_anthropic is caller.is_anthropic
        and _is_shaped(caller, failure.body)
    ):
        return status, failure.body
    error = _error(caller, failure, status)
    if caller.is_anthropic:
        return status, msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})
    return status, msgspec.json.encode({"error": error})


def error_event(caller: Dialect, failure: Failure, *, request_id: str) -> bytes:
    """The event that ends a stream which has begun. The SDKs raise when they see it."""
    error = _error(caller, failure, status_for(caller, failure))
    if caller.is_anthropic:
        data = msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})
        return b"event: error\ndata: " + data + b"\n\n"
    if caller is Dialect.RESPONSES:
        flat = {"type": "error", "code": error["code"] or error["type"], "message": error["message"]}
        flat |= {"param": error["param"], "sequence_number": 0, "error": error}
        return b"event: error\ndata: " + msgspec.json.encode(flat) + b"\n\n"
    return b"data: " + msgspec.json.encode({"error": error}) + b"\n\n"


def status_for(caller: Dialect, failure: Failure) -> int:
    """The status in the caller's dialect: 529 is Anthropic's alone."""
    usual = _WORDS[failure.fault][0]
    if failure.fault is Fault.OVERLOADED:
        return 529 if caller.is_anthropic else 503
    if failure.fault in _KEEPS_STATUS and failure.status is not None and 400 <= failure.status < 600:
        return failure.status
    return usual


def _error(caller: Dialect, failure: Failure, status: int) -> dict[str, Any]:
    _, kind, code, anthropic_kind = _WORDS[failure.fault]
    own = failure.body_dialect
    if caller.is_anthropic:
        if failure.fault in _KEEPS_STATUS:
            anthropic_kind = _ANTHROPIC_TYPE.get(status, anthropic_kind)
        return {"type": anthropic_kind, "message": failure.message}
    kind, code = _OPENAI_TYPE.get(status, kind), _OPENAI_CODE.get(status, code)
    if own is not None and not own.is_anthropic:  # the provider's own words, where they are of this dialect
        kind, code = failure.type or kind, failure.code or code
    elif failure.code is not None and failure.fault not in (Fault.CONTEXT_WINDOW, Fault.CONTENT_POLICY):
        code = failure.code
    return {"message": failure.message, "type": kind, "param": failure.param, "code": code}


def _is_shaped(caller: Dialect, body: bytes) -> bool:
    """Is it an error as the caller's SDK expects it?"""
    try:
        value = msgspec.json.decode(body)
    except UNREADABLE:
        return False
    if not isinstance(value, dict) or not isinstance(value.get("error"), dict):
        return False
    return not caller.is_anthropic or value.get("type") == "error"
