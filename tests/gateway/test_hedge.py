"""`hedge: true`: when the first token is late, another deployment is asked, too; who speaks first wins, the other is
reset at its provider. Few may be hedged, so that slow providers do not get twice the load.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.testing import Provider, faults
from penstock.testing.fault import Fault
from tests.gateway.answers import ASKED, ask, lines_of
from tests.gateway.running import MASTER, Running, config_of, deployment
from tests.waiting import eventually_sync

SAMPLES_N = 20  # of first-token times that are known before anything counts as late
HEDGES_N = 3  # at most: one, and one for each ten requests of the last minute


class Place:
    """Two deployments; nearly all goes to the first one."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.usual = stack.enter_context(Provider("It is the usual one."))
        self.other = stack.enter_context(Provider("It is the other one."))
        self.journal = folder / "journal.jsonl"
        weights = {self.usual: 1_000_000_000, self.other: 1}
        config = config_of(
            *(deployment("m", "openai/m", each.base_url, weight=weight) for each, weight in weights.items()),
            router_settings={"num_retries": 1, "disable_cooldowns": True},
            penstock_settings={"hedge": True, "hedge_least_s": 0.2, "journal": {"jsonl": str(self.journal)}},
        )
        self.gateway = stack.enter_context(Running(config, folder, env=self.usual.trust.env()))
        self.client = stack.enter_context(self.gateway.client())
        for _ in range(SAMPLES_N):
            assert self.ask() == "It is the usual one."
        assert self.other.requests == [], "nothing was late"
        self.usual.clear()

    def ask(self) -> str:
        answer = ask(self.client, "m", stream=True)
        assert (answer.is_done, answer.error) == (True, None)
        return answer.text

    def last_record(self, n: int) -> dict[str, Any]:
        """The n-th after the first ones."""
        eventually_sync(lambda: len(lines_of(self.journal)) >= SAMPLES_N + n, "a record")
        record: dict[str, Any] = json.loads(lines_of(self.journal)[SAMPLES_N + n - 1])
        return record


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, tmp_path)


def test_who_speaks_first_wins(place: Place) -> None:
    place.usual.fault(faults.silence())
    assert place.ask() == "It is the other one."
    assert place.usual.wait_done(0).is_aborted, "the loser is reset"
    record = place.last_record(1)
    assert (record["outcome"], record["retries_n"], record["fallbacks_n"]) == ("complete", 0, 0)
    assert [each["is_hedge"] for each in record["attempts"]] == [False, True]
    assert record["attempts"][1]["started_ms"] >= 200
    assert record["deployment"] == record["attempts"][1]["deployment"]

    # The hedge may lose, too: then it is the one that is reset.
    place.usual.heal()
    place.usual.clear()
    place.other.clear()
    place.usual.fault(faults.delay(0.6))
    place.other.fault(faults.silence())
    assert place.ask() == "It is the usual one."
    assert place.other.wait_done(0).is_aborted
    record = place.last_record(2)
    assert record["deployment"] == record["attempts"][0]["deployment"]
    assert record["attempts"][0]["ended_ms"] >= 600

    # Both are late and then fail: one error, and it is that of a provider.
    place.usual.heal()
    place.other.heal()
    for each in (place.usual, place.other):
        each.fault(_late_error())
    answer = ask(place.client, "m", stream=True)
    assert answer.status >= 500
    assert answer.error is not None


def _late_error() -> Fault:
    """500 after half a second."""
    error, late = faults.server_error(500), faults.delay(0.5)
    return replace(error, change=lambda reply: late.change(error.change(reply)))


def test_few_are_hedged(place: Place) -> None:
    """All routes are slow: that is not the moment to double the load."""
    for each in (place.usual, place.other):
        each.fault(faults.delay(0.3))
    for _ in range(8):
        place.ask()
    assert len(place.usual.requests) >= 6
    assert 1 <= len(place.other.requests) <= HEDGES_N + 1


def test_a_caller_that_leaves_ends_both(place: Place) -> None:
    for each in (place.usual, place.other):
        each.fault(faults.silence())
    body = json.dumps({"model": "m", "messages": ASKED, "stream": True}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {MASTER}\r\n"
    with socket.create_connection(("127.0.0.1", place.gateway.port)) as sock:
        sock.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        place.usual.wait_for(1)
        place.other.wait_for(1)
    assert place.usual.wait_done(0).is_aborted
    assert place.other.wait_done(0).is_aborted
    eventually_sync(lambda: place.gateway.ready()["in_flight"] == 0)
    assert place.last_record(1)["outcome"] == "cancelled"


def test_whole_answers_are_not_hedged(place: Place) -> None:
    """Their first byte is their last: there is no early sign to wait for."""
    place.usual.fault(faults.delay(0.5))
    assert ask(place.client, "m", stream=False).text == "It is the usual one."
    assert place.other.requests == []
