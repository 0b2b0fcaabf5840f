"""What must not be seen is not; what may be, stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.journal import redact

KEYS = [
    "sk-abcdefghijklmnop1234",
    "sk-proj-ab_cd-EF1234567890",
    "sk-ant-api03-AbC_dEf-123456789",
    "sk-or-v1-0123456789abcdef",
    "sk-proj-********************wxyz",
    "gsk_abcdefghijklmnop",
    "xai-abcdefghijklmnop",
    "AIzaSyA-abcdefghijklmnopqrstuvwxyz012",
    "AKIAIOSFODNN7EXAMPLE",
    "hf_abcdefghijklmnop",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF123",
    "pplx-0123456789abcdef",
    "nvapi-abc_def-123456",
    "r8_0123456789abcdef",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "frame",
    [
        "Incorrect API key provided: {}.",
        "{}",
        "x={} y",
        '{{"error":"bad {}"}}',
        "Bearer {}",
        "'{}'",
        "({})",
        "key {}, no",
    ],
)
def test_keys_are_masked_wherever_they_stand(frame: str, key: str) -> None:
    text = redact.mask(frame.format(key))
    assert key not in text
    assert key[-4:] not in text
    assert redact.MASK in text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("authorization: Basic dXNlcjpwdw==", "authorization: Basic ***"),
        ('{"api_key": "abcdef", "model": "m"}', '{"api_key": "***", "model": "m"}'),
        ("x-api-key=abcdef next", "x-api-key=*** next"),
        ("password: hunter2", "password: ***"),
        ("GET https://u:p@h/v1?key=abc&alt=sse failed", "GET https://***@h/v1?key=***&alt=sse failed"),
        ("https://h/x?sig=ab%2Bc&sv=1", "https://h/x?sig=***&sv=1"),
    ],
)
def test_secrets_by_the_word_before_them(text: str, masked: str) -> None:
    assert redact.mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
        "Rate limit reached for gpt-4o in organization org-abc on tokens per min (TPM): Limit 30000, Used 29000.",
        "The server had an error. Please retry after 20 seconds.",
        "Unknown model: 'gpt-99'",
        "task-based risk-free disk-full: api.openai.com:443 connect timeout after 5.0 s",
        "",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact.mask(text) == text


def test_long_quotes_are_taken_for_the_callers_text() -> None:
    said = "tell me about " + "my private matter " * 8
    assert redact.mask(f"Invalid content: '{said}' at messages[0]") == "Invalid content: '...' at messages[0]"


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=60), st.text("abcdefgh0123", min_size=8, max_size=20), st.text(max_size=60))
def test_known_secrets_never_survive(before: str, secret: str, after: str) -> None:
    assert secret not in redact.mask(before + secret + after, secrets=[secret])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = redact.mask(text)
    assert redact.mask(once) == once


@pytest.mark.parametrize(
    ("address", "host", "base"),
    [
        ("https://api.openai.com/v1", "api.openai.com", "https://api.openai.com/v1"),
        ("http://u:p@LOCALHOST:8000/v1?key=x#f", "localhost:8000", "http://LOCALHOST:8000/v1"),
        ("", "", ""),
        ("http://[", "", ""),
    ],
)
def test_addresses(address: str, host: str, base: str) -> None:
    assert redact.host(address) == host
    assert redact.base(address) == base


def test_long_texts_are_clipped_between_words() -> None:
    assert redact.clip("some words", 10) == "some words"
    assert redact.clip("a key sk-abcdef0123", 12) == "a key"
    assert redact.clip("sk-abcdef0123", 12) == ""


def test_shorten() -> None:
    assert redact.shorten("a\nb  c", 10) == "a b c"
    assert redact.shorten("abcdefghijkl", 10) == "abcdefg..."
