"""The presets are what the openai and anthropic packages parse, field by field, and what their types allow."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import anthropic.types
import httpx2
import openai
import openai.types
import openai.types.chat
import openai.types.responses
import pytest
from pydantic import TypeAdapter

from penstock.testing import MockTransport, Pace, Reply, ToolCall, Turn, faults, presets, stamp_of
from penstock.testing.presets import anthropic as messages
from penstock.testing.presets import embeddings, mistakes, openai_chat, openai_responses
from penstock.testing.steps import Events

ASKED: Any = [{"role": "user", "content": "What is in a penstock?"}]
TOOLS = (ToolCall("look_up", {"name": "Wasserschloß", "depth": 3}), ToolCall("now"))
TURNS = {
    "text": Turn(),
    "thinking": Turn(thinking="Water, I think.", cached_tokens=4),
    "tools": Turn(tools=TOOLS),
    "tools alone": Turn(text="", tools=TOOLS),
    "refusal": Turn(text="", refusal="I would rather not."),
    "long": Turn(deltas_n=25),
}


def mock(turn: Turn | str = "Hi there", pace: Pace | None = None) -> MockTransport:
    return MockTransport(presets.preset("providers", turn, pace=pace or Pace()), skip_time=True)


def openai_client(under: MockTransport, **settings: Any) -> openai.OpenAI:
    http = httpx2.Client(transport=under.httpx2_sync())
    return openai.OpenAI(base_url="https://mock/v1", api_key="sk-test", http_client=http, **settings)


def anthropic_client(under: MockTransport, **settings: Any) -> anthropic.Anthropic:
    http = httpx2.Client(transport=under.httpx2_sync())
    return anthropic.Anthropic(base_url="https://mock", api_key="sk-test", http_client=http, **settings)


def documents(reply: Reply) -> list[dict[str, Any]]:
    """The JSON of each event."""
    found = []
    for step in reply.steps:
        for n in range(step.count if isinstance(step, Events) else 0):
            assert isinstance(step, Events)
            data = step.piece(n).split(b"data: ", 1)[1]
            if data != b"[DONE]\n\n":
                found.append(json.loads(data))
    return found


@pytest.mark.parametrize("name", TURNS)
def test_each_event_is_of_the_packages_types(name: str) -> None:
    """Strictly, where the packages' own clients are lenient."""
    turn = TURNS[name]
    kinds: list[tuple[Reply, Any]] = [
        (openai_chat.streamed(turn, include_usage=True, choices_n=2), openai.types.chat.ChatCompletionChunk),
        (openai_responses.streamed(turn), openai.types.responses.ResponseStreamEvent),
        (messages.streamed(turn, pings_n=0), anthropic.types.RawMessageStreamEvent),
    ]
    for reply, kind in kinds:
        adapter = TypeAdapter(kind)
        for document in documents(reply):
            adapter.validate_python(document)
    whole: list[tuple[Reply, Any]] = [
        (openai_chat.whole(turn), openai.types.chat.ChatCompletion),
        (openai_responses.whole(turn), openai.types.responses.Response),
        (messages.whole(turn), anthropic.types.Message),
    ]
    for reply, kind in whole:
        (body,) = (step.data for step in reply.steps[1:] if hasattr(step, "data"))
        TypeAdapter(kind).validate_json(body)


@pytest.mark.parametrize("name", TURNS)
def test_chat_streamed_and_whole_say_the_same(name: str) -> None:
    turn = TURNS[name]
    client = openai_client(mock(turn))
    whole = client.chat.completions.create(model="m", messages=ASKED)
    with client.chat.completions.stream(model="m", messages=ASKED, stream_options={"include_usage": True}) as stream:
        final = stream.get_final_completion()
    message, streamed = whole.choices[0].message, final.choices[0].message
    assert (streamed.content or "", streamed.refusal) == (turn.whole_text, turn.refusal or None)
    assert (message.content or "", message.refusal) == (turn.whole_text, turn.refusal or None)
    calls = [[(c.id, c.function.name, c.function.arguments) for c in m.tool_calls or []] for m in (message, streamed)]  # type: ignore[union-attr]
    assert calls[0] == calls[1] == [(c.id_of(n), c.name, c.text) for n, c in enumerate(turn.tools)]
    assert whole.choices[0].finish_reason == final.choices[0].finish_reason
    assert whole.usage == final.usage
    assert whole.usage is not None
    assert whole.usage.completion_tokens == turn.output_tokens
    if turn.thinking:
        assert getattr(message, "reasoning_content", None) == turn.thinking


def test_usage_comes_only_when_it_is_asked_for() -> None:
    client = openai_client(mock())
    plain = list(client.chat.completions.create(model="m", messages=ASKED, stream=True))
    asked = list(
        client.chat.completions.create(model="m", messages=ASKED, stream=True, stream_options={"include_usage": True})
    )
    assert all("usage" not in each.model_fields_set for each in plain)
    assert [each.usage is not None for each in asked] == [False] * len(plain) + [True]
    assert asked[-1].choices == []
    assert all("usage" in each.model_fields_set for each in asked)


@pytest.mark.parametrize("name", TURNS)
def test_responses_streamed_and_whole_say_the_same(name: str) -> None:
    turn = TURNS[name]
    client = openai_client(mock(turn))
    whole = client.responses.create(model="m", input="?")
    assert whole.output_text == turn.whole_text
    events = list(client.responses.create(model="m", input="?", stream=True))
    assert [each.sequence_number for each in events] == list(range(len(events)))  # type: ignore[union-attr]
    assert events[-1].type == "response.completed"
    assert events[-1].response == whole
    assert "".join(each.delta for each in events if each.type == "response.output_text.delta") == turn.whole_text
    arguments = "".join(each.delta for each in events if each.type == "response.function_call_arguments.delta")
    assert arguments == "".join(call.text for call in turn.tools)
    with client.responses.stream(model="m", input="?") as stream:
        assert stream.get_final_response().output_text == turn.whole_text


@pytest.mark.parametrize(("finish", "status"), [("max_output_tokens", "incomplete"), ("failed", "failed")])
def test_responses_that_do_not_complete(finish: str, status: str) -> None:
    *_, last = openai_client(mock(Turn(finish=finish))).responses.create(model="m", input="?", stream=True)
    assert last.type == f"response.{status}"
    assert last.response.status == status  # type: ignore[union-attr]


@pytest.mark.parametrize("name", TURNS)
def test_messages_streamed_and_whole_say_the_same(name: str) -> None:
    turn = TURNS[name]
    client = anthropic_client(mock(turn))
    whole = client.messages.create(model="m", max_tokens=99, messages=ASKED)
    with client.messages.stream(model="m", max_tokens=99, messages=ASKED) as stream:
        streamed = stream.get_final_message()
    assert [each.to_dict() for each in whole.content] == [each.to_dict() for each in streamed.content]
    assert whole.stop_reason == streamed.stop_reason
    assert whole.usage == streamed.usage
    text = "".join(each.text for each in whole.content if each.type == "text")
    assert text == turn.whole_text + turn.refusal
    used = [(each.name, each.input) for each in whole.content if each.type == "tool_use"]
    assert used == [(call.name, dict(call.arguments)) for call in turn.tools]  # type: ignore[arg-type]
    count = client.messages.count_tokens(model="m", messages=ASKED)
    assert count.input_tokens == turn.prompt_tokens


def test_embeddings_in_both_encodings() -> None:
    client = openai_client(mock())
    as_base64 = client.embeddings.create(model="m", input="a")
    as_numbers = client.embeddings.create(model="m", input="a", encoding_format="float")
    assert as_base64.data[0].embedding == as_numbers.data[0].embedding == embeddings.vector(0, 8)
    assert as_base64.usage.total_tokens == 8


def test_models_are_listed_for_both() -> None:
    under = mock()
    theirs = openai_client(under)
    assert [each.id for each in theirs.models.list()] == ["scripted-1"]
    assert theirs.models.retrieve("scripted-1").object == "model"
    others = anthropic_client(under)
    assert [each.id for each in others.models.list()] == ["scripted-1"]
    assert others.models.retrieve("scripted-1").display_name == "scripted-1"
    with pytest.raises(openai.NotFoundError):
        theirs.files.list()
    with pytest.raises(anthropic.NotFoundError):
        others.messages.batches.list()


@pytest.mark.parametrize(
    ("fault", "theirs", "others"),
    [
        (faults.rate_limit(), openai.RateLimitError, anthropic.RateLimitError),
        (faults.server_error(), openai.InternalServerError, anthropic.InternalServerError),
        (faults.overloaded(), openai.InternalServerError, anthropic.InternalServerError),
        (faults.status(401), openai.AuthenticationError, anthropic.AuthenticationError),
        (faults.status(403), openai.PermissionDeniedError, anthropic.PermissionDeniedError),
        (faults.context_length(), openai.BadRequestError, anthropic.BadRequestError),
        (faults.content_filter(), openai.BadRequestError, anthropic.BadRequestError),
    ],
)
def test_errors_are_typed(fault: faults.Fault, theirs: Any, others: Any) -> None:
    under = mock()
    under.fault(fault)
    with pytest.raises(theirs) as caught:
        openai_client(under, max_retries=0).chat.completions.create(model="m", messages=ASKED)
    assert caught.value.body["message"]
    with pytest.raises(others) as caught:
        anthropic_client(under, max_retries=0).messages.create(model="m", max_tokens=9, messages=ASKED)
    assert caught.value.body["error"]["type"] in mistakes.ANTHROPIC_TYPES.values()
    assert caught.value.request_id == "req_scripted"


def test_errors_inside_of_a_stream() -> None:
    under = mock()
    under.fault(faults.error_event("no more water", after_events=2))
    client = openai_client(under)
    with pytest.raises(openai.APIError, match="no more water"):
        list(client.chat.completions.create(model="m", messages=ASKED, stream=True))
    *_, last = client.responses.create(model="m", input="?", stream=True)
    assert (last.type, last.sequence_number) == ("error", 2)  # type: ignore[union-attr]
    TypeAdapter(openai.types.responses.ResponseErrorEvent).validate_python(last.to_dict())
    with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
        list(anthropic_client(under).messages.create(model="m", max_tokens=9, messages=ASKED, stream=True))


def test_the_terminal_event_may_be_missing() -> None:
    under = mock()
    under.fault(faults.without_done())
    client = openai_client(under)
    chunks = list(client.chat.completions.create(model="m", messages=ASKED, stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"
    *_, last = client.responses.create(model="m", input="?", stream=True)
    assert last.type == "response.output_item.done"
    *_, event = anthropic_client(under).messages.create(model="m", max_tokens=9, messages=ASKED, stream=True)
    assert event.type == "message_delta"


def test_stamps_reach_the_packages_objects() -> None:
    under = mock("one two three", Pace(per_s=1000, jitter=0.5, seed=3, stamped=True))
    chunks = list(openai_client(under).chat.completions.create(model="m", messages=ASKED, stream=True))
    stamps = [stamp_of(each) for each in chunks]
    assert [each.seq for each in stamps if each] == list(range(len(chunks)))
    events = list(anthropic_client(under).messages.create(model="m", max_tokens=9, messages=ASKED, stream=True))
    seqs = [stamp.seq for stamp in map(stamp_of, events) if stamp]
    assert len(seqs) == len(events)
    assert seqs == sorted(seqs)


def test_a_retry_after_a_rate_limit_is_obeyed_by_both() -> None:
    under = mock()
    under.fault(faults.rate_limit(retry_after_ms=1), times=1)
    openai_client(under).chat.completions.create(model="m", messages=ASKED)
    anthropic_client(under).messages.create(model="m", max_tokens=9, messages=ASKED)
    assert [each.status for each in under.requests] == [429, 200, 429, 200]
    assert [each.header("x-stainless-retry-count") for each in under.requests] == ["0", "1", "0", "1"]
