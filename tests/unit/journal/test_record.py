"""Records: ids, what follows from attempts, and errors without secrets."""

from __future__ import annotations

import uuid

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.dialects.failure import Failure, Fault
from penstock.journal import Attempt, Gaps, Record, error_of, new_id
from penstock.journal.record import away_in
from penstock.sse.usage import Usage


def attempt(
    started_ms: float, ended_ms: float, *, group: str = "g", waited_ms: float = 0, hedge: bool = False
) -> Attempt:
    return Attempt(
        deployment="d", group=group, started_ms=started_ms, ended_ms=ended_ms, waited_ms=waited_ms, is_hedge=hedge
    )


def test_ids_are_uuids_and_differ() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    for each in ids:
        parsed = uuid.UUID(each)
        assert (str(parsed), parsed.version, parsed.variant) == (each, 4, uuid.RFC_4122)


@pytest.mark.parametrize(
    ("attempts", "overhead_ms", "retries_n", "fallbacks_n"),
    [
        ([], 100, 0, 0),
        ([attempt(1, 99)], 2, 0, 0),
        ([attempt(51, 99, waited_ms=50)], 2, 0, 0),
        ([attempt(1, 40), attempt(60, 99, waited_ms=20)], 2, 1, 0),
        ([attempt(1, 40), attempt(41, 60), attempt(62, 99, group="h")], 5, 1, 1),
        ([attempt(1, 40), attempt(41, 60, group="h"), attempt(61, 99, group="i")], 4, 0, 2),
        ([attempt(1, 99), attempt(50, 98, hedge=True)], 2, 0, 0),
        ([attempt(1, 120)], 0, 0, 0),  # clocks of two sides: never negative
    ],
)
def test_close_counts(attempts: list[Attempt], overhead_ms: float, retries_n: int, fallbacks_n: int) -> None:
    record = Record(id="r", attempts=attempts)
    record.close(100)
    assert record.duration_ms == 100
    assert record.overhead_ms == pytest.approx(overhead_ms)
    assert (record.retries_n, record.fallbacks_n) == (retries_n, fallbacks_n)


SPANS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)), max_size=8)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(SPANS)
def test_time_away_is_the_union_of_the_attempts(spans: list[tuple[int, int]]) -> None:
    covered = {ms for start, length in spans for ms in range(start, start + length)}
    assert away_in([attempt(start, start + length) for start, length in spans]) == len(covered)


def test_a_record_is_json_both_ways() -> None:
    record = Record(
        id="r",
        attempts=[attempt(1, 2)],
        usage=Usage(input=3, output=4, cached=1),
        error=error_of(Failure(fault=Fault.SERVER, message="boom")),
        tags=("a",),
    )
    data = msgspec.json.encode(record)
    assert msgspec.json.decode(data, type=Record) == record
    plain = msgspec.json.decode(data)
    assert plain["usage"] == {"input": 3, "output": 4, "cached": 1, "cache_write": 0, "reasoning": 0}
    assert plain["request_text"] is None


def test_errors_carry_no_keys_and_are_short() -> None:
    error = error_of(
        Failure(
            fault=Fault.AUTHENTICATION,
            message="Incorrect API key provided: sk-proj-abcd1234efgh. my-own-key-1 " + "x" * 1000,
            type="invalid_request_error",
            code="invalid_api_key",
        ),
        secrets=["my-own-key-1"],
    )
    assert "abcd" not in error.message
    assert "my-own" not in error.message
    assert len(error.message) == 300
    assert (error.fault, error.type, error.code) == ("authentication", "invalid_request_error", "invalid_api_key")


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.floats(0.0002, 90), min_size=1, max_size=60), st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_percentiles_are_right_within_a_bucket(values_s: list[float], part: float) -> None:
    gaps = Gaps()
    for value in values_s:
        gaps.add(value)
    ordered = sorted(values_s)
    exact_s = next(v for i, v in enumerate(ordered, 1) if i >= part * len(ordered))
    got_ms = gaps.percentile_ms(part)
    assert got_ms is not None
    assert got_ms / 1000 == pytest.approx(exact_s, rel=0.065, abs=1e-6)
    assert gaps.gaps_n == len(values_s)


def test_gaps_outside_count_as_the_edge() -> None:
    gaps = Gaps()
    assert gaps.percentile_ms(0.5) is None
    gaps.add(0.0)
    assert gaps.percentile_ms(0.99) == 0
    gaps.add(5000.0)
    assert 90_000 < (gaps.percentile_ms(0.99) or 0) < 120_000
