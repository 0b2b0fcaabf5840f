"""200,000 frames of each kind: those that serve nobody end the connection, token-sized DATA is fine, and the client's
memory stays where it was (rules 46 to 52).

The frames go out in one write, so the time is the client's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.house.tree import ROOT
from tests.transport import h2_frames as h2
from tests.transport.h2_raw_peer import H2Peer, Talk

FRAMES_N = 200_000
GROWTH_KIB = 32 * 1024
LIMIT_S = 55
CALM = {"error": "LimitExceeded", "code": h2.ENHANCE_YOUR_CALM}
BROKEN = {"error": "MalformedResponse", "code": h2.PROTOCOL_ERROR}
FINE = {"status": 200, "body_bytes": 4}
WARM = 1  # the stream of the request before, which is over


@dataclass(frozen=True, slots=True)
class Flood:
    name: str
    rule: str
    frame: Callable[[int], bytes]  # of the stream that waits for its answer
    want: dict[str, object]
    before: Callable[[int], bytes] = lambda a: b""
    after: Callable[[int], bytes] = h2.answer

    def script(self, talk: Talk) -> None:
        asked = talk.whole("/a")
        stream = asked.stream
        talk.send(self.before(stream))
        behind = talk.whole("/b") if self.name.endswith("-unread") else None
        talk.send(self.frame(stream) * FRAMES_N, self.after(stream))
        if behind is not None:
            talk.answer(behind)
        talk.serve()


def inside_body(name: str, rule: str, frame: Callable[[int], bytes], want: dict[str, object]) -> Flood:
    return Flood(name, rule, frame, want, lambda a: h2.status(a, 200), lambda a: h2.data(a, end=True))


FLOODS = (
    inside_body("one-byte-data", "E49", lambda a: h2.data(a, b"x"), {"status": 200, "body_bytes": FRAMES_N}),
    inside_body("one-byte-data-unread", "E49", lambda a: h2.data(a, b"x"), {"status": 200, "body_bytes": FRAMES_N}),
    inside_body("empty-data", "E48", h2.data, CALM),
    inside_body("padding", "E48", lambda a: h2.padded(a, b"", 7), CALM),
    Flood("window-update", "E51", lambda a: h2.window(0, 1), CALM),
    Flood("window-update-of-the-stream", "E51", lambda a: h2.window(a, 1), CALM),
    Flood("priority", "E51", lambda a: h2.priority(a), CALM),
    Flood("priority-of-idle-streams", "E51", lambda a: h2.priority(a + 1000), CALM),
    Flood("unknown", "E51", lambda a: h2.frame(0xBA, 0, a, b"abc"), CALM),
    Flood("altsvc", "E51", lambda a: h2.frame(h2.ALTSVC, 0, 0, b'\0\3a.bh2=":1"'), CALM),
    Flood("origin", "E51", lambda a: h2.frame(h2.ORIGIN, 0, 0, b"\0\3a.b"), CALM),
    Flood("ping", "E50", lambda a: h2.ping(), CALM),
    Flood("ping-ack", "E50", lambda a: h2.ping(ack=True), CALM),
    Flood("settings", "E50", lambda a: h2.settings(), CALM),
    Flood("settings-that-change", "E50", lambda a: h2.settings((h2.HEADER_TABLE_SIZE, 0), (1, 4096)), CALM),
    Flood("settings-ack", "A13", lambda a: h2.settings_ack(), BROKEN),
    Flood("interim-heads", "E47", lambda a: h2.status(a, 103), CALM),
    Flood("rst-of-a-stream-that-is-over", "E52", lambda a: h2.rst(WARM, h2.CANCEL), CALM),
    Flood("rst-of-an-idle-stream", "E52", lambda a: h2.rst(a + 1000, h2.CANCEL), BROKEN),
    Flood("goaway", "B18", lambda a: h2.goaway(h2.ID_MAX), CALM),
    Flood("data-for-a-stream-that-is-over", "E51", lambda a: h2.data(WARM), CALM),
    Flood("heads-for-a-stream-that-is-over", "E51", lambda a: h2.status(WARM, 200), CALM),
    Flood(
        "continuation",
        "E46",
        lambda a: h2.frame(h2.CONTINUATION, 0, a),
        CALM,
        lambda a: h2.frame(h2.HEADERS, 0, a, h2.block((b":status", b"200"))),
    ),
)


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, dict[str, object]]]:
    """One client goes through all of them."""
    with ExitStack() as stack:
        peers = {each.name: stack.enter_context(H2Peer(each.script, Talk.serve)) for each in FLOODS}
        targets = [f"{name}={peer.url()}" for name, peer in peers.items()]
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-m", "tests.transport.h2_flood_client", *targets],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
        yield {told["name"]: told for told in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("flood", FLOODS, ids=lambda each: each.name)
def test_a_flood(flood: Flood, reports: dict[str, dict[str, object]]) -> None:
    report = reports[flood.name]
    told = report["told"]
    assert isinstance(told, dict)
    assert {key: told.get(key) for key in flood.want} == flood.want, told
    assert report["after"] == FINE


def test_memory_stays_where_it_was(reports: dict[str, dict[str, object]]) -> None:
    grown = {name: report["grown_kib"] for name, report in reports.items()}
    assert all(isinstance(kib, int) and kib < GROWTH_KIB for kib in grown.values()), grown
