"""Guardrails and transforms of people: what they get, what they may answer, and how several become one.

A class derived from Hooks overrides what it needs; what nobody overrides costs nothing, since `Chain` keeps only the
methods that are there. Hooks run on the event loop of the request. They get the caller's text, so nothing here logs
or records: what goes to the journal about a hook is its name and how it ended.

    class NoSecrets(Hooks):
        async def pre_call(self, call: HookCall) -> HookCall:
            if "secret" in call.text():
                raise Refused(400, "not here")
            return call.with_json({**call.json, "user": call.key_name})
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from penstock.dialects.dialect import Dialect

T = TypeVar("T")
NAMES = ("pre_call", "during_call", "on_stream_event", "post_call")


class Refused(Exception):
    """A hook says no. The caller gets `status` and `message` in its dialect; `type` and `code` as there."""

    def __init__(self, status: int, message: str, *, type: str | None = None, code: str | None = None) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"a refusal's status must be 400 to 599, not {status}")
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code


class HookFailed(Exception):
    """A hook raised something else: its fault, so the request must not go on (a guardrail that breaks lets nothing
    through). `hook` is its name, for the log; the cause is chained and may hold the caller's text."""

    def __init__(self, hook: str) -> None:
        super().__init__(f"hook {hook} failed")
        self.hook = hook


@dataclass(frozen=True, slots=True)
class _Body:
    """JSON as bytes, parsed when somebody looks. Not shown by repr, which may end up in a log."""

    body: bytes = field(repr=False)
    _parsed: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def json(self) -> Any:
        """The body, parsed once. Not to be changed in place: use `with_json`. Raises ValueError when it is no JSON."""
        if not self._parsed:
            self._parsed.append(msgspec.json.decode(self.body))
        return self._parsed[0]


@dataclass(frozen=True, slots=True)
class HookCall(_Body):
    """A request before it goes out.

    model     that the caller asked for
    headers   those of the caller that may be seen, names in lower case; never its key
    context   a dict of this request's own, shared by all hooks from pre_call to post_call
    """

    dialect: Dialect
    model: str
    stream: bool = False
    key_name: str | None = None
    request_id: str = ""
    endpoint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    context: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def with_json(self, body: Any) -> HookCall:
        """The same call with another body; its `model` and `stream` follow. Keys keep their order."""
        model = body.get("model") if isinstance(body, dict) else None
        stream = body.get("stream") if isinstance(body, dict) else None
        return replace(
            self,
            body=msgspec.json.encode(body),
            model=model if isinstance(model, str) else self.model,
            stream=stream if isinstance(stream, bool) else False,
        )

    def with_model(self, model: str) -> HookCall:
        """The same call for another group."""
        return self.with_json({**self.json, "model": model})

    def text(self) -> str:
        """All text of the request, one part a line: system, messages, input, prompt."""
        return "\n".join(_texts(self.json))


@dataclass(frozen=True, slots=True)
class HookAnswer(_Body):
    """A complete answer in the caller's dialect. Of a stream it is what was gathered, told after its end: `body` is
    b"", `stream_text` has the text, and what post_call gives back is not used.
    """

    status: int = 200
    model: str = ""  # that served
    deployment: str = ""
    is_stream: bool = False
    stream_text: str = field(default="", repr=False)

    def with_json(self, body: Any) -> HookAnswer:
        return replace(self, body=msgspec.json.encode(body))


class Hooks:
    """Override what you need. Methods may raise Refused; anything else that they raise fails the request (500)."""

    name: str = ""  # for the log; "" = the class's

    async def pre_call(self, call: HookCall) -> HookCall:
        """Before anything is sent: look, replace or refuse."""
        return call

    async def during_call(self, call: HookCall) -> None:
        """Beside the provider's call; nothing reaches the caller before it has come back. May refuse."""

    async def on_stream_event(self, call: HookCall, event: bytes) -> bytes:
        """Each whole event of a stream in the caller's dialect, with its blank line; b"" drops it. Costs per event."""
        return event

    async def post_call(self, call: HookCall, answer: HookAnswer) -> HookAnswer:
        """The whole answer: look, replace or refuse. Of a stream see HookAnswer."""
        return answer


def overridden(hooks: object) -> frozenset[str]:
    """Names of the methods that an object has of its own; LiteLLM's loggers, or any object, may have none."""
    found = set()
    for name in NAMES:
        method = getattr(hooks, name, None)
        if callable(method) and getattr(method, "__func__", method) is not getattr(Hooks, name):
            found.add(name)
    return frozenset(found)


Named = tuple[str, Callable[..., Awaitable[Any]]]


class Chain:
    """Several hooks as one. pre_call and stream events go through them in order, answers in reverse: the first hook is
    the outermost. The tuples are empty when nobody overrides: ask them before making a HookCall. Objects with LiteLLM's
    hook methods are taken as they are (hooks_litellm).
    """

    __slots__ = ("during", "event", "post", "pre")

    def __init__(self, hooks: Iterable[object] = ()) -> None:
        from penstock.hooks_litellm import wrapped  # which derives from Hooks

        present = [(_name(each), each, overridden(each)) for each in map(wrapped, hooks)]

        def methods(name: str) -> tuple[Named, ...]:
            return tuple((label, getattr(each, name)) for label, each, own in present if name in own)

        self.pre = methods("pre_call")
        self.during = methods("during_call")
        self.event = methods("on_stream_event")
        self.post = methods("post_call")[::-1]

    def __bool__(self) -> bool:
        return bool(self.pre or self.during or self.event or self.post)

    async def pre_call(self, call: HookCall) -> HookCall:
        for name, method in self.pre:
            call = _checked(name, await _run(name, method(call)), HookCall)
        return call

    async def during_call(self, call: HookCall) -> None:
        """All at once; the first that refuses ends the others."""
        if len(self.during) == 1:
            ((name, method),) = self.during
            await _run(name, method(call))
        elif self.during:
            await _first_failure([asyncio.ensure_future(_run(name, method(call))) for name, method in self.during])

    async def beside(self, call: HookCall, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work` once every during_call has come back; a refusal cancels `work` and is raised."""
        if not self.during:
            return await work
        task = asyncio.ensure_future(work)
        await _first_failure([task, asyncio.ensure_future(self.during_call(call))])
        return task.result()

    async def on_stream_event(self, call: HookCall, event: bytes) -> bytes:
        for name, method in self.event:
            if not event:
                break
            event = _checked(name, await _run(name, method(call, event)), bytes)
        return event

    async def post_call(self, call: HookCall, answer: HookAnswer) -> HookAnswer:
        for name, method in self.post:
            answer = _checked(name, await _run(name, method(call, answer)), HookAnswer)
        return answer

    def __repr__(self) -> str:
        parts = (("pre", self.pre), ("during", self.during), ("event", self.event), ("post", self.post))
        return "<Chain " + (", ".join(f"{k}: {[name for name, _ in v]}" for k, v in parts if v) or "empty") + ">"


def _name(hooks: object) -> str:
    return getattr(hooks, "name", "") or type(hooks).__name__


async def _run(name: str, pending: Awaitable[Any]) -> Any:
    try:
        return await pending
    except Refused:
        raise
    except Exception as err:
        raise HookFailed(name) from err


def _checked(name: str, value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise HookFailed(name) from TypeError(f"must give back {kind.__name__}, not {type(value).__name__}")
    return value


async def _first_failure(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Wait for all; when one fails, or the waiting is cancelled, cancel the rest, let them end, and raise."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError:
        await _cancel(tasks)
        raise
    failed = [task for task in tasks if task in done and (task.cancelled() or task.exception())]
    if not failed:
        return
    await _cancel(tasks)
    # A hook's refusal says more than what the work failed of in the same moment.
    failed.sort(key=lambda task: task.cancelled() or not isinstance(task.exception(), Refused))
    failed[0].result()


async def _cancel(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _texts(body: Any) -> list[str]:
    """Strings of a request where text stands, in order."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, dict):
            for key in ("text", "content", "input", "output", "arguments"):
                if key in value:
                    walk(value[key])
            for call in value.get("tool_calls") or ():
                if isinstance(call, dict):
                    walk(call.get("function"))

    if isinstance(body, dict):
        for key in ("system", "instructions", "messages", "input", "prompt"):
            if key in body:
                walk(body[key])
    return found
