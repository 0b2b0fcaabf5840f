"""Whole providers by name: all their APIs, and their own 404 for the rest."""

from __future__ import annotations

from collections.abc import Callable

from penstock.testing.errors import ScriptError
from penstock.testing.presets import anthropic as messages
from penstock.testing.presets import embeddings, models, openai_chat, openai_responses
from penstock.testing.presets.mistakes import error
from penstock.testing.presets.turn import UNPACED, USUAL, Pace, Turn, turn_of
from penstock.testing.rule import Rule, on


def openai(turn: Turn | str = USUAL, *, pace: Pace = UNPACED) -> list[Rule]:
    said = turn_of(turn)
    return [
        *openai_chat.rules(said, pace=pace),
        *_responses(said, pace),
        *embeddings.rules(model=said.model),
        *models.openai_rules(said.model),
        on().reply(error("openai", 404)),
    ]


def _responses(said: Turn, pace: Pace) -> list[Rule]:
    """None for a turn that is too long for their numbered events."""
    is_too_long = (said.deltas_n or 0) > openai_responses.MOST_DELTAS_N
    return [] if is_too_long else openai_responses.rules(said, pace=pace)


def anthropic(turn: Turn | str = USUAL, *, pace: Pace = UNPACED) -> list[Rule]:
    said = turn_of(turn)
    return [*messages.rules(said, pace=pace), *models.anthropic_rules(said.model), on().reply(error("anthropic", 404))]


def providers(turn: Turn | str = USUAL, *, pace: Pace = UNPACED) -> list[Rule]:
    """Both at one address: their paths differ, and Anthropic's client sends its version."""
    said = turn_of(turn)
    return [
        *openai_chat.rules(said, pace=pace),
        *_responses(said, pace),
        *messages.rules(said, pace=pace),
        *embeddings.rules(model=said.model),
        *models.anthropic_rules(said.model),
        *models.openai_rules(said.model),
        on(header={"anthropic-version": None}).reply(error("anthropic", 404)),
        on().reply(error("openai", 404)),
    ]


PRESETS: dict[str, Callable[..., list[Rule]]] = {"openai": openai, "anthropic": anthropic, "providers": providers}


def preset(name: str, turn: Turn | str = USUAL, *, pace: Pace = UNPACED) -> list[Rule]:
    """The rules of a provider by its name."""
    if name not in PRESETS:
        raise ScriptError(f"no preset {name!r}; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name](turn, pace=pace)
