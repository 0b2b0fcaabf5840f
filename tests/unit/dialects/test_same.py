"""Caller and provider speak the same: bytes pass, headers carry the key."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.config.models import Deployment
from penstock.dialects.call import BadRequest, CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.pathway import Pathway, pathway
from penstock.secret import Secret

BODY = b'{ "model" : "group", "messages":[{"role":"user","content":"\\u00e9","cache_control":{"type": "ephemeral"}}] }'


def way(provider: str = "openai", dialect: Dialect = Dialect.CHAT, **more: Any) -> Pathway:
    facts = {
        key: more.pop(key)
        for key in ("stream", "include_usage", "headers", "counts_tokens", "drop_params")
        if key in more
    }
    body = more.pop("body", BODY)
    model = more.pop("asked", "group")
    deployment = Deployment(
        id="1",
        group=more.pop("group", "group"),
        provider=provider,
        model=more.pop("model", "real"),
        api_key=Secret("sk-key"),
        **more,
    )
    return pathway(dialect, deployment, CallFacts(dialect=dialect, body=body, model=model, **facts))


@pytest.mark.parametrize(
    ("provider", "dialect", "url", "key"),
    [
        ("openai", Dialect.CHAT, "https://api.openai.com/v1/chat/completions", ("authorization", "Bearer sk-key")),
        ("openai", Dialect.COMPLETIONS, "https://api.openai.com/v1/completions", ("authorization", "Bearer sk-key")),
        ("openai", Dialect.EMBEDDINGS, "https://api.openai.com/v1/embeddings", ("authorization", "Bearer sk-key")),
        ("openai", Dialect.RESPONSES, "https://api.openai.com/v1/responses", ("authorization", "Bearer sk-key")),
        ("anthropic", Dialect.MESSAGES, "https://api.anthropic.com/v1/messages", ("x-api-key", "sk-key")),
    ],
)
def test_bytes_pass(provider: str, dialect: Dialect, url: str, key: tuple[str, str]) -> None:
    path = way(provider, dialect)
    out = path.request()
    assert (out.method, out.url) == ("POST", url)
    assert out.host == url.split("/")[2]
    assert key in out.headers
    assert out.body == BODY.replace(b'"group"', b'"real"')
    assert path.is_same and path.stream() is None and path.response(b"x") == b"x"
    assert "sk-key" not in repr(out) + repr(path)


@pytest.mark.parametrize(
    ("stream", "include_usage", "provider", "asks", "strips"),
    [
        (False, False, "openai", False, False),
        (True, False, "openai", True, True),
        (True, True, "openai", True, False),
        (True, False, "cohere", False, False),
    ],
)
def test_usage_is_asked_for(stream: bool, include_usage: bool, provider: str, asks: bool, strips: bool) -> None:
    path = way(provider, stream=stream, include_usage=include_usage)
    assert (b"include_usage" in path.request().body) is asks
    assert path.strips_usage is strips


def test_azure_takes_no_stream_options_beside_data_sources() -> None:
    settings = {"api_base": "https://x.openai.azure.com", "stream": True}
    path = way("azure", body=b'{"model":"g","data_sources":[]}', **settings)
    assert (path.request().body, path.strips_usage) == (b'{"model":"real","data_sources":[]}', False)
    assert way("azure", **settings).strips_usage


def test_embeddings_and_responses_know_no_stream_options() -> None:
    for dialect in (Dialect.EMBEDDINGS, Dialect.RESPONSES):
        path = way(dialect=dialect, stream=True)
        assert b"stream_options" not in path.request().body
        assert not path.strips_usage


def test_stream_options_go_where_they_are_not_known_and_params_may_be_dropped() -> None:
    body = b'{"model":"g","stream":true,"stream_options":{"include_usage":true}}'
    assert b"stream_options" in way("mistral", body=body, stream=True, include_usage=True).request().body
    out = way("mistral", body=body, stream=True, include_usage=True, drop_params=True).request().body
    assert out == b'{"model":"real","stream":true}'


def test_a_deployments_params_are_defaults() -> None:
    path = way(
        body=b'{"model":"g","temperature":0}',
        params={"temperature": 1, "top_p": 0.5, "seed": None, "extra_body": {"x": [1]}, "api_base": "no"},
    )
    assert path.request().body == b'{"model":"real","temperature":0,"top_p":0.5,"x":[1]}'


def test_max_tokens_has_the_name_the_provider_knows() -> None:
    body = b'{"model":"g","max_completion_tokens":5}'
    assert way("mistral", body=body).request().body == b'{"model":"real","max_tokens":5}'
    assert way("openai", body=body).request().body == b'{"model":"real","max_completion_tokens":5}'


@pytest.mark.parametrize(
    ("group", "model", "asked", "expected"),
    [
        ("openai/*", "*", "openai/gpt-5", "gpt-5"),
        ("*", "*", "gpt-5", "gpt-5"),
        ("*", "*", "openai/gpt-5", "gpt-5"),
        ("my-*", "gpt-*", "my-5", "gpt-5"),
        ("a*z", "x-*", "abcz", "x-bc"),
        ("openai/*", "*", "an-alias", "an-alias"),
    ],
)
def test_a_pattern_stands_for_the_model(group: str, model: str, asked: str, expected: str) -> None:
    out = way(group=group, model=model, asked=asked, body=b'{"model":"g"}').request()
    assert out.body == b'{"model":"' + expected.encode() + b'"}'


def test_azure() -> None:
    out = way("azure", api_base="https://x.openai.azure.com", api_version="2024-10-21").request()
    assert out.url == "https://x.openai.azure.com/openai/deployments/real/chat/completions?api-version=2024-10-21"
    assert ("api-key", "sk-key") in out.headers
    assert not any(name == "authorization" for name, _ in out.headers)


def test_the_callers_headers_go_under_the_deployments() -> None:
    out = way(
        "anthropic",
        Dialect.MESSAGES,
        headers=(
            ("anthropic-version", "2024-01-01"),
            ("anthropic-beta", "b, c"),
            ("openai-beta", "no"),
            ("traceparent", "00-1"),
            ("x-mine", "theirs"),
        ),
    ).request()
    headers = dict(out.headers)
    assert headers["anthropic-version"] == "2024-01-01"
    assert headers["anthropic-beta"] == "b, c"
    assert headers["traceparent"] == "00-1"
    assert "openai-beta" not in headers


def test_betas_join_and_extra_headers_win() -> None:
    deployment = Deployment(
        id="1",
        group="g",
        provider="anthropic",
        model="m",
        api_key=Secret("k"),
        headers=(("Anthropic-Beta", "a,b"), ("X-Mine", "ours")),
    )
    call = CallFacts(
        dialect=Dialect.MESSAGES,
        body=b'{"model":"g"}',
        model="g",
        headers=(("anthropic-beta", "b, c"), ("x-mine", "theirs")),
    )
    headers = dict(pathway(call.dialect, deployment, call).request().headers)
    assert headers["anthropic-beta"] == "a,b,c"
    assert headers["x-mine"] == "ours"


def test_tokens_are_counted_at_anthropic() -> None:
    out = way(
        "anthropic", Dialect.MESSAGES, counts_tokens=True, params={"max_tokens": 5}, body=b'{"model":"g"}'
    ).request()
    assert out.url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert out.body == b'{"model":"real"}'
    with pytest.raises(BadRequest, match=r"cannot count tokens|no messages endpoint"):
        way("openai", Dialect.MESSAGES, counts_tokens=True)


@pytest.mark.parametrize(
    ("provider", "dialect"),
    [
        ("anthropic", Dialect.EMBEDDINGS),
        ("anthropic", Dialect.RESPONSES),
        ("groq", Dialect.EMBEDDINGS),
        ("bedrock", Dialect.CHAT),
    ],
)
def test_no_way(provider: str, dialect: Dialect) -> None:
    with pytest.raises(BadRequest):
        way(provider, dialect)


def test_one_plan_serves_all_calls_of_a_deployment() -> None:
    deployment = Deployment(id="1", group="g", provider="openai", model="m")
    call = CallFacts(dialect=Dialect.CHAT, body=b'{"model":"g"}', model="g")
    pathway(Dialect.CHAT, deployment, call).request()
    plan = deployment.memo[Dialect.CHAT]
    pathway(Dialect.CHAT, deployment, call).request()
    assert deployment.memo == {Dialect.CHAT: plan}
    assert repr(plan) == "<Plan chat api.openai.com>"
    assert deployment == Deployment(id="1", group="g", provider="openai", model="m")
