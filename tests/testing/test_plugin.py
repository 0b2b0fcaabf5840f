"""The pytest plugin, as a user's pytest sees it: in a process of its own, found by its entry point."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run_pytest(folder: Path, text: str, *arguments: str, ini: str = "") -> subprocess.CompletedProcess[str]:
    """pytest in an empty project with one test file."""
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


REACHES_OUT = """
import contextlib, socket, pytest

{marker}
def test_swallows():
    with contextlib.suppress(Exception):
        socket.getaddrinfo("api.example.com", 443)

def test_other():
    socket.getaddrinfo("localhost", 80)
"""


def test_the_guard_is_up_by_marker(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, REACHES_OUT.format(marker="@pytest.mark.no_network"))
    assert done.returncode == 1
    assert "no network in this test, but it tried: socket.getaddrinfo() api.example.com" in done.stdout
    assert "2 passed, 1 error" in done.stdout


def test_the_guard_is_up_by_configuration(tmp_path: Path) -> None:
    ini = "penstock_no_network = true"
    done = run_pytest(tmp_path, REACHES_OUT.format(marker=""), ini=ini)
    assert "2 passed, 1 error" in done.stdout
    done = run_pytest(tmp_path, REACHES_OUT.format(marker="@pytest.mark.no_network(allow='api.example.com')"), ini=ini)
    assert done.returncode == 0


def test_the_guard_is_a_fixture(tmp_path: Path) -> None:
    text = """
    def test_it(no_network):
        no_network.check("connect", "127.0.0.1")
        assert no_network.attempts == []
    """
    assert run_pytest(tmp_path, text.replace("\n    ", "\n")).returncode == 0


def test_the_plugin_loads_nothing_before_it_is_used(tmp_path: Path) -> None:
    text = """
import sys

def test_it():
    own = sorted(name for name in sys.modules if name.startswith("penstock.testing"))
    assert own == ["penstock.testing", "penstock.testing.plugin"]
    assert not {"yaml", "openai", "anthropic", "httpx", "httpx2"} & set(sys.modules)
"""
    done = run_pytest(tmp_path, text)
    assert done.returncode == 0, done.stdout


def test_markers_are_known(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "", "--markers")
    for name in ("upstream_fault(fault, *", "no_network(allow=())", "allow_network"):
        assert f"@pytest.mark.{name}" in done.stdout


@pytest.mark.parametrize(
    ("marker", "why"),
    [
        ("'cutt'", "upstream_fault: no fault 'cutt'; there are bad_chunk"),
        ("'cut', after=1", "upstream_fault: fault cut: "),
        ("times=1", "upstream_fault: which one? Give a fault, or its name"),
        ("'cut', times=0", "upstream_fault: times must be a whole number from 1, not 0"),
    ],
)
def test_a_wrong_marker_says_what_is_wrong(tmp_path: Path, marker: str, why: str) -> None:
    text = f"import pytest\n@pytest.mark.upstream_fault({marker})\ndef test_it(provider): pass\n"
    done = run_pytest(tmp_path, text)
    assert why in done.stdout
    assert done.returncode == 1
