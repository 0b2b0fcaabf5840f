"""A gateway keeps nothing of the requests that it has answered or that were given up."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from penstock.testing import Pace, Provider, Turn, faults
from tests.gateway.answers import ASKED, ask
from tests.gateway.running import MASTER, Held, Running, config_of, deployment
from tests.waiting import eventually_sync

WARM_N, ROUNDS_N = 250, 300
EACH_BYTES = 500  # may be kept of a request: the allocator's slack; what leaks of one is several thousand
MODELS = ["openai", "anthropic", "failing", "fallen"]


class Place:
    """A gateway with a journal, translations, a route that fails and one that falls back."""

    def __init__(self, stack: ExitStack, folder: Path, server: str) -> None:
        provider = stack.enter_context(Provider(Turn(text="A few words of an answer."), record_limit=10))
        failing = stack.enter_context(Provider(record_limit=10))
        failing.fault(faults.server_error(500))
        self.slow = stack.enter_context(
            Provider(Turn(text="on and on ", deltas_n=1000), pace=Pace(per_s=200), record_limit=10)
        )
        config = config_of(
            deployment("openai", "openai/a", provider.base_url),
            deployment("anthropic", "anthropic/a", provider.anthropic_url),
            deployment("failing", "openai/a", failing.base_url),
            deployment("fallen", "openai/a", failing.base_url),
            deployment("slow", "openai/a", self.slow.base_url),
            router_settings={"num_retries": 0, "disable_cooldowns": True, "fallbacks": [{"fallen": ["openai"]}]},
            litellm_settings={"callbacks": ["prometheus"]},
            penstock_settings={"journal": {"jsonl": str(folder / "journal.jsonl")}},
        )
        self.gateway = stack.enter_context(Running(config, folder, env=provider.trust.env(), server=server))
        self.client = stack.enter_context(self.gateway.client())

    def settled(self) -> Held:
        """What is held when nothing runs, and the journal is written."""

        def is_quiet() -> bool:
            ready = self.gateway.ready()
            rest = (
                ready["in_flight"],
                ready["transport"]["running"],
                sum(each["queued_n"] for each in ready["journal"]),
            )
            return rest == (0, 0, 0)

        eventually_sync(is_quiet, "nothing runs")
        return self.gateway.held()

    def answered(self, n: int) -> None:
        answer = ask(self.client, MODELS[n % 4], stream=n % 8 < 4)
        assert answer.status == (500 if n % 4 == 2 else 200), answer

    def refused(self, n: int) -> None:
        bodies = (b"{", b'{"model":"unknown-%d"}' % n, b'{"model":"openai","stream":1}')
        assert 400 <= self.client.post("/v1/chat/completions", content=bodies[n % 3]).status_code < 500

    def given_up(self, n: int) -> None:
        """The caller hangs up: amid a stream, or before there is an answer."""
        body = json.dumps({"model": "slow", "messages": ASKED, "stream": n % 2 == 0}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {MASTER}\r\n".encode()
        with closing(socket.create_connection(("127.0.0.1", self.gateway.port), timeout=30)) as sock:
            sock.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
            if n % 2 == 0:
                assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        if n % 10 == 0:  # callers come one after the other, not a thousand at once
            eventually_sync(lambda: self.client.get("/health/readiness").json()["in_flight"] == 0)

    def reconnected(self, n: int) -> None:
        """A connection of its own for each."""
        headers = {"authorization": f"Bearer {MASTER}", "connection": "close"}
        body = {"model": "openai", "messages": ASKED, "user": f"user-{n}"}
        assert self.client.post("/v1/chat/completions", json=body, headers=headers).status_code == 200


@pytest.fixture(scope="module", params=["granian", pytest.param("uvicorn", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, tmp_path_factory.mktemp(request.param), request.param)


@pytest.mark.parametrize("way", ["answered", "refused", "given_up", "reconnected"])
def test_requests(place: Place, way: str) -> None:
    """Compared between the first and the second half, as in held.py."""
    act = getattr(place, way)
    for n in range(WARM_N):
        act(n)
    first = place.settled()
    for n in range(ROUNDS_N):
        act(n)
    middle = place.settled()
    for n in range(ROUNDS_N):
        act(n)
    last = place.settled()
    grown = last.rss_bytes - middle.rss_bytes
    assert grown <= EACH_BYTES * ROUNDS_N + (1 << 20), (first, middle, last)
    assert last.fds <= first.fds + 2, (first, last)
    assert last.threads <= first.threads + 1, (first, last)


def test_nothing_failed(place: Place) -> None:
    assert "Traceback" not in place.gateway.log()
    with httpx.Client(trust_env=False) as client:
        assert "litellm_in_flight_requests 0.0" in client.get(f"{place.gateway.url}/metrics").text
