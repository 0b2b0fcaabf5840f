"""The openai and anthropic packages as they are, pointed at a gateway: each with providers of both dialects.

Each test speaks to "gpt" (an OpenAI provider) and "claude" (an Anthropic one): half of the rows are translated. Under
both servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import anthropic
import openai
import pytest

from penstock.testing import Pace, Provider, Turn, faults
from tests.gateway.answers import ASKED
from tests.gateway.running import Running, config_of, deployment
from tests.gateway.sdks import CALL, SDK, Anthropic, OpenAI, Said, Used
from tests.waiting import eventually_sync

TEXT = "A penstock carries water under pressure to the turbine."
WORDS_N = 9
PROMPT_N, CACHED_N = 21, 4
SAYS = Turn(text=TEXT, prompt_tokens=PROMPT_N, cached_tokens=CACHED_N)
MODELS = ["gpt", "claude"]
OWN = {"openai": "gpt", "anthropic": "claude"}  # what needs no translation


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
        self.openai, self.anthropic = OpenAI(self.gateway.url), Anthropic(self.gateway.url)
        for sdk in (self.openai, self.anthropic):
            stack.enter_context(sdk.client)


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


@pytest.fixture(params=list(OWN))
def sdk(request: pytest.FixtureRequest, place: Place) -> SDK:
    found: SDK = getattr(place, request.param)
    return found


def is_own(sdk: SDK, model: str) -> bool:
    """Nothing is translated."""
    return OWN[sdk.package.__name__] == model


def asked(place: Place, model: str) -> Any:
    """What the provider was asked, once, in its own dialect."""
    (request,) = place.providers[model].requests
    assert request.path == ("/v1/chat/completions" if model == "gpt" else "/v1/messages")
    body = request.json()
    assert body["model"] == f"{model}-1"
    return body


@pytest.mark.parametrize("model", MODELS)
def test_chat(place: Place, sdk: SDK, model: str) -> None:
    assert sdk.chat(model) == Said(TEXT, sdk.end, WORDS_N, CACHED_N)
    sdk.check_chat(asked(place, model), is_same=is_own(sdk, model))


@pytest.mark.parametrize("model", MODELS)
def test_stream(sdk: SDK, model: str) -> None:
    pieces, said = sdk.stream(model)
    assert "".join(pieces) == TEXT
    assert len(pieces) == WORDS_N, "word by word"
    assert said == Said(TEXT, sdk.end, WORDS_N, CACHED_N)


@pytest.mark.parametrize("model", MODELS)
def test_openai_stream_without_usage(place: Place, model: str) -> None:
    """What was not asked for does not come, though the gateway asks for it itself."""
    chunks = list(place.openai.ask(model, stream=True))
    assert chunks
    assert all(each.choices and each.usage is None for each in chunks)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_tools(place: Place, sdk: SDK, model: str, stream: bool) -> None:
    place.providers[model].says(Turn(text="", tools=(CALL,)))
    messages = sdk.tool_messages()
    assert sdk.use_tool(model, messages, stream=stream) == Used(sdk.tool_end, "call_1", "look_up", CALL.arguments)
    body = asked(place, model)
    if is_own(sdk, model):
        assert body["messages"] == messages
    else:
        sdk.check_translated_tools(body)


ERRORS: list[tuple[Any, str]] = [
    (faults.status(400, "no such parameter"), "BadRequestError"),
    (faults.context_length(), "BadRequestError"),
    (faults.rate_limit(), "RateLimitError"),
    (faults.server_error(500), "InternalServerError"),
    (faults.overloaded(), "InternalServerError"),
    (faults.reset(), "InternalServerError"),
]


@pytest.mark.parametrize("fault, kind", ERRORS, ids=lambda each: getattr(each, "name", ""))
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_errors(place: Place, sdk: SDK, model: str, stream: bool, fault: Any, kind: str) -> None:
    place.providers[model].fault(fault)
    with pytest.raises(getattr(sdk.package, kind)) as caught:
        sdk.ask(model, stream=stream)
    assert isinstance(caught.value, sdk.package.APIStatusError)
    sdk.check_error(caught.value, fault.name)


@pytest.mark.parametrize("model", MODELS)
def test_error_in_a_stream(place: Place, sdk: SDK, model: str) -> None:
    """Raised by the package itself, after the words that came."""
    place.providers[model].fault(faults.cut(after_events=6))
    got = ""
    with pytest.raises(sdk.package.APIError) as caught:
        with sdk.pieces(model) as pieces:
            for piece in pieces:
                got += piece
    sdk.check_cut(caught.value)
    assert got
    assert TEXT.startswith(got)


@pytest.mark.parametrize("model", MODELS)
def test_cancel(place: Place, sdk: SDK, model: str) -> None:
    provider = place.providers[model]
    provider.says(Turn(text="on and on ", deltas_n=100_000), pace=Pace(per_s=100))
    with sdk.pieces(model) as pieces:
        next(pieces)
    assert provider.wait_done(0).is_aborted
    eventually_sync(lambda: place.gateway.ready()["in_flight"] == 0)


async def test_async(sdk: SDK) -> None:
    assert await sdk.texts(MODELS * 10) == [TEXT] * 20
    assert await sdk.whole_text("claude") == TEXT


def test_openai_beside_chat(place: Place) -> None:
    """Models, embeddings, responses, old completions' error."""
    client = place.openai.client
    assert {each.id for each in client.models.list()} == set(MODELS)
    assert client.models.retrieve("gpt").id == "gpt"
    vectors = client.embeddings.create(model="gpt", input="a")
    assert len(vectors.data) == 1
    assert client.responses.create(model="gpt", input="hi").output_text == TEXT
    with client.responses.create(model="gpt", input="hi", stream=True) as events:
        assert [each.type for each in events][-1] == "response.completed"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("unknown")
    with pytest.raises(openai.BadRequestError, match="embeddings"):
        client.embeddings.create(model="claude", input="a")
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-wrong").models.list()


def test_anthropic_beside_messages(place: Place) -> None:
    client = place.anthropic.client
    assert {each.id for each in client.models.list()} == set(MODELS)
    assert client.models.retrieve("claude").id == "claude"
    assert client.messages.count_tokens(model="claude", messages=ASKED).input_tokens > 0
    with pytest.raises(anthropic.BadRequestError):
        client.messages.count_tokens(model="gpt", messages=ASKED)
    with pytest.raises(anthropic.NotFoundError):
        place.anthropic.ask("unknown")
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="sk-wrong").models.list()
