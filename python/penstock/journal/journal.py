"""Where records go when their requests are over: to every sink, without ever waiting for one.

`put` is called on the hot path by any thread. Each sink has a lane (queue, thread, counters) of its own, so a slow or
dead one costs the others and the callers nothing. Threads start with the first record, so a journal may be made before
a fork; in the child it starts afresh and leaves the parent's queue to the parent.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Iterable

from penstock.journal.lane import Lane, LaneStats, Pace, text_length
from penstock.journal.record import Record
from penstock.journal.sinks.sink import Sink

TEXT_CHARS = 64 * 1024 * 1024  # kept text that may wait per sink

_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


class Journal:
    """Sinks and their lanes.

    queue_n     records that may wait per sink; more are dropped and counted
    text_chars  characters of kept text that may wait per sink, likewise
    """

    def __init__(
        self,
        sinks: Iterable[Sink] = (),
        queue_n: int = 10_000,
        *,
        text_chars: int = TEXT_CHARS,
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._text_chars = text_chars
        self._lanes = [self._lane(sink, queue_n) for sink in sinks]
        self._gone: list[Lane] = []  # their sinks are no longer wanted; they write what they have
        self._is_closed = False
        _journals.add(self)

    def put(self, record: Record) -> None:
        """Hand a finished record to every sink. Never waits, never raises; after `close` it only counts."""
        if record.request_text is not None or record.answer_text is not None:
            chars_n = text_length(record)
            for lane in self._lanes:
                lane.put_text(record, chars_n)
            return
        for lane in self._lanes:
            queue = lane.queue
            if len(queue) < lane.queue_n:
                queue.append(record)
                if lane.is_idle:
                    lane.rouse()
            else:
                lane.refused_n += 1

    def use(self, sinks: Iterable[Sink], queue_n: int) -> None:
        """Other sinks from now on: one with the key of a present one is not taken, the present one stays with its queue
        and its counters; one that is not among them writes what it has and closes. For a reload, from one thread."""
        if self._is_closed:
            return
        present = {lane.sink.key: lane for lane in self._lanes}
        lanes = []
        for sink in sinks:
            kept = present.pop(sink.key, None)
            lanes.append(kept if kept is not None else self._lane(sink, queue_n))
            lanes[-1].queue_n = queue_n
        self._lanes = lanes
        self._gone = [lane for lane in self._gone if not lane.join(0)] + list(present.values())
        for lane in present.values():
            lane.begin_close()

    def _lane(self, sink: Sink, queue_n: int) -> Lane:
        return Lane(sink, queue_n=queue_n, text_chars=self._text_chars, pace=self._pace)

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was put so far is written or given up; False when the time is over first."""
        until_s = time.monotonic() + timeout_s
        events = [lane.mark() for lane in self._lanes]
        return all(event.wait(max(until_s - time.monotonic(), 0.0)) for event in events)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Take no more, write what waits, close the sinks. False when a sink is stuck; its thread is left behind
        (a daemon). May be called twice."""
        until_s = time.monotonic() + timeout_s
        if not self._is_closed:
            self._is_closed = True
            for lane in self._lanes:
                lane.begin_close()
        return all(lane.join(until_s - time.monotonic()) for lane in [*self._lanes, *self._gone])

    def stats(self) -> list[LaneStats]:
        return [lane.stats() for lane in self._lanes]

    @property
    def sinks(self) -> list[Sink]:
        return [lane.sink for lane in self._lanes]

    def _after_fork(self) -> None:
        self._gone = []
        for lane in self._lanes:
            lane.after_fork()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed " if self._is_closed else ""
        return f"<Journal {state}{self._lanes}>"


def _after_fork() -> None:
    for journal in list(_journals):
        journal._after_fork()


os.register_at_fork(after_in_child=_after_fork)
