"""What the worker processes of one server tell each other, and their parent: files in a folder of the server's own.

A worker that has served enough tells its parent by a file with its number, and a signal; the new one tells in the same
way that it listens, only then does the old one stop; its streams go on to their end. A drain that one worker was asked
for holds for all: whoever probes readiness does not choose the worker.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

RUN_DIR = "PENSTOCK_RUN_DIR"  # a folder of the server's own
SIGNAL = signal.SIGUSR2
DRAINING = "draining"
WORN = "worn"  # what a worker says: I want to be replaced
SERVING = "serving"  # I listen and my loop runs


def say(what: str) -> None:
    """In a worker: tell the parent; does nothing without a server around it."""
    if folder := os.environ.get(RUN_DIR):
        Path(folder, f"{what}-{os.getpid()}").touch()
        os.kill(os.getppid(), SIGNAL)


def who_said(what: str) -> set[int]:
    """In the parent: the numbers of the processes that have said so since the last time."""
    found = set()
    for mark in Path(os.environ[RUN_DIR]).glob(f"{what}-*"):
        mark.unlink()
        found.add(int(mark.name.removeprefix(f"{what}-")))
    return found


def mark_draining() -> None:
    """In a worker; does nothing without a server around it."""
    if folder := os.environ.get(RUN_DIR):
        Path(folder, DRAINING).touch()


def is_marked_draining() -> bool:
    """Has any worker been told to drain?"""
    folder = os.environ.get(RUN_DIR)
    return folder is not None and os.path.exists(os.path.join(folder, DRAINING))
