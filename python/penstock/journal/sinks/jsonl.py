"""JSON lines: one record, one line, appended with one write per batch.

Thread: the sink's lane. Several workers may append to one file. A file that was moved or removed (logrotate) is
noticed before the next batch by its inode, so no signal is needed. No fsync: a crash of the machine may lose lines.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from pathlib import Path

import msgspec

from penstock.journal.record import Record
from penstock.journal.sinks.sink import Sink

_ENCODER = msgspec.json.Encoder()


class JsonLines(Sink):
    """Appends to `path`; "-" is standard output. Raises OSError from `write` when the file cannot be written."""

    def __init__(self, path: str) -> None:
        self.name = "jsonl"
        self.path = path
        self._fd = -1
        self._is_torn = False  # a write broke off inside a line

    @property
    def key(self) -> Hashable:
        return (self.name, self.path)

    def write(self, records: Sequence[Record]) -> None:
        self._open()
        lines = _ENCODER.encode_lines(records)
        rest = memoryview(b"\n" + lines if self._is_torn else lines)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
            self._is_torn = bool(rest)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd > 2:
            os.close(fd)

    def forget(self) -> None:
        """The descriptor itself may be shared: O_APPEND keeps lines whole."""

    def _open(self) -> None:
        if self.path == "-":
            self._fd = 1
            return
        if self._fd >= 0 and not self._is_same_file():
            self.close()
        if self._fd < 0:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            self._is_torn = False

    def _is_same_file(self) -> bool:
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._fd))
