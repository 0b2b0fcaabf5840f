"""The client of the floods, a process of its own so that its memory can be told: `python -m ... NAME=URL ...`.

For each server in turn, one line of JSON: what became of the request into the flood, whether the next one was served,
and how far memory has ever risen above where it stood before the first flood. Where the name ends in "-unread" the
response is not read before that to another request has come behind it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

from penstock import HTTP2, Limits, PenstockError, Timeouts, Transport


def memory_kib(name: str) -> int:
    """VmRSS, or VmHWM: the highest VmRSS since `forget_peak()`."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def ask(transport: Transport, url: str) -> dict[str, object]:
    try:
        response = await transport.request("POST", url, content=b"hello")
    except PenstockError as err:
        return {"error": type(err).__name__, "code": err.detail, "text": err.text}
    return {"status": response.status, "body_bytes": len(response.body)}


async def ask_unread(transport: Transport, url: str) -> dict[str, object]:
    async with transport.stream("POST", url + "a", content=b"hello") as response:
        behind = await ask(transport, url + "b")
        assert behind["status"] == 200, behind
        return {"status": response.status, "body_bytes": len(await response.read())}


async def main(targets: list[str]) -> None:
    http2 = HTTP2(prior_knowledge=True)
    limits = Limits(max_connections_per_origin=1)
    async with Transport(http2=http2, limits=limits, timeouts=Timeouts(total_s=30)) as transport:
        await ask(transport, targets[0].partition("=")[2] + "warm")
        forget_peak()
        before_kib = memory_kib("VmRSS")
        for name, _, url in (target.partition("=") for target in targets):
            await ask(transport, url + "warm")
            told = await (ask_unread(transport, url) if name.endswith("-unread") else ask(transport, url + "a"))
            after = await ask(transport, url + "c")
            grown_kib = memory_kib("VmHWM") - before_kib
            print(json.dumps({"name": name, "told": told, "after": after, "grown_kib": grown_kib}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
