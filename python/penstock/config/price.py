"""What a token costs, in US dollars: LiteLLM's keys, in model_info or litellm_params (which win)."""

from __future__ import annotations

import re
from typing import Any

from penstock.config.fields import Field, names_of, read_fields
from penstock.config.kinds import dollars
from penstock.config.models import Price
from penstock.config.value import Value

FIELDS = (
    Field("input_cost_per_token", "input_token", dollars),
    Field("output_cost_per_token", "output_token", dollars),
    Field("cache_read_input_token_cost", "cached_input_token", dollars, also=("input_cost_per_token_cache_hit",)),
    Field("cache_creation_input_token_cost", "cache_write_token", dollars),
)
TIERS = (128, 200, 272)  # thousands of tokens: `..._above_200k_tokens`; the first that is given counts
ABOVE = {
    tier: tuple(Field(f"{each.key}_above_{tier}k_tokens", each.attribute, dollars) for each in FIELDS) for tier in TIERS
}
PRICE_KEYS = names_of(FIELDS) | {key for fields in ABOVE.values() for key in names_of(fields)}


def is_price(key: str) -> bool:
    """One of LiteLLM's many others, too: they are kept in model_info."""
    return key in PRICE_KEYS or key == "tiered_pricing" or re.search(r"cost_per_|_token_cost|_cost$", key) is not None


def read_price(info: Value, params: Value) -> Price:
    found = {**read_fields(info, FIELDS), **read_fields(params, FIELDS)}
    for tier in TIERS:
        above = {**read_fields(info, ABOVE[tier]), **read_fields(params, ABOVE[tier])}
        if above:
            further: dict[str, Any] = {"above_tokens": tier * 1000, "above": Price(**{**found, **above})}
            return Price(**found, **further)
    return Price(**found)
