"""expect() finds requests, and its message says what was wanted, what came, and the nearest miss."""

from __future__ import annotations

import pytest

from penstock.testing import MockTransport, on


@pytest.fixture
def mock() -> MockTransport:
    mock = MockTransport(on().answer())
    for number, body in enumerate((b'{"model": "a", "n": [1, 2]}', b'{"model": "b"}', b"no json")):
        mock.request_sync("POST", f"http://x/v1/chat?page={number}", headers={"X-Id": str(number)}, content=body)
    mock.request_sync("GET", "http://x/v1/models")
    return mock


def test_requests_are_found(mock: MockTransport) -> None:
    assert [each.number for each in mock.expect("POST")] == [0, 1, 2]
    assert [each.number for each in mock.expect("POST", "/v1/*", json={"/model": "b"}, times=1)] == [1]
    assert [each.number for each in mock.expect(header={"x-id": None})] == [0, 1, 2]
    assert [each.number for each in mock.expect(json={"/n": [1, 2]})] == [0]
    assert mock.expect("DELETE", times=0) == []


def test_the_message_tells_the_nearest_miss(mock: MockTransport) -> None:
    with pytest.raises(AssertionError) as caught:
        mock.expect("POST", "/v1/chat", json={"/model": "c"}, header={"x-id": "1"})
    assert str(caught.value).splitlines() == [
        'expected at least one request: POST /v1/chat x-id: 1 json /model = "c"',
        "matching: 0 of 4 that came",
        "  0: POST /v1/chat?page=0 (HTTP/1.1, connection 0, answered 200)",
        "  1: POST /v1/chat?page=1 (HTTP/1.1, connection 1, answered 200)",
        "  2: POST /v1/chat?page=2 (HTTP/1.1, connection 2, answered 200)",
        "  3: GET /v1/models (HTTP/1.1, connection 3, answered 200)",
        "nearest miss: request 1",
        '  json /model is "b", not "c"',
    ]


def test_the_message_tells_too_many(mock: MockTransport) -> None:
    with pytest.raises(AssertionError, match=r"expected 1 request: POST any path\nmatching: 3 of 4") as caught:
        mock.expect("POST", times=1)
    assert "nearest miss" not in str(caught.value)
    assert "<- matches" in str(caught.value)


def test_true_is_not_one(mock: MockTransport) -> None:
    mock.request_sync("PUT", "http://x/", content=b'{"stream": 1}')
    with pytest.raises(AssertionError, match="json /stream is 1, not true"):
        mock.expect("PUT", json={"/stream": True})
