"""What a Router's call gave: an answer in one piece, and what both kinds of answer tell of how they came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from penstock.headers import Headers

if TYPE_CHECKING:
    from penstock.gateway.direct import DirectCall
    from penstock.journal.record import Attempt, Record
    from penstock.sse import Usage


class Account:
    """How an answer came to be. Of a stream it is complete when the stream is over."""

    __slots__ = ("_headers", "record")

    record: Record  # all of it, as the journal has it; not to be changed

    def __init__(self, call: DirectCall) -> None:
        self.record = call.record
        self._headers: Headers | None = None

    @property
    def request_id(self) -> str:
        return self.record.id

    @property
    def deployment(self) -> str | None:
        """Id of the deployment that served."""
        return self.record.deployment

    @property
    def group(self) -> str | None:
        """model_name of the group that served: another than asked for after a fallback."""
        return self.record.group

    @property
    def model(self) -> str | None:
        """As the answer names it."""
        return self.record.model_served

    @property
    def usage(self) -> Usage | None:
        """Tokens; None when the provider did not say."""
        return self.record.usage

    @property
    def cost_usd(self) -> float | None:
        return self.record.cost_usd

    @property
    def finish_reason(self) -> str | None:
        return self.record.finish_reason

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Oldest first, each with deployment, fault and times."""
        return tuple(self.record.attempts)


class RouterAnswer(Account):
    """A whole answer.

    status   200
    body     JSON as bytes: the provider's own when it speaks the caller's dialect
    """

    __slots__ = ("_fields", "_json", "body", "status")

    def __init__(self, call: DirectCall) -> None:
        super().__init__(call)
        self.status = call.direct.status
        self.body = call.direct.answer_body
        self._fields = call.direct.answer_headers
        self._json: Any = None

    def __repr__(self) -> str:
        return f"<RouterAnswer {self.status} from {self.deployment}, {len(self.body)} bytes>"

    @property
    def headers(self) -> Headers:
        """Those that a caller of the gateway gets: request ids and rate limits of the provider, x-litellm-*."""
        if self._headers is None:
            self._headers = Headers(self._fields)
        return self._headers

    @property
    def json(self) -> Any:
        """The body, parsed once. Raises ValueError when a hook has made it no JSON."""
        if self._json is None:
            self._json = msgspec.json.decode(self.body)
        return self._json
