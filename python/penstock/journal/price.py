"""What an answer cost: tokens times list prices. Pure but for `load`, which reads a file once at start.

A price comes from the deployment's own settings, field by field, else from a table in LiteLLM's format: the bundled
one (prices.json, dated) or a newer one by path. What is not known costs None, never 0. Batch, flex and priority tiers,
one-hour cache writes and charges per tool call are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from penstock.config.models import Deployment, Price
from penstock.sse.usage import Usage

BUNDLED = Path(__file__).with_name("prices.json")
FIELDS = {
    "input_token": "input_cost_per_token",
    "output_token": "output_cost_per_token",
    "cached_input_token": "cache_read_input_token_cost",
    "cache_write_token": "cache_creation_input_token_cost",
}
_ABOVE = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")  # gpt-5-2025-08-07, claude-haiku-4-5-20251001


class BadPrices(ValueError):
    """The file is not a price list; the message says where."""


def cost(usage: Usage | None, price: Price | None) -> float | None:
    """US dollars; None when the usage, or a price that it needs, is not known.

    >>> cost(Usage(input=1000, output=100, cached=400), Price(input_token=2e-6, output_token=8e-6))
    0.0028
    """
    if usage is None or price is None:
        return None
    if price.above is not None and price.above_tokens is not None and usage.input > price.above_tokens:
        price = price.above
    total, base = 0.0, price.input_token
    if usage.input:
        if base is None:
            return None
        cached, written = usage.cached, usage.cache_write
        total = max(usage.input - cached - written, 0) * base
        if cached:
            total += cached * (base if price.cached_input_token is None else price.cached_input_token)
        if written:
            total += written * (base if price.cache_write_token is None else price.cache_write_token)
    if usage.output:
        if price.output_token is None:
            return None
        total += usage.output * price.output_token
    return round(total, 12)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by provider and model."""

    prices: Mapping[tuple[str, str], Price] = field(default_factory=dict)
    about: str = ""  # source and date

    def find(self, provider: str, *models: str) -> Price | None:
        """The first of `models` that is known, each also without the date of its snapshot; None = unknown."""
        for model in models:
            for name in (model, _SNAPSHOT.sub("", model)):
                if found := self.prices.get((provider, name)):
                    return found
        return None

    def of(self, deployment: Deployment, *, model: str | None = None) -> Price | None:
        """The price at a deployment: its own settings over the table's. `model` is the one it was asked for when the
        deployment's is a pattern; `model_info.base_model` tells what an Azure deployment's name does not."""
        base = deployment.info.get("base_model")
        names = [name for name in (base, model or deployment.model) if isinstance(name, str) and name]
        names += [name.partition("/")[2] for name in names if name.startswith(f"{deployment.provider}/")]
        listed, own = self.find(deployment.provider, *names), deployment.price
        given = {name: getattr(own, name) for name in FIELDS if getattr(own, name) is not None}
        if not given:
            return listed
        # An own input price says nothing of the list's cache prices, nor of its steps.
        if "input_token" in given:
            output = listed.output_token if listed else None
            return replace(own, output_token=given.get("output_token", output))
        return replace(listed or Price(), **given, above_tokens=own.above_tokens, above=own.above)

    def __repr__(self) -> str:
        return f"<PriceTable {len(self.prices)} models, {self.about}>"


def load(path: str | Path | None = None) -> PriceTable:
    """Read a price list in LiteLLM's format; None = the bundled one. Raises BadPrices and OSError."""
    where = Path(path or BUNDLED)
    try:
        rows = msgspec.json.decode(where.read_bytes())
    except msgspec.DecodeError as err:
        raise BadPrices(f"{where}: {err}") from err
    if not isinstance(rows, dict):
        raise BadPrices(f"{where}: must be an object of models, as LiteLLM's model_prices_and_context_window.json")
    about = rows.pop("_about", None) or {}
    rows.pop("sample_spec", None)
    prices: dict[tuple[str, str], Price] = {}
    for key, row in rows.items():
        provider = row.get("litellm_provider") if isinstance(row, dict) else None
        if isinstance(provider, str) and (price := price_of(row)):
            # The plain name wins over the one with a prefix, whichever comes first.
            name = key.removeprefix(f"{provider}/")
            if name == key or (provider, name) not in prices:
                prices[provider, name] = price
    return PriceTable(prices, about=f"of {about['date']}" if "date" in about else str(where))


def price_of(row: Mapping[str, Any]) -> Price | None:
    """One row of LiteLLM's list, with its first step of prices for long inputs; None without prices per token."""
    price = _fields_of(row, "")
    if price.input_token is None and price.output_token is None:
        return None
    steps = sorted(int(match[1]) for key in row if (match := _ABOVE.fullmatch(key)))
    if not steps:
        return price
    above = _fields_of(row, f"_above_{steps[0]}k_tokens")
    known = {name: value for name in FIELDS if (value := getattr(above, name)) is not None}
    return replace(price, above_tokens=steps[0] * 1000, above=replace(price, **known))


def _fields_of(row: Mapping[str, Any], suffix: str) -> Price:
    def number(key: str) -> float | None:
        value = row.get(key + suffix)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None

    return Price(
        input_token=number(FIELDS["input_token"]),
        output_token=number(FIELDS["output_token"]),
        cached_input_token=number(FIELDS["cached_input_token"]),
        cache_write_token=number(FIELDS["cache_write_token"]),
    )
