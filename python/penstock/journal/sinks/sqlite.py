"""SQLite: two tables, `requests` and `attempts`, for questions in SQL on one machine.

Thread: the sink's lane, which alone touches the connection. WAL, so readers and writers of several workers do not
stop each other; one transaction per batch; a record that comes twice (a batch was tried again) is kept once. The
schema's version is in `user_version`: older files are migrated, newer ones refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from penstock.journal.record import Attempt, Record
from penstock.journal.sinks.sink import Sink

# One entry per version, never changed once released: version n is what MIGRATIONS[:n] make.
MIGRATIONS = (
    """
    CREATE TABLE requests (
        id TEXT PRIMARY KEY, started_s REAL NOT NULL, endpoint TEXT, dialect TEXT, key_name TEXT, user TEXT,
        session TEXT, tags TEXT, caller_id TEXT, stream INTEGER, model_asked TEXT, "group" TEXT, deployment TEXT,
        provider TEXT, model_served TEXT, api_host TEXT, provider_id TEXT, answer_id TEXT, retries_n INTEGER,
        fallbacks_n INTEGER, outcome TEXT NOT NULL, status INTEGER, finish_reason TEXT, error_fault TEXT,
        error_type TEXT, error_code TEXT, error_message TEXT, ttft_ms REAL, gap_p50_ms REAL, gap_p99_ms REAL,
        duration_ms REAL, overhead_ms REAL, input_tokens INTEGER, output_tokens INTEGER, cached_tokens INTEGER,
        cache_write_tokens INTEGER, reasoning_tokens INTEGER, usage_is_estimate INTEGER,
        cost_usd REAL, events_n INTEGER,
        upstream_sent_bytes INTEGER, upstream_received_bytes INTEGER, received_bytes INTEGER, sent_bytes INTEGER,
        request_text TEXT, answer_text TEXT
    );
    CREATE INDEX requests_by_start ON requests (started_s);
    CREATE TABLE attempts (
        request_id TEXT NOT NULL, n INTEGER NOT NULL, deployment TEXT, "group" TEXT, provider TEXT, model TEXT,
        api_host TEXT, started_ms REAL, ended_ms REAL, waited_ms REAL, ttft_ms REAL, fault TEXT,
        status INTEGER, is_hedge INTEGER, PRIMARY KEY (request_id, n)
    );
    """,
    "ALTER TABLE attempts ADD COLUMN opened_circuit INTEGER",
)
BUSY_S = 5.0
# Column -> field of the record; what is inside of usage and error follows.
PLAIN = tuple(
    name
    for name in Record.__struct_fields__
    if name not in ("tags", "traceparent", "attempts", "error", "usage")  # elsewhere, or (traceparent) not kept
)
USAGE = {
    "input_tokens": "input",
    "output_tokens": "output",
    "cached_tokens": "cached",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
}
ERROR = {"error_fault": "fault", "error_type": "type", "error_code": "code", "error_message": "message"}
REQUEST_COLUMNS = (*PLAIN, *USAGE, *ERROR, "tags")
_plain_values = attrgetter(*PLAIN)
_usage_values = attrgetter(*USAGE.values())
_error_values = attrgetter(*ERROR.values())
_attempt_values = attrgetter(*Attempt.__struct_fields__)


def _insert(table: str, columns: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"


INSERT_REQUEST = _insert("requests", REQUEST_COLUMNS)
INSERT_ATTEMPT = _insert("attempts", ("request_id", "n", *Attempt.__struct_fields__))


def request_row(record: Record) -> tuple[Any, ...]:
    """A record as values of REQUEST_COLUMNS."""
    usage, error = record.usage, record.error
    return (
        *_plain_values(record),
        *(NO_USAGE if usage is None else _usage_values(usage)),
        *(NO_ERROR if error is None else _error_values(error)),
        msgspec.json.encode(record.tags).decode() if record.tags else None,
    )


NO_USAGE = (None,) * len(USAGE)
NO_ERROR = (None,) * len(ERROR)


class NewerSchema(Exception):
    """The file was made by a newer version of this package."""


class Sqlite(Sink):
    """Inserts into the file at `path`. Raises sqlite3.Error and NewerSchema from `write`."""

    batch_n = 128

    def __init__(self, path: str) -> None:
        self.name = "sqlite"
        self.path = path
        self._db: sqlite3.Connection | None = None

    @property
    def key(self) -> Hashable:
        return (self.name, self.path)

    def write(self, records: Sequence[Record]) -> None:
        db = self._db or self._open()
        tries = [
            (record.id, n, *_attempt_values(attempt)) for record in records for n, attempt in enumerate(record.attempts)
        ]
        with db:
            db.executemany(INSERT_REQUEST, [request_row(record) for record in records])
            db.executemany(INSERT_ATTEMPT, tries)

    def close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def forget(self) -> None:
        """A connection must not be used, nor closed, on the other side of a fork: kept alive, never touched again."""
        if self._db is not None:
            _inherited.append(self._db)
            self._db = None

    def _open(self) -> sqlite3.Connection:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=BUSY_S, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            migrate(db)
        except BaseException:
            db.close()
            raise
        self._db = db
        return db


_inherited: list[sqlite3.Connection] = []


def migrate(db: sqlite3.Connection) -> None:
    """Bring the schema up to MIGRATIONS, in one transaction; several workers may try at once. Raises NewerSchema."""
    db.execute("BEGIN IMMEDIATE")
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise NewerSchema(f"schema version {version}, this package knows {len(MIGRATIONS)}")
        for script in MIGRATIONS[version:]:
            for statement in filter(None, map(str.strip, script.split(";"))):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.commit()
    except BaseException:
        db.rollback()
        raise
