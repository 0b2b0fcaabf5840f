"""Workers that have served enough are replaced while they serve: no request is refused, no stream is cut."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from penstock.gateway import granian_server, workers
from penstock.gateway.granian_server import Server
from penstock.testing import Pace, Provider, Turn
from tests.gateway.crowd import Crowd
from tests.gateway.running import Running, config_of, deployment
from tests.waiting import eventually, eventually_sync

ENOUGH_N = 30  # requests
STREAMS_N = 3
TURN = Turn(text="A penstock carries water.", deltas_n=60)
PACE = Pace(per_s=12)  # 5 s a stream


class Start:
    """The start of workers in the test's hands: each reads the price list, and a pipe in its place makes it wait."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "prices.json"
        self._pipe: int | None = None
        self.put("{}")

    def __enter__(self) -> Start:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pipe is not None:
            os.close(self._pipe)

    def put(self, prices: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(prices)
        fresh.replace(self.path)

    def hold(self) -> None:
        """Workers wait in their start from now on."""
        pipe = self.path.with_suffix(".new")
        os.mkfifo(pipe)
        pipe.replace(self.path)

    def holds(self) -> bool:
        """One waits."""
        try:
            self._pipe = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as err:
            if err.errno != errno.ENXIO:
                raise
        return self._pipe is not None

    def release(self) -> None:
        """BrokenPipeError when it is gone."""
        assert self._pipe is not None
        self.put("{}")
        os.write(self._pipe, b"{}")
        os.close(self._pipe)
        self._pipe = None


def running(provider: Provider, folder: Path) -> Running:
    prices = {"journal": {"prices": str(Start(folder).path)}}
    config = config_of(deployment("m", "openai/m", provider.base_url), penstock_settings=prices)
    return Running(config, folder, env={**provider.trust.env(), "MAX_REQUESTS_BEFORE_RESTART": str(ENOUGH_N)})


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def test_a_worn_worker_serves_until_its_replacement_does(tmp_path: Path) -> None:
    """However long that one takes to start: here as long as streams that are begun before."""
    with Provider(TURN, pace=PACE) as provider, running(provider, tmp_path) as gateway, Start(tmp_path) as start:
        old = gateway.worker_pid()
        start.hold()
        async with Crowd(gateway, "m", STREAMS_N) as crowd:
            await crowd.began()
            while not start.holds():
                await asyncio.to_thread(gateway.ready)
            streams = asyncio.ensure_future(crowd.answers())
            while not streams.done():
                assert (await asyncio.to_thread(gateway.ready))["status"] == "healthy"
            assert [(each.text, each.is_done) for each in await streams] == [(provider.text, True)] * STREAMS_N
        async with Crowd(gateway, "m", STREAMS_N) as crowd:
            await crowd.began()
            start.release()
            answers = await crowd.answers()
            assert [(each.text, each.is_done) for each in answers] == [(provider.text, True)] * STREAMS_N
        await eventually(lambda: is_gone(old), "the worn worker ends when its streams are over")
        assert gateway.ready()["status"] == "healthy"
        assert f"takes the place of the worn {old}" in gateway.log()
        gateway.terminate()
        assert gateway.wait() == 0
        assert "Traceback" not in gateway.log()


def test_a_replacement_that_dies_is_asked_for_again(tmp_path: Path) -> None:
    with Provider(TURN) as provider, running(provider, tmp_path) as gateway, Start(tmp_path) as start:
        old = gateway.worker_pid()
        start.put("this is no price list")
        said = f"died before it served; the worn {old} stays"
        while said not in gateway.log():
            assert gateway.ready()["status"] == "healthy"
        start.hold()
        while not start.holds():
            assert gateway.ready()["status"] == "healthy"
        start.release()
        eventually_sync(lambda: is_gone(old), "the worn worker ends")
        assert gateway.ready()["status"] == "healthy"


def test_a_stop_does_not_wait_for_a_replacement(tmp_path: Path) -> None:
    with Provider(TURN) as provider, running(provider, tmp_path) as gateway, Start(tmp_path) as start:
        start.hold()
        while not start.holds():
            gateway.ready()
        gateway.terminate()
        assert gateway.wait() == 0
        with pytest.raises(BrokenPipeError):
            start.release()


class Process:
    """A worker's process that lives until it is killed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended = ""

    def start(self) -> None:
        """It does nothing."""

    def join(self, timeout_s: float) -> None:
        """The time is over."""

    def is_alive(self) -> bool:
        return not self.ended

    def kill(self) -> None:
        self.ended = "killed"


class Worker:
    def __init__(self, pid: int) -> None:
        self.inner = Process(pid)

    def terminate(self) -> None:
        self.inner.ended = "terminated"


def test_a_replacement_that_is_late_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(workers.RUN_DIR, str(tmp_path))
    said: list[str] = []
    monkeypatch.setattr(granian_server.logger, "error", said.append)
    server, old, fresh = Server("app:app"), Worker(1), Worker(2)
    server.wrks = [old]  # type: ignore[list-item]
    monkeypatch.setattr(server, "_spawn_worker", lambda **_: fresh)
    Path(tmp_path, f"{workers.WORN}-1").touch()
    turn(server)
    assert server.main_loop_interrupt.wait(60)
    turn(server)
    assert (old.inner.ended, fresh.inner.ended) == ("", "killed")
    assert said == [f"worker-1: PID 2 did not serve within {granian_server.START_S:g} s; the worn 1 stays"]
    assert server.wrks == [old]


def turn(server: Any) -> None:
    """What the main loop does when it is woken."""
    server._reload(None, None)
