"""Where records are written: the sinks that the settings name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from penstock.config.models import JournalSettings
from penstock.journal.reference import resolve
from penstock.journal.sinks.callback import Callback, is_callback
from penstock.journal.sinks.sink import Sink

__all__ = ["MissingExtra", "Sink", "sinks_of"]

log = logging.getLogger("penstock.journal")


class MissingExtra(Exception):
    """A sink needs a package that is not installed; the message says which extra has it."""


def sinks_of(
    settings: JournalSettings, *, config_dir: str | Path, objects: Mapping[str, object] | None = None
) -> list[Sink]:
    """The sinks of the settings, not yet open.

    `objects` are references that were resolved already; what is neither a Sink nor a callback (hooks) is left out.
    Names of LiteLLM's integrations that are not built in are left out with a warning.
    Raises reference.BadReference and MissingExtra.
    """
    sinks: list[Sink] = []
    if settings.jsonl_path:
        from penstock.journal.sinks.jsonl import JsonLines

        sinks.append(JsonLines(settings.jsonl_path))
    if settings.sqlite_path:
        from penstock.journal.sinks.sqlite import Sqlite

        sinks.append(Sqlite(settings.sqlite_path))
    for name in dict.fromkeys(settings.callbacks):
        sink = _built_in(name) if "." not in name else _users(name, config_dir, objects or {})
        if sink is not None:
            sinks.append(sink)
    return sinks


def _built_in(name: str) -> Sink | None:
    try:
        if name == "prometheus":
            from penstock.journal.sinks.prometheus import Prometheus

            return Prometheus()
        if name in ("otel", "opentelemetry"):
            from penstock.journal.sinks.otel import Otel

            return Otel()
    except ImportError as err:
        extra = "gateway" if name == "prometheus" else "otel"
        raise MissingExtra(f'callback {name!r} needs {err.name}: pip install "penstock[{extra}]"') from err
    log.warning("journal: callback %r is not built in and is left out; a module.attribute can take its place", name)
    return None


def _users(reference: str, config_dir: str | Path, objects: Mapping[str, object]) -> Sink | None:
    target = objects[reference] if reference in objects else resolve(reference, config_dir)
    if isinstance(target, Sink):
        return target
    return Callback(target, reference) if is_callback(target) else None
