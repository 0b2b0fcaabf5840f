"""Timeouts, Limits, Network, TLS: what they refuse, and what they become for the engine."""

from __future__ import annotations

import ast
import ssl
from pathlib import Path
from typing import Any

import pytest

from penstock import HTTP2, TLS, Limits, Network, Secret, Timeouts, Transport
from penstock import tls as tls_module
from penstock.errors import ConfigError

NAN = float("nan")


def test_timeouts_have_defaults_for_llm_traffic() -> None:
    assert Timeouts().clocks == (10.0, 60.0, 60.0, 600.0, 300.0, None)
    assert Timeouts(connect_s=1, total_s=2, idle_s=None).clocks == (1.0, 60.0, 60.0, 600.0, None, 2.0)


def test_settings_are_keyword_only_values() -> None:
    assert Timeouts(connect_s=1) == Timeouts(connect_s=1.0)
    assert len({Limits(), Limits(), Limits(idle_s=1)}) == 2
    with pytest.raises(TypeError):
        Timeouts(1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        Timeouts().connect_s = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "settings", "error", "words"),
    [
        (Timeouts, {"connect_s": -1}, ConfigError, "connect_s is negative"),
        (Timeouts, {"idle_s": NAN}, ConfigError, "idle_s is not a number"),
        (Timeouts, {"total_s": "3"}, TypeError, "total_s must be a number of seconds, not str"),
        (Timeouts, {"pool_s": True}, TypeError, "pool_s must be a number"),
        (Timeouts, {"write_s": float("inf")}, ConfigError, "None means unlimited"),
        (Limits, {"max_connections": 0}, ConfigError, "max_connections must be at least 1"),
        (Limits, {"max_connections": 1.5}, TypeError, "must be a whole number, not float"),
        (Limits, {"max_waiting": True}, TypeError, "must be a whole number, not bool"),
        (Limits, {"head_bytes": -5}, ConfigError, "head_bytes must be at least"),
        (Limits, {"body_bytes": 0}, ConfigError, "body_bytes must be at least 1"),
        (Limits, {"idle_s": None}, TypeError, "idle_s must be a number"),
        (Network, {"family": "v4"}, ConfigError, "family must be one of any, ipv4, ipv6"),
        (Network, {"local_address": "localhost"}, ConfigError, "must be an IP address"),
        (Network, {"local_address": "::1", "family": "ipv4"}, ConfigError, "cannot be used with family='ipv4'"),
        (Network, {"uds": "/" + "x" * 200}, ConfigError, "uds is longer"),
        (Network, {"uds": ""}, ConfigError, "uds is empty"),
        (Network, {"nodelay": 1}, TypeError, "nodelay must be True or False"),
        (Network, {"eyeballs_ms": 0.25}, TypeError, "must be a whole number"),
        (TLS, {"verify": None}, TypeError, "verify must be True, False or a path"),
        (TLS, {"verify": 3}, TypeError, "verify must be str"),
        (TLS, {"verify": False, "ca_file": "x"}, ConfigError, "ca_file cannot be combined with verify=False"),
        (TLS, {"key_file": "x"}, ConfigError, "need cert_file"),
        (TLS, {"min_version": "1.1"}, ConfigError, "min_version must be one of 1.2, 1.3"),
        (TLS, {"min_version": 1.2}, TypeError, "min_version must be str"),
        (TLS, {"min_version": "1.3", "max_version": "1.2"}, ConfigError, "max_version 1.2 is below"),
        (TLS, {"security_level": 6}, ConfigError, "security_level must be at most 5"),
        (TLS, {"ciphers": "a\0b"}, ConfigError, "ciphers contains a NUL"),
        (TLS, {"context": 5}, TypeError, "context must be an ssl.SSLContext"),
        (TLS, {"context": ssl.create_default_context(), "ciphers": "x"}, ConfigError, "set ciphers on the context"),
        (TLS, {"ca_pem": 5}, TypeError, "ca_pem must be str or bytes"),
        (Transport, {"timeouts": 5}, TypeError, "timeouts must be penstock.Timeouts, not int"),
        (Transport, {"limits": {}}, TypeError, "limits must be penstock.Limits"),
        (Transport, {"proxy": 5}, TypeError, "proxy must be penstock.Proxy"),
        (Transport, {"proxy": "p:3128"}, ConfigError, "a proxy's URL begins with"),
        (Transport, {"http2": None}, TypeError, "http2 must be True, False or penstock.HTTP2"),
        (Transport, {"tls": TLS(ca_file="/nowhere.pem")}, ConfigError, "ca_file /nowhere.pem cannot be read"),
        (Transport, {"tls": TLS(ca_dir="/nowhere")}, ConfigError, "ca_dir /nowhere is not a folder"),
        (Transport, {"tls": TLS(verify="/nowhere.pem")}, ConfigError, "ca_file /nowhere.pem cannot be read"),
        (Transport, {"tls": TLS(cert_file="/nowhere")}, ConfigError, "cert_file /nowhere cannot be read"),
    ],
)
def test_what_is_refused(kind: Any, settings: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words.replace("(", r"\(")):
        kind(**settings)


def contract_keys() -> set[str]:
    path = Path(tls_module.__file__).with_name("_core.pyi")
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == "PoolConfig":
            return {each.target.id for each in node.body if isinstance(each, ast.AnnAssign)}  # type: ignore[union-attr]
    raise AssertionError("PoolConfig is gone")


def test_the_parts_make_up_the_engines_config() -> None:
    parts = {**Limits().pool_part(), **Network().pool_part(), **TLS().pool_part({}), **HTTP2().pool_part()}
    assert {*parts, "proxy"} == contract_keys()


def test_what_settings_become() -> None:
    limits = Limits(idle_s=0, age_s=None).pool_part()
    assert (limits["idle_ms"], limits["age_ms"]) == (1, 0)  # 0 idle is "at once", the engine's 0 is "never"
    assert Network(family="ipv6", dns_ttl_s=0.5).pool_part()["family"] == 2
    part = TLS(min_version="1.3", key_password="p", cert_file=__file__).pool_part({})
    assert (part["min_version"], part["max_version"], part["key_password"]) == (0x0304, 0, "p")


def trust(tls: TLS, env: dict[str, str] | None = None) -> tuple[Any, Any, Any, Any]:
    part = tls.pool_part(env or {})
    return part["verify"], part["ca_file"], part["ca_dir"], part["use_system_ca"]


def test_the_default_trust_is_certifi_or_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_module, "certifi_bundle", lambda: __file__)
    assert trust(TLS()) == (True, __file__, None, False)
    monkeypatch.setattr(tls_module, "certifi_bundle", lambda: None)
    assert trust(TLS()) == (True, None, None, True)


def test_the_environment_comes_before_certifi(tmp_path: Path) -> None:
    assert trust(TLS(), {"SSL_CERT_FILE": __file__}) == (True, __file__, None, False)
    assert trust(TLS(), {"SSL_CERT_DIR": str(tmp_path)}) == (True, None, str(tmp_path), False)
    assert trust(TLS(ca_dir=tmp_path), {"SSL_CERT_FILE": __file__}) == (True, None, str(tmp_path), False)


def test_verify_takes_a_path(tmp_path: Path) -> None:
    assert trust(TLS(verify=__file__)) == (True, __file__, None, False)
    assert trust(TLS(verify=tmp_path)) == (True, None, str(tmp_path), False)
    assert trust(TLS(verify=False)) == (False, None, None, False)


def test_the_key_log_is_opt_in() -> None:
    assert TLS().pool_part({})["keylog_file"] is None
    assert TLS().pool_part({"SSLKEYLOGFILE": "/tmp/keys"})["keylog_file"] == "/tmp/keys"
    assert TLS(keylog_file="/tmp/mine").pool_part({"SSLKEYLOGFILE": "/tmp/keys"})["keylog_file"] == "/tmp/mine"


def test_secrets_do_not_show() -> None:
    tls = TLS(cert_file="c", key_password="open sesame", ca_pem="-----BEGIN")
    assert "sesame" not in repr(tls)
    assert "BEGIN" not in repr(tls)
    assert "key_password=***" in repr(tls)
    assert f"{Secret('sesame')}" == "***"
    assert Secret("a") == Secret("a") != Secret("b")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert tls == TLS(cert_file="c", key_password=Secret("open sesame"), ca_pem=b"-----BEGIN")
