"""Granian as the gateway runs it: its processes, its signals, its settings.

RSGI on one runtime thread per worker with asyncio tasks was the cheapest of what it offers (33 us of CPU for a small
request). Liveness is a static file that its own threads answer, so that a busy event loop is not taken for a dead one.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops, TaskImpl
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from penstock.gateway import workers

ALIVE_PATHS = ("/health/liveliness", "/health/liveness")
START_S = 3.0  # that a worker has to start listening
ALIVE = b'"I\'m alive!"'


class Server(MPServer):
    """Granian's server; SIGHUP goes on to the workers, which reload their configuration without being replaced. Workers
    that ask for it (worn) are replaced one by one."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._is_worn = False
        self._old: list[Any] = []

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        signal.signal(workers.SIGNAL, self._hear_worn)
        super().startup(spawn_target, target_loader)

    def _hear_worn(self, *_: Any) -> None:
        self._is_worn = True
        self.signal_handler_reload()

    def _reload(self, spawn_target: Any, target_loader: Any) -> None:
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        if self._is_worn:
            self._is_worn = False
            self._replace(spawn_target, target_loader)
            return
        for each in self.wrks:
            process = each.inner
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGHUP)

    def _replace(self, spawn_target: Any, target_loader: Any) -> None:
        """The new one listens before the old one stops. Nobody waits here for the old one's streams."""
        self._old = [each for each in self._old if each.inner.is_alive()]
        for idx, old in enumerate(list(self.wrks)):
            if old.inner.pid is not None and workers.has_asked(old.inner.pid):
                fresh = self._spawn_worker(idx=idx, target=spawn_target, callback_loader=target_loader)
                fresh.start()
                self.wrks[idx] = fresh
                time.sleep(START_S)
                old.terminate()
                self._old.append(old)

    def _stop_workers(self) -> None:
        super()._stop_workers()
        for old in self._old:
            old.join(self.workers_kill_timeout)
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
