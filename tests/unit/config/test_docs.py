"""docs/config.md names every key that the loader knows, with the default that the models have."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.config import deployment, environment, general, keys, litellm_settings, penstock_settings, price, router
from penstock.config.fields import Field
from penstock.config.load import SECTIONS
from penstock.config.models import (
    Deployment,
    GeneralSettings,
    JournalSettings,
    PassThrough,
    RouterSettings,
    UpstreamSettings,
)

PAGE = (Path(__file__).parents[3] / "docs" / "config.md").read_text()
PARTS = {"router": RouterSettings, "upstream": UpstreamSettings, "general": GeneralSettings, "journal": JournalSettings}
TABLES: dict[str, tuple[Sequence[Field], Any]] = {
    "litellm_params": (deployment.PARAMS, Deployment),
    "prices": (price.FIELDS, None),
    "model_info": (deployment.INFO, None),
    "router_settings": (router.FIELDS, None),
    "litellm_settings": (litellm_settings.FIELDS, None),
    "callbacks": (litellm_settings.CALLBACKS, None),
    "general_settings": (general.FIELDS, None),
    "pass_through_endpoints": (general.PASS_THROUGH, PassThrough),
    "penstock_settings": (penstock_settings.FIELDS, None),
    "upstream": (penstock_settings.UPSTREAM, None),
    "journal": (penstock_settings.JOURNAL, None),
    "keys": (keys.FIELDS, None),
    "environment": ((*environment.FIELDS, *environment.VERIFY, *environment.AUTHORITIES), None),
}
FIELDS = [(name, field, model) for name, (fields, model) in TABLES.items() for field in fields]


def default_of(field: Field, model: Any) -> str:
    part, _, attribute = field.attribute.rpartition(".")
    model = PARTS.get(part, model)
    known = {each.name: each.default for each in dataclasses.fields(model)} if model is not None else {}
    default = known.get(attribute)
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, int | float):
        return f"{default:g}" if abs(default) < 100_000 else str(int(default))
    return default if isinstance(default, str) else "–"


@pytest.mark.parametrize(("name", "field", "model"), FIELDS, ids=[f"{name}.{field.key}" for name, field, _ in FIELDS])
def test_a_field_has_its_row(name: str, field: Field, model: Any) -> None:
    names = ", ".join(f"`{key}`" for key in field.keys)
    rows = re.findall(rf"^\| {re.escape(names)} \| .+ \| (.+) \|$", PAGE, re.MULTILINE)
    assert default_of(field, model) in rows


@pytest.mark.parametrize(
    "name",
    [*SECTIONS, *router.POLICY, *deployment.ROW_KEYS, "master_key", "LITELLM_MASTER_KEY", *penstock_settings.PARTS],
)
def test_other_names_are_there(name: str) -> None:
    assert name in PAGE
