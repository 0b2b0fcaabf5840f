"""How LiteLLM calls what happened, for dashboards and callbacks that know its names."""

from __future__ import annotations

from penstock.dialects.failure import Fault

# Fault -> class of LiteLLM's exceptions, as in its label exception_class and in error_information.error_class.
EXCEPTION_CLASS: dict[str, str] = {
    Fault.BAD_REQUEST.value: "BadRequestError",
    Fault.CONTEXT_WINDOW.value: "ContextWindowExceededError",
    Fault.CONTENT_POLICY.value: "ContentPolicyViolationError",
    Fault.NOT_FOUND.value: "NotFoundError",
    Fault.AUTHENTICATION.value: "AuthenticationError",
    Fault.RATE_LIMIT.value: "RateLimitError",
    Fault.OVERLOADED.value: "ServiceUnavailableError",
    Fault.SERVER.value: "InternalServerError",
    Fault.CONNECT.value: "APIConnectionError",
    Fault.RESET.value: "APIConnectionError",
    Fault.SILENT.value: "Timeout",
    Fault.CUT.value: "APIConnectionError",
    Fault.STALL.value: "Timeout",
    Fault.IN_STREAM.value: "APIError",
    Fault.CANCELLED.value: "CancelledError",
    Fault.BUDGET.value: "Timeout",
}
# Caller's dialect -> LiteLLM's call_type.
CALL_TYPE: dict[str, str] = {
    "chat": "acompletion",
    "completions": "atext_completion",
    "embeddings": "aembedding",
    "responses": "aresponses",
    "messages": "anthropic_messages",
}


def exception_label(fault: str | None, provider: str | None) -> str:
    """The value of the label exception_class.

    >>> exception_label("rate_limit", "openai")
    'Openai.RateLimitError'
    """
    name = exception_class(fault)
    return f"{provider.capitalize()}.{name}" if provider else name


def exception_class(fault: str | None) -> str:
    return EXCEPTION_CLASS.get(fault or "", "APIError")
