"""The journal's record of each request, as a file of JSON lines has it: one each, what happened, no secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from penstock.testing import Pace, Provider, Turn, faults
from tests.gateway.answers import ask, lines_of
from tests.gateway.running import MASTER, Running, config_of, deployment
from tests.waiting import eventually_sync

ASKED_TEXT = "a-secret-question"
SAID_TEXT = "a-secret-answer"
UPSTREAM_KEY = "sk-upstream-of-the-records"
PROMPT_N, WORDS_N = 11, 12
Record = dict[str, Any]


class Journal:
    """A gateway that keeps a journal, and its file."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        turn = Turn(text=f"{SAID_TEXT} ", deltas_n=WORDS_N, model="served-1", prompt_tokens=PROMPT_N, cached_tokens=3)
        self.provider = stack.enter_context(Provider(turn))
        self.spare = stack.enter_context(Provider(turn))
        self.slow = stack.enter_context(Provider(Turn(text="so slow ", deltas_n=1000), pace=Pace(per_s=50)))
        self.path = folder / "journal.jsonl"
        prices = {"input_cost_per_token": 1e-3, "output_cost_per_token": 1e-2}
        key = {"api_key": UPSTREAM_KEY}
        config = config_of(
            deployment("m", "openai/m-1", self.provider.base_url, model_info={"id": "d1"}, **key, **prices),
            deployment("spare", "openai/m-2", self.spare.base_url, model_info={"id": "d2"}, **key),
            deployment("slow", "openai/slow", self.slow.base_url, **key),
            router_settings={"num_retries": 1, "fallbacks": [{"m": ["spare"]}], "disable_cooldowns": True},
            penstock_settings={"journal": {"jsonl": str(self.path)}},
        )
        self.gateway = stack.enter_context(Running(config, folder, env=self.provider.trust.env()))
        self.client = stack.enter_context(self.gateway.client())
        self.read_n = 0

    def lines(self) -> list[str]:
        return lines_of(self.path)

    def next(self) -> Record:
        """The record of the one request since the last look."""
        self.read_n += 1
        eventually_sync(lambda: len(self.lines()) >= self.read_n, "a record")
        lines = self.lines()
        assert len(lines) == self.read_n, lines[self.read_n - 1 :]
        record: Record = json.loads(lines[-1])
        return record

    def ask(self, model: str = "m", *, stream: bool = False, **fields: Any) -> Any:
        return ask(self.client, model, stream=stream, user=ASKED_TEXT[:8], **fields)


@pytest.fixture(scope="module")
def module_journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with ExitStack() as stack:
        yield Journal(stack, tmp_path_factory.mktemp("records"))


@pytest.fixture
def journal(module_journal: Journal) -> Journal:
    module_journal.provider.heal()
    module_journal.spare.heal()
    return module_journal


def has(record: Record, **wanted: Any) -> None:
    assert {name: record[name] for name in wanted} == wanted, record


@pytest.mark.parametrize("stream", [False, True])
def test_complete(journal: Journal, stream: bool) -> None:
    answer = journal.ask(stream=stream)
    record = journal.next()
    has(record, id=answer.headers["x-litellm-call-id"], outcome="complete", status=200, stream=stream, error=None)
    has(record, endpoint="/v1/chat/completions", dialect="chat", key_name="master", user="a-secret")
    has(record, model_asked="m", group="m", deployment="d1", provider="openai", model_served="served-1")
    has(record, finish_reason="stop", retries_n=0, fallbacks_n=0)
    assert record["api_host"] in journal.provider.base_url
    usage = record["usage"]
    assert (usage["input"], usage["output"], usage["cached"]) == (PROMPT_N, WORDS_N, 3)
    assert record["cost_usd"] == pytest.approx(PROMPT_N * 1e-3 + WORDS_N * 1e-2, rel=0.5), "cached ones may cost less"
    assert 0 <= record["overhead_ms"] <= record["duration_ms"]
    assert record["received_bytes"] > 0 < record["sent_bytes"]
    (attempt,) = record["attempts"]
    has(attempt, deployment="d1", group="m", model="m-1", fault=None, status=200, is_hedge=False)
    assert 0 <= attempt["started_ms"] <= attempt["ended_ms"] <= record["duration_ms"]
    if stream:
        assert record["events_n"] >= WORDS_N
        assert record["sent_bytes"] == len(answer.raw)
        assert 0 < record["ttft_ms"] <= record["duration_ms"]


def test_after_a_retry_and_a_fallback(journal: Journal) -> None:
    journal.provider.fault(faults.server_error(503))
    assert journal.ask().status == 200
    record = journal.next()
    has(record, outcome="complete", status=200, group="spare", deployment="d2", retries_n=1, fallbacks_n=1)
    assert [(each["deployment"], each["fault"], each["status"]) for each in record["attempts"]] == [
        ("d1", "overloaded", 503),
        ("d1", "overloaded", 503),
        ("d2", None, 200),
    ]


def test_cut(journal: Journal) -> None:
    journal.provider.fault(faults.cut(after_events=6))
    answer = journal.ask(stream=True)
    assert answer.error is not None
    record = journal.next()
    has(record, outcome="cut", status=200, finish_reason=None, deployment="d1")
    assert record["error"]["fault"] == "cut"
    assert 0 < record["events_n"] < WORDS_N


def test_failed(journal: Journal) -> None:
    said = f"the key {UPSTREAM_KEY} is over its limit"
    journal.provider.fault(faults.status(500, said))
    journal.spare.fault(faults.status(500, said))
    answer = journal.ask()
    assert answer.status >= 500
    record = journal.next()
    has(record, outcome="failed", status=answer.status, usage=None, cost_usd=None)
    has(record, group="spare", deployment="d2", model_served=None)
    assert record["error"]["fault"] == "server"
    assert len(record["attempts"]) > 2


@pytest.mark.parametrize("stream", [False, True])
def test_cancelled(journal: Journal, stream: bool) -> None:
    """The caller hung up: what was seen until then is there."""
    journal.slow.clear()
    body = {"model": "slow", "messages": [{"role": "user", "content": ASKED_TEXT}], "stream": stream}
    if stream:
        with journal.client.stream("POST", "/v1/chat/completions", json=body) as response:
            next(response.iter_lines())
    else:
        journal.slow.fault(faults.silence())
        with pytest.raises(Exception, match="timed out"):
            journal.client.post("/v1/chat/completions", json=body, timeout=0.3)
        journal.slow.heal()
    record = journal.next()
    has(record, outcome="cancelled", stream=stream, model_asked="slow", finish_reason=None)
    assert len(record["attempts"]) == 1
    assert record["duration_ms"] >= record["attempts"][0]["ended_ms"]
    if stream:
        assert record["events_n"] >= 1
        assert record["sent_bytes"] > 0
        has(record, status=200)


def test_refused(journal: Journal) -> None:
    asked = {"model": "m", "messages": []}
    refused = journal.client.post("/v1/chat/completions", json=asked, headers={"authorization": "Bearer sk-wrong"})
    record = journal.next()
    has(record, id=refused.headers["x-request-id"], outcome="refused", status=401, key_name=None, attempts=[])
    assert record["error"]["fault"] == "authentication"
    journal.client.post("/v1/messages", json={**asked, "model": "unknown"})
    has(journal.next(), outcome="refused", status=404, dialect="messages", model_asked="unknown", attempts=[])
    journal.client.post("/v1/chat/completions", content=b"{")
    has(journal.next(), outcome="refused", status=400)


def test_no_secret_is_in_it(journal: Journal) -> None:
    """The last test: everything above is in the file by now."""
    text = journal.path.read_text() + journal.gateway.log()
    for secret in (MASTER, UPSTREAM_KEY, "sk-wrong", SAID_TEXT, ASKED_TEXT, "What is a penstock"):
        assert secret not in text, secret
    assert len(journal.lines()) == journal.read_n


def test_who_opened_the_circuit(tmp_path: Path) -> None:
    """In the record of the call that met the fault, and in /metrics."""
    path = tmp_path / "journal.jsonl"
    turn = Turn(text="fine")
    with Provider(turn) as limited, Provider(turn) as good:
        limited.fault(faults.rate_limit(retry_after_s=30))
        config = config_of(
            deployment("m", "openai/m-1", limited.base_url, model_info={"id": "limited"}, order=1),
            deployment("m", "openai/m-2", good.base_url, model_info={"id": "good"}, order=2),
            litellm_settings={"callbacks": ["prometheus"]},
            router_settings={"num_retries": 1},
            penstock_settings={"journal": {"jsonl": str(path)}},
        )
        with Running(config, tmp_path, env=limited.trust.env()) as gateway, gateway.client() as client:
            for _ in range(2):
                assert ask(client, "m", stream=False).status == 200
            eventually_sync(lambda: len(lines_of(path)) == 2, "two records")
            first, second = (json.loads(line)["attempts"] for line in lines_of(path))
            told = [(each["deployment"], each["opened_circuit"]) for each in first]
            assert told == [("limited", True), ("good", False)]
            assert [each["deployment"] for each in second] == ["good"]
            wanted = 'api_provider="openai",exception_status="429",litellm_model_name="m-1",model_id="limited"} 1.0'
            opened = f'litellm_deployment_cooled_down_total{{api_base="{urlsplit(limited.base_url).netloc}",{wanted}'
            eventually_sync(lambda: opened in client.get("/metrics").text, opened)
