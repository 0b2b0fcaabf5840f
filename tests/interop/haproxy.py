"""haproxy: a new process takes the listening sockets over and tells the old one to finish (-sf).

Not in master-worker mode: a master that is still starting loses the signal to reload, though its worker serves.
"""

from __future__ import annotations

from pathlib import Path

from .server import LIMIT_BYTES, Early, Server

CONFIG = """
global
    maxconn 1000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend entry
    bind 127.0.0.1:{tls_port} ssl crt {pair_file} alpn h2,http/1.1
    bind 127.0.0.1:{plain_port} proto h2
    http-request deny deny_status 413 if {{ req.hdr_val(content-length) gt {limit_bytes} }}
    default_backend application
backend application
    server node 127.0.0.1:{upstream_port}
"""


class Haproxy(Server):
    package = "haproxy"
    program = "haproxy"
    early = Early(needs_length=True)

    def commands(self) -> list[list[str]]:
        pair_file = self.folder / "pair.pem"
        pair_file.write_bytes(self.issued.cert_file.read_bytes() + self.issued.key_file.read_bytes())
        self._path.write_text(
            CONFIG.format(
                limit_bytes=LIMIT_BYTES,
                upstream_port=self.upstream_port,
                tls_port=self.tls_port,
                plain_port=self.plain_port,
                pair_file=pair_file,
            )
        )
        return [["-db", "-f", str(self._path)]]

    def reload(self) -> None:
        self.spawn(["-db", "-f", str(self._path), "-sf", str(self.process.pid)])

    @property
    def _path(self) -> Path:
        return self.folder / "haproxy.cfg"
