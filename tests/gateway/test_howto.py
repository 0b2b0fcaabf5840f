"""The programs of docs/howto/router.md and the files of docs/howto/gateway.md work exactly as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.router import Router, RouterError
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


def test_the_gateways_files_work(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    put("gateway.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    keys = {"LITELLM_MASTER_KEY": "sk-master", "TEAM_A_KEY": "sk-team-a"}
    for name, value in {**provider.env(), **keys}.items():
        monkeypatch.setenv(name, value)
    asked = {"model": "gpt", "messages": [{"role": "user", "content": "What is a penstock?"}]}
    with Router("config.yaml") as router:
        assert router.chat_sync(asked).status == 200
        with pytest.raises(RouterError, match="does not belong into a prompt"):
            router.chat_sync({**asked, "messages": [{"role": "user", "content": "-----BEGIN PRIVATE KEY-----"}]})
    assert provider.requests[0].json()["temperature"] == 0
    assert len(Path("journal.jsonl").read_text().splitlines()) == 2
    assert len(Path("spend.txt").read_text().splitlines()) == 1
