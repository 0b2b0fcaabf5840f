"""The scripted peer itself, against the standard library's client: a tool that lies makes every test lie."""

from __future__ import annotations

import http.client
import socket
import threading
from pathlib import Path

import pytest

from tests.transport.certs import Authority
from tests.transport.raw_peer import (
    Close,
    Forever,
    RawPeer,
    ReadBody,
    ReadHead,
    Reset,
    Send,
    Tell,
    Wait,
    answer,
    chunked,
)


def test_it_answers_and_remembers() -> None:
    with RawPeer([Forever([ReadHead(), ReadBody(), answer(b"hello", b"X-A: 1")])]) as peer:
        client = http.client.HTTPConnection("127.0.0.1", peer.port)
        for body in (b"one", b"two"):
            client.request("POST", "/x", body=body)
            response = client.getresponse()
            assert (response.status, response.read(), response.headers["X-A"]) == (200, b"hello", "1")
        client.close()
        peer.wait_for(lambda: peer.seen[0].end == "eof")
    assert [(each.method, each.target, each.body) for each in peer.requests] == [
        (b"POST", b"/x", b"one"),
        (b"POST", b"/x", b"two"),
    ]
    assert peer.requests[0].header(b"content-length") == b"3"


def test_it_reads_chunks() -> None:
    with RawPeer([ReadHead(), ReadBody(), answer(b"")]) as peer:
        client = http.client.HTTPConnection("127.0.0.1", peer.port)
        client.request(
            "POST", "/", body=iter([b"ab", b"c"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
        )
        assert client.getresponse().read() == b""
        client.close()
    assert (peer.requests[0].body, peer.requests[0].body_raw) == (b"abc", b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


def test_each_connection_has_its_script() -> None:
    with RawPeer([Close()], [ReadHead(), Send(b"HTTP/1.1 200 OK\r\n\r\n" + chunked(b"x"), piece=3), Close()]) as peer:
        with socket.create_connection(("127.0.0.1", peer.port)) as first:
            assert first.recv(10) == b""
        with socket.create_connection(("127.0.0.1", peer.port)) as second:
            second.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert second.makefile("rb").read().endswith(b"1\r\nx\r\n0\r\n\r\n")
    assert [seen.end for seen in peer.seen] == ["closed", "closed"]


def test_it_waits_tells_and_resets() -> None:
    there, go = threading.Event(), threading.Event()
    with (
        RawPeer([ReadHead(), Tell(there), Wait(go), Reset()]) as peer,
        socket.create_connection(("127.0.0.1", peer.port)) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert there.wait(10)
        go.set()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_it_speaks_tls_and_tells_of_a_failed_handshake(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.issue().server_context()
    with RawPeer([ReadHead(), answer(b"safe")], tls=tls) as peer:
        client = http.client.HTTPSConnection("localhost", peer.port, context=authority.client_context())
        client.request("GET", "/")
        assert client.getresponse().read() == b"safe"
        client.close()
        with socket.create_connection(("127.0.0.1", peer.port)) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            peer.wait_for(lambda: len(peer.seen) == 2 and peer.seen[1].end != "")
    assert peer.seen[0].handshake == "done"
    assert "HTTP_REQUEST" in peer.seen[1].handshake.upper().replace(" ", "_")


def test_a_script_that_goes_wrong_is_told() -> None:
    class Broken(Close):
        def run(self, link: object) -> None:
            raise LookupError("in the script")

    with pytest.raises(LookupError, match="in the script"), RawPeer([Broken()]) as peer:
        with socket.create_connection(("127.0.0.1", peer.port)) as client:
            assert client.recv(1) == b""
        peer.wait_for(lambda: peer.seen[0].end == "broken")
