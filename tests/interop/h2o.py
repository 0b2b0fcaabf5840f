"""h2o in master mode: SIGHUP starts a new worker, then the old one gets SIGTERM and finishes its streams.

Over HTTP/2 this version does not answer 413: it resets the stream with REFUSED_STREAM, of a body it has read.
"""

from __future__ import annotations

import os
import signal

from .server import LIMIT_BYTES, Early, Server

CONFIG = """
{user}
pid-file: {folder}/h2o.pid
error-log: {folder}/log
num-threads: 1
limit-request-body: {limit_bytes}
temp-buffer-path: {folder}
listen:
  host: 127.0.0.1
  port: {tls_port}
  ssl:
    certificate-file: {cert_file}
    key-file: {key_file}
listen:
  host: 127.0.0.1
  port: {plain_port}
hosts:
  default:
    paths:
      /:
        proxy.reverse.url: http://127.0.0.1:{upstream_port}/
"""


class H2o(Server):
    package = "h2o"
    program = "h2o"
    end_signal = signal.SIGKILL
    early = Early(statuses=())

    def commands(self) -> list[list[str]]:
        path = self.folder / "h2o.conf"
        path.write_text(
            CONFIG.format(
                folder=self.folder,
                limit_bytes=LIMIT_BYTES,
                upstream_port=self.upstream_port,
                tls_port=self.tls_port,
                plain_port=self.plain_port,
                cert_file=self.issued.cert_file,
                key_file=self.issued.key_file,
                user="user: root" if os.getuid() == 0 else "",
            )
        )
        return [["--mode", "master", "--conf", str(path)]]

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)
