"""Without the extra, what needs it says so, and the rest works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from penstock.testing import MissingExtra, MockTransport, Provider, on
from penstock.testing.files import load_script


@pytest.fixture(autouse=True)
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("yaml", "tomli", "openai"):
        monkeypatch.setitem(sys.modules, name, None)


def test_yaml_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text("preset: openai")
    with pytest.raises(MissingExtra, match=r"a script in YAML needs the PyYAML package: pip install"):
        load_script(tmp_path / "script.yaml")


def test_a_missing_sdk_is_named() -> None:
    with (
        Provider(tls=False) as provider,
        pytest.raises(ImportError, match="needs the openai package: pip"),
    ):
        provider.openai()


def test_the_mock_needs_none() -> None:
    assert MockTransport(on().answer()).request_sync("GET", "https://a/").status == 200
