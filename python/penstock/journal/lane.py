"""One sink, its bounded queue and its thread.

The putting side (any thread, in practice the loop) only appends to a deque and looks at a flag; it never takes a lock
once the thread runs. The lane's thread sleeps until roused, lingers a moment so that one wake-up serves many records,
and writes in small batches, resting between them: a loop that waits for the GIL waits for one batch, not for the queue.
What does not fit is dropped and counted. Counters are written by one side each. Limits: `queue_n` records,
`text_chars` of kept text.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

from penstock.journal.record import Record
from penstock.journal.sinks.sink import Sink

TRIES_MOST = 12  # of one batch, about three minutes; then it is given up
BAD_DATA = (ValueError, TypeError, OverflowError)  # a record that cannot be written: alone, and not again
LOG_EVERY_S = 30.0
log = logging.getLogger("penstock.journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When a lane writes and when it tries again."""

    linger_s: float = 0.1  # after waking, to gather
    pause_s: float = 0.002  # between two batches, while little waits
    backoff_s: float = 0.5  # after the first failure, doubled by each further one
    backoff_most_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStats:
    """A sink's counters since the start of the process."""

    name: str
    queued_n: int  # waiting now
    written_n: int
    dropped_n: int  # the queue was full, or given up after TRIES_MOST
    failures_n: int  # writes that raised, and callbacks
    busy_s: float  # how long the present write has been running; 0 = none is
    last_error: str | None  # type of the last exception


class _Mark:
    """In the queue between records: `reached` is set when all before it are done."""

    __slots__ = ("reached",)

    def __init__(self) -> None:
        self.reached = threading.Event()


class Lane:
    """Owned by the Journal. `queue`, `is_idle`, `queue_n` and the `_in` counters belong to the putting side."""

    def __init__(self, sink: Sink, *, queue_n: int, text_chars: int, pace: Pace) -> None:
        self.sink = sink
        self.queue_n = queue_n
        self.text_most = text_chars
        self.refused_n = 0
        self.text_in = 0
        self._pace = pace
        self._start_lock = threading.Lock()
        self._is_closed = False
        self._begin()

    def _begin(self) -> None:
        self.queue: deque[Record | _Mark] = deque()
        self.is_idle = True
        self.text_out = self.text_in
        self.written_n = self.lost_n = self.failures_n = 0
        self.last_error: str | None = None
        self._busy_since_s = 0.0
        self._logged_s = float("-inf")
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    # --- the putting side

    def put_text(self, record: Record, chars_n: int) -> None:
        """Queue a record with kept text, which counts by its length too."""
        if len(self.queue) < self.queue_n and self.text_in - self.text_out + chars_n <= self.text_most:
            self.text_in += chars_n
            self.queue.append(record)
            if self.is_idle:
                self.rouse()
        else:
            self.refused_n += 1

    def rouse(self) -> None:
        """Wake the thread, or start it: once per batch, not per record."""
        self.is_idle = False
        if self._thread is None:
            self._start()
        self._wake.set()

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is not None or self._is_closed:
                return
            thread = threading.Thread(target=self._run, name=f"penstock-journal-{self.sink.name}", daemon=True)
            try:
                thread.start()
            except RuntimeError as err:  # no more threads, or the interpreter is ending: the next record tries again
                self.is_idle = True
                self._failed(err, "starting its thread")
            else:
                self._thread = thread

    def mark(self) -> threading.Event:
        """An event that is set when everything put so far is written or given up."""
        mark = _Mark()
        if self._thread is None and not self.queue:
            mark.reached.set()
        else:
            self.queue.append(mark)
            self.rouse()
        return mark.reached

    def begin_close(self) -> None:
        """Take no more; the thread writes what is there, tries each batch once and ends."""
        self.queue_n = 0
        with self._start_lock:
            self._is_closed = True
        self._closing.set()
        self._wake.set()
        if self._thread is None:
            self.lost_n += len(self.queue)
            self.sink.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; False when it is still stuck in a write."""
        if self._thread is None:
            return True
        self._thread.join(max(timeout_s, 0.0))
        return not self._thread.is_alive()

    def after_fork(self) -> None:
        """In the child: no thread runs, the queue's records are the parent's to write."""
        self._start_lock = threading.Lock()
        self.refused_n = 0
        self._begin()
        self.sink.forget()

    def stats(self) -> LaneStats:
        since_s = self._busy_since_s
        return LaneStats(
            name=self.sink.name,
            queued_n=len(self.queue),
            written_n=self.written_n,
            dropped_n=self.refused_n + self.lost_n,
            failures_n=self.failures_n + self.sink.errors_n,
            busy_s=time.monotonic() - since_s if since_s else 0.0,
            last_error=self.last_error,
        )

    # --- the thread

    def _run(self) -> None:
        while True:
            batch = self._take()
            if batch:
                self._deliver(batch)
                self._breathe()
            elif self.queue:
                continue
            elif self._closing.is_set():
                break
            else:
                self._rest()
        try:
            self.sink.close()
        except BaseException as err:
            self._failed(err, "close")

    def _breathe(self) -> None:
        """Let a loop that waits for the GIL have it, and without hurry one request meets one batch at most."""
        queue = self.queue
        is_hurried = len(queue) > self.queue_n // 8 or self._closing.is_set()
        if is_hurried or (queue and isinstance(queue[-1], _Mark)):
            time.sleep(0)
        else:
            time.sleep(self._pace.pause_s)

    def _rest(self) -> None:
        self.is_idle = True
        if not self.queue:  # put appends first and looks at is_idle then
            self._wake.wait()
        self._wake.clear()
        self.is_idle = False
        if not (self.queue and isinstance(self.queue[-1], _Mark)):
            self._closing.wait(self._pace.linger_s)

    def _take(self) -> list[Record]:
        batch: list[Record] = []
        queue = self.queue
        while queue and len(batch) < self.sink.batch_n:
            if isinstance(queue[0], _Mark) and batch:
                break
            item = queue.popleft()
            if isinstance(item, _Mark):
                item.reached.set()
            else:
                batch.append(item)
                if item.request_text is not None or item.answer_text is not None:
                    self.text_out += text_length(item)
        return batch

    def _deliver(self, batch: list[Record]) -> None:
        pause_s = self._pace.backoff_s
        for tries_n in range(1, TRIES_MOST + 1):
            err = self._write(batch)
            if err is None:
                self.written_n += len(batch)
                return
            if isinstance(err, BAD_DATA) and len(batch) > 1:
                for record in batch:
                    self._deliver([record])
                return
            if self._closing.is_set() or isinstance(err, BAD_DATA) or tries_n == TRIES_MOST:
                break
            self._closing.wait(pause_s)
            pause_s = min(pause_s * 2, self._pace.backoff_most_s)
        self.lost_n += len(batch)

    def _write(self, batch: list[Record]) -> BaseException | None:
        self._busy_since_s = time.monotonic()
        try:
            self.sink.write(batch)
        except BaseException as err:  # a callback may raise anything, CancelledError too
            self._failed(err, "write")
            return err
        finally:
            self._busy_since_s = 0.0
        return None

    def _failed(self, err: BaseException, doing: str) -> None:
        self.failures_n += 1
        self.last_error = type(err).__name__
        now_s = time.monotonic()
        if now_s - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now_s
            log.warning(
                "journal: sink %s: %s failed (%d so far, %d records dropped, %d wait)",
                self.sink.name,
                doing,
                self.failures_n,
                self.refused_n + self.lost_n,
                len(self.queue),
                exc_info=err,
            )

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "idle" if self.is_idle else "busy"
        return f"<Lane {self.sink.name} {state}, {len(self.queue)}/{self.queue_n} wait>"


def text_length(record: Record) -> int:
    """Characters of kept text."""
    return len(record.request_text or "") + len(record.answer_text or "")
