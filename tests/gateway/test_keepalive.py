"""Comments that keep a quiet stream alive: before the first token and between tokens; opt-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from penstock.testing import Provider, Turn, faults
from tests.gateway.answers import Answer, ask
from tests.gateway.running import Running, config_of, deployment

TEXT = "A penstock carries water."
COMMENT = b": keep-alive\n"


class Stage:
    """Two providers behind groups with and without comments."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.primary = stack.enter_context(Provider(Turn(text=TEXT)))
        self.spare = stack.enter_context(Provider(Turn(text="The spare.")))
        main, spare = self.primary.base_url, self.spare.base_url
        config = config_of(
            deployment("quiet", "openai/m", main),
            deployment("loud", "openai/m", main, keepalive_seconds=1, ttft_timeout=3, stream_timeout=10),
            deployment("spare", "openai/m", spare),
            router_settings={"num_retries": 0, "fallbacks": [{"loud": ["spare"]}], "disable_cooldowns": True},
        )
        gateway = stack.enter_context(Running(config, folder, env=self.primary.trust.env()))
        self.client: httpx.Client = stack.enter_context(gateway.client())

    def ask(self, model: str) -> Answer:
        return ask(self.client, model, stream=True)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(stack, tmp_path_factory.mktemp("keepalive"))


@pytest.fixture(autouse=True)
def healed(stage: Stage) -> None:
    stage.primary.heal()
    stage.spare.heal()


def test_a_provider_that_thinks(stage: Stage) -> None:
    stage.primary.fault(faults.delay(2.5))
    answer = stage.ask("loud")
    assert (answer.text, answer.is_done, answer.status) == (TEXT, True, 200)
    assert 1 <= answer.raw.count(COMMENT) <= 3
    assert answer.raw.index(COMMENT) < answer.raw.index(b"data:")
    assert answer.headers["x-litellm-call-id"]


def test_a_provider_that_pauses(stage: Stage) -> None:
    stage.primary.fault(faults.delay_body(1.6, after_events=3))
    answer = stage.ask("loud")
    assert (answer.text, answer.is_done) == (TEXT, True)
    assert answer.raw.count(COMMENT) >= 1


def test_a_fallback_is_unseen_behind_comments(stage: Stage) -> None:
    stage.primary.fault(faults.silence())
    answer = stage.ask("loud")
    assert (answer.text, answer.is_done, answer.error) == ("The spare.", True, None)
    assert COMMENT in answer.raw


def test_a_failure_behind_comments_is_an_event(stage: Stage) -> None:
    stage.primary.fault(faults.silence())
    stage.spare.fault(faults.server_error(503))
    answer = stage.ask("loud")
    assert (answer.status, answer.is_done) == (200, False)
    assert answer.error is not None
    assert COMMENT in answer.raw


def test_without_being_asked_for_there_are_none(stage: Stage) -> None:
    stage.primary.fault(faults.delay(1.5))
    answer = stage.ask("quiet")
    assert answer.text == TEXT
    assert COMMENT not in answer.raw
