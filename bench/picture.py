"""Draw the README's picture from bench/out: CPU of the client process per request, one group of bars per scenario.

python -m bench.picture docs/bench.svg
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

OUT = Path("bench/out")
PARTS = (
    ("small_unary-plain-asyncio", "1 KiB POST, HTTP/1.1"),
    ("small_unary-tls-asyncio", "1 KiB POST, HTTP/1.1 over TLS"),
    ("h2_unary-tls-asyncio", "1 KiB POST, HTTP/2 over TLS"),
    ("burst_sse-one-asyncio", "500 events, one write, HTTP/1.1"),
    ("burst_sse-many-asyncio", "500 events, 50 writes, HTTP/1.1"),
    ("h2_sse-one-asyncio", "500 events, one write, HTTP/2 over TLS"),
    ("h2_sse-many-asyncio", "500 events, 50 writes, HTTP/2 over TLS"),
)
WIDTH, LEFT, BAR, GAP = 760, 150, 16, 34
OURS, OTHERS = "#1f6f8b", "#b8c4c9"


def bar(name: str, value_us: float, most_us: float, y: int) -> str:
    """One line: name, bar on a logarithmic scale from 10 us, figure."""
    length = (WIDTH - LEFT - 90) * math.log10(value_us / 10) / math.log10(most_us / 10)
    colour = OURS if name.startswith("penstock") else OTHERS
    return (
        f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{name}</text>'
        f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR - 4}" fill="{colour}"/>'
        f'<text x="{LEFT + length + 6:.0f}" y="{y + 12}">{value_us:.0f} µs</text>'
    )


def draw(outcomes: list[tuple[str, dict[str, Any]]]) -> str:
    """The whole picture, as SVG text."""
    figures = [
        (title, sorted((row["cpu_us_per_request"][0], name) for name, row in outcome["summary"].items()))
        for title, outcome in outcomes
    ]
    most_us = max(value for _, rows in figures for value, _ in rows)
    y, parts = 30, []
    for title, rows in figures:
        parts.append(f'<text x="{LEFT}" y="{y}" font-weight="bold">{title}</text>')
        y += 6
        for value, name in rows:
            parts.append(bar(name, value, most_us, y))
            y += BAR
        y += GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}'
        f'<text x="{LEFT}" y="{y - 10}" fill="#666">user + system CPU of the client process per request, '
        "median of the rounds; logarithmic. Without -h2: HTTP/1.1</text></svg>\n"
    )


def main(target: Path) -> None:
    outcomes = [(title, json.loads((OUT / f"{stem}.json").read_text())) for stem, title in PARTS]
    target.write_text(draw(outcomes), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
