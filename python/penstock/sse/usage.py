"""Tokens as every provider counts them, made comparable."""

from __future__ import annotations

from dataclasses import dataclass


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
