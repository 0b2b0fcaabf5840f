"""What callers send by mistake or on purpose: a typed 4xx in the caller's dialect, and nothing for the provider.

Each wrong body goes to both dialects' endpoints. Below HTTP (half a body, broken chunks, bytes in headers) raw sockets
speak. The fuzz finds what no table thought of; its provider always answers well, so a 5xx is the gateway's own.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from penstock.testing import Provider
from tests.gateway.running import MASTER, Running, config_of, deployment
from tests.waiting import eventually_sync

LIMIT_BYTES = 64 * 1024
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
ASKED = [{"role": "user", "content": "hi"}]
GOOD = {"model": "both", "messages": ASKED, "max_tokens": 9}
STATIC = "sk-a-key-for-one-model"


class Door:
    """A gateway with one provider that speaks both dialects, and a client that keeps its connection."""

    def __init__(self, stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.provider = stack.enter_context(Provider("All is well."))
        openai, anthropic = self.provider.base_url, self.provider.anthropic_url
        config = config_of(
            deployment("chat", "openai/a", openai),
            deployment("messages", "anthropic/a", anthropic),
            deployment("both", "openai/a", openai),
            deployment("both", "anthropic/a", anthropic),
            penstock_settings={
                "max_request_bytes": LIMIT_BYTES,
                "keys": [{"name": "narrow", "key": STATIC, "models": ["chat"]}],
            },
        )
        env = self.provider.trust.env()
        self.gateway = stack.enter_context(Running(config, tmp_path_factory.mktemp("bad"), env=env))
        self.client = stack.enter_context(self.gateway.client())

    def asked_n(self) -> int:
        """Requests that the provider got."""
        return self.provider.stats().requests

    def raw(self, head: bytes, body: bytes = b"", *, path: str = CHAT, is_ended: bool = False) -> bytes:
        """What comes back for these bytes, up to the end of the connection."""
        key = f"authorization: Bearer {MASTER}\r\n".encode()
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=30) as sock:
            sock.sendall(f"POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n".encode() + key + head + b"\r\n")
            got = b""
            try:
                sock.sendall(body)
                if is_ended:
                    sock.shutdown(socket.SHUT_WR)
                while piece := sock.recv(65536):
                    got += piece
            except ConnectionError:  # the server closed while we were still sending
                pass
            return got


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with ExitStack() as stack:
        yield Door(stack, tmp_path_factory)


def check_error(response: httpx.Response, path: str, status: int, said: str = "") -> dict[str, Any]:
    """An error as the SDK of that path expects it; no stack trace."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    error: dict[str, Any] = body["error"]
    if path.startswith(MESSAGES):
        assert (body["type"], set(error)) == ("error", {"type", "message"})
        assert body["request_id"]
    else:
        assert set(body) == {"error"}
        assert set(error) == {"message", "type", "param", "code"}
    assert said in error["message"], error
    assert len(response.content) < 2048
    assert "Traceback" not in response.text
    assert ".py" not in response.text
    return error


def of(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


DEEP = b"[" * 20_000
# id: body, what is said of it
BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank": (b" \r\n\t ", "not valid JSON"),
    "word": (b"hello", "not valid JSON"),
    "form": (b"model=both&messages=hi", "not valid JSON"),
    "truncated": (of()[:-5], "not valid JSON"),
    "truncated-in-name": (b'{"mod', "not valid JSON"),
    "trailing": (of() + b"}", "not valid JSON"),
    "two": (of() + of(), "not valid JSON"),
    "trailing-comma": (b'{"model":"both",}', "not valid JSON"),
    "single-quotes": (b"{'model':'both'}", "not valid JSON"),
    "comment": (b'{"model":"both"/* a */}', "not valid JSON"),
    "array": (b"[" + of() + b"]", "JSON object"),
    "string": (b'"both"', "JSON object"),
    "number": (b"1", "JSON object"),
    "null": (b"null", "JSON object"),
    "deep": (b'{"model":"both","messages":' + DEEP + b"]" * 20_000 + b"}", "too deep"),
    "deep-and-open": (b'{"model":"both","messages":' + DEEP, ""),
    "bad-utf-8": (of().replace(b'"hi"', b'"\xff\xfe"'), "UTF-8"),
    "cut-utf-8": (of().replace(b'"hi"', b'"\xe2\x82"'), "UTF-8"),
    "lone-surrogate": (of().replace(b'"hi"', b'"\\ud800"'), "not valid JSON"),
    "utf-16": (of().decode().encode("utf-16"), ""),
    "bom": (b"\xef\xbb\xbf" + of(), "not valid JSON"),
    "nul": (b"\0", "not valid JSON"),
    "nul-behind": (of() + b"\0", "not valid JSON"),
    "nul-in-text": (of().replace(b'"hi"', b'"\0"'), "not valid JSON"),
    "nan": (of().replace(b"9", b"NaN"), "not valid JSON"),
    "leading-zero": (of().replace(b"9", b"09"), "not valid JSON"),
    "no-model": (b'{"messages":[]}', "model"),
    "model-null": (of(model=None), "model"),
    "model-empty": (of(model=""), "model"),
    "model-number": (of(model=3), "model"),
    "model-list": (of(model=["both"]), "model"),
    "model-twice": (b'{"model":"both","messages":[],"model":"both"}', "twice"),
    "messages-twice": (b'{"model":"both","messages":[],"messages":[1]}', "twice"),
    "stream-text": (of(stream="yes"), "stream"),
    "stream-number": (of(stream=1), "stream"),
    "stream-options-list": (of(stream=True, stream_options=[]), "stream_options"),
    "user-number": (of(user=5), "user"),
}


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body(door: Door, name: str, path: str) -> None:
    body, said = BODIES[name]
    body = body.replace(b'"both"', b'"messages"' if path == MESSAGES else b'"chat"')
    before_n = door.asked_n()
    response = door.client.post(path, content=body, headers={"content-type": "application/json"})
    error = check_error(response, path, 400, said)
    assert error["type"] == "invalid_request_error"
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-request-id"]
    assert door.asked_n() == before_n


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("model", ["unknown", "Both", "both ", "../both", "b\0th", "*", "模型", "m" * 500])
def test_an_unknown_model(door: Door, model: str, path: str) -> None:
    before_n = door.asked_n()
    error = check_error(door.client.post(path, content=of(model=model)), path, 404, "does not exist")
    assert error["type"] == ("not_found_error" if path == MESSAGES else "invalid_request_error")
    assert path == MESSAGES or (error["code"], error["param"]) == ("model_not_found", "model")
    assert door.asked_n() == before_n


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_name_of_a_model_that_is_none(door: Door, path: str) -> None:
    """Nobody gets a long text back, and none is kept in the journal."""
    check_error(door.client.post(path, content=of(model="m" * 50_000)), path, 400, "model")


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_too_large(door: Door, path: str) -> None:
    before_n = door.asked_n()
    large = of(messages=[{"role": "user", "content": "x" * LIMIT_BYTES}])
    error = check_error(door.client.post(path, content=large), path, 413, str(LIMIT_BYTES))
    assert error["type"] == ("request_too_large" if path == MESSAGES else "invalid_request_error")
    pieces = (large[at : at + 4096] for at in range(0, len(large), 4096))  # of no announced length
    check_error(door.client.post(path, content=pieces), path, 413)
    assert door.asked_n() == before_n


def test_too_large_is_said_before_it_is_sent(door: Door) -> None:
    """By its announced length: nobody uploads gigabytes to read 413."""
    assert door.raw(b"content-length: 9999999999\r\n", b"{").startswith(b"HTTP/1.1 413 ")


# -- keys --

NO_KEYS: dict[str, dict[str, str]] = {
    "none": {},
    "empty": {"authorization": ""},
    "bearer-alone": {"authorization": "Bearer"},
    "wrong": {"authorization": "Bearer sk-wrong"},
    "wrong-anthropic": {"x-api-key": "sk-wrong"},
    "wrong-azure": {"api-key": "sk-wrong"},
    "basic": {"authorization": "Basic c2stbWFzdGVy"},
    "prefix": {"authorization": f"Bearer {MASTER[:-1]}"},
    "longer": {"authorization": f"Bearer {MASTER}x"},
    "twice": {"authorization": f"Bearer Bearer {MASTER}"},
    "other-case": {"authorization": f"Bearer {MASTER.upper()}"},
    "long": {"authorization": f"Bearer {'s' * 8000}"},
    "elsewhere": {"x-goog-api-key": MASTER},
}


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("name", NO_KEYS)
def test_a_bad_key(door: Door, name: str, path: str) -> None:
    before_n = door.asked_n()
    response = httpx.post(door.gateway.url + path, content=of(), headers=NO_KEYS[name], trust_env=False)
    error = check_error(response, path, 401)
    assert error["type"] == "authentication_error"
    assert path == MESSAGES or error["code"] == "invalid_api_key"
    assert door.asked_n() == before_n


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {MASTER}"},
        {"Authorization": f"bearer {MASTER}"},
        {"AUTHORIZATION": f"BEARER   {MASTER}"},
        {"authorization": MASTER},
        {"x-api-key": MASTER},
        {"X-API-Key": MASTER},
        {"api-key": MASTER},
        {"x-litellm-api-key": MASTER},
        {"x-litellm-api-key": f"Bearer {MASTER}"},
        {"authorization": "", "x-api-key": MASTER},
    ],
    ids=lambda headers: "-".join(f"{name}={value.replace(MASTER, 'KEY')}" for name, value in headers.items()),
)
def test_every_spelling_of_a_key(door: Door, headers: dict[str, str], path: str) -> None:
    response = httpx.post(door.gateway.url + path, content=of(), headers=headers, trust_env=False)
    assert response.status_code == 200, response.text
    asked = door.provider.requests[-1]
    assert MASTER not in str(asked.headers), "the caller's key stays here"


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_key_that_may_not(door: Door, path: str) -> None:
    headers = {"authorization": f"Bearer {STATIC}"}
    before_n = door.asked_n()
    error = check_error(door.client.post(path, content=of(), headers=headers), path, 403, "may not use")
    assert error["type"] == "permission_error"
    assert door.asked_n() == before_n
    assert [each["id"] for each in door.client.get("/v1/models", headers=headers).json()["data"]] == ["chat"]


# -- paths and methods --


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v2/chat/completions", "/v1/chat/completions/x", "/v1/%ff", "/v1", "/%00"]
)
def test_an_unknown_path(door: Door, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        error = check_error(door.client.request(method, path, content=b"{}"), path, 404, "not served here")
        assert error["code"] is None, "no model is meant"


@pytest.mark.parametrize("path", [CHAT, MESSAGES, "/v1/messages/count_tokens", "/v1/embeddings", "/embeddings"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_wrong_method(door: Door, method: str, path: str) -> None:
    response = door.client.request(method, path, content=of() if method != "GET" else None)
    check_error(response, path, 405, "POST")
    assert response.headers["allow"] == "POST"


def test_an_unknown_path_in_anthropics_dialect(door: Door) -> None:
    response = door.client.get("/v1/nothing", headers={"anthropic-version": "2023-06-01"})
    assert check_error(response, MESSAGES, 404)["type"] == "not_found_error"


# -- below HTTP, and in headers --


def test_half_a_body(door: Door) -> None:
    """The caller leaves in the middle: nobody is asked, and nothing fails inside of the gateway."""
    before_n = door.asked_n()
    got = door.raw(b"content-length: 100\r\n", of()[:20], is_ended=True)
    assert got.startswith(b"HTTP/1.1 400 "), got
    got = door.raw(b"transfer-encoding: chunked\r\n", b"14\r\n" + of()[:20] + b"\r\n", is_ended=True)
    assert b" 500 " not in got, got
    eventually_sync(lambda: door.gateway.ready()["in_flight"] == 0)
    assert door.asked_n() == before_n
    assert "Traceback" not in door.gateway.log()


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: -1\r\n",
        b"content-length: x\r\n",
        b"content-length: 2\r\ncontent-length: 3\r\n",
        b"transfer-encoding: chunked, gzip\r\n",
        b"no colon\r\n",
        b"na me: a\r\n",
    ],
)
def test_a_broken_head(door: Door, head: bytes) -> None:
    """The server's own 400, before anything of the gateway runs."""
    assert door.raw(head, b"{}").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}zz0\r\n\r\n", b"ffffffffffffffffff\r\n{}"])
def test_broken_chunks(door: Door, chunks: bytes) -> None:
    before_n = door.asked_n()
    got = door.raw(b"transfer-encoding: chunked\r\n", chunks)
    assert got.startswith(b"HTTP/1.1 400 "), got
    assert door.asked_n() == before_n


@pytest.mark.parametrize("name", [b"traceparent", b"x-request-id", b"x-litellm-tags", b"anthropic-beta", b"user-agent"])
@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xc3\xa4", b",,, ,", b"%s" % (b"x" * 4000)], ids=repr)
def test_any_bytes_in_headers(door: Door, name: bytes, value: bytes) -> None:
    body = of()
    got = door.raw(name + b": " + value + b"\r\ncontent-length: %d\r\n" % len(body), body)
    assert got.startswith(b"HTTP/1.1 200 "), got


@pytest.mark.parametrize("value", ["-1", "x", "²", "٣", "1.5", "9" * 5000])
def test_any_retry_count(door: Door, value: str) -> None:
    headers = {"x-stainless-retry-count": value.encode()}
    assert door.client.post(CHAT, content=of(), headers=headers).status_code == 200


# -- what only the provider, or a translation, can judge --


@pytest.mark.parametrize("path, model", [(CHAT, "messages"), (MESSAGES, "chat")])
@pytest.mark.parametrize(
    "fields",
    [
        {"messages": None},
        {"messages": "hi"},
        {"messages": [3]},
        {"messages": [{"content": "hi"}]},
        {"messages": [{"role": 3, "content": "hi"}]},
        {"messages": [{"role": "user", "content": 3}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "user", "content": [["hi"]]}]},
        {"tools": "all"},
        {"reasoning_effort": []},
        {"output_config": {"effort": {}}, "messages": 5},
        {"tools": [{"type": "function"}]},
    ],
    ids=lambda fields: json.dumps(fields),
)
def test_what_cannot_be_translated(door: Door, path: str, model: str, fields: dict[str, Any]) -> None:
    before_n = door.asked_n()
    body = {name: value for name, value in {**GOOD, "model": model, **fields}.items() if value is not None}
    check_error(door.client.post(path, json=body), path, 400)
    assert door.asked_n() == before_n


@pytest.mark.parametrize("path, model", [(CHAT, "chat"), (MESSAGES, "messages")])
@pytest.mark.parametrize("fields", [{"max_tokens": -1}, {"temperature": "hot"}, {"messages": 5}, {"unknown": [1]}])
def test_what_the_provider_judges(door: Door, path: str, model: str, fields: dict[str, Any]) -> None:
    """In the provider's own dialect bytes pass: it knows its parameters best, and this one takes everything."""
    body = {**GOOD, "model": model, **fields}
    assert door.client.post(path, json=body).status_code == 200
    assert door.provider.requests[-1].json() == {**body, "model": "a"}
