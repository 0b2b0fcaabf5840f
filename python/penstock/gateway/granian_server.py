"""Granian as the gateway runs it: its processes, its signals, its settings.

RSGI on one runtime thread per worker with asyncio tasks was the cheapest of what it offers (33 us of CPU for a small
request). Liveness is a static file that its own threads answer, so that a busy event loop is not taken for a dead one.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops, TaskImpl
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

ALIVE_PATHS = ("/health/liveliness", "/health/liveness")
ALIVE = b'"I\'m alive!"'


class Server(MPServer):
    """Granian's server; SIGHUP goes on to the workers, which reload their configuration without being replaced."""

    def _reload(self, spawn_target: Any, target_loader: Any) -> None:
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        for each in self.wrks:
            process = each.inner
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGHUP)


def serve(options: argparse.Namespace, *, connections: int) -> None:
    """Until SIGINT or SIGTERM. SystemExit(1) when a worker died."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # in a worker until its loop takes it
    drain_s = float(os.environ.get("GRACEFUL_SHUTDOWN_TIMEOUT") or 30)
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        alive = Path(folder)
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


def http1_of(keepalive_s: float | None) -> HTTP1Settings | None:
    """Granian's settings of HTTP/1.1; None = its own."""
    if keepalive_s is None:
        return None
    return HTTP1Settings(keep_alive=keepalive_s > 0)
