"""TLS against real handshakes: whom we trust, what we say when we do not, client certificates, how a body may end."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from penstock import TLS, Transport, errors
from tests.transport.certs import Authority
from tests.transport.raw_peer import Close, Forever, RawPeer, ReadBody, ReadHead, Send, answer

SERVE = [Forever([ReadHead(), ReadBody(), answer(b"ok")])]


async def ask(tls: TLS, peer: RawPeer, **kwargs: str) -> bytes:
    async with Transport(tls=tls) as transport:
        return (await transport.request("GET", peer.url(), **kwargs)).body


async def test_an_unknown_authority_is_refused_by_name(authority: Authority) -> None:
    with RawPeer(SERVE, tls=authority.issue().server_context()) as peer:
        with pytest.raises(errors.CertificateError) as caught:
            await ask(TLS(), peer)
        assert caught.value.phase == "tls"
        assert "localhost" in str(caught.value)
        assert not caught.value.maybe_processed
        assert peer.requests == []
        assert await ask(TLS(verify=False), peer) == b"ok"
        assert await ask(TLS(ca_file=authority.ca_file), peer) == b"ok"
        assert await ask(TLS(ca_pem=authority.ca_file.read_bytes()), peer) == b"ok"


@pytest.mark.parametrize(
    "names, expired", [(["other.example"], False), (["127.0.0.1"], False), (["localhost"], True)], ids=str
)
async def test_wrong_name_and_expiry_are_refused(authority: Authority, names: list[str], expired: bool) -> None:
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    issued = authority.issue(names, not_after=yesterday if expired else None)
    with RawPeer(SERVE, tls=issued.server_context()) as peer:
        with pytest.raises(errors.CertificateError):
            await ask(TLS(ca_file=authority.ca_file), peer)
        assert peer.requests == []


async def test_an_ip_address_is_checked_as_one(authority: Authority) -> None:
    with RawPeer(SERVE, tls=authority.issue(["127.0.0.1"]).server_context()) as peer:
        async with Transport(tls=TLS(ca_file=authority.ca_file)) as transport:
            assert (await transport.request("GET", f"https://127.0.0.1:{peer.port}/")).body == b"ok"


async def test_server_name_is_asked_for_and_verified(authority: Authority) -> None:
    context = authority.issue(["api.example"]).server_context()
    asked: list[str | None] = []
    context.sni_callback = lambda sock, name, ctx: asked.append(name)
    tls = TLS(ca_file=authority.ca_file)
    with RawPeer(SERVE, tls=context) as peer:
        assert await ask(tls, peer, server_name="api.example") == b"ok"
        with pytest.raises(errors.CertificateError):
            await ask(tls, peer)
    assert asked == ["api.example", "localhost"]


async def test_client_certificates(authority: Authority) -> None:
    context = authority.issue().server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.ca_file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # there a missing certificate fails the handshake itself
    mine = authority.issue(["client.example"], client=True)
    with RawPeer(SERVE, tls=context) as peer:
        with_cert = TLS(ca_file=authority.ca_file, cert_file=mine.cert_file, key_file=mine.key_file)
        assert await ask(with_cert, peer) == b"ok"
        with pytest.raises(errors.TLSError):
            await ask(TLS(ca_file=authority.ca_file), peer)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_versions_can_be_bounded(authority: Authority, version: str) -> None:
    tls = TLS(ca_file=authority.ca_file, min_version=version, max_version=version)
    with RawPeer(SERVE, tls=authority.issue().server_context()) as peer:
        async with Transport(tls=tls) as transport:
            response = await transport.request("GET", peer.url())
            assert response.timings.tls_version == f"TLSv{version}"
            assert response.timings.tls_s is not None


async def test_an_old_server_is_refused(authority: Authority) -> None:
    context = authority.issue().server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with RawPeer(SERVE, tls=context) as peer:
        with pytest.raises(errors.TLSError) as caught:
            await ask(TLS(ca_file=authority.ca_file, max_version="1.2"), peer)
        assert not isinstance(caught.value, errors.CertificateError)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_sessions_are_resumed(authority: Authority, version: ssl.TLSVersion) -> None:
    context = authority.issue().server_context()
    context.minimum_version = context.maximum_version = version
    once = [ReadHead(), answer(b"ok", b"Connection: close"), Close()]
    with RawPeer(once, tls=context) as peer:
        async with Transport(tls=TLS(ca_file=authority.ca_file)) as transport:
            for _ in range(3):
                assert (await transport.request("GET", peer.url())).body == b"ok"
        assert len(peer.seen) == 3
    stats = context.session_stats()
    assert stats["hits"] >= 1, stats


async def test_plain_text_where_tls_should_be(authority: Authority) -> None:
    with RawPeer([Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Close()]) as peer:
        async with Transport() as transport:
            with pytest.raises(errors.TLSError):
                await transport.request("GET", f"https://localhost:{peer.port}/")


UNTIL_CLOSE = Send(b"HTTP/1.1 200 OK\r\n\r\nall of it")


async def test_a_body_until_close_needs_close_notify(authority: Authority) -> None:
    context = authority.issue().server_context()
    tls = TLS(ca_file=authority.ca_file)
    with RawPeer([ReadHead(), UNTIL_CLOSE, Close()], tls=context) as peer:
        assert await ask(tls, peer) == b"all of it"
    with RawPeer([ReadHead(), UNTIL_CLOSE, Close(gracefully=False)], tls=context) as peer:
        with pytest.raises(errors.TruncatedResponse):
            await ask(tls, peer)


async def test_the_key_log_is_written_when_asked(authority: Authority, tmp_path: Path) -> None:
    log = tmp_path / "keys"
    with RawPeer(SERVE, tls=authority.issue().server_context()) as peer:
        assert await ask(TLS(ca_file=authority.ca_file), peer) == b"ok"
        assert not log.exists()
        assert await ask(TLS(ca_file=authority.ca_file, keylog_file=log), peer) == b"ok"
    assert b"CLIENT_TRAFFIC_SECRET_0" in log.read_bytes()
    assert log.stat().st_mode & 0o077 == 0
