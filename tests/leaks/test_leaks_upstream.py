"""A thousand upstreams, made and closed one after another in one process, leave nothing behind."""

from __future__ import annotations

import pytest

from tests.transport.own_process import run_script

SCRIPT = """
    import socket, sys
    from penstock.testing import Upstream, on
    from tests.leaks.held import check_repeats

    is_tls, ends = sys.argv[1] == "tls", sys.argv[2]
    paced = on(path="/paced").sse([{"n": 1}], count=10**6, per_s=1000, stamped=True)
    rules = [on(path="/").answer(body="hello"), paced]

    def once():
        with Upstream(*rules, tls=is_tls) as upstream:
            port = int(upstream.base_url.rsplit(":", 1)[1])
            with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
                if is_tls:
                    client = context.wrap_socket(client, server_hostname="127.0.0.1")
                with client:
                    client.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
                    assert client.recv(100).startswith(b"HTTP/1.1 200 ")
                    if ends == "amid":
                        client.sendall(b"GET /paced HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
                        assert client.recv(1000)
                        client.sendall(b"POST / HTTP/1.1\\r\\nContent-Le")
                        upstream.close()
            assert [each.status for each in upstream.requests][:1] == [200]

    if is_tls:
        with Upstream() as upstream:
            context = upstream.trust.ssl_context()
    check_repeats(once, warm_n=50, repeats_n=1000, rss_each_bytes=200)
"""


@pytest.mark.parametrize("ends", ["idle", "amid"])
@pytest.mark.parametrize("tls", ["plain", "tls"])
def test_a_thousand_starts_and_stops(tls: str, ends: str) -> None:
    """Closed when its clients have left, or in the middle of an answer, with half a request behind it."""
    assert run_script(SCRIPT, tls, ends).startswith("ok")
