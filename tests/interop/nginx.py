"""nginx: `nginx -s reload` is SIGHUP to its master."""

from __future__ import annotations

import os
import signal

from .server import LIMIT_BYTES, Server

CONFIG = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_max_body_size {limit_bytes};
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    upstream application {{ server 127.0.0.1:{upstream_port}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{tls_port} ssl http2;
        listen 127.0.0.1:{plain_port} http2;
        ssl_certificate {cert_file};
        ssl_certificate_key {key_file};
        location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
"""


class Nginx(Server):
    package = "nginx-light"
    program = "nginx"

    def commands(self) -> list[list[str]]:
        path = self.folder / "nginx.conf"
        path.write_text(
            CONFIG.format(
                folder=self.folder,
                limit_bytes=LIMIT_BYTES,
                upstream_port=self.upstream_port,
                tls_port=self.tls_port,
                plain_port=self.plain_port,
                cert_file=self.issued.cert_file,
                key_file=self.issued.key_file,
                user="user root;" if os.getuid() == 0 else "",
            )
        )
        return [["-p", str(self.folder), "-e", str(self.folder / "log"), "-c", str(path)]]

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)
