"""Debian's nghttpd as a peer: libnghttp2's own server, which limits how often its clients may reset streams."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.ports import free_port

from .certs import Issued

START_LIMIT_S = 20.0


class Nghttpd:
    """Serves the files of one folder over TLS. A context manager: `with Nghttpd(folder, issued) as peer`."""

    def __init__(self, folder: Path, tls: Issued) -> None:
        self.folder = folder
        self.port = free_port()
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}{path}"

    def __enter__(self) -> Nghttpd:
        program = shutil.which("nghttpd")
        assert program is not None, "nghttpd is not installed (package nghttp2-server)"
        self._process = subprocess.Popen(
            [program, "-a", "127.0.0.1", "-d", self.folder, str(self.port), self._tls.key_file, self._tls.cert_file],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                assert self._process.poll() is None and time.monotonic() < deadline, "nghttpd did not come up"
                time.sleep(0.01)  # between two tries

    def __exit__(self, *exc_info: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
