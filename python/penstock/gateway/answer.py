"""What the gateway reads of a whole answer, and which of a provider's headers the caller gets to see."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from penstock.dialects.dialect import Dialect
from penstock.dialects.reading import UNREADABLE
from penstock.sse import usage_of
from penstock.sse.usage import Usage


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Body(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")
    choices: list[_Choice] | None = None
    stop_reason: str | None = None  # Anthropic
    status: str | None = None  # Responses


class Answer(msgspec.Struct, kw_only=True):
    """A provider's whole answer. `error` is the raw JSON of an error that came with status 200."""

    body: bytes
    id: str | None
    model: str | None
    usage: Usage | None
    finish_reason: str | None
    error: bytes | None


_decoder = msgspec.json.Decoder(_Body)
NULL = b"null"


def read_answer(upstream: Dialect, body: bytes) -> Answer | None:
    """None when it is no JSON object. Members of a type that we do not expect are the caller's to judge."""
    try:
        read = _decoder.decode(body)
    except msgspec.ValidationError:
        if not body.lstrip().startswith(b"{"):
            return None
        read = _Body()
    except UNREADABLE:
        return None
    reason = read.stop_reason or (read.choices[0].finish_reason if read.choices else None)
    if reason is None and upstream is Dialect.RESPONSES:
        reason = read.status
    usage, error = bytes(read.usage), bytes(read.error)
    return Answer(
        body=body,
        id=read.id,
        model=read.model,
        usage=usage_of(upstream.value, usage) if usage and usage != NULL else None,
        finish_reason=reason,
        error=error if error and error != NULL else None,
    )


# Headers of the provider that go on to the caller under their own names.
RELAYED = frozenset(
    {
        b"x-request-id",
        b"request-id",
        b"openai-processing-ms",
        b"openai-version",
        b"openai-organization",
        b"anthropic-organization-id",
        b"apim-request-id",
        b"azureml-model-session",
        b"retry-after",
        b"retry-after-ms",
    }
)
RELAYED_STARTS = (b"x-ratelimit-", b"anthropic-ratelimit-")


def relayed(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Those of a provider's headers that tell the caller something: ids, rate limits, processing time."""
    found: list[tuple[str, str]] = []
    for name, value in fields:
        name = name.lower()
        if name in RELAYED or name.startswith(RELAYED_STARTS):
            found.append((name.decode("latin-1"), value.decode("latin-1")))
    return found


# Headers of the caller that mean something to the provider.
FORWARDED = frozenset(
    {"anthropic-version", "anthropic-beta", "openai-beta", "traceparent", "tracestate", "idempotency-key"}
)


def forwarded(
    headers: Iterable[tuple[str, str]], *, with_x: bool = False, with_organization: bool = False
) -> tuple[tuple[str, str], ...]:
    """The caller's headers that go on. `with_x`: forward_client_headers_to_llm_api; never the gateway's own."""
    return tuple(
        (name, value)
        for name, value in headers
        if name in FORWARDED
        or (with_x and name.startswith("x-") and not name.startswith(NEVER_FORWARDED))
        or (with_organization and name == "openai-organization")
    )


NEVER_FORWARDED = ("x-api-key", "x-litellm-", "x-penstock-", "x-forwarded-", "x-real-ip", "x-stainless-")
