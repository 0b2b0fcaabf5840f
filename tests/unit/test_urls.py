"""Host names outside ASCII, and which proxy the environment would name."""

from __future__ import annotations

import sys

import pytest

from penstock.errors import InvalidURL
from penstock.proxy_env import proxies_of, variable_for
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


@pytest.mark.parametrize(
    ("env", "scheme", "host", "variable"),
    [
        ({"https_proxy": "p"}, "https", "api.example.com", "https_proxy"),
        ({"HTTPS_PROXY": "p"}, "https", "api.example.com", "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "p"}, "http", "api.example.com", None),
        ({"HTTP_PROXY": "p"}, "http", "api.example.com", None),
        ({"http_proxy": "p"}, "http", "api.example.com", "http_proxy"),
        ({"ALL_PROXY": "p"}, "http", "api.example.com", "ALL_PROXY"),
        ({"https_proxy": "p"}, "https", "localhost", None),
        ({"https_proxy": "p"}, "https", "127.0.0.1", None),
        ({"https_proxy": "p"}, "https", "::1", None),
        ({"https_proxy": "p", "no_proxy": "x, .example.com"}, "https", "api.example.com", None),
        ({"https_proxy": "p", "NO_PROXY": "example.com"}, "https", "API.example.com.", None),
        ({"https_proxy": "p", "NO_PROXY": "ample.com"}, "https", "api.example.com", "https_proxy"),
        ({"https_proxy": "p", "NO_PROXY": "*"}, "https", "api.example.com", None),
        ({}, "https", "api.example.com", None),
    ],
)
def test_which_proxy_would_apply(env: dict[str, str], scheme: str, host: str, variable: str | None) -> None:
    assert variable_for(env, scheme, host) == variable


def test_no_proxy_for_anything_silences_all() -> None:
    assert proxies_of({"https_proxy": "p", "NO_PROXY": "*"}) == {}
    assert proxies_of({"https_proxy": ""}) == {}
    assert proxies_of({"ALL_PROXY": "p"}) == {"ALL_PROXY": "p"}
