"""Apache with mod_http2 on the event MPM: `apachectl graceful` is SIGUSR1 to its parent process.

LimitRequestBody counts only in HTTP/1.1's input filter: over HTTP/2 Apache lets a body of any size pass. So the 413
comes from a rule about Content-Length.
"""

from __future__ import annotations

import os
import signal

from .server import LIMIT_BYTES, Early, Server

MODULES = ("mpm_event", "authz_core", "ssl", "http2", "proxy", "proxy_http", "alias")
CONFIG = """
{modules}
ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/log
{user}
StartServers 1
ServerLimit 4
MinSpareThreads 1
MaxSpareThreads 128
ThreadsPerChild 64
MaxRequestWorkers 256
Listen 127.0.0.1:{tls_port}
Listen 127.0.0.1:{plain_port}
Timeout 60
<VirtualHost 127.0.0.1:{tls_port}>
    Protocols h2 http/1.1
    SSLEngine on
    SSLCertificateFile {cert_file}
    SSLCertificateKeyFile {key_file}
    <If "%{{HTTP:Content-Length}} -gt {limit_bytes}">
        Redirect 413 /
    </If>
    ProxyPass / http://127.0.0.1:{upstream_port}/ flushpackets=on
</VirtualHost>
<VirtualHost 127.0.0.1:{plain_port}>
    Protocols h2c http/1.1
    ProxyPass / http://127.0.0.1:{upstream_port}/ flushpackets=on
</VirtualHost>
"""


class Apache(Server):
    package = "apache2-bin"
    program = "apache2"
    early = Early(needs_length=True)
    cuts = (
        "a stream that crosses the first GOAWAY (2^31-1) on its way ends the connection: a second GOAWAY with code "
        "-902, 'The user callback function failed', and with it every stream that runs"
    )

    def commands(self) -> list[list[str]]:
        lines = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES]
        path = self.folder / "apache.conf"
        path.write_text(
            CONFIG.format(
                modules="\n".join(lines),
                folder=self.folder,
                limit_bytes=LIMIT_BYTES,
                upstream_port=self.upstream_port,
                tls_port=self.tls_port,
                plain_port=self.plain_port,
                cert_file=self.issued.cert_file,
                key_file=self.issued.key_file,
                user="User www-data\nGroup www-data" if os.getuid() == 0 else "",
            )
        )
        return [["-D", "FOREGROUND", "-f", str(path)]]

    def reload(self) -> None:
        self.process.send_signal(signal.SIGUSR1)
