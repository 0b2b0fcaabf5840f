"""The fallback graphs of a configuration, checked when it is loaded: where they lead in a circle, or nowhere.

A journey never enters a group twice, so a circle cannot run for ever; but it says that the owner and the gateway
understand the file differently. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.config.models import RouterSettings

Graph = Mapping[str, tuple[str, ...]]
ANY = "*"


def graphs_of(settings: RouterSettings) -> dict[str, Graph]:
    """The three graphs by their names in the file."""
    return {
        "fallbacks": settings.fallbacks,
        "context_window_fallbacks": settings.context_window_fallbacks,
        "content_policy_fallbacks": settings.content_policy_fallbacks,
    }


def check_fallbacks(settings: RouterSettings, is_known: Callable[[str], bool] | None = None) -> list[str]:
    """What is wrong, as sentences; an empty list when all is well. Circles always; with `is_known` (say
    `lambda name: routes.group(name) is not None`) also groups that do not exist."""
    found = circles(settings)
    if is_known is not None:
        found += unknown(settings, is_known)
    return found


def circles(settings: RouterSettings) -> list[str]:
    """Each circle once, by its names. `*` and default_fallbacks stand for all groups and cannot make one: a group
    is no fallback of itself there."""
    found: list[str] = []
    for name, graph in graphs_of(settings).items():
        for circle in _circles(_without_aliases(graph, settings.aliases)):
            found.append(f"{name} leads in a circle: {' -> '.join(circle)}")
    return found


def unknown(settings: RouterSettings, is_known: Callable[[str], bool]) -> list[str]:
    """Groups that are named as source or target of a fallback and do not exist."""
    found: list[str] = []
    for name, graph in graphs_of(settings).items():
        for source, targets in graph.items():
            if source != ANY and not is_known(source):
                found.append(f"{name}: {source!r} is no model of this file")
            found += [
                f"{name}[{source!r}]: {each!r} is no model of this file" for each in targets if not is_known(each)
            ]
    found += [
        f"default_fallbacks: {each!r} is no model of this file"
        for each in settings.default_fallbacks
        if not is_known(each)
    ]
    return found


def _without_aliases(graph: Graph, aliases: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    plain: dict[str, tuple[str, ...]] = {}
    for source, targets in graph.items():
        if source == ANY:
            continue
        at = aliases.get(source, source)
        plain[at] = plain.get(at, ()) + tuple(aliases.get(each, each) for each in targets)
    return plain


def _circles(graph: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Walks without recursion, so that a hostile file cannot exhaust the stack."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in graph:
        if start in done:
            continue
        path: list[str] = [start]
        on_path = {start}
        turns = [iter(graph[start])]
        while turns:
            target = next(turns[-1], None)
            if target is None:
                turns.pop()
                gone = path.pop()
                on_path.discard(gone)
                done.add(gone)
            elif target in on_path:
                found.append((*path[path.index(target) :], target))
            elif target not in done and target in graph:
                path.append(target)
                on_path.add(target)
                turns.append(iter(graph[target]))
    return found
