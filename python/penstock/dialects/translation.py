"""What a translation between two dialects is; those that there are: `translations`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.dialects.call import CallFacts
from penstock.dialects.provider_rows import Provider


class BadAnswer(Exception):
    """A provider's answer is not what its dialect says; there is nothing that could be translated."""


class StreamTranslator(Protocol):
    """One stream. Only whole events come out."""

    def feed(self, data: bytes) -> bytes:
        """Pieces of the provider's stream in, the caller's events out."""

    def end(self) -> bytes:
        """The last events; call it only after a complete upstream stream."""


class Asks(Protocol):
    def __call__(
        self, call: CallFacts, *, model: str, provider: Provider, params: Mapping[str, Any], drop_params: bool
    ) -> bytes:
        """The request body for the provider. BadRequest for what cannot be said there."""


@dataclass(frozen=True, slots=True)
class Translation:
    """Three pure functions."""

    request: Asks
    response: Callable[[bytes, CallFacts], bytes]
    stream: Callable[[CallFacts], StreamTranslator]
