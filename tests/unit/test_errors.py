"""The tree of errors: the tables agree with the engine's headers and with docs/errors.md, facts survive."""

from __future__ import annotations

import builtins
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from penstock import errors
from penstock.errors import CLOCKS, CODES, PHASES, STATUSES, PenstockError, error_from_facts

ROOT = Path(__file__).resolve().parents[2]
TIMINGS = {"queued_us": 5, "dns_us": -1, "first_byte_us": -1, "bytes_received": 7, "reused": True, "peer": "a:1"}


def facts(**changes: Any) -> dict[str, Any]:
    return {
        "status": 10,
        "phase": 6,
        "clock": 4,
        "sys": 0,
        "detail": 0,
        "text": "the request was sent and no response head came within 600 s",
        "origin": "https://api.example.com:443",
        "method": "POST",
        "elapsed_us": 600_100_000,
        "bytes_received": 0,
        "head_seen": False,
        "maybe_processed": True,
        "attempts": 1,
        "timings": TIMINGS,
        **changes,
    }


def enumerators(header: str, prefix: str) -> dict[int, str]:
    text = (ROOT / "csrc/base" / header).read_text()
    return {int(number): name for name, number in re.findall(rf"\b{prefix}(\w+) = (\d+),", text)}


def leaves() -> list[type[PenstockError]]:
    return sorted(CODES.values(), key=lambda each: each.code)


def test_every_status_of_the_engine_has_a_class() -> None:
    numbers = enumerators("status.h", "PS_")
    assert set(numbers) - {0, 1} == set(STATUSES)  # OK and NOMEM are not ours
    assert numbers[errors.TIMED_OUT] == "TIMED_OUT"


def test_every_clock_of_the_engine_has_a_class() -> None:
    numbers = enumerators("err.h", "PS_CLOCK_")
    assert {number: name.replace("_", "").lower() + "timeout" for number, name in numbers.items() if number} == {
        number: each.__name__.lower() for number, each in CLOCKS.items()
    }


def test_phases_are_named_as_in_the_engine() -> None:
    numbers = enumerators("err.h", "PS_PHASE_")
    assert [numbers[n].lower() for n in sorted(numbers)] == ["none", *PHASES[1:]]
    assert set(errors.PHASE_TEXTS) == set(PHASES[1:])


def test_the_page_and_the_table_agree() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    documented = dict(re.findall(r"^\| `([a-z_]+)` \| `(\w+)` \|", page, re.MULTILINE))
    assert documented == {code: each.__name__ for code, each in CODES.items()}


def test_codes_are_unique() -> None:
    assert len(CODES) == len(set(errors.LEAVES))


@pytest.mark.parametrize("made", leaves())
def test_a_leaf_can_be_pickled_with_its_facts(made: type[PenstockError]) -> None:
    err = made("what happened", origin="https://a:1", method="GET", elapsed_s=1.5, attempts=2, os_error=111)
    copy = pickle.loads(pickle.dumps(err))
    assert type(copy) is made
    assert vars(copy) == vars(err)
    assert str(copy) == str(err)


def test_a_timeout_tells_what_it_knows() -> None:
    err = error_from_facts(facts())
    assert type(err) is errors.FirstByteTimeout
    assert str(err) == (
        "POST https://api.example.com:443: the request was sent and no response head came within 600 s (waiting for "
        "the response, after 600 s, the peer may have acted on it). Timeouts(first_byte_s=...) sets the limit"
    )
    assert (err.phase, err.elapsed_s, err.whose, err.code) == ("wait", 600.1, "peer", "first_byte_timeout")
    assert err.timings is not None
    assert (err.timings.queued_s, err.timings.dns_s, err.timings.reused) == (5e-6, None, True)


def test_body_bytes_and_attempts_are_told() -> None:
    err = error_from_facts(
        facts(status=14, clock=0, phase=8, text="cut", head_seen=True, bytes_received=12, attempts=2, elapsed_us=1500)
    )
    assert str(err).startswith(
        "POST https://api.example.com:443: cut (in the response body, after 1.5 ms, 12 body bytes received, 2 attempts,"
    )


@pytest.mark.parametrize(("clock", "made"), CLOCKS.items())
def test_the_clock_chooses_the_timeout(clock: int, made: type[PenstockError]) -> None:
    err = error_from_facts(facts(clock=clock))
    assert type(err) is made
    assert {errors.TimeoutError, builtins.TimeoutError} <= set(made.__mro__)


def test_an_unknown_number_is_an_internal_error() -> None:
    assert type(error_from_facts(facts(status=99))) is errors.InternalError
    assert error_from_facts(facts(phase=99)).phase == "99"


def test_bad_input_is_a_value_error() -> None:
    for made in (errors.InvalidURL, errors.InvalidHeader, errors.UnsupportedScheme, errors.ConfigError):
        assert issubclass(made, ValueError)


@pytest.mark.parametrize(
    ("made", "method", "maybe_processed", "safe"),
    [
        (errors.ConnectFailed, "POST", False, True),
        (errors.Disconnected, "POST", True, False),
        (errors.Disconnected, "POST", False, True),
        (errors.Disconnected, "GET", True, True),
        (errors.FirstByteTimeout, "POST", True, False),
        (errors.PoolTimeout, "POST", False, True),
        (errors.InvalidURL, "GET", False, False),
        (errors.CertificateError, "GET", False, False),
        (errors.RequestCancelled, "GET", False, False),
        (errors.LimitExceeded, "GET", True, False),
    ],
)
def test_when_a_retry_is_safe(made: type[PenstockError], method: str, maybe_processed: bool, safe: bool) -> None:
    assert made("x", method=method, maybe_processed=maybe_processed).retry_is_safe is safe


def test_whose_fault_is_one_of_four() -> None:
    assert {each.whose for each in CODES.values()} == {"caller", "peer", "network", "penstock"}
    assert errors.TruncatedResponse("x").is_peer_fault
    assert not errors.ConnectFailed("x").is_peer_fault
