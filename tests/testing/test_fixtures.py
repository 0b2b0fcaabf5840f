"""The plugin's fixtures, used as a user does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

import penstock
from penstock.testing import NetworkGuard, Provider, Upstream, faults, on

ASKED: Any = [{"role": "user", "content": "?"}]


def test_an_upstream_without_a_script(upstream: Upstream) -> None:
    with penstock.Transport(tls=upstream.trust.tls()) as transport:
        assert transport.request_sync("GET", upstream.url()).status == 404
        upstream.script(on().answer(body="hello"))
        response = transport.request_sync("GET", upstream.url())
        assert (response.body, response.http_version) == (b"hello", "HTTP/2")


@pytest.mark.upstream_fault(faults.server_error(503), times=1)
def test_a_marked_fault_waits_for_the_script(upstream: Upstream) -> None:
    upstream.script(on().answer(body="hello"))
    with httpx.Client(verify=upstream.trust.ssl_context()) as client:
        assert [client.get(upstream.url()).status_code for _ in range(2)] == [503, 200]


def test_many_upstreams(upstream_factory: Callable[..., Upstream]) -> None:
    made = [upstream_factory(on().answer(200 + n), tls=False) for n in range(3)]
    assert [httpx.get(each.url()).status_code for each in made] == [200, 201, 202]


@pytest.mark.upstream_fault("rate_limit", retry_after_ms=1, times=1)
class TestMarkers:
    """A class's marker comes before a test's."""

    @pytest.mark.upstream_fault("server_error", times=1)
    def test_of_class_and_test_queue_up(self, provider: Provider) -> None:
        provider.openai_sync().chat.completions.create(model="m", messages=ASKED)
        assert [each.status for each in provider.requests] == [429, 500, 200]

    @pytest.mark.upstream_fault(faults.cut(after_events=2, how="fin"))
    def test_a_fault_for_ever_is_under_those_for_a_time(self, provider: Provider) -> None:
        client = provider.openai_sync()
        stream = client.chat.completions.create(model="m", messages=ASKED, stream=True)
        with pytest.raises(openai.APIConnectionError):
            list(stream)
        assert [each.status for each in provider.requests] == [429, 200]
        client.chat.completions.create(model="m", messages=ASKED)


def test_the_guard_lets_loopback_pass(no_network: NetworkGuard, provider: Provider) -> None:
    assert provider.openai_sync().models.list().data
    assert httpx.get(provider.url("/v1/models", tls=False)).status_code == 200
    assert no_network.attempts == []
