"""Sinks that are down for the whole run: no request fails or waits for them, drops are counted, memory is flat."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from penstock.testing import Provider
from tests.gateway.answers import ask
from tests.gateway.running import Running, config_of, deployment
from tests.waiting import eventually_sync

QUEUE_N = 20
CALLBACKS = """
import threading

def blocks(record):
    threading.Event().wait()

def fails(record):
    raise RuntimeError("the sink is down")
"""


class Down:
    """A gateway whose sinks are all down, and one that has none."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        provider = stack.enter_context(Provider("Fine."))
        rows = [deployment("m", "openai/m", provider.base_url)]
        (folder / "down_sinks.py").write_text(CALLBACKS)
        fifo = folder / "fifo"
        os.mkfifo(fifo)
        self._reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # that never reads
        stack.callback(os.close, self._reader)
        config = config_of(
            *rows,
            litellm_settings={"callbacks": ["down_sinks.blocks", "down_sinks.fails"]},
            penstock_settings={"journal": {"jsonl": str(fifo), "sqlite": "/proc/no/such.db", "queue": QUEUE_N}},
        )
        env = provider.trust.env()
        self.gateway = stack.enter_context(Running(config, folder, env=env))
        (folder / "plain").mkdir()
        self.plain = stack.enter_context(Running(config_of(*rows), folder / "plain", env=env))
        self.client = stack.enter_context(self.gateway.client())
        self.plain_client = stack.enter_context(self.plain.client())

    def ask(self, n: int) -> None:
        for _ in range(n):
            assert ask(self.client, "m", stream=False).text == "Fine."


@pytest.fixture(scope="module")
def down(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Down]:
    with ExitStack() as stack:
        yield Down(stack, tmp_path_factory.mktemp("down"))


def taken_s(client: httpx.Client) -> float:
    began_s = time.perf_counter()
    assert ask(client, "m", stream=False).text == "Fine."
    return time.perf_counter() - began_s


def test_no_request_fails_or_waits(down: Down) -> None:
    """Side by side with the gateway without sinks, so that a busy machine is busy for both."""
    times = [(taken_s(down.client), taken_s(down.plain_client)) for _ in range(200)]
    down_s, plain_s = (statistics.median(each) for each in zip(*times, strict=True))
    assert down_s < plain_s * 2 + 0.005, "what is generous here is far below any timeout of a sink"
    assert ask(down.client, "m", stream=True).is_done


def test_drops_are_counted(down: Down) -> None:
    # A pipe takes 64 KiB before it blocks: about 100 records.
    eventually_sync(lambda: down.ask(10) is None and all(each["dropped_n"] for each in counted(down)[:2]))
    before = {each["name"]: each["dropped_n"] for each in counted(down)}
    down.ask(30)
    after = {each["name"]: each for each in counted(down)}
    for each in after.values():
        assert each["queued_n"] <= QUEUE_N
    blocked = counted(down)[0]["name"]
    assert after[blocked]["dropped_n"] == before[blocked] + 30, "each one, once the queue is full"
    assert after[blocked]["busy_s"] > 0


def counted(down: Down) -> list[dict[str, object]]:
    """The stuck ones first: those that have been busy for longest."""
    sinks = down.gateway.ready()["journal"]
    assert len(sinks) == 4, sinks
    return sorted(sinks, key=lambda each: -each["busy_s"])


def test_memory_is_flat(down: Down) -> None:
    down.ask(500)
    first = down.gateway.held()
    down.ask(1000)
    last = down.gateway.held()
    assert last.rss_bytes - first.rss_bytes < 1 << 20, (first, last)
    assert (last.fds, last.threads) == (first.fds, first.threads)


def test_it_ends_all_the_same(down: Down) -> None:
    """A sink that is stuck does not keep the process. The last test: the gateway is gone afterwards."""
    down.gateway.terminate()
    assert down.gateway.wait() == 0
