"""Why a Router's call has no answer, as one exception: the failure that tells most, and the way to it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from penstock.errors import PenstockError
from penstock.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.dialects.failure import Failure
    from penstock.journal.record import Attempt

SHOWN_N = 6  # different attempts in a message


class RouterError(PenstockError):
    """All that was tried has failed, or the request was refused before. Also raised by a stream that breaks off, after
    what had come of it.

    failure    fault (`failure.fault`, one of penstock.dialects.failure.Fault), the provider's status and words,
               retry_after_s, body
    status     that a caller of the gateway would get, in the caller's dialect
    headers    likewise; `x-should-retry` says whether another call may go better
    body       likewise: the JSON of OpenAI's or Anthropic's error
    trail      the attempts, oldest first; `attempts` is their number
    """

    code = "router"

    def __init__(
        self,
        failure: Failure,
        model: str = "",
        status: int = 0,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        trail: Sequence[Attempt] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(failure.message, attempts=len(trail), head_seen=failure.status is not None)
        self.failure = failure
        self.model = model
        self.status = status
        self.headers = Headers(headers)
        self.body = body
        self.trail = tuple(trail)
        self.request_id = request_id
        self._arguments = (failure, model, status, tuple(headers), body, self.trail, request_id)

    def __reduce__(self) -> tuple[Any, ...]:
        return RouterError, self._arguments

    @property
    def fault(self) -> str:
        """The kind of failure, "rate_limit", "cut", ...: the values of Fault."""
        return self.failure.fault.value

    @property
    def message(self) -> str:
        return self.failure.message

    @property
    def retry_after_s(self) -> float | None:
        return self.failure.retry_after_s

    def __str__(self) -> str:
        facts = [self.fault]
        if self.failure.status is not None:
            facts.append(f"status {self.failure.status}")
        if self.retry_after_s is not None:
            facts.append(f"retry after {self.retry_after_s:.3g} s")
        facts.append(f"{self.attempts} attempt{'' if self.attempts == 1 else 's'}")
        head = f"{self.model}: " if self.model else ""
        tried = f"; tried {_steps(self.trail)}" if self.trail else ""
        return f"{head}{self.failure.message} ({', '.join(facts)}{tried})"


def _steps(trail: Sequence[Attempt]) -> str:
    """Equal ones in a row are said once."""
    runs = [(step, len(list(those))) for step, those in groupby(map(_step, trail))]
    shown = [step if n == 1 else f"{n} times {step}" for step, n in runs[:SHOWN_N]]
    return ", ".join(shown) + (", ..." if len(runs) > SHOWN_N else "")


def _step(attempt: Attempt) -> str:
    """Where, and in which phase it ended: before an answer, by a status, in the stream."""
    where = attempt.api_host or attempt.deployment
    end = attempt.fault or "broke off"
    return f"{where} {end}" + (f" {attempt.status}" if attempt.fault and attempt.status else "")
