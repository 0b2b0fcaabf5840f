"""aiohttp's exceptions for ours. Before the head a failure is one of the connection, in the body one of the payload.

What has no counterpart (InvalidHeader, ConfigError, ForkedError, InternalError) is raised as it is.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import Any

import aiohttp
from aiohttp import http_exceptions
from aiohttp.client_exceptions import ClientConnectorDNSError, UnixClientConnectorError

from penstock import errors

PAYLOAD_TEXT = "Response payload is not completed"
READ_TIMEOUT_TEXT = "Timeout on reading data from socket"
CLOSED_TEXT = "Connection closed"
PROXY_CODES = ("proxy", "proxy_auth")
HTTP_STATUSES = range(100, 1000)


def head_error(err: errors.PenstockError, request: Any, uds: str | None = None) -> BaseException:
    """For a request that got no response head. HttpProcessingError becomes aiohttp's ClientResponseError in start()."""
    if isinstance(err, errors.TimeoutError):
        return _timeout(err, request)
    if isinstance(err, errors.ConnectError):
        if err.code in PROXY_CODES:
            return _proxy_error(err, request)
        return _connector_error(err, request.connection_key, uds)
    if isinstance(err, errors.ReadError | errors.WriteError):
        return aiohttp.ClientOSError(err.os_error or None, str(err))
    if isinstance(err, errors.NetworkError | errors.TruncatedResponse):
        return aiohttp.ServerDisconnectedError(str(err))
    if isinstance(err, errors.ProtocolError):
        return http_exceptions.HttpProcessingError(code=400, message=str(err))
    if isinstance(err, errors.UnsupportedScheme):
        return aiohttp.NonHttpUrlClientError(request.url)
    if isinstance(err, errors.InvalidURL):
        return aiohttp.InvalidUrlClientError(request.url, err.text)
    if isinstance(err, errors.RequestCancelled | errors.TransportClosed):
        return aiohttp.ClientConnectionError(CLOSED_TEXT)
    if isinstance(err, errors.BodyMismatch):
        return aiohttp.ClientPayloadError(str(err))
    return err


def body_error(err: errors.PenstockError) -> BaseException:
    """For a response whose body ended badly."""
    if isinstance(err, errors.TotalTimeout):
        return asyncio.TimeoutError()
    if isinstance(err, errors.TimeoutError):
        return aiohttp.SocketTimeoutError(READ_TIMEOUT_TEXT)
    if isinstance(err, errors.RequestCancelled):
        return aiohttp.ClientConnectionError(CLOSED_TEXT)
    if isinstance(err, errors.NetworkError | errors.ProtocolError):
        return aiohttp.ClientPayloadError(f"{PAYLOAD_TEXT}: {err}")
    return err


def connection_timeout(request: Any) -> aiohttp.ConnectionTimeoutError:
    return aiohttp.ConnectionTimeoutError(f"Connection timeout to host {request.url}")


def _timeout(err: errors.TimeoutError, request: Any) -> BaseException:
    if isinstance(err, errors.ConnectTimeout | errors.PoolTimeout):
        return connection_timeout(request)
    if isinstance(err, errors.TotalTimeout):
        return asyncio.TimeoutError()
    return aiohttp.SocketTimeoutError(READ_TIMEOUT_TEXT)


def _proxy_error(err: errors.ConnectError, request: Any) -> BaseException:
    """`detail` is the status that CONNECT was answered with, or another protocol's code."""
    if err.detail in HTTP_STATUSES:
        return aiohttp.ClientHttpProxyError(request.request_info, (), status=err.detail, message=err.text)
    return aiohttp.ClientProxyConnectionError(request.connection_key, OSError(err.os_error or None, str(err)))


def _connector_error(err: errors.ConnectError, key: Any, uds: str | None) -> BaseException:
    text = str(err)
    if isinstance(err, errors.CertificateError):
        refused = ssl.SSLCertVerificationError(1, text)
        refused.verify_code = err.detail
        refused.verify_message = err.text
        return aiohttp.ClientConnectorCertificateError(key, refused)
    if isinstance(err, errors.TLSError):
        return aiohttp.ClientConnectorSSLError(key, ssl.SSLError(1, text))
    number = err.os_error
    if isinstance(err, errors.ResolveError):
        return ClientConnectorDNSError(key, OSError(number, text))
    reason = OSError(number or None, f"{os.strerror(number)}: {text}" if number else text)
    return aiohttp.ClientConnectorError(key, reason) if uds is None else UnixClientConnectorError(uds, key, reason)
