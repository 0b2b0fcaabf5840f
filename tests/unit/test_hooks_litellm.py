"""Proxy hooks that were written for LiteLLM work, and those that would not are named."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from penstock.dialects.dialect import Dialect
from penstock.hooks import Chain, HookAnswer, HookCall, HookFailed, Refused
from penstock.hooks_litellm import CACHE_N, LITELLM_BASES, HookCache, view, wrapped

BODY = b'{"model":"gpt","messages":[{"role":"user","content":"hello"}],"z":1.50}'
CALL = HookCall(BODY, Dialect.CHAT, "gpt", key_name="team", request_id="r1", headers={"x-a": "1"})
ANSWER = HookAnswer(b'{"choices":[{"message":{"role":"assistant","content":"hi"}}]}')


class CustomLogger:
    """Stands for LiteLLM's base class."""

    async def async_pre_call_hook(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("not the user's")

    async def async_post_call_streaming_iterator_hook(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("not the user's")


for _each in (CustomLogger.async_pre_call_hook, CustomLogger.async_post_call_streaming_iterator_hook):
    _each.__module__ = LITELLM_BASES[0]


class HTTPException(Exception):
    """Stands for fastapi's."""

    def __init__(self, status_code: int, detail: Any) -> None:
        super().__init__(f"{status_code}: {detail}")
        self.status_code = status_code
        self.detail = detail


class Pre(CustomLogger):
    def __init__(self, result: Any = None) -> None:
        self.result = result
        self.seen: list[Any] = []

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: str) -> Any:
        self.seen.append((user_api_key_dict, cache, data, call_type))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result(data) if callable(self.result) else self.result


def change(data: dict[str, Any]) -> dict[str, Any]:
    data["model"] = "other"
    data["metadata"]["seen"] = True
    return data


async def test_a_hook_that_changes_nothing_leaves_the_bytes() -> None:
    for result in (None, lambda data: data):
        target = Pre(result)
        assert await Chain([target]).pre_call(CALL) is CALL
        ((key, cache, data, call_type),) = target.seen
        assert (key.key_alias, key.team_id, key.metadata) == ("team", None, {})
        assert isinstance(cache, HookCache)
        assert (call_type, data["model"], data["metadata"]["headers"]) == ("acompletion", "gpt", {"x-a": "1"})


async def test_a_changed_body_goes_on_without_what_was_lent() -> None:
    call = await Chain([Pre(change)]).pre_call(CALL)
    assert call.json == {"model": "other", "messages": CALL.json["messages"], "z": 1.5}
    assert call.model == "other"
    assert CALL.json["model"] == "gpt"
    own = CALL.with_json({**CALL.json, "metadata": {"mine": 1}})
    assert (await Chain([Pre(change)]).pre_call(own)).json["metadata"] == {"mine": 1, "seen": True}


@pytest.mark.parametrize(
    ("result", "status", "message"),
    [
        ("not allowed", 400, "not allowed"),
        (HTTPException(403, "no"), 403, "no"),
        (HTTPException(429, {"error": "slow down"}), 429, "slow down"),
        (HTTPException(400, {"error": {"message": "deep"}}), 400, "deep"),
        (lambda data: HTTPException(403, "given back"), 403, "given back"),
    ],
)
async def test_refusals(result: Any, status: int, message: str) -> None:
    with pytest.raises(Refused) as refused:
        await Chain([Pre(result)]).pre_call(CALL)
    assert (refused.value.status, refused.value.message) == (status, message)


@pytest.mark.parametrize("error", [KeyError("x"), HTTPException(200, "odd")])
async def test_other_errors_are_the_hooks(error: Exception) -> None:
    with pytest.raises(HookFailed, match="Pre") as failed:
        await Chain([Pre(error)]).pre_call(CALL)
    assert failed.value.__cause__ is error
    assert error.__cause__ is None


async def test_moderation_runs_beside_the_call() -> None:
    class Moderation(CustomLogger):
        async def async_moderation_hook(self, data: Any, user_api_key_dict: Any, call_type: str) -> None:
            if "hello" in data["messages"][0]["content"]:
                raise HTTPException(400, "greeting")

    async def work() -> str:
        return "answer"

    chain = Chain([Moderation()])
    assert (len(chain.pre), len(chain.during), len(chain.post)) == (0, 1, 0)
    with pytest.raises(Refused, match="greeting"):
        await chain.beside(CALL, work())
    assert await chain.beside(CALL.with_json({"messages": [{"content": "bye"}]}), work()) == "answer"


async def test_answers_may_be_changed_in_place_or_replaced() -> None:
    class InPlace:
        async def async_post_call_success_hook(self, data: Any, user_api_key_dict: Any, response: Any) -> None:
            response.choices[0].message.content = "changed"

    class Replace:
        async def async_post_call_success_hook(self, data: Any, user_api_key_dict: Any, response: Any) -> Any:
            return {"replaced": response["choices"][0]["message"]["content"]}

    class Look:
        async def async_post_call_success_hook(self, data: Any, user_api_key_dict: Any, response: Any) -> Any:
            return response

    changed = await Chain([InPlace()]).post_call(CALL, ANSWER)
    assert changed.json["choices"][0]["message"]["content"] == "changed"
    assert (await Chain([Replace()]).post_call(CALL, ANSWER)).json == {"replaced": "hi"}
    assert await Chain([Look()]).post_call(CALL, ANSWER) is ANSWER
    stream = HookAnswer(b"", is_stream=True, stream_text="hi")
    assert await Chain([InPlace()]).post_call(CALL, stream) is stream


def test_what_is_not_called_is_said(caplog: pytest.LogCaptureFixture) -> None:
    class Streams(CustomLogger):
        async def async_post_call_streaming_hook(self, user_api_key_dict: Any, response: str) -> None: ...

    with caplog.at_level(logging.WARNING, "penstock.gateway"):
        chain = Chain([Streams(), Pre()])
    assert [record.getMessage() for record in caplog.records] == [
        "Streams: not called here: async_post_call_streaming_hook"
    ]
    assert repr(chain) == "<Chain pre: ['Pre']>"


def test_other_objects_pass_unchanged() -> None:
    for target in (object(), CustomLogger(), print):
        assert wrapped(target) is target
    assert not Chain([CustomLogger()])


async def test_the_cache() -> None:
    cache = HookCache()
    await cache.async_set_cache("a", 1)
    cache.set_cache("gone", 1, ttl=0)
    assert (await cache.async_get_cache("a"), cache.get_cache("gone"), cache.get_cache("b")) == (1, None, None)
    assert [await cache.async_increment_cache("n", 2) for _ in range(3)] == [2, 4, 6]
    await cache.async_delete_cache("a")
    assert cache.get_cache("a") is None
    for i in range(CACHE_N + 5):
        cache.set_cache(str(i), i)
    assert len(cache._entries) == CACHE_N
    assert cache.get_cache(str(CACHE_N + 4)) == CACHE_N + 4


def test_views_all_the_way_down() -> None:
    seen = view({"a": [{"b": 1}]})
    seen.a[0].b = 2
    assert seen == {"a": [{"b": 2}]}
    with pytest.raises(AttributeError, match="nothing"):
        _ = seen.nothing
