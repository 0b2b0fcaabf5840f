"""A program and the processes it started: their CPU to the nanosecond, their memory, and stopping them for a while."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

START_S, STOP_S, LOOK_S = 90.0, 10.0, 0.05
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Program:
    """Started on one core, ended with the block."""

    def __init__(self, command: list[str], core: str, log: Path, env: Mapping[str, str] | None = None) -> None:
        self._log = log.open("wb")
        self.log_path = log
        self._process = subprocess.Popen(
            ["taskset", "-c", core, *command],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wake()
        all_of_it = self.pids()
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in all_of_it[1:]:
            _signal(pid, signal.SIGKILL)
        self._log.close()

    def wait_for(self, url: str) -> None:
        """Until it answers with 200. RuntimeError with its log when it ends or takes too long."""
        due_s = time.monotonic() + START_S
        while time.monotonic() < due_s and self._process.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(LOOK_S)
        raise RuntimeError(f"{url} does not answer:\n{self.log_path.read_text(errors='replace')[-2000:]}")

    def pids(self) -> list[int]:
        """The process and all that it started, the program first."""
        found = [self._process.pid]
        for pid in found:
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
            except OSError:  # ended meanwhile
                continue
        return found

    def cpu_us(self) -> float:
        """User and system time of all of them, every thread, ended ones too: their CPU clocks."""
        total_ns = 0
        for pid in self.pids():
            try:
                total_ns += time.clock_gettime_ns((~pid << 3) | 2)
            except OSError:
                continue
        return total_ns / 1e3

    def rss_mib(self) -> tuple[float, float]:
        """Of the largest process, and of all (pages they share are counted in each)."""
        sizes = [0.0]
        for pid in self.pids():
            try:
                sizes.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 2**20)
            except OSError:
                continue
        return max(sizes), sum(sizes)

    def sleep(self) -> None:
        """Stop it, so that it takes nothing from the one that is measured."""
        for pid in self.pids():
            _signal(pid, signal.SIGSTOP)

    def wake(self) -> None:
        for pid in reversed(self.pids()):
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
