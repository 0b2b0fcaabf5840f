"""Tokens as every provider counts them, made comparable."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer. `input` includes what was cached or written to the cache, as OpenAI counts
    (Anthropic's input_tokens do not: they are added up here); `output` includes reasoning."""

    input: int = 0
    output: int = 0
    cached: int = 0  # of input: read from the cache
    cache_write: int = 0  # of input: written to the cache
    reasoning: int = 0  # of output

    @property
    def total(self) -> int:
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cached=self.cached + other.cached,
            cache_write=self.cache_write + other.cache_write,
            reasoning=self.reasoning + other.reasoning,
        )


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    thinking_tokens: int | None = None


class _Counts(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


_decoder = msgspec.json.Decoder(_Counts)
_NONE = _Details()


def usage_of(dialect: str, raw: bytes) -> Usage | None:
    """A provider's usage object, raw JSON; None when it is none."""
    try:
        counts = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if dialect == "messages":
        cached, written = counts.cache_read_input_tokens or 0, counts.cache_creation_input_tokens or 0
        return Usage(
            input=(counts.input_tokens or 0) + cached + written,
            output=counts.output_tokens or 0,
            cached=cached,
            cache_write=written,
            reasoning=(counts.output_tokens_details or _NONE).thinking_tokens or 0,
        )
    asked = counts.prompt_tokens_details or counts.input_tokens_details or _NONE
    said = counts.completion_tokens_details or counts.output_tokens_details or _NONE
    return Usage(
        input=counts.prompt_tokens or counts.input_tokens or 0,
        output=counts.completion_tokens or counts.output_tokens or 0,
        cached=asked.cached_tokens or 0,
        cache_write=asked.cache_write_tokens or 0,
        reasoning=said.reasoning_tokens or 0,
    )
