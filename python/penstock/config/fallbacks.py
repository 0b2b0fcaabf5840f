"""Fallbacks in LiteLLM's form, `[{group: [group, ...]}, ...]`, and what is odd about a set of them. Pure.

A target that is no group would only fail when it is needed: it is left out with a warning. Circles are allowed (two
groups that stand in for each other are common) and warned of: a request visits each group once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from penstock.config.kinds import Refused, expected, guarded, text
from penstock.config.models import RouterSettings
from penstock.config.value import Value, nearest

Fallbacks = dict[str, tuple[str, ...]]
KINDS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


def fallbacks(value: Value) -> Fallbacks:
    """The kind of a field: a list of mappings; a group that comes twice has both lists, in order."""
    if value.is_mapping:
        value.warn("is read as a list of one mapping: LiteLLM wants - group: [group, ...]")
    elif not value.is_list:
        raise expected("a list of mappings - group: [group, ...]", value)
    found: Fallbacks = {}
    for item in value.items() if value.is_list else [value]:
        if not item.is_mapping:
            item.error(f"must be a mapping of a group to a list of groups, not {item.kind}")
            continue
        for source, targets in item.entries().items():
            found[source] = (*found.get(source, ()), *_targets(targets))
    return found


def _targets(value: Value) -> tuple[str, ...]:
    if value.is_list:
        found = [guarded(_target, item) for item in value.items()]
        return tuple(item for item in found if item is not None)
    if value.is_null or value.is_mapping:
        value.error(f"must be a list of groups, not {value.kind}")
        return ()
    value.warn("is read as a list of one group")
    found_one = guarded(text, value)
    return () if found_one is None else (found_one,)


def _target(value: Value) -> str:
    if value.is_mapping:
        raise Refused("must be the name of a group: parameters of a fallback are not supported")
    return text(value)


def is_known(name: str, groups: Iterable[str]) -> bool:
    """An exact group, an alias, an id, or a name that one of the patterns takes."""
    return any(name == each or ("*" in each and _takes(each, name)) for each in groups)


def _takes(pattern: str, name: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name, re.DOTALL) is not None


def without_unknown(section: Value, found: Fallbacks, names: Sequence[str]) -> Fallbacks:
    """`found` without targets that are no group. `section` is where to complain, `names` are groups, aliases, ids."""
    result: Fallbacks = {}
    for source, targets in found.items():
        if source != "*" and not is_known(source, names):
            section.warn(f"no group {source!r} in model_list: its fallbacks are never used", nearest(source, names))
        for target in targets:
            if not is_known(target, names):
                section.warn(f"no group {target!r} in model_list: it is left out", nearest(target, names))
        result[source] = tuple(target for target in targets if is_known(target, names))
    return {source: targets for source, targets in result.items() if targets}


def check_fallbacks(router: RouterSettings) -> list[str]:
    """A sentence for each circle, in the order of the file.

    >>> check_fallbacks(RouterSettings(fallbacks={"a": ("b",), "b": ("c", "a")}))
    ['fallbacks: a -> b -> a is a circle: a request visits each group once']
    """
    return [
        f"{kind}: {' -> '.join(circle)} is a circle: a request visits each group once"
        for kind in KINDS
        for circle in circles({name: _resolved(router, each) for name, each in getattr(router, kind).items()})
    ]


def _resolved(router: RouterSettings, targets: Iterable[str]) -> tuple[str, ...]:
    return tuple(router.aliases.get(each, each) for each in targets)


def circles(edges: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Each closed way found by a walk from each group, once; its first is the group that comes first in the file."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in edges:
        if start in done:
            continue
        path: dict[str, None] = {start: None}
        waiting = [iter(edges.get(start, ()))]
        while waiting:
            target = next(waiting[-1], None)
            if target is None:
                waiting.pop()
                done.add(path.popitem()[0])
            elif target in path:
                way = list(path)
                found.append((*way[way.index(target) :], target))
            elif target not in done:
                path[target] = None
                waiting.append(iter(edges.get(target, ())))
    return found
