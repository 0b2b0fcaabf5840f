"""What the endpoint learned from a request body, read once."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.dialects.dialect import Dialect


class BadRequest(Exception):
    """The caller's fault, found before anything was sent. `param` is the path of the field, "messages[2].content"."""

    def __init__(self, message: str, *, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """One call. `headers` are those of the caller that may go on to the provider, names in lower case."""

    dialect: Dialect
    body: bytes
    model: str
    stream: bool = False
    include_usage: bool = False  # the caller's own stream_options.include_usage
    headers: tuple[tuple[str, str], ...] = ()
    counts_tokens: bool = False  # POST /v1/messages/count_tokens, a MESSAGES body without an answer
    now_s: int = 0  # Unix time, for `created` of translated answers: this room has no clock
    drop_params: bool = False  # general.drop_params: what counts for deployments that do not say
