"""The caller hangs up: the provider sees the end of its request at once, streamed or not, whatever it was doing.

Under both servers, with a provider that speaks HTTP/2 (one stream is reset) and one that speaks HTTP/1.1 (the
connection ends). The wait is for the provider's own event.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import pytest

from penstock.testing import Pace, Provider, Turn, faults
from penstock.testing.fault import Fault
from tests.gateway.answers import ASKED, ask, lines_of
from tests.gateway.running import MASTER, Running, config_of, deployment
from tests.waiting import eventually_sync

FAULTS: dict[str, Fault | None] = {
    "speaking": None,
    "silent": faults.silence(),
    "head-only": faults.stall(),
    "stalled": faults.stall(after_events=3),
    "half-a-body": faults.stall(after_bytes=20),
}
CASES = [
    ("stream", "speaking"),
    ("stream", "silent"),
    ("stream", "head-only"),
    ("stream", "stalled"),
    ("whole", "silent"),
    ("whole", "half-a-body"),
]


class Place:
    """A gateway and its provider."""

    def __init__(self, stack: ExitStack, factory: pytest.TempPathFactory, server: str) -> None:
        endless = Turn(text="on and on ", deltas_n=100_000)
        self.provider = stack.enter_context(Provider(endless, pace=Pace(per_s=100)))
        journal = factory.mktemp(server) / "journal.jsonl"
        self.journal = journal
        config = config_of(
            deployment("h2", "openai/m", self.provider.base_url),
            deployment("h1", "openai/m", self.provider.url("/v1", tls=False)),
            deployment("claude", "anthropic/m", self.provider.anthropic_url),
            penstock_settings={"journal": {"jsonl": str(journal)}},
        )
        env = self.provider.trust.env()
        self.gateway = stack.enter_context(Running(config, journal.parent, env=env, server=server))
        self.calls_n = 0

    def call(self, model: str, *, stream: bool, path: str = "/v1/chat/completions") -> socket.socket:
        """A connection on which a request was sent."""
        body = json.dumps({"model": model, "messages": ASKED, "stream": stream, "max_tokens": 9}).encode()
        self.calls_n += 1
        head = (
            f"POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {MASTER}\r\n"
            f"x-request-id: call-{self.calls_n}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        sock = socket.create_connection(("127.0.0.1", self.gateway.port), timeout=30)
        sock.sendall(head.encode() + body)
        return sock

    def record(self) -> dict[str, Any] | None:
        """Of the latest call; None while it is not written."""
        records = (json.loads(line) for line in lines_of(self.journal))
        return next((each for each in records if each["caller_id"] == f"call-{self.calls_n}"), None)


@pytest.fixture(scope="module", params=["granian", "uvicorn"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, tmp_path_factory, request.param)


def check_gone(place: Place) -> dict[str, Any]:
    """The provider has seen it, nothing is left in flight, and the record says so."""
    assert place.provider.wait_done(0, timeout_s=30).is_aborted
    ready = place.gateway.ready
    eventually_sync(lambda: (ready()["in_flight"], ready()["transport"]["running"]) == (0, 0), "nothing in flight")
    eventually_sync(lambda: place.record() is not None, "a record")
    record = place.record()
    assert record is not None
    assert (record["outcome"], record["finish_reason"], len(record["attempts"])) == ("cancelled", None, 1), record
    assert len(place.provider.requests) == 1, "nobody is asked instead"
    assert "Traceback" not in place.gateway.log()
    return record


@pytest.mark.parametrize("model", ["h2", "h1"])
@pytest.mark.parametrize("kind, doing", CASES)
def test_the_provider_sees_it(place: Place, kind: str, doing: str, model: str) -> None:
    fault = FAULTS[doing]
    place.provider.heal()
    place.provider.clear()
    if fault is not None:
        place.provider.fault(fault)
    with closing(place.call(model, stream=kind == "stream")) as sock:
        if kind == "stream" and doing in ("speaking", "stalled"):
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        place.provider.wait_for(1)
    record = check_gone(place)
    if doing == "speaking":
        assert record["events_n"] > 0 < record["sent_bytes"]


@pytest.mark.parametrize("kind", ["stream", "whole"])
def test_who_leaves_at_once(place: Place, kind: str) -> None:
    """Before anybody watches for it: what reaches the provider all the same is ended there."""
    place.provider.heal()
    place.provider.fault(faults.silence())
    place.provider.clear()
    for _ in range(5):
        place.call("h1", stream=kind == "stream").close()
    ready = place.gateway.ready
    eventually_sync(lambda: (ready()["in_flight"], ready()["transport"]["running"]) == (0, 0), "nothing in flight")
    eventually_sync(lambda: place.provider.stats().running == 0, "nothing runs at the provider")


def test_in_the_other_dialect(place: Place) -> None:
    """Through translation, too."""
    place.provider.heal()
    place.provider.clear()
    with closing(place.call("claude", stream=True)) as sock:
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert check_gone(place)["events_n"] > 0


def test_a_caller_that_does_not_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its stream backs up to the provider, costs no memory, and ends when it leaves. Only under ASGI: Granian's RSGI
    takes what it is given without a limit (docs/decisions/028)."""
    with ExitStack() as stack:
        place = Place(stack, tmp_path_factory, "uvicorn")
        place.provider.says(Turn(text="quickly " * 50, deltas_n=10_000_000))
        before = place.gateway.held()
        with closing(place.call("h2", stream=True)) as sock, place.gateway.client() as client:
            assert sock.recv(100).startswith(b"HTTP/1.1 200 ")
            seen = [-1, place.provider.stats().events]
            while seen[-1] != seen[-2]:  # until it stands still over fifty requests of others
                for _ in range(50):
                    assert client.get("/health/readiness").json()["in_flight"] == 1
                seen.append(place.provider.stats().events)
            assert place.gateway.held().rss_bytes - before.rss_bytes < 100 << 20
        check_gone(place)


def read_all(sock: socket.socket) -> None:
    with suppress(ConnectionError):
        while sock.recv(1 << 20):
            pass


def test_a_burst_stops_nobody_else(place: Place) -> None:
    """While one provider sends as fast as it can, others get their turns."""
    place.provider.heal()
    place.provider.says(Turn(text="quickly", deltas_n=1_000_000))
    place.provider.clear()
    with closing(place.call("h2", stream=True)) as sock, place.gateway.client() as client:
        reader = threading.Thread(target=read_all, args=(sock,))
        place.provider.wait_for(1)
        reader.start()
        asked_n = 0
        while place.provider.requests[0].done_s is None:
            assert client.get("/health/readiness").status_code == 200
            asked_n += 1
        sock.shutdown(socket.SHUT_RDWR)
        reader.join(60)
    assert asked_n > 10
    eventually_sync(lambda: place.gateway.ready()["in_flight"] == 0)


def test_many_at_once(place: Place) -> None:
    """And the one who stays is answered."""
    place.provider.heal()
    place.provider.says(Turn(text="on and on ", deltas_n=150), pace=Pace(per_s=100))
    place.provider.clear()
    gone_n = 40
    with ExitStack() as stack, place.gateway.client() as stayed:
        for number in range(gone_n):
            sock = stack.enter_context(closing(place.call(("h2", "h1")[number % 2], stream=True)))
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        with stayed.stream(
            "POST", "/v1/chat/completions", json={"model": "h2", "messages": ASKED, "stream": True}
        ) as got:
            lines = got.iter_lines()
            next(lines)
            stack.close()
            assert any(line == "data: [DONE]" for line in lines)
    eventually_sync(lambda: place.provider.stats().aborted >= gone_n)
    eventually_sync(lambda: place.gateway.ready()["in_flight"] == 0)


def test_during_a_pause_before_a_retry(place: Place) -> None:
    """No further attempt is made for somebody who has left."""
    place.provider.heal()
    place.provider.says("Again?")
    place.provider.clear()
    place.provider.fault(faults.rate_limit(retry_after_s=1), times=1)
    with closing(place.call("h2", stream=False)):
        place.provider.wait_done(0)
    eventually_sync(lambda: place.record() is not None, "a record")
    record = place.record()
    assert record is not None
    assert record["outcome"] == "cancelled"
    assert len(place.provider.requests) == 1
    with place.gateway.client() as client:
        assert ask(client, "h1", stream=False).text == "Again?"
