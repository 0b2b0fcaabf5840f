"""penstock: `penstock serve`, one worker, with the sink that feeds /metrics."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.gateways import KEY, MODEL, Launch


def launch(name: str, folder: Path, upstream: str, port: int) -> Launch:
    path = folder / "penstock.yaml"
    config = config_of(upstream)
    config["litellm_settings"] = {"callbacks": ["prometheus"]}
    path.write_text(json.dumps(config))
    command = [sys.executable, "-m", "penstock", "serve", "-c", str(path), "--host", "127.0.0.1"]
    return Launch(
        [*command, "--port", str(port), "--num_workers", "1", "--log_level", "warning"],
        f"{version('penstock')}, granian {version('granian')}",
        "/health/readiness",
    )


def config_of(upstream: str) -> dict[str, Any]:
    """As LiteLLM and penstock read it: one model, a key."""
    params = {"model": f"openai/{MODEL}", "api_base": f"{upstream}/v1", "api_key": "sk-upstream"}
    return {
        "model_list": [{"model_name": MODEL, "litellm_params": params}],
        "general_settings": {"master_key": KEY},
    }
