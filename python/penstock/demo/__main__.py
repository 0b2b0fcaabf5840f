"""Streams a chat completion with the openai package over penstock, then asks again on the same connection.

The provider is scripted (penstock.testing), on a native thread of its own, with a certificate made on the fly. Needs
the openai package (3.0 or newer, which stands on httpx2).
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import penstock
from penstock import Timings
from penstock.runtime import versions
from penstock.testing import Pace, Provider

QUESTION = "What is a penstock?"
ANSWER = (
    "A penstock carries water under pressure from the reservoir to the turbine. Its gate decides how much; "
    "the pipe only has to hold, and to let nothing stand still."
)
PACE = Pace(per_s=60)  # so that one can see the tokens come


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
        token = event.choices[0].delta.content or ""
        if first_token_s is None and token:
            first_token_s = clock() - began_s
        print(token, end="", flush=True)
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

    with Provider(ANSWER, pace=PACE) as provider:
        linked = ", ".join(f"{name} {version}" for name, version in versions().items())
        print(f"openai {openai.__version__} over penstock {penstock.__version__} ({linked})\n\n> {QUESTION} (stream)")
        http = httpx2.AsyncClient(transport=AsyncTransport(verify=str(provider.trust.ca_file)))
        async with openai.AsyncOpenAI(base_url=provider.base_url, api_key=provider.api_key, http_client=http) as client:
            await ask_streaming(client)
            print(f"\n> {QUESTION} (whole)")
            again = await ask_whole(client)
    return 0 if again.reused else 1


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except ModuleNotFoundError as err:
        sys.exit(f"the demo needs the {err.name} package: pip install 'openai>=3'")
