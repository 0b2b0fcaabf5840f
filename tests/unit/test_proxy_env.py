"""Which proxy the environment names for an origin: schemes, cases, and NO_PROXY."""

from __future__ import annotations

import pytest

from penstock import Proxy, Transport
from penstock.errors import ConfigError
from penstock.proxy_env import proxies_of, proxy_for, variable_for
from penstock.proxy_routes import PLACES_N, ProxyRoutes, routes_of

P = "http://proxy:3128"


@pytest.mark.parametrize(
    "env, url, variable",
    [
        ({}, "https://api.example.com", None),
        ({"https_proxy": P}, "https://api.example.com", "https_proxy"),
        ({"HTTPS_PROXY": P}, "https://api.example.com", "HTTPS_PROXY"),
        ({"https_proxy": P, "HTTPS_PROXY": "x"}, "https://api.example.com", "https_proxy"),
        ({"https_proxy": "", "HTTPS_PROXY": P}, "https://api.example.com", None),
        ({"https_proxy": "", "HTTPS_PROXY": P, "all_proxy": P}, "https://api.example.com", "all_proxy"),
        ({"HTTPS_PROXY": P}, "http://api.example.com", None),
        ({"http_proxy": P}, "http://api.example.com", "http_proxy"),
        ({"HTTP_PROXY": P}, "http://api.example.com", "HTTP_PROXY"),
        ({"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, "http://api.example.com", None),
        ({"http_proxy": P, "REQUEST_METHOD": "GET"}, "http://api.example.com", "http_proxy"),
        ({"HTTPS_PROXY": P, "REQUEST_METHOD": "GET"}, "https://api.example.com", "HTTPS_PROXY"),
        ({"ALL_PROXY": P}, "http://api.example.com", "ALL_PROXY"),
        ({"ALL_PROXY": P, "all_proxy": P}, "https://api.example.com", "all_proxy"),
        ({"all_proxy": P, "https_proxy": P}, "https://api.example.com", "https_proxy"),
    ],
)
def test_which_variable_counts(env: dict[str, str], url: str, variable: str | None) -> None:
    scheme, _, host = url.partition("://")
    assert variable_for(env, scheme, host) == variable


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "api.localhost",
        "127.0.0.1",
        "127.8.9.1",
        "[::1]",
        "::1",
        "::ffff:127.0.0.1",
    ],
)
def test_loopback_is_never_proxied(host: str) -> None:
    assert variable_for({"all_proxy": P}, "https", host) is None


@pytest.mark.parametrize("host", ["localhost.example.com", "127.example.com", "xlocalhost", "128.0.0.1"])
def test_what_only_looks_like_loopback_is_proxied(host: str) -> None:
    assert variable_for({"all_proxy": P}, "https", host) == "all_proxy"


@pytest.mark.parametrize(
    "entries, host, port, is_exempt",
    [
        ("*", "api.example.com", 443, True),
        ("x, *", "api.example.com", 443, True),
        ("example.com", "example.com", 443, True),
        ("example.com", "api.example.com", 443, True),
        ("example.com", "API.Example.COM.", 443, True),
        ("Example.com.", "api.example.com", 443, True),
        ("ample.com", "api.example.com", 443, False),
        (".example.com", "api.example.com", 443, True),
        (".example.com", "example.com", 443, False),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        (".", "api.example.com", 443, False),
        (",, ,", "api.example.com", 443, False),
        ("a.b  example.com", "api.example.com", 443, True),
        ("a.b,example.com", "api.example.com", 443, True),
        ("example.com:443", "api.example.com", 443, True),
        ("example.com:443", "api.example.com", 8443, False),
        ("*:8443", "api.example.com", 8443, True),
        ("*:8443", "api.example.com", 443, False),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("10.0.0.1", "10.0.0.10", 443, False),
        ("10.0.0.1:80", "10.0.0.1", 443, False),
        ("10.0.0.0/8", "10.200.3.4", 443, True),
        ("10.1.2.3/8", "10.200.3.4", 443, True),
        ("10.0.0.0/8", "11.0.0.1", 443, False),
        ("10.0.0.0/8", "10.example.com", 443, False),
        ("10.0.0.0/99", "10.0.0.1", 443, False),
        ("0.1", "10.0.0.1", 443, False),
        ("fd00::1", "fd00::1", 443, True),
        ("fd00::1", "fd00:0:0::1", 443, True),
        ("[fd00::1]", "fd00::1", 443, True),
        ("[fd00::1]:8443", "fd00::1", 8443, True),
        ("[fd00::1]:8443", "fd00::1", 443, False),
        ("fd00::/8", "fdff::2", 443, True),
        ("[fd00::]/8", "fdff::2", 443, True),
        ("fd00::/8", "fe80::2", 443, False),
        ("10.0.0.0/8", "::ffff:10.0.0.1", 443, True),
        ("fd00::/8", "10.0.0.1", 443, False),
    ],
)
def test_no_proxy(entries: str, host: str, port: int, is_exempt: bool) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        assert (variable_for({"https_proxy": P, name: entries}, "https", host, port) is None) == is_exempt


def test_the_schemes_port_counts_when_the_url_has_none() -> None:
    env = {"all_proxy": P, "no_proxy": "example.com:443"}
    assert proxy_for("https://example.com/", env) is None
    assert proxy_for("http://example.com/", env) == Proxy(P)


def test_lower_case_no_proxy_comes_first_even_when_empty() -> None:
    assert variable_for({"https_proxy": P, "no_proxy": "", "NO_PROXY": "*"}, "https", "a.example") == "https_proxy"


def test_no_proxy_for_anything_silences_all() -> None:
    assert proxies_of({"https_proxy": "p", "NO_PROXY": "*"}) == {}
    assert proxies_of({"https_proxy": ""}) == {}
    assert proxies_of({"ALL_PROXY": "p", "X": "y"}) == {"ALL_PROXY": "p"}
    assert routes_of({}) is None


def test_a_value_without_a_scheme_is_an_http_proxy() -> None:
    assert proxy_for("https://a.example/", {"https_proxy": " tom:pw@proxy:3128 "}) == Proxy("http://tom:pw@proxy:3128")


def test_a_value_that_cannot_be_is_named_without_its_secret() -> None:
    with pytest.raises(ConfigError, match="environment variable https_proxy: a proxy's URL begins with") as caught:
        proxy_for("https://a.example/", {"https_proxy": "gopher://tom:swordfish@proxy"})
    assert "swordfish" not in str(caught.value)


def test_routes_remember_origins_within_bounds() -> None:
    routes = ProxyRoutes({"https_proxy": P, "no_proxy": "b.example"})
    first = routes.proxy("https://a.example/1")
    assert first == Proxy(P)
    assert routes.proxy(b"https://a.example/2") is first
    assert routes.proxy("https://b.example/") is None
    assert routes.proxy("http://[") is None
    assert routes.proxy("https://a.example:x/") is None
    assert repr(routes) == "<ProxyRoutes by https_proxy, 2 origins known>"
    for n in range(PLACES_N + 5):
        routes.proxy(f"https://{n}.example/")
    assert len(routes._found) <= PLACES_N


def test_the_environment_counts_only_when_trusted_and_nothing_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", P)
    assert Transport()._routes is not None
    assert Transport(trust_env=False)._routes is None
    assert Transport(proxy=P)._routes is None
