"""How long one attempt may take. Pure.

The request's time is one budget (`ends_s` of the journey). What a deployment says for itself holds, within what is
left. Where it says nothing, an attempt may use what is left, less a reserve while there is another route to go to: a
route that accepts and then says nothing must not use up the time in which another would have answered.
"""

from __future__ import annotations

from penstock.config.models import Config, Deployment
from penstock.routing.trial import Clocks

LEAST_S = 0.001


def clocks_of(deployment: Deployment, config: Config, *, left_s: float, is_stream: bool, has_more: bool) -> Clocks:
    """`left_s` of the request's time when the attempt starts; `has_more`: there are routes after this one."""
    settings = config.router
    own_s = deployment.timeout_s
    if is_stream and deployment.stream_timeout_s is not None:
        own_s = deployment.stream_timeout_s
    if own_s is None:
        own_s = left_s * (1.0 - settings.fallback_reserve) if has_more else left_s
    head_s = max(LEAST_S, min(own_s, left_s))
    idle_s = settings.idle_s if deployment.idle_s is None else deployment.idle_s
    connect_s = min(config.upstream.connect_s, head_s)
    if not is_stream:
        return Clocks(connect_s, head_s, None, idle_s, head_s)
    ttft_s = settings.ttft_s if deployment.ttft_s is None else deployment.ttft_s
    return Clocks(connect_s, head_s, ttft_s, idle_s, config.general.max_stream_s)
