"""Circles of fallbacks, names that patterns take, LiteLLM's form."""

from __future__ import annotations

import pytest

from penstock.config.fallbacks import check_fallbacks, circles, is_known
from penstock.config.load import loads
from penstock.config.models import RouterSettings


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({}, []),
        ({"a": ("b", "c"), "b": ("c",), "c": ()}, []),
        ({"a": ("a",)}, [("a", "a")]),
        ({"a": ("b",), "b": ("a",)}, [("a", "b", "a")]),
        ({"a": ("b",), "b": ("c",), "c": ("b", "d")}, [("b", "c", "b")]),
        ({"a": ("b", "c"), "b": ("a",), "c": ("a",)}, [("a", "b", "a"), ("a", "c", "a")]),
        ({"x": ("a",), "a": ("b",), "b": ("a",)}, [("a", "b", "a")]),
    ],
)
def test_circles(edges: dict[str, tuple[str, ...]], found: list[tuple[str, ...]]) -> None:
    assert circles(edges) == found


def test_a_long_chain_is_no_trouble() -> None:
    assert circles({str(n): (str(n + 1),) for n in range(20_000)}) == []


def test_aliases_are_seen_through() -> None:
    router = RouterSettings(fallbacks={"a": ("b",)}, aliases={"b": "a"})
    assert check_fallbacks(router) == ["fallbacks: a -> a is a circle: a request visits each group once"]


@pytest.mark.parametrize(
    ("name", "known"),
    [("a", True), ("b", False), ("openai/x", True), ("openai", False), ("[a]", False), ("a*", False), ("", False)],
)
def test_is_known(name: str, known: bool) -> None:
    assert is_known(name, ["a", "openai/*", "z[a]"]) is known


def test_rows_of_one_group_are_joined() -> None:
    rows = [{"model_name": name, "litellm_params": {"model": "openai/a", "api_key": "k"}} for name in "abc"]
    loaded = loads({"model_list": rows, "router_settings": {"fallbacks": [{"a": ["b"]}, {"a": ["c"]}]}}, environ={})
    assert loaded.config is not None
    assert loaded.config.router.fallbacks == {"a": ("b", "c")}
