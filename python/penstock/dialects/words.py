"""The words in which OpenAI's and Anthropic's formats differ and mean the same: ends, tokens, effort.

Sources: https://platform.openai.com/docs/api-reference/chat, https://docs.anthropic.com/en/api/messages.
"""

from __future__ import annotations

import re
from typing import Any

Members = dict[str, Any]

_FINISH = {  # Anthropic's stop_reason -> OpenAI's finish_reason
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_STOP = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
# LiteLLM's budgets, https://docs.litellm.ai/docs/reasoning_content
_BUDGET = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
_EFFORT = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
EFFORTS = frozenset({"none", *_BUDGET})
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)")
_REASONS = re.compile(r"(?:^|/)(?:o[1-9]|gpt-[5-9]|gpt-oss|codex-|gemini-(?:2\.5|[3-9])|grok-(?:3-mini|[4-9]))")


def finish_reason(stop_reason: object) -> str:
    """OpenAI's word for Anthropic's."""
    return _FINISH.get(stop_reason, "stop") if isinstance(stop_reason, str) else "stop"


def stop_reason(finish: object, *, has_tools: bool) -> str:
    """Anthropic's word for OpenAI's. Some servers say `stop` after tool calls."""
    if has_tools and finish in ("stop", None):
        return "tool_use"
    return _STOP.get(finish, "end_turn") if isinstance(finish, str) else "end_turn"


def chat_usage(usage: Members) -> Members:
    """Anthropic's counts as OpenAI's: its prompt_tokens include what was read from and written to the cache."""
    cached, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    prompt = _count(usage, "input_tokens") + cached + written
    output = _count(usage, "output_tokens")
    out: Members = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
    }
    details = usage.get("output_tokens_details")
    if isinstance(details, dict) and isinstance(details.get("thinking_tokens"), int):
        out["completion_tokens_details"] = {"reasoning_tokens": details["thinking_tokens"]}
    return out


def messages_usage(usage: Members) -> Members:
    """OpenAI's counts as Anthropic's: its input_tokens exclude the cache."""
    asked, said = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    asked = asked if isinstance(asked, dict) else {}
    cached, written = _count(asked, "cached_tokens"), _count(asked, "cache_write_tokens")
    out: Members = {
        "input_tokens": max(0, _count(usage, "prompt_tokens") - cached - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": _count(usage, "completion_tokens"),
    }
    if isinstance(said, dict) and isinstance(said.get("reasoning_tokens"), int):
        out["output_tokens_details"] = {"thinking_tokens": said["reasoning_tokens"]}
    return out


def merged_usage(before: Members, now: object) -> Members:
    """Counts of a message_delta are cumulative: they overwrite; null and absent keep what was."""
    if not isinstance(now, dict):
        return before
    return {**before, **{name: count for name, count in now.items() if count is not None}}


def _count(usage: Members, name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _version(model: str) -> tuple[int, int]:
    """Claude's; (0, 0) for others and for names without one."""
    found = _CLAUDE.search(model)
    return (int(found[1]), int(found[2] or 0)) if found is not None and len(found[1]) < 3 else (0, 0)


def thinks_adaptively(model: str) -> bool:
    """Claude from 4.6 on is told an effort instead of a budget."""
    return _version(model) >= (4, 6) or "claude-mythos" in model


def most_tokens(model: str) -> int:
    """The max_tokens of a caller who says none: as much as every Claude of that age can write at least."""
    version = _version(model)
    if version >= (3, 7) or "claude-mythos" in model:
        return 32000
    return 8192 if version >= (3, 5) else 4096


def thinking_of(effort: str, model: str) -> Members:
    """OpenAI's reasoning_effort as members of an Anthropic request."""
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    if thinks_adaptively(model):
        return {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": _EFFORT[effort]}}
    return {"thinking": {"type": "enabled", "budget_tokens": _BUDGET[effort]}}


def effort_of(thinking: object, output_config: object) -> str | None:
    """Anthropic's thinking as reasoning_effort; None when it does not say."""
    effort = output_config.get("effort") if isinstance(output_config, dict) else None
    if isinstance(effort, str) and effort in _EFFORT:
        return "xhigh" if effort == "max" else effort
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return None
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int):
        return None
    return "high" if budget >= _BUDGET["high"] else "medium" if budget >= _BUDGET["medium"] else "low"


def is_reasoning_model(model: str) -> bool:
    """Does it take reasoning_effort? The others refuse it, so it is sent only where the name says so."""
    return _REASONS.search(model) is not None
