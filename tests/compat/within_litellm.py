"""Calls through LiteLLM over penstock; test_litellm.py runs this where LiteLLM is. The provider is the scripted one."""

from __future__ import annotations

import asyncio
from typing import Any

import litellm
import pytest

from penstock.testing import ToolCall, Turn, faults
from penstock.testing.provider import Provider
from tests.compat.litellm_calls import ASKED, TOOLS, anthropic, azure, installed, openai, text_of
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures(installed.__name__)


def spoken(provider: Provider) -> set[str]:
    return {seen.protocol for seen in provider.requests}


@pytest.mark.parametrize("ask", [openai, azure, anthropic])
async def test_chat(ask: Any, provider: Provider, request: pytest.FixtureRequest) -> None:
    asked = ask(provider)
    answer = await litellm.acompletion(**asked)
    assert answer.choices[0].message.content == provider.text
    answer = await asyncio.to_thread(litellm.completion, **asked)
    assert answer.choices[0].message.content == provider.text
    assert len(provider.requests) == 2
    assert spoken(provider) == {request.getfixturevalue("installed")}


@pytest.mark.parametrize("ask", [openai, azure, anthropic])
async def test_stream(ask: Any, provider: Provider, request: pytest.FixtureRequest) -> None:
    asked = ask(provider, stream=True)
    chunks = [chunk async for chunk in await litellm.acompletion(**asked)]
    assert text_of(chunks) == provider.text
    chunks = await asyncio.to_thread(lambda: list(litellm.completion(**asked)))
    assert text_of(chunks) == provider.text
    assert len(provider.requests) == 2
    assert spoken(provider) == {request.getfixturevalue("installed")}


async def test_embeddings_and_responses(provider: Provider, request: pytest.FixtureRequest) -> None:
    key = {"api_base": provider.base_url, "api_key": provider.api_key}
    made = await litellm.aembedding(model="openai/text-embedding-any", input=["penstock"], **key)
    assert len(made.data) == 1
    answer = await litellm.aresponses(model="openai/any", input="What is a penstock?", **key)
    assert answer.output[-1].content[0].text == provider.text
    assert len(provider.requests) == 2
    assert spoken(provider) == {request.getfixturevalue("installed")}


@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_tools(ask: Any, provider: Provider) -> None:
    provider.says(Turn(text="", tools=(ToolCall("now", {"zone": "UTC"}),)))
    answer = await litellm.acompletion(**ask(provider, tools=TOOLS))
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments.replace(" ", "")) == ("now", '{"zone":"UTC"}')
    chunks = [chunk async for chunk in await litellm.acompletion(**ask(provider, tools=TOOLS, stream=True))]
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert "".join(call.function.arguments or "" for call in calls).replace(" ", "") == '{"zone":"UTC"}'


@pytest.mark.parametrize("ask", [openai, anthropic])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.rate_limit(), litellm.RateLimitError),
        (faults.server_error(500), litellm.InternalServerError),
        (faults.status(401), litellm.AuthenticationError),
    ],
    ids=["429", "500", "401"],
)
async def test_errors(ask: Any, fault: Any, error: type[Exception], provider: Provider) -> None:
    provider.fault(fault)
    with pytest.raises(error):
        await litellm.acompletion(**ask(provider))
    with pytest.raises(error):
        await litellm.acompletion(**ask(provider, stream=True))
    with pytest.raises(error):
        await asyncio.to_thread(litellm.completion, **ask(provider))
    assert len(provider.requests) == 3


@pytest.mark.parametrize("ask", [openai, anthropic])
@pytest.mark.parametrize("stream", [False, True])
async def test_timeout(ask: Any, stream: bool, provider: Provider) -> None:
    provider.fault(faults.stall(after_events=2) if stream else faults.silence())
    with pytest.raises((litellm.Timeout, litellm.exceptions.MidStreamFallbackError)) as caught:
        answer = await litellm.acompletion(**ask(provider, timeout=0.2, stream=stream))
        [chunk async for chunk in answer]
    assert "time" in str(caught.value).lower()
    await eventually(lambda: [seen.aborted_s is not None for seen in provider.requests] == [True])


async def test_a_blocking_timeout(provider: Provider) -> None:
    provider.fault(faults.silence())
    with pytest.raises(litellm.Timeout):
        await asyncio.to_thread(litellm.completion, **anthropic(provider, timeout=0.2))
    await eventually(lambda: [seen.aborted_s is not None for seen in provider.requests] == [True])


@pytest.mark.parametrize("ask", [openai, anthropic])
async def test_a_cut_stream_is_an_error(ask: Any, provider: Provider) -> None:
    provider.fault(faults.cut(after_events=3))
    with pytest.raises((litellm.exceptions.MidStreamFallbackError, litellm.APIConnectionError)):
        [chunk async for chunk in await litellm.acompletion(**ask(provider, stream=True))]


async def test_the_callers_retries_are_kept(provider: Provider) -> None:
    provider.fault(faults.server_error(503), times=1)
    answer = await litellm.acompletion(**openai(provider, num_retries=2))
    assert answer.choices[0].message.content == provider.text
    assert len(provider.requests) == 2


async def test_a_router_retries_and_falls_back(provider: Provider) -> None:
    """Its model groups, cooldowns and retries stay as they are."""
    good = {key: value for key, value in openai(provider).items() if key != "messages"}
    models = [
        {"model_name": "broken", "litellm_params": {**good, "api_base": provider.base_url + "/nowhere"}},
        {"model_name": "good", "litellm_params": good},
    ]
    router = litellm.Router(model_list=models, fallbacks=[{"broken": ["good"]}], num_retries=0)
    answer = await router.acompletion(model="broken", messages=ASKED)
    assert answer.choices[0].message.content == provider.text
    chunks = [chunk async for chunk in await router.acompletion(model="good", messages=ASKED, stream=True)]
    assert text_of(chunks) == provider.text
    provider.fault(faults.server_error(503), times=1)
    retrying = litellm.Router(model_list=models, num_retries=2, retry_after=0)
    answer = await retrying.acompletion(model="good", messages=ASKED)
    assert answer.choices[0].message.content == provider.text
