"""What the scripted model says, in no dialect: text, thinking, refusal, tool calls. Each preset writes it down as
its provider would. And at which pace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.testing.errors import ScriptError
from penstock.testing.sse import dumps

TEXT = "A penstock carries water under pressure to the turbine."
MODEL = "scripted-1"
CREATED_S = 1_750_000_000  # a moment that never changes


@dataclass(frozen=True, slots=True)
class ToolCall:
    """arguments: an object, or its JSON text, which need not be valid. An empty id is made up."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str = ""

    def id_of(self, index: int, prefix: str = "call") -> str:
        return self.id or f"{prefix}_scripted_{index}"

    @property
    def text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else dumps(dict(self.arguments))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One answer of the model.

    text       sent word by word; with a refusal it should be empty
    tools      calls, after the text
    finish     why it ended; "" = as its content says, else the dialect's own word ("length", "max_tokens", ...)
    deltas_n   so many pieces of text, words again and again; None = each word once
    prompt_tokens, cached_tokens  usage; output is counted in words
    """

    text: str = TEXT
    thinking: str = ""
    refusal: str = ""
    tools: tuple[ToolCall, ...] = ()
    finish: str = ""
    model: str = MODEL
    deltas_n: int | None = None
    prompt_tokens: int = 11
    cached_tokens: int = 0

    def __post_init__(self) -> None:
        if self.deltas_n is not None and (self.deltas_n < 1 or not self.text):
            raise ScriptError("deltas_n repeats the words of a text: it is 1 or more, and there is a text")

    @property
    def words(self) -> list[str]:
        return words_of(self.text)

    @property
    def whole_text(self) -> str:
        """What all pieces of text make together."""
        if self.deltas_n is None:
            return self.text
        words = self.words
        return "".join(words * (self.deltas_n // len(words)) + words[: self.deltas_n % len(words)])

    @property
    def thinking_tokens(self) -> int:
        return len(words_of(self.thinking))

    @property
    def output_tokens(self) -> int:
        spoken = len(self.words) if self.deltas_n is None else self.deltas_n
        called = sum(len(fragments_of(call.text)) for call in self.tools)
        return spoken + self.thinking_tokens + len(words_of(self.refusal)) + called


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """per_s: events per second, 0 = as fast as they are taken; jitter: share of 1/per_s, repeatable by seed;
    stamped: number and send time in each event."""

    per_s: float = 0.0
    jitter: float = 0.0
    seed: int = 0
    stamped: bool = False


USUAL = Turn()
UNPACED = Pace()


def turn_of(given: Turn | str) -> Turn:
    """Text alone is a turn, too."""
    if isinstance(given, str):
        return Turn(text=given)
    if not isinstance(given, Turn):
        raise ScriptError(f"what the model says is text or a Turn, not {type(given).__name__}")
    return given


def words_of(text: str) -> list[str]:
    """Words, each with the space before it: what providers send piece by piece.

    >>> words_of("a bc  d")
    ['a', ' bc', '  d']
    """
    return re.findall(r"\s*\S+|\s+$", text)


def fragments_of(text: str, size: int = 6) -> list[str]:
    """JSON text in the pieces a provider would send."""
    return [text[start : start + size] for start in range(0, len(text), size)]
