"""One of the two libraries: its requests as the engine takes them, and its responses, made of the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from penstock import errors
from penstock.adapters._httpx.detour import Detour
from penstock.adapters._httpx.errors import class_for
from penstock.adapters._httpx.stream import NetworkStream
from penstock.adapters._httpx.trace import Trace
from penstock.limits import Clocks
from penstock.response import ResponseFacts

# method, url, fields, content, clocks, target, server name: as Transport.submit() takes them
Asked = tuple[Any, bytes, list[tuple[bytes, bytes]], Any, Clocks, "bytes | None", "str | None"]


@dataclass(frozen=True, slots=True)
class Family:
    """One of the two libraries."""

    module: ModuleType

    def error(self, err: errors.PenstockError, request: Any) -> Exception:
        """The library's exception for ours; ours when it has none."""
        kind = class_for(err, self.module)
        return err if kind is None else kind(str(err), request=request)  # type: ignore[call-arg]

    def content(self, request: Any) -> Any:
        """The body: bytes when the request holds them, None when it is empty, else its stream."""
        stream = request.stream
        if not isinstance(stream, self.module.ByteStream):
            return stream
        try:
            return request.content or None
        except self.module.RequestNotRead:
            return stream

    def asked(self, request: Any) -> Asked:
        extensions = request.extensions
        return (
            request.method,
            url_of(request),
            request.headers.raw,
            self.content(request),
            clocks_of(extensions.get("timeout") or {}),
            extensions.get("target"),
            extensions.get("sni_hostname"),
        )

    def respond(self, response: ResponseFacts, body: Any) -> Any:
        exchange = response.exchange
        return self.module.Response(
            exchange.status, headers=exchange.headers, stream=body, extensions=extensions_of(response)
        )

    def detour(self, detour: Detour, kind: str, request: Any) -> Any:
        """The library's own transport, for what the engine does not do."""
        return detour.transport(f"{kind}HTTPTransport", url_of(request))

    def trace(self, request: Any) -> Trace | None:
        extensions = request.extensions
        function = extensions.get("trace")
        if function is None:
            return None
        url = request.url
        host = extensions.get("sni_hostname") or url.host
        host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        port = url.port or (443 if url.scheme in ("https", b"https") else 80)
        return Trace(function, request, extensions.get("timeout"), (host, port))


def extensions_of(response: ResponseFacts) -> dict[str, Any]:
    exchange = response.exchange
    made: dict[str, Any] = {
        "http_version": exchange.http_version,
        "network_stream": NetworkStream(response),
        "penstock": response,  # .timings, .trailers, .informational
    }
    if stream_id := exchange.stream_id:
        made["stream_id"] = stream_id
    else:  # HTTP/2 has none, and the client then names the status itself
        made["reason_phrase"] = exchange.reason
    return made


def clocks_of(timeout: dict[str, float | None]) -> Clocks:
    """`read` is a limit on silence: before the head and inside the body."""
    read_s = timeout.get("read")
    return (timeout.get("connect"), timeout.get("write"), timeout.get("pool"), read_s, read_s, None)


def url_of(request: Any) -> bytes:
    """Without userinfo (the client has made a header of it) and without fragment."""
    url = request.url
    raw: bytes = url.raw_scheme + b"://" + url.netloc + url.raw_path
    return raw
