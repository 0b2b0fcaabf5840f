"""HTTP2: how HTTP/2 is offered, and when its peer is asked whether it is still there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock import check
from penstock.errors import ConfigError

OFF, BY_ALPN, BY_PRIOR_KNOWLEDGE = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTP2:
    """prior_knowledge   speak it on http:// URLs too, without asking (h2c, RFC 9113 3.3)
    strict_streams    the peer's stream limit is for all requests to it: never a second connection because of it
    settings_ack_s    for the peer to acknowledge SETTINGS
    quiet_s           a connection that was silent for longer is asked (PING) before the next request
    quiet_answer_s    for the answer to that; then a new connection is made
    silence_s         with requests running, silent for longer: PING (twice at most until data comes)
    silence_answer_s  for the answer to that; then the connection is lost, with its requests

    Over TLS it is offered by ALPN, and HTTP/1.1 with it. Nothing is ever asked of an idle connection.
    """

    prior_knowledge: bool = False
    strict_streams: bool = False
    settings_ack_s: float = 10.0
    quiet_s: float = 5.0
    quiet_answer_s: float = 1.0
    silence_s: float = 30.0
    silence_answer_s: float = 20.0

    def __post_init__(self) -> None:
        check.flag("prior_knowledge", self.prior_knowledge)
        check.flag("strict_streams", self.strict_streams)
        for name in ("settings_ack_s", "quiet_s", "quiet_answer_s", "silence_s", "silence_answer_s"):
            if check.seconds(name, getattr(self, name)) == 0:
                raise ConfigError(f"{name} must be above 0")

    def pool_part(self) -> dict[str, Any]:
        """These settings as the engine takes them."""
        return {
            "http2": BY_PRIOR_KNOWLEDGE if self.prior_knowledge else BY_ALPN,
            "strict_streams": self.strict_streams,
            "settings_ack_ms": _ms(self.settings_ack_s),
            "quiet_ms": _ms(self.quiet_s),
            "quiet_answer_ms": _ms(self.quiet_answer_s),
            "silence_ms": _ms(self.silence_s),
            "silence_answer_ms": _ms(self.silence_answer_s),
        }


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def http2_part(value: object) -> dict[str, Any]:
    """What `Transport(http2=...)` was given, as the engine takes it."""
    if isinstance(value, HTTP2):
        return value.pool_part()
    if not isinstance(value, bool):
        raise TypeError(f"http2 must be True, False or penstock.HTTP2, not {type(value).__name__}")
    part = HTTP2().pool_part()
    return part if value else {**part, "http2": OFF}
