"""`penstock check`: what it prints and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.__main__ import main
from penstock.config.env_file import parse_env
from penstock.config.environment import NAMES

GOOD = """
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/CHECK_KEY, rpm: 5}
  - model_name: claude/*
    litellm_params: {model: anthropic/*, api_key: sk-ant-secret, api_base: "https://proxy.internal"}
router_settings:
  fallbacks: [{gpt: [claude/opus]}]
  default_fallbacks: [gpt]
  model_group_alias: {gpt-4: gpt}
general_settings: {master_key: sk-secret}
"""
REPORT = """\
1 warning
{path}:8: router_settings.fallbaks: unknown key, did you mean fallbacks?

group     id                    provider   model   address                 key  limits
gpt       {gpt}  openai     gpt-4o  -                       ***  rpm 5
claude/*  {claude}  anthropic  *       https://proxy.internal  ***  -

2 deployments in 2 groups, 1 aliases
strategy simple-shuffle, 2 retries, 600 s, cooldown 5 s after 3 failures in a minute
keys: master
fallbacks: gpt -> claude/opus
aliases: gpt-4 -> gpt
default_fallbacks: gpt
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*NAMES, "CHECK_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "config.yaml"


def test_a_file_that_can_be_used(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECK_KEY", "sk-of-the-environment")
    path.write_text(GOOD.replace("  fallbacks", "  fallbaks: 1\n  fallbacks"))
    assert main(["check", "--config", str(path)]) == 0
    out = capsys.readouterr().out
    ids = [line.split()[1] for line in out.splitlines() if line.startswith(("gpt ", "claude/* "))]
    assert out == REPORT.format(path=path, gpt=ids[0], claude=ids[1])
    assert "secret" not in out
    assert "sk-" not in out


def test_errors(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(GOOD)
    assert main(["check", "-c", str(path)]) == 1
    assert capsys.readouterr().out == (
        f"1 error\n{path}:4: model_list[0].litellm_params.api_key: environment variable CHECK_KEY is not set\n"
    )


def test_a_file_of_variables(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(GOOD)
    variables = path.with_name(".env")
    variables.write_text("export CHECK_KEY='sk-1'\nnonsense\n")
    assert main(["check", "-c", str(path), "--env-file", str(variables)]) == 0
    assert capsys.readouterr().err == f"{variables}:2: is not NAME=value: it is left out\n"


@pytest.mark.parametrize("arguments", [["-c", "gone.yaml"], ["-c", "config.yaml", "--env-file", "gone.env"]])
def test_unreadable(path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(GOOD)
    monkeypatch.chdir(path.parent)
    assert main(["check", *arguments]) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1", {"A": "1"}),
        (" A = 1 ", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=b=c", {"A": "b=c"}),
        ('A="x # y" # z', {"A": "x # y"}),
        ("A='x\\n'", {"A": "x\\n"}),
        ('A="x\\ny"', {"A": "x\ny"}),
        ("A=x#y", {"A": "x#y"}),
        ("A='open", {"A": "'open"}),
        ("# A=1\n\nexport B=2", {"B": "2"}),
    ],
)
def test_lines_of_variables(text: str, found: dict[str, str]) -> None:
    assert parse_env(text) == (found, [])


@pytest.mark.parametrize("text", ["=1", "a b=1", "1A=2", "A", "export =1"])
def test_lines_that_are_none(text: str) -> None:
    assert parse_env(text) == ({}, [1])
