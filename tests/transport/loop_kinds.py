"""Event loops to run tests on: asyncio's own, uvloop's, asyncio's in debug mode, and with tasks in pure Python."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import Any, TypeVar

import pytest
import uvloop

T = TypeVar("T")
MakeLoop = Callable[[], asyncio.AbstractEventLoop]


def debug_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 60.0  # a loaded machine is no finding
    return loop


def python_task_loop() -> asyncio.AbstractEventLoop:
    """asyncio.Task exists twice; this is the one that debuggers and some schedulers use."""
    loop = asyncio.new_event_loop()
    python_task: Any = asyncio.tasks._PyTask  # type: ignore[attr-defined]
    loop.set_task_factory(lambda at, coro, **more: python_task(coro, loop=at, **more))
    return loop


def eager_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]
    return loop


KINDS: dict[str, MakeLoop] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
    "debug": debug_loop,
    "python-tasks": python_task_loop,
}
if hasattr(asyncio, "eager_task_factory"):  # 3.12
    KINDS["eager-tasks"] = eager_loop

EACH_LOOP = pytest.mark.parametrize("make_loop", KINDS.values(), ids=KINDS.keys())


def run(make_loop: MakeLoop, main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run() on a loop of that kind; the loop is closed afterwards."""
    with closing(make_loop()) as loop:
        result = loop.run_until_complete(main)
        loop.run_until_complete(loop.shutdown_asyncgens())
        return result
