"""Where LiteLLM makes its transports, and how each place is replaced, checked first and put back.

A seam is a function of LiteLLM with the parameters it had when this was written (1.106). Another signature, or none,
and the seam is not touched: LiteLLM works as before there, and `status()` says so. All seams are Python attributes;
nothing here is on the path of a request.
"""

from __future__ import annotations

import inspect
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import httpx

from penstock.adapters.litellm.settings import transport_settings
from penstock.adapters.litellm.transports import AsyncTransport, SyncTransport

HANDLER = "litellm.llms.custom_httpx.http_handler"
OPENAI = "litellm.llms.openai.common_utils"
PROXY = "litellm.proxy.proxy_server"


@dataclass(frozen=True, slots=True)
class Seam:
    """name    module and attribute
    is_live  penstock stands there
    why      it does not
    """

    name: str
    is_live: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """One attribute to be replaced. `make` gets LiteLLM's own function and returns ours."""

    module: str
    owner: str  # class in it, or "" for the module
    attribute: str
    parameters: tuple[str, ...]
    make: Callable[[Any], Any]
    kind: type[Any] | None = None  # staticmethod, classmethod
    is_alias: bool = False  # an older or newer name of the one before: may be missing
    is_imported_by_us: bool = True  # else it counts once LiteLLM has imported it

    @property
    def name(self) -> str:
        return ".".join(filter(None, (self.module, self.owner, self.attribute)))


# -- what stands there afterwards --


def create_async_transport(theirs: Any) -> Any:
    def create(
        ssl_context: ssl.SSLContext | None = None, ssl_verify: bool | None = None, shared_session: object = None
    ) -> AsyncTransport:
        """penstock's. `shared_session`, aiohttp's, has nothing to do here."""
        return AsyncTransport(**transport_settings(ssl_context if ssl_context is not None else ssl_verify))

    return create


def create_sync_transport(theirs: Any) -> Any:
    def create(self: Any) -> Any:
        if (given := getattr(import_module("litellm"), "sync_transport", None)) is not None:
            return given  # the user's own
        verify = import_module(HANDLER).get_ssl_configuration(self.ssl_verify)
        return SyncTransport(**transport_settings(verify))

    return create


def no_mounts(theirs: Any) -> Any:
    def create(verify: object = None, cert: object = None) -> None:
        """The environment's proxies are the transport's business."""

    return create


def sync_openai_client(theirs: Any) -> Any:
    def create() -> Any:
        litellm = import_module("litellm")
        if getattr(litellm, "client_session", None) is not None or getattr(litellm, "network_mock", False):
            return theirs()
        verify = import_module(HANDLER).get_ssl_configuration()
        return httpx.Client(transport=SyncTransport(**transport_settings(verify)), follow_redirects=True)

    return create


def no_shared_session(theirs: Any) -> Any:
    async def initialize() -> None:
        """A session of aiohttp's that nobody would use."""

    return initialize


ASYNC = ("ssl_context", "ssl_verify", "shared_session")
PLACES = (
    Place(HANDLER, "AsyncHTTPHandler", "create_async_transport", ASYNC, create_async_transport, staticmethod),
    Place(HANDLER, "AsyncHTTPHandler", "_create_async_transport", ASYNC, create_async_transport, staticmethod, True),
    Place(HANDLER, "HTTPHandler", "_create_sync_transport", ("self",), create_sync_transport),
    Place(HANDLER, "HTTPHandler", "_create_sync_proxy_mounts", ("verify", "cert"), no_mounts, staticmethod, True),
    Place(OPENAI, "BaseOpenAILLM", "_get_sync_http_client", (), sync_openai_client, staticmethod),
    Place(PROXY, "", "initialize_shared_aiohttp_session", (), no_shared_session, None, False, False),
    Place(PROXY, "", "_initialize_shared_aiohttp_session", (), no_shared_session, None, True, False),
)

_before: dict[Place, Any] = {}  # what stood there, as it stood in its owner's __dict__
_why_not: dict[Place, str] = {}


# -- putting in, taking out --


def owner_of(place: Place) -> Any:
    """The module or class; None when it is not there, or not there yet."""
    if not place.is_imported_by_us and place.module not in sys.modules:
        return None
    module: ModuleType = import_module(place.module)
    return getattr(module, place.owner, None) if place.owner else module


def fault_of(place: Place, owner: Any) -> str:
    """Why the place cannot be used; empty when it can."""
    if owner is None:
        return f"{place.module} is not imported" if not place.is_imported_by_us else f"there is no {place.owner}"
    found = vars(owner).get(place.attribute)
    if found is None:
        return "this version of LiteLLM does not have it"
    if place.kind is not None and not isinstance(found, place.kind):
        return f"it is not a {place.kind.__name__} any more"
    function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    parameters = tuple(inspect.signature(function).parameters)
    if parameters != place.parameters:
        return f"its parameters are ({', '.join(parameters)}), not ({', '.join(place.parameters)})"
    return ""


def put_in() -> list[Seam]:
    """Replace what can be; those that could not be and are no aliases are told with the reason."""
    for place in PLACES:
        if place in _before:
            continue
        owner = owner_of(place)
        if fault := fault_of(place, owner):
            _why_not[place] = fault
            continue
        found = vars(owner)[place.attribute]
        ours = place.make(getattr(owner, place.attribute))
        setattr(owner, place.attribute, ours if place.kind is None else place.kind(ours))
        _before[place] = found
        _why_not.pop(place, None)
    forget_clients()
    return [seam for seam in status() if not seam.why.endswith("is not imported")]


def take_out() -> None:
    for place, found in _before.items():
        setattr(owner_of(place), place.attribute, found)
    _before.clear()
    _why_not.clear()
    forget_clients()


def status() -> list[Seam]:
    places = [place for place in PLACES if not place.is_alias or place in _before]
    return [Seam(place.name, place in _before, why(place)) for place in places]


def why(place: Place) -> str:
    return "" if place in _before else _why_not.get(place, "install() was not called")


def forget_clients() -> None:
    """Clients that LiteLLM made before and keeps are made anew. Their responses go on."""
    litellm = import_module("litellm")
    for name in ("module_level_aclient", "module_level_client"):
        if (handler := vars(litellm).get(name)) is not None and getattr(handler, "_owns_client", False):
            handler._client = renewed(handler)
    cache = vars(litellm).get("in_memory_llm_clients_cache")
    if cache is not None:
        cache.flush_cache()


def renewed(handler: Any) -> Any:
    """A client made as the handler makes its own."""
    names = inspect.signature(handler.create_client).parameters
    return handler.create_client(**{name: getattr(handler, name, None) for name in names})
