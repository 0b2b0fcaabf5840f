"""Debian's nginx as a peer: a real server on loopback ports, plain and TLS, with its files in one folder.

Paths it serves:
    /bytes/N        N of 0, 1k, 64k, 1m, 10m: so many bytes, the pattern of `body_of`
    /json           a small JSON object; a request body is read and thrown away
    /length         the request's length on the wire, as text
    /header         the value of the request's X-Echo header
    /sink           204 once the whole request body, of any size, has been read
    /early          204 at once; the request body is read and thrown away after it
    /status/N       an answer of status N (204, 304, 404, 500, 503)
    /slow           1 MiB at 256 KiB/s
    /close          as /json, and the connection is closed after it
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tests.ports import free_ports

from .certs import Issued

SIZES = {"0": 0, "1k": 1024, "64k": 65536, "1m": 1 << 20, "10m": 10 << 20}
JSON = b'{"id":"cmpl-0","object":"chat.completion","choices":[{"index":0,"text":"ok","finish_reason":"stop"}]}'
START_LIMIT_S = 20.0


@lru_cache
def body_of(size: str) -> bytes:
    """What /bytes/SIZE answers: no two 8-byte words of it are alike, so lost or doubled pieces show."""
    n = SIZES[size]
    return b"".join(b"%07x\n" % word for word in range(n // 8))


CONFIG = """
daemon off;
worker_processes {workers};
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nodelay on;
    keepalive_timeout 60s;
    keepalive_requests {keepalive_requests};
    client_max_body_size 0;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    ssl_session_cache shared:s:1m;
    server {{
        listen 127.0.0.1:{port};
        {tls}
        root {folder}/root;
        location = /json {{ default_type application/json; return 200 '{json}'; }}
        location = /length {{ return 200 '$request_length'; }}
        location = /header {{ return 200 '$http_x_echo'; }}
        location = /sink {{ proxy_pass http://127.0.0.1:{port}/early; }}
        location = /early {{ return 204; }}
        location = /close {{ keepalive_timeout 0; default_type application/json; return 200 '{json}'; }}
        location = /slow {{ limit_rate 256k; alias {folder}/root/bytes/1m; }}
        location = /status/204 {{ return 204; }}
        location = /status/304 {{ return 304; }}
        location = /status/404 {{ return 404; }}
        location = /status/500 {{ return 500; }}
        location = /status/503 {{ return 503; }}
    }}
}}
"""


def find_nginx() -> str | None:
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class Nginx:
    """One nginx with one plain and, given a certificate, one TLS port. start() and stop() may alternate; ports stay.

    A context manager: `with Nginx(folder, tls=issued) as peer: peer.url("/json", tls=True)`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tls: Issued | None = None,
        http2: bool = False,  # on the TLS port, beside HTTP/1.1
        workers: int = 1,
        keepalive_requests: int = 1_000_000,
        prefix: Sequence[str] = (),  # in front of nginx's command line
    ) -> None:
        self.folder = folder
        self._prefix = list(prefix)
        self.port, tls_port = free_ports(2)
        self.tls_port = tls_port if tls else 0
        self._process: subprocess.Popen[bytes] | None = None
        files = folder / "root" / "bytes"
        files.mkdir(parents=True, exist_ok=True)
        for size in SIZES:
            (files / size).write_bytes(body_of(size))
        listen_tls = f"listen 127.0.0.1:{self.tls_port} ssl{' http2' if http2 else ''}; " if tls else ""
        tls_files = f"ssl_certificate {tls.cert_file}; ssl_certificate_key {tls.key_file};" if tls else ""
        (folder / "nginx.conf").write_text(
            CONFIG.format(
                workers=workers,
                folder=folder,
                port=self.port,
                keepalive_requests=keepalive_requests,
                json=JSON.decode(),
                tls=listen_tls + tls_files,
                user="user root;" if os.getuid() == 0 else "",
            )
        )

    def __repr__(self) -> str:
        state = "up" if self._process else "down"
        return f"<Nginx {state} port={self.port} tls_port={self.tls_port}>"

    def url(self, path: str, *, tls: bool = False) -> str:
        return f"https://localhost:{self.tls_port}{path}" if tls else f"http://127.0.0.1:{self.port}{path}"

    def start(self) -> None:
        """Returns when both ports take connections."""
        assert self._process is None, self
        program = find_nginx()
        assert program is not None, "nginx is not installed"
        log = self.folder / "error.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._prefix, program, "-p", str(self.folder), "-e", str(log), "-c", str(self.folder / "nginx.conf")],
                stdout=out,
                stderr=out,
            )
        for port in filter(None, (self.port, self.tls_port)):
            self._wait_for(port)

    def stop(self, *, gracefully: bool = False) -> None:
        """End all of it: at once (connections are cut) or after the running requests."""
        process, self._process = self._process, None
        if process is None:
            return
        if gracefully:
            process.send_signal(3)  # SIGQUIT: nginx's graceful stop
        else:
            process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Cut every connection and come up again on the same ports."""
        self.stop()
        self.start()

    def reload(self) -> None:
        """New workers; the old ones finish what they have and close idle connections."""
        assert self._process is not None, self
        self._process.send_signal(1)  # SIGHUP

    def __enter__(self) -> Nginx:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _wait_for(self, port: int) -> None:
        """Connect until it works; the pause between tries keeps the machine usable, nothing relies on its length."""
        assert self._process is not None
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError as err:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    text = (self.folder / "error.log").read_text(errors="replace")
                    raise RuntimeError(f"nginx did not come up: {text[-2000:]}") from err
                self._pause(0.01)

    def _pause(self, pause_s: float) -> None:
        try:
            if self._process is not None:
                self._process.wait(timeout=pause_s)
        except subprocess.TimeoutExpired:
            pass
