"""Counts of a minute and bounded samples."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.routing.window import SAMPLES_N, Samples, Window, percentile


@settings(max_examples=200, derandomize=True)
@given(st.lists(st.tuples(st.floats(0, 40), st.integers(0, 1000)), max_size=40), st.floats(0, 200))
def test_a_window_counts_the_last_minute(steps: list[tuple[float, int]], last_s: float) -> None:
    window, now_s = Window(), 12_345.0
    added: list[tuple[float, int]] = []
    for gap_s, n in steps:
        now_s += gap_s
        window.add(n, now_s)
        added.append((now_s, n))
    now_s += last_s
    least = sum(n for at_s, n in added if now_s - at_s < 50)
    most = sum(n for at_s, n in added if now_s - at_s <= 60)
    assert least <= window.sum(now_s) <= most


def test_room_after() -> None:
    window = Window()
    assert window.room_after_s(1000.0) == 0.0
    window.add(1, 1000.0)
    wait_s = window.room_after_s(1005.0)
    assert window.sum(1005.0 + wait_s - 0.01) == 1
    assert window.sum(1005.0 + wait_s) == 0


def test_a_clock_that_goes_back_harms_nobody() -> None:
    window = Window()
    window.add(5, 1000.0)
    window.add(1, 900.0)
    assert window.sum(900.0) == 6
    assert window.sum(2000.0) == 0


def test_samples_are_bounded() -> None:
    samples = Samples()
    for at in range(10_000):
        samples.add(float(at), float(at))
    assert len(samples) == SAMPLES_N
    assert samples.mean(0.0, newest_n=2) == 9998.5
    assert samples.mean(10_000.0, newest_n=2) is None
    assert samples.values(9998.0) == [9998.0, 9999.0]


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 10.0), (0.95, 19.0), (1.0, 20.0)])
def test_percentile(share: float, expected: float) -> None:
    assert percentile([float(each) for each in range(20, 0, -1)], share) == expected
