"""A provider's stream up to its first semantic token: until then the caller has seen nothing, and another provider
may take over unnoticed.

`open_stream()` sends the request and reads until text, reasoning, a tool call or the end is there, holding back what
came before it (role, pings, response.created); bounded by count, bytes and time. What it gives is an Opened with its
first bytes, or a Failure. Dropping an Opened resets the stream at the provider. Thread: the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from penstock.client import Transport
from penstock.config.models import RouterSettings
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.failures import classify, classify_event
from penstock.dialects.pathway import Outgoing, Pathway, StreamTranslator
from penstock.errors import PenstockError
from penstock.gateway.clock import now_s, wall_s
from penstock.gateway.upstream import failure_of
from penstock.limits import Clocks
from penstock.response import Response
from penstock.sse import DONE, ERROR, FINISHED, MALFORMED, SEMANTIC, EventTooLong, Tally

ERROR_BYTES = 1024 * 1024  # most of a provider's error body that is read
BEGUN = SEMANTIC | FINISHED | DONE


class Opened:
    """A stream that has begun to say something.

    first     bytes for the caller that are there already, in its dialect
    ttft_s    from sending to the first semantic token; None when there was none
    """

    __slots__ = (
        "chunks",
        "first",
        "pathway",
        "response",
        "sent_s",
        "tally",
        "translator",
        "ttft_s",
        "upstream_bytes",
    )

    def __init__(self, response: Response, pathway: Pathway, tally: Tally, sent_s: float) -> None:
        self.response = response
        self.chunks: AsyncIterator[bytes] = response.__aiter__()
        self.pathway = pathway
        self.tally = tally
        self.translator: StreamTranslator | None = pathway.stream()
        self.first = b""
        self.sent_s = sent_s
        self.ttft_s: float | None = None
        self.upstream_bytes = 0

    def __repr__(self) -> str:
        return f"<Opened {self.response!r}, {self.tally!r}>"

    def take(self, chunk: bytes) -> bytes:
        """What a piece of the provider's stream means for the caller: whole events, in its dialect."""
        self.upstream_bytes += len(chunk)
        out = self.tally.feed(chunk)
        return out if self.translator is None or not out else self.translator.feed(out)

    def close(self) -> None:
        """Reset it at the provider, unless it is over."""
        self.response.cancel()


class _TokenClock:
    """Gives the response up when the first token is late."""

    __slots__ = ("_timer", "has_rung", "limit_s")

    def __init__(self, response: Response, limit_s: float | None) -> None:
        self.has_rung = False
        self.limit_s = limit_s
        self._timer: asyncio.TimerHandle | None = None
        if limit_s is not None:
            self._timer = asyncio.get_running_loop().call_later(limit_s, self._ring, response)

    def _ring(self, response: Response) -> None:
        self.has_rung = True
        response.cancel()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


async def open_stream(
    transport: Transport,
    outgoing: Outgoing,
    pathway: Pathway,
    clocks: Clocks,
    ttft_s: float | None,
    settings: RouterSettings,
    *,
    keep_text: bool,
) -> Opened | Failure:
    """Cancelling it resets the request at the provider."""
    sent_s = now_s()
    try:
        response = transport.submit(outgoing.method, outgoing.url, outgoing.headers, outgoing.body, clocks)
    except PenstockError as err:
        return failure_of(err, is_stream=True)
    clock = _TokenClock(response, ttft_s)
    try:
        await response.wait_head()
        if response.status != 200:
            return await _refusal(response, pathway)
        dialect, strips = pathway.upstream.value, pathway.strips_usage
        tally = Tally(dialect, strip_usage=strips, keep_text=keep_text, is_strict=True)
        opened = Opened(response, pathway, tally, sent_s)
        failure = await _read_begin(opened, settings)
    except PenstockError as err:
        if clock.has_rung:
            return Failure(
                fault=Fault.SILENT, message=f"{outgoing.host} sent no token within {clock.limit_s:g} s (ttft_timeout)"
            )
        return _early(failure_of(err, is_stream=True))
    except EventTooLong as err:
        response.cancel()
        return Failure(fault=Fault.SERVER, status=200, message=str(err))
    except BaseException:
        response.cancel()
        raise
    finally:
        clock.stop()
    if failure is not None:
        opened.close()
        return failure
    return opened


async def _read_begin(opened: Opened, settings: RouterSettings) -> Failure | None:
    held: list[bytes] = []
    held_bytes = 0
    tally = opened.tally
    due_s = opened.sent_s + settings.hold_s
    async for chunk in opened.chunks:
        out = opened.take(chunk)
        seen = tally.seen
        if seen & ERROR and not seen & BEGUN:
            if not seen & MALFORMED:
                return classify_event(opened.pathway.upstream, tally.error or b"")
            message = "the provider's stream begins with a malformed event"
            return Failure(fault=Fault.SERVER, status=200, message=message)
        if out:
            held.append(out)
            held_bytes += len(out)
        if seen & BEGUN:
            opened.ttft_s = now_s() - opened.sent_s
            break
        if tally.events_n > settings.hold_events_n or held_bytes > settings.hold_bytes or now_s() > due_s:
            break
    else:
        return Failure(
            fault=Fault.RESET, message=f"the stream ended after {opened.upstream_bytes} bytes, before its first token"
        )
    opened.first = b"".join(held)
    return None


def _early(failure: Failure) -> Failure:
    """Nobody has seen anything of this stream: what would be a cut is a reset, a stall is silence."""
    early = {Fault.CUT: Fault.RESET, Fault.STALL: Fault.SILENT}.get(failure.fault)
    return failure if early is None else Failure(fault=early, message=failure.message)


async def _refusal(response: Response, pathway: Pathway) -> Failure:
    """The failure that a status other than 200 means."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response:
        pieces.append(piece)
        size += len(piece)
        if size > ERROR_BYTES:
            response.cancel()
            break
    return classify(pathway.upstream, response.status, response.exchange.headers, b"".join(pieces), now_s=wall_s())
