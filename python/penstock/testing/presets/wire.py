"""What the presets share: a stream as a reply, in groups of events, and the header fields of a provider."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.testing.chain import Reply
from penstock.testing.presets.turn import Pace
from penstock.testing.steps import CHUNKED, Events, Fields, Head, fields_of

OPENAI_HEADERS = fields_of(
    {
        "x-request-id": "req_scripted",
        "openai-version": "2020-10-01",
        "openai-processing-ms": "1",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-limit-tokens": "1000000",
        "x-ratelimit-remaining-tokens": "999900",
        "x-ratelimit-reset-tokens": "6ms",
    }
)
ANTHROPIC_HEADERS = fields_of(
    {
        "request-id": "req_scripted",
        "anthropic-ratelimit-requests-limit": "4000",
        "anthropic-ratelimit-requests-remaining": "3999",
        "anthropic-ratelimit-requests-reset": "2030-01-01T00:00:00Z",
        "anthropic-ratelimit-tokens-limit": "400000",
        "anthropic-ratelimit-tokens-remaining": "399900",
        "anthropic-ratelimit-tokens-reset": "2030-01-01T00:00:00Z",
    }
)
STREAM_HEADERS = fields_of({"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"})

Group = tuple[Sequence[bytes], int]  # pieces, and how many of them in all


def headers_of(dialect: str) -> Fields:
    return ANTHROPIC_HEADERS if dialect == "anthropic" else OPENAI_HEADERS


def once(pieces: Iterable[bytes]) -> Group:
    """Each piece once."""
    made = tuple(pieces)
    return made, len(made)


def stream(groups: Iterable[Group], pace: Pace, dialect: str) -> Reply:
    """A reply of events. Neighbouring groups sent once are one schedule."""
    steps: list[Events] = []
    plain: tuple[bytes, ...] = ()
    for pieces, count in groups:
        if count == len(pieces):
            plain += tuple(pieces)
            continue
        if plain:
            steps.append(_events(plain, len(plain), pace))
        steps.append(_events(tuple(pieces), count, pace))
        plain = ()
    if plain:
        steps.append(_events(plain, len(plain), pace))
    return Reply((Head(200, (*STREAM_HEADERS, *headers_of(dialect)), CHUNKED), *steps), dialect)


def _events(pieces: tuple[bytes, ...], count: int, pace: Pace) -> Events:
    return Events(pieces, count, pace.per_s, pace.jitter, pace.seed)


def whole(document: object, dialect: str, status: int = 200) -> Reply:
    """A reply of one JSON document."""
    return Reply(dialect=dialect).answer(status, headers_of(dialect), json=document)
