"""A client that was open before its process forked: twenty children by each common way, and servers' workers.

The provider is the scripted upstream, over TLS and HTTP/2. Each child uses the client it inherited, blocking and on a
loop of its own; afterwards the parent's stream, begun before the forks, goes on to its end.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from penstock.testing import Upstream, on
from tests.transport.own_process import run_script
from tests.waiting import eventually_sync

CHILDREN_N = 20
EVENTS_N = 40
END_S = 60

CLIENT = """
import asyncio, multiprocessing, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of every fork beside threads
import httpx2
from penstock import TLS
from penstock.adapters.httpx2 import AsyncTransport, SyncTransport

URL, CA = os.environ["UPSTREAM_URL"], os.environ["UPSTREAM_CA"]
client = httpx2.Client(transport=SyncTransport(tls=TLS(ca_file=CA)))
aclient = httpx2.AsyncClient(transport=AsyncTransport(tls=TLS(ca_file=CA)))

def ask():
    answer = client.get(URL + "/hello")
    assert (answer.text, answer.http_version) == ("hello", "HTTP/2")

async def ask_on_a_loop():
    answer = await aclient.get(URL + "/hello")
    assert (answer.text, answer.http_version) == ("hello", "HTTP/2")

def work(_=None):
    ask()
    asyncio.run(ask_on_a_loop())
    ask()
    return os.getpid()
"""

PARENT = """
def main(fork_children):
    work()
    with client.stream("GET", URL + "/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "data: 0"
        fork_children()
        assert sum(line.startswith("data: ") for line in lines) == EVENTS_N - 1
    work()
"""

PLAIN_FORK = """
def fork_children():
    pids = []
    for _ in range(CHILDREN_N):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work()
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * CHILDREN_N

main(fork_children)
"""

MULTIPROCESSING = """
def fork_children():
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work) for _ in range(CHILDREN_N)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * CHILDREN_N

main(fork_children)
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    # The stream ends long after its reader asked for the next event, so it is open during the forks.
    rules = [
        on("GET", "/hello").answer(body="hello"),
        on("GET", "/events").sse([str(n) for n in range(EVENTS_N)], per_s=200),
    ]
    with Upstream(rules, tls=True) as server:
        yield server


def environment(upstream: Upstream) -> dict[str, str]:
    path = os.pathsep.join(filter(None, sys.path))
    ours = {
        "UPSTREAM_URL": upstream.url("").rstrip("/"),
        "UPSTREAM_CA": str(upstream.trust.ca_file),
        "PYTHONPATH": path,
    }
    return {**os.environ, **ours}


@pytest.mark.parametrize("way", [PLAIN_FORK, MULTIPROCESSING], ids=["os.fork", "multiprocessing"])
def test_twenty_children_of_an_open_client(way: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(upstream).items():
        monkeypatch.setenv(name, value)
    numbers = f"CHILDREN_N, EVENTS_N = {CHILDREN_N}, {EVENTS_N}\n"
    run_script(numbers + CLIENT + PARENT + way)


APP = """
ask()  # before the workers are forked, or in each that imports this

def wsgi(environ, start_response):
    pid = str(work()).encode()
    start_response("200 OK", [("content-length", str(len(pid)))])
    return [pid]

async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    await ask_on_a_loop()
    pid = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(pid))]})
    await send({"type": "http.response.body", "body": pid})
"""

GUNICORN = """
import pathlib

def post_worker_init(worker):
    import app
    app.work()
    pathlib.Path("ready", str(worker.pid)).touch()
"""


def serve(command: list[str], upstream: Upstream, folder: Path) -> subprocess.Popen[bytes]:
    """The server, in `folder`, where APP is the module `app`."""
    (folder / "app.py").write_text(textwrap.dedent(CLIENT + APP))
    return subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=environment(upstream))


def is_listening(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(address)) == 0


def pid_by(address: Path) -> int:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(address)), timeout=END_S) as client:
        return int(client.get("http://localhost/").raise_for_status().text)


def test_gunicorn_with_preload(upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(GUNICORN)
    (tmp_path / "ready").mkdir()
    address = tmp_path / "socket"
    options = ["--preload", "--workers", str(CHILDREN_N), "--bind", f"unix:{address}", "--log-level", "warning"]
    server = serve(["gunicorn", *options, "app:wsgi"], upstream, tmp_path)
    try:
        eventually_sync(lambda: len(os.listdir(tmp_path / "ready")) == CHILDREN_N, "all workers ready", END_S)
        workers = {int(name) for name in os.listdir(tmp_path / "ready")}
        assert {pid_by(address) for _ in range(CHILDREN_N)} <= workers
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(END_S) == 0


@pytest.mark.parametrize("name", ["uvicorn", "granian"])
def test_asgi_servers_with_workers(name: str, upstream: Upstream, tmp_path: Path) -> None:
    address = tmp_path / "socket"
    place = ["--uds", str(address)] if name == "uvicorn" else ["--interface", "asgi", "--uds", str(address)]
    server = serve([name, *place, "--workers", "2", "--log-level", "warning", "app:asgi"], upstream, tmp_path)
    try:
        eventually_sync(lambda: server.poll() is not None or is_listening(address), "the server listens", END_S)
        assert all(pid_by(address) != server.pid for _ in range(CHILDREN_N))
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(END_S) in (0, -signal.SIGTERM)
