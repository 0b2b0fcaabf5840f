"""A config.yaml as LiteLLM's users have it, with a dozen of its features, runs as it is and behaves so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.testing import Provider, Turn, faults
from tests.gateway.answers import ASKED, Answer, ask, lines_of
from tests.gateway.running import MASTER, Running
from tests.waiting import eventually_sync

CONFIG = """\
# The team's proxy. Keys are in the environment.
include:
  - models/embeddings.yaml

environment_variables:
  SPARE_KEY: sk-of-the-spare
  NO_DOCS: "True"

model_list:
  - model_name: gpt-4o
    litellm_params: &defaults
      model: openai/gpt-4o-2024-08-06
      api_base: os.environ/PRIMARY_BASE
      api_key: os.environ/PRIMARY_KEY
      weight: 3
      rpm: 60000
      timeout: 1.5
      stream_timeout: "1"
    model_info:
      id: primary
      mode: chat
  - model_name: gpt-4o
    litellm_params:
      <<: *defaults
      api_base: os.environ/SECOND_BASE
      weight: 1
    model_info: {id: second}

  - model_name: spare
    litellm_params:
      model: anthropic/claude-sonnet-4-5
      api_base: os.environ/SPARE_BASE
      api_key: os.environ/SPARE_KEY
      max_tokens: 77
  - model_name: broken
    litellm_params: {model: openai/broken, api_base: os.environ/BROKEN_BASE, api_key: sk-b, timeout: 1}

  - model_name: logged
    litellm_params: {model: anthropic/claude-3-haiku, api_base: os.environ/SPARE_BASE, api_key: os.environ/SPARE_KEY}
  - model_name: in-order
    litellm_params: {model: openai/first, api_base: os.environ/BROKEN_BASE, api_key: sk-b, order: 1}
  - model_name: in-order
    litellm_params: {model: openai/later, api_base: os.environ/SECOND_BASE, api_key: sk-c, order: 2}

  - model_name: "openai/*"
    litellm_params:
      model: openai/*
      api_base: os.environ/PRIMARY_BASE
      api_key: os.environ/PRIMARY_KEY

router_settings:
  routing_strategy: simple-shuffle
  num_retries: 2
  retry_after: 0
  model_group_alias: {"gpt-4": "gpt-4o", "hidden-name": {"model": "spare", "hidden": true}}
  fallbacks: [{"broken": ["spare"]}]
  context_window_fallbacks: [{"gpt-4o": ["spare"]}]
  retry_policy:
    RateLimitErrorRetries: 1
    InternalServerErrorRetries: 3
    BadRequestErrorRetries: 0
  disable_cooldowns: true

litellm_settings:
  callbacks: team_callbacks.proxy_handler_instance
  drop_params: true
  request_timeout: 600
  set_verbose: false
  json_logs: true

general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  store_model_in_db: false
  alerting: ["slack"]
"""
INCLUDED = """\
model_list:
  - model_name: text-embedding-3-small
    litellm_params:
      model: text-embedding-3-small
      api_base: os.environ/SECOND_BASE
      api_key: sk-c
"""
# As in LiteLLM's documentation of custom callbacks.
CALLBACKS = """
import json, pathlib

FILE = pathlib.Path(__file__).with_name("calls.jsonl")

class MyCustomHandler:
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.note("success", kwargs, (end_time - start_time).total_seconds())

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self.note("failure", kwargs, (end_time - start_time).total_seconds())

    def note(self, event, kwargs, took_s):
        payload = kwargs["standard_logging_object"]
        row = {"event": event, "took_s": took_s, "model": kwargs["model"]}
        row |= {name: payload[name] for name in ("model_group", "model_id", "total_tokens", "status", "stream")}
        with FILE.open("a") as file:
            file.write(json.dumps(row) + "\\\\n")

proxy_handler_instance = MyCustomHandler()
""".replace("\\\\n", "\\n")


class Team:
    """The gateway of that file, with four providers."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        names = ("primary", "second", "spare", "broken")
        self.providers = {name: stack.enter_context(Provider(Turn(text=f"It is {name}."))) for name in names}
        (folder / "models").mkdir()
        (folder / "models" / "embeddings.yaml").write_text(INCLUDED)
        (folder / "team_callbacks.py").write_text(CALLBACKS)
        self.calls_path = folder / "calls.jsonl"
        env = {f"{name.upper()}_BASE": provider.base_url for name, provider in self.providers.items()}
        env |= {"SPARE_BASE": self.providers["spare"].anthropic_url, "PRIMARY_KEY": "sk-of-the-primary"}
        env |= {"LITELLM_MASTER_KEY": MASTER, **self.providers["primary"].trust.env()}
        self.gateway = stack.enter_context(Running(CONFIG, folder, env=env))
        self.client = stack.enter_context(self.gateway.client())

    def ask(self, model: str, *, stream: bool = False, **fields: Any) -> Answer:
        return ask(self.client, model, stream=stream, **fields)

    def counts(self) -> dict[str, int]:
        return {name: len(provider.requests) for name, provider in self.providers.items()}


@pytest.fixture(scope="module")
def module_team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with ExitStack() as stack:
        yield Team(stack, tmp_path_factory.mktemp("team"))


@pytest.fixture
def team(module_team: Team) -> Team:
    for each in module_team.providers.values():
        each.heal()
        each.clear()
    return module_team


def test_it_starts_and_lists(team: Team) -> None:
    models = {each["id"] for each in team.client.get("/v1/models").json()["data"]}
    assert {"gpt-4o", "spare", "broken", "in-order", "gpt-4", "text-embedding-3-small"} <= models
    assert "hidden-name" not in models
    log = team.gateway.log()
    assert "error" not in log.lower()
    assert "alerting" in log, "what has no effect is said"
    assert "set_verbose" not in log, "what does not matter is not"


@pytest.mark.parametrize("stream", [False, True])
def test_weights(team: Team, stream: bool) -> None:
    texts = [team.ask("gpt-4o", stream=stream).text for _ in range(80)]
    assert set(texts) == {"It is primary.", "It is second."}
    assert 40 < texts.count("It is primary.") < 79, "three of four, within five sigma"


def test_references_to_the_environment(team: Team) -> None:
    team.ask("openai/gpt-4o")
    (asked,) = team.providers["primary"].requests
    assert asked.header("authorization") == "Bearer sk-of-the-primary"
    team.ask("spare")
    (asked,) = team.providers["spare"].requests
    assert asked.header("x-api-key") == "sk-of-the-spare"
    assert asked.json()["max_tokens"] == 77


def test_aliases(team: Team) -> None:
    assert team.ask("gpt-4").headers["x-litellm-model-id"] in ("primary", "second")
    assert team.ask("hidden-name").text == "It is spare."


def test_a_wildcard(team: Team) -> None:
    assert team.ask("openai/some-new-model").text == "It is primary."
    assert team.providers["primary"].requests[0].json()["model"] == "some-new-model"


def test_an_included_file(team: Team) -> None:
    got = team.client.post("/v1/embeddings", json={"model": "text-embedding-3-small", "input": "a"})
    assert (got.status_code, len(got.json()["data"])) == (200, 1)


@pytest.mark.parametrize("stream", [False, True])
def test_a_fallback_after_the_retries_of_the_policy(team: Team, stream: bool) -> None:
    team.providers["broken"].fault(faults.rate_limit())
    answer = team.ask("broken", stream=stream)
    assert (answer.text, answer.headers["x-litellm-attempted-fallbacks"]) == ("It is spare.", "1")
    assert team.counts()["broken"] == 2, "RateLimitErrorRetries: 1"
    team.providers["broken"].heal()
    team.providers["broken"].fault(faults.server_error(500))
    assert team.ask("broken", stream=stream).text == "It is spare."
    assert team.counts()["broken"] == 2 + 4, "InternalServerErrorRetries: 3"


def test_a_bad_request_is_not_retried(team: Team) -> None:
    for name in ("primary", "second"):
        team.providers[name].fault(faults.status(400, "no such parameter"))
    answer = team.ask("gpt-4o")
    assert (answer.status, "no such parameter" in str(answer.error)) == (400, True)
    assert sum(team.counts().values()) == 1


def test_a_timeout(team: Team) -> None:
    team.providers["broken"].fault(faults.silence())
    assert team.ask("broken").text == "It is spare."
    assert team.counts()["broken"] == 1


def test_a_context_window_fallback(team: Team) -> None:
    for name in ("primary", "second"):
        team.providers[name].fault(faults.context_length())
    assert team.ask("gpt-4o").text == "It is spare."


def test_order(team: Team) -> None:
    assert {team.ask("in-order").text for _ in range(12)} == {"It is broken."}
    team.providers["broken"].fault(faults.server_error(503))
    assert team.ask("in-order").text == "It is second."


def test_drop_params(team: Team) -> None:
    """What Anthropic has no word for is left out instead of refused."""
    assert team.ask("spare", logit_bias={"50256": -100}, frequency_penalty=0.5).text == "It is spare."
    assert "logit_bias" not in team.providers["spare"].requests[0].json()


def test_callbacks(team: Team) -> None:
    def calls() -> list[dict[str, Any]]:
        return [call for call in map(json.loads, lines_of(team.calls_path)) if call["model_group"] == "logged"]

    answer = team.ask("logged", stream=True)
    team.providers["spare"].fault(faults.status(400, "no"))
    assert team.ask("logged").status == 400
    eventually_sync(lambda: len(calls()) == 2, "the callback was called")
    good, bad = calls()
    assert (good["event"], good["status"], good["stream"]) == ("success", "success", True)
    assert good["model_id"] == answer.headers["x-litellm-model-id"]
    assert good["total_tokens"] > 0 < good["took_s"]
    assert (bad["event"], bad["status"]) == ("failure", "failure")


def test_the_master_key(team: Team) -> None:
    body = {"model": "gpt-4o", "messages": ASKED}
    got = httpx.post(f"{team.gateway.url}/chat/completions", json=body, trust_env=False)
    assert got.status_code == 401
    assert team.client.post("/chat/completions", json=body).status_code == 200
