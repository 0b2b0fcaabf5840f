"""The places of LiteLLM where transports are made, the forms they have had, and what stands there instead.

A form is a function's parameters in some version; the maker for it gets LiteLLM's own function and returns ours. Where
a client's settings are beyond penstock, ours calls LiteLLM's own, and `left_alone` counts why. Nothing here is on the
path of a request.
"""

from __future__ import annotations

import logging
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import httpx

from penstock.adapters.litellm.settings import http2_of, transport_settings
from penstock.adapters.litellm.tls import HANDLER, TheirsToMake
from penstock.adapters.litellm.transports import AsyncTransport, SyncTransport

OPENAI = "litellm.llms.openai.common_utils"
PROXY = "litellm.proxy.proxy_server"

left_alone: Counter[str] = Counter()  # why a client has LiteLLM's own transport -> how many
logger = logging.getLogger("penstock.litellm")


@dataclass(frozen=True, slots=True)
class Form:
    """What a function of LiteLLM looks like in some version, and who makes ours."""

    parameters: tuple[str, ...]
    make: Callable[[Any], Any]
    is_static: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """One attribute to be replaced.

    module, owner      where; the class in the module, or "" for the module
    forms              those known
    is_alias           another name of the place before it, or of some versions only: may be missing
    is_imported_by_us  else it counts once LiteLLM has imported it
    """

    module: str
    owner: str
    attribute: str
    forms: tuple[Form, ...]
    is_alias: bool = False
    is_imported_by_us: bool = True

    @property
    def name(self) -> str:
        return ".".join(filter(None, (self.module, self.owner, self.attribute)))


def leave(why: TheirsToMake) -> None:
    if not left_alone[str(why)]:
        logger.warning("a client keeps LiteLLM's own transport: %s", why)
    left_alone[str(why)] += 1


# -- what stands there afterwards --


def create_async_transport(theirs: Any) -> Any:
    def create(
        ssl_context: ssl.SSLContext | None = None,
        ssl_verify: bool | None = None,
        shared_session: object = None,
        http2: bool = False,
        **more: Any,
    ) -> Any:
        """penstock's. `shared_session`, aiohttp's, has nothing to do here, nor have `more`, httpx's limits and cert:
        they come of settings that are read anyway."""
        verify = ssl_context if ssl_context is not None else ssl_verify
        try:
            return AsyncTransport(**transport_settings(verify, is_async=True, http2=http2))
        except TheirsToMake as why:
            leave(why)
            wanted = {"http2": http2} if more or http2 else {}  # a version that has it
            return theirs(ssl_context, ssl_verify, shared_session, **wanted, **more)

    return create


def create_sync_transport(theirs: Any) -> Any:
    """As of 1.106: a method."""

    def create(self: Any) -> Any:
        verify = import_module(HANDLER).get_ssl_configuration(self.ssl_verify)
        return sync_transport(verify, lambda: theirs(self))

    return create


def create_sync_transport_static(theirs: Any) -> Any:
    def create(verify: Any, cert: Any, http2: bool) -> Any:
        return sync_transport(verify, lambda: theirs(verify, cert, http2), http2)

    return create


def sync_transport(verify: Any, theirs: Callable[[], Any], http2: bool = False) -> Any:
    if (given := getattr(import_module("litellm"), "sync_transport", None)) is not None:
        return given  # the user's own
    try:
        return SyncTransport(**transport_settings(verify, is_async=False, http2=http2))
    except TheirsToMake as why:
        leave(why)
        return theirs()


def no_mounts(theirs: Any) -> Any:
    """As of 1.106, where a client made by httpx has its own."""

    def create(verify: object = None, cert: object = None) -> Any:
        """The environment's proxies are the transport's business."""
        try:
            transport_settings(verify, is_async=False)
        except TheirsToMake:
            return theirs(verify, cert)
        return None

    return create


def no_mounts_static(theirs: Any) -> Any:
    def create(transport: Any, verify: Any, cert: Any, http2: bool) -> Any:
        return None if isinstance(transport, SyncTransport) else theirs(transport, verify, cert, http2)

    return create


def sync_openai_client(theirs: Any) -> Any:
    def create() -> Any:
        litellm = import_module("litellm")
        if getattr(litellm, "client_session", None) is not None or getattr(litellm, "network_mock", False):
            return theirs()
        verify = import_module(HANDLER).get_ssl_configuration()
        try:
            transport = SyncTransport(**transport_settings(verify, is_async=False))
        except TheirsToMake as why:
            leave(why)
            return theirs()
        return httpx.Client(transport=transport, follow_redirects=True)

    return create


def openai_init(base: type[Any], shape: type[Any]) -> Callable[[Any], Any]:
    """For a class of client that LiteLLM has for the OpenAI SDK, where it used to leave the SDK its own."""

    def make(theirs: Any) -> Any:
        def __init__(self: Any) -> None:
            verify = import_module(HANDLER).get_ssl_configuration()
            try:
                transport = shape(**transport_settings(verify, is_async=shape is AsyncTransport))
            except TheirsToMake as why:
                leave(why)
                theirs(self)
                return
            timeout = getattr(import_module(OPENAI), "_OPENAI_HTTPX_DEFAULT_TIMEOUT", httpx.Timeout(600.0, connect=5.0))
            base.__init__(self, transport=transport, timeout=timeout, follow_redirects=True)

        return __init__

    return make


def no_shared_session(theirs: Any) -> Any:
    async def initialize() -> None:
        """A session of aiohttp's that nobody would use. The proxy has read its configuration by now, so a wrong one
        fails here, not in the first request."""
        http2_of(import_module("litellm"))

    return initialize


ASYNC_OLD = ("ssl_context", "ssl_verify", "shared_session")
ASYNC = tuple(
    Form(parameters, create_async_transport, is_static=True)
    for parameters in (ASYNC_OLD, (*ASYNC_OLD, "http2", "cert", "limits"))
)
SYNC = (
    Form(("self",), create_sync_transport),
    Form(("verify", "cert", "http2"), create_sync_transport_static, is_static=True),
)
MOUNTS = (
    Form(("verify", "cert"), no_mounts, is_static=True),
    Form(("transport", "verify", "cert", "http2"), no_mounts_static, is_static=True),
)
SYNC_OPENAI = (Form(("self",), openai_init(httpx.Client, SyncTransport)),)
ASYNC_OPENAI = (Form(("self",), openai_init(httpx.AsyncClient, AsyncTransport)),)
SESSION = (Form((), no_shared_session),)
PLACES = (
    Place(HANDLER, "AsyncHTTPHandler", "create_async_transport", ASYNC),
    Place(HANDLER, "AsyncHTTPHandler", "_create_async_transport", ASYNC, is_alias=True),
    Place(HANDLER, "HTTPHandler", "_create_sync_transport", SYNC),
    Place(HANDLER, "HTTPHandler", "_create_sync_proxy_mounts", MOUNTS, is_alias=True),
    Place(OPENAI, "BaseOpenAILLM", "_get_sync_http_client", (Form((), sync_openai_client, is_static=True),)),
    Place(OPENAI, "OpenAIHTTPClient", "__init__", SYNC_OPENAI, is_alias=True),
    Place(OPENAI, "OpenAIAsyncHTTPClient", "__init__", ASYNC_OPENAI, is_alias=True),
    Place(PROXY, "", "initialize_shared_aiohttp_session", SESSION, is_imported_by_us=False),
    Place(PROXY, "", "_initialize_shared_aiohttp_session", SESSION, is_alias=True, is_imported_by_us=False),
)
