"""The servers in C: compiled when they are older than their source, run until the block is left."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.transport.certs import Issued

HERE = Path(__file__).parent
BUILT = Path("build/bench")


def compiled(name: str, *libraries: str) -> Path:
    """The program made of NAME.c or of the C files in NAME/; `libraries` as pkg-config names them."""
    program = BUILT / name
    files = sorted((HERE / name).glob("*.[ch]")) or [HERE / f"{name}.c"]
    newest_s = max(path.stat().st_mtime for path in files)
    if not program.exists() or program.stat().st_mtime < newest_s:
        BUILT.mkdir(parents=True, exist_ok=True)
        asked = ["pkg-config", "--cflags", "--libs", *libraries]
        flags = subprocess.run(asked, check=True, capture_output=True, text=True).stdout if libraries else ""
        sources = [str(path) for path in files if path.suffix == ".c"]
        subprocess.run(["cc", "-O2", "-o", str(program), *sources, *shlex.split(flags)], check=True)
    return program


@contextmanager
def running(command: Sequence[str]) -> Iterator[int]:
    """The port that the program prints; it ends when its standard input closes."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.communicate()


@contextmanager
def stream_server(
    tls: Issued,
    prefix: Sequence[str],
    *,
    event_bytes: int,
    piece_events: int = 1,
    delay_ms: int = 0,
    interval_ms: int = 0,
    phases: int = 1,
) -> Iterator[int]:
    """bench/stream_server, HTTP/2 and HTTP/1.1 over TLS. /500 is answered by 500 events; see its server.h."""
    program = compiled("stream_server", "libnghttp2", "openssl")
    numbers = [event_bytes, piece_events, delay_ms, interval_ms, phases]
    with running([*prefix, str(program), str(tls.cert_file), str(tls.key_file), *map(str, numbers)]) as port:
        yield port
