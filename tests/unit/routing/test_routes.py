"""Which group a name means."""

from __future__ import annotations

import pytest

from penstock.routing.health import Health
from penstock.routing.routes import FITTED_N
from tests.unit.routing.builders import deployment, routes

COMPILED = routes(
    deployment("a", "gpt"),
    deployment("b", "gpt"),
    deployment("any-openai", "openai/*", model="*"),
    deployment("mini", "openai/*-mini", model="gpt-*-mini-2026"),
    deployment("claude", "claude-*", provider="anthropic", model="claude-*-latest"),
    deployment("fixed", "llama*", provider="groq", model="llama-4"),
    deployment("two", "*/to/*", model="*--*"),
    deployment("rest", "*", model="*"),
    aliases={"fast": "gpt", "secret": "gpt", "through": "openai/gpt-9", "nowhere": "", "gpt": "claude-5"},
    hidden_aliases=frozenset({"secret"}),
)


@pytest.mark.parametrize(
    ("asked", "group", "models"),
    [
        ("gpt", "gpt", ["gpt-at-a", "gpt-at-b"]),  # exact before alias
        ("fast", "gpt", ["gpt-at-a", "gpt-at-b"]),
        ("secret", "gpt", ["gpt-at-a", "gpt-at-b"]),
        ("b", "gpt", ["gpt-at-b"]),  # an id means that one
        ("openai/gpt-5", "openai/*", ["gpt-5"]),
        ("openai/4-mini", "openai/*-mini", ["gpt-4-mini-2026"]),  # hits two, the longer one wins
        ("through", "openai/*", ["gpt-9"]),
        ("claude-5", "claude-*", ["claude-5-latest"]),
        ("llama-3", "llama*", ["llama-4"]),
        ("x/to/y", "*/to/*", ["x--y"]),
        ("whatever", "*", ["whatever"]),
        ("openai/x/to/y", "openai/*", ["x/to/y"]),
        ("a.b", "*", ["a.b"]),
    ],
)
def test_group(asked: str, group: str, models: list[str]) -> None:
    found = COMPILED.group(asked)
    assert found is not None
    assert (found.name, [each.model for each in found.deployments]) == (group, models)
    assert COMPILED.group(asked) is found


def test_a_provider_before_the_name_is_not_doubled() -> None:
    compiled = routes(deployment("rest", "*", provider="openai", model="*"))
    group = compiled.group("openai/gpt-5")
    assert group is not None
    assert group.deployments[0].model == "gpt-5"


def test_names_that_are_unknown() -> None:
    compiled = routes(deployment("a", "gpt"), deployment("b", "openai/*", model="*"))
    assert compiled.group("gtp") is None
    assert compiled.group("") is None
    assert compiled.group("openai") is None
    assert compiled.group("openai/" + "x" * 10_000) is None
    with pytest.raises(LookupError):
        compiled.journey("gtp", Health(), stream=False, now_s=0.0)


def test_names_are_what_may_be_asked_for() -> None:
    assert COMPILED.names() == ["gpt", "fast", "through", "nowhere"]


def test_names_that_fit_a_pattern_do_not_fill_the_memory() -> None:
    compiled = routes(deployment("rest", "*", model="*"))
    health = Health()
    for at in range(3 * FITTED_N):
        journey = compiled.journey(f"name-{at}", health, stream=False, now_s=0.0)
        journey.close()
    assert len(compiled._fitted) <= FITTED_N
    assert len(health.snapshot()) == 1  # one deployment, whatever its names


def test_fallbacks_are_found_by_what_was_asked_then_by_the_group_then_by_the_star() -> None:
    compiled = routes(
        deployment("a", "gpt"),
        deployment("b", "other"),
        deployment("w", "openai/*", model="*"),
        aliases={"fast": "gpt"},
        fallbacks={"fast": ("x",), "gpt": ("y",), "openai/*": ("z",), "*": ("star",)},
        default_fallbacks=("default",),
        context_window_fallbacks={"gpt": ("long",)},
    )
    found = {name: group.fallbacks for name in ("fast", "gpt", "openai/1", "other") if (group := compiled.group(name))}
    assert found == {"fast": ("x",), "gpt": ("y",), "openai/1": ("z",), "other": ("star",)}
    fast = compiled.group("fast")
    assert fast is not None
    assert fast.context_window_fallbacks == ("long",)
    assert fast.content_policy_fallbacks == ()


@pytest.mark.parametrize(
    ("tags", "match_any", "expected"),
    [
        (("eu",), True, ["eu", "both"]),
        (("eu", "gold"), True, ["eu", "both", "gold"]),
        (("eu", "gold"), False, ["both"]),
        (("moon",), True, ["default"]),
        ((), True, ["default"]),
    ],
)
def test_tags(tags: tuple[str, ...], match_any: bool, expected: list[str]) -> None:
    compiled = routes(
        deployment("eu", tags=("eu",)),
        deployment("both", tags=("eu", "gold")),
        deployment("gold", tags=("gold",)),
        deployment("default", tags=("default",)),
    )
    group = compiled.group("main")
    assert group is not None
    assert [each.id for each in group.tagged(tags, match_any=match_any)] == expected
