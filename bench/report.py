"""From the rounds of a run to medians with their spread, and to a table a person reads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from bench.scenarios import Goal

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

    >>> one = {"peer": "a", "version": "1", "http": "HTTP/1.1", "connections": 1, "errors": {}}
    >>> summarize([{**one, "p50_ms": 2.0}, {**one, "p50_ms": 4.0}])["a"]["p50_ms"]
    [3.0, 2.0, 4.0]
    """
    summary: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(result["peer"] for result in rounds):
        own = [result for result in rounds if result["peer"] == name]
        row: dict[str, Any] = {key: own[0][key] for key in ("version", "http", "connections")}
        row["errors"] = {}
        for result in own:
            for text, count in result["errors"].items():
                row["errors"][text] = row["errors"].get(text, 0) + count
        for measure in MEASURES:
            seen = [result[measure] for result in own if result.get(measure) is not None]
            if seen:
                row[measure] = [median(seen), min(seen), max(seen)]
        summary[name] = row
    return summary


def reached(rounds: Sequence[dict[str, Any]], goals: Sequence[Goal]) -> list[dict[str, Any]]:
    """Each goal whose two peers ran: their ratio (median, lowest, highest of the rounds) and whether it is reached.

    >>> rounds = [{"peer": "a", "round": 0, "cpu_us_per_request": 3.0}, {"peer": "b", "round": 0,
    ...            "cpu_us_per_request": 2.0}]
    >>> reached(rounds, [Goal("a", 1.2, "b")])
    [{'text': 'a <= 1.200 x b, cpu_us_per_request', 'ratio': [1.5, 1.5, 1.5], 'is_reached': False}]
    """
    found = []
    by_peer = {(result["peer"], result["round"]): result for result in rounds}
    for goal in goals:
        ratios = [
            result[goal.measure] / by_peer[goal.other, index][goal.measure]
            for (name, index), result in by_peer.items()
            if name == goal.peer and (goal.other, index) in by_peer
        ]
        if ratios:
            ratio = median(ratios)
            is_reached = ratio >= goal.factor if goal.least else ratio <= goal.factor
            text = f"{goal.peer} {'>=' if goal.least else '<='} {goal.factor:.3f} x {goal.other}, {goal.measure}"
            found.append({"text": text, "ratio": [ratio, min(ratios), max(ratios)], "is_reached": is_reached})
    return found


def goal_line(goal: dict[str, Any]) -> str:
    ratio, low, high = goal["ratio"]
    verdict = "reached" if goal["is_reached"] else "MISSED"
    return f"  {verdict:8} {goal['text']}: {ratio:.3f} ({low:.3f}..{high:.3f})"


def figure(value: float) -> str:
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def cell(row: dict[str, Any], measure: str, form: str) -> str:
    """The median, or a dash of the same width: h2load tells no percentiles."""
    return format(row[measure][0], form) if measure in row else format("-", f">{form.split('.')[0]}")


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
        f"{'':18}{'':9}{'conns':>6}{'CPU us/request':>26}{'of it system':>14}{'x':>8}"
        + (f"{'us/event':>10}" if has_events else "")
        + f"{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'MiB':>6}  version",
    ]
    for name, row in rows:
        cpu, low, high = row["cpu_us_per_request"]
        conns = "?" if row["connections"] is None else row["connections"]
        line = f"{name:18}{row['http']:9}{conns:>6}{f'{figure(cpu)} ({figure(low)}..{figure(high)})':>26}"
        line += f"{row['system_us_per_request'][0]:14.1f}{cpu / rows[0][1]['cpu_us_per_request'][0]:8.2f}"
        if has_events:
            line += f"{row['cpu_us_per_event'][0]:10.3f}"
        line += cell(row, "requests_per_s", "9.0f") + cell(row, "p50_ms", "9.2f")
        line += cell(row, "p99_ms", "9.2f") + cell(row, "rss_mib", "6.0f")
        lines.append(f"{line}  {row['version']}")
        lines += [f"    {count} x {text}" for text, count in row["errors"].items()]
    return "\n".join([*lines, *map(goal_line, outcome["goals"])])
