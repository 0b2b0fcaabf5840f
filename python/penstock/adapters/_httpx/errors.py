"""Our errors by the names that httpx, httpx2 and their cores have for them. A table and a look-up; pure."""

from __future__ import annotations

from types import ModuleType

from penstock import errors

# The nearest class of ours -> the library's name. What is missing (ConfigError, TransportClosed, ForkedError,
# InternalError) is raised as it is: not a fault of the exchange, and httpx has no word for it.
ERROR_NAMES: dict[type[errors.PenstockError], str] = {
    errors.ConnectTimeout: "ConnectTimeout",
    errors.WriteTimeout: "WriteTimeout",
    errors.PoolTimeout: "PoolTimeout",
    errors.TimeoutError: "ReadTimeout",
    errors.ProxyError: "ProxyError",
    errors.ConnectError: "ConnectError",
    errors.ReadError: "ReadError",
    errors.WriteError: "WriteError",
    errors.NetworkError: "NetworkError",
    errors.Disconnected: "RemoteProtocolError",
    errors.ProtocolError: "RemoteProtocolError",
    errors.InvalidURL: "UnsupportedProtocol",  # the library has checked all but scheme and host
    errors.InvalidRequest: "LocalProtocolError",
    errors.BodyMismatch: "LocalProtocolError",
    errors.RequestCancelled: "ReadError",
}


def class_for(err: errors.PenstockError, module: ModuleType) -> type[Exception] | None:
    """The module's exception for ours; None when it has none."""
    for each in type(err).__mro__:
        if name := ERROR_NAMES.get(each):
            found: type[Exception] = getattr(module, name)
            return found
    return None
