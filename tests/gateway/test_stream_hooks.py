"""A hook that looks into each event of a stream: what it gives back is what the caller gets."""

from __future__ import annotations

from pathlib import Path

from penstock.testing import Provider, Turn, faults
from tests.gateway.answers import ask
from tests.gateway.running import Running, config_of, deployment

TEXT = "A penstock carries water."
HOOKS = """
from penstock.hooks import Hooks

class Shout(Hooks):
    async def on_stream_event(self, call, event):
        return b"" if b"carries" in event else event.replace(b"water", b"WATER")
"""


def running(provider: Provider, folder: Path, hook: str) -> Running:
    (folder / "stream_hooks.py").write_text(HOOKS)
    row = deployment("m", "openai/m", provider.base_url)
    config = config_of(row, litellm_settings={"callbacks": [f"stream_hooks.{hook}"]})
    return Running(config, folder, env=provider.trust.env())


def test_events_are_the_hooks_to_change(tmp_path: Path) -> None:
    with Provider(Turn(text=TEXT)) as provider, running(provider, tmp_path, "Shout") as gateway:
        with gateway.client() as client:
            answer = ask(client, "m", stream=True)
            assert (answer.text, answer.is_done, answer.error) == ("A penstock WATER.", True, None)
            provider.fault(faults.cut(after_events=5))
            cut = ask(client, "m", stream=True)
            assert cut.error is not None
            assert cut.error["code"] == "stream_cut"
