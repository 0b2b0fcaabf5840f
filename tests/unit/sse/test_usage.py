"""Token counts of every dialect, made comparable."""

from __future__ import annotations

import pytest

from penstock.sse import Usage, usage_of


@pytest.mark.parametrize(
    ("dialect", "raw", "wanted"),
    [
        (
            "chat",
            b'{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4,'
            b'"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":3},"cost":0.1}',
            Usage(input=10, output=5, cached=4, cache_write=2, reasoning=3),
        ),
        ("completions", b'{"prompt_tokens":1,"completion_tokens":2}', Usage(input=1, output=2)),
        ("chat", b'{"prompt_tokens":1,"completion_tokens":null,"prompt_tokens_details":null}', Usage(input=1)),
        (
            "responses",
            b'{"input_tokens":7,"input_tokens_details":{"cached_tokens":3},"output_tokens":5,'
            b'"output_tokens_details":{"reasoning_tokens":2}}',
            Usage(input=7, output=5, cached=3, reasoning=2),
        ),
        (
            "messages",
            b'{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":30,"output_tokens":15,'
            b'"output_tokens_details":{"thinking_tokens":9},"service_tier":"standard"}',
            Usage(input=42, output=15, cached=30, cache_write=2, reasoning=9),
        ),
        ("messages", b"{}", Usage()),
        ("chat", b"[]", None),
        ("chat", b'{"prompt_tokens":"many"}', None),
        ("chat", b"", None),
    ],
)
def test_usage(dialect: str, raw: bytes, wanted: Usage | None) -> None:
    assert usage_of(dialect, raw) == wanted


def test_total() -> None:
    assert Usage(input=2, output=3, cached=1, reasoning=1).total == 5
