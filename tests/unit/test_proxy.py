"""Proxy as a value: what it takes, what it refuses, and that it shows no secret."""

from __future__ import annotations

import base64
import pickle
from typing import Any

import httpx
import httpx2
import pytest

from penstock import TLS, Network, Proxy, Secret, Transport
from penstock.errors import ConfigError
from penstock.proxy import proxy_of
from penstock.runtime import pool_key

SECRET = "swordfish"


def part(proxy: Proxy) -> dict[str, Any]:
    return dict(proxy.pool_part({}))


@pytest.mark.parametrize(
    "url, bare",
    [
        ("http://proxy.example", "http://proxy.example:80"),
        ("https://proxy.example/", "https://proxy.example:443"),
        ("socks5://Proxy.Example", "socks5://proxy.example:1080"),
        ("socks5h://10.0.0.1:9050", "socks5h://10.0.0.1:9050"),
        ("http://[FD00:0::1]:3128", "http://[fd00::1]:3128"),
        ("http://bücher.example:1", "http://xn--bcher-kva.example:1"),
        (f"http://tom:{SECRET}@p:1", "http://p:1"),
    ],
)
def test_urls_become_plain(url: str, bare: str) -> None:
    assert Proxy(url).url == bare


def test_userinfo_is_decoded_and_kept_apart() -> None:
    proxy = Proxy("http://to%40m:p%3Aw@p:1")
    assert proxy.auth == ("to@m", Secret("p:w"))
    assert Proxy("http://tom@p:1").auth == ("tom", Secret(""))
    assert Proxy("http://tom:x@p:1", auth=("tim", "y")).auth == ("tim", Secret("y"))


def test_the_fields_for_the_proxy() -> None:
    proxy = Proxy("http://p:1", auth=("tom", "pw"), headers={"X-Team": "a b"})  # type: ignore[arg-type]
    token = base64.b64encode(b"tom:pw").decode()
    assert part(proxy)["fields"] == f"Proxy-Authorization: Basic {token}\r\nX-Team: a b\r\n"
    assert part(proxy)["user"] is None
    assert part(Proxy("http://p:1"))["fields"] == ""


def test_socks_gets_user_and_password_as_they_are() -> None:
    of = part(Proxy("socks5://tom:pw@p"))
    assert (of["kind"], of["host"], of["port"]) == (3, "p", 1080)
    assert (of["user"], of["password"], of["fields"], of["tls"]) == ("tom", "pw", "", None)


def test_an_https_proxy_brings_tls() -> None:
    assert dict(part(Proxy("https://p"))["tls"])["verify"] is True
    assert dict(part(Proxy("https://p", tls=TLS(verify=False)))["tls"])["verify"] is False


def test_no_secret_is_shown() -> None:
    proxy = Proxy(f"http://tom:{SECRET}@p:1", headers=(("X-Key", SECRET),))
    for text in (repr(proxy), str(proxy), f"{proxy}", repr(Transport(proxy=proxy))):
        assert SECRET not in text
    assert repr(proxy) == "Proxy(url='http://p:1', auth=('tom', ***), headers=<1>)"


def test_proxies_are_values() -> None:
    one, other = Proxy("http://tom:a@p:1"), Proxy("http://p:1", auth=("tom", Secret("a")))
    assert one == other and hash(one) == hash(other)
    assert one != Proxy("http://tom:b@p:1")
    assert pickle.loads(pickle.dumps(one)) == one


@pytest.mark.parametrize(
    "settings, error, words",
    [
        ({"url": 5}, TypeError, "url must be str"),
        ({"url": "p:3128"}, ConfigError, "begins with"),
        ({"url": "ftp://p"}, ConfigError, "begins with"),
        ({"url": "http://"}, ConfigError, "no host"),
        ({"url": "http://p:0"}, ConfigError, "port 0"),
        ({"url": "http://p:99999"}, ConfigError, "bad host or port"),
        ({"url": "http://p:x"}, ConfigError, "bad host or port"),
        ({"url": "http://["}, ConfigError, "bad host or port"),
        ({"url": "http://p/path"}, ConfigError, "more than a host and a port"),
        ({"url": "http://p?q"}, ConfigError, "more than a host and a port"),
        ({"url": "http://a b"}, ConfigError, "no name may be"),
        ({"url": "http://[::1%25eth0]"}, ConfigError, "no name may be"),
        ({"url": "http://p", "auth": "tom:pw"}, TypeError, "tuple of user and password"),
        ({"url": "http://p", "auth": ("t:m", "x")}, ConfigError, "colon"),
        ({"url": "http://p", "auth": ("tom", "x\r\ny")}, ConfigError, "control character"),
        ({"url": "http://t%0Am:x@p"}, ConfigError, "control character"),
        ({"url": "socks5://p", "auth": ("", "x")}, ConfigError, "1 to 255 bytes"),
        ({"url": "socks5://p", "auth": ("t", "x" * 256)}, ConfigError, "1 to 255 bytes"),
        ({"url": "socks5://p", "headers": (("A", "b"),)}, ConfigError, "takes no headers"),
        ({"url": "http://p", "headers": (("A b", "c"),)}, ConfigError, "not legal"),
        ({"url": "http://p", "headers": (("A", "c\r\nB: d"),)}, ConfigError, "not legal"),
        ({"url": "http://p", "headers": (("A", "é"),)}, ConfigError, "not legal"),
        ({"url": "http://p", "headers": (("A", 5),)}, TypeError, "pairs of str"),
        ({"url": "http://p", "headers": (("Host", "x"),)}, ConfigError, "Host is set by penstock"),
        ({"url": "http://p", "headers": (("A", "x" * 40000),)}, ConfigError, "longer than"),
        ({"url": "http://t:x@p", "headers": (("proxy-authorization", "x"),)}, ConfigError, "twice"),
        ({"url": "http://p", "tls": TLS()}, ConfigError, "for https:// proxies"),
        ({"url": "https://p", "tls": True}, TypeError, "must be penstock.TLS"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Proxy(**settings)


@pytest.mark.parametrize("url", [f"http://tom:{SECRET}@p:x", f"x://tom:{SECRET}@p", f"http://tom:{SECRET}@p/y"])
def test_refusals_quote_no_secret(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Proxy(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("module", [httpx, httpx2], ids=lambda module: module.__name__)
def test_the_shapes_of_httpx_are_understood(module: Any) -> None:
    given = module.Proxy("http://tom:pw@p:3128", headers={"X-A": "b"})
    assert proxy_of(given) == Proxy("http://p:3128", auth=("tom", "pw"), headers=(("x-a", "b"),)) or proxy_of(
        given
    ) == Proxy("http://p:3128", auth=("tom", "pw"), headers=(("X-A", "b"),))
    assert proxy_of(module.Proxy("http://p:3128", auth=("tom", "pw"))) == Proxy("http://tom:pw@p:3128")
    assert proxy_of(module.URL("http://tom:pw@p:3128")) == Proxy("http://tom:pw@p:3128")
    assert proxy_of("http://p") == Proxy("http://p")
    assert proxy_of(None) is None


def test_the_tls_of_an_httpx_proxy_is_kept() -> None:
    import ssl

    context = ssl.create_default_context()
    assert proxy_of(httpx.Proxy("https://p", ssl_context=context)) == Proxy("https://p", tls=TLS(context=context))


def test_other_shapes_are_type_errors() -> None:
    with pytest.raises(TypeError, match=r"proxy must be penstock\.Proxy"):
        proxy_of(5)


def test_the_proxy_and_its_credentials_part_pools() -> None:
    urls = (None, "http://p:1", "http://p:2", "http://tom:a@p:1", "http://tom:b@p:1", "socks5://p:1", "socks5h://p:1")
    assert len({pool_key(Transport(proxy=url)._config) for url in urls}) == len(urls)
    same = [pool_key(Transport(proxy=each)._config) for each in ("http://P:1", "http://p:1/")]
    assert same[0] == same[1]


def test_a_proxy_and_a_unix_socket_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match="two ways"):
        Transport(proxy="http://p", network=Network(uds="/tmp/x"))
