"""Comments on a stream while the provider is quiet, for load balancers that close what says nothing (opt-in).

Before the first token they cost something: the first comment commits the status to 200 and the headers to what is known
by then, so it comes only after a whole interval of silence. Fallbacks go on unseen all the same; what fails after
that is told as an event. A comment never falls inside of an event, because only whole events are sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from penstock.gateway.clock import now_s

if TYPE_CHECKING:
    from penstock.gateway.call import Call
    from penstock.gateway.relay import Relay

COMMENT = b": keep-alive\n\n"


def interval_s(call: Call) -> float | None:
    """How long a stream of this call may be silent: the shortest that the group or the gateway is configured for."""
    found = [each.keepalive_s for each in call.group.deployments if each.keepalive_s]
    if every_s := call.setup.config.general.sse_keepalive_s:
        found.append(every_s)
    return min(found, default=None)


async def keep_alive(relay: Relay, every_s: float) -> None:
    """A comment whenever nothing was sent for so long; until cancelled."""
    while True:
        quiet_s = now_s() - relay.last_s
        if quiet_s >= every_s:
            await relay.comment(COMMENT)
        else:
            await asyncio.sleep(every_s - quiet_s)


async def wait_aloud(work: asyncio.Task[object], every_s: float, begin: Callable[[], Awaitable[Relay]]) -> Relay | None:
    """Wait for `work`. When it takes longer than an interval the stream begins before it, with comments: its relay."""
    done, _ = await asyncio.wait((work,), timeout=every_s)
    if done:
        return None
    relay = await begin()
    await relay.comment(COMMENT)
    comments = asyncio.ensure_future(keep_alive(relay, every_s))
    try:
        await asyncio.wait((work, comments), return_when=asyncio.FIRST_COMPLETED)
        if comments.done():
            comments.result()  # raises CallerGone
    finally:
        comments.cancel()
    return relay
