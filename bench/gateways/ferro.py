"""Ferro Labs' gateway, in Go: the one native gateway with the same endpoint that a package registry carries as a
binary. One operating-system thread runs Go code, as one core is what it gets."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.gateways import KEY, Launch, NotInstalled
from tests.compat.environment import environment

CONFIG = "strategy:\n  mode: fallback\ntargets:\n  - virtual_key: openai\n"


def launch(name: str, folder: Path, upstream: str, port: int) -> Launch:
    try:
        where = environment("ferro", "ferrogw")
    except subprocess.SubprocessError as err:
        raise NotInstalled(f"pip: {err}") from None
    path = folder / "ferro.yaml"
    path.write_text(CONFIG)
    env = {
        "GATEWAY_CONFIG": str(path),
        "MASTER_KEY": KEY,
        "ALLOW_UNAUTHENTICATED_PROXY": "true",
        "OPENAI_API_KEY": "sk-upstream",
        "OPENAI_BASE_URL": f"{upstream}/v1",
        "PORT": str(port),
        "LOG_LEVEL": "error",
        "FERRO_MODEL_CATALOG_TIMEOUT": "0",
        "GOMAXPROCS": "1",
        "RATE_LIMIT_RPS": "1000000",
        "RATE_LIMIT_BURST": "1000000",
    }
    version = ".".join(map(str, where.version("ferrogw")))
    return Launch([str(where.folder / "bin/ferrogw"), "serve"], version, "/readyz", env=env)
