"""What a load came to, as text for people and CI: the complaints, then what serves. Keys are shown as ***."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.config.complaint import Complaint
from penstock.config.load import Loaded
from penstock.config.models import Config, Deployment

HEAD = ("group", "id", "provider", "model", "address", "key", "limits")


def report(loaded: Loaded) -> str:
    """Lines `file:line: path: message`, errors first, then a table of the deployments and how they are used."""
    errors = loaded.errors
    warnings = [each for each in loaded.complaints if not each.is_error]
    parts = [_listed("error", errors), _listed("warning", warnings)]
    if loaded.config is not None:
        parts += [_table([HEAD, *map(_row, loaded.config.deployments)]), _summary(loaded.config)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _listed(name: str, complaints: Sequence[Complaint]) -> str:
    if not complaints:
        return ""
    heading = f"{len(complaints)} {name}{'s' if len(complaints) != 1 else ''}"
    return "\n".join([heading, *map(str, complaints)])


def _row(deployment: Deployment) -> tuple[str, ...]:
    limits = [
        f"{name} {value:g}"
        for name, value in (
            ("order", deployment.order),
            ("weight", deployment.weight),
            ("rpm", deployment.rpm),
            ("tpm", deployment.tpm),
            ("parallel", deployment.max_parallel),
            ("timeout_s", deployment.timeout_s),
        )
        if value is not None
    ]
    return (
        deployment.group,
        deployment.id,
        deployment.provider,
        deployment.model,
        deployment.api_base or "-",
        "-" if deployment.api_key is None else repr(deployment.api_key),
        ", ".join(limits) or "-",
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _summary(config: Config) -> str:
    router, general = config.router, config.general
    groups = {each.group for each in config.deployments}
    lines = [
        f"{len(config.deployments)} deployments in {len(groups)} groups, {len(router.aliases)} aliases",
        f"strategy {router.strategy}, {router.num_retries} retries, {router.timeout_s:g} s, "
        f"cooldown {router.cooldown_s:g} s after {router.allowed_fails} failures in a minute",
        f"keys: {', '.join(each.name for each in general.keys) or 'none, everybody may call'}",
        *_ways("fallbacks", router.fallbacks.items()),
        *_ways("context_window_fallbacks", router.context_window_fallbacks.items()),
        *_ways("content_policy_fallbacks", router.content_policy_fallbacks.items()),
        *_ways("aliases", ((name, (group,)) for name, group in router.aliases.items())),
    ]
    if router.default_fallbacks:
        lines.append(f"default_fallbacks: {', '.join(router.default_fallbacks)}")
    return "\n".join(lines)


def _ways(name: str, ways: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    return [f"{name}: {source} -> {', '.join(targets)}" for source, targets in ways]
