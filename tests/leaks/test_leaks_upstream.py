"""A thousand upstreams, made and closed one after another in one process, leave nothing behind."""

from __future__ import annotations

import pytest

from tests.transport.own_process import run_script

SCRIPT = """
    import socket, sys
    from penstock.testing import Upstream, on
    from tests.leaks.held import check_repeats

    is_tls, ends = sys.argv[1] == "tls", sys.argv[2]
    hello = on(path="/").answer(body="hello")
    paced = on(path="/paced").sse([{"n": 1}], count=10**6, per_s=1000, stamped=True)
    endless = on(path="/endless").sse(["x"], count=1 << 40)

    def talk(upstream):
        address = "127.0.0.1", int(upstream.base_url.rsplit(":", 1)[1])
        with socket.create_connection(address, timeout=60) as client:
            if is_tls:
                client = context.wrap_socket(client, server_hostname="127.0.0.1")
            with client:
                client.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200 ")
                if ends == "idle":
                    return
                path = b"/paced" if ends == "amid" else b"/endless"
                client.sendall(b"GET " + path + b" HTTP/1.1\\r\\nHost: a\\r\\n\\r\\nPOST / HTTP/1.1\\r\\nContent-Le")
                assert client.recv(1)
                if ends == "amid":
                    upstream.close()

    def once():
        upstream = Upstream(hello, paced, endless, tls=is_tls)
        talk(upstream)
        assert upstream.requests[0].status == 200
        if ends != "dropped":
            upstream.close()

    if is_tls:
        with Upstream() as first:
            context = first.trust.ssl_context()
    check_repeats(once, warm_n=50, repeats_n=1000, rss_each_bytes=200)
"""


@pytest.mark.parametrize("ends", ["idle", "amid", "dropped"])
@pytest.mark.parametrize("tls", ["plain", "tls"])
def test_a_thousand_starts_and_stops(tls: str, ends: str) -> None:
    """Closed when its clients have left; closed in the middle of an answer, with half a request behind it; or not
    closed, only forgotten, by a client that has read little of an endless answer."""
    assert run_script(SCRIPT, tls, ends).startswith("ok")
