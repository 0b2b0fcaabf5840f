"""httpx or httpx2, with the adapter for it: tests ask for the fixture `library` and run with both."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Library:
    """One of the two."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module: Any = import_module(name)
        self.core: Any = import_module(name.replace("httpx", "httpcore"))
        self.adapter: Any = import_module(f"penstock.adapters.{name}")

    def __repr__(self) -> str:
        return self.name

    def client(self, **settings: Any) -> Any:
        return self.module.AsyncClient(transport=self.adapter.AsyncTransport(**settings))

    def sync_client(self, **settings: Any) -> Any:
        return self.module.Client(transport=self.adapter.SyncTransport(**settings))
