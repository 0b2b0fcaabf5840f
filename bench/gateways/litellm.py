"""LiteLLM's proxy, the newest that installs, in an environment of its own; on uvicorn, and on Granian."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from bench.gateways import Launch, NotInstalled
from bench.gateways.penstock import config_of
from tests.compat.environment import environment

ENV = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}


def launch(name: str, folder: Path, upstream: str, port: int) -> Launch:
    try:
        where = environment("litellm-proxy", "litellm[proxy]", "granian")
    except subprocess.SubprocessError as err:
        raise NotInstalled(f"pip: {err}") from None
    path = folder / "litellm.yaml"
    path.write_text(json.dumps(config_of(upstream)))
    command = [str(where.folder / "bin/litellm"), "--config", str(path), "--host", "127.0.0.1", "--port", str(port)]
    if name == "litellm-granian":
        command.append("--run_granian")
    version = ".".join(map(str, where.version("litellm")))
    return Launch([*command, "--num_workers", "1", "--telemetry", "False"], version, "/health/liveliness", env=ENV)
