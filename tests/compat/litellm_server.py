"""LiteLLM's proxy as its users start it, `litellm --config config.yaml`, in a process of its own, with penstock's
startup hook, in front of the scripted provider."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.testing.provider import Provider

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S, END_LIMIT_S = 90, 20
HOOKS = "penstock.adapters.litellm:install,tests.compat.litellm_hook:report"
LISTENS = re.compile(r"Uvicorn running on (http://\S+)")
CONFIG = """
model_list:
  - model_name: gpt
    litellm_params: {{model: openai/any, max_retries: 0, api_base: "{provider.base_url}", api_key: "{key}"}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-any, api_base: "{provider.anthropic_url}", api_key: "{key}"}}
litellm_settings:
  ssl_verify: "{provider.trust.ca_file}"
  http2: {http2}
router_settings:
  num_retries: 0
  disable_cooldowns: true
"""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The proxy, running."""

    url: str
    key: str
    seen: Path

    def seams(self) -> list[str]:
        return [line for line in self.seen.read_text().splitlines() if not line.startswith("sent ")]

    def sent(self) -> list[str]:
        """Path and version of every request that penstock sent."""
        return [line.removeprefix("sent ") for line in self.seen.read_text().splitlines() if line.startswith("sent ")]


@contextmanager
def gateway(provider: Provider, folder: Path, *, http2: bool, **variables: str) -> Iterator[Gateway]:
    """AssertionError with its output when it does not start."""
    config, seen, key = folder / "config.yaml", folder / "seen", f"sk-{secrets.token_hex(32)}"
    config.write_text(CONFIG.format(provider=provider, key=provider.api_key, http2=str(http2).lower()))
    seen.touch()
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MASTER_KEY": key,
        "LITELLM_WORKER_STARTUP_HOOKS": HOOKS,
        "PENSTOCK_SEEN": str(seen),
        **variables,
    }
    program = [sys.executable, "-u", str(Path(sys.executable).parent / "litellm")]
    command = [*program, "--config", str(config), "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield Gateway(_address(process), key, seen)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    """Where it listens; from then on its output is thrown away."""
    output = process.stdout
    assert output is not None
    watchdog = threading.Timer(START_LIMIT_S, process.kill)  # ends the reading below
    watchdog.start()
    lines = []
    for line in output:
        lines.append(line)
        if match := LISTENS.search(line):
            watchdog.cancel()
            threading.Thread(target=lambda: [None for _ in output], daemon=True).start()
            return match[1]
    raise AssertionError(f"LiteLLM's proxy did not start:\n{''.join(lines)}")
