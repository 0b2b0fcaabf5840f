"""A chat request (OpenAI) as a messages request (Anthropic). What is lost on the way: docs/dialects.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from penstock.dialects.call import BadRequest, CallFacts
from penstock.dialects.content import block_of
from penstock.dialects.provider_rows import Provider
from penstock.dialects.reading import Members, Refusals, json_object, list_at, members_at, read_members, text_at
from penstock.dialects.tools import messages_tool_choice, messages_tools
from penstock.dialects.words import EFFORTS, most_tokens, thinking_of

LEAST_BUDGET = 1024
# Members that mean the same there, or are Anthropic's own in a chat request, as LiteLLM's users write them.
_SAME = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "thinking",
        "cache_control",
        "container",
        "context_management",
        "mcp_servers",
        "speed",
        "inference_geo",
        "stop_sequences",
        "output_config",
    }
)
# Members without a meaning for the answer, or handled elsewhere.
_IGNORED = frozenset(
    {
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "stream",
        "stream_options",
        "stop",
        "user",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
        "metadata",
        "store",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "safety_identifier",
        "service_tier",
        "verbosity",
    }
)
# Members that are refused unless they have this value, which changes nothing.
_NEUTRAL: Mapping[str, Any] = {
    "n": 1,
    "logprobs": False,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {},
    "modalities": ["text"],
}
_CALL_ID = "_function_call_id"
_ID = re.compile(r"[^a-zA-Z0-9_-]")


def messages_request(
    call: CallFacts, *, model: str, provider: Provider, params: Mapping[str, Any], drop_params: bool
) -> bytes:
    """The body for Anthropic. BadRequest for what it cannot say."""
    chat = {**params, **read_members(call.body)}
    return msgspec.json.encode(translated(chat, model=model, refusals=Refusals(drops=drop_params)))


def translated(chat: Members, *, model: str, refusals: Refusals) -> Members:
    system, messages = _messages(list_at(chat.get("messages"), "messages"), refusals)
    out: Members = {"model": model, "max_tokens": _max_tokens(chat, model), "messages": messages}
    if system:
        out["system"] = system
    for name, value in chat.items():
        if value is None:
            continue
        if name in _SAME:
            out[name] = value
        elif name not in _IGNORED and not (name in _NEUTRAL and value == _NEUTRAL[name]):
            refusals.cannot(name, "Anthropic does not know it")
    if "output_config" in out:
        members_at(out["output_config"], "output_config")
    if chat.get("stream") is True:
        out["stream"] = True
    for rule in _RULES:
        rule(chat, out, refusals)
    _reasoning(chat, out, model)
    return out


def _max_tokens(chat: Members, model: str) -> int:
    """Anthropic needs the number."""
    for name in ("max_completion_tokens", "max_tokens"):
        value = chat.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int):
                raise BadRequest(f"{name} must be an integer", param=name)
            return value
    return most_tokens(model)


def _stops(chat: Members, out: Members, refusals: Refusals) -> None:
    stop = chat.get("stop")
    if stop is not None and stop != []:
        out["stop_sequences"] = [stop] if isinstance(stop, str) else list_at(stop, "stop")


def _user(chat: Members, out: Members, refusals: Refusals) -> None:
    metadata = chat.get("metadata")
    named = metadata.get("user_id") if isinstance(metadata, dict) else None
    user = chat.get("user") or chat.get("safety_identifier") or named
    if isinstance(user, str):
        out["metadata"] = {"user_id": user}


def _tools(chat: Members, out: Members, refusals: Refusals) -> None:
    tools: list[Any] = list(list_at(chat["tools"], "tools")) if chat.get("tools") else []
    if chat.get("functions"):
        tools += [{"type": "function", "function": each} for each in list_at(chat["functions"], "functions")]
    if tools:
        out["tools"] = messages_tools(tools, refusals)
    choice = chat.get("tool_choice")
    call = chat.get("function_call")
    if choice is None and call is not None:
        choice = {"type": "function", "function": call} if isinstance(call, dict) else call
    found = messages_tool_choice(
        choice, parallel=chat.get("parallel_tool_calls"), has_tools=bool(tools), refusals=refusals
    )
    if found is not None:
        out["tool_choice"] = found


def _response_format(chat: Members, out: Members, refusals: Refusals) -> None:
    wanted = chat.get("response_format")
    if wanted is None:
        return
    wanted = members_at(wanted, "response_format")
    if wanted.get("type") == "json_schema":
        schema = members_at(wanted.get("json_schema"), "response_format.json_schema").get("schema")
        wish = {"type": "json_schema", "schema": members_at(schema, "response_format.json_schema.schema")}
        out["output_config"] = {**(out.get("output_config") or {}), "format": wish}
    elif wanted.get("type") != "text":
        refusals.cannot("response_format", "Anthropic has no JSON without a schema: use json_schema, or ask in words")


_RULES: tuple[Callable[[Members, Members, Refusals], None], ...] = (_stops, _user, _tools, _response_format)


def _reasoning(chat: Members, out: Members, model: str) -> None:
    """Effort to thinking; a budget must be smaller than max_tokens, which includes it."""
    effort = chat.get("reasoning_effort")
    if isinstance(effort, dict):
        effort = effort.get("effort")
    if effort is not None and "thinking" not in out:
        if not isinstance(effort, str) or effort not in EFFORTS:
            raise BadRequest(f"reasoning_effort {effort!r} is not known", param="reasoning_effort")
        wish = thinking_of(effort, model)
        if "output_config" in wish:
            out["output_config"] = {**wish.pop("output_config"), **(out.get("output_config") or {})}
        out.update(wish)
    thinking = out.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if not isinstance(budget, int) or budget < out["max_tokens"]:
        return
    if chat.get("max_tokens") is None and chat.get("max_completion_tokens") is None:
        out["max_tokens"] = budget + most_tokens(model)
    elif effort is not None and chat.get("thinking") is None:
        if out["max_tokens"] > LEAST_BUDGET:
            out["thinking"] = {"type": "enabled", "budget_tokens": max(LEAST_BUDGET, out["max_tokens"] // 2)}
        else:
            del out["thinking"]


# -- messages --


def _messages(messages: list[Any], refusals: Refusals) -> tuple[list[Members], list[Members]]:
    """System blocks, and turns: neighbours of one role become one turn, as Anthropic joins them itself."""
    system: list[Members] = []
    turns: list[Members] = []
    functions_n = 0  # the old function_call has no id: a result belongs to the call before it
    for index, each in enumerate(messages):
        where = f"messages[{index}]"
        message = members_at(each, where)
        role = message.get("role")
        if message.get("function_call") is not None:
            functions_n += 1
        message[_CALL_ID] = f"function_{functions_n}"
        if role in ("system", "developer"):
            system += _blocks(message, where, refusals)
            continue
        if role == "user":
            blocks = _blocks(message, where, refusals)
        elif role == "assistant":
            blocks = _assistant(message, where, refusals)
        elif role in ("tool", "function"):
            blocks = [_tool_result(message, where, refusals)]
        else:
            raise BadRequest(f"{where}.role: {role!r} is not known", param=f"{where}.role")
        name = "assistant" if role == "assistant" else "user"
        if turns and turns[-1]["role"] == name:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": name, "content": blocks})
        elif name == "user":
            raise BadRequest(f"{where}.content is empty", param=f"{where}.content")
    return system, turns


def _blocks(message: Members, where: str, refusals: Refusals) -> list[Members]:
    content = message.get("content")
    if content is None:
        return []
    parts = [content] if isinstance(content, str) else list_at(content, f"{where}.content")
    blocks = []
    for index, part in enumerate(parts):
        block = block_of(part, f"{where}.content[{index}]", refusals)
        if block is not None:
            blocks.append(block)
    if blocks and message.get("cache_control") is not None:
        blocks[-1]["cache_control"] = message["cache_control"]
    return blocks


def _assistant(message: Members, where: str, refusals: Refusals) -> list[Members]:
    """Thinking first, as Anthropic wants it back: whole and signed, or not at all."""
    thoughts = message.get("thinking_blocks")
    blocks: list[Members] = []
    for each in thoughts if isinstance(thoughts, list) else []:
        if _is_signed(each):  # `index` is left by SDKs that gathered a stream
            blocks.append({name: value for name, value in each.items() if name != "index"})
    blocks += _blocks(message, where, refusals)
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        blocks.append({"type": "text", "text": message["refusal"]})
    calls = message.get("tool_calls")
    if calls is not None:
        for index, call in enumerate(list_at(calls, f"{where}.tool_calls")):
            blocks.append(_tool_use(call, f"{where}.tool_calls[{index}]"))
    elif message.get("function_call") is not None:
        function = members_at(message["function_call"], f"{where}.function_call")
        blocks.append(_tool_use({"id": message[_CALL_ID], "function": function}, f"{where}.function_call"))
    return blocks


def _is_signed(block: object) -> bool:
    return isinstance(block, dict) and (
        bool(block.get("signature")) or (block.get("type") == "redacted_thinking" and bool(block.get("data")))
    )


def _tool_use(call: object, where: str) -> Members:
    call = members_at(call, where)
    function = members_at(call.get("function"), f"{where}.function")
    arguments = json_object(text_at(function.get("arguments") or "", f"{where}.function.arguments"))
    if arguments is None:
        raise BadRequest(f"{where}.function.arguments is not a JSON object", param=f"{where}.function.arguments")
    return {
        "type": "tool_use",
        "id": _tool_id(call.get("id"), f"{where}.id"),
        "name": text_at(function.get("name"), f"{where}.function.name"),
        "input": arguments,
    }


def _tool_id(value: object, where: str) -> str:
    """Anthropic's ids have fewer letters; the same id always becomes the same one."""
    return _ID.sub("_", text_at(value, where))


def _tool_result(message: Members, where: str, refusals: Refusals) -> Members:
    field = "tool_call_id" if message.get("role") == "tool" else _CALL_ID
    content = message.get("content")
    out: Members = {"type": "tool_result", "tool_use_id": _tool_id(message.get(field), f"{where}.{field}")}
    if isinstance(content, str):
        out["content"] = content
    elif content is not None:
        out["content"] = _blocks({"content": content}, where, refusals)
    if message.get("is_error") is True:
        out["is_error"] = True
    if message.get("cache_control") is not None:
        out["cache_control"] = message["cache_control"]
    return out
