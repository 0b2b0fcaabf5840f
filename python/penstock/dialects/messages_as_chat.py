"""A messages request (Anthropic) as a chat request (OpenAI). What is lost on the way: docs/dialects.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from penstock.dialects.call import BadRequest, CallFacts
from penstock.dialects.content import part_of
from penstock.dialects.provider_rows import Provider
from penstock.dialects.reading import Members, Refusals, list_at, members_at, read_members, text_at
from penstock.dialects.tools import chat_tool_choice, chat_tools
from penstock.dialects.words import effort_of, is_reasoning_model

USER_CHARS = 64  # OpenAI's limit of `user`
_SAME = frozenset({"temperature", "top_p"})
_IGNORED = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "stop_sequences",
        "stream",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "metadata",
        "service_tier",
        "cache_control",
        "context_management",
        "speed",
        "diagnostics",
        "user_profile_id",
        "top_k",
    }
)


def chat_request(
    call: CallFacts, *, model: str, provider: Provider, params: Mapping[str, Any], drop_params: bool
) -> bytes:
    """The body for a provider of OpenAI's format. BadRequest for what it cannot say."""
    asked = read_members(call.body)
    out = translated(asked, model=model, provider=provider, refusals=Refusals(drops=drop_params))
    hidden = ("max_tokens", "max_completion_tokens")
    for name, value in params.items():
        if name not in out and not (name in hidden and asked.get("max_tokens") is not None):
            out[name] = value
    return msgspec.json.encode(out)


def translated(asked: Members, *, model: str, provider: Provider, refusals: Refusals) -> Members:
    out: Members = {"model": model, "messages": _messages(asked, provider, refusals)}
    for name, value in asked.items():
        if value is None:
            continue
        if name in _SAME:
            out[name] = value
        elif name not in _IGNORED:
            refusals.cannot(name, f"{provider.name} does not know it")
    if asked.get("max_tokens") is not None:
        out["max_tokens" if provider.max_tokens_only else "max_completion_tokens"] = asked["max_tokens"]
    for rule in _RULES:
        rule(asked, out, provider, refusals)
    effort = effort_of(asked.get("thinking"), asked.get("output_config"))
    if effort is not None and is_reasoning_model(model):
        out["reasoning_effort"] = effort
    return out


def _stream(asked: Members, out: Members, provider: Provider, refusals: Refusals) -> None:
    if asked.get("stream") is True:
        out["stream"] = True
        if provider.takes_stream_options:
            out["stream_options"] = {"include_usage": True}


def _stops(asked: Members, out: Members, provider: Provider, refusals: Refusals) -> None:
    if asked.get("stop_sequences"):
        out["stop"] = list_at(asked["stop_sequences"], "stop_sequences")


def _top_k(asked: Members, out: Members, provider: Provider, refusals: Refusals) -> None:
    if asked.get("top_k") is not None:
        if provider.takes_top_k:
            out["top_k"] = asked["top_k"]
        else:
            refusals.cannot("top_k", f"{provider.name} does not know it")


def _user(asked: Members, out: Members, provider: Provider, refusals: Refusals) -> None:
    metadata = asked.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if isinstance(user, str) and provider.takes_user:
        out["user"] = user[:USER_CHARS]


def _tools(asked: Members, out: Members, provider: Provider, refusals: Refusals) -> None:
    if not asked.get("tools"):
        return
    tools = chat_tools(asked["tools"], refusals)
    if tools:
        out["tools"] = tools
        out.update(chat_tool_choice(asked.get("tool_choice"), refusals))


def _format(asked: Members, out: Members, provider: Provider, refusals: Refusals) -> None:
    config = asked.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else None
    if wanted is None:
        return
    schema = members_at(wanted, "output_config.format").get("schema")
    out["response_format"] = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": members_at(schema, "output_config.format.schema"), "strict": True},
    }


_Rule = Callable[[Members, Members, Provider, Refusals], None]
_RULES: tuple[_Rule, ...] = (_stream, _stops, _top_k, _user, _tools, _format)


# -- messages --


def _messages(asked: Members, provider: Provider, refusals: Refusals) -> list[Members]:
    out: list[Members] = []
    system = _system(asked.get("system"))
    if system:
        out.append({"role": "system", "content": system})
    for index, each in enumerate(list_at(asked.get("messages"), "messages")):
        where = f"messages[{index}]"
        message = members_at(each, where)
        role = message.get("role")
        if role == "user":
            out += _user_turn(message, where, refusals)
        elif role == "assistant":
            out.append(_assistant_turn(message, where, provider, refusals))
        elif role == "system":
            out.append({"role": "system", "content": _system(message.get("content"))})
        else:
            raise BadRequest(f"{where}.role: {role!r} is not known", param=f"{where}.role")
    return out


def _system(system: object) -> str:
    """One text: many servers of OpenAI's format take no parts in a system message."""
    if system is None or isinstance(system, str):
        return system or ""
    blocks = [members_at(each, "system") for each in list_at(system, "system")]
    return "\n\n".join(text_at(each.get("text"), "system.text") for each in blocks)


def _user_turn(message: Members, where: str, refusals: Refusals) -> list[Members]:
    """Results of tools are messages of their own there, and must follow the calls: they go first."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[Members] = []
    parts: list[Members] = []
    for index, each in enumerate(list_at(content, f"{where}.content")):
        at = f"{where}.content[{index}]"
        block = members_at(each, at)
        if block.get("type") == "tool_result":
            result, shown = _tool_result(block, at, refusals)
            results.append(result)
            parts += shown
        else:
            parts += part_of(block, at, refusals)
    if parts:
        results.append({"role": "user", "content": _plain(parts)})
    return results


def _plain(parts: list[Members]) -> str | list[Members]:
    if len(parts) == 1 and parts[0]["type"] == "text" and "cache_control" not in parts[0]:
        text: str = parts[0]["text"]
        return text
    return parts


def _tool_result(block: Members, where: str, refusals: Refusals) -> tuple[Members, list[Members]]:
    """The tool's message, and what cannot be in one (images), for the user's message that follows."""
    content = block.get("content")
    shown: list[Members] = []
    if content is None or isinstance(content, str):
        text = content or ""
    else:
        parts: list[Members] = []
        for index, each in enumerate(list_at(content, f"{where}.content")):
            parts += part_of(each, f"{where}.content[{index}]", refusals)
        text = "\n".join(part["text"] for part in parts if part["type"] == "text")
        shown = [part for part in parts if part["type"] != "text"]
    name = text_at(block.get("tool_use_id"), f"{where}.tool_use_id")
    return {"role": "tool", "tool_call_id": name, "content": text}, shown


def _assistant_turn(message: Members, where: str, provider: Provider, refusals: Refusals) -> Members:
    out: Members = {"role": "assistant", "content": None}
    content = message.get("content")
    if isinstance(content, str):
        out["content"] = content
        return out
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Members] = []
    for index, each in enumerate(list_at(content, f"{where}.content")):
        at = f"{where}.content[{index}]"
        block = members_at(each, at)
        kind = block.get("type")
        if kind == "text":
            texts.append(text_at(block.get("text"), f"{at}.text"))
        elif kind == "tool_use":
            calls.append(_tool_call(block, at))
        elif kind == "thinking":
            thoughts.append(text_at(block.get("thinking"), f"{at}.thinking"))
        elif kind != "redacted_thinking":
            refusals.cannot(f"{at}.type", f"only Anthropic itself reads {kind!r}")
    if texts or not calls:
        out["content"] = "".join(texts)
    if calls:
        out["tool_calls"] = calls
    if thoughts and provider.takes_reasoning:
        out["reasoning_content"] = "".join(thoughts)
    return out


def _tool_call(block: Members, where: str) -> Members:
    arguments = msgspec.json.encode(members_at(block.get("input"), f"{where}.input")).decode()
    function = {"name": text_at(block.get("name"), f"{where}.name"), "arguments": arguments}
    return {"id": text_at(block.get("id"), f"{where}.id"), "type": "function", "function": function}
