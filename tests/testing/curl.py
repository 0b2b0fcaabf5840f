"""curl as the third party that judges what the scripted upstream does."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

LIMIT_S = 20  # only a test that hangs gets here
OK, REFUSED, TIMEOUT, PARTIAL, EMPTY, SEND, RECV, CERTIFICATE, STREAM = 0, 7, 28, 18, 52, 55, 56, 60, 92
VERSIONS = {"h1": "--http1.1", "h2": "--http2", "h2c": "--http2-prior-knowledge"}

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@dataclass(frozen=True, slots=True)
class Answer:
    """What curl made of it. exit: its exit status; error: its words; heads: all header sections and trailers."""

    exit: int
    status: int
    version: str
    body: bytes
    heads: str
    error: str


def curl(folder: Path, url: str, *options: str, version: str = "h1", ca_file: Path | None = None) -> Answer:
    """One request, or one after another; told is of the last."""
    body, heads = folder / "curl.body", folder / "curl.heads"
    for file in (body, heads):
        file.write_bytes(b"")
    command = ["curl", "--silent", "--show-error", VERSIONS[version], "--noproxy", "*", "--max-time", str(LIMIT_S)]
    command += ["--output", str(body), "--dump-header", str(heads), "--write-out", "%{json}\n"]
    command += [] if ca_file is None else ["--cacert", str(ca_file)]
    done = subprocess.run([*command, *options, url], capture_output=True, text=True, timeout=LIMIT_S + 10)
    facts = json.loads(done.stdout.splitlines()[-1])
    return Answer(
        exit=done.returncode,
        status=facts["response_code"],
        version=facts["http_version"],
        body=body.read_bytes(),
        heads=heads.read_text("latin-1"),
        error=done.stderr,
    )
