"""Words that mean the same."""

from __future__ import annotations

import pytest

from penstock.dialects.words import (
    chat_usage,
    effort_of,
    finish_reason,
    is_reasoning_model,
    merged_usage,
    messages_usage,
    most_tokens,
    stop_reason,
    thinking_of,
    thinks_adaptively,
)


@pytest.mark.parametrize(
    ("model", "is_adaptive", "tokens"),
    [
        ("claude-opus-4-6", True, 32000),
        ("claude-opus-4-7-20260416", True, 32000),
        ("claude-sonnet-5", True, 32000),
        ("claude-opus-5-5", True, 32000),
        ("claude-mythos-preview", True, 32000),
        ("claude-sonnet-4-5-20250929", False, 32000),
        ("claude-sonnet-4-20250514", False, 32000),
        ("claude-opus-4-1-20250805", False, 32000),
        ("claude-3-7-sonnet-20250219", False, 32000),
        ("claude-3-5-haiku-20241022", False, 8192),
        ("claude-3-haiku-20240307", False, 4096),
        ("MiniMax-M2", False, 4096),
    ],
)
def test_claudes_age(model: str, is_adaptive: bool, tokens: int) -> None:
    assert (thinks_adaptively(model), most_tokens(model)) == (is_adaptive, tokens)


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("o1", True),
        ("o4-mini", True),
        ("gpt-5.1", True),
        ("openai/gpt-oss-120b", True),
        ("gemini-2.5-pro", True),
        ("gpt-4o", False),
        ("llama-3.3-70b", False),
        ("gemini-2.0-flash", False),
        ("foo1", False),
    ],
)
def test_models_that_take_an_effort(model: str, reasons: bool) -> None:
    assert is_reasoning_model(model) is reasons


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_effort_there_and_back(effort: str) -> None:
    for model in ("claude-sonnet-4-5", "claude-opus-4-6"):
        wish = thinking_of(effort, model)
        assert effort_of(wish["thinking"], wish.get("output_config")) == effort
    assert effort_of(thinking_of("none", "claude-opus-4-6")["thinking"], None) is None


def test_usage_there_and_back() -> None:
    ours = {"input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 7}
    chat = chat_usage({**ours, "output_tokens_details": {"thinking_tokens": 4}})
    assert (chat["prompt_tokens"], chat["completion_tokens"], chat["total_tokens"]) == (123, 7, 130)
    assert messages_usage(chat) == {**ours, "output_tokens_details": {"thinking_tokens": 4}}
    assert messages_usage({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}})["input_tokens"] == 0


def test_counts_are_cumulative_and_null_keeps() -> None:
    before = {"input_tokens": 3, "output_tokens": 1}
    assert merged_usage(before, {"input_tokens": None, "output_tokens": 9}) == {"input_tokens": 3, "output_tokens": 9}
    assert merged_usage(before, None) is before


@pytest.mark.parametrize(
    ("finish", "has_tools", "stop"),
    [
        ("stop", False, "end_turn"),
        ("stop", True, "tool_use"),
        (None, True, "tool_use"),
        ("length", True, "max_tokens"),
        ("content_filter", False, "refusal"),
        ("new", False, "end_turn"),
        ([], False, "end_turn"),
    ],
)
def test_stop_reasons(finish: object, has_tools: bool, stop: str) -> None:
    assert stop_reason(finish, has_tools=has_tools) == stop


def test_finish_reasons() -> None:
    told = ("end_turn", "pause_turn", "max_tokens", "model_context_window_exceeded", "tool_use", "refusal", None, {})
    expected = ["stop", "stop", "length", "length", "tool_calls", "content_filter", "stop", "stop"]
    assert [finish_reason(each) for each in told] == expected
