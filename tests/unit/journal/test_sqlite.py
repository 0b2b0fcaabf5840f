"""Rows as the records say, once each, in a schema with a version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from penstock.journal import Attempt, Journal, Pace, Record, RecordError
from penstock.journal.sinks.sqlite import MIGRATIONS, REQUEST_COLUMNS, NewerSchema, Sqlite, request_row
from penstock.sse.usage import Usage

RECORD = Record(
    id="r1",
    started_s=12.5,
    stream=True,
    tags=("a", "b"),
    outcome="cut",
    status=200,
    usage=Usage(input=10, output=5, cached=3, cache_write=2, reasoning=1),
    error=RecordError(fault="cut", message="ended early", type="t"),
    cost_usd=0.25,
    group="g",
    attempts=[
        Attempt(deployment="d1", group="g", fault="server", status=500, ended_ms=4.0, opened_circuit=True),
        Attempt(deployment="d2", group="g", started_ms=5.0, ended_ms=9.0, waited_ms=1.0),
    ],
)


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def test_a_record_becomes_rows(tmp_path: Path) -> None:
    path = tmp_path / "new" / "j.db"
    sink = Sqlite(str(path))
    sink.write([RECORD, Record(id="r2")])
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    sink.close()
    assert rows(
        path,
        'SELECT id, started_s, stream, tags, outcome, "group", input_tokens, output_tokens, cached_tokens, '
        "cache_write_tokens, reasoning_tokens, cost_usd, error_fault, error_message, request_text "
        "FROM requests ORDER BY id",
    ) == [
        ("r1", 12.5, 1, '["a","b"]', "cut", "g", 10, 5, 3, 2, 1, 0.25, "cut", "ended early", None),
        ("r2", 0.0, 0, None, "failed", None, None, None, None, None, None, None, None, None, None),
    ]
    assert rows(path, "SELECT request_id, n, deployment, fault, status, waited_ms FROM attempts ORDER BY n") == [
        ("r1", 0, "d1", "server", 500, 0.0),
        ("r1", 1, "d2", None, None, 1.0),
    ]


def test_the_schema_has_a_column_for_every_value(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    sink = Sqlite(str(path))
    sink.write([RECORD])
    sink.close()
    assert len(request_row(RECORD)) == len(REQUEST_COLUMNS)
    assert {name for (name,) in rows(path, "SELECT name FROM pragma_table_info('requests')")} == set(REQUEST_COLUMNS)
    attempts = {name for (name,) in rows(path, "SELECT name FROM pragma_table_info('attempts')")}
    assert attempts == {"request_id", "n", *Attempt.__struct_fields__}


def test_a_batch_that_comes_again_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    for _ in range(2):
        sink = Sqlite(str(path))
        sink.write([RECORD])
        sink.write([RECORD])
        sink.close()
    assert rows(path, "SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM attempts)") == [(1, 2)]


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_an_older_schema_is_migrated(tmp_path: Path, version: int) -> None:
    path = tmp_path / "j.db"
    db = sqlite3.connect(path)
    for script in MIGRATIONS[:version]:
        db.executescript(script)
    db.execute("INSERT INTO attempts (request_id, n) VALUES ('old', 0)")
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()
    Sqlite(str(path)).write([RECORD])
    assert rows(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert rows(path, "SELECT opened_circuit FROM attempts ORDER BY request_id = 'old' DESC, n") == [
        (None,),
        (1,),
        (0,),
    ]


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(NewerSchema):
        Sqlite(str(path)).write([RECORD])
    assert rows(path, "SELECT count(*) FROM sqlite_master") == [(0,)]


def test_several_workers_write_one_file(tmp_path: Path) -> None:
    """A lock that is held too long is a failed write; the lane tries again."""
    path = tmp_path / "j.db"
    journals = [Journal([Sqlite(str(path))], pace=Pace(linger_s=0.0, backoff_s=0.01)) for _ in range(4)]
    for name, journal in enumerate(journals):
        for i in range(300):
            journal.put(Record(id=f"{name}-{i}"))
    closed = [journal.flush(30) and journal.close(30) for journal in journals]
    assert closed == [True] * 4
    assert [journal.stats()[0].dropped_n for journal in journals] == [0] * 4
    assert rows(path, "SELECT count(*) FROM requests") == [(1200,)]


def test_a_number_that_does_not_fit_costs_one_record(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with Journal([Sqlite(str(path))], pace=Pace(linger_s=0.0)) as journal:
        for name, tokens_n in (("a", 1), ("b", 2**70), ("c", 3)):
            journal.put(Record(id=name, usage=Usage(input=tokens_n)))
        assert journal.flush(30)
        assert journal.stats()[0].dropped_n == 1
    assert rows(path, "SELECT id FROM requests ORDER BY id") == [("a",), ("c",)]


def test_a_file_that_is_no_database_raises(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Sqlite(str(path)).write([RECORD])
