"""The provider that all gateways have: `penstock upstream` on a core of its own, and what it says.

A request with "stream" gets 400 tokens of 40 bytes, 20 a second; "short" all of five tokens at once. Others
get the preset's whole answer. Each token is its number and the time of its sending.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.gateways import KEY, MODEL, PATH
from bench.gateways.processes import Program

CORE = "1"
TOKENS, PER_S, SHORT_TOKENS = 400, 20, 5
TEXT = "A penstock carries water under pressure to the turbine."
STAMP = "{penstock:stamp:seq}{penstock:stamp:ns0}"


def request(question: str = "What is it?", *, stream: bool = False) -> bytes:
    document: dict[str, object] = {"model": MODEL, "messages": [{"role": "user", "content": question}]}
    if stream:
        document["stream"] = True
    return json.dumps(document).encode()


def raw(port: int, body: bytes) -> bytes:
    """The request as bytes on the wire."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


RULE = """[[rule]]
method = "POST"
path = "{path}"
json = {match}
reply = {{ preset = "openai_chat_stream", text = "{text}", {more} }}
"""


def script() -> str:
    """As TOML."""
    kinds = (
        ('{ "/stream" = true, "/messages/0/content" = "short" }', f"deltas_n = {SHORT_TOKENS}"),
        ('{ "/stream" = true }', f"deltas_n = {TOKENS}, per_s = {PER_S}"),
    )
    return "\n".join(RULE.format(path=PATH, match=match, text=STAMP, more=more) for match, more in kinds)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Its address."""
    path = folder / "upstream.toml"
    path.write_text(script())
    command = [sys.executable, "-m", "penstock", "upstream", "--port", "0", "--script", str(path), "--drain-s", "0"]
    with Program([*command, "--preset", "openai", "--text", TEXT], CORE, folder / "upstream.log") as program:
        due_s = time.monotonic() + 20
        while not (said := program.log_path.read_text()).endswith("\n"):
            if time.monotonic() > due_s:
                raise RuntimeError("the upstream does not start")
            time.sleep(0.02)
        yield said.split()[0]
