"""What the worker processes of one server tell each other, and their parent: files in a folder of the server's own.

A worker that has served enough asks its parent for a replacement by a file with its number, and a signal; the new one
starts before the old one stops listening; the old one's streams go on to their end. A drain that one worker was asked
for holds for all: whoever probes readiness does not choose the worker.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

RUN_DIR = "PENSTOCK_RUN_DIR"  # a folder of the server's own
SIGNAL = signal.SIGUSR2
DRAINING = "draining"


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


def mark_draining() -> None:
    """In a worker; does nothing without a server around it."""
    if folder := os.environ.get(RUN_DIR):
        Path(folder, DRAINING).touch()


def is_marked_draining() -> bool:
    """Has any worker been told to drain?"""
    folder = os.environ.get(RUN_DIR)
    return folder is not None and os.path.exists(os.path.join(folder, DRAINING))


def _mark(pid: int) -> Path:
    return Path(os.environ[RUN_DIR], f"worn-{pid}")
