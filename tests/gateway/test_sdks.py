"""The openai and anthropic packages as they are, pointed at a gateway: each with providers of both dialects.

Each test speaks to "gpt" (an OpenAI provider) and "claude" (an Anthropic one): half of the rows are translated. Under
both servers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import anthropic
import openai
import pytest

from penstock.testing import Pace, Provider, ToolCall, Turn, faults
from tests.gateway.answers import ASKED
from tests.gateway.running import MASTER, Running, config_of, deployment
from tests.waiting import eventually_sync

TEXT = "A penstock carries water under pressure to the turbine."
WORDS_N = 9
PROMPT_N, CACHED_N = 21, 4
CALL = ToolCall("look_up", {"word": "penstock", "n": 2}, id="call_1")
SAYS = Turn(text=TEXT, prompt_tokens=PROMPT_N, cached_tokens=CACHED_N)
PARAMETERS = {"type": "object", "properties": {"word": {"type": "string"}, "n": {"type": "integer"}}}
MODELS = ["gpt", "claude"]


class Place:
    """A gateway, its two providers, and the packages' clients."""

    def __init__(self, stack: ExitStack, factory: pytest.TempPathFactory, server: str) -> None:
        self.providers = {name: stack.enter_context(Provider(SAYS)) for name in MODELS}
        config = config_of(
            deployment("gpt", "openai/gpt-1", self.providers["gpt"].base_url),
            deployment("claude", "anthropic/claude-1", self.providers["claude"].anthropic_url),
            router_settings={"num_retries": 0, "disable_cooldowns": True},
        )
        env = self.providers["gpt"].trust.env()
        self.gateway = stack.enter_context(Running(config, factory.mktemp(server), env=env, server=server))
        at: dict[str, Any] = {"api_key": MASTER, "max_retries": 0}
        self.openai = stack.enter_context(openai.OpenAI(base_url=f"{self.gateway.url}/v1", **at))
        self.anthropic = stack.enter_context(anthropic.Anthropic(base_url=self.gateway.url, **at))
        self.async_openai = {"base_url": f"{self.gateway.url}/v1", **at}
        self.async_anthropic = {"base_url": self.gateway.url, **at}


@pytest.fixture(scope="module", params=["granian", "uvicorn"])
def module_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, tmp_path_factory, request.param)


@pytest.fixture
def place(module_place: Place) -> Place:
    for each in module_place.providers.values():
        each.heal()
        each.clear()
        each.says(SAYS)
    return module_place


def asked(place: Place, model: str) -> Any:
    """What the provider was asked, once, in its own dialect."""
    (request,) = place.providers[model].requests
    assert request.path == ("/v1/chat/completions" if model == "gpt" else "/v1/messages")
    body = request.json()
    assert body["model"] == f"{model}-1"
    return body


# -- the openai package --

TOOLS_OPENAI: Any = [{"type": "function", "function": {"name": "look_up", "parameters": PARAMETERS}}]


def check_usage(usage: Any) -> None:
    """Cached tokens are among the prompt's in OpenAI's words."""
    assert usage.completion_tokens == WORDS_N
    assert usage.prompt_tokens_details.cached_tokens == CACHED_N
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@pytest.mark.parametrize("model", MODELS)
def test_openai_chat(place: Place, model: str) -> None:
    answer = place.openai.chat.completions.create(model=model, messages=ASKED, temperature=0.5, max_tokens=50)  # type: ignore[arg-type]
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (TEXT, "stop")
    check_usage(answer.usage)
    body = asked(place, model)
    assert (body["temperature"], body["max_tokens"]) == (0.5, 50)


@pytest.mark.parametrize("model", MODELS)
def test_openai_stream(place: Place, model: str) -> None:
    chunks = list(
        place.openai.chat.completions.create(
            model=model,
            messages=ASKED,
            stream=True,
            stream_options={"include_usage": True},  # type: ignore[arg-type]
        )
    )
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == TEXT
    assert len(chunks) >= WORDS_N, "word by word"
    assert [each.choices[0].finish_reason for each in chunks if each.choices][-1] == "stop"
    check_usage(chunks[-1].usage)


@pytest.mark.parametrize("model", MODELS)
def test_openai_stream_without_usage(place: Place, model: str) -> None:
    """What was not asked for does not come, though the gateway asks for it itself."""
    chunks = list(place.openai.chat.completions.create(model=model, messages=ASKED, stream=True))  # type: ignore[arg-type]
    assert all(each.choices and each.usage is None for each in chunks)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_openai_tools(place: Place, model: str, stream: bool) -> None:
    place.providers[model].says(Turn(text="", tools=(CALL,)))
    messages: Any = [
        {"role": "system", "content": "Be brief."},
        *ASKED,
        {"role": "assistant", "content": None, "tool_calls": [_call_before()]},
        {"role": "tool", "tool_call_id": "call_0", "content": "water"},
    ]
    about: Any = {"model": model, "messages": messages, "tools": TOOLS_OPENAI, "tool_choice": "auto"}
    if stream:
        with place.openai.chat.completions.stream(**about) as events:
            choice = events.get_final_completion().choices[0]
    else:
        choice = place.openai.chat.completions.create(**about).choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.id, call.function.name) == ("call_1", "look_up")
    assert json.loads(call.function.arguments) == CALL.arguments
    body = asked(place, model)
    if model == "claude":
        assert body["tools"][0]["input_schema"] == PARAMETERS
        assert "Be brief." in str(body["system"])
        assert [each["role"] for each in body["messages"]] == ["user", "assistant", "user"]
    else:
        assert body["messages"] == messages


def _call_before() -> dict[str, Any]:
    return {"id": "call_0", "type": "function", "function": {"name": "look_up", "arguments": '{"word": "water"}'}}


ERRORS_OPENAI: list[tuple[Any, type[Exception]]] = [
    (faults.status(400, "no such parameter"), openai.BadRequestError),
    (faults.context_length(), openai.BadRequestError),
    (faults.rate_limit(), openai.RateLimitError),
    (faults.server_error(500), openai.InternalServerError),
    (faults.overloaded(), openai.InternalServerError),
    (faults.reset(), openai.InternalServerError),
]


@pytest.mark.parametrize("fault, kind", ERRORS_OPENAI, ids=lambda each: getattr(each, "name", ""))
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_openai_errors(place: Place, model: str, stream: bool, fault: Any, kind: type[Exception]) -> None:
    place.providers[model].fault(fault)
    with pytest.raises(kind) as caught:
        place.openai.chat.completions.create(model=model, messages=ASKED, stream=stream)  # type: ignore[call-overload]
    assert isinstance(caught.value, openai.APIStatusError)
    assert caught.value.body["type"], "typed"
    if fault.name == "context_length":
        assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize("model", MODELS)
def test_openai_error_in_a_stream(place: Place, model: str) -> None:
    """Raised by the package itself, after the words that came."""
    place.providers[model].fault(faults.cut(after_events=6))
    got = ""
    with pytest.raises(openai.APIError) as caught:
        for chunk in place.openai.chat.completions.create(model=model, messages=ASKED, stream=True):  # type: ignore[arg-type]
            got += chunk.choices[0].delta.content or ""
    assert caught.value.code == "stream_cut"
    assert got
    assert TEXT.startswith(got)


@pytest.mark.parametrize("model", MODELS)
def test_openai_cancel(place: Place, model: str) -> None:
    provider = place.providers[model]
    provider.says(Turn(text="on and on ", deltas_n=100_000), pace=Pace(per_s=100))
    with place.openai.chat.completions.create(model=model, messages=ASKED, stream=True) as stream:  # type: ignore[arg-type]
        next(iter(stream))
    assert provider.wait_done(0).is_aborted


async def test_openai_async(place: Place) -> None:
    async with openai.AsyncOpenAI(**place.async_openai) as client:

        async def one(model: str) -> str:
            stream = await client.chat.completions.create(model=model, messages=ASKED, stream=True)  # type: ignore[arg-type]
            return "".join([each.choices[0].delta.content or "" async for each in stream])

        assert await asyncio.gather(*(one(model) for model in MODELS * 10)) == [TEXT] * 20
        answer = await client.chat.completions.create(model="claude", messages=ASKED)  # type: ignore[arg-type]
        assert answer.choices[0].message.content == TEXT


def test_openai_beside_chat(place: Place) -> None:
    """Models, embeddings, responses, old completions' error."""
    assert {each.id for each in place.openai.models.list()} == set(MODELS)
    assert place.openai.models.retrieve("gpt").id == "gpt"
    vectors = place.openai.embeddings.create(model="gpt", input="a")
    assert len(vectors.data) == 1
    assert place.openai.responses.create(model="gpt", input="hi").output_text == TEXT
    with place.openai.responses.create(model="gpt", input="hi", stream=True) as events:
        assert [each.type for each in events][-1] == "response.completed"
    with pytest.raises(openai.NotFoundError):
        place.openai.models.retrieve("unknown")
    with pytest.raises(openai.BadRequestError, match="embeddings"):
        place.openai.embeddings.create(model="claude", input="a")
    with pytest.raises(openai.AuthenticationError):
        place.openai.with_options(api_key="sk-wrong").models.list()


# -- the anthropic package --

TOOLS_ANTHROPIC: Any = [{"name": "look_up", "input_schema": PARAMETERS}]
SAID: Any = {"messages": ASKED, "max_tokens": 50}


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_chat(place: Place, model: str) -> None:
    answer = place.anthropic.messages.create(model=model, system="Be brief.", stop_sequences=["END"], **SAID)
    assert ([each.text for each in answer.content], answer.stop_reason) == ([TEXT], "end_turn")
    assert (answer.usage.output_tokens, answer.usage.cache_read_input_tokens) == (WORDS_N, CACHED_N)
    body = asked(place, model)
    if model == "gpt":
        assert body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert body["stop"] == ["END"]
    else:
        assert body == {"model": "claude-1", "system": "Be brief.", "stop_sequences": ["END"], **SAID}


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_stream(place: Place, model: str) -> None:
    with place.anthropic.messages.stream(model=model, **SAID) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(pieces) == TEXT
    assert len(pieces) == WORDS_N
    assert ([each.text for each in final.content], final.stop_reason) == ([TEXT], "end_turn")
    assert (final.usage.output_tokens, final.usage.cache_read_input_tokens) == (WORDS_N, CACHED_N)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_anthropic_tools(place: Place, model: str, stream: bool) -> None:
    place.providers[model].says(Turn(text="", tools=(CALL,)))
    messages: Any = [
        *ASKED,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t0", "name": "look_up", "input": {"word": "a"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t0", "content": "water"}]},
    ]
    about: Any = {"model": model, "messages": messages, "max_tokens": 50, "tools": TOOLS_ANTHROPIC}
    if stream:
        with place.anthropic.messages.stream(**about) as events:
            message = events.get_final_message()
    else:
        message = place.anthropic.messages.create(**about)
    assert message.stop_reason == "tool_use"
    (block,) = message.content
    assert (block.type, block.id, block.name, block.input) == ("tool_use", "call_1", "look_up", CALL.arguments)
    body = asked(place, model)
    if model == "gpt":
        assert body["tools"][0]["function"]["parameters"] == PARAMETERS
        assert [each["role"] for each in body["messages"]] == ["user", "assistant", "tool"]
    else:
        assert body["messages"] == messages


ERRORS_ANTHROPIC: list[tuple[Any, type[Exception]]] = [
    (faults.status(400, "no such parameter"), anthropic.BadRequestError),
    (faults.context_length(), anthropic.BadRequestError),
    (faults.rate_limit(), anthropic.RateLimitError),
    (faults.server_error(500), anthropic.InternalServerError),
    (faults.overloaded(), anthropic.InternalServerError),
    (faults.reset(), anthropic.InternalServerError),
]


@pytest.mark.parametrize("fault, kind", ERRORS_ANTHROPIC, ids=lambda each: getattr(each, "name", ""))
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_anthropic_errors(place: Place, model: str, stream: bool, fault: Any, kind: type[Exception]) -> None:
    place.providers[model].fault(fault)
    with pytest.raises(kind) as caught:
        place.anthropic.messages.create(model=model, stream=stream, **SAID)
    assert isinstance(caught.value, anthropic.APIStatusError)
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"][-6:]) == ("error", "_error")
    if fault.name == "overloaded":
        assert (caught.value.status_code, body["error"]["type"]) == (529, "overloaded_error")


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_error_in_a_stream(place: Place, model: str) -> None:
    place.providers[model].fault(faults.cut(after_events=6))
    got = ""
    with pytest.raises(anthropic.APIStatusError, match="in the response body"):
        with place.anthropic.messages.stream(model=model, **SAID) as stream:
            for piece in stream.text_stream:
                got += piece
    assert got
    assert TEXT.startswith(got)


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_cancel(place: Place, model: str) -> None:
    provider = place.providers[model]
    provider.says(Turn(text="on and on ", deltas_n=100_000), pace=Pace(per_s=100))
    with place.anthropic.messages.stream(model=model, **SAID) as stream:
        next(iter(stream.text_stream))
    assert provider.wait_done(0).is_aborted
    eventually_sync(lambda: place.gateway.ready()["in_flight"] == 0)


async def test_anthropic_async(place: Place) -> None:
    async with anthropic.AsyncAnthropic(**place.async_anthropic) as client:

        async def one(model: str) -> str:
            async with client.messages.stream(model=model, **SAID) as stream:
                return await stream.get_final_text()

        assert await asyncio.gather(*(one(model) for model in MODELS * 10)) == [TEXT] * 20


def test_anthropic_beside_messages(place: Place) -> None:
    assert {each.id for each in place.anthropic.models.list()} == set(MODELS)
    assert place.anthropic.models.retrieve("claude").id == "claude"
    assert place.anthropic.messages.count_tokens(model="claude", messages=ASKED).input_tokens > 0  # type: ignore[arg-type]
    with pytest.raises(anthropic.BadRequestError):
        place.anthropic.messages.count_tokens(model="gpt", messages=ASKED)  # type: ignore[arg-type]
    with pytest.raises(anthropic.NotFoundError):
        place.anthropic.messages.create(model="unknown", **SAID)
    with pytest.raises(anthropic.AuthenticationError):
        place.anthropic.with_options(api_key="sk-wrong").models.list()
