"""Tools and the choice among them, both ways."""

from __future__ import annotations

from typing import Any

from penstock.dialects.reading import Members, Refusals, list_at, members_at, text_at

_NO_PARAMETERS: Members = {"type": "object", "properties": {}}


# -- OpenAI's as Anthropic's --


def messages_tools(tools: object, refusals: Refusals) -> list[Members]:
    """Functions become tools with an input_schema; Anthropic's own tools stay as they are."""
    out: list[Members] = []
    for index, each in enumerate(list_at(tools, "tools")):
        where = f"tools[{index}]"
        tool = members_at(each, where)
        if tool.get("type") == "function":
            out.append(_tool(members_at(tool.get("function"), f"{where}.function"), f"{where}.function", tool))
        elif "input_schema" in tool or _is_anthropics(tool):
            out.append(tool)
        else:
            refusals.cannot(where, f"Anthropic has no tools of type {tool.get('type')!r}")
    return out


def _is_anthropics(tool: Members) -> bool:
    """Its hosted tools have a date in their type: web_search_20250305."""
    kind = tool.get("type")
    return isinstance(kind, str) and kind[-8:].isdecimal()


def _tool(function: Members, where: str, tool: Members) -> Members:
    out: Members = {"name": text_at(function.get("name"), f"{where}.name")}
    if function.get("description") is not None:
        out["description"] = function["description"]
    parameters = function.get("parameters")
    out["input_schema"] = parameters if isinstance(parameters, dict) and parameters else _NO_PARAMETERS
    if out["input_schema"].get("type") is None:
        out["input_schema"] = {"type": "object", **parameters} if isinstance(parameters, dict) else _NO_PARAMETERS
    if function.get("strict") is True:
        out["strict"] = True
    cache_control = tool.get("cache_control") or function.get("cache_control")
    if cache_control is not None:
        out["cache_control"] = cache_control
    return out


def messages_tool_choice(choice: Any, *, parallel: object, has_tools: bool, refusals: Refusals) -> Members | None:
    """tool_choice and parallel_tool_calls as one."""
    out: Members | None = None
    if choice in ("auto", "none"):
        out = {"type": choice}
    elif choice in ("required", "any"):
        out = {"type": "any"}
    elif isinstance(choice, dict):
        function = choice.get("function")
        if choice.get("type") == "function" and isinstance(function, dict):
            out = {"type": "tool", "name": text_at(function.get("name"), "tool_choice.function.name")}
        elif choice.get("type") in ("auto", "any", "tool", "none"):
            out = dict(choice)
        else:
            refusals.cannot("tool_choice", f"Anthropic has no choice of type {choice.get('type')!r}")
    elif choice is not None:
        refusals.cannot("tool_choice", f"{choice!r} is not known")
    if parallel is False and has_tools:
        out = out or {"type": "auto"}
        if out["type"] != "none":
            out["disable_parallel_tool_use"] = True
    return out if has_tools else None


# -- Anthropic's as OpenAI's --


def chat_tools(tools: object, refusals: Refusals) -> list[Members]:
    """Tools with an input_schema become functions; hosted tools cannot."""
    out: list[Members] = []
    for index, each in enumerate(list_at(tools, "tools")):
        where = f"tools[{index}]"
        tool = members_at(each, where)
        if tool.get("type") not in (None, "custom"):
            refusals.cannot(where, f"only Anthropic itself runs {tool.get('type')!r}")
            continue
        function: Members = {"name": text_at(tool.get("name"), f"{where}.name")}
        if tool.get("description") is not None:
            function["description"] = tool["description"]
        function["parameters"] = tool.get("input_schema") or _NO_PARAMETERS
        if tool.get("strict") is True:
            function["strict"] = True
        out.append({"type": "function", "function": function})
    return out


def chat_tool_choice(choice: object, refusals: Refusals) -> Members:
    """tool_choice as members: tool_choice and parallel_tool_calls."""
    if choice is None:
        return {}
    choice = members_at(choice, "tool_choice")
    kind = choice.get("type")
    out: Members = {}
    if kind in ("auto", "none"):
        out["tool_choice"] = kind
    elif kind == "any":
        out["tool_choice"] = "required"
    elif kind == "tool":
        name = text_at(choice.get("name"), "tool_choice.name")
        out["tool_choice"] = {"type": "function", "function": {"name": name}}
    else:
        refusals.cannot("tool_choice", f"a chat request has no choice of type {kind!r}")
    if choice.get("disable_parallel_tool_use") is True:
        out["parallel_tool_calls"] = False
    return out
