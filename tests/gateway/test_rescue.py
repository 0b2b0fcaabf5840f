"""`rescue: true`: a stream that breaks off is finished by another provider, without the caller noticing; or it ends as
an error that says why. Two halves that do not belong together are never joined.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from penstock.testing import Provider, ToolCall, Turn, faults
from tests.gateway.answers import ASKED, Answer, ask, lines_of
from tests.gateway.running import Running, config_of, deployment
from tests.waiting import eventually_sync

WORDS_N = 12
TEXT = " ".join(f"word{n}" for n in range(WORDS_N))
SAYS = Turn(text=TEXT)
TOKEN_USD = 1e-3
PRICES = {"input_cost_per_token": TOKEN_USD, "output_cost_per_token": TOKEN_USD}
FIRST_EVENTS_N = 2  # of both dialects: before the first word


class Place:
    """A gateway with a group of each dialect, a spare of each, and all four ways between them."""

    def __init__(self, stack: ExitStack, factory: pytest.TempPathFactory) -> None:
        self.primary = stack.enter_context(Provider(SAYS))
        self.spare = stack.enter_context(Provider(SAYS))
        folder = factory.mktemp("rescue")
        self.journal = folder / "journal.jsonl"
        openai, claude = ("openai", "base_url"), ("anthropic", "anthropic_url")
        rows, fallbacks = [], []
        for first in (openai, claude):
            for second in (openai, claude):
                name = f"{first[0]}-{second[0]}"
                rows.append(
                    deployment(
                        name, f"{first[0]}/a", getattr(self.primary, first[1]), stream_idle_timeout=0.5, **PRICES
                    )
                )
                rows.append(deployment(f"{name}-spare", f"{second[0]}/b", getattr(self.spare, second[1]), **PRICES))
                fallbacks.append({name: [f"{name}-spare"]})
        config = config_of(
            *rows,
            router_settings={"num_retries": 0, "fallbacks": fallbacks, "disable_cooldowns": True},
            penstock_settings={"rescue": True, "journal": {"jsonl": str(self.journal)}},
        )
        self.gateway = stack.enter_context(Running(config, folder, env=self.primary.trust.env()))
        self.client = stack.enter_context(self.gateway.client())

    def record(self, answer: Answer) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = [
                each
                for each in map(json.loads, lines_of(self.journal))
                if each["id"] == answer.headers["x-litellm-call-id"]
            ]
            return bool(found)

        eventually_sync(is_there, "a record")
        return found[0]


@pytest.fixture(scope="module")
def module_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, tmp_path_factory)


@pytest.fixture
def place(module_place: Place) -> Place:
    for each in (module_place.primary, module_place.spare):
        each.heal()
        each.says(SAYS)
        each.clear()
    return module_place


MODELS = ["openai-openai", "openai-anthropic", "anthropic-openai", "anthropic-anthropic"]


def check_whole(answer: Answer) -> None:
    assert (answer.text, answer.is_done, answer.finish_reason, answer.error) == (TEXT, True, "stop", None), answer
    assert len([each for each in answer.events if each.get("choices") and each["choices"][0].get("finish_reason")]) == 1


@pytest.mark.parametrize("model", MODELS)
def test_cut_after_each_event(place: Place, model: str) -> None:
    for events_n in range(FIRST_EVENTS_N, FIRST_EVENTS_N + WORDS_N + 1):
        place.primary.heal()
        place.primary.fault(faults.cut(after_events=events_n))
        check_whole(ask(place.client, model, stream=True))


@pytest.mark.parametrize("model", MODELS)
def test_cut_after_each_event_in_anthropics_dialect(place: Place, model: str) -> None:
    body = {"model": model, "messages": ASKED, "max_tokens": 50, "stream": True}
    for events_n in range(FIRST_EVENTS_N, FIRST_EVENTS_N + WORDS_N + 1, 3):
        place.primary.heal()
        place.primary.fault(faults.cut(after_events=events_n))
        lines = place.client.post("/v1/messages", json=body).text.splitlines()
        events = [json.loads(line[5:]) for line in lines if line.startswith("data:")]
        kinds = [each["type"] for each in events if each["type"] != "ping"]
        deltas = [each for each in events if each["type"] == "content_block_delta"]
        assert "".join(each["delta"]["text"] for each in deltas) == TEXT
        for once in ("message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"):
            assert kinds.count(once) == 1, kinds
        assert kinds[-1] == "message_stop"


@pytest.mark.parametrize(
    "fault",
    [
        faults.stall(after_events=6),
        faults.error_event(after_events=6),
        faults.malformed_event(6),
        faults.cut(after_events=6, how="end"),
        faults.cut(after_bytes=900, how="fin"),
    ],
    ids=["stall", "error-event", "malformed-event", "clean-end", "inside-of-an-event"],
)
def test_whatever_ends_it(place: Place, fault: Any) -> None:
    place.primary.fault(fault)
    check_whole(ask(place.client, "openai-openai", stream=True))


def test_the_record_has_both(place: Place) -> None:
    place.primary.fault(faults.cut(after_events=6))
    answer = ask(place.client, "openai-anthropic", stream=True, stream_options={"include_usage": True})
    check_whole(answer)
    assert answer.usage is not None
    assert answer.usage["completion_tokens"] == WORDS_N
    record = place.record(answer)
    assert (record["outcome"], record["provider"], record["group"]) == (
        "complete",
        "anthropic",
        "openai-anthropic-spare",
    )
    assert [each["fault"] for each in record["attempts"]] == ["cut", None]
    usage = record["usage"]
    assert WORDS_N + 6 - FIRST_EVENTS_N <= usage["output"] < 2 * WORDS_N, (
        "of both, the first one's counted from its text"
    )
    assert record["usage_is_estimate"]
    assert record["cost_usd"] == pytest.approx(usage["input"] * TOKEN_USD + usage["output"] * TOKEN_USD)
    assert record["sent_bytes"] == len(answer.raw)


def check_error(answer: Answer, said: str) -> None:
    assert answer.error is not None, answer
    assert said in answer.error["message"], answer.error
    assert (answer.is_done, answer.finish_reason) == (False, None)
    assert answer.text
    assert TEXT.startswith(answer.text), "only what the first one said"


@pytest.mark.parametrize("text", [f"Else {TEXT}", TEXT[:10], TEXT.replace("word1 ", "other "), ""])
def test_another_answer_is_not_joined(place: Place, text: str) -> None:
    place.primary.fault(faults.cut(after_events=8))
    tools = () if text else (ToolCall("f", {"a": 1}),)
    place.spare.says(Turn(text=text, tools=tools))
    answer = ask(place.client, "openai-openai", stream=True)
    check_error(answer, "rescue failed")
    assert place.record(answer)["outcome"] == "cut"
    assert len(place.spare.requests) == 1


@pytest.mark.parametrize(
    "fault", [faults.status(400, "no"), faults.server_error(503), faults.cut(after_events=5), faults.reset()], ids=repr
)
def test_a_rescue_that_fails_masks_nothing(place: Place, fault: Any) -> None:
    """The caller is told of the first failure."""
    place.primary.fault(faults.cut(after_events=8))
    place.spare.fault(fault)
    answer = ask(place.client, "openai-openai", stream=True)
    check_error(answer, "")
    assert answer.error is not None
    assert answer.error["code"] == "stream_cut"
    assert place.record(answer)["attempts"][0]["fault"] == "cut"


def test_tool_calls_are_not_rescued(place: Place) -> None:
    """Two calls could be made of one."""
    for each in (place.primary, place.spare):
        each.says(Turn(text="", tools=(ToolCall("f", {"text": TEXT}),)))
    place.primary.fault(faults.cut(after_events=6))
    answer = ask(place.client, "openai-openai", stream=True)
    assert answer.error is not None
    assert not answer.is_done
    assert place.spare.requests == []
