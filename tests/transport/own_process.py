"""Scripts that need a process of their own: they fork, exit, or count what the whole process holds."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

LIMIT_S = 100


def run_script(script: str, *args: str, interpreter_flags: tuple[str, ...] = ()) -> str:
    """What it printed. It must end by itself, well, and without a word on stderr."""
    try:
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", *interpreter_flags, "-c", textwrap.dedent(script), *args],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired as late:
        told = (late.stdout or b"").decode() + (late.stderr or b"").decode()
        raise AssertionError(f"the script hangs; it said: {told}") from None
    assert (done.returncode, done.stderr) == (0, ""), f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
