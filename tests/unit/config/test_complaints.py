"""Each mistake gets the complaint it deserves: complaints.txt has the table."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from penstock.config.load import loads

TABLE = Path(__file__).with_name("complaints.txt")
ENVIRON = {"EMPTY": "", "SECRET": "very-secret"}
MODEL = "model_list: [{model_name: a, litellm_params: {model: openai/a, api_key: sk-k}}]"
KEY = "general_settings: {master_key: sk-x}"


class Case(NamedTuple):
    line: int
    text: str
    environ: dict[str, str]
    complaints: list[str]


def cases() -> list[Case]:
    found = []
    start, text, environ, complaints = 1, list[str](), dict[str, str](), list[str]()
    for number, line in enumerate([*TABLE.read_text().splitlines(), ""], start=1):
        if line.startswith("=>"):
            complaints += [line[3:]] if line[3:] else []
        elif line.startswith("$ "):
            name, _, value = line[2:].partition("=")
            environ[name] = value
        elif line.strip() and not line.startswith("#"):
            start = start if text else number
            text.append(line)
        elif text:
            found.append(Case(start, "\n".join(text), environ, complaints))
            text, environ, complaints = [], {}, []
    return found


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.line}:{case.text[:60]}")
def test_complaints(case: Case) -> None:
    text = case.text
    text += "" if "model_list:" in text else f"\n{MODEL}"
    text += "" if "general_settings:" in text else f"\n{KEY}"
    loaded = loads(text, environ={**ENVIRON, **case.environ})
    said = [f"{'E' if each.is_error else 'W'}{each.line or ''} {each}" for each in loaded.complaints]
    assert said == case.complaints
    assert (loaded.config is None) == any(each.startswith("E") for each in said)
    assert ENVIRON["SECRET"] not in repr(loaded)


def test_the_table_is_read() -> None:
    assert len(cases()) > 150


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text", "[]", "7"])
def test_a_document_is_a_mapping(text: str) -> None:
    (complaint,) = loads(text, environ={}).complaints
    assert str(complaint) == "must be a mapping: model_list, litellm_settings, ..."


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}"])
def test_an_empty_document_has_no_deployment(text: str) -> None:
    loaded = loads(text, environ={})
    assert [str(each) for each in loaded.complaints] == [
        "model_list: there is no deployment: every request is refused",
        "general_settings: there is no master_key: everybody may call",
    ]
    assert loaded.config is not None


@pytest.mark.parametrize(
    "text", ["a: b: c", "model_list:\n\t- a", "a: [1, 2", "a: 'b", "\x00", "a: !!int x", "a: " + "9" * 9999]
)
def test_what_is_no_yaml_is_said_once(text: str) -> None:
    (complaint,) = loads(text, environ={}).complaints
    assert complaint.is_error
    assert complaint.message.startswith("is not YAML")
