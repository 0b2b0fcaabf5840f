"""What docs/howto/testing.md shows works exactly as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx

from penstock.testing.files import load_script

PAGE = Path(__file__).parents[2] / "docs/howto/testing.md"


def shown(name: str) -> str:
    """The file of that name on the page."""
    match = re.search(rf"<!-- file: {re.escape(name)} -->\n```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert match, name
    return match[1]


def block_with(text: str) -> str:
    """The first Python block with that text."""
    return next(each for each in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if text in each)


def test_the_users_test_runs_as_written(tmp_path: Path) -> None:
    text = shown("test_retry.py")
    assert len(text.splitlines()) <= 15
    (tmp_path / "test_retry.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_retry.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_script_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "script.toml").write_text(shown("script.toml"))
    rules = load_script(tmp_path / "script.toml")
    assert rules[0].match.times == 2
    assert len(rules) > 10


def test_the_python_script_is_one() -> None:
    block = next(
        each for each in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "script = [" in each
    )
    exec(compile(block, str(PAGE), "exec"), {})


def test_the_mock_is_as_shown() -> None:
    text = f"from penstock.testing import *\n{block_with('mock = ')}"
    exec(compile(text, str(PAGE), "exec"), {"httpx": httpx})
