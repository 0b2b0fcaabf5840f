"""From the provider's stream to the caller: whatever has arrived since the last turn leaves in one send.

Per piece: one tally (C), one send, one clock reading. A stream is over when the dialect's own sign of success was
seen; without it the end is a failure, whatever the connection says. Comments keep the caller's connection alive while a
provider thinks, when that is asked for. Thread: the event loop; one relay per call.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from penstock.dialects.dialect import Dialect
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.failures import classify_event
from penstock.errors import PenstockError
from penstock.gateway.clock import now_s
from penstock.gateway.inbound import CallerGone, Send
from penstock.gateway.keepalive import keep_alive
from penstock.gateway.opening import Opened
from penstock.gateway.rejoin import Rejoin
from penstock.gateway.upstream import failure_of
from penstock.journal.gaps import Gaps
from penstock.sse import DONE, ERROR, MALFORMED, Events, EventTooLong

if TYPE_CHECKING:
    from penstock.gateway.call import Call

DONE_EVENT = b"data: [DONE]\n\n"
TURN_BYTES = 64 * 1024  # of one stream, before others get their turn: a provider's burst stops nobody else
LINGER_S = 5.0  # for the last bytes of a connection after the last event, so that it can be used again
ENDS_WITH_DONE = frozenset({Dialect.CHAT, Dialect.COMPLETIONS})
STOPS = DONE | ERROR


class Relay:
    """One call's stream on its way to the caller, with a comment when it is silent for `every_s`.

    gaps, sent_bytes  for the journal
    text              all that the caller has, when texts are kept
    is_text_only      nothing but text was sent: no reasoning, no tool calls
    """

    __slots__ = (
        "_call",
        "_closed",
        "_every_s",
        "_send",
        "_split",
        "gaps",
        "is_text_only",
        "last_s",
        "sent_bytes",
        "text",
    )

    def __init__(self, call: Call, send: Send, every_s: float | None) -> None:
        self._call = call
        self._send = send
        self._every_s = every_s
        self._closed = call.inbound.closed
        self._split = Events() if call.hooked is not None and call.hooked.chain.event else None
        self.gaps = Gaps()
        self.sent_bytes = 0
        self.last_s = now_s()
        self.text = ""
        self.is_text_only = True

    def __repr__(self) -> str:
        return f"<Relay {self.sent_bytes} bytes sent>"

    async def run(self, opened: Opened, rejoin: Rejoin | None = None) -> Failure | None:
        """Send all of it; None when it was complete. What it raises (CallerGone, Diverged) resets the stream."""
        try:
            pinger = asyncio.ensure_future(keep_alive(self, self._every_s)) if self._every_s else None
            try:
                failure = await self._pumped(opened, rejoin)
            finally:
                if pinger is not None:
                    pinger.cancel()
            if failure is None or opened.tally.is_complete:
                failure = self._verdict(opened)
            if failure is None:
                await self._finish(opened)
            else:
                opened.close()
            return failure
        except BaseException:
            opened.close()
            raise
        finally:
            tally = opened.tally
            self.text = tally.text() if rejoin is None or len(tally.text()) > len(self.text) else self.text
            self.is_text_only = not (tally.reasoning() or tally.tool_calls())

    async def comment(self, data: bytes) -> None:
        """Send what is no event."""
        self.sent_bytes += len(data)
        self.last_s = now_s()
        await self._put(data)

    async def give(self, data: bytes) -> None:
        """Send these bytes."""
        if self._split is not None:
            data = await self._hooked(data)
        self.sent_bytes += len(data)
        self.last_s = now_s()
        if data:
            await self._put(data)

    async def _put(self, data: bytes) -> None:
        try:
            await self._send(data)
        except self._closed as err:
            raise self._gone(err) from None

    async def _pumped(self, opened: Opened, rejoin: Rejoin | None) -> Failure | None:
        """All that comes of it; the failure that ended it."""
        try:
            if opened.first:
                await self.give(opened.first if rejoin is None else rejoin.feed(opened.first))
            if not opened.tally.seen & STOPS:
                is_plain = rejoin is None and self._split is None
                # In a task of its own: a piece then wakes this one coroutine, not the dozen that lead here.
                await asyncio.ensure_future(self._pump(opened) if is_plain else self._pump_slowly(opened, rejoin))
        except PenstockError as err:
            return failure_of(err, is_stream=True)
        except EventTooLong as err:
            return Failure(fault=Fault.IN_STREAM, message=str(err))
        except self._closed as err:
            raise self._gone(err) from None
        return None

    async def _pump(self, opened: Opened) -> None:
        tally = opened.tally
        take, send, add_gap, last_s = opened.take, self._send, self.gaps.add, self.last_s
        due_bytes = opened.upstream_bytes + TURN_BYTES
        async for chunk in opened.chunks:
            out = take(chunk)
            if out:
                this_s = now_s()
                add_gap(this_s - last_s)
                self.last_s = last_s = this_s
                self.sent_bytes += len(out)
                await send(out)
            if tally.seen & STOPS:
                return
            if opened.upstream_bytes > due_bytes:
                due_bytes = opened.upstream_bytes + TURN_BYTES
                await asyncio.sleep(0)

    async def _pump_slowly(self, opened: Opened, rejoin: Rejoin | None) -> None:
        """With a look into each event."""
        due_bytes = opened.upstream_bytes + TURN_BYTES
        async for chunk in opened.chunks:
            out = opened.take(chunk)
            if out:
                self.gaps.add(now_s() - self.last_s)
                await self.give(out if rejoin is None else rejoin.feed(out))
            if opened.tally.seen & STOPS:
                return
            if opened.upstream_bytes > due_bytes:
                due_bytes = opened.upstream_bytes + TURN_BYTES
                await asyncio.sleep(0)

    def _gone(self, err: Exception) -> CallerGone:
        self._call.inbound.is_gone = True
        return CallerGone(str(err))

    def _verdict(self, opened: Opened) -> Failure | None:
        """Was it all there?"""
        tally = opened.tally
        if tally.is_complete:
            return None
        if tally.seen & MALFORMED and tally.seen & ERROR:
            return Failure(
                fault=Fault.IN_STREAM, message=f"event {tally.events_n} of the provider's stream is malformed"
            )
        if tally.seen & ERROR:
            return classify_event(opened.pathway.upstream, tally.error or b"")
        return Failure(
            fault=Fault.CUT,
            message=f"the provider's stream was cut after {opened.upstream_bytes} bytes and {tally.events_n} events: "
            "it ended without its last one",
        )

    async def _finish(self, opened: Opened) -> None:
        """The caller's end of a complete stream, and the rest of the provider's, which the connection needs."""
        if opened.translator is not None:
            tail = opened.translator.end()
        else:
            is_missing = self._call.endpoint.dialect in ENDS_WITH_DONE and not opened.tally.seen & DONE
            tail = DONE_EVENT if is_missing else b""
        if tail:
            await self.give(tail)
        if opened.response.state == "open":
            linger(opened)

    def unhook(self) -> None:
        """From now on events go out as they are: what is to be said is our own."""
        self._split = None

    async def _hooked(self, data: bytes) -> bytes:
        hooked = self._call.hooked
        assert hooked is not None
        assert self._split is not None
        out = [await hooked.chain.on_stream_event(hooked.call, event.raw) for event in self._split.feed(data)]
        return b"".join(out)


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
