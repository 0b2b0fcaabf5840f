"""OpenAI's Responses: whole, and as a stream of typed events, numbered, with a terminal one and no [DONE].

Source: https://platform.openai.com/docs/api-reference/responses-streaming and the types of the openai package.
"""

from __future__ import annotations

from typing import Any

from penstock.testing.chain import Reply
from penstock.testing.errors import ScriptError
from penstock.testing.presets.turn import (
    CREATED_S,
    UNPACED,
    USUAL,
    Pace,
    ToolCall,
    Turn,
    fragments_of,
    turn_of,
    words_of,
)
from penstock.testing.presets.wire import once
from penstock.testing.presets.wire import stream as stream_reply
from penstock.testing.presets.wire import whole as whole_reply
from penstock.testing.rule import Rule, on
from penstock.testing.sse import event

PATH = "/v1/responses"
ID = "resp_scripted"
DIALECT = "openai_responses"
MOST_DELTAS_N = 10_000  # each event is numbered, so each is kept
Json = dict[str, Any]


def rules(turn: Turn | str = USUAL, *, pace: Pace = UNPACED, path: str = PATH) -> list[Rule]:
    """Whatever the request asks for."""
    return [
        on("POST", path, json={"/stream": True}).reply(streamed(turn, pace=pace)),
        on("POST", path).reply(whole(turn)),
    ]


def whole(turn: Turn | str = USUAL) -> Reply:
    said = turn_of(turn)
    return whole_reply(document(said, status_of(said), items(said)), DIALECT)


def streamed(turn: Turn | str = USUAL, *, pace: Pace = UNPACED) -> Reply:
    """A turn with finish="max_output_tokens" or "content_filter" ends with response.incomplete, "failed" with
    response.failed."""
    said = turn_of(turn)
    if (said.deltas_n or 0) > MOST_DELTAS_N:
        raise ScriptError(f"a stream of Responses has at most {MOST_DELTAS_N} deltas, not {said.deltas_n}")
    story = _Story(pace.stamped)
    for name in ("response.created", "response.in_progress"):
        story.tell(name, response=document(said, "in_progress", []))
    for index, item in enumerate(items(said)):
        story.tell("response.output_item.added", output_index=index, item=_begun(item))
        TELLERS[item["type"]](story, said, item, index)
        story.tell("response.output_item.done", output_index=index, item=item)
    status = status_of(said)
    story.tell(f"response.{status}", response=document(said, status, items(said)))
    return stream_reply([once(story.pieces)], pace, DIALECT)


class _Story:
    """The events so far, numbered as they are told."""

    def __init__(self, is_stamped: bool) -> None:
        self.pieces: list[bytes] = []
        self._is_stamped = is_stamped

    def tell(self, kind: str, /, **data: object) -> None:
        numbered = {"type": kind, "sequence_number": len(self.pieces), **data}
        self.pieces.append(event(numbered, name=kind, stamped=self._is_stamped))


def _tell_reasoning(story: _Story, said: Turn, item: Json, index: int) -> None:
    place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    part = {"type": "summary_text", "text": said.thinking}
    story.tell("response.reasoning_summary_part.added", **place, part={**part, "text": ""})
    for word in words_of(said.thinking):
        story.tell("response.reasoning_summary_text.delta", **place, delta=word)
    story.tell("response.reasoning_summary_text.done", **place, text=said.thinking)
    story.tell("response.reasoning_summary_part.done", **place, part=part)


def _tell_message(story: _Story, said: Turn, item: Json, index: int) -> None:
    for number, part in enumerate(item["content"]):
        place = {"item_id": item["id"], "output_index": index, "content_index": number}
        is_text = part["type"] == "output_text"
        key, name = ("text", "response.output_text") if is_text else ("refusal", "response.refusal")
        more: Json = {"logprobs": []} if is_text else {}
        story.tell("response.content_part.added", **place, part={**part, key: ""})
        words = words_of(part[key])
        count = said.deltas_n if is_text and said.deltas_n else len(words)
        for n in range(count):
            story.tell(f"{name}.delta", **place, delta=said.words[n % len(said.words)] if is_text else words[n], **more)
        story.tell(f"{name}.done", **place, **{key: part[key]}, **more)
        story.tell("response.content_part.done", **place, part=part)


def _tell_call(story: _Story, said: Turn, item: Json, index: int) -> None:
    place = {"item_id": item["id"], "output_index": index}
    for fragment in fragments_of(item["arguments"]):
        story.tell("response.function_call_arguments.delta", **place, delta=fragment)
    story.tell("response.function_call_arguments.done", **place, name=item["name"], arguments=item["arguments"])


TELLERS = {"reasoning": _tell_reasoning, "message": _tell_message, "function_call": _tell_call}


def items(said: Turn) -> list[Json]:
    """The output: reasoning, message, calls."""
    made: list[Json] = []
    if said.thinking:
        summary = [{"type": "summary_text", "text": said.thinking}]
        made.append({"id": "rs_scripted", "type": "reasoning", "summary": summary})
    content: list[Json] = []
    if said.text:
        content.append({"type": "output_text", "annotations": [], "logprobs": [], "text": said.whole_text})
    if said.refusal:
        content.append({"type": "refusal", "refusal": said.refusal})
    if content:
        made.append(
            {"id": "msg_scripted", "type": "message", "status": "completed", "role": "assistant", "content": content}
        )
    return made + [_call(n, call) for n, call in enumerate(said.tools)]


def _call(n: int, call: ToolCall) -> Json:
    return {
        "id": f"fc_scripted_{n}",
        "type": "function_call",
        "status": "completed",
        "arguments": call.text,
        "call_id": call.id_of(n),
        "name": call.name,
    }


def _begun(item: Json) -> Json:
    """The item as it is announced: nothing in it yet."""
    empty: dict[str, Json] = {
        "reasoning": {"summary": []},
        "message": {"status": "in_progress", "content": []},
        "function_call": {"status": "in_progress", "arguments": ""},
    }
    return {**item, **empty[item["type"]]}


def status_of(said: Turn) -> str:
    """ "completed", "incomplete" or "failed" """
    if said.finish in ("", "completed"):
        return "completed"
    return "failed" if said.finish == "failed" else "incomplete"


def document(said: Turn, status: str, output: list[Json]) -> Json:
    """The response object."""
    is_over = status != "in_progress"
    return {
        "id": ID,
        "object": "response",
        "created_at": CREATED_S,
        "status": status,
        "background": False,
        "error": {"code": "server_error", "message": "The scripted model failed."} if status == "failed" else None,
        "incomplete_details": {"reason": said.finish} if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": None,
        "model": said.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage(said) if is_over else None,
        "user": None,
        "metadata": {},
    }


def usage(said: Turn) -> Json:
    return {
        "input_tokens": said.prompt_tokens,
        "input_tokens_details": {"cached_tokens": said.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": said.thinking_tokens},
        "total_tokens": said.prompt_tokens + said.output_tokens,
    }
