"""The loop behind blocking calls: one thread of a Router's own, started by the first of them.

Blocking callers, from any number of threads, hand their coroutines over and wait. A call that is interrupted
(KeyboardInterrupt) is cancelled there. A forked child gets a thread of its own with its first call.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
JOIN_S = 5.0


class LoopThread:
    """Owner: the Router."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._parents: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0

    def __repr__(self) -> str:
        return f"<LoopThread {'idle' if self._loop is None else 'running'}>"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Its result, waited for. RuntimeError on this thread itself, where waiting would never end, and when the
        Router was closed meanwhile."""
        if threading.current_thread() is self._thread and self._pid == os.getpid():
            work.close()
            raise RuntimeError("a blocking call inside of a call that blocks: use the async method there")
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("the router was closed during this call") from None
        except BaseException:
            future.cancel()
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._pid != os.getpid():  # the first call, or a child that has its parent's fields and not its thread
            with self._lock:
                if self._pid != os.getpid():
                    self._parents = self._loop  # closing it here would end it there, too
                    self._loop = asyncio.new_event_loop()
                    self._thread = threading.Thread(
                        target=_serve, args=(self._loop,), name="penstock-router", daemon=True
                    )
                    self._thread.start()
                    self._pid = os.getpid()
        assert self._loop is not None
        return self._loop

    def stop(self) -> None:
        """Cancel what runs and end the thread. May be called twice."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or self._pid != os.getpid() or loop.is_closed():
            return
        try:
            loop.call_soon_threadsafe(loop.stop)
        except RuntimeError:  # closed in between
            return
        if threading.current_thread() is not thread:
            thread.join(JOIN_S)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
