"""The provider fixture's parts: the SDKs' own clients over penstock, TLS and HTTP/2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from penstock.testing import Pace, Provider, Turn, faults, stamp_of
from tests.compat.within import run

ASKED: Any = [{"role": "user", "content": "What is a penstock?"}]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider("Hello there, water.") as made:
        yield made


def test_openai(provider: Provider) -> None:
    async def ask() -> None:
        client = provider.openai()
        whole = await client.chat.completions.create(model="m", messages=ASKED)
        assert whole.choices[0].message.content == provider.text
        stream = await client.chat.completions.create(model="m", messages=ASKED, stream=True)
        words = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]
        assert "".join(filter(None, words)) == provider.text
        response = await client.responses.create(model="m", input="?")
        assert response.output_text == provider.text
        assert (await client.embeddings.create(model="m", input="a")).data[0].embedding

    run(ask())
    assert {(each.protocol, each.is_tls) for each in provider.requests} == {("HTTP/2", True)}
    assert {each.header("authorization") for each in provider.requests} == {f"Bearer {provider.api_key}"}
    assert len({each.connection for each in provider.requests}) == 1


def test_anthropic(provider: Provider) -> None:
    async def ask() -> None:
        client = provider.anthropic()
        async with client.messages.stream(model="m", max_tokens=9, messages=ASKED) as stream:
            assert await stream.get_final_text() == provider.text

    run(ask())
    message = provider.anthropic_sync().messages.create(model="m", max_tokens=9, messages=ASKED)
    assert message.content[0].text == provider.text  # type: ignore[union-attr]
    for seen in provider.expect("POST", "/v1/messages", times=2):  # as x-api-key or Bearer, by the package's version
        assert any(value.endswith(provider.api_key) for _, value in seen.headers)


def test_it_says_other_things(provider: Provider) -> None:
    provider.says(Turn(text="a b c", thinking="hm"), pace=Pace(per_s=1000, stamped=True))
    stream = provider.openai_sync().chat.completions.create(model="m", messages=ASKED, stream=True)
    seqs = [stamp.seq for stamp in map(stamp_of, stream) if stamp]
    assert seqs == list(range(len(seqs)))
    assert provider.text == "a b c"


def test_faults_reach_the_sdk(provider: Provider) -> None:
    provider.fault(faults.cut(after_events=2), times=1)
    client = provider.openai_sync()
    stream = client.chat.completions.create(model="m", messages=ASKED, stream=True)
    with pytest.raises(openai.APIConnectionError):
        list(stream)
    assert list(client.chat.completions.create(model="m", messages=ASKED, stream=True))


def test_the_environment_of_another_program(provider: Provider) -> None:
    env = provider.env()
    assert env["OPENAI_BASE_URL"] == provider.base_url == f"{env['ANTHROPIC_BASE_URL']}/v1"
    assert env["SSL_CERT_FILE"] == str(provider.trust.ca_file)
