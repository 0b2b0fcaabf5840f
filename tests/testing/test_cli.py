"""`penstock upstream` as a process: it says where it is, serves, and ends in order."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from penstock.__main__ import main

COMMAND = [sys.executable, "-m", "penstock", "upstream"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    trust = tmp_path / "ca.pem"
    (tmp_path / "script.toml").write_text('[[rule]]\npath = "/mine"\nreply = { body = "hello" }\n')
    options = ["--port", "0", "--tls-port", "0", "--trust-file", str(trust), "--preset", "openai", "--text", "one two"]
    command = [*COMMAND, *options, "--script", str(tmp_path / "script.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            use(process, trust)
        except BaseException:
            process.kill()
            raise
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "served 2 requests on 2 connections, 0 aborted, 0 unmatched, 0 malformed" in err


def use(process: subprocess.Popen[str], trust: Path) -> None:
    assert process.stdout is not None
    plain, secure, told = (process.stdout.readline().strip() for _ in range(3))
    assert told == f"trust {trust}"
    assert httpx.get(f"{plain}/mine").text == "hello"
    with httpx.Client(verify=ssl.create_default_context(cafile=str(trust))) as client:
        answer = client.post(f"{secure}/v1/chat/completions", json={"model": "m", "messages": []})
    assert answer.json()["choices"][0]["message"]["content"] == "one two"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "penstock upstream: give --script, --preset, or both"),
        (["--script", "gone.toml"], "penstock upstream: [Errno 2] No such file or directory: 'gone.toml'"),
        (["--preset", "openai", "--port", "65536"], "penstock upstream: port must be from 0 to 65535"),
        (["--preset", "openai", "--host", "here"], 'penstock upstream: host "here" is not an IP address'),
        (["--script", "script.txt"], "penstock upstream: script.txt: a script file ends in .toml, .yaml, .yml"),
    ],
)
def test_what_cannot_be_ends_with_a_sentence(capsys: pytest.CaptureFixture[str], options: list[str], why: str) -> None:
    assert main(["upstream", *options]) == 2
    assert capsys.readouterr().err.strip() == why


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("penstock ")


def test_what_runs_is_served_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "script.toml").write_text('[[rule]]\nreply = { sse = ["a"], count = 10, per_s = 50 }\n')
    command = [*COMMAND, "--script", str(tmp_path / "script.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with httpx.stream("GET", process.stdout.readline().strip()) as response:
                came = response.iter_raw()
                body = next(came)
                process.send_signal(signal.SIGTERM)
                body += b"".join(came)
        except BaseException:
            process.kill()
            raise
        _, err = process.communicate(timeout=30)
    assert body == b"data: a\n\n" * 10
    assert (process.returncode, "10 events" in err) == (0, True)
