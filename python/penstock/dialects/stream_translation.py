"""What every translation of a stream does: events in, each one's JSON to the translation, failures told as the caller's
dialect tells them. What an event means is said by `stream_to_chat` and `stream_to_messages`."""

from __future__ import annotations

from typing import ClassVar

from penstock.dialects.call import CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.failures import classify_event, error_event
from penstock.dialects.reading import Members, members_of
from penstock.sse import Events


class StreamTranslation:
    """One stream; a StreamTranslator but for end(). Owner: the relay."""

    __slots__ = ("_call", "_events", "_is_failed")

    upstream: ClassVar[Dialect]
    caller: ClassVar[Dialect]

    def __init__(self, call: CallFacts) -> None:
        self._call = call
        self._events = Events()
        self._is_failed = False  # the provider has told of an error: nothing comes after it

    def feed(self, data: bytes) -> bytes:
        out: list[bytes] = []
        for event in self._events.feed(data):
            if not self._is_failed and (value := members_of(event)) is not None:
                self._event(value, out)
        return b"".join(out)

    def _event(self, value: Members, out: list[bytes]) -> None:
        """What one event of the provider's becomes."""
        raise NotImplementedError

    def _fail(self, error: bytes, out: list[bytes]) -> None:
        """The provider's error, as it came."""
        self._is_failed = True
        out.append(error_event(self.caller, classify_event(self.upstream, error), request_id=""))

    def _cut(self, last: str) -> bytes:
        """The end of a stream that ended without its `last` word."""
        failure = Failure(fault=Fault.CUT, message=f"the provider's stream ended without {last}")
        return error_event(self.caller, failure, request_id="")
