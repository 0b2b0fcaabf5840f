"""A Python object of the user's as a sink: called once per record, off the hot path.

Thread: the sink's lane; coroutines run on an event loop of that thread, a batch at a time, so what they hold (a client
session) stays on one loop. An exception or a call that takes longer than CALL_S is counted in `errors_n` and logged,
never retried. Shapes, in this order: LiteLLM's CustomLogger (log_success_event, async_log_failure_event, ...), a
callable of four arguments (LiteLLM's function callbacks), a callable of one (the Record), each plain or async.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from penstock.journal.litellm_payload import logged_call
from penstock.journal.record import Record
from penstock.journal.sinks.sink import Sink

CALL_S = 60.0
LOG_EVERY_S = 30.0
LITELLM_BASES = ("litellm.integrations.custom_logger", "litellm.integrations.custom_guardrail")  # their empty methods
EVENTS = ("log_success_event", "log_failure_event")
log = logging.getLogger("penstock.journal")

Call = Callable[[Record], Any]  # may return an awaitable


class NoCallback(TypeError):
    """The object has none of the shapes."""


class Callback(Sink):
    """Calls `target` for every record. Raises NoCallback when it cannot be called."""

    batch_n = 16

    def __init__(self, target: object, name: str, *, call_s: float = CALL_S) -> None:
        self.name = name
        self._target = target
        self._call = call_of(target)
        self._call_s = call_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._logged_s = float("-inf")

    @property
    def key(self) -> Hashable:
        return ("callback", id(self._target))

    def write(self, records: Sequence[Record]) -> None:
        waiting = []
        for record in records:
            try:
                result = self._call(record)
            except BaseException as err:
                self._failed(err)
            else:
                if inspect.isawaitable(result):
                    waiting.append(asyncio.wait_for(result, self._call_s))
        if waiting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
            for outcome in self._loop.run_until_complete(_all(waiting)):
                if isinstance(outcome, BaseException):
                    self._failed(outcome)

    def close(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def forget(self) -> None:
        if self._loop is not None:
            _inherited.append(self._loop)
            self._loop = None

    def _failed(self, err: BaseException) -> None:
        self.errors_n += 1
        now_s = time.monotonic()
        if now_s - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now_s
            log.warning("journal: callback %s failed (%d so far)", self.name, self.errors_n, exc_info=err)


_inherited: list[asyncio.AbstractEventLoop] = []


async def _all(waiting: Sequence[Any]) -> list[Any]:
    return await asyncio.gather(*waiting, return_exceptions=True)


def is_callback(target: object) -> bool:
    """Has it one of the shapes?"""
    try:
        call_of(target)
    except NoCallback:
        return False
    return True


def call_of(target: object) -> Call:
    """How to call `target` with a record. Raises NoCallback."""
    events = [_event_method(target, name) for name in EVENTS]
    if any(events):
        on_success, on_failure = events

        def call_event(record: Record) -> Any:
            method = on_success if record.outcome == "complete" else on_failure
            return method(*logged_call(record)) if method else None

        return call_event
    if callable(target):
        if _takes(target, 4):
            return lambda record: target(*logged_call(record))
        if _takes(target, 1):
            return target
    raise NoCallback(f"{target!r} is neither a callable of one or four arguments nor has it {EVENTS[0]}")


def _event_method(target: object, name: str) -> Callable[..., Any] | None:
    """The async method when the user wrote one, else the plain one; LiteLLM's empty ones count as none."""
    for each in (f"async_{name}", name):
        method = getattr(target, each, None)
        if callable(method) and getattr(method, "__module__", None) not in LITELLM_BASES:
            return method  # type: ignore[no-any-return]
    return None


def _takes(target: Callable[..., Any], arguments_n: int) -> bool:
    try:
        inspect.signature(target).bind(*range(arguments_n))
    except (TypeError, ValueError):
        return False
    return True
