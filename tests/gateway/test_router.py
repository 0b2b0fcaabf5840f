"""penstock.Router: calls without a server, over the same core: retries, fallbacks, streams, cuts, cancelled calls,
blocking callers, several loops."""

from __future__ import annotations

import asyncio
import json
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.gateway.direct import HELD_BYTES, DirectInbound
from penstock.gateway.endpoints import COUNT
from penstock.hooks import HookAnswer, HookCall, Hooks, Refused
from penstock.router import Router, RouterError
from penstock.testing import Provider, Turn, faults
from tests.gateway.running import deployment
from tests.waiting import eventually, eventually_sync

TEXT = "A penstock carries water under pressure to the turbine of the power station below. " * 3
SPARE = "The spare says something else."
ASKED = [{"role": "user", "content": "What is a penstock?"}]
BODY: dict[str, Any] = {"model": "m", "messages": ASKED}
WAIT_S = 30.0


@pytest.fixture
def primary() -> Iterator[Provider]:
    with Provider(Turn(text=TEXT, model="primary-1"), tls=False) as provider:
        yield provider


@pytest.fixture
def spare() -> Iterator[Provider]:
    with Provider(Turn(text=SPARE, model="spare-1"), tls=False) as provider:
        yield provider


def rows(primary: Provider, spare: Provider | None = None) -> list[dict[str, Any]]:
    found = [deployment("m", "openai/primary-1", primary.base_url, model_info={"id": "first"})]
    if spare is not None:
        found.append(deployment("spare", "openai/spare-1", spare.base_url, model_info={"id": "second"}))
    return found


def router_of(primary: Provider, spare: Provider | None = None, **settings: Any) -> Router:
    settings = {"num_retries": 2, "disable_cooldowns": True, **settings}
    if spare is not None:
        settings["fallbacks"] = [{"m": ["spare"]}]
    return Router(model_list=rows(primary, spare), **settings)


def said(events: list[dict[str, Any]]) -> str:
    return "".join(one["delta"].get("content") or "" for event in events for one in event["choices"])


# -- answers --


async def test_an_answer_and_how_it_came_to_be(primary: Provider) -> None:
    async with router_of(primary) as router:
        answer = await router.chat(BODY)
    assert answer.json["choices"][0]["message"]["content"] == TEXT
    assert json.loads(answer.body) == answer.json
    assert (answer.status, answer.deployment, answer.group, answer.model) == (200, "first", "m", "primary-1")
    assert (answer.finish_reason, len(answer.attempts)) == ("stop", 1)
    assert answer.usage is not None and answer.usage.output > 10
    assert answer.headers["x-litellm-model-id"] == "first"
    assert answer.headers["x-litellm-call-id"] == answer.request_id


async def test_bytes_go_on_as_they_are(primary: Provider) -> None:
    body = b'{ "messages":[{"role":"user","content":"hi"}],\n "zzz":1, "model":"primary-1"}'
    async with Router(model_list=[deployment("primary-1", "openai/primary-1", primary.base_url)]) as router:
        await router.chat(body, headers={"OpenAI-Beta": "x=1", "Authorization": "Bearer not-for-the-provider"})
    (request,) = primary.requests
    assert request.body == body
    assert request.header("openai-beta") == "x=1"
    assert request.header("authorization") == "Bearer sk-upstream"


async def test_every_dialect_has_its_methods(primary: Provider) -> None:
    async with router_of(primary) as router:
        translated = await router.messages({"model": "m", "max_tokens": 99, "messages": ASKED})
        assert translated.json["content"][0]["text"] == TEXT
        embedded = await router.embeddings({"model": "m", "input": "x"})
        assert embedded.json["data"][0]["embedding"]
        answered = await router.responses({"model": "m", "input": "x"})
        assert answered.json["status"] == "completed"
        async with router.messages_stream({"model": "m", "max_tokens": 99, "messages": ASKED}) as stream:
            kinds = [event["type"] async for event in stream]
        assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
        async with router.responses_stream({"model": "m", "input": "x"}) as stream:
            assert [event["type"] async for event in stream][-1] == "response.completed"
        with pytest.raises(ValueError, match="no dialect 'gemini'"):
            await router.call("gemini", BODY)
        with pytest.raises(ValueError, match="has no streams"):
            router.stream("embeddings", BODY)


async def test_a_retry(primary: Provider) -> None:
    primary.fault(faults.server_error(500), times=1)
    async with router_of(primary) as router:
        answer = await router.chat(BODY)
    assert answer.json["choices"][0]["message"]["content"] == TEXT
    assert [each.fault for each in answer.attempts] == ["server", None]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_fallback(primary: Provider, spare: Provider, is_stream: bool) -> None:
    primary.fault(faults.server_error(503))
    async with router_of(primary, spare) as router:
        if is_stream:
            async with router.chat_stream(BODY) as stream:
                assert said([event async for event in stream]) == SPARE
                answer: Any = stream
        else:
            answer = await router.chat(BODY)
            assert answer.json["choices"][0]["message"]["content"] == SPARE
    assert (answer.deployment, answer.group, answer.model) == ("second", "spare", "spare-1")
    assert [each.deployment for each in answer.attempts] == ["first", "first", "first", "second"]
    assert answer.headers["x-litellm-attempted-fallbacks"] == "1"


# -- streams --


async def test_events_of_a_stream(primary: Provider) -> None:
    async with router_of(primary) as router, router.chat_stream(BODY) as stream:
        assert (stream.status, stream.deployment) == (200, "first")
        events = [event async for event in stream]
        assert said(events) == TEXT
        assert stream.usage is not None and stream.usage.output > 10
        assert all("usage" not in event or event["usage"] is None for event in events), "asked for by the journal alone"
    assert primary.requests[0].json()["stream"] is True


async def test_bytes_of_a_stream(primary: Provider) -> None:
    async with router_of(primary) as router, router.stream("chat", b'{"stream":true,' + _json(BODY)[1:]) as stream:
        raw = b"".join([chunk async for chunk in stream.chunks()])
    assert raw.startswith(b"data: {")
    assert raw.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("is_sync", [False, True])
async def test_a_cut_raises_after_what_came(primary: Provider, is_sync: bool) -> None:
    primary.fault(faults.cut(after_events=10))
    events: list[dict[str, Any]] = []
    with router_of(primary) as router, pytest.raises(RouterError) as caught:
        if is_sync:
            with router.chat_stream_sync(BODY) as blocking:
                for event in blocking:
                    events.append(event)
        else:
            async with router.chat_stream(BODY) as stream:
                async for event in stream:
                    events.append(event)
    assert said(events) and TEXT.startswith(said(events))
    assert not any("error" in event for event in events)
    err = caught.value
    assert (err.fault, err.status, err.attempts) == ("cut", 502, 1)
    assert err.trail[0].fault == "cut"
    assert "127.0.0.1" in str(err) and "1 attempt" in str(err) and "m: " in str(err)


async def test_the_method_decides_about_streaming(primary: Provider) -> None:
    async with router_of(primary) as router:
        with pytest.raises(RouterError, match="call the method for streams"):
            await router.chat({**BODY, "stream": True})
        with pytest.raises(RouterError, match="lacks stream: true"):
            async with router.chat_stream(_json(BODY)):
                pass
    assert not primary.requests


# -- errors --


async def test_errors_tell_what_was_tried(primary: Provider) -> None:
    primary.fault(faults.rate_limit(retry_after_s=1))
    async with router_of(primary, num_retries=1) as router:
        for is_stream in (False, True):
            with pytest.raises(RouterError) as caught:
                if is_stream:
                    await router.chat_stream(BODY).__aenter__()
                else:
                    await router.chat(BODY)
            err = caught.value
            assert (err.fault, err.status, err.failure.status, err.attempts) == ("rate_limit", 429, 429, 2)
            assert err.retry_after_s == 1
            assert json.loads(err.body)["error"]["message"] == err.message
            assert err.headers["x-should-retry"] == "true"
            assert "2 times 127.0.0.1" in str(err) and "retry after 1 s" in str(err)
            assert isinstance(err, penstock.PenstockError)
            again = pickle.loads(pickle.dumps(err))
            assert (str(again), again.body) == (str(err), err.body)


async def test_refused_before_anything_is_sent(primary: Provider) -> None:
    async with router_of(primary) as router:
        with pytest.raises(RouterError, match=r"Router.models\(\) lists them") as caught:
            await router.chat({**BODY, "model": "nobody"})
        assert (caught.value.fault, caught.value.status, caught.value.trail) == ("not_found", 404, ())
        with pytest.raises(RouterError, match="you must provide a model") as caught:
            await router.chat({"messages": ASKED})
        assert caught.value.status == 400
        with pytest.raises(TypeError):
            await router.chat({**BODY, "x": object()})
    assert not primary.requests


# -- giving up --


async def test_a_cancelled_call_resets_the_provider(primary: Provider) -> None:
    primary.fault(faults.silence())
    async with router_of(primary) as router:
        task = asyncio.create_task(router.chat(BODY))
        await eventually(lambda: len(primary.requests) == 1)
        assert router.health()["in_flight"] == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: primary.requests[0].is_aborted)
        assert router.health()["in_flight"] == 0
        assert router.health()["deployments"]["first"]["in_flight"] == 0


async def test_a_stream_left_early_resets_the_provider(primary: Provider) -> None:
    primary.fault(faults.stall(after_events=5))
    async with router_of(primary) as router:
        async with router.chat_stream(BODY) as stream:
            async for _ in stream:
                break
        assert stream.record.outcome == "cancelled"
        assert stream.record.usage_is_estimate
        await eventually(lambda: primary.requests[0].is_aborted)


async def test_a_cancelled_reader_resets_the_provider(primary: Provider) -> None:
    primary.fault(faults.stall(after_events=5))

    async def read(router: Router) -> None:
        async with router.chat_stream(BODY) as stream:
            async for _ in stream:
                began.set()

    began = asyncio.Event()
    async with router_of(primary) as router:
        task = asyncio.create_task(read(router))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: primary.requests[0].is_aborted)


async def test_closing_ends_what_runs(primary: Provider) -> None:
    primary.fault(faults.silence())
    router = router_of(primary)
    task = asyncio.create_task(router.chat(BODY))
    await eventually(lambda: len(primary.requests) == 1)
    await router.aclose(drain_s=0)
    with pytest.raises(RouterError):
        await task
    with pytest.raises(RuntimeError, match="closed"):
        await router.chat(BODY)
    await router.aclose()


def test_closing_ends_what_blocks(primary: Provider) -> None:
    primary.fault(faults.silence())
    router = router_of(primary)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(router.chat_sync, BODY)
        eventually_sync(lambda: len(primary.requests) == 1)
        router.close(drain_s=0)
        with pytest.raises(RouterError):
            future.result(WAIT_S)
    assert primary.requests[0].is_aborted


async def test_a_slow_reader_slows_the_provider() -> None:
    """Pieces wait for who reads them, so many bytes and no more."""
    inbound = DirectInbound(COUNT, b"", {})
    send = await inbound.begin(200, [])
    await send(b"a" * (HELD_BYTES - 1))
    blocked = asyncio.create_task(send(b"b"))
    await asyncio.sleep(0)
    assert not blocked.done()
    assert len(await inbound.take()) == HELD_BYTES
    await blocked
    inbound.finish()
    assert await inbound.take() == b""


# -- threads and loops --


def test_blocking_calls_from_four_threads(primary: Provider) -> None:
    def one(number: int) -> str:
        if number % 2:
            answer = router.chat_sync(BODY)
            return str(answer.json["choices"][0]["message"]["content"])
        with router.chat_stream_sync(BODY) as stream:
            text = said(list(stream))
            assert stream.usage is not None and stream.deployment == "first"
            return text

    with router_of(primary) as router, ThreadPoolExecutor(4) as pool:
        assert set(pool.map(one, range(40))) == {TEXT}
        health = router.health()
        assert health["deployments"]["first"]["requests_minute"] == 40
        assert health["deployments"]["first"]["in_flight"] == health["in_flight"] == 0
    assert not [each for each in threading.enumerate() if each.name == "penstock-router"]


async def test_blocking_calls_beside_a_running_loop(primary: Provider) -> None:
    with router_of(primary) as router:
        assert router.chat_sync(BODY).status == 200
        with router.chat_stream_sync(BODY) as stream:
            assert b"".join(stream.chunks()).endswith(b"[DONE]\n\n")
        assert (await router.chat(BODY)).status == 200


def test_several_loops_share_a_router(primary: Provider) -> None:
    async def some(n: int) -> None:
        for answer in await asyncio.gather(*(router.chat(BODY) for _ in range(n))):
            assert answer.json["choices"][0]["message"]["content"] == TEXT
        async with router.chat_stream(BODY) as stream:
            assert said([event async for event in stream]) == TEXT

    def loop(_: int) -> None:
        asyncio.run(some(10))

    with router_of(primary) as router:
        loop(0)
        loop(1)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(loop, range(4)))
        health = router.health()["deployments"]["first"]
        assert (health["requests_minute"], health["in_flight"], health["failures_minute"]) == (66, 0, 0)


def test_a_child_process_goes_on(primary: Provider) -> None:
    """A fork after the first blocking call: the child has a thread and connections of its own."""
    code = f"""
import os, warnings
warnings.simplefilter("ignore")
import penstock
router = penstock.Router(model_list={rows(primary)!r})
body = {BODY!r}
assert router.chat_sync(body).status == 200
pid = os.fork()
assert router.chat_sync(body).status == 200
if pid == 0:
    router.close()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert router.chat_sync(body).status == 200
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


def test_an_interrupted_blocking_call_resets_the_provider(primary: Provider) -> None:
    """Ctrl-C while a call waits."""
    primary.fault(faults.silence())
    code = f"""
import penstock
router = penstock.Router(model_list={rows(primary)!r})
try:
    router.chat_sync({BODY!r})
except KeyboardInterrupt:
    print("interrupted", flush=True)
    input()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        primary.wait_for(1, timeout_s=WAIT_S)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        eventually_sync(lambda: primary.requests[0].is_aborted)
        process.stdin.write("\n")
    assert process.returncode == 0


# -- the rest of the core --


class Guard(Hooks):
    """Refuses a word, counts answers."""

    def __init__(self) -> None:
        self.answers = 0

    async def pre_call(self, call: HookCall) -> HookCall:
        if "secret" in call.text():
            raise Refused(403, "not here")
        return call

    async def post_call(self, call: HookCall, answer: HookAnswer) -> HookAnswer:
        self.answers += 1
        return answer


async def test_hooks_given_as_objects(primary: Provider) -> None:
    guard = Guard()
    async with Router(model_list=rows(primary), callbacks=[guard]) as router:
        await router.chat(BODY)
        async with router.chat_stream(BODY) as stream:
            assert said([event async for event in stream]) == TEXT
        with pytest.raises(RouterError, match="not here") as caught:
            await router.chat({**BODY, "messages": [{"role": "user", "content": "a secret"}]})
    assert caught.value.status == 403
    assert guard.answers == 2


async def test_closing_writes_the_journal(primary: Provider, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    config = {"model_list": rows(primary), "penstock_settings": {"journal": {"jsonl": str(path)}}}
    async with Router(config) as router:
        await router.chat(BODY, headers={"x-litellm-tags": "a, b"})
        primary.fault(faults.cut(after_events=10))
        with pytest.raises(RouterError):
            async with router.chat_stream(BODY) as stream:
                async for _ in stream:
                    pass
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["outcome"] for each in lines] == ["complete", "cut"]
    assert lines[0]["tags"] == ["a", "b"]
    assert (lines[1]["error"]["fault"], lines[1]["attempts"][0]["fault"]) == ("cut", "cut")


async def test_health_and_models(primary: Provider, spare: Provider) -> None:
    primary.fault(faults.server_error(503))
    async with router_of(primary, spare, disable_cooldowns=False, allowed_fails=0) as router:
        assert router.models() == ["m", "spare"]
        assert router.health()["deployments"]["first"]["circuit"] == "closed"
        await router.chat(BODY)
        health = router.health()
    assert health["cooling_down"] == ["first"]
    assert health["deployments"]["first"]["circuit"] == "open"
    assert health["transport"]["running"] == 0


# -- made from --


def test_a_file_of_litellm(primary: Provider, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    general = {"master_key": "sk-master-of-a-proxy"}
    path.write_text(json.dumps({"model_list": rows(primary), "general_settings": general}))
    with Router(path) as router:
        assert router.chat_sync(BODY).status == 200, "who has the file needs no key"
    with Router(str(path)) as router:
        assert router.models() == ["m"]


def test_what_is_wrong_is_said_at_once() -> None:
    bad = [{"model_name": "m", "litellm_params": {"api_base": "http://x"}}, {"litellm_params": {"model": "openai/x"}}]
    with pytest.raises(penstock.errors.ConfigError) as caught:
        Router(model_list=bad)
    assert "model_list[0]" in str(caught.value)
    assert "model_list[1]" in str(caught.value)
    with pytest.raises(TypeError, match="give a configuration"):
        Router()
    with pytest.raises(TypeError, match="num_retries"):
        Router({"model_list": []}, num_retries=2)
    with pytest.raises(penstock.errors.ConfigError, match="nowhere"):
        Router({"model_list": [], "litellm_settings": {"callbacks": ["nowhere.at_all"]}})


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
