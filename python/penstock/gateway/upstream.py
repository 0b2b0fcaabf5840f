"""The way to the providers: one Transport for a configuration, and what its errors mean for routing.

Thread: the event loop. The transport's own rules hold: it replays only what was certainly not processed. What is
tried again above that is routing's decision.
"""

from __future__ import annotations

from penstock import errors
from penstock.client import Transport
from penstock.config.models import UpstreamSettings
from penstock.dialects.failure import Failure, Fault
from penstock.http2 import HTTP2
from penstock.limits import Limits
from penstock.tls import TLS

GATHER_S = 0.001  # that tokens of different streams may wait for each other once there are many (decision 017)


def transport_of(settings: UpstreamSettings) -> Transport:
    """ConfigError for settings that the engine cannot use."""
    tls = TLS(verify=settings.ssl_verify, cert_file=settings.ssl_certificate)
    limits = Limits(
        max_connections=settings.max_connections,
        max_connections_per_origin=settings.max_connections_per_origin,
        idle_s=settings.idle_s,
        gather_s=GATHER_S,
    )
    return Transport(http2=HTTP2() if settings.http2 else False, limits=limits, tls=tls, trust_env=settings.trust_env)


BY_CLASS: tuple[tuple[type[errors.PenstockError], Fault], ...] = (
    (errors.PoolTimeout, Fault.CONNECT),
    (errors.ConnectTimeout, Fault.CONNECT),
    (errors.ConnectError, Fault.CONNECT),
    (errors.FirstByteTimeout, Fault.SILENT),
    (errors.WriteTimeout, Fault.SILENT),
    (errors.InvalidHeader, Fault.BAD_REQUEST),
    (errors.InvalidRequest, Fault.CONNECT),
    (errors.LimitExceeded, Fault.SERVER),
    (errors.MalformedResponse, Fault.SERVER),
)


def failure_of(err: errors.PenstockError, *, is_stream: bool) -> Failure:
    """What an error of the transport means. A unary answer that broke off is like none at all: nobody has seen it."""
    for kind, fault in BY_CLASS:
        if isinstance(err, kind):
            return Failure(fault=fault, message=str(err))
    was_begun = err.head_seen and is_stream
    if isinstance(err, errors.TimeoutError):
        return Failure(fault=Fault.STALL if was_begun else Fault.SILENT, message=str(err))
    return Failure(fault=Fault.CUT if was_begun else Fault.RESET, message=str(err))
