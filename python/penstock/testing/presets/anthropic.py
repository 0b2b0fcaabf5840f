"""Anthropic's Messages: whole, and as a stream of named events with pings.

Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming and the types of the anthropic package.
"""

from __future__ import annotations

import json
from typing import Any

from penstock.testing.chain import Reply
from penstock.testing.presets.turn import UNPACED, USUAL, Pace, Turn, fragments_of, turn_of, words_of
from penstock.testing.presets.wire import Group, once
from penstock.testing.presets.wire import stream as stream_reply
from penstock.testing.presets.wire import whole as whole_reply
from penstock.testing.rule import Rule, on
from penstock.testing.sse import event

PATH = "/v1/messages"
ID = "msg_scripted"
DIALECT = "anthropic"
SIGNATURE = "c2NyaXB0ZWQ="
Json = dict[str, Any]


def rules(turn: Turn | str = USUAL, *, pace: Pace = UNPACED, path: str = PATH) -> list[Rule]:
    """Whatever the request asks for."""
    return [
        on("POST", path, json={"/stream": True}).reply(streamed(turn, pace=pace)),
        on("POST", path).reply(whole(turn)),
        on("POST", f"{path}/count_tokens").reply(whole_reply({"input_tokens": turn_of(turn).prompt_tokens}, DIALECT)),
    ]


def whole(turn: Turn | str = USUAL) -> Reply:
    """stream: false. A tool's arguments must be an object here."""
    said = turn_of(turn)
    message = {
        **_message(said),
        "content": [_block(block) for block in _blocks(said)],
        "stop_reason": stop_reason(said),
        "usage": usage(said, said.output_tokens),
    }
    return whole_reply(message, DIALECT)


def streamed(turn: Turn | str = USUAL, *, pace: Pace = UNPACED, pings_n: int = 1) -> Reply:
    """stream: true. `pings_n` pings after the first block's start."""
    said = turn_of(turn)

    def tell(name: str, **data: object) -> bytes:
        return event({"type": name, **data}, name=name, stamped=pace.stamped)

    def delta(index: int, kind: str, **piece: str) -> bytes:
        return tell("content_block_delta", index=index, delta={"type": f"{kind}_delta", **piece})

    groups: list[Group] = [once([tell("message_start", message={**_message(said), "usage": usage(said, 1)})])]
    for index, block in enumerate(_blocks(said)):
        pings = [tell("ping")] * (pings_n if index == 0 else 0)
        groups.append(once([tell("content_block_start", index=index, content_block=_begun(block)), *pings]))
        match block["type"]:
            case "thinking":
                thoughts = [delta(index, "thinking", thinking=word) for word in words_of(block["thinking"])]
                groups.append(once([*thoughts, delta(index, "signature", signature=SIGNATURE)]))
            case "text":
                text = [delta(index, "text", text=word) for word in words_of(block["words"])]
                groups.append((text, block["deltas_n"] or len(text)))
            case "tool_use":
                fragments = ["", *fragments_of(block["json"])]
                groups.append(once(delta(index, "input_json", partial_json=each) for each in fragments))
        groups.append(once([tell("content_block_stop", index=index)]))
    ending = {"stop_reason": stop_reason(said), "stop_sequence": None}
    groups.append(
        once([tell("message_delta", delta=ending, usage={"output_tokens": said.output_tokens}), tell("message_stop")])
    )
    return stream_reply(groups, pace, DIALECT)


def _message(said: Turn) -> Json:
    return {
        "id": ID,
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _blocks(said: Turn) -> list[Json]:
    """What the message is made of; a refusal is text here, with its stop reason."""
    made: list[Json] = []
    if said.thinking:
        made.append({"type": "thinking", "thinking": said.thinking, "signature": SIGNATURE})
    if said.text:
        made.append({"type": "text", "text": said.whole_text, "words": said.text, "deltas_n": said.deltas_n})
    if said.refusal:
        made.append({"type": "text", "text": said.refusal, "words": said.refusal, "deltas_n": None})
    for n, call in enumerate(said.tools):
        made.append({"type": "tool_use", "id": call.id_of(n, "toolu"), "name": call.name, "json": call.text})
    return made


def _block(block: Json) -> Json:
    """As it is in a whole message."""
    if block["type"] == "tool_use":
        return {"type": "tool_use", "id": block["id"], "name": block["name"], "input": json.loads(block["json"])}
    return {name: value for name, value in block.items() if name not in ("words", "deltas_n")}


def _begun(block: Json) -> Json:
    """As it is announced in a stream."""
    match block["type"]:
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "text":
            return {"type": "text", "text": ""}
    return {"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}


def stop_reason(said: Turn) -> str:
    if said.finish:
        return said.finish
    return "refusal" if said.refusal else "tool_use" if said.tools else "end_turn"


def usage(said: Turn, output_tokens: int) -> Json:
    return {
        "input_tokens": said.prompt_tokens - said.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": said.cached_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }
