"""The end of a gateway, and what it says of its health: nobody who was being answered is cut."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from penstock.config.models import Config
from penstock.gateway.app import Gateway
from penstock.gateway.workers import RUN_DIR
from penstock.testing import Pace, Provider, Turn, faults
from tests.gateway.answers import Answer, ask
from tests.gateway.crowd import Crowd
from tests.gateway.running import Running, config_of, deployment
from tests.waiting import eventually, eventually_sync

STREAMS_N = 200
TURN = Turn(text="A penstock carries water.", deltas_n=30)
PACE = Pace(per_s=15)


def check_all(provider: Provider, answers: list[Answer]) -> None:
    for each in answers:
        assert (each.text, each.is_done, each.finish_reason, each.error) == (provider.text, True, "stop", None)


def refuses(url: str) -> bool:
    try:
        httpx.get(f"{url}/health/liveliness", trust_env=False, timeout=5)
    except httpx.TransportError:
        return True
    return False


async def test_sigterm_cuts_no_stream(tmp_path: Path) -> None:
    with Provider(TURN, pace=PACE) as provider:
        config = config_of(deployment("m", "openai/m", provider.base_url))
        with Running(config, tmp_path, env=provider.trust.env()) as gateway:
            async with Crowd(gateway, "m", STREAMS_N) as crowd:
                await crowd.began()
                gateway.terminate()
                await eventually(lambda: refuses(gateway.url), "new connections are refused")
                assert gateway.process.poll() is None, "it waits for its streams"
                check_all(provider, await crowd.answers())
            assert gateway.wait() == 0, gateway.log()
            assert "Traceback" not in gateway.log()
        assert provider.stats().aborted == 0


def test_sigterm_finishes_a_whole_answer(tmp_path: Path) -> None:
    with Provider("A whole answer.") as provider:
        provider.fault(faults.delay(0.5))
        config = config_of(deployment("m", "openai/m", provider.base_url))
        with Running(config, tmp_path, env=provider.trust.env()) as gateway, gateway.client() as client:
            got: list[Answer] = []
            thread = threading.Thread(target=lambda: got.append(ask(client, "m", stream=False)))
            thread.start()
            provider.wait_for(1)
            gateway.terminate()
            thread.join(60)
            assert gateway.wait() == 0
            assert [each.text for each in got] == ["A whole answer."]


async def test_a_stream_longer_than_the_drain_is_ended(tmp_path: Path) -> None:
    """The owner's limit holds: a stream without end does not keep the process."""
    with Provider(Turn(text="On and on.", deltas_n=100_000), pace=Pace(per_s=20)) as provider:
        config = config_of(deployment("m", "openai/m", provider.base_url))
        env = {**provider.trust.env(), "GRACEFUL_SHUTDOWN_TIMEOUT": "1"}
        with Running(config, tmp_path, env=env) as gateway:
            async with Crowd(gateway, "m", 2) as crowd:
                await crowd.began()
                gateway.terminate()
                with pytest.raises(httpx.TransportError):
                    await crowd.answers()
            assert gateway.wait() == 0, gateway.log()


async def test_drain_makes_readiness_503(tmp_path: Path) -> None:
    """/health/drain is for a preStop hook: the balancer looks away, who comes all the same is answered."""
    with Provider(TURN, pace=Pace(per_s=40)) as provider:
        config = config_of(deployment("m", "openai/m", provider.base_url))
        with Running(config, tmp_path, env=provider.trust.env()) as gateway, gateway.client() as client:
            assert client.post("/health/drain", headers={"authorization": ""}).status_code == 401
            assert client.get("/health/readiness").status_code == 200
            async with Crowd(gateway, "m", 3) as crowd:
                await crowd.began()
                assert client.post("/health/drain").json() == {"status": "draining", "in_flight": 3}
                readiness = client.get("/health/readiness")
                assert (readiness.status_code, readiness.json()["status"]) == (503, "draining")
                assert client.get("/health/liveliness").status_code == 200
                assert ask(client, "m", stream=False).text == provider.text
                check_all(provider, await crowd.answers())
            eventually_sync(lambda: client.get("/health/readiness").json()["in_flight"] == 0)


BUSY = """
import pathlib, time
from penstock.hooks import Hooks

HERE = pathlib.Path(__file__).parent

class Busy(Hooks):
    async def pre_call(self, call):
        (HERE / "entered").touch()
        while not (HERE / "released").exists():
            time.sleep(0.01)  # in the event loop, as a careless hook does
        return call
"""


def test_liveness_answers_while_the_loop_is_busy(tmp_path: Path) -> None:
    (tmp_path / "busy_hook.py").write_text(BUSY)
    with Provider("At last.") as provider:
        config = config_of(
            deployment("m", "openai/m", provider.base_url), litellm_settings={"callbacks": ["busy_hook.Busy"]}
        )
        with Running(config, tmp_path, env=provider.trust.env()) as gateway, gateway.client() as client:
            got: list[Answer] = []
            thread = threading.Thread(target=lambda: got.append(ask(client, "m", stream=False)))
            thread.start()
            try:
                eventually_sync((tmp_path / "entered").exists, "the hook holds the loop")
                for path in ("/health/liveliness", "/health/liveness"):
                    alive = httpx.get(gateway.url + path, trust_env=False, timeout=30)
                    assert (alive.status_code, alive.json()) == (200, "I'm alive!")
                assert not got
            finally:
                (tmp_path / "released").touch()
                thread.join(60)
            assert [each.text for each in got] == ["At last."]


def test_a_drain_holds_for_all_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever probes readiness does not choose the worker."""
    monkeypatch.setenv(RUN_DIR, str(tmp_path))
    first, second = Gateway(Config()), Gateway(Config())
    assert not second.is_draining
    first.drain()
    assert first.is_draining and second.is_draining
