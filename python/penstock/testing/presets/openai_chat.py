"""OpenAI's Chat Completions: whole, and as a stream of chunks that ends with [DONE].

Source: https://platform.openai.com/docs/api-reference/chat and the types of the openai package.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.testing.chain import Reply
from penstock.testing.presets.turn import CREATED_S, UNPACED, USUAL, Pace, Turn, fragments_of, turn_of, words_of
from penstock.testing.presets.wire import Group, once
from penstock.testing.presets.wire import stream as stream_reply
from penstock.testing.presets.wire import whole as whole_reply
from penstock.testing.rule import Rule, on
from penstock.testing.sse import DONE, event

PATH = "/v1/chat/completions"
ID = "chatcmpl-scripted"
DIALECT = "openai"


def rules(turn: Turn | str = USUAL, *, pace: Pace = UNPACED, path: str = PATH) -> list[Rule]:
    """Whatever the request asks for: a stream with or without usage, or a whole answer."""
    return [
        on("POST", path, json={"/stream": True, "/stream_options/include_usage": True}).reply(
            streamed(turn, pace=pace, include_usage=True)
        ),
        on("POST", path, json={"/stream": True}).reply(streamed(turn, pace=pace)),
        on("POST", path).reply(whole(turn)),
    ]


def whole(turn: Turn | str = USUAL, *, choices_n: int = 1) -> Reply:
    """stream: false."""
    said = turn_of(turn)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": said.whole_text or None,
        "refusal": said.refusal or None,
        "annotations": [],
    }
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.tools:
        message["tool_calls"] = [
            {"id": call.id_of(n), "type": "function", "function": {"name": call.name, "arguments": call.text}}
            for n, call in enumerate(said.tools)
        ]
    choices = [
        {"index": n, "message": message, "logprobs": None, "finish_reason": finish_reason(said)}
        for n in range(choices_n)
    ]
    return whole_reply(
        {
            "id": ID,
            "object": "chat.completion",
            "created": CREATED_S,
            "model": said.model,
            "choices": choices,
            "usage": usage(said, choices_n),
            "service_tier": "default",
            "system_fingerprint": "fp_scripted",
        },
        DIALECT,
    )


def streamed(
    turn: Turn | str = USUAL,
    *,
    pace: Pace = UNPACED,
    include_usage: bool = False,
    choices_n: int = 1,
) -> Reply:
    """stream: true. With include_usage each chunk has "usage": null, and one more without choices has it."""
    said = turn_of(turn)

    def chunk(choices: list[dict[str, Any]], used: dict[str, Any] | None = None) -> bytes:
        data: dict[str, Any] = {
            "id": ID,
            "object": "chat.completion.chunk",
            "created": CREATED_S,
            "model": said.model,
            "service_tier": "default",
            "system_fingerprint": "fp_scripted",
            "choices": choices,
        }
        if include_usage:
            data["usage"] = used
        return event(data, stamped=pace.stamped)

    def chunks(delta: dict[str, Any], finish: str | None = None) -> Iterator[bytes]:
        for n in range(choices_n):
            yield chunk([{"index": n, "delta": delta, "logprobs": None, "finish_reason": finish}])

    def group(deltas: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> list[bytes]:
        return [each for delta in deltas for each in chunks(delta)]

    text = group([{"content": word} for word in said.words])
    text_n = len(text) if said.deltas_n is None else said.deltas_n * choices_n
    tail = [*group(_closing_deltas(said)), *chunks({}, finish_reason(said))]
    if include_usage:
        tail.append(chunk([], usage(said, choices_n)))
    opening: list[dict[str, Any]] = [{"role": "assistant", "content": None if said.refusal else "", "refusal": None}]
    opening += [{"reasoning_content": word} for word in words_of(said.thinking)]
    groups: list[Group] = [once(group(opening)), (text, text_n), once([*tail, DONE])]
    return stream_reply(groups, pace, DIALECT)


def _closing_deltas(said: Turn) -> Iterator[dict[str, Any]]:
    """Refusal and tool calls: id and name in the first fragment, arguments in pieces."""
    for word in words_of(said.refusal):
        yield {"refusal": word}
    for n, call in enumerate(said.tools):
        first = {
            "index": n,
            "id": call.id_of(n),
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield {"tool_calls": [first]}
        for fragment in fragments_of(call.text):
            yield {"tool_calls": [{"index": n, "function": {"arguments": fragment}}]}


def finish_reason(said: Turn) -> str:
    return said.finish or ("tool_calls" if said.tools else "stop")


def usage(said: Turn, choices_n: int = 1) -> dict[str, Any]:
    output = said.output_tokens * choices_n
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": output,
        "total_tokens": said.prompt_tokens + output,
        "prompt_tokens_details": {"cached_tokens": said.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": said.thinking_tokens * choices_n,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
