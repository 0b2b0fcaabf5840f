"""docs/journal.md names every field and every metric."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from penstock.hooks import NAMES
from penstock.journal import Attempt, Record, RecordError
from penstock.journal.price import load
from penstock.journal.sinks.prometheus_families import Families
from penstock.sse.usage import Usage

PAGE = (Path(__file__).parents[3] / "docs/journal.md").read_text()
QUOTED = set(re.findall(r"`(\w+)", PAGE))


@pytest.mark.parametrize("kind", [Record, Attempt, RecordError, Usage])
def test_every_field_is_described(kind: type) -> None:
    names = getattr(kind, "__struct_fields__", None) or kind.__dataclass_fields__  # type: ignore[attr-defined]
    assert set(names) - QUOTED == set()


def test_every_metric_is_described() -> None:
    registry = CollectorRegistry()
    Families(registry)
    names = {name + ("_total" if kind == "counter" else "") for name, kind in described(registry)}
    assert names - QUOTED == set()


def described(registry: CollectorRegistry) -> list[tuple[str, str]]:
    return [(metric.name, metric.type) for metric in registry.collect()]


def test_hooks_and_numbers() -> None:
    assert set(NAMES) - QUOTED == set()
    assert f"{len(load().prices)} models" in PAGE
