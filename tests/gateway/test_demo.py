"""`make run`: the gateway with an embedded provider, one answer through it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from penstock.demo.__main__ import ANSWER, REAL


def test_the_demonstration_runs() -> None:
    env = {name: value for name, value in os.environ.items() if name not in dict(REAL)}
    command = [sys.executable, "-m", "penstock.demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    assert ANSWER in done.stdout
    key = re.search(r"Bearer (sk-[\w-]+)", done.stdout)
    assert key is not None
    assert f'api_key="{key[1]}"' in done.stdout
