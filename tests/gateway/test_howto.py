"""The programs of docs/howto/router.md and the hook of docs/howto/gateway.md run exactly as written."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.testing import Provider

HOWTO = Path(__file__).parents[2] / "docs/howto"


def put(page: str, folder: Path) -> None:
    """The page's files, into a folder."""
    text = (HOWTO / page).read_text()
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        (folder / name).write_text(content)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider("It carries water.") as provider:
        yield provider


def run(folder: Path, name: str, provider: Provider) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-W", "error", name],
        cwd=folder,
        env={**os.environ, **provider.env()},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_routers_programs_run(tmp_path: Path, provider: Provider) -> None:
    put("router.md", tmp_path)
    lines = run(tmp_path, "ask.py", provider).splitlines()
    assert lines[0] == lines[2] == "It carries water."
    assert "output=" in lines[1] and "output=" in lines[3]
    text, events = run(tmp_path, "blocking.py", provider).splitlines()
    assert text == "It carries water."
    assert events.endswith(" events")
