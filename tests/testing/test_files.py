"""A script file says the same as the words in Python, and each mistake names its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.testing import Pace, Reply, ScriptError, Turn, faults, on, presets
from penstock.testing.files import load_script
from penstock.testing.spoil import Spoil, spoilt

TOML = """
[[rule]]
method = "POST"
path = "/v1/flaky"
json = { "/stream" = true }
header = { x-id = "1" }
times = 3
reply = [
    { status = 500, body = "no", headers = { a = "b" }, delay_s = 0.5 },
    { sse = ["a", { event = "x", data = { n = 1 } }], count = 5, per_s = 10, stamped = true, fault = "stall" },
    { json = { ok = true }, trailers = { sum = "1" }, info = { status = 103, headers = { link = "</a>" } } },
    { preset = "openai_chat_stream", text = "Hi", fault = [{ name = "cut", after_events = 2, how = "fin" }] },
    { cut = "reset" },
]
"""
YAML = """
rule:
  - method: POST
    path: /v1/flaky
    json: {/stream: true}
    header: {x-id: "1"}
    times: 3
    reply:
      - {status: 500, body: "no", headers: {a: b}, delay_s: 0.5}
      - {sse: [a, {event: x, data: {n: 1}}], count: 5, per_s: 10, stamped: true, fault: stall}
      - {json: {ok: true}, trailers: {sum: "1"}, info: {status: 103, headers: {link: </a>}}}
      - {preset: openai_chat_stream, text: Hi, fault: [{name: cut, after_events: 2, how: fin}]}
      - {cut: reset}
"""


def load(tmp_path: Path, text: str, name: str = "script.toml") -> list[object]:
    (tmp_path / name).write_text(text)
    return list(load_script(tmp_path / name))


@pytest.mark.parametrize(("text", "name"), [(TOML, "script.toml"), (YAML, "script.yaml")])
def test_a_file_says_what_python_says(tmp_path: Path, text: str, name: str) -> None:
    wanted = on("POST", "/v1/flaky", json={"/stream": True}, header={"x-id": "1"}, times=3).reply(
        Reply().delay(0.5).answer(500, {"a": "b"}, "no"),
        Reply().sse(["a", ("x", {"n": 1})], count=5, per_s=10, stamped=True).fault(faults.stall()),
        Reply().info(103, {"link": "</a>"}).answer(json={"ok": True}).trailers({"sum": "1"}),
        presets.openai_chat.streamed("Hi").fault(faults.cut(after_events=2, how="fin")),
        Reply().cut(),
    )
    assert load(tmp_path, text, name) == [wanted]


def test_presets_and_their_faults(tmp_path: Path) -> None:
    text = """
    [preset]
    name = "anthropic"
    text = "Hi"
    tools = [{ name = "now", arguments = { zone = "UTC" } }]
    per_s = 20

    [[fault]]
    name = "rate_limit"
    retry_after_s = 1
    times = 2
    """
    turn = Turn(text="Hi", tools=(presets.ToolCall("now", {"zone": "UTC"}),))
    script = presets.preset("anthropic", turn, pace=Pace(per_s=20))
    found, wanted = load(tmp_path, text), spoilt(script, [Spoil((faults.rate_limit(retry_after_s=1),), times=2)])
    assert found == list(wanted)
    assert load(tmp_path, 'preset = "openai"') == presets.preset("openai")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = ", "no TOML: "),
        ("", "the script is empty: it needs 'preset' or 'rule'"),
        ("rul = 1", "rul: unknown; did you mean 'rule'? Allowed: rule, preset, fault"),
        ("rule = 1", "rule: must be a table, not 1"),
        ('preset = "openia"', "preset: no preset 'openia'; did you mean 'openai'?"),
        ("preset = { name = 'openai', per_s = 'fast' }", "preset.per_s: must be a number, not 'fast'"),
        ("[[rule]]\npath = '/a'", "rule[0]: has no 'reply'"),
        ("[[rule]]\npath = 'a'\nreply = {status = 200}", "rule[0]: path 'a' does not begin with '/'"),
        ("[[rule]]\nreply = {}", "rule[0].reply: says nothing; allowed: status"),
        ("[[rule]]\nreply = [{status=200}, {stauts=1}]", "rule[0].reply[1].stauts: unknown; did you mean 'status'?"),
        ("[[rule]]\nreply = {status = '200'}", "rule[0].reply.status: must be a whole number, not '200'"),
        ("[[rule]]\nreply = {status = true}", "rule[0].reply.status: must be a whole number, not True"),
        ("[[rule]]\nreply = {status = 42}", "rule[0].reply: the status of an answer is 200 to 999, not 42"),
        ("[[rule]]\nreply = {json = 1, body = 'a'}", "rule[0].reply: has json and body: one of them makes the body"),
        ("[[rule]]\nreply = {sse = [1]}", "rule[0].reply.sse[0]: must be text or a table, not 1"),
        ("[[rule]]\nreply = {sse = [{event = 'a'}]}", "rule[0].reply.sse[0]: has no 'data'"),
        ("[[rule]]\nreply = {cut = 'off'}", "rule[0].reply.cut: must be fin, abrupt or reset, not 'off'"),
        ("[[rule]]\nreply = {status=200, fault='ct'}", "rule[0].reply.fault: no fault 'ct'; did you mean 'cut'?"),
        ("[[rule]]\nreply = {status=200, fault={name='cut', x=1}}", "rule[0].reply.fault: fault cut: "),
        ("[[rule]]\nreply = {preset='openai'}", "rule[0].reply.preset: no reply 'openai'; did you mean 'openai_chat'"),
        ("preset='openai'\nfault={name='cut', times=0}", "fault: times must be a whole number from 1, not 0"),
    ],
)
def test_a_mistake_names_file_key_and_what_is_allowed(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ScriptError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'script.toml'}: {why}")


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"script.json: a script file ends in .toml, .yaml, .yml"):
        load(tmp_path, "{}", "script.json")
    with pytest.raises(ScriptError, match="no YAML: "):
        load(tmp_path, "a: [", "script.yaml")
