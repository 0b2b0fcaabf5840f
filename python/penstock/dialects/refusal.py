"""What a provider says when it refuses, in all the shapes that are around, and which fault that is.

Told by code and type first, by phrases where there is nothing better (each with the provider that says it). Providers
echo prompts in their messages, so phrases are looked for only in the beginning, and only under statuses that fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from penstock.dialects.failure import Fault
from penstock.dialects.reading import UNREADABLE

MESSAGE_CHARS = 2000
PHRASE_CHARS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An error as one provider words it."""

    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None
    inner: str | None = None  # Azure's innererror.code
    is_json: bool = False


_CONTEXT_CODES = frozenset(
    {
        "context_length_exceeded",
        "model_context_window_exceeded",
        "exceed_context_size_error",  # llama.cpp
        "string_above_max_length_of_context",
    }
)
_CONTEXT = re.compile(
    r"maximum context length|context length exceeded|maximum context limit"
    r"|exceeds? (?:the )?context (?:limit|window|length)"
    r"|prompt is too long"  # Anthropic
    r"|input tokens exceed the configured limit"  # OpenAI
    r"|exceeds the maximum number of tokens allowed"  # Gemini
    r"|longer than the (?:maximum model length|model's context length)"  # vLLM
    r"|exceeds the available context size"  # llama.cpp
    r"|maximum prompt length is"  # xAI
    r"|current length is \d+ while limit is"  # Cerebras
    r"|reduce the length of the (?:messages|prompt|input)"  # OpenAI, Groq
    r"|`inputs` tokens \+ `max_new_tokens` must be"  # Together, TGI
    r"|too large for model with \d+ maximum context"  # Mistral
    r"|range of input length should be"  # DashScope
    r"|too many tokens: ",  # Cohere
    re.IGNORECASE,
)
_POLICY_CODES = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "responsibleaipolicyviolation",
        "moderation_blocked",
        "invalid_prompt",  # OpenAI, reasoning models
        "data_inspection_failed",  # DashScope
        "datainspectionfailed",
        "content_filtered",
    }
)
_POLICY = re.compile(
    r"content management policy|result of our safety system|violating our usage polic"  # OpenAI, Azure
    r"|blocked by content filtering policy"  # Anthropic
    r"|content exists risk"  # DeepSeek
    r"|may contain inappropriate content"  # DashScope
    r"|requires moderation on|input was flagged"  # OpenRouter
    r"|prohibited content|blocked (?:due to|for|by) safety",  # Gemini
    re.IGNORECASE,
)
_BILLING = re.compile(r"credit balance is too low|billing[ _]hard[ _]limit", re.IGNORECASE)
_SECRET = re.compile(r"\b(?:sk|gsk|xai|pplx|nvapi|key)-[A-Za-z0-9_\-]{12,}|\bAIza[A-Za-z0-9_\-]{20,}|\bgsk_\w{20,}")
_SECRET_BYTES = re.compile(_SECRET.pattern.encode())
_BY_WORD = {
    "rate_limit_error": Fault.RATE_LIMIT,
    "rate_limit_exceeded": Fault.RATE_LIMIT,
    "insufficient_quota": Fault.RATE_LIMIT,
    "too_many_requests": Fault.RATE_LIMIT,
    "resource_exhausted": Fault.RATE_LIMIT,
    "overloaded_error": Fault.OVERLOADED,
    "overloaded": Fault.OVERLOADED,
    "service_unavailable": Fault.OVERLOADED,
    "unavailable": Fault.OVERLOADED,
    "authentication_error": Fault.AUTHENTICATION,
    "permission_error": Fault.AUTHENTICATION,
    "billing_error": Fault.AUTHENTICATION,
    "invalid_api_key": Fault.AUTHENTICATION,
    "not_found_error": Fault.NOT_FOUND,
    "model_not_found": Fault.NOT_FOUND,
    "model_decommissioned": Fault.NOT_FOUND,
    "deploymentnotfound": Fault.NOT_FOUND,
    "invalid_request_error": Fault.BAD_REQUEST,
    "request_too_large": Fault.BAD_REQUEST,
}
_BY_STATUS = {
    401: Fault.AUTHENTICATION,
    402: Fault.AUTHENTICATION,
    403: Fault.AUTHENTICATION,
    404: Fault.NOT_FOUND,
    408: Fault.SERVER,
    409: Fault.SERVER,
    429: Fault.RATE_LIMIT,
    498: Fault.OVERLOADED,  # Groq: no capacity in this tier
    503: Fault.OVERLOADED,
    529: Fault.OVERLOADED,
}


def fault_of(status: int, said: Said) -> Fault:
    """0 as status means: there was none, only words."""
    words = [word.lower() for word in (said.code, said.type, said.inner) if word]
    if status == 0 or 400 <= status < 500:
        beginning = said.message[:PHRASE_CHARS]
        may_be_long = status in (0, 400, 413, 422)
        if any(word in _CONTEXT_CODES for word in words) or (may_be_long and _CONTEXT.search(beginning)):
            return Fault.CONTEXT_WINDOW
        may_be_refused = status in (0, 400, 403, 422)
        if may_be_refused and (any(word in _POLICY_CODES for word in words) or _POLICY.search(beginning)):
            return Fault.CONTENT_POLICY
        if status == 400 and _BILLING.search(f"{said.code} {beginning}"):
            return Fault.AUTHENTICATION
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 0 or 400 <= status < 500:
        for word in words:
            if word in _BY_WORD:
                return _BY_WORD[word]
    elif any(word == "overloaded_error" for word in words):
        return Fault.OVERLOADED
    return Fault.BAD_REQUEST if 400 <= status < 500 else Fault.SERVER


def read_error(body: bytes) -> Said:
    """Read an error body of any shape."""
    try:
        value = msgspec.json.decode(body)
    except UNREADABLE:
        return Said(message=_short(body.decode("utf-8", "replace")))
    return said_of(value)


def said_of(value: object) -> Said:
    """OpenAI's and Anthropic's `error`, Google's list of one, vLLM's and Mistral's flat object, FastAPI's `detail`."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return Said(message=_short(value), is_json=True)
    if not isinstance(value, dict):
        return Said(message=_short(_text(value)), is_json=True)
    error = value.get("error", value)
    if not isinstance(error, dict):
        return Said(message=_short(_text(value.get("message") or error)), type=_word(value.get("type")), is_json=True)
    message = error.get("message") or error.get("detail") or error.get("msg")
    inner = error.get("innererror")
    return Said(
        message=_short(_text(message if message is not None else error)),
        type=_word(error.get("type")) or _word(error.get("status")),
        code=_word(error.get("code")),
        param=_word(error.get("param")),
        inner=_word(inner.get("code")) if isinstance(inner, dict) else None,
        is_json=True,
    )


def masked(message: str) -> str:
    return _SECRET.sub("***", message)


def has_secret(body: bytes) -> bool:
    """Does it quote a key?"""
    return _SECRET_BYTES.search(body) is not None


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _word(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= MESSAGE_CHARS else text[:MESSAGE_CHARS] + " ..."
