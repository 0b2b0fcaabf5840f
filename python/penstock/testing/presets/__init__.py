"""Scripted providers with their exact wire formats. A preset gives rules for a whole API (`rules()`), or single
replies (`whole()`, `streamed()`) of what a Turn says.

    upstream.script(openai_chat.rules(Turn(text="Hello", tools=(ToolCall("now", {}),)), pace=Pace(per_s=50)))
"""

from __future__ import annotations

from penstock.testing.presets import anthropic, embeddings, mistakes, models, openai_chat, openai_responses
from penstock.testing.presets.provider import PRESETS, preset
from penstock.testing.presets.turn import Pace, ToolCall, Turn

__all__ = [
    "PRESETS",
    "Pace",
    "ToolCall",
    "Turn",
    "anthropic",
    "embeddings",
    "mistakes",
    "models",
    "openai_chat",
    "openai_responses",
    "preset",
]
