"""From the rounds of a run to medians with their spread, and to a table a person reads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

MEASURES = (
    "cpu_us_per_request",
    "system_us_per_request",
    "cpu_us_per_event",
    "requests_per_s",
    "p50_ms",
    "p99_ms",
    "rss_mib",
)


def summarize(rounds: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per peer and measure: median, lowest and highest over the rounds; and how many errors.

    >>> summarize([{"peer": "a", "version": "1", "errors": {}, "p50_ms": 2.0},
    ...            {"peer": "a", "version": "1", "errors": {}, "p50_ms": 4.0}])["a"]["p50_ms"]
    [3.0, 2.0, 4.0]
    """
    summary: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(result["peer"] for result in rounds):
        own = [result for result in rounds if result["peer"] == name]
        row: dict[str, Any] = {"version": own[0]["version"], "errors": {}}
        for result in own:
            for text, count in result["errors"].items():
                row["errors"][text] = row["errors"].get(text, 0) + count
        for measure in MEASURES:
            seen = [result[measure] for result in own if result.get(measure) is not None]
            if seen:
                row[measure] = [median(seen), min(seen), max(seen)]
        summary[name] = row
    return summary


def table(outcome: dict[str, Any]) -> str:
    """One line per peer, cheapest CPU first; `x` is its CPU time against the first line's."""
    rows = sorted(outcome["summary"].items(), key=lambda item: item[1]["cpu_us_per_request"][0])
    has_events = any("cpu_us_per_event" in row for _, row in rows)
    peers_n = len(rows)
    rounds_n = len(outcome["rounds"]) // peers_n if peers_n else 0
    length = f"{outcome['requests']} requests" if outcome["requests"] else f"{outcome['seconds']:g} s"
    lines = [
        f"{outcome['scenario']}/{outcome['variant']}, {outcome['loop']}{', pinned' if outcome['pinned'] else ''}: "
        f"{rounds_n} rounds of {length} per peer, {outcome['concurrency']} at once; "
        "median (lowest..highest) of the rounds",
        f"{'':16}{'CPU us/request':>26}{'of it system':>14}{'x':>8}"
        + (f"{'us/event':>10}" if has_events else "")
        + f"{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'MiB':>6}  version",
    ]
    for name, row in rows:
        cpu, low, high = row["cpu_us_per_request"]
        line = f"{name:16}{f'{cpu:.1f} ({low:.1f}..{high:.1f})':>26}"
        line += f"{row['system_us_per_request'][0]:14.1f}{cpu / rows[0][1]['cpu_us_per_request'][0]:8.2f}"
        if has_events:
            line += f"{row['cpu_us_per_event'][0]:10.3f}"
        line += f"{row['requests_per_s'][0]:9.0f}{row['p50_ms'][0]:9.2f}{row['p99_ms'][0]:9.2f}{row['rss_mib'][0]:6.0f}"
        lines.append(f"{line}  {row['version']}")
        lines += [f"    {count} x {text}" for text, count in row["errors"].items()]
    return "\n".join(lines)
