"""From the provider's stream to the caller: whatever has arrived since the last turn leaves in one send.

Per piece: one tally (C), one send, one clock reading. A stream is over when the dialect's own sign of success was
seen; without it the end is a failure, whatever the connection says, and the caller is told so in its dialect.
Thread: the event loop; one relay per stream.
"""

from __future__ import annotations

import asyncio
from enum import Enum

from penstock.dialects.dialect import Dialect
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.failures import classify_event
from penstock.errors import PenstockError
from penstock.gateway.clock import now_s
from penstock.gateway.inbound import Send
from penstock.gateway.opening import Opened
from penstock.gateway.upstream import failure_of
from penstock.journal.gaps import Gaps
from penstock.sse import DONE, ERROR

DONE_EVENT = b"data: [DONE]\n\n"
LINGER_S = 5.0  # for the last bytes of a connection after the last event, so that it can be used again
ENDS_WITH_DONE = frozenset({Dialect.CHAT, Dialect.COMPLETIONS})


class Ending(Enum):
    """How a relayed stream ended."""

    COMPLETE = "complete"
    FAILED = "failed"


class Relay:
    """One stream on its way to one caller. `sent_bytes` and `gaps` are for the journal."""

    __slots__ = ("caller", "gaps", "last_s", "opened", "send", "sent_bytes")

    def __init__(self, caller: Dialect, send: Send) -> None:
        self.caller = caller
        self.send = send
        self.gaps = Gaps()
        self.sent_bytes = 0
        self.last_s = 0.0
        self.opened: Opened | None = None

    def __repr__(self) -> str:
        return f"<Relay {self.caller.value}, {self.sent_bytes} bytes sent>"

    async def run(self, opened: Opened) -> Failure | None:
        """Send all of it; None when it was complete. CallerGone and cancellation reset the provider's stream."""
        self.opened = opened
        try:
            if opened.first:
                await self.give(opened.first)
            failure = await self._pump(opened) if not opened.tally.seen & (DONE | ERROR) else None
            if opened.tally.seen & ERROR and not opened.tally.is_complete:
                return classify_event(opened.pathway.upstream, opened.tally.error or b"")
            if opened.tally.is_complete:
                await self._finish(opened)
                return None
            return failure or Failure(
                fault=Fault.CUT,
                message=f"the provider's stream ended after {opened.upstream_bytes} bytes "
                f"and {opened.tally.events_n} events, without its last one",
            )
        except BaseException:
            opened.close()
            raise

    async def give(self, data: bytes) -> None:
        self.sent_bytes += len(data)
        self.last_s = now_s()
        await self.send(data)

    async def _pump(self, opened: Opened) -> Failure | None:
        take, send, add_gap, tally = opened.take, self.send, self.gaps.add, opened.tally
        last_s = self.last_s or now_s()
        try:
            async for chunk in opened.chunks:
                out = take(chunk)
                if out:
                    this_s = now_s()
                    add_gap(this_s - last_s)
                    self.last_s = last_s = this_s
                    self.sent_bytes += len(out)
                    await send(out)
                if tally.seen & (DONE | ERROR):
                    break
        except PenstockError as err:
            return failure_of(err, is_stream=True)
        return None

    async def _finish(self, opened: Opened) -> None:
        """The caller's end of a complete stream, and the rest of the provider's, which the connection needs."""
        if opened.translator is not None:
            tail = opened.translator.end()
        else:
            is_missing = self.caller in ENDS_WITH_DONE and not opened.tally.seen & DONE
            tail = DONE_EVENT if is_missing else b""
        if tail:
            await self.give(tail)
        if opened.response.state == "open":
            linger(opened)


_lingering: set[asyncio.Task[None]] = set()


def linger(opened: Opened) -> None:
    """Read what a provider sends after its last event, for a moment: a connection cut there could not be reused."""
    task = asyncio.ensure_future(_linger(opened))
    _lingering.add(task)
    task.add_done_callback(_lingering.discard)


async def _linger(opened: Opened) -> None:
    timer = asyncio.get_running_loop().call_later(LINGER_S, opened.close)
    try:
        async for _ in opened.chunks:
            pass
    except PenstockError:
        pass
    finally:
        timer.cancel()
        opened.close()
