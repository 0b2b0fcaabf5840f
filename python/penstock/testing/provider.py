"""A scripted LLM provider, and the SDKs' clients ready for it: penstock's transport, its certificates trusted.

with Provider("Hello") as provider:
    client = provider.openai_sync()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from penstock.testing.presets.provider import preset
from penstock.testing.presets.turn import UNPACED, USUAL, Pace, Turn, turn_of
from penstock.testing.upstream import Upstream

if TYPE_CHECKING:
    from anthropic import Anthropic, AsyncAnthropic
    from openai import AsyncOpenAI, OpenAI

API_KEY = "sk-scripted"


class Provider(Upstream):
    """turn, pace  what the model says; says() changes it
    preset      "openai", "anthropic", or "providers": both
    options     as of Upstream
    """

    def __init__(
        self, turn: Turn | str = USUAL, *, pace: Pace = UNPACED, preset: str = "providers", **options: Any
    ) -> None:
        self.turn = turn_of(turn)
        self._preset = preset
        super().__init__(_rules(preset, self.turn, pace), **options)

    @property
    def base_url(self) -> str:
        """As OpenAI's SDK wants it: with /v1."""
        return self.url("/v1")

    @property
    def anthropic_url(self) -> str:
        """As Anthropic's SDK wants it: without /v1."""
        return self.url("")

    @property
    def api_key(self) -> str:
        return API_KEY

    @property
    def text(self) -> str:
        """What the model says."""
        return self.turn.whole_text

    def says(self, turn: Turn | str, *, pace: Pace = UNPACED) -> None:
        """From now on the model says this; faults stay, counted anew."""
        self.turn = turn_of(turn)
        self.script(_rules(self._preset, self.turn, pace))

    def env(self) -> dict[str, str]:
        """Environment variables for a program of another process."""
        return {
            "OPENAI_BASE_URL": self.base_url,
            "OPENAI_API_KEY": API_KEY,
            "ANTHROPIC_BASE_URL": self.anthropic_url,
            "ANTHROPIC_API_KEY": API_KEY,
            **(self.trust.env() if self.base_url.startswith("https") else {}),
        }

    def openai(self, **settings: Any) -> AsyncOpenAI:
        """An AsyncOpenAI; settings are its own."""
        made: AsyncOpenAI = self._client("openai", "AsyncOpenAI", self.base_url, settings)
        return made

    def openai_sync(self, **settings: Any) -> OpenAI:
        made: OpenAI = self._client("openai", "OpenAI", self.base_url, settings)
        return made

    def anthropic(self, **settings: Any) -> AsyncAnthropic:
        """An AsyncAnthropic; settings are its own."""
        made: AsyncAnthropic = self._client("anthropic", "AsyncAnthropic", self.anthropic_url, settings)
        return made

    def anthropic_sync(self, **settings: Any) -> Anthropic:
        made: Anthropic = self._client("anthropic", "Anthropic", self.anthropic_url, settings)
        return made

    def _client(self, package: str, name: str, base_url: str, settings: dict[str, Any]) -> Any:
        sdk = _imported(package)
        kind = "Async" if name.startswith("Async") else "Sync"
        library = library_of(sdk)
        adapter = import_module(f"penstock.adapters.{library}")
        http = import_module(library)
        tls = self.trust.tls() if base_url.startswith("https") else None
        under = getattr(adapter, f"{kind}Transport")(tls=tls, trust_env=False)
        client = getattr(http, "AsyncClient" if kind == "Async" else "Client")(transport=under)
        given = {"base_url": base_url, "api_key": API_KEY, "http_client": client, **settings}
        return getattr(sdk, name)(**given)


def library_of(sdk: Any) -> str:
    """Which of "httpx2" and "httpx" the installed SDK stands on."""
    modules = {each.__module__.partition(".")[0] for each in sdk.DefaultHttpxClient.__mro__}
    return "httpx2" if "httpx2" in modules else "httpx"


def _rules(name: str, turn: Turn, pace: Pace) -> Any:
    return preset(name, turn, pace=pace)


def _imported(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError as err:
        if err.name != package:
            raise
        raise ImportError(f"this client needs the {package} package: pip install {package}", name=package) from None
