"""node: the application behind the proxies, and a server with its http2 module."""

from __future__ import annotations

import signal
from pathlib import Path

from .server import Server

APPLICATION = Path(__file__).with_name("application.mjs")


class Node(Server):
    package = "nodejs"
    program = "node"
    has_http1 = False

    def commands(self) -> list[list[str]]:
        files = [str(self.issued.cert_file), str(self.issued.key_file)]
        return [[str(APPLICATION), "http2", str(self.tls_port), str(self.plain_port), *files]]

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)


class Application(Node):
    """HTTP/1.1 on the plain port."""

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.plain_port,)

    def commands(self) -> list[list[str]]:
        return [[str(APPLICATION), "http1", str(self.plain_port)]]
