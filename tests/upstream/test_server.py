"""penstock._upstream driven directly: the thread, the script it compiles, what it saw, how it ends."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import TLS, Transport, _upstream
from penstock._upstream import Server
from tests.transport.certs import Authority

HELLO: list[tuple[Any, ...]] = [("head", 200, [(b"content-type", b"text/plain")], 5), ("body", b"hello")]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def ask(port: int, method: str = "GET", target: str = "/", body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, target, body)
    response = connection.getresponse()
    told = response.status, response.read()
    connection.close()
    return told


def answer(*steps: tuple[Any, ...], **rule: Any) -> dict[str, Any]:
    return {"match": {}, "programs": [list(steps)], **rule}


def test_answers_by_rules_and_records(server: Server) -> None:
    port = server.listen({})
    server.set_script(
        [
            {"match": {"path": b"/v1/*", "method": b"POST", "json": [(b"/model", b'"m"')]}, "programs": [HELLO]},
            {"match": {"headers": [(b"host", None)], "attempt": 2}, "programs": [[("head", 503, [], 0)]]},
        ]
    )
    assert ask(port, "POST", "/v1/x?y", b'{"model": "m"}') == (200, b"hello")
    assert ask(port) == (404, b"no rule for GET /\n")
    assert ask(port) == (503, b"")
    assert server.wait(3, 20.0)
    assert server.wait_done(2, 20.0)
    assert not server.wait(4, 0.0)
    first, second, third = server.records()
    assert (first["method"], first["target"], first["protocol"]) == (b"POST", b"/v1/x?y", b"HTTP/1.1")
    assert (first["body"], first["body_bytes"], first["rule"], first["attempt"]) == (b'{"model": "m"}', 14, 0, 1)
    assert first["arrived_ns"] <= first["body_ns"] <= first["answered_ns"] <= first["done_ns"]
    assert (second["rule"], third["rule"], third["attempt"], third["number"]) == (-1, 1, 2, 2)
    assert [each["number"] for each in server.records(2)] == [2]
    assert server.stats()["unmatched"] == 1
    server.clear()
    assert server.records() == []
    assert ask(port)[0] == 404
    assert [each["number"] for each in server.records()] == [0]


def test_stamps_count_and_tell_the_time(server: Server) -> None:
    piece = b"data: " + b"." * 20 + b" " + b"." * 20 + b"\n\n"
    server.set_script(
        [answer(("head", 200, [], -1), ("events", [piece], 50, 1000.0, 0.3, 7, [(0, 6, "seq"), (0, 27, "ns")]))]
    )
    _, body = ask(server.listen({}))
    events = [line.split() for line in body.split(b"\n\n") if line]
    assert [int(each[1]) for each in events] == list(range(50))
    sent_ns = [int(each[2]) for each in events]
    assert sent_ns == sorted(sent_ns)
    assert sent_ns[-1] - sent_ns[0] >= 48_000_000  # 49 periods, less the jitter of both ends
    assert server.records()[0]["sent_events"] == server.stats()["events"] == 50


async def test_http2_over_tls(server: Server, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue()
    port = server.listen({"cert_file": str(issued.cert_file), "key_file": str(issued.key_file)})
    server.set_script([answer(*HELLO)])
    async with Transport(tls=TLS(ca_file=authority.ca_file)) as transport:
        response = await transport.request("GET", f"https://127.0.0.1:{port}/")
    assert (response.status, response.body) == (200, b"hello")
    (record,) = server.records()
    assert (record["protocol"], record["is_tls"], record["stream"], record["port"]) == (b"HTTP/2", True, 1, port)
    assert (b":scheme", b"https") in record["headers"]


def test_connections_can_be_refused_reset_and_limited(server: Server) -> None:
    server.set_script([answer(("head", 200, [], -1), ("stall",))])
    port = server.listen({"max_connections": 1})
    with socket.create_connection(("127.0.0.1", port), 20) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.wait(1, 20.0)
        with pytest.raises(ConnectionResetError):  # by connect() already, if the reset comes so soon
            with socket.create_connection(("127.0.0.1", port), 20) as two:
                two.recv(1)
        server.close_port(port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 20)
        server.drop_connections()
    assert server.wait_done(0, 20.0)
    assert server.records()[0]["aborted_ns"] > 0
    with pytest.raises(ValueError, match="does not listen"):
        server.close_port(port)


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ([{"match": {}}], "programs"),
        ([{"match": {}, "programs": []}], "no program"),
        ([{"match": {"colour": 1}, "programs": [[]]}], "colour"),
        ([{"match": {"json": [(b"/a", b"1")]}, "early": True, "programs": [[]]}], "early"),
        ([{"match": {"json": [(b"a", b"1")]}, "programs": [[]]}], "JSON pointer"),
        ([{"match": {"json": [(b"/a", b"[]")]}, "programs": [[]]}], "scalar"),
        ([answer(("sing",))], "'sing' is no step"),
        ([answer(("head", 99, [], 0))], "status 99"),
        ([answer(("head", 200, [], -4))], "-4"),
        ([answer(("head", 200, []))], "3 items, wanted 4"),
        ([answer(("cut", "politely"))], "politely"),
        ([answer(("events", [], 1, 0.0, 0.0, 0, []))], "no pieces"),
        ([answer(("events", [b""], 1, 0.0, 0.0, 0, []))], "empty"),
        ([answer(("events", [b"x" * 19], 1, 0.0, 0.0, 0, [(0, 0, "ns")]))], "no room"),
        ([answer(("events", [b"x"], 1, -1.0, 0.0, 0, []))], "per_s"),
        ([answer(("settings", ((4, 1 << 31),)))], "raw"),
        ([answer(("delay", 1 << 70))], "delay"),
    ],
)
def test_says_what_cannot_be(server: Server, rules: list[Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        server.set_script(rules)


@pytest.mark.parametrize("rules", [3, [3], [answer(3)], [answer(("body", "text"))], [answer(("delay", "1"))]])
def test_says_what_has_the_wrong_type(server: Server, rules: Any) -> None:
    with pytest.raises(TypeError):
        server.set_script(rules)


def test_says_why_it_cannot_listen(server: Server, tmp_path: Path) -> None:
    port = server.listen({})
    with pytest.raises(OSError, match="address already in use"):
        server.listen({"port": port})
    with pytest.raises(ValueError, match="IP address"):
        server.listen({"host": "example.org"})
    with pytest.raises(ValueError, match="nowhere"):
        server.listen({"cert_file": str(tmp_path / "nowhere")})
    with pytest.raises(ValueError, match="colour"):
        server.listen({"colour": 1})  # type: ignore[typeddict-unknown-key]


def test_waits_without_the_gil(server: Server) -> None:
    told: list[bool] = []
    waiter = threading.Thread(target=lambda: told.append(server.wait(1, 30.0)))
    waiter.start()
    ask(server.listen({}))
    waiter.join(30.0)
    assert told == [True]


def test_a_closed_server_still_tells_what_it_saw() -> None:
    server = Server(record_limit=1)
    port = server.listen({})
    ask(port)
    ask(port)
    server.close()
    server.close()
    assert len(server.records()) == 1
    assert server.stats()["requests"] == 2
    assert not server.wait(3, 60.0)
    with pytest.raises(ValueError, match="not kept"):
        server.wait_done(1, 1.0)
    with pytest.raises(ValueError, match="closed"):
        server.listen({})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_leaves_the_server_to_the_parent(server: Server) -> None:
    port = server.listen({})
    child = os.fork()
    if child == 0:
        refused_n = 0
        for call in (server.records, server.stats, server.clear, lambda: server.listen({})):
            try:
                call()
            except ValueError:
                refused_n += 1
        server.close()
        os._exit(refused_n)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
    assert ask(port)[0] == 404


@pytest.mark.skipif(sys.platform != "linux", reason="nm -D of ELF")
def test_exports_nothing_but_its_init() -> None:
    assert _upstream.__file__ is not None
    told = subprocess.run(
        ["nm", "-D", "--defined-only", _upstream.__file__], capture_output=True, text=True, check=True
    )
    assert [line.split()[-1] for line in told.stdout.splitlines()] == ["PyInit__upstream"]
