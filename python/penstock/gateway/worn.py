"""A worker that has served enough asks its parent for a replacement: a file with its number, and a signal.

The new worker starts before the old one stops listening; the old one's streams go on to their end.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

RUN_DIR = "PENSTOCK_RUN_DIR"  # a folder of the server's own
SIGNAL = signal.SIGUSR2


def ask_replacement() -> None:
    """In the worker."""
    _mark(os.getpid()).touch()
    os.kill(os.getppid(), SIGNAL)


def has_asked(pid: int) -> bool:
    """In the parent; True once per worker."""
    try:
        _mark(pid).unlink()
    except FileNotFoundError:
        return False
    return True


def _mark(pid: int) -> Path:
    return Path(os.environ[RUN_DIR], f"worn-{pid}")
