"""The journal never waits for a sink, counts what it drops, and writes the rest in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
import tracemalloc
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from penstock.journal import Journal, Record
from penstock.journal import lane as lane_module
from penstock.journal.lane import TRIES_MOST, Lane
from tests.unit.journal.sinks_for_tests import QUICK, Memory, Stuck
from tests.waiting import eventually_sync


def records(n: int) -> list[Record]:
    return [Record(id=str(i)) for i in range(n)]


def test_every_sink_gets_every_record_in_order() -> None:
    one, two = Memory("one"), Memory("two")
    with Journal([one, two], pace=QUICK) as journal:
        for record in records(1000):
            journal.put(record)
        assert journal.flush(10)
        assert [record.id for record in one.records] == [str(i) for i in range(1000)]
        assert two.records == one.records
        assert max(one.batches) <= one.batch_n
        assert [(each.name, each.written_n, each.dropped_n) for each in journal.stats()] == [
            ("one", 1000, 0),
            ("two", 1000, 0),
        ]
    assert (one.closed_n, two.closed_n) == (1, 1)


def test_it_rests_between_batches_unless_it_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    rests_s: list[float] = []
    monkeypatch.setattr(lane_module, "time", SimpleNamespace(sleep=rests_s.append, monotonic=time.monotonic))
    stuck = Stuck()
    stuck.batch_n = 1
    journal = Journal([stuck], queue_n=80, pace=QUICK)
    journal.put(Record(id="first"))
    assert stuck.entered.wait(10)
    for record in records(30):
        journal.put(record)
    stuck.release.set()
    eventually_sync(lambda: len(rests_s) == 31, "a rest after each record")
    assert rests_s == [0] * 20 + [QUICK.pause_s] * 11, "short ones while more than an eighth of the queue is taken"
    assert journal.close(10)


def test_no_thread_before_the_first_record() -> None:
    sink = Memory()
    journal = Journal([sink])
    assert journal._lanes[0]._thread is None
    assert journal.flush(0)
    assert journal.close(0)
    assert sink.closed_n == 1


def test_a_stuck_sink_costs_the_others_nothing_and_drops_are_counted() -> None:
    stuck, good = Stuck(), Memory()
    journal = Journal([stuck, good], queue_n=100, pace=QUICK)
    journal.put(Record(id="first"))
    assert stuck.entered.wait(10)
    for record in records(250):
        journal.put(record)
        if record.id in ("99", "199"):
            assert journal._lanes[1].mark().wait(10)
    assert journal._lanes[1].mark().wait(10)
    assert len(good.records) == 251
    mine, theirs = journal.stats()
    assert (mine.queued_n, mine.written_n, mine.dropped_n) == (100, 0, 150)
    assert mine.busy_s > 0
    assert theirs.dropped_n == 0
    assert not journal.close(0)
    stuck.release.set()
    assert journal.close(10)
    assert len(stuck.records) == 101
    assert stuck.closed_n == 1


def test_memory_is_flat_behind_a_stuck_sink() -> None:
    stuck = Stuck()
    journal = Journal([stuck], queue_n=200, pace=QUICK)
    journal.put(Record(id="first"))
    assert stuck.entered.wait(10)
    for i in range(400):
        journal.put(Record(id=str(i)))
    gc.collect()
    tracemalloc.start()
    for i in range(20_000):
        journal.put(Record(id=str(i)))
    grown_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown_bytes < 20_000
    assert journal.stats()[0].dropped_n == 20_200
    stuck.release.set()
    assert journal.close(10)


def test_put_costs_the_same_behind_a_stuck_sink() -> None:
    """Compared, not timed absolutely: the best of several rounds each."""

    def best_s(journal: Journal) -> float:
        record, rounds = Record(id="x"), []
        for _ in range(20):
            begun_s = time.perf_counter()
            for _ in range(500):
                journal.put(record)
            rounds.append(time.perf_counter() - begun_s)
        return min(rounds)

    stuck, full = Stuck(), Stuck()
    open_journal = Journal([stuck], queue_n=1_000_000, pace=QUICK)
    full_journal = Journal([full], queue_n=1, pace=QUICK)
    for journal, sink in ((open_journal, stuck), (full_journal, full)):
        journal.put(Record(id="first"))
        assert sink.entered.wait(10)
    assert best_s(full_journal) < 5 * best_s(open_journal) + 0.001
    for sink in (stuck, full):
        sink.release.set()
    assert open_journal.close(30)
    assert full_journal.close(10)


def test_a_failing_sink_gets_the_same_batch_again(caplog: pytest.LogCaptureFixture) -> None:
    sink = Memory(errors=[OSError("disk full"), asyncio.CancelledError(), SystemExit(1)])
    with caplog.at_level(logging.WARNING, "penstock.journal"), Journal([sink], pace=QUICK) as journal:
        for record in records(3):
            journal.put(record)
        assert journal.flush(10)
        assert [record.id for record in sink.records] == ["0", "1", "2"]
        (stats,) = journal.stats()
        assert (stats.failures_n, stats.written_n, stats.dropped_n, stats.last_error) == (3, 3, 0, "SystemExit")
    assert len(caplog.records) == 1  # the log is limited in rate
    assert "sink memory: write failed" in caplog.text


def test_a_batch_that_always_fails_is_given_up() -> None:
    sink = Memory(errors=[OSError()] * TRIES_MOST)
    with Journal([sink], pace=QUICK) as journal:
        journal.put(Record(id="lost"))
        assert journal.flush(10)
        journal.put(Record(id="good"))
        assert journal.flush(10)
        (stats,) = journal.stats()
    assert [record.id for record in sink.records] == ["good"]
    assert (stats.dropped_n, stats.failures_n) == (1, TRIES_MOST)


class Picky(Memory):
    """Cannot write one of the records."""

    def write(self, records: Sequence[Record]) -> None:
        if any(record.id == "bad" for record in records):
            raise OverflowError("a number that does not fit")
        super().write(records)


def test_a_record_that_cannot_be_written_costs_only_itself() -> None:
    sink = Picky()
    lane = Lane(sink, queue_n=100, text_chars=0, pace=QUICK)
    names = ["a", "b", "bad", "c"]
    lane.queue.extend(Record(id=name) for name in names)  # before the thread starts: one batch
    lane.rouse()
    assert lane.mark().wait(10)
    lane.begin_close()
    assert lane.join(10)
    assert [record.id for record in sink.records] == ["a", "b", "c"]
    assert (lane.stats().written_n, lane.stats().dropped_n, lane.stats().failures_n) == (3, 1, 2)


def test_close_writes_what_waits_and_tries_a_dead_sink_once() -> None:
    good, dead = Memory(), Memory("dead", errors=[OSError()] * 1000)
    journal = Journal([good, dead])  # lingers and backs off as in life
    for record in records(10):
        journal.put(record)
    assert journal.close(10)
    assert len(good.records) == 10
    good_stats, dead_stats = journal.stats()
    assert (good_stats.dropped_n, dead_stats.dropped_n) == (0, 10)
    journal.put(Record(id="late"))
    assert [each.dropped_n for each in journal.stats()] == [1, 11]
    assert journal.close(0)
    assert repr(journal) == "<Journal closed [<Lane memory closed, 0/0 wait>, <Lane dead closed, 0/0 wait>]>"


def test_a_thread_that_cannot_start_now_starts_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("can't start new thread")

    sink = Memory()
    with Journal([sink], pace=QUICK) as journal:
        with monkeypatch.context() as patch:
            patch.setattr("threading.Thread.start", fail)
            journal.put(Record(id="a"))
        assert sink.records == []
        journal.put(Record(id="b"))
        assert journal.flush(10)
        assert [record.id for record in sink.records] == ["a", "b"]


def test_a_reload_keeps_what_stays_and_drains_what_goes() -> None:
    stays, goes, comes = Memory("stays"), Memory("goes"), Memory("comes")
    journal = Journal([stays, goes], pace=QUICK)
    journal.put(Record(id="a"))
    journal.use([stays, comes], queue_n=7)
    journal.put(Record(id="b"))
    assert journal.flush(10)
    assert [(each.name, each.written_n) for each in journal.stats()] == [("stays", 2), ("comes", 1)]
    assert [lane.queue_n for lane in journal._lanes] == [7, 7]
    assert journal.close(10)
    assert [[record.id for record in sink.records] for sink in (stays, goes, comes)] == [["a", "b"], ["a"], ["b"]]
    assert [sink.closed_n for sink in (stays, goes, comes)] == [1, 1, 1]
    journal.use([Memory()], queue_n=1)  # after the end it changes nothing
    assert journal.sinks == [stays, comes]


def test_a_sink_that_goes_and_is_stuck_does_not_stop_a_reload() -> None:
    stuck = Stuck()
    journal = Journal([stuck], pace=QUICK)
    journal.put(Record(id="a"))
    assert stuck.entered.wait(10)
    journal.use([], queue_n=1)
    assert not journal.close(0)
    stuck.release.set()
    assert journal.close(10)


def test_kept_text_is_bounded_by_its_length() -> None:
    stuck = Stuck()
    journal = Journal([stuck], text_chars=1000, pace=QUICK)
    journal.put(Record(id="first"))
    assert stuck.entered.wait(10)
    for _ in range(5):
        journal.put(Record(id="x", request_text="q" * 200, answer_text="a" * 100))
    assert journal.stats()[0].dropped_n == 2
    journal.put(Record(id="without text"))
    stuck.release.set()
    assert journal.flush(10)
    journal.put(Record(id="y", answer_text="a" * 1000))  # there is room again
    assert journal.close(10)
    assert len(stuck.records) == 6
    assert journal.stats()[0].dropped_n == 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_starts_afresh() -> None:
    stuck = Stuck()
    journal = Journal([stuck, Memory()], pace=QUICK)
    for record in records(10):
        journal.put(record)
    assert stuck.entered.wait(10)
    pid = os.fork()
    if pid == 0:  # the child answers by its exit code
        code = 1
        try:
            stuck.release.set()
            stuck.records.clear()
            stuck.batches.clear()
            journal.put(Record(id="child"))
            is_ok = journal.close(10) and [record.id for record in stuck.records] == ["child"]
            code = 0 if is_ok and [each.written_n for each in journal.stats()] == [1, 1] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    stuck.release.set()
    assert journal.close(10)
    assert len(stuck.records) == 10
