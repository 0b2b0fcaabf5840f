"""Streams a chat completion with the openai package over penstock, then asks again on the same connection.

Starts the scripted provider (provider.py) in a process of its own, with a certificate made on the fly by the
openssl command. Needs the openai package (3.0 or newer, which stands on httpx2).
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import penstock
from penstock import Timings
from penstock.runtime import versions

QUESTION = "What is a penstock?"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=penstock demo"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@asynccontextmanager
async def provider(cert: Path, key: Path) -> AsyncIterator[int]:
    """Runs the provider; gives its port as soon as it listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "penstock.demo.provider", str(cert), str(key)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


def ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def story(timings: Timings, first_token_s: float | None = None) -> str:
    """One line: where the time went."""
    parts = [f"head {ms(timings.first_byte_s)}"]
    if first_token_s is not None:
        parts.append(f"first token {ms(first_token_s)}")
    parts += [f"total {ms(timings.total_s)}", f"{timings.bytes_received} bytes", timings.tls_version]
    made = f"new connection (TCP {ms(timings.connect_s)}, TLS {ms(timings.tls_s)})"
    parts.append("reused connection" if timings.reused else made)
    return f"  [{', '.join(parts)}]"


async def ask_streaming(client: Any) -> Timings:
    """Print the answer token by token."""
    clock = asyncio.get_running_loop().time
    began_s = clock()
    first_token_s: float | None = None
    stream = await client.chat.completions.create(
        model="scripted-1", messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    async for event in stream:
        if first_token_s is None:
            first_token_s = clock() - began_s
        print(event.choices[0].delta.content or "", end="", flush=True)
    timings: Timings = stream.response.extensions["penstock"].timings
    print("\n" + story(timings, first_token_s))
    return timings


async def ask_whole(client: Any) -> Timings:
    """Print the answer at once."""
    raw = await client.chat.completions.with_raw_response.create(
        model="scripted-1", messages=[{"role": "user", "content": QUESTION}]
    )
    print(raw.parse().choices[0].message.content)
    timings: Timings = raw.http_response.extensions["penstock"].timings
    print(story(timings))
    return timings


async def main() -> int:
    import httpx2
    import openai

    from penstock.adapters.httpx2 import AsyncTransport

    with tempfile.TemporaryDirectory() as folder:
        cert, key = make_certificate(Path(folder))
        async with provider(cert, key) as port:
            linked = ", ".join(f"{name} {version}" for name, version in versions().items())
            print(
                f"openai {openai.__version__} over penstock {penstock.__version__} ({linked})\n\n> {QUESTION} (stream)"
            )
            http = httpx2.AsyncClient(transport=AsyncTransport(verify=str(cert)))
            async with openai.AsyncOpenAI(
                base_url=f"https://localhost:{port}/v1", api_key="demo", http_client=http
            ) as client:
                await ask_streaming(client)
                print(f"\n> {QUESTION} (whole)")
                again = await ask_whole(client)
    return 0 if again.reused else 1


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except ModuleNotFoundError as err:
        sys.exit(f"the demo needs the {err.name} package: pip install 'openai>=3'")
