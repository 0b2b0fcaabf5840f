"""`litellm --config config.yaml` with the startup hook: what a gateway's clients ask for goes through penstock, and
comes back whole. test_litellm.py runs this where LiteLLM's proxy is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from penstock.testing import Pace, Provider, Turn, faults
from tests.compat.litellm_server import Gateway, gateway
from tests.waiting import eventually

ASKED = {"model": "gpt", "messages": [{"role": "user", "content": "What is a penstock?"}]}
ASKED_CLAUDE = {**ASKED, "model": "claude", "max_tokens": 100}
LIMIT_S = 30.0  # only a test that hangs gets here


@pytest.fixture(scope="module", params=["HTTP/1.1", "HTTP/2"])
def proxied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The provider, the gateway before it, and the version that is spoken between them."""
    with Provider("Water under pressure", tls=True) as provider:
        with gateway(provider, tmp_path_factory.mktemp("gateway"), http2=request.param == "HTTP/2") as before:
            yield provider, before, request.param


@pytest.fixture
def provider(proxied: Any) -> Provider:
    provider: Provider = proxied[0]
    provider.heal()
    provider.says("Water under pressure")
    return provider


@pytest.fixture
def before(proxied: Any) -> Gateway:
    found: Gateway = proxied[1]
    return found


@pytest.fixture
def client(before: Gateway) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {before.key}"}
    with httpx.Client(base_url=before.url, headers=headers, timeout=LIMIT_S, trust_env=False) as made:
        yield made


def events(response: httpx.Response) -> list[Any]:
    data = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    return [json.loads(each) for each in data if each != "[DONE]"]


def test_every_seam_is_live(before: Gateway) -> None:
    seams = before.seams()
    assert [line for line in seams if not line.startswith("live ")] == []
    assert "shared_aiohttp_session" in "".join(seams)


@pytest.mark.parametrize("asked", [ASKED, ASKED_CLAUDE], ids=["gpt", "claude"])
def test_chat(asked: Any, client: httpx.Client, proxied: Any, provider: Provider) -> None:
    _, before, version = proxied
    seen_n, sent_n = len(provider.requests), len(before.sent())
    answer = client.post("/v1/chat/completions", json=asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == provider.text
    (seen,) = provider.requests[seen_n:]
    assert before.sent()[sent_n:] == [f"{seen.path} {version}"]
    assert seen.protocol == version


@pytest.mark.parametrize("asked", [ASKED, ASKED_CLAUDE], ids=["gpt", "claude"])
def test_stream(asked: Any, client: httpx.Client, proxied: Any, provider: Provider) -> None:
    _, before, version = proxied
    sent_n = len(before.sent())
    answer = client.post("/v1/chat/completions", json={**asked, "stream": True})
    assert answer.status_code == 200, answer.text
    text = "".join(each["choices"][0]["delta"].get("content") or "" for each in events(answer) if each["choices"])
    assert text == provider.text
    assert "data: [DONE]" in answer.text
    assert [line.split()[1] for line in before.sent()[sent_n:]] == [version]


@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_messages(stream: bool, client: httpx.Client, proxied: Any, provider: Provider) -> None:
    _, before, version = proxied
    sent_n = len(before.sent())
    answer = client.post("/v1/messages", json={**ASKED_CLAUDE, "stream": stream})
    assert answer.status_code == 200, answer.text
    if stream:
        text = "".join(each["delta"].get("text", "") for each in events(answer) if "delta" in each)
    else:
        text = answer.json()["content"][0]["text"]
    assert text == provider.text
    assert before.sent()[sent_n:] == [f"/v1/messages {version}"]


@pytest.mark.parametrize(("fault", "status"), [(faults.rate_limit(), 429), (faults.status(401), 401)])
def test_a_providers_error_is_told(fault: Any, status: int, client: httpx.Client, provider: Provider) -> None:
    provider.fault(fault)
    seen_n = len(provider.requests)
    for asked in (ASKED, {**ASKED, "stream": True}):
        answer = client.post("/v1/chat/completions", json=asked)
        assert answer.status_code == status, answer.text
        assert "error" in answer.json()
    assert len(provider.requests) == seen_n + 2


def test_a_request_that_was_taken_is_not_sent_again(client: httpx.Client, provider: Provider) -> None:
    provider.fault(faults.reset())
    seen_n = len(provider.requests)
    assert client.post("/v1/chat/completions", json=ASKED).status_code >= 500
    assert client.post("/v1/messages", json=ASKED_CLAUDE).status_code >= 500
    assert len(provider.requests) == seen_n + 2


async def test_a_client_that_goes_ends_the_stream_at_the_provider(before: Gateway, provider: Provider) -> None:
    provider.says(Turn(text="word " * 600), pace=Pace(per_s=50))
    seen_n = len(provider.requests)
    headers = {"authorization": f"Bearer {before.key}"}
    async with httpx.AsyncClient(base_url=before.url, headers=headers, timeout=LIMIT_S, trust_env=False) as client:
        async with client.stream("POST", "/v1/chat/completions", json={**ASKED, "stream": True}) as answer:
            await anext(answer.aiter_lines())
    await eventually(lambda: [seen.aborted_s is not None for seen in provider.requests[seen_n:]] == [True])


async def test_many_streams_at_once(before: Gateway, provider: Provider) -> None:
    headers = {"authorization": f"Bearer {before.key}"}
    async with httpx.AsyncClient(base_url=before.url, headers=headers, timeout=LIMIT_S, trust_env=False) as client:
        asked = {**ASKED, "stream": True}
        answers = await asyncio.gather(*(client.post("/v1/chat/completions", json=asked) for _ in range(20)))
    for answer in answers:
        text = "".join(each["choices"][0]["delta"].get("content") or "" for each in events(answer) if each["choices"])
        assert (answer.status_code, text) == (200, provider.text)
