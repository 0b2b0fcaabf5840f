"""Whole records as the gateway makes them."""

from __future__ import annotations

from typing import Any

from penstock.journal import Attempt, Record, RecordError
from penstock.sse.usage import Usage

TEXT = "the caller's own words"


def attempt(deployment: str = "d1", **other: Any) -> Attempt:
    fields: dict[str, Any] = {
        "deployment": deployment,
        "group": "gpt",
        "provider": "azure",
        "model": "gpt-4o",
        "api_host": "me.openai.azure.com",
        "started_ms": 2.0,
        "ended_ms": 1002.0,
        "ttft_ms": 118.0,
        "status": 200,
    }
    return Attempt(**{**fields, **other})


def answered(**other: Any) -> Record:
    """A complete stream."""
    fields: dict[str, Any] = {
        "id": "r",
        "started_s": 1_700_000_000.0,
        "endpoint": "/v1/chat/completions",
        "dialect": "chat",
        "key_name": "team-a",
        "user": "user-1",
        "session": "session-1",
        "tags": ("a",),
        "model_asked": "gpt",
        "group": "gpt",
        "deployment": "d1",
        "provider": "azure",
        "model_served": "gpt-4o-2024-08-06",
        "api_host": "me.openai.azure.com",
        "answer_id": "chatcmpl-1",
        "outcome": "complete",
        "finish_reason": "stop",
        "status": 200,
        "stream": True,
        "ttft_ms": 120.0,
        "gap_p50_ms": 9.0,
        "usage": Usage(input=100, output=51, cached=40, reasoning=10),
        "cost_usd": 0.5,
        "attempts": [attempt()],
    }
    record = Record(**{**fields, **other})
    record.close(1004.0)
    return record


def failed(**other: Any) -> Record:
    """Two deployments, neither of which answered."""
    tries = [attempt(fault="rate_limit", status=429), attempt("d2", group="other", fault="server", status=500)]
    fields: dict[str, Any] = {
        "attempts": tries,
        "deployment": "d2",
        "group": "other",
        "outcome": "failed",
        "status": 500,
        "error": RecordError(fault="server", message=f"boom: {TEXT}", type="server_error", code="E1"),
        "usage": None,
        "cost_usd": None,
        "ttft_ms": None,
        "model_served": None,
        "answer_id": None,
        "finish_reason": None,
    }
    return answered(**{**fields, **other})
