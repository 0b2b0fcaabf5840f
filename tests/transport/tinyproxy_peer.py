"""Debian's tinyproxy: a real HTTP proxy on a loopback port, and haproxy in front of it where it is to speak TLS."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.ports import free_port

from .certs import Issued

START_LIMIT_S = 20.0

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 200
LogFile "{log}"
LogLevel Info
{auth}
"""

HAPROXY = """
global
    maxconn 200
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen entry
    bind 127.0.0.1:{tls_port} ssl crt {pair_file}
    server tinyproxy 127.0.0.1:{port}
"""


def find(program: str) -> str:
    path = shutil.which(program, path="/usr/local/bin:/usr/bin:/usr/sbin:/sbin")
    assert path is not None, f"{program} is not installed"
    return path


class Tinyproxy:
    """A context manager; `url()` is the proxy's own, `auth` is user and password it insists on."""

    def __init__(self, folder: Path, *, auth: tuple[str, str] | None = None, tls: Issued | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.tls_port = 0 if tls is None else free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        basic = "" if auth is None else f"BasicAuth {auth[0]} {auth[1]}"
        (folder / "tinyproxy.conf").write_text(TINYPROXY.format(port=self.port, log=folder / "log", auth=basic))
        if tls is not None:
            pair_file = folder / "pair.pem"
            pair_file.write_bytes(tls.cert_file.read_bytes() + tls.key_file.read_bytes())
            text = HAPROXY.format(tls_port=self.tls_port, port=self.port, pair_file=pair_file)
            (folder / "haproxy.cfg").write_text(text)

    def __repr__(self) -> str:
        return f"<Tinyproxy {'up' if self._processes else 'down'} port={self.port} tls_port={self.tls_port}>"

    def url(self, userinfo: str = "", *, tls: bool = False) -> str:
        at = f"{userinfo}@" if userinfo else ""
        return f"https://{at}localhost:{self.tls_port}" if tls else f"http://{at}127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self) -> Tinyproxy:
        self._start([find("tinyproxy"), "-d", "-c", str(self.folder / "tinyproxy.conf")], self.port)
        if self.tls_port:
            self._start([find("haproxy"), "-db", "-f", str(self.folder / "haproxy.cfg")], self.tls_port)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _start(self, command: list[str], port: int) -> None:
        """Returns when it takes connections; the pause between tries only keeps the machine usable."""
        with (self.folder / "out").open("ab") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, cwd=self.folder)
        self._processes.append(process)
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError as err:
                if process.poll() is not None or time.monotonic() > deadline:
                    text = (self.folder / "out").read_text(errors="replace")
                    raise RuntimeError(f"{command[0]} did not come up: {text[-2000:]}") from err
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.01)
