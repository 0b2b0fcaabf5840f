"""A scripted LLM provider: HTTP/1.1 over TLS, chat completions, streamed or not. Runs in a process of its own.

`python -m penstock.demo.provider CERT_FILE KEY_FILE` prints its port as the first line of stdout, and ends when
stdin ends. It understands just enough HTTP for a well-behaved client.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator

MODEL = "scripted-1"
ANSWER = (
    "A penstock carries water under pressure from the reservoir to the turbine. Its gate decides how much; "
    "the pipe only has to hold, and to let nothing stand still."
)
PACE_S = 0.015  # between two tokens, so that one can see them come
STREAM_HEAD = (
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nx-request-id: demo-1\r\n\r\n"
)


def tokens(text: str) -> list[str]:
    """Words, each with the space before it."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


def delta(content: str | None, finish: str | None = None) -> bytes:
    """One server-sent event of a streamed completion."""
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}
    event = {"id": "chat-1", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


async def events() -> AsyncIterator[bytes]:
    for token in tokens(ANSWER):
        yield delta(token)
        await asyncio.sleep(PACE_S)
    yield delta(None, "stop")
    yield b"data: [DONE]\n\n"


def completion() -> bytes:
    """A whole response, head and body."""
    choice = {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
    answer = {"id": "chat-2", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]}
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def read_request(reader: asyncio.StreamReader) -> dict[str, object]:
    """The JSON body of the next request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    asked: dict[str, object] = json.loads(await reader.readexactly(int(fields["content-length"])))
    return asked


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            asked = await read_request(reader)
            if not asked.get("stream"):
                writer.write(completion())
                continue
            writer.write(STREAM_HEAD.encode())
            async for event in events():
                writer.write(b"%x\r\n%b\r\n" % (len(event), event))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass  # the client has gone, or this process ends
    finally:
        writer.close()


async def main(cert_file: str, key_file: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
