"""LiteLLM's CustomLogger as Hooks: proxy hooks that people have go on working, and what does not is said aloud.

async_pre_call_hook (a dict replaces the body, a string or an exception refuses), async_moderation_hook and
async_post_call_success_hook are called with LiteLLM's arguments; `user_api_key_dict` knows the key's name and answers
None for the rest, `response` is a dict that also answers to attributes, `cache` is this worker's memory. `metadata`
that the caller did not send is there to be read, and does not go out. Hooks into LiteLLM's streams and failures are
not called: a warning names them. LiteLLM itself is never imported.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import Any

import msgspec

from penstock.hooks import HookAnswer, HookCall, Hooks, Refused

LITELLM_BASES = ("litellm.integrations.custom_logger", "litellm.integrations.custom_guardrail")  # their empty methods
CALLED = ("async_pre_call_hook", "async_moderation_hook", "async_post_call_success_hook")
NOT_CALLED = (
    "async_post_call_streaming_hook",
    "async_post_call_streaming_iterator_hook",
    "async_post_call_failure_hook",
    "async_post_call_response_headers_hook",
    "async_pre_routing_hook",
    "async_filter_deployments",
    "async_logging_hook",
    "logging_hook",
)
CALL_TYPE = {
    "chat": "acompletion",
    "completions": "atext_completion",
    "embeddings": "aembedding",
    "responses": "aresponses",
    "messages": "anthropic_messages",
}
CACHE_N = 10_000
log = logging.getLogger("penstock.gateway")


def wrapped(target: object) -> object:
    """Hooks around an object with LiteLLM's hook methods; any other object as it is."""
    if isinstance(target, Hooks):
        return target
    unheard = [name for name in NOT_CALLED if has_own(target, name)]
    if unheard:
        log.warning("%s: not called here: %s", type(target).__name__, ", ".join(unheard))
    own = [name for name in CALLED if has_own(target, name)]
    return _hooks_of(target, own) if own else target


def has_own(target: object, name: str) -> bool:
    """Did the user write this method, and not one of LiteLLM's base classes?"""
    method = getattr(target, name, None)
    return callable(method) and getattr(method, "__module__", None) not in LITELLM_BASES


class KeyView:
    """LiteLLM's UserAPIKeyAuth as far as it goes: the key's name, else None."""

    def __init__(self, call: HookCall) -> None:
        self.key_alias = call.key_name
        self.request_route = call.endpoint
        self.metadata: dict[str, Any] = {}
        self.team_metadata: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


class View(dict[str, Any]):
    """A dict whose items are attributes too, all the way down."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def view(value: Any) -> Any:
    if isinstance(value, dict):
        return View({name: view(each) for name, each in value.items()})
    return [view(each) for each in value] if isinstance(value, list) else value


class HookCache:
    """LiteLLM's DualCache as far as hooks use it: this worker's memory, CACHE_N entries, the oldest go first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[float, Any]] = OrderedDict()

    def get_cache(self, key: str, *_: Any, **__: Any) -> Any:
        until_s, value = self._entries.get(key, (0.0, None))
        return value if until_s > time.monotonic() else None

    def set_cache(self, key: str, value: Any, *_: Any, ttl: float | None = None, **__: Any) -> None:
        self._entries[key] = (time.monotonic() + (float("inf") if ttl is None else ttl), value)
        self._entries.move_to_end(key)
        if len(self._entries) > CACHE_N:
            self._entries.popitem(last=False)

    def delete_cache(self, key: str) -> None:
        self._entries.pop(key, None)

    async def async_get_cache(self, key: str, *_: Any, **__: Any) -> Any:
        return self.get_cache(key)

    async def async_set_cache(self, key: str, value: Any, *_: Any, ttl: float | None = None, **__: Any) -> None:
        self.set_cache(key, value, ttl=ttl)

    async def async_delete_cache(self, key: str) -> None:
        self.delete_cache(key)

    async def async_increment_cache(self, key: str, value: float, *_: Any, ttl: float | None = None, **__: Any) -> Any:
        until_s, before = self._entries.get(key, (0.0, None))
        if before is None or until_s <= time.monotonic():
            self.set_cache(key, value, ttl=ttl)
            return value
        self._entries[key] = (until_s, before + value)
        return before + value


class _Litellm(Hooks):
    """Holds the target; `_hooks_of` adds the methods that it has."""

    def __init__(self, target: Any) -> None:
        self.target = target
        self.name = type(target).__name__
        self.cache = HookCache()

    async def run_pre_call(self, call: HookCall) -> HookCall:
        data, added = _data(call)
        try:
            result = await self.target.async_pre_call_hook(
                user_api_key_dict=KeyView(call), cache=self.cache, data=data, call_type=_call_type(call)
            )
        except Exception as err:
            if refused := _refusal(err):
                raise refused from err
            raise
        if isinstance(result, Exception):
            raise _refusal(result) or result
        if isinstance(result, str):
            raise Refused(400, result)
        after = result if isinstance(result, dict) else data
        body = {name: value for name, value in after.items() if name not in added}
        return call if body == call.json else call.with_json(body)

    async def run_during_call(self, call: HookCall) -> None:
        try:
            await self.target.async_moderation_hook(
                data=_data(call)[0], user_api_key_dict=KeyView(call), call_type=_call_type(call)
            )
        except Exception as err:
            if refused := _refusal(err):
                raise refused from err
            raise

    async def run_post_call(self, call: HookCall, answer: HookAnswer) -> HookAnswer:
        if answer.is_stream:
            return answer
        response = view(answer.json)
        try:
            result = await self.target.async_post_call_success_hook(
                data=_data(call)[0], user_api_key_dict=KeyView(call), response=response
            )
        except Exception as err:
            if refused := _refusal(err):
                raise refused from err
            raise
        after = result if isinstance(result, dict) else response
        return answer if after == answer.json else answer.with_json(after)


METHODS = {
    "async_pre_call_hook": ("pre_call", "run_pre_call"),
    "async_moderation_hook": ("during_call", "run_during_call"),
    "async_post_call_success_hook": ("post_call", "run_post_call"),
}


def _hooks_of(target: object, own: list[str]) -> Hooks:
    hooks = _Litellm(target)
    for theirs in own:
        ours, runs = METHODS[theirs]
        setattr(hooks, ours, getattr(hooks, runs))
    return hooks


def _call_type(call: HookCall) -> str:
    return CALL_TYPE.get(call.dialect.value, call.dialect.value)


def _data(call: HookCall) -> tuple[dict[str, Any], set[str]]:
    """The body as LiteLLM hands it over, and which keys are not of the body."""
    body = msgspec.json.decode(call.body)  # their own copy
    extra = {
        "metadata": {"user_api_key_alias": call.key_name, "headers": dict(call.headers)},
        "litellm_call_id": call.request_id,
        "proxy_server_request": {"url": call.endpoint, "method": "POST", "headers": dict(call.headers)},
    }
    added = {name for name in extra if name not in body}
    return {**body, **{name: extra[name] for name in added}}, added


def _refusal(err: Exception) -> Refused | None:
    """An exception with a status (fastapi's HTTPException, LiteLLM's own) refuses; any other is the hook's failure."""
    status = getattr(err, "status_code", None)
    if not isinstance(status, int) or not 400 <= status <= 599:
        return None
    detail = getattr(err, "detail", None) or getattr(err, "message", None) or str(err)
    if isinstance(detail, dict):
        detail = detail.get("error", detail)
    if isinstance(detail, dict):
        detail = detail.get("message", detail)
    return Refused(status, str(detail))
