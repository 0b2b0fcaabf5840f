"""Reload when a source changes or SIGHUP comes. A task of the event loop; files are looked at and read in a thread.

A look compares inode, times and size of each source behind its symbolic links, so atomic renames and the swap of a
Kubernetes configmap are seen. A change is read when the next look finds nothing newer: an editor may still write. What
cannot be used - an error, a file that is gone, one that has lost all its deployments because it was cut off - is
reported once, and the configuration before it stays. Nothing here raises but cancellation.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from penstock.config.complaint import Complaint
from penstock.config.load import Loaded, load
from penstock.config.models import Config

LOOK_S = 1.0  # between two looks
Complaints = tuple[Complaint, ...]
Mark = tuple[int, int, int, int, int]
Marks = tuple[Mark | None, ...]
log = logging.getLogger("penstock.config")


def mark_of(path: str) -> Mark | None:
    """What changes with the content of a file; None when it is not there."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size


def log_rejected(complaints: Complaints) -> None:
    for each in complaints:
        if each.is_error:
            log.error("the configuration is not reloaded: %s", each)


class Watcher:
    """`start()` makes the task on the running loop, `stop()` ends it. `look()` is one look, for those with a clock.

    on_new       called in the loop's thread with a Config that differs, or that SIGHUP asked for
    on_rejected  called with the complaints about one that cannot be used
    current      what is in use; None = what the first look finds, without a word
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        on_new: Callable[[Config, Complaints], None],
        on_rejected: Callable[[Complaints], None] = log_rejected,
        current: Config | None = None,
        environ: Mapping[str, str] = os.environ,
        every_s: float = LOOK_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.path = Path(path)
        self.config = current
        self.on_new = on_new
        self.on_rejected = on_rejected
        self.environ = environ
        self.every_s = every_s
        self.sleep = sleep
        self.sources: tuple[str, ...] = (str(path),)
        self.reloads_n = 0
        self.rejected_n = 0
        self._read: Marks | None = None  # when it was last read
        self._seen: Marks | None = None  # when it was last looked at
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = "runs" if self._task is not None else "stopped"
        return f"<Watcher {self.path}, {state}, {self.reloads_n} reloads, {self.rejected_n} rejected>"

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def poke(self) -> None:
        """Reload now, changed or not: what SIGHUP does."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        with self._hearing():
            while True:
                await self.look()
                await self._pause()

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        """SIGHUP pokes; afterwards it does what it did before."""
        loop = asyncio.get_running_loop()
        try:
            before = signal.getsignal(signal.SIGHUP)
            loop.add_signal_handler(signal.SIGHUP, self.poke)
        except (AttributeError, NotImplementedError, RuntimeError, ValueError):
            log.debug("SIGHUP is not heard here")  # no main thread, or Windows
            yield
            return
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, before or signal.SIG_DFL)

    async def look(self) -> None:
        """Reload when it was asked for, or when a change has settled."""
        try:
            is_asked = self._asked.is_set()
            self._asked.clear()
            now = await asyncio.to_thread(self._marks)
            is_first, is_settled = self._read is None, now == self._seen
            self._seen = now
            if is_asked or is_first or (now != self._read and is_settled):
                self._read = now
                self._take(await asyncio.to_thread(self._load), is_asked)
        except Exception:
            log.exception("the configuration could not be reloaded")

    def _load(self) -> Loaded:
        return load(self.path, environ=self.environ)

    def _take(self, loaded: Loaded, is_asked: bool) -> None:
        config, complaints = loaded.config, loaded.complaints
        if config is not None and not config.deployments and self.config is not None and self.config.deployments:
            why = "has no deployment any more: perhaps it is half written"
            config, complaints = None, (*complaints, Complaint("model_list", why, file=str(self.path)))
        if config is None:
            self._watch({*self.sources, *loaded.sources})
            self.rejected_n += 1
            self.on_rejected(complaints)
            return
        self._watch(set(loaded.sources))
        is_known = self.config is None or config == self.config
        self.config = config
        if is_asked or not is_known:
            self.reloads_n += 1
            self.on_new(config, complaints)

    def _watch(self, sources: set[str]) -> None:
        """These from now on. Those that are new were read just now."""
        old = dict(zip(self.sources, self._read or (), strict=True))
        self.sources = tuple(sorted(sources))
        self._read = self._seen = tuple(old[path] if path in old else mark_of(path) for path in self.sources)

    def _marks(self) -> Marks:
        return tuple(mark_of(path) for path in self.sources)

    async def _pause(self) -> None:
        """Until the next look, or until somebody pokes."""
        waits = [asyncio.ensure_future(self.sleep(self.every_s)), asyncio.ensure_future(self._asked.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
