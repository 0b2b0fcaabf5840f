"""What wins over what, what the environment sets, and defaults as LiteLLM has them."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.config.load import loads
from penstock.config.models import Config, Deployment

ROW = {"model_name": "a", "litellm_params": {"model": "openai/a", "api_key": "sk-k"}}


def config(environ: dict[str, str] | None = None, **document: Any) -> Config:
    document.setdefault("model_list", [ROW])
    loaded = loads(document, environ=environ or {})
    assert loaded.config is not None, loaded.complaints
    return loaded.config


def deployment(
    environ: dict[str, str] | None = None, /, row: dict[str, Any] | None = None, **params: Any
) -> Deployment:
    params = {"model": "openai/a", "api_key": "sk-k", **params}
    params = {name: value for name, value in params.items() if value is not None}
    return config(environ, model_list=[{"model_name": "a", "litellm_params": params, **(row or {})}]).deployments[0]


def test_defaults() -> None:
    router, upstream = config().router, config().upstream
    assert (router.num_retries, router.allowed_fails, router.cooldown_s, router.retry_after_s) == (2, 3, 5.0, 0.0)
    assert (router.timeout_s, router.max_fallbacks, router.strategy) == (600.0, 5, "simple-shuffle")
    assert (upstream.max_connections, upstream.max_connections_per_origin, upstream.idle_s) == (1000, 500, 120.0)
    assert (upstream.http2, upstream.ssl_verify, upstream.trust_env) == (True, True, True)


def test_router_settings_win_over_litellm_settings_and_these_over_the_environment() -> None:
    environ = {"DEFAULT_MAX_RETRIES": "1", "DEFAULT_ALLOWED_FAILS": "1", "DEFAULT_COOLDOWN_TIME_SECONDS": "1"}
    router = config(
        environ, litellm_settings={"num_retries": 4, "allowed_fails": 4}, router_settings={"num_retries": 7}
    ).router
    assert (router.num_retries, router.allowed_fails, router.cooldown_s) == (7, 4, 1.0)


@pytest.mark.parametrize(
    ("litellm", "router", "whole_s", "attempt_s"),
    [
        ({}, {}, 600.0, None),
        ({"request_timeout": 90}, {}, 90.0, None),
        ({}, {"timeout": 300}, 300.0, None),
        ({"request_timeout": 90}, {"timeout": 300}, 300.0, 90.0),
    ],
)
def test_request_timeout_is_of_an_attempt_beside_a_router_timeout(
    litellm: dict[str, Any], router: dict[str, Any], whole_s: float, attempt_s: float | None
) -> None:
    found = config(litellm_settings=litellm, router_settings=router)
    assert (found.router.timeout_s, found.deployments[0].timeout_s) == (whole_s, attempt_s)


@pytest.mark.parametrize(
    ("environ", "litellm", "verify"),
    [
        ({}, {}, True),
        ({}, {"ssl_verify": False}, False),
        ({"SSL_VERIFY": "false"}, {}, False),
        ({"SSL_VERIFY": "/ca.pem"}, {"ssl_verify": False}, "/ca.pem"),
        ({"SSL_CERT_FILE": "/ca.pem"}, {}, "/ca.pem"),
        ({"SSL_CERT_FILE": "/ca.pem"}, {"ssl_verify": False}, False),
        ({"SSL_CERT_FILE": "/ca.pem"}, {"ssl_verify": "/own.pem"}, "/own.pem"),
        ({"SSL_CERT_FILE": "/ca.pem", "SSL_VERIFY": "True"}, {"ssl_verify": False}, "/ca.pem"),
    ],
)
def test_ssl_verify(environ: dict[str, str], litellm: dict[str, Any], verify: bool | str) -> None:
    assert config(environ, litellm_settings=litellm).upstream.ssl_verify == verify


def test_upstream_and_server_variables() -> None:
    found = config(
        {
            "AIOHTTP_CONNECTOR_LIMIT": "0",
            "AIOHTTP_CONNECTOR_LIMIT_PER_HOST": "7",
            "AIOHTTP_KEEPALIVE_TIMEOUT": "9",
            "LITELLM_ENABLE_HTTP2": "false",
            "DISABLE_AIOHTTP_TRUST_ENV": "True",
            "GRACEFUL_SHUTDOWN_TIMEOUT": "3",
            "LITELLM_MAX_STREAMING_DURATION_SECONDS": "60",
            "LITELLM_CORS_ORIGINS": "https://a, https://b",
            "SSL_CERTIFICATE": "/me.pem",
            "REQUEST_TIMEOUT": "",
        }
    )
    upstream, general = found.upstream, found.general
    assert (upstream.max_connections, upstream.max_connections_per_origin, upstream.idle_s) == (1_000_000, 7, 9.0)
    assert (upstream.http2, upstream.trust_env, upstream.ssl_certificate) == (False, False, "/me.pem")
    assert (general.drain_s, general.max_stream_s, general.cors_origins) == (3.0, 60.0, ("https://a", "https://b"))


def test_the_master_key_of_the_environment_counts_when_the_file_has_none() -> None:
    environ = {"LITELLM_MASTER_KEY": "sk-env", "OWN": "sk-own"}
    assert [key.is_master for key in config(environ).general.keys] == [True]
    of_file = config(environ, general_settings={"master_key": "os.environ/OWN"}).general.keys
    assert len(of_file) == 1
    assert of_file != config(environ).general.keys


def test_environment_variables_of_the_file_hold_for_the_whole_file() -> None:
    found = config(
        {"REAL": "sk-real"},
        environment_variables={"OTHER": "os.environ/REAL", "THIRD": "os.environ/OTHER", "FLAG": True, "REAL": "sk-new"},
        model_list=[{"model_name": "a", "litellm_params": {"model": "openai/a", "api_key": "os.environ/THIRD"}}],
    )
    key = found.deployments[0].api_key
    assert key is not None and key.reveal() == "sk-real"
    assert found.environment == {"OTHER": "sk-real", "THIRD": "sk-real", "FLAG": "true", "REAL": "sk-new"}


@pytest.mark.parametrize(
    ("params", "environ", "expected"),
    [
        ({"model": "gpt-4o"}, {}, ("openai", "gpt-4o", None)),
        ({"model": "claude-sonnet-4-5"}, {}, ("anthropic", "claude-sonnet-4-5", None)),
        ({"model": "openai/meta-llama/x"}, {}, ("openai", "meta-llama/x", None)),
        ({"model": "meta-llama/x", "api_base": "http://h/v1"}, {}, ("openai", "meta-llama/x", "http://h/v1")),
        ({"model": "x", "custom_llm_provider": "groq"}, {}, ("groq", "x", None)),
        ({"model": "groq/x", "custom_llm_provider": "groq"}, {}, ("groq", "x", None)),
        ({"model": "a/b", "custom_llm_provider": "groq"}, {}, ("groq", "a/b", None)),
        ({"model": "azure/x"}, {"AZURE_API_BASE": "https://h"}, ("azure", "x", "https://h")),
        ({"model": "openai/x"}, {"OPENAI_API_BASE": "https://h/v1"}, ("openai", "x", "https://h/v1")),
        ({"model": "openai/x", "base_url": "http://h/v1"}, {}, ("openai", "x", "http://h/v1")),
        ({"model": "*"}, {}, ("openai", "*", None)),
        ({"model": "anthropic/*"}, {}, ("anthropic", "*", None)),
    ],
)
def test_provider(params: dict[str, Any], environ: dict[str, str], expected: tuple[str, str, str | None]) -> None:
    found = deployment(environ, **params)
    assert (found.provider, found.model, found.api_base) == expected


@pytest.mark.parametrize(
    ("params", "row", "expected"),
    [
        ({"timeout": "30", "stream_timeout": 5.5}, {}, {"timeout_s": 30.0, "stream_timeout_s": 5.5}),
        ({"request_timeout": 4}, {}, {"timeout_s": 4.0}),
        ({"timeout": 3, "request_timeout": 4}, {}, {"timeout_s": 3.0}),
        ({"timeout": "os.environ/T"}, {}, {"timeout_s": 12.0}),
        ({"ttft_timeout": 2, "stream_idle_timeout": 3}, {}, {"ttft_s": 2.0, "idle_s": 3.0}),
        ({"max_retries": "3"}, {}, {"num_retries": 3}),
        ({"rpm": 5}, {"rpm": 6, "model_info": {"rpm": 7}}, {"rpm": 6}),
        ({"rpm": 5}, {"model_info": {"rpm": 7}}, {"rpm": 5}),
        ({}, {"model_info": {"tpm": 7}}, {"tpm": 7}),
        ({"ssl_verify": "False"}, {}, {"ssl_verify": False}),
        ({"tags": "one"}, {}, {"tags": ("one",)}),
        ({"tags": ["os.environ/T", "b"]}, {}, {"tags": ("12", "b")}),
        ({"headers": {"a": "b"}}, {}, {"headers": (("a", "b"),)}),
        ({"api_version": "2024-06-01"}, {}, {"api_version": "2024-06-01"}),
        ({}, {"model_info": {"id": 5}}, {"id": "5"}),
        ({}, {"id": "x"}, {"id": "x"}),
        ({"temperature": 0, "extra_body": {"top_k": 1}}, {}, {"params": {"temperature": 0, "top_k": 1}}),
        ({"unheard_of": [1]}, {}, {"params": {"unheard_of": [1]}}),
        ({"output_cost_per_second": 1}, {}, {"params": {}, "info": {"output_cost_per_second": 1}}),
    ],
)
def test_spellings(params: dict[str, Any], row: dict[str, Any], expected: dict[str, Any]) -> None:
    found = deployment({"T": "12"}, row=row, **params)
    assert {name: getattr(found, name) for name in expected} == expected


def test_rows_without_their_variables_can_be_left_out() -> None:
    other = {"model_name": "b", "litellm_params": {"model": "openai/b", "api_key": "os.environ/NONE"}}
    loaded = loads({"model_list": [ROW, other], "penstock_settings": {"missing_env": "skip"}}, environ={})
    assert loaded.config is not None
    assert [each.group for each in loaded.config.deployments] == ["a"]
    assert any("NONE is not set: the deployment is left out" in str(each) for each in loaded.complaints)


def test_keep_text() -> None:
    assert config().journal.keep_text is False
    assert config(litellm_settings={"turn_off_message_logging": False}).journal.keep_text is True
    assert (
        config(
            litellm_settings={"turn_off_message_logging": False}, penstock_settings={"journal": {"keep_text": False}}
        ).journal.keep_text
        is False
    )
