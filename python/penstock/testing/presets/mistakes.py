"""Errors as each provider tells them: as an answer of its own, and inside of a stream.

Sources: https://platform.openai.com/docs/guides/error-codes and https://docs.anthropic.com/en/api/errors.
"""

from __future__ import annotations

from typing import Any

from penstock.testing.chain import Reply
from penstock.testing.presets.wire import headers_of
from penstock.testing.sse import event
from penstock.testing.steps import FieldsLike, fields_of

# status: type and code of OpenAI
OPENAI_TYPES: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    409: ("conflict_error", None),
    429: ("requests", "rate_limit_exceeded"),
    503: ("service_unavailable_error", None),
}
ANTHROPIC_TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
TEXTS = {
    401: "Incorrect API key provided.",
    404: "The scripted upstream has no such thing.",
    429: "Rate limit reached for requests.",
    500: "The server had an error while processing your request.",
    503: "The engine is currently overloaded, please try again later.",
    529: "Overloaded",
}


def document(
    dialect: str, status: int, message: str = "", *, type: str = "", code: str | None = None
) -> dict[str, Any]:
    """The body of an error."""
    message = message or TEXTS.get(status, f"The scripted upstream answers {status}.")
    if dialect == "anthropic":
        kind = type or ANTHROPIC_TYPES.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"}
    usual, usual_code = OPENAI_TYPES.get(status, ("server_error", None))
    return {"error": {"message": message, "type": type or usual, "param": None, "code": code or usual_code}}


def error(
    dialect: str,
    status: int,
    message: str = "",
    *,
    type: str = "",
    code: str | None = None,
    headers: FieldsLike = None,
) -> Reply:
    """An answer that says no. dialect: "openai", "openai_responses", "anthropic", or "" for a bare status."""
    reply = Reply(dialect=dialect)
    if not dialect:
        return reply.answer(status, headers, message)
    fields = (*headers_of(dialect), *fields_of(headers))
    return reply.answer(status, fields, json=document(dialect, status, message, type=type, code=code))


def error_event(dialect: str, message: str = "", *, type: str = "", code: str | None = None, number: int = 0) -> bytes:
    """An error in a stream that began well. number: of the event, for Responses."""
    if dialect == "anthropic":
        wrong = {"type": type or "overloaded_error", "message": message or "Overloaded"}
        return event({"type": "error", "error": wrong}, name="error")
    message = message or TEXTS[500]
    if dialect == "openai_responses":
        told = {"code": code or "server_error", "message": message, "param": None, "sequence_number": number}
        return event({"type": "error", **told}, name="error")
    return event({"error": {"message": message, "type": type or "server_error", "param": None, "code": code}})


def context_length(dialect: str) -> Reply:
    """The prompt is too long: 400, and no retry can help."""
    if dialect == "anthropic":
        return error(dialect, 400, "prompt is too long: 210000 tokens > 200000 maximum")
    text = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    return error(dialect, 400, text, code="context_length_exceeded")


def content_filter(dialect: str) -> Reply:
    """The prompt was refused: 400, typed."""
    if dialect == "anthropic":
        return error(dialect, 400, "Output blocked by content filtering policy")
    return error(dialect, 400, "The response was filtered.", code="content_filter")
