"""What came back through a gateway, read as a caller would."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ASKED = [{"role": "user", "content": "What is a penstock?"}]


@dataclass(slots=True)
class Answer:
    """One answer. `text` is all of it; `error` the error object, of the body or of the stream."""

    status: int
    headers: httpx.Headers
    text: str = ""
    is_done: bool = False  # the stream's last word came; of a whole answer: it was one
    error: dict[str, Any] | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    model: str | None = None
    raw: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)


def lines_of(path: Path) -> list[str]:
    """The whole lines of a file that is being written; none when there is no file yet."""
    return path.read_text().split("\n")[:-1] if path.exists() else []


def ask(client: httpx.Client, model: str, *, stream: bool, **fields: Any) -> Answer:
    """POST /v1/chat/completions."""
    body = {"model": model, "messages": ASKED, "stream": stream, **fields}
    if not stream:
        return whole(client.post("/v1/chat/completions", json=body))
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        return streamed(response)


def whole(response: httpx.Response) -> Answer:
    answer = Answer(response.status_code, response.headers, raw=response.content)
    body = response.json()
    if "error" in body:
        answer.error = body["error"]
        return answer
    choice = body["choices"][0]
    answer.text, answer.finish_reason = choice["message"]["content"] or "", choice["finish_reason"]
    answer.usage, answer.model, answer.is_done = body.get("usage"), body["model"], True
    return answer


def streamed(response: httpx.Response) -> Answer:
    if response.status_code != 200:
        response.read()
        return whole(response)
    answer = Answer(response.status_code, response.headers)
    for line in response.iter_lines():
        take_line(answer, line)
    return answer


def take_line(answer: Answer, line: str) -> None:
    """A line of a stream."""
    answer.raw += line.encode() + b"\n"
    if not line.startswith("data:"):
        return
    data = line[5:].strip()
    if data == "[DONE]":
        answer.is_done = True
        return
    event = json.loads(data)
    answer.events.append(event)
    if "error" in event:
        answer.error = event["error"]
        return
    answer.model = answer.model or event.get("model")
    answer.usage = event.get("usage") or answer.usage
    for choice in event.get("choices", []):
        answer.text += choice["delta"].get("content") or ""
        answer.finish_reason = choice.get("finish_reason") or answer.finish_reason
