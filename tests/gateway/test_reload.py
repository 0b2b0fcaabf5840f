"""A changed configuration under load: none cut, none failed, the new one in effect; a bad one changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.testing import Pace, Provider, Turn
from tests.gateway.answers import ASKED
from tests.gateway.crowd import Crowd
from tests.gateway.running import MASTER, Running, config_of, deployment
from tests.waiting import eventually

STREAMS_N = 60
OLD = Turn(text="The old provider says it slowly.", deltas_n=40)
NEW = "The new provider."


@pytest.fixture(scope="module")
def old() -> Iterator[Provider]:
    with Provider(OLD, pace=Pace(per_s=15)) as provider:
        yield provider


@pytest.fixture(scope="module")
def new() -> Iterator[Provider]:
    with Provider(NEW) as provider:
        yield provider


def served_by(provider: Provider, *, model: str = "m", **sections: Any) -> dict[str, Any]:
    return config_of(deployment(model, f"openai/{model}", provider.base_url), **sections)


class Load:
    """Whole answers, one after the other on each of several connections; every one must be a 200."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.texts: list[str] = []
        self.failed: list[str] = []

    async def run(self) -> None:
        while True:
            got = await self._http.post("/v1/chat/completions", json={"model": "m", "messages": ASKED})
            if got.status_code == 200:
                self.texts.append(got.json()["choices"][0]["message"]["content"])
            else:
                self.failed.append(got.text)

    async def until(self, text: str) -> None:
        """It is answered so, and was not before."""
        await eventually(lambda: text in self.texts[-4:] or bool(self.failed), f"{text!r} is in effect")


@asynccontextmanager
async def load_on(gateway: Running) -> AsyncIterator[Load]:
    headers = {"authorization": f"Bearer {MASTER}"}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, trust_env=False, timeout=60) as http:
        load = Load(http)
        tasks = [asyncio.ensure_future(load.run()) for _ in range(4)]
        try:
            yield load
        finally:
            for each in tasks:
                each.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


def by_signal(gateway: Running, config: dict[str, Any]) -> None:
    gateway.write(config)
    gateway.hang_up()


def by_file(gateway: Running, config: dict[str, Any]) -> None:
    gateway.write(config)


# The first one changes what the transport is made of, too: there is a new one, and the old one has streams to finish.
@pytest.mark.parametrize(
    "change, sections",
    [pytest.param(by_signal, {"penstock_settings": {"upstream": {"idle_s": 7}}}, id="signal"), (by_file, {})],
)
async def test_a_change_under_load(
    old: Provider,
    new: Provider,
    tmp_path: Path,
    change: Callable[[Running, dict[str, Any]], None],
    sections: dict[str, Any],
) -> None:
    """The deployment that streams is gone from the new configuration; they go on to their end all the same."""
    with Running(served_by(old), tmp_path, env=old.trust.env()) as gateway:
        async with load_on(gateway) as load, Crowd(gateway, "m", STREAMS_N) as crowd:
            await crowd.began()
            change(gateway, served_by(new, **sections))
            await load.until(NEW)
            answers = await crowd.answers()
        assert load.failed == []
        assert {each.text for each in answers} == {old.text}
        assert all(each.is_done and each.error is None for each in answers)
        changed = load.texts.index(NEW)
        assert set(load.texts[changed + 4 :]) <= {NEW}, "who asked after the change is served by the new one"
        await eventually(lambda: gateway.ready()["in_flight"] == 0)
        assert "Traceback" not in gateway.log()


def row(**params: Any) -> dict[str, Any]:
    model = {"model_name": "m", "litellm_params": {"model": "openai/m", "api_key": "k", **params}}
    return {"model_list": [model], "general_settings": {"master_key": "sk-x"}}


# id: the file's text, and what the log says of it
BAD = {
    "no-yaml": ("{model_list: [", "config.yaml"),
    "wrong-type": (json.dumps(row(timeout="soon")), "model_list[0].litellm_params.timeout"),
    "no-deployments": ("{}", "model_list"),
    "unset-variable": (json.dumps(row(api_key="os.environ/NOT_SET_HERE")), "NOT_SET_HERE"),
    "no-such-callback": (json.dumps({**row(), "litellm_settings": {"callbacks": ["no_such.hook"]}}), "no_such"),
    "no-key-any-more": (json.dumps({**row(), "general_settings": {}}), "let everybody in"),
    "no-such-prices": (json.dumps({**row(), "penstock_settings": {"journal": {"prices": "/no/such"}}}), "/no/such"),
}


async def test_a_bad_file_changes_nothing(new: Provider, tmp_path: Path) -> None:
    with Running(served_by(new), tmp_path, env=new.trust.env()) as gateway:
        async with load_on(gateway) as load:
            for name, (text, said) in BAD.items():
                before = len(gateway.log())
                gateway.path.write_text(text)
                gateway.hang_up()
                await eventually(lambda before=before, said=said: said in gateway.log()[before:], f"{name}: {said}")
                got_n = len(load.texts)
                await eventually(lambda got_n=got_n: len(load.texts) > got_n + 4, f"{name}: {load.failed}", 5)
            by_signal(gateway, served_by(new, model="n"))
            await eventually(lambda: bool(load.failed), "a good file is taken after bad ones")
        assert set(load.texts) == {NEW}
        assert "does not exist" in load.failed[0]
        with gateway.client() as client:
            assert client.post("/v1/chat/completions", json={"model": "n", "messages": ASKED}).status_code == 200


async def test_keys_change(new: Provider, tmp_path: Path) -> None:
    with Running(served_by(new), tmp_path, env=new.trust.env()) as gateway, gateway.client() as client:
        assert client.get("/v1/models").status_code == 200
        by_signal(gateway, served_by(new, general_settings={"master_key": "sk-another"}))
        await eventually(lambda: client.get("/v1/models").status_code == 401)
        other = {"authorization": "Bearer sk-another"}
        assert client.get("/v1/models", headers=other).status_code == 200
