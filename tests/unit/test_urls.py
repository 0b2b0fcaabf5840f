"""Host names outside ASCII."""

from __future__ import annotations

import sys

import pytest

from penstock.errors import InvalidURL
from penstock.url import ascii_url


@pytest.mark.parametrize("with_idna", [True, False])
def test_a_host_becomes_a_labels(with_idna: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not with_idna:
        monkeypatch.setitem(sys.modules, "idna", None)
    assert ascii_url("https://Bücher.example:8443/a?b=c") == "https://xn--bcher-kva.example:8443/a?b=c"
    assert ascii_url("http://例え.jp") == "http://xn--r8jz45g.jp"
    with pytest.raises(InvalidURL, match="IDNA"):
        ascii_url("http://" + "ü" * 80 + "/")


@pytest.mark.parametrize(
    "url", ["https://a.example/ü", "https://bücher.example/?q=ü", "https://ü@a.example/", "https://[ü]/", "ü"]
)
def test_what_cannot_be_guessed_is_refused(url: str) -> None:
    with pytest.raises(InvalidURL, match="percent-encode"):
        ascii_url(url)
