"""Costs: exact where prices are known, None where they are not, and LiteLLM's own list as input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.config.models import Deployment, Price
from penstock.journal.price import BadPrices, PriceTable, cost, load
from penstock.sse.usage import Usage

FULL = Price(input_token=2e-6, output_token=8e-6, cached_input_token=5e-7, cache_write_token=3e-6)
STEPPED = Price(input_token=1e-6, output_token=2e-6, above_tokens=1000, above=FULL)


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        (Usage(input=1000, output=100), FULL, 0.0028),
        (Usage(input=1000, output=100, cached=400, cache_write=100), FULL, 0.0001 * 10 + 0.0002 + 0.0003 + 0.0008),
        (Usage(input=1000, output=100, cached=400), Price(input_token=2e-6, output_token=8e-6), 0.0028),
        (Usage(input=1000, cached=1000), Price(input_token=2e-6, cached_input_token=0.0), 0.0),
        (Usage(output=100, reasoning=90), FULL, 0.0008),
        (Usage(input=10), Price(input_token=1e-6), 1e-5),  # embeddings have no output price
        (Usage(input=10, cached=20), FULL, 1e-5),  # a provider that cannot count: never negative
        (Usage(), FULL, 0.0),
        (Usage(input=1000), STEPPED, 0.001),
        (Usage(input=1001, output=1), STEPPED, 0.00201),
        (Usage(input=10, output=1), Price(input_token=1e-6), None),
        (Usage(input=10, output=1), Price(output_token=1e-6), None),
        (Usage(input=10), Price(), None),
        (Usage(input=10), None, None),
        (None, FULL, None),
    ],
)
def test_cost(usage: Usage | None, price: Price | None, usd: float | None) -> None:
    assert cost(usage, price) == (None if usd is None else pytest.approx(usd, abs=1e-12))


COUNTS = st.integers(0, 10**7)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_cost_grows_with_every_kind_of_token(plain: int, cached: int, written: int, output: int) -> None:
    def of(plain: int, cached: int, written: int, output: int) -> float:
        usage = Usage(input=plain + cached + written, cached=cached, cache_write=written, output=output)
        found = cost(usage, FULL)
        assert found is not None
        return found

    here = of(plain, cached, written, output)
    for more in ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)):
        assert of(plain + more[0], cached + more[1], written + more[2], output + more[3]) > here


def deployment(provider: str, model: str, **other: Any) -> Deployment:
    return Deployment(id="d", group="g", provider=provider, model=model, **other)


TABLE = PriceTable(
    {
        ("openai", "gpt-x"): FULL,
        ("openai", "gpt-x-2025-01-01"): Price(input_token=9e-6, output_token=9e-6),
        ("azure", "gpt-x"): STEPPED,
    }
)


@pytest.mark.parametrize(
    ("at", "model", "price"),
    [
        (deployment("openai", "gpt-x"), None, FULL),
        (deployment("openai", "openai/gpt-x"), None, FULL),
        (deployment("openai", "gpt-x-2024-05-06"), None, FULL),
        (deployment("openai", "gpt-x-2025-01-01"), None, Price(input_token=9e-6, output_token=9e-6)),
        (deployment("openai", "*"), "gpt-x", FULL),
        (deployment("openai", "gpt-y"), None, None),
        (deployment("groq", "gpt-x"), None, None),
        (deployment("azure", "our-name", info={"base_model": "azure/gpt-x"}), None, STEPPED),
        (deployment("openai", "gpt-y", price=FULL), None, FULL),
        (
            deployment("openai", "gpt-x", price=Price(input_token=1e-6)),
            None,
            Price(input_token=1e-6, output_token=8e-6),
        ),
        (
            deployment("openai", "gpt-x", price=Price(cached_input_token=0.0)),
            None,
            Price(input_token=2e-6, output_token=8e-6, cached_input_token=0.0, cache_write_token=3e-6),
        ),
    ],
)
def test_own_prices_go_over_the_list(at: Deployment, model: str | None, price: Price | None) -> None:
    assert TABLE.of(at, model=model) == price


def test_the_bundled_list_is_dated_and_whole() -> None:
    table = load()
    assert repr(table).startswith(f"<PriceTable {len(table.prices)} models, of 20")
    assert len(table.prices) > 100
    for price in table.prices.values():
        assert price.input_token
        assert price.input_token < 1e-3
        if price.above:
            assert price.above_tokens
            assert price.above.input_token
            assert price.above.input_token >= price.input_token
    haiku = table.find("anthropic", "claude-haiku-4-5-20251001")
    assert haiku is not None
    assert cost(Usage(input=1_000_000, output=1_000_000), haiku) == 6.0


def test_litellms_list_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model_prices_and_context_window.json"
    rows = {
        "sample_spec": {"litellm_provider": "one of https://docs", "input_cost_per_token": 0.0},
        "gpt-x": {
            "litellm_provider": "openai",
            "input_cost_per_token": 1e-6,
            "output_cost_per_token": 2e-6,
            "mode": "chat",
        },
        "gemini/big": {
            "litellm_provider": "gemini",
            "input_cost_per_token": 1e-6,
            "output_cost_per_token": 2e-6,
            "cache_read_input_token_cost": 1e-7,
            "input_cost_per_token_above_200k_tokens": 3e-6,
        },
        "picture": {"litellm_provider": "openai", "output_cost_per_image": 0.04},
        "odd": {"litellm_provider": "openai", "input_cost_per_token": "much"},
        "odder": [],
    }
    path.write_text(json.dumps(rows))
    table = load(path)
    assert table.prices == {
        ("openai", "gpt-x"): Price(input_token=1e-6, output_token=2e-6),
        ("gemini", "big"): Price(
            input_token=1e-6,
            output_token=2e-6,
            cached_input_token=1e-7,
            above_tokens=200_000,
            above=Price(input_token=3e-6, output_token=2e-6, cached_input_token=1e-7),
        ),
    }


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(BadPrices, match=r"prices\.json"):
        load(path)
