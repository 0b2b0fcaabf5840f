"""nginx: proxy_pass over kept connections, unbuffered. Not a competitor but the floor: it looks into nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.gateways import Launch, NotInstalled

CONFIG = """
worker_processes 1; daemon off; error_log {folder}/error.log; pid {folder}/nginx.pid; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 10000000;
  upstream scripted {{ server {upstream}; keepalive 1000; keepalive_requests 10000000; }}
  server {{
    listen 127.0.0.1:{port}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    location /ready {{ return 200; }}
    location / {{ proxy_pass http://scripted; }}
  }}
}}
"""


def launch(name: str, folder: Path, upstream: str, port: int) -> Launch:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise NotInstalled("Debian's nginx-light has it")
    path = folder / "nginx.conf"
    path.write_text(CONFIG.format(folder=folder, port=port, upstream=upstream.removeprefix("http://")))
    told = subprocess.run([program, "-v"], stderr=subprocess.PIPE, text=True, check=True).stderr
    return Launch([program, "-c", str(path), "-p", str(folder)], told.strip().rpartition("/")[2], "/ready")
