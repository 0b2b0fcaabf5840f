"""nghttpd: files and an echo of what is uploaded. It has no proxy, no limit of bodies and no reload."""

from __future__ import annotations

from .server import HELLO, Early, Server


class Nghttpd(Server):
    package = "nghttp2-server"
    program = "nghttpd"
    early = Early(method="PATCH", statuses=(404,))  # what it does not echo, it answers at once
    has_application = False
    has_http1 = False
    goes_down = True
    cuts = "nghttpd has no reload: a restart cuts every connection"

    def commands(self) -> list[list[str]]:
        root = self.folder / "root"
        root.mkdir(exist_ok=True)
        (root / "hello").write_bytes(HELLO)
        common = ["--htdocs", str(root), "--address", "127.0.0.1", "--echo-upload", "--early-response"]
        files = [str(self.issued.key_file), str(self.issued.cert_file)]
        return [[*common, str(self.tls_port), *files], [*common, "--no-tls", str(self.plain_port)]]

    def reload(self) -> None:
        self.restart()
