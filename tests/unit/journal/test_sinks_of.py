"""Settings become sinks; references are found where LiteLLM finds them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.config.models import JournalSettings
from penstock.journal import BadReference, MissingExtra, Record, sinks_of
from penstock.journal.reference import resolve
from penstock.journal.sinks.jsonl import JsonLines
from tests.unit.journal.sinks_for_tests import Memory

CUSTOM = """
from dataclasses import dataclass
runs = 0
runs += 1

@dataclass
class Handler:
    seen_n: int = 0
    def log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.seen_n += 1

class NeedsMore:
    def __init__(self, more): ...

class OnlyHooks:
    async def pre_call(self, call): ...

handler = Handler()
def log(record): ...
"""


@pytest.fixture
def config_dir(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "custom_callbacks.py").write_text(CUSTOM)
    (tmp_path / "json.py").write_text("mine = print")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "er.py").write_text("def log(record): ...")
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name in ("custom_callbacks", "deep.er") or name.startswith("penstock_config_"):
            del sys.modules[name]


def test_built_in_sinks_in_order(tmp_path: Path) -> None:
    settings = JournalSettings(
        jsonl_path=str(tmp_path / "j"), sqlite_path=str(tmp_path / "d"), callbacks=("prometheus", "prometheus")
    )
    assert [sink.name for sink in sinks_of(settings, config_dir=tmp_path)] == ["jsonl", "sqlite", "prometheus"]
    assert list(tmp_path.iterdir()) == []  # nothing is opened before the first record
    assert sinks_of(JournalSettings(), config_dir=tmp_path) == []


def test_equal_settings_make_equal_keys(config_dir: Path) -> None:
    names = ("prometheus", "custom_callbacks.handler", "custom_callbacks.log")
    settings = JournalSettings(jsonl_path="j", sqlite_path="d", callbacks=names)
    one, two = (sinks_of(settings, config_dir=config_dir) for _ in range(2))
    assert [sink.key for sink in one] == [sink.key for sink in two]
    assert len({sink.key for sink in one}) == 5
    assert JsonLines("a").key != JsonLines("b").key


def test_references(config_dir: Path) -> None:
    names = ("custom_callbacks.handler", "custom_callbacks.log", "deep.er.log", "custom_callbacks.OnlyHooks")
    sinks = sinks_of(JournalSettings(callbacks=names), config_dir=config_dir)
    assert [sink.name for sink in sinks] == list(names[:3])
    sinks[0].write([Record(id="r", outcome="complete")])
    handler = resolve("custom_callbacks.handler", config_dir)
    assert handler.seen_n == 1  # type: ignore[attr-defined]
    assert resolve("custom_callbacks.runs", config_dir) == 1  # the file ran once
    assert resolve("custom_callbacks.Handler", config_dir) is resolve("custom_callbacks.Handler", config_dir)


def test_a_file_of_the_config_comes_before_modules_and_harms_none(config_dir: Path) -> None:
    import json

    assert resolve("json.mine", config_dir) is print
    assert sys.modules["json"] is json
    assert resolve("os.path.join", config_dir)


def test_objects_that_are_there_already_and_whole_sinks(tmp_path: Path) -> None:
    mine = Memory("mine")
    settings = JournalSettings(callbacks=("a.sink", "a.hooks"))
    assert sinks_of(settings, config_dir=tmp_path, objects={"a.sink": mine, "a.hooks": object()}) == [mine]


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("custom_callbacks.nothing", "has no nothing"),
        ("no_such_module_anywhere.x", "cannot be imported: ModuleNotFoundError"),
        ("broken.x", "cannot be imported: ModuleNotFoundError"),
        ("custom_callbacks.NeedsMore", "raised TypeError"),
        ("x", "must be module.attribute"),
        (".x", "must be module.attribute"),
        ("x.", "must be module.attribute"),
    ],
)
def test_what_is_not_there_is_said(config_dir: Path, reference: str, why: str) -> None:
    with pytest.raises(BadReference, match=why):
        resolve(reference, config_dir)


def test_unknown_integrations_warn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "penstock.journal"):
        assert sinks_of(JournalSettings(callbacks=("langfuse",)), config_dir=tmp_path) == []
    assert "'langfuse' is not built in" in caplog.text


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("prometheus_client", "penstock.journal.sinks.prom"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtra, match=r"prometheus_client: pip install .penstock\[gateway\]"):
        sinks_of(JournalSettings(callbacks=("prometheus",)), config_dir=tmp_path)
