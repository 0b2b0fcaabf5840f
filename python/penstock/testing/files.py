"""Scripts as TOML or YAML files: the same words as in Python.

    preset = "openai"                       # or a table: name, text, tools, per_s, ... (presets/turn.py)

    [[fault]]                               # of all replies; faults.py has the names and their options
    name = "rate_limit"
    retry_after_s = 1
    times = 2

    [[rule]]                                # before those of the preset
    method = "POST"
    path = "/v1/flaky"
    json = { "/stream" = true }
    reply = [{ status = 500 }, { sse = ["a", { event = "x", data = { n = 1 } }], per_s = 10, fault = "stall" }]

ScriptError names file, key and what is allowed. YAML needs PyYAML (extra `testing`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.testing.chain import ABSENT, Reply
from penstock.testing.errors import MissingExtra, ScriptError
from penstock.testing.faults import FAULTS, Fault, fault_of
from penstock.testing.presets import PRESETS, anthropic, embeddings, openai_chat, openai_responses
from penstock.testing.presets.turn import Pace, ToolCall, Turn
from penstock.testing.rule import Rule, on
from penstock.testing.spoil import Spoil, spoilt
from penstock.testing.table import Place, Table, check_kind, hint

REPLIES: dict[str, Callable[[Turn, Pace], Reply]] = {
    "openai_chat": lambda turn, pace: openai_chat.whole(turn),
    "openai_chat_stream": lambda turn, pace: openai_chat.streamed(turn, pace=pace),
    "openai_responses": lambda turn, pace: openai_responses.whole(turn),
    "openai_responses_stream": lambda turn, pace: openai_responses.streamed(turn, pace=pace),
    "anthropic": lambda turn, pace: anthropic.whole(turn),
    "anthropic_stream": lambda turn, pace: anthropic.streamed(turn, pace=pace),
    "embeddings": lambda turn, pace: embeddings.reply(model=turn.model),
}
REPLY_KEYS = "status, headers, body, json, sse, preset, delay_s, info, trailers, stall, cut, fault"


def load_script(path: str | Path) -> list[Rule]:
    """The rules of a .toml, .yaml or .yml file. ScriptError, or OSError when it cannot be read."""
    path = Path(path)
    parse = PARSERS.get(path.suffix.lower())
    if parse is None:
        raise ScriptError(f"{path}: a script file ends in {', '.join(PARSERS)}")
    place = Place(str(path))
    return script_from(parse(path.read_text(encoding="utf-8"), place), place)


def script_from(document: object, place: Place) -> list[Rule]:
    """The rules of a parsed file."""
    table = Table(document, place)
    rules = [_rule(Table(value, where)) for where, value in table.items_of("rule")]
    for where, value in table.items_of("preset"):
        rules += _preset(value, where)
    spoils = [_spoil(value, where) for where, value in table.items_of("fault")]
    table.finish()
    if not rules:
        place.fail("the script is empty: it needs 'preset' or 'rule'")
    return list(place.key("fault").guarded(lambda: spoilt(rules, spoils)))


def _rule(table: Table) -> Rule:
    place = table.place
    asked = {
        "header": table.take("header", dict, None),
        "json": table.take("json", dict, None),
        "attempt": table.take("attempt", int, None),
        "times": table.take("times", int, None),
        "for_s": table.take("for_s", float, None),
    }
    method, path = table.take("method", str, None), table.take("path", str, None)
    rule = place.guarded(lambda: on(method, path, **asked))
    is_early = table.take("early", bool, False)
    replies = [_reply(Table(value, where)) for where, value in table.items_of("reply")]
    table.finish()
    if not replies:
        place.fail("has no 'reply': a table, or a list of tables, one a request")
    rule = rule.reply(*replies)
    rule = rule.early() if is_early else rule
    place.guarded(rule.compiled)
    return rule


def _reply(table: Table) -> Reply:
    place = table.place
    reply = Reply()
    delay_s = table.take("delay_s", float, 0.0)
    for where, value in table.items_of("info"):
        info = Table(value, where)
        status, headers = info.take("status", int, 103), info.take("headers", dict, None)
        info.finish()
        reply = where.guarded(lambda reply=reply, s=status, h=headers: reply.info(s, h))  # type: ignore[misc]
    reply = _with_body(table, reply)
    trailers = table.take("trailers", dict, None)
    is_stalled, cut = table.take("stall", bool, False), table.take("cut", str, None)
    faults = [_fault(value, where) for where, value in table.items_of("fault")]
    table.finish()
    if cut not in (None, "fin", "abrupt", "reset"):
        place.key("cut").fail(f"must be fin, abrupt or reset, not {cut!r}")

    def finished() -> Reply:
        made = reply if trailers is None else reply.trailers(trailers)
        made = made.stall() if is_stalled else made
        made = made if cut is None else made.cut(cut)
        made = made.fault(*faults)
        return Reply(dialect=made.dialect).delay(delay_s)._then(*made.steps) if delay_s else made

    made = place.guarded(finished)
    if not made.steps:
        place.fail(f"says nothing; allowed: {REPLY_KEYS}")
    return made


def _with_body(table: Table, reply: Reply) -> Reply:
    """The head and what follows it: of a preset, events, or a body."""
    place = table.place
    kinds = [name for name in ("preset", "sse", "json", "body") if table.has(name)]
    if len(kinds) > 1:
        place.fail(f"has {' and '.join(kinds)}: one of them makes the body")
    if table.has("preset"):
        return _preset_reply(table, reply)
    status, headers = table.take("status", int, None), table.take("headers", dict, None)
    if table.has("sse"):
        events = [_event(value, where) for where, value in table.items_of("sse")]
        count = table.take("count", int, None)
        pace = _pace(table)
        return place.guarded(
            lambda: reply.sse(events, count=count, status=status or 200, headers=headers, **_as_options(pace))
        )
    document = table.take("json", (dict, list, str, float, bool), ABSENT)
    body = table.take("body", str, "")
    table.take("sse", list, None)
    table.take("preset", str, None)
    if status is None and headers is None and not body and document is ABSENT:
        return reply
    return place.guarded(lambda: reply.answer(200 if status is None else status, headers, body, json=document))


def _preset_reply(table: Table, reply: Reply) -> Reply:
    name = table.take("preset", str, "")
    make = REPLIES.get(name)
    if make is None:
        table.place.key("preset").fail(f"no reply {name!r}; {hint(name, tuple(REPLIES))}")
    made = make(_turn(table), _pace(table))
    return Reply(dialect=made.dialect)._then(*reply.steps, *made.steps)


def _event(value: object, place: Place) -> Any:
    """Text, or a table of event and data, which may be a table, too."""
    check_kind(value, (str, dict), place)
    if isinstance(value, str):
        return value
    table = Table(value, place)
    name = table.take("event", str, None)
    data = table.take("data", (str, dict, list, float, bool), ABSENT)
    table.finish()
    if data is ABSENT:
        place.fail("has no 'data'")
    return data if name is None and isinstance(data, str | dict) else (name or "message", data)


def _turn(table: Table) -> Turn:
    def call(value: object, place: Place) -> ToolCall:
        tool = Table(value, place)
        made = ToolCall(tool.take("name", str, ""), tool.take("arguments", (dict, str), {}), tool.take("id", str, ""))
        tool.finish()
        return made

    tools = tuple(call(value, place) for place, value in table.items_of("tools"))
    usual = Turn()
    options = {
        name: table.take(name, kind, getattr(usual, name))
        for name, kind in (
            ("text", str),
            ("thinking", str),
            ("refusal", str),
            ("finish", str),
            ("model", str),
            ("deltas_n", int),
            ("prompt_tokens", int),
            ("cached_tokens", int),
        )
    }
    return table.place.guarded(lambda: Turn(tools=tools, **options))


def _pace(table: Table) -> Pace:
    return Pace(
        per_s=table.take("per_s", float, 0.0),
        jitter=table.take("jitter", float, 0.0),
        seed=table.take("seed", int, 0),
        stamped=table.take("stamped", bool, False),
    )


def _as_options(pace: Pace) -> dict[str, Any]:
    return {"per_s": pace.per_s, "jitter": pace.jitter, "seed": pace.seed, "stamped": pace.stamped}


def _preset(value: object, place: Place) -> list[Rule]:
    """A provider: its name, or a table of name and what it says."""
    table = Table({"name": value} if isinstance(value, str) else value, place)
    name = table.take("name", str, "")
    if name not in PRESETS:
        place.fail(f"no preset {name!r}; {hint(name, tuple(PRESETS))}")
    turn, pace = _turn(table), _pace(table)
    table.finish()
    return PRESETS[name](turn, pace=pace)


def _fault(value: object, place: Place) -> Fault:
    """A name, or a table of name and options."""
    check_kind(value, (str, dict), place)
    table = Table({"name": value} if isinstance(value, str) else value, place)
    return _named_fault(table)


def _named_fault(table: Table) -> Fault:
    name = table.take("name", str, "")
    if name not in FAULTS:
        table.place.fail(f"no fault {name!r}; {hint(name, tuple(FAULTS))}")
    options = table.rest()
    return table.place.guarded(lambda: fault_of(name, **options))


def _spoil(value: object, place: Place) -> Spoil:
    table = Table({"name": value} if isinstance(value, str) else value, place)
    times, attempt = table.take("times", int, None), table.take("attempt", int, None)
    for_s = table.take("for_s", float, None)
    fault = _named_fault(table)
    return place.guarded(lambda: Spoil((fault,), times, attempt, for_s))


def _parse_toml(text: str, place: Place) -> object:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib  # what became tomllib
        except ImportError:
            raise MissingExtra("tomli", "a script in TOML") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        place.fail(f"no TOML: {err}")


def _parse_yaml(text: str, place: Place) -> object:
    try:
        import yaml
    except ImportError:
        raise MissingExtra("PyYAML", "a script in YAML") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as err:
        place.fail(f"no YAML: {err}")


PARSERS: dict[str, Callable[[str, Place], object]] = {".toml": _parse_toml, ".yaml": _parse_yaml, ".yml": _parse_yaml}
