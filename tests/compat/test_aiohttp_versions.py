"""The adapter under the oldest and the middle line of aiohttp that it knows: its tests, run with that one installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

FILES = [f"tests/compat/test_aiohttp{part}.py" for part in ("", "_body", "_settings", "_uploads")]
LIMIT_S = 300


def ran(*words: str, **env: str) -> str:
    """What python printed; the test fails when it did."""
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, env=os.environ | env
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(2 * LIMIT_S)
@pytest.mark.parametrize("line", ["3.12", "3.13"])
def test_an_older_aiohttp(line: str, tmp_path: Path) -> None:
    ran("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), f"aiohttp=={line}.*")
    path = str(tmp_path)
    assert ran("-c", "import aiohttp; print(aiohttp.__version__)", PYTHONPATH=path).startswith(f"{line}.")
    ran("-m", "pytest", "-q", "-p", "no:cacheprovider", *FILES, PYTHONPATH=path)
