"""Headers: order, duplicates, lookup without case, no secret in repr."""

from __future__ import annotations

import pytest

from penstock import Headers
from penstock.headers import is_secret

RAW = [(b"Content-Type", b"text/plain"), (b"Set-Cookie", b"a=1"), (b"X-B", b"\xe9"), (b"set-cookie", b"b=2")]


def test_order_and_duplicates_are_kept() -> None:
    headers = Headers.of_raw(RAW)
    assert headers.raw == tuple(RAW)
    assert list(headers) == [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("X-B", "é"), ("set-cookie", "b=2")]
    assert len(headers) == 4


def test_lookup_has_no_case() -> None:
    headers = Headers.of_raw(RAW)
    assert headers["CONTENT-TYPE"] == headers.get("content-type") == "text/plain"
    assert headers.get_all("SET-cookie") == headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert headers["set-cookie"] == "a=1"
    assert headers.get("gone") is None
    assert headers.get("gone", "x") == "x"
    assert headers.get_all("gone") == []
    with pytest.raises(KeyError):
        headers["gone"]
    assert "x-b" in headers
    assert b"X-B" in headers
    assert "gone" not in headers
    assert 5 not in headers


def test_a_caller_does_not_change_what_is_inside() -> None:
    headers = Headers.of_raw(RAW)
    headers.get_all("set-cookie").clear()
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_equality_ignores_the_case_of_names_only() -> None:
    assert Headers([("A", "x")]) == Headers([("a", "x")])
    assert hash(Headers([("A", "x")])) == hash(Headers([("a", "x")]))
    assert Headers([("a", "x")]) != Headers([("a", "X")])
    assert Headers([("a", "x")]) != [("a", "x")]


def test_pairs_must_be_text_or_bytes() -> None:
    with pytest.raises(TypeError, match="str or bytes, not int"):
        Headers([("a", 1)])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "Api-Key",
        "X-API-Key",
        "x-goog-api-key",
        "X-Amz-Security-Token",
    ],
)
def test_secrets_do_not_show(name: str) -> None:
    assert is_secret(name)
    assert repr(Headers([(name, "sesame")])) == f"Headers([('{name}', '***')])"


def test_counts_of_tokens_are_no_secret() -> None:
    assert not is_secret("x-ratelimit-remaining-tokens")
    assert repr(Headers([("a", "b")])) == "Headers([('a', 'b')])"
