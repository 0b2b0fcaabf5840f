"""Caddy: `caddy reload` posts the configuration to its admin port; --force, because it has not changed.

This version's `max_size` in front of a proxied application: often 502 is answered, and 413 only in its log.
"""

from __future__ import annotations

import signal
import subprocess

from .server import LIMIT_BYTES, Early, Server

CONFIG = """
{{
    admin 127.0.0.1:{control_port}
    auto_https off
    skip_install_trust
    storage file_system {folder}
    default_bind 127.0.0.1
    log {{
        level WARN
    }}
    servers 127.0.0.1:{tls_port} {{
        protocols h1 h2
    }}
    servers 127.0.0.1:{plain_port} {{
        protocols h1 h2c
    }}
}}
https://localhost:{tls_port} {{
    tls {cert_file} {key_file}
    request_body {{
        max_size {limit_bytes}
    }}
    reverse_proxy 127.0.0.1:{upstream_port}
}}
http://127.0.0.1:{plain_port} {{
    reverse_proxy 127.0.0.1:{upstream_port}
}}
"""


class Caddy(Server):
    package = "caddy"
    program = "caddy"
    end_signal = signal.SIGKILL
    early = Early(statuses=(413, 502))

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.control_port, self.tls_port, self.plain_port)

    def commands(self) -> list[list[str]]:
        path = self.folder / "Caddyfile"
        path.write_text(
            CONFIG.format(
                folder=self.folder,
                limit_bytes=LIMIT_BYTES,
                upstream_port=self.upstream_port,
                control_port=self.control_port,
                tls_port=self.tls_port,
                plain_port=self.plain_port,
                cert_file=self.issued.cert_file,
                key_file=self.issued.key_file,
            )
        )
        return [["run", "--config", str(path), "--adapter", "caddyfile"]]

    def reload(self) -> None:
        address = f"127.0.0.1:{self.control_port}"
        config = ["--config", str(self.folder / "Caddyfile"), "--adapter", "caddyfile"]
        subprocess.run(
            [self.find_program(), "reload", *config, "--address", address, "--force"],
            check=True,
            capture_output=True,
            timeout=30,
        )
