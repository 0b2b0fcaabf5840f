"""From rounds to medians, to what a gateway adds to the upstream, to a table and the targets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

DIRECT = "direct"
ADDED = ("p50_us", "p99_us", "ttft_p50_us", "ttft_p99_us", "late_p50_us", "late_p99_us")
NOT_FIGURES = ("gateway", "round", "cell", "wrong")


def summarize(rounds: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Gateway, cell, figure: [median, lowest, highest]; `added_...` is round by round less the upstream itself.

    >>> one = {"gateway": "direct", "round": 0, "cell": "lone", "p50_us": 10}
    >>> summarize([one, {**one, "gateway": "a", "p50_us": 25}])["a"]
    {'lone': {'p50_us': [25, 25, 25], 'added_p50_us': [15, 15, 15]}}
    """
    direct = {(each["round"], each["cell"]): each for each in rounds if each["gateway"] == DIRECT}
    seen: dict[str, dict[str, dict[str, list[float]]]] = {}
    for each in rounds:
        figures = seen.setdefault(each["gateway"], {}).setdefault(each["cell"], {})
        floor = direct.get((each["round"], each["cell"]), {})
        for name, value in each.items():
            if name in NOT_FIGURES:
                continue
            figures.setdefault(name, []).append(value)
            if name in ADDED and name in floor and each["gateway"] != DIRECT:
                figures.setdefault(f"added_{name}", []).append(value - floor[name])
    return {
        gateway: {
            cell: {name: [median(values), min(values), max(values)] for name, values in figures.items()}
            for cell, figures in cells.items()
        }
        for gateway, cells in seen.items()
    }


class Goal(NamedTuple):
    text: str
    cell: str
    figure: str
    limit: float
    is_least: bool = False


GOALS = (
    Goal("CPU of a whole answer, us", "unary", "cpu_us", 200),
    Goal("whole answers a second of one core", "unary", "per_s", 4000, True),
    Goal("added p50, one at once, us", "lone", "added_p50_us", 400),
    Goal("added p99, one at once, us", "lone", "added_p99_us", 1000),
    Goal("CPU of an event, 100 streams together, us", "together", "cpu_us", 12),
    Goal("CPU of an event, 100 streams spread, us", "spread", "cpu_us", 12),
    Goal("CPU of an event, 500 streams, us", "many", "cpu_us", 12),
    Goal("MiB of the worker with 500 streams", "many", "largest_mib", 80 * 1e6 / 2**20),
)


def goals(outcome: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of penstock, of what was measured."""
    own = outcome["summary"].get("penstock", {})
    found = []
    for goal in GOALS:
        values = own.get(goal.cell, {}).get(goal.figure)
        if values:
            is_reached: bool | None = values[0] >= goal.limit if goal.is_least else values[0] <= goal.limit
            sign = ">=" if goal.is_least else "<="
            floor = outcome["summary"].get(DIRECT, {}).get(goal.cell, {}).get(goal.figure.removeprefix("added_"))
            if goal.figure.startswith("added_") and floor and floor[0] > goal.limit:
                is_reached = None  # the upstream alone is later than that: the machine is too busy to tell
            found.append({"text": f"{goal.text} {sign} {goal.limit:.0f}", "value": values, "is_reached": is_reached})
    for name, cells in outcome["summary"].items():
        if name.startswith("litellm") and (theirs := cells.get("unary", {}).get("cpu_us")) and "unary" in own:
            ratio = [theirs[0] / own["unary"]["cpu_us"][0]] * 3
            text = f"{name}'s CPU of a whole answer against penstock's >= 20"
            found.append({"text": text, "value": ratio, "is_reached": ratio[0] >= 20})
    return found


COLUMNS = (
    ("unary CPU us", "unary", "cpu_us", "{:.0f}"),
    ("/s of a core", "unary", "per_s", "{:.0f}"),
    ("core busy", "unary", "busy", "{:.0%}"),
    ("added p50 us", "lone", "added_p50_us", "{:.0f}"),
    ("p99", "lone", "added_p99_us", "{:.0f}"),
    ("event us, together", "together", "cpu_us", "{:.1f}"),
    ("spread", "spread", "cpu_us", "{:.1f}"),
    ("500", "many", "cpu_us", "{:.1f}"),
    ("kept up", "many", "kept_up", "{:.0%}"),
    ("TTFT+ p50 ms", "spread", "added_ttft_p50_us", "ms"),
    ("p99", "spread", "added_ttft_p99_us", "ms"),
    ("500 p99", "many", "added_ttft_p99_us", "ms"),
    ("event+ p50 ms", "spread", "added_late_p50_us", "ms"),
    ("p99", "spread", "added_late_p99_us", "ms"),
    ("MiB at 500", "many", "largest_mib", "{:.0f}"),
)


def _cell(values: list[float] | None, form: str) -> str:
    if values is None:
        return "-"
    return f"{values[0] / 1000:.2f}" if form == "ms" else form.format(values[0])


def table(outcome: dict[str, Any]) -> str:
    """For people."""
    lines = [f"{outcome['machine']}", " | ".join(["gateway", *(name for name, *_ in COLUMNS), "MiB idle"])]
    for name, cells in outcome["summary"].items():
        row = [_cell(cells.get(cell, {}).get(figure), form) for _, cell, figure, form in COLUMNS]
        idle = outcome["idle_mib"].get(name)
        row.append("-" if idle is None else f"{idle[0]:.0f} ({idle[1]:.0f})")
        lines.append(" | ".join([f"{name} {outcome['versions'].get(name, '')}", *row]))
    for goal in outcome["goals"]:
        middle, low, high = goal["value"]
        verdict = {True: "reached", False: "MISSED ", None: "unclear"}[goal["is_reached"]]
        lines.append(f"  {verdict} {goal['text']}: {middle:.1f} ({low:.1f}..{high:.1f})")
    return "\n".join(lines)
