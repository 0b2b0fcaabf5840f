"""The gateways that are compared, one file each: how one is started with one worker, and what it is.

A file holds `NAMES` (the ways to run it) and `launch(name, folder, upstream, port)`, which makes a Launch or raises
NotInstalled with the reason. Every gateway serves `MODEL` from the scripted upstream and takes the key `KEY`. Nothing
is switched off that its users would have on, but for a log line per request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

KEY = "sk-of-the-benchmark"
MODEL = "gpt-4o-mini"
PATH = "/v1/chat/completions"
MODULES = {
    "penstock": "penstock",
    "nginx": "nginx",
    "ferro": "ferro",
    "litellm-uvicorn": "litellm",
    "litellm-granian": "litellm",
}
NAMES = tuple(MODULES)


class NotInstalled(Exception):
    """This gateway cannot run here; says why."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A program to start. `ready_path` is answered with 200 when it is up."""

    command: list[str]
    version: str
    ready_path: str
    env: Mapping[str, str] = field(default_factory=dict)


class Module(Protocol):
    def launch(self, name: str, folder: Path, upstream: str, port: int) -> Launch: ...


def load(name: str) -> Module:
    """KeyError for an unknown one."""
    return cast(Module, import_module(f"bench.gateways.{MODULES[name]}"))
