"""A gateway in a process of its own, as `penstock serve` runs it, and clients for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.ports import free_port
from tests.waiting import eventually_sync

START_S = 60.0
STOP_S = 60.0
MASTER = "sk-master-of-the-tests"


class Running:
    """`penstock serve` on a port of loopback; ended with the block.

    config    written to a file: a mapping as JSON, which is YAML, or YAML as it is
    env       of the process, over the present one
    server    "granian", or "uvicorn" for the same application as ASGI
    """

    def __init__(
        self,
        config: Mapping[str, Any] | str,
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        server: str = "granian",
    ) -> None:
        self.path = folder / "config.yaml"
        self.write(config)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / "gateway.log"
        command = [sys.executable, "-m", "penstock", "serve", "-c", str(self.path)]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        if server == "uvicorn":
            command = [sys.executable, "-m", "uvicorn", "--factory", "penstock.gateway.serve:worker"]
            command += ["--host", "127.0.0.1", "--port", str(self.port)]
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "ANTHROPIC_"))
        }
        self._log = self.log_path.open("wb")
        self.process = subprocess.Popen(
            command,
            env={**inherited, "PENSTOCK_CONFIG": str(self.path), **(env or {})},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            eventually_sync(self._is_up, "the gateway answers", START_S)
        except BaseException:
            self.close()
            raise

    def _is_up(self) -> bool:
        assert self.process.poll() is None, f"the gateway ended with {self.process.returncode}:\n{self.log()}"
        try:
            return httpx.get(f"{self.url}/health/readiness", trust_env=False, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, config: Mapping[str, Any] | str) -> None:
        """The configuration file, replaced at once as editors and config maps do."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(config if isinstance(config, str) else json.dumps(config))
        fresh.replace(self.path)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def hang_up(self) -> None:
        """SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self.process.wait(STOP_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()

    def client(self, **settings: Any) -> httpx.Client:
        """A plain client with the master key."""
        headers = {"authorization": f"Bearer {MASTER}", **settings.pop("headers", {})}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60, **settings)

    def ready(self) -> dict[str, Any]:
        """What readiness says."""
        body: dict[str, Any] = httpx.get(f"{self.url}/health/readiness", trust_env=False, timeout=30).json()
        return body

    def worker_pid(self) -> int:
        """The process that serves: the largest child, or with uvicorn itself."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return max((int(each) for each in children), key=_rss_bytes, default=pid)

    def held(self) -> Held:
        pid = self.worker_pid()
        counts = (len(os.listdir(f"/proc/{pid}/{each}")) for each in ("fd", "task"))
        return Held(_rss_bytes(pid), *counts)


def _rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Held:
    """What the worker process holds."""

    rss_bytes: int
    fds: int
    threads: int


def deployment(group: str, model: str, api_base: str, **params: Any) -> dict[str, Any]:
    """A row of model_list."""
    info = params.pop("model_info", {})
    row = {"model": model, "api_base": api_base, "api_key": "sk-upstream", **params}
    return {"model_name": group, "litellm_params": row, **({"model_info": info} if info else {})}


def config_of(*rows: Mapping[str, Any], **sections: Any) -> dict[str, Any]:
    """A whole configuration with the tests' master key."""
    general = {"master_key": MASTER, **sections.pop("general_settings", {})}
    return {"model_list": list(rows), "general_settings": general, **sections}
