"""A real HTTP/2 server on loopback ports: its files in one folder, its processes in one group.

Every server offers the paths of application.mjs: it is that application itself, or it passes requests on to one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from tests.ports import free_ports
from tests.transport.certs import Issued

LIMIT_BYTES = 4 << 20  # a larger request body is answered 413; application.mjs has the same figure
HELLO = b"".join(b"%07x\n" % word for word in range(64))  # what /hello answers
START_LIMIT_S = 20.0
STOP_LIMIT_S = 5.0
Started = TypeVar("Started", bound="Server")


@dataclass(frozen=True, slots=True)
class Early:
    """A request that this server answers before it has the whole body."""

    method: str = "POST"
    path: str = "/sink"
    statuses: tuple[int, ...] = (413,)  # one of them; none: it resets the stream with REFUSED_STREAM instead
    needs_length: bool = False  # it looks at Content-Length and counts nothing


class Server(ABC):
    """start(), reload() and stop() of one server. A context manager; the ports stay the same over a restart."""

    package: ClassVar[str]  # Debian's
    program: ClassVar[str]
    end_signal: ClassVar[signal.Signals] = signal.SIGTERM  # it ends at once, without finishing what runs
    early: ClassVar[Early] = Early()
    has_application: ClassVar[bool] = True  # /events and /release are there
    has_http1: ClassVar[bool] = True  # it offers HTTP/1.1 too
    cuts: ClassVar[str] = ""  # why a reload loses requests that are in flight; "" = it must not
    goes_down: ClassVar[bool] = False  # a reload is a gap in which nobody answers

    def __init__(self, folder: Path, issued: Issued, upstream_port: int) -> None:
        self.folder = folder
        self.issued = issued
        self.upstream_port = upstream_port
        self.tls_port, self.plain_port, self.control_port = free_ports(3)
        self._processes: list[subprocess.Popen[bytes]] = []

    def __repr__(self) -> str:
        state = "up" if self._processes else "down"
        return f"<{type(self).__name__} {state} tls_port={self.tls_port} plain_port={self.plain_port}>"

    @property
    def ports(self) -> tuple[int, ...]:
        """Those that must take connections before start() returns."""
        return (self.tls_port, self.plain_port)

    @abstractmethod
    def commands(self) -> list[list[str]]:
        """What to run, without the program's name; the configuration is written here."""

    @abstractmethod
    def reload(self) -> None:
        """Begin a reload as the server's own documentation says; it may still go on when this returns."""

    def url(self, path: str) -> str:
        return f"https://localhost:{self.tls_port}{path}"

    def plain_url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.plain_port}{path}"

    def start(self) -> None:
        assert not self._processes, self
        for arguments in self.commands():
            self.spawn(arguments)
        for port in self.ports:
            self._wait_for(port)

    def spawn(self, arguments: list[str]) -> None:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [self.find_program(), *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, "HOME": str(self.folder)},
                start_new_session=True,
            )
        self._processes.append(process)

    def stop(self) -> None:
        running, self._processes = [each for each in self._processes if each.poll() is None], []
        for process in running:
            process.send_signal(self.end_signal)
        for process in running:
            try:
                process.wait(timeout=STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                pass
            try:  # workers that outlive their master, which may still be finishing requests
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()

    def restart(self) -> None:
        """Cut every connection and come up again on the same ports."""
        self.stop()
        self.start()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The one that serves, or the master of those that do."""
        assert self._processes, self
        return self._processes[-1]

    def log(self) -> str:
        """The end of what it said."""
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def find_program(self) -> str:
        found = shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        assert found is not None, f"{self.program} is not there: Debian's package {self.package} has it (make deps)"
        return found

    def __enter__(self: Started) -> Started:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _wait_for(self, port: int) -> None:
        """Connect until it works; the pause between tries keeps the machine usable, nothing relies on its length."""
        deadline_s = time.monotonic() + START_LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError as err:
                is_over = any(each.poll() is not None for each in self._processes)
                if is_over or time.monotonic() > deadline_s:
                    raise RuntimeError(f"{self!r} did not come up: {self.log()}") from err
                time.sleep(0.005)
