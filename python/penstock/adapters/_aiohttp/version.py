"""What this adapter needs of aiohttp beyond its public names, looked up once, so that a version that has changed is a
clear error when the middleware is made and not a strange one in the middle of a request.

A middleware is given the request and a handler. Timeouts, decompression and buffer size of the request are in neither:
they are free variables of the handler that `ClientSession._request` defines (aiohttp 3.12 to 3.14).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

import aiohttp
from aiohttp import http_parser, streams

from penstock.errors import ConfigError

HANDLER = "_connect_and_send_request"
FREE = ("real_timeout", "auto_decompress", "read_bufsize", "read_until_eof")
# Arguments of ClientResponse that response.py knows how to fill in.
ARGUMENTS = frozenset(
    ("self", "method", "url", "writer", "continue100", "timer", "request_info", "traces", "loop", "session")
) | {"stream_writer"}
REQUEST_NAMES = ("_timer", "_traces", "_ssl", "_session", "original_url", "request_info")


class Settings(NamedTuple):
    """Of one request, from the arguments of the session and of its call."""

    timeout: Any  # aiohttp.ClientTimeout
    auto_decompress: bool
    read_bufsize: int
    read_until_eof: bool


def settings_of(handler: Any) -> Settings:
    """ConfigError when another middleware comes after ours: it would never be called."""
    places = _places(handler.__code__)
    if places is None:
        raise ConfigError("penstock's middleware replaces the transport: it must be the last of middlewares=")
    cells = handler.__closure__
    return Settings(*[cells[place].cell_contents for place in places])


@lru_cache(maxsize=16)
def _places(code: CodeType) -> tuple[int, ...] | None:
    if code.co_name != HANDLER:
        return None
    return tuple(code.co_freevars.index(name) for name in FREE)


@lru_cache(maxsize=1)
def check() -> None:
    """ConfigError when the installed aiohttp is one that this adapter does not know."""
    if missing := list(_missing()):
        raise ConfigError(
            f"penstock.adapters.aiohttp does not know aiohttp {aiohttp.__version__}: {'; '.join(missing)}. "
            "It knows 3.12 to 3.14"
        )


def takes_stream_writer() -> bool:
    return "stream_writer" in _arguments()


def _arguments() -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(aiohttp.ClientResponse.__init__).parameters)


def _missing() -> Iterator[str]:
    if "middlewares" not in inspect.signature(aiohttp.ClientSession.__init__).parameters:
        yield "ClientSession has no middlewares="
        return
    code = next((each for each in _codes(aiohttp.ClientSession._request.__code__) if each.co_name == HANDLER), None)
    if code is None:
        yield f"ClientSession._request defines no {HANDLER}"
    elif lacking := set(FREE) - set(code.co_freevars):
        yield f"{HANDLER} does not know {', '.join(sorted(lacking))}"
    if unknown := [name for name in _arguments() if name not in ARGUMENTS]:
        yield f"ClientResponse takes {', '.join(unknown)}"
    made = aiohttp.ClientRequest.__init__.__code__.co_names + tuple(dir(aiohttp.ClientRequest))
    if lacking := set(REQUEST_NAMES) - set(made):
        yield f"ClientRequest has no {', '.join(sorted(lacking))}"
    for kind, names in (
        (aiohttp.ClientResponse, ("start", "_response_eof")),
        (streams.StreamReader, ("_wait", "feed_data", "feed_eof", "end_http_chunk_receiving", "_exception", "_timer")),
        (http_parser.DeflateBuffer, ("feed_data", "feed_eof")),
    ):
        for name in names:
            if not hasattr(kind, name):
                yield f"{kind.__name__} has no {name}"


def _codes(code: CodeType) -> Iterator[CodeType]:
    return (each for each in code.co_consts if isinstance(each, CodeType))
