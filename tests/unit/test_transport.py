"""A Transport without a peer: sharing, states, and what a call refuses before anything is sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock import TLS, Limits, Timeouts, Transport
from penstock.errors import (
    ConfigError,
    InvalidHeader,
    InvalidRequest,
    InvalidURL,
    PenstockError,
    TransportClosed,
    UnsupportedScheme,
)
from penstock.runtime import pool_key, runtime

URL = "http://127.0.0.1:1/"


def ask(*args: Any, **kwargs: Any) -> None:
    asyncio.run(Transport().request(*args, **kwargs))


async def pieces() -> AsyncIterator[bytes]:
    yield b"x"


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "words"),
    [
        (("GET", "ftp://example.com/"), {}, UnsupportedScheme, "neither http nor https"),
        (("GET", "/relative"), {}, InvalidURL, "not absolute"),
        (("GET", "http://"), {}, InvalidURL, "no host"),
        (("GET", "http://a b/"), {}, InvalidURL, "percent-encode"),
        (("GET", "http://bücher.example/ü"), {}, InvalidURL, "percent-encode"),
        (("GET", "http://user:pw@example.com/"), {}, InvalidURL, ""),
        (("GET", 5), {}, TypeError, "the URL must be str or bytes, not int"),
        ((5, URL), {}, TypeError, "the method must be str or bytes, not int"),
        (("GE T", URL), {}, InvalidHeader, ""),
        (("GET", URL), {"headers": [("a\r\nb", "c")]}, InvalidHeader, ""),
        (("GET", URL), {"headers": {"a": "b\r\nc: d"}}, InvalidHeader, ""),
        (("GET", URL), {"headers": [("a", "b\0")]}, InvalidHeader, ""),
        (("GET", URL), {"headers": [("a", 5)]}, TypeError, "header value must be str or bytes, not int"),
        (("GET", URL), {"headers": {"a": "é"}}, InvalidRequest, "non-ASCII"),
        (("GET", URL), {"headers": "a: b"}, TypeError, "headers must be a list of pairs, a mapping or Headers"),
        (("GET", URL), {"headers": [("a",)]}, TypeError, "pairs"),
        (("GET", URL), {"headers": ["te"]}, TypeError, "pairs"),
        (("POST", URL), {"content": {"a": 1}}, TypeError, "json.dumps"),
        (("POST", URL), {"content": [b"a"]}, TypeError, "request_sync"),
        (("POST", URL), {"content": b"ab", "headers": {"content-length": "3"}}, InvalidHeader, ""),
        (("GET", URL), {"timeouts": 5}, TypeError, "timeouts must be penstock.Timeouts, not int"),
        (("GET", URL), {"target": b"/a b"}, InvalidHeader, ""),
        (("GET", URL), {"server_name": ""}, InvalidRequest, "server name"),
    ],
)
def test_bad_input_is_refused(args: Any, kwargs: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words or None) as caught:
        ask(*args, **kwargs)
    if isinstance(caught.value, PenstockError):
        assert caught.value.whose == "caller"
        assert isinstance(caught.value, ValueError)
        assert caught.value.attempts == 0


def test_refused_header_values_do_not_show() -> None:
    with pytest.raises(InvalidHeader) as caught:
        ask("GET", URL, headers={"authorization": "Bearer sesame\n"})
    assert "authorization" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_an_asynchronous_call_needs_a_loop() -> None:
    with pytest.raises(RuntimeError, match="loop"):
        Transport().stream("GET", URL)._submit()


def test_a_closed_transport_says_so() -> None:
    async def run() -> None:
        async with Transport() as transport:
            assert repr(transport) == "<Transport new, 0 running>"
        assert repr(transport) == "<Transport closed, 0 running>"
        with pytest.raises(TransportClosed, match="closed"):
            await transport.request("GET", URL)
        with pytest.raises(TransportClosed):
            transport.request_sync("GET", URL)
        await transport.aclose()
        transport.close()

    asyncio.run(run())


def test_equal_settings_share_a_pool() -> None:
    first, second = Transport(limits=Limits(max_waiting=7)), Transport(limits=Limits(max_waiting=7))
    third = Transport(limits=Limits(max_waiting=8))
    assert first._open() is second._open()
    assert third._open() is not first._open()


def test_timeouts_do_not_part_pools() -> None:
    first, second = Transport(timeouts=Timeouts(total_s=1)), Transport()
    assert pool_key(first._config) == pool_key(second._config)


def test_a_pool_goes_with_its_last_user() -> None:
    transport = Transport(limits=Limits(max_waiting=9))
    transport._open()
    key = pool_key(transport._config)
    assert key in runtime._pools
    del transport
    assert key not in runtime._pools


def test_contexts_count_by_identity() -> None:
    one, other = ssl.create_default_context(), ssl.create_default_context()
    keys = {pool_key(Transport(tls=TLS(context=each))._config) for each in (one, other, one)}
    assert len(keys) == 2


def test_a_context_that_cannot_be_honoured_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="PROTOCOL_TLS_SERVER"):
        Transport(tls=TLS(context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)))


def test_settings_the_engine_refuses_are_config_errors(tmp_path: Any) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate")
    with pytest.raises(ConfigError, match="no PEM certificate"):
        Transport(tls=TLS(ca_file=bundle)).request_sync("GET", URL)
    with pytest.raises(ConfigError):
        Transport(tls=TLS(ciphers="NO-SUCH-CIPHER")).request_sync("GET", URL)


def test_stats_are_zero_without_a_pool() -> None:
    stats = Transport().stats()
    assert stats["origins"] == []
    assert stats["running"] == stats["connections"] == stats["opened"] == 0
