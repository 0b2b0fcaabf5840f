"""What people register is called once per record, in the shape that they wrote, and its errors stay with it."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timezone
from functools import partial
from typing import Any

import pytest

from penstock.journal import Journal, Record
from penstock.journal.litellm_payload import REDACTED, logged_call
from penstock.journal.sinks.callback import Callback, NoCallback, is_callback
from tests.unit.journal.records_for_tests import TEXT, answered, failed
from tests.unit.journal.sinks_for_tests import QUICK


class Both:
    """LiteLLM's shape, sync and async."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, Any, Any, Any]] = []

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self.calls.append(("sync", kwargs, response_obj, start_time, end_time))

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        await asyncio.sleep(0)
        self.calls.append(("async", kwargs, response_obj, start_time, end_time))

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self.calls.append(("failure", kwargs, response_obj, start_time, end_time))


class OnlyFailures:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self.seen.append(kwargs["exception"])


def write(target: object, *records: Record) -> Callback:
    sink = Callback(target, "mine")
    sink.write(records)
    sink.close()
    return sink


def test_litellms_shape_prefers_async_and_gets_times_and_payload() -> None:
    target = Both()
    write(target, answered())
    ((how, kwargs, response, start, end),) = target.calls
    assert how == "async"
    assert start == datetime.fromtimestamp(1_700_000_000, timezone.utc)
    assert (end - start).total_seconds() == pytest.approx(1.004)
    assert (kwargs["model"], kwargs["response_cost"], kwargs["stream"]) == ("gpt-4o-2024-08-06", 0.5, True)
    assert kwargs["litellm_params"]["metadata"]["user_api_key_alias"] == "team-a"
    assert response.usage.prompt_tokens == response["usage"]["prompt_tokens"] == 100
    assert response.choices[0].message.content == REDACTED
    standard = kwargs["standard_logging_object"]
    assert (standard["status"], standard["total_tokens"], standard["model_group"]) == ("success", 151, "gpt")
    assert standard["call_type"] == "acompletion"
    with pytest.raises(AttributeError, match="nothing"):
        _ = response.nothing


def test_failures_go_to_the_failure_event() -> None:
    target, only = Both(), OnlyFailures()
    write(target, failed())
    write(only, answered(), failed())
    ((how, kwargs, response, *_),) = target.calls
    assert (how, response) == ("failure", None)
    assert kwargs["standard_logging_object"]["error_information"]["error_class"] == "InternalServerError"
    (error,) = only.seen
    assert (error.status_code, type(error).__name__) == (500, "InternalServerError")


def test_functions_of_four_and_of_one() -> None:
    seen: list[Any] = []

    def four(kwargs: Any, completion_response: Any, start_time: Any, end_time: Any) -> None:
        seen.append(("four", kwargs["litellm_call_id"]))

    async def one(record: Record) -> None:
        seen.append(("one", record.id))

    for target in (
        four,
        one,
        lambda record: seen.append(("lambda", record.id)),
        partial(four, end_time=None),
        seen.append,
    ):
        if is_callback(target):
            write(target, Record(id="r"))
    assert seen == [("four", "r"), ("one", "r"), ("lambda", "r"), Record(id="r")]


@pytest.mark.parametrize("target", [object(), 5, "text", lambda: None, lambda a, b: None])
def test_other_objects_are_refused(target: object) -> None:
    assert not is_callback(target)
    with pytest.raises(NoCallback):
        Callback(target, "mine")


class CustomLogger:
    """Stands for LiteLLM's base class: its empty methods do not count."""

    def log_success_event(self, *args: Any) -> None:
        raise AssertionError("not the user's")

    async def async_log_success_event(self, *args: Any) -> None:
        raise AssertionError("not the user's")


for _method in (CustomLogger.log_success_event, CustomLogger.async_log_success_event):
    _method.__module__ = "litellm.integrations.custom_logger"


class Mine(CustomLogger):
    def __init__(self) -> None:
        self.seen_n = 0

    def log_success_event(self, *args: Any) -> None:
        self.seen_n += 1


def test_inherited_empty_methods_do_not_count() -> None:
    assert not is_callback(CustomLogger())
    target = Mine()
    write(target, answered(), failed())
    assert target.seen_n == 1


def test_errors_are_counted_and_never_retried(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []

    async def flaky(record: Record) -> None:
        calls.append(record.id)
        if record.id == "slow":
            await asyncio.Event().wait()
        if record.id == "cancelled":
            raise asyncio.CancelledError
        if record.id == "bad":
            raise ValueError("mine")

    sink = Callback(flaky, "mine", call_s=0.05)
    with caplog.at_level(logging.WARNING, "penstock.journal"), Journal([sink], pace=QUICK) as journal:
        for name in ("good", "bad", "slow", "cancelled", "good2"):
            journal.put(Record(id=name))
        assert journal.flush(30)
        (stats,) = journal.stats()
    assert calls == ["good", "bad", "slow", "cancelled", "good2"]
    assert (stats.written_n, stats.dropped_n, stats.failures_n) == (5, 0, 3)
    assert len(caplog.records) == 1


def test_one_loop_for_all_batches() -> None:
    loops: set[int] = set()

    async def remember(record: Record) -> None:
        loops.add(id(asyncio.get_running_loop()))

    sink = Callback(remember, "mine")
    for _ in range(3):
        sink.write([answered()])
    sink.close()
    assert len(loops) == 1


@pytest.mark.parametrize("make", [answered, failed])
def test_no_text_without_keep_text(make: Any) -> None:
    record = make(error=None)
    assert TEXT not in repr(logged_call(record))


def test_kept_text_is_handed_on() -> None:
    body = '{"model":"m","messages":[{"role":"user","content":"hi"}]}'
    call = logged_call(answered(request_text=body, answer_text="hello"))
    assert call.kwargs["messages"] == [{"role": "user", "content": "hi"}]
    assert call.response_obj is not None
    assert call.response_obj.choices[0].message.content == "hello"
    for odd in ("not json", "[]", '{"x":1}'):
        assert logged_call(answered(request_text=odd)).kwargs["messages"] in ("not json", None)
