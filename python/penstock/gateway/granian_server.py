"""Granian as the gateway runs it: its processes, its signals, its settings.

RSGI on one runtime thread per worker with asyncio tasks was the cheapest of what it offers (33 us of CPU for a small
request). Liveness is a static file that its own threads answer, so that a busy event loop is not taken for a dead one.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops, TaskImpl
from granian.http import HTTP1Settings
from granian.log import LogLevels, logger
from granian.server.mp import MPServer

from penstock.gateway import workers

ALIVE_PATHS = ("/health/liveliness", "/health/liveness")
START_S = 120.0  # that a replacement has to start; nobody waits for it, the worn worker serves on
ALIVE = b'"I\'m alive!"'


class Replacement:
    """A worker that is to take a worn one's place once it serves."""

    __slots__ = ("is_late", "process", "worker")

    def __init__(self, worker: Any) -> None:
        self.worker = worker  # Granian's; its own watching begins when it is adopted: an early death is our affair
        self.process = worker.inner
        self.is_late = False  # it has died, or START_S are over

    def start(self, wake: Callable[[], None]) -> None:
        """`wake` is called, from a thread, when it has died or is late."""
        self.process.start()
        threading.Thread(target=self._attend, args=(wake,), daemon=True).start()

    def _attend(self, wake: Callable[[], None]) -> None:
        self.process.join(START_S)
        self.is_late = True
        wake()


class Server(MPServer):
    """Granian's server; SIGHUP goes on to the workers, which reload their configuration without being replaced. Workers
    that ask for it (worn) are replaced: the new one says that it serves before the old one stops. When it dies or does
    not say so in time the old one stays, the log says why, and it asks again after as many requests."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._is_hung_up = False
        self._replacements: dict[int, Replacement] = {}  # by index of the worker
        self._old: list[Any] = []

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        signal.signal(workers.SIGNAL, lambda *_: self._wake())
        super().startup(spawn_target, target_loader)

    def signal_handler_reload(self, *_: Any) -> None:
        """SIGHUP."""
        self._is_hung_up = True
        self._wake()

    def _wake(self) -> None:
        """Let the main loop call _reload."""
        self.reload_signal = True
        self.main_loop_interrupt.set()

    def _reload(self, spawn_target: Any, target_loader: Any) -> None:
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        if self.interrupt_signal or self.interrupt_children:  # since the main loop has looked
            self.main_loop_interrupt.set()
        if self._is_hung_up:
            self._is_hung_up = False
            for each in self.wrks:  # one that starts reads the files anyway
                if each.inner.pid is not None and each.is_alive():
                    os.kill(each.inner.pid, signal.SIGHUP)
        self._settle()
        self._replace_worn(spawn_target, target_loader)

    def _replace_worn(self, spawn_target: Any, target_loader: Any) -> None:
        worn = workers.who_said(workers.WORN)
        for idx, each in enumerate(self.wrks):
            if each.inner.pid in worn and idx not in self._replacements:
                fresh = Replacement(self._spawn_worker(idx=idx, target=spawn_target, callback_loader=target_loader))
                self._replacements[idx] = fresh
                fresh.start(self._wake)

    def _settle(self) -> None:
        """Replacements that serve take their places; what has died or is late is given up."""
        serving = workers.who_said(workers.SERVING)
        for idx, fresh in list(self._replacements.items()):
            old = self.wrks[idx]
            if fresh.process.pid in serving:
                logger.info(f"worker-{idx + 1}: PID {fresh.process.pid} takes the place of the worn {old.inner.pid}")
                self.wrks[idx] = fresh.worker
                fresh.worker._watch()
                old.terminate()
                self._old = [each for each in self._old if each.inner.is_alive()] + [old]
            elif fresh.is_late:
                end = f"did not serve within {START_S:g} s" if fresh.process.is_alive() else "died before it served"
                logger.error(f"worker-{idx + 1}: PID {fresh.process.pid} {end}; the worn {old.inner.pid} stays")
                fresh.process.kill()
            else:
                continue
            del self._replacements[idx]

    def _stop_workers(self) -> None:
        self._settle()
        for fresh in self._replacements.values():
            fresh.process.kill()
        until_s = time.monotonic() + (self.workers_kill_timeout or 0)  # for the worn ones too: they were told earlier
        super()._stop_workers()
        for old in self._old:
            old.join(max(0.0, until_s - time.monotonic()))
            if old.inner.is_alive():
                old.kill()


def serve(options: argparse.Namespace, *, connections: int, drain_s: float) -> None:
    """Until SIGINT or SIGTERM. SystemExit(1) when a worker died."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # in a worker until its loop takes it
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        alive = Path(folder, "alive")
        alive.mkdir()
        os.environ[workers.RUN_DIR] = folder
        (alive / "alive.json").write_bytes(ALIVE)
        Server(
            "penstock.gateway.serve:worker",
            factory=True,
            address=options.host,
            port=options.port,
            interface=Interfaces.RSGI,
            workers=options.num_workers,
            runtime_threads=options.granian_threads,
            loop=Loops.auto,
            task_impl=TaskImpl.asyncio,
            http=HTTPModes.auto,
            websockets=False,
            backlog=1024,
            backpressure=connections,
            http1_settings=http1_of(options.keepalive_timeout),
            log_level=LogLevels(options.log_level),
            log_access=options.access_log,
            ssl_cert=options.ssl_certfile_path,
            ssl_key=options.ssl_keyfile_path,
            workers_kill_timeout=max(1, round(drain_s)),
            respawn_failed_workers=True,
            static_path_route=ALIVE_PATHS,
            static_path_mount=[alive, alive],
            static_path_dir_to_file="alive.json",
            static_path_expires=0,
        ).serve()


def http1_of(keepalive_s: float) -> HTTP1Settings:
    """Granian has one clock for a request's head and for the idle time before it."""
    return HTTP1Settings(keep_alive=keepalive_s > 0, header_read_timeout=max(1, round((keepalive_s or 30) * 1000)))
