"""Hooks: what is overridden runs, in order, at the right side of the call; what is not costs nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from penstock.dialects.dialect import Dialect
from penstock.hooks import Chain, HookAnswer, HookCall, HookFailed, Hooks, Refused, overridden

BODY = b'{"model":"gpt","messages":[{"role":"user","content":"hello"}],"stream":true,"z":1,"a":2}'
CALL = HookCall(BODY, Dialect.CHAT, "gpt", stream=True, key_name="k")
ANSWER = HookAnswer(b'{"n":0}')


class Tag(Hooks):
    """Adds its name to everything that passes."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def pre_call(self, call: HookCall) -> HookCall:
        return call.with_json({**call.json, "tags": [*call.json.get("tags", []), self.name]})

    async def on_stream_event(self, call: HookCall, event: bytes) -> bytes:
        return event + self.name.encode()

    async def post_call(self, call: HookCall, answer: HookAnswer) -> HookAnswer:
        return answer.with_json({**answer.json, "tags": [*answer.json.get("tags", []), self.name]})


class Guard(Hooks):
    """Waits for `go`, then refuses or not."""

    def __init__(self, name: str = "guard", *, error: BaseException | None = None) -> None:
        self.name = name
        self.go = asyncio.Event()
        self.error = error
        self.ended = "not at all"

    async def during_call(self, call: HookCall) -> None:
        try:
            await self.go.wait()
            if self.error:
                raise self.error
            self.ended = "well"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


def ready(error: BaseException | None = None) -> Guard:
    guard = Guard(error=error)
    guard.go.set()
    return guard


def test_only_what_is_overridden_is_there() -> None:
    class OnInstance:
        async def pre_call(self, call: HookCall) -> HookCall:
            return call

    assert overridden(Hooks()) == frozenset()
    assert overridden(Tag("a")) == {"pre_call", "on_stream_event", "post_call"}
    assert overridden(Guard()) == {"during_call"}
    assert overridden(object()) == frozenset()
    assert overridden(OnInstance()) == {"pre_call"}
    chain = Chain([Hooks(), object()])
    assert not chain
    assert (chain.pre, chain.during, chain.event, chain.post) == ((), (), (), ())
    assert repr(Chain([Tag("a"), Guard("g")])) == "<Chain pre: ['a'], during: ['g'], event: ['a'], post: ['a']>"
    assert repr(Chain()) == "<Chain empty>"


async def test_an_empty_chain_changes_nothing() -> None:
    chain = Chain()
    assert await chain.pre_call(CALL) is CALL
    assert await chain.post_call(CALL, ANSWER) is ANSWER
    assert await chain.on_stream_event(CALL, b"e") == b"e"
    await chain.during_call(CALL)


async def test_requests_go_in_order_and_answers_back() -> None:
    chain = Chain([Tag("a"), Hooks(), Tag("b")])
    call = await chain.pre_call(CALL)
    assert call.json["tags"] == ["a", "b"]
    assert (await chain.post_call(call, ANSWER)).json["tags"] == ["b", "a"]
    assert await chain.on_stream_event(call, b"e") == b"eab"
    assert call.key_name == "k"
    assert list(call.json) == ["model", "messages", "stream", "z", "a", "tags"]  # order kept


async def test_a_dropped_event_goes_no_further() -> None:
    class Drop(Hooks):
        async def on_stream_event(self, call: HookCall, event: bytes) -> bytes:
            return b""

    assert await Chain([Drop(), Tag("a")]).on_stream_event(CALL, b"e") == b""


async def test_refusals_come_through_and_other_errors_are_the_hooks() -> None:
    class Refuse(Hooks):
        async def pre_call(self, call: HookCall) -> HookCall:
            raise Refused(403, "no", code="policy")

    class Broken(Hooks):
        async def pre_call(self, call: HookCall) -> HookCall:
            raise KeyError("their text")

        async def post_call(self, call: HookCall, answer: HookAnswer) -> HookAnswer:
            return None  # type: ignore[return-value]

    with pytest.raises(Refused, match="no") as refused:
        await Chain([Refuse(), Tag("a")]).pre_call(CALL)
    assert (refused.value.status, refused.value.code) == (403, "policy")
    with pytest.raises(HookFailed, match=r"^hook Broken failed$") as failed:
        await Chain([Broken()]).pre_call(CALL)
    assert isinstance(failed.value.__cause__, KeyError)
    with pytest.raises(HookFailed) as failed:
        await Chain([Broken()]).post_call(CALL, ANSWER)
    assert str(failed.value.__cause__) == "must give back HookAnswer, not NoneType"


@pytest.mark.parametrize("status", [200, 302, 600])
def test_a_refusal_is_an_error_status(status: int) -> None:
    with pytest.raises(ValueError, match="400 to 599"):
        Refused(status, "no")


async def answer_when(event: asyncio.Event, log: list[str]) -> str:
    try:
        await event.wait()
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    log.append("answered")
    return "answer"


async def test_nothing_goes_out_before_the_guards_are_back() -> None:
    guard, log, upstream = Guard(), list[str](), asyncio.Event()
    upstream.set()
    task = asyncio.ensure_future(Chain([guard]).beside(CALL, answer_when(upstream, log)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert log == ["answered"]
    assert not task.done()
    guard.go.set()
    assert await task == "answer"
    assert guard.ended == "well"


@pytest.mark.parametrize("others_n", [0, 2])
async def test_a_guards_refusal_cancels_the_call_and_the_other_guards(others_n: int) -> None:
    others, log = [Guard(f"other-{i}") for i in range(others_n)], list[str]()
    chain = Chain([*others, ready(Refused(400, "no"))])
    with pytest.raises(Refused):
        await chain.beside(CALL, answer_when(asyncio.Event(), log))
    assert log == ["cancelled"]
    assert [each.ended for each in others] == ["cancelled"] * others_n


async def test_a_broken_guard_lets_nothing_through() -> None:
    log: list[str] = []
    with pytest.raises(HookFailed, match="guard"):
        await Chain([ready(ZeroDivisionError())]).beside(CALL, answer_when(asyncio.Event(), log))
    assert log == ["cancelled"]


async def test_a_failed_call_ends_the_guards() -> None:
    async def fail() -> str:
        raise OSError("upstream")

    guard = Guard()
    with pytest.raises(OSError, match="upstream"):
        await Chain([guard]).beside(CALL, fail())
    assert guard.ended in ("cancelled", "not at all")


async def test_a_refusal_wins_over_a_failure_of_the_same_moment() -> None:
    async def fail() -> str:
        raise OSError("upstream")

    with pytest.raises(Refused):
        await Chain([ready(Refused(400, "no"))]).beside(CALL, fail())


async def test_a_caller_that_goes_cancels_all() -> None:
    guard, log = Guard(), list[str]()
    task = asyncio.ensure_future(Chain([guard]).beside(CALL, answer_when(asyncio.Event(), log)))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (guard.ended, log) == ("cancelled", ["cancelled"])


async def test_without_guards_the_call_runs_alone() -> None:
    upstream = asyncio.Event()
    upstream.set()
    assert await Chain([Tag("a")]).beside(CALL, answer_when(upstream, [])) == "answer"


def test_bodies_are_parsed_once_and_replaced_whole() -> None:
    call = HookCall(BODY, Dialect.CHAT, "gpt", stream=True)
    assert call.json is call.json
    other = call.with_model("fast")
    assert (other.model, other.json["model"], other.stream) == ("fast", "fast", True)
    assert (call.model, call.json["model"]) == ("gpt", "gpt")
    assert call.with_json({"stream": False}).stream is False
    assert call.with_json({**call.json, "model": "m2"}).model == "m2"
    with pytest.raises(ValueError, match="truncated"):
        _ = HookCall(b"{", Dialect.CHAT, "gpt").json


def test_the_callers_text_is_not_in_a_repr() -> None:
    assert "hello" not in repr(CALL)
    assert "hello" not in repr(HookAnswer(b'"hello"', stream_text="hello"))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "user", "content": [{"type": "text", "text": "b"}]},
                ]
            },
            "a\nb",
        ),
        ({"system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": "u"}]}, "s\nu"),
        ({"instructions": "i", "input": [{"role": "user", "content": [{"type": "input_text", "text": "t"}]}]}, "i\nt"),
        ({"prompt": ["p", "q"]}, "p\nq"),
        ({"input": "e"}, "e"),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"function": {"name": "f", "arguments": "{1}"}}],
                    },
                    {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "r"}]}]},
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:..."}}]},
                ]
            },
            "{1}\nr",
        ),
        ({"messages": [None, 5, {"content": 7}], "prompt": None}, ""),
        ([], ""),
    ],
)
def test_text_of_every_dialect(body: Any, text: str) -> None:
    assert CALL.with_json(body).text() == text
