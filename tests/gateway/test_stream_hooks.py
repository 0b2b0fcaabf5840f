"""A hook that looks into each event of a stream: what it gives back is what the caller gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.testing import Provider, Turn, faults
from tests.gateway.answers import ask
from tests.gateway.running import Running, config_of, deployment

TEXT = "A penstock carries water."
HOOKS = """
from penstock.hooks import Hooks, Refused

class Shout(Hooks):
    async def on_stream_event(self, call, event):
        return b"" if b"carries" in event else event.replace(b"water", b"WATER")

class Breaks(Hooks):
    async def on_stream_event(self, call, event):
        if b"carries" in event:
            raise OSError("a fault of the hook's own")
        return event

class Refuses(Hooks):
    async def on_stream_event(self, call, event):
        if b"carries" in event:
            raise Refused(403, "not of water")
        return event
"""

RAISES = {"Breaks": "a hook of the gateway failed; its log says why", "Refuses": "not of water"}


def running(provider: Provider, folder: Path, hook: str, server: str = "granian") -> Running:
    (folder / "stream_hooks.py").write_text(HOOKS)
    row = deployment("m", "openai/m", provider.base_url)
    config = config_of(row, litellm_settings={"callbacks": [f"stream_hooks.{hook}"]})
    return Running(config, folder, env=provider.trust.env(), server=server)


def test_events_are_the_hooks_to_change(tmp_path: Path) -> None:
    with Provider(Turn(text=TEXT)) as provider, running(provider, tmp_path, "Shout") as gateway:
        with gateway.client() as client:
            answer = ask(client, "m", stream=True)
            assert (answer.text, answer.is_done, answer.error) == ("A penstock WATER.", True, None)
            provider.fault(faults.cut(after_events=5))
            cut = ask(client, "m", stream=True)
            assert cut.error is not None
            assert cut.error["code"] == "stream_cut"


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
@pytest.mark.parametrize("hook, says", RAISES.items(), ids=list(RAISES))
def test_a_hook_that_raises_ends_the_stream(tmp_path: Path, server: str, hook: str, says: str) -> None:
    """With an event that says so; nothing that it did not let through goes out."""
    with Provider(Turn(text=TEXT)) as provider, running(provider, tmp_path, hook, server) as gateway:
        with gateway.client() as client:
            answer = ask(client, "m", stream=True)
        assert answer.error is not None
        assert (answer.is_done, answer.error["message"]) == (False, says)
        assert "A penstock ".startswith(answer.text)
        assert ("a fault of the hook's own" in gateway.log()) == (hook == "Breaks")
        assert gateway.ready()["cooling_down"] == [], "it is not the provider's fault"
