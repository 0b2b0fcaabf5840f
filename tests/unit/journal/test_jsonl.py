"""One line per record, whole lines, and a rotated file is noticed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from penstock.journal import Record
from penstock.journal.sinks.jsonl import JsonLines


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "journal.jsonl"
    for name in ("a", "b"):
        sink = JsonLines(str(path))
        sink.write([Record(id=name), Record(id=name + "2", user="ü\n")])
        sink.close()
    assert ids(path) == ["a", "a2", "b", "b2"]
    assert path.stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("is_recreated", [False, True])
def test_a_rotated_file_is_noticed(tmp_path: Path, is_recreated: bool) -> None:
    path, old = tmp_path / "j", tmp_path / "j.1"
    sink = JsonLines(str(path))
    sink.write([Record(id="a")])
    path.rename(old)
    if is_recreated:
        path.touch()
    sink.write([Record(id="b")])
    sink.close()
    assert ids(old) == ["a"]
    assert ids(path) == ["b"]


def test_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sink = JsonLines("-")
    sink.write([Record(id="a")])
    sink.close()
    assert json.loads(capfdbinary.readouterr().out)["id"] == "a"


def test_a_torn_line_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "j"
    sink = JsonLines(str(path))
    real, calls = os.write, []

    def write(fd: int, data: memoryview) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return real(fd, data[:10])
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr("penstock.journal.sinks.jsonl.os.write", write)
    with pytest.raises(OSError, match="No space"):
        sink.write([Record(id="a")])
    sink.write([Record(id="a")])
    sink.close()
    torn, whole = path.read_text().splitlines()
    assert len(torn) == 10
    assert json.loads(whole)["id"] == "a"


def test_what_cannot_be_opened_raises(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        JsonLines(str(tmp_path)).write([Record(id="a")])
