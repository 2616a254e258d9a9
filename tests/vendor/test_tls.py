"""Certificates that a vendor must not have. Nothing of an ask leaves before the certificate was found good."""

import asyncio
import datetime as dt
import re
import ssl
from collections.abc import Iterator

import click
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from batchverify.cli.main import cli
from batchverify.errors import InDoubt, NotSent
from batchverify.model import Secret
from batchverify.settings import Settings
from batchverify.vendor.client import Client
from batchverify.vendor.products import parse_endpoint
from batchverify.vendor.wire import tls_context
from tests.builders import a_row
from tests.faults import Danger, proves
from tests.threats import guards

BODY = b'{"status":"01","idCard":"11010119900101001X"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
DAY = dt.timedelta(days=1)


class Authority:
    """A certificate authority of one test, which the fixture makes the only one that this machine trusts."""

    def __init__(self, folder):
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        own = self._sign(self._name, self._key, -DAY, DAY, host=None)
        self.serial_number = own.serial_number
        self.file = folder / "authority.pem"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject, key, start, end, *, host):
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + start)
            .not_valid_after(now + end)
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if host is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        else:
            usage = x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self._key, hashes.SHA256())

    def stranger(self):
        """Return another authority, which nobody trusts."""
        folder = self.folder / "stranger"
        folder.mkdir()
        return Authority(folder)

    def server_context(self, host, *, start=-DAY, end=DAY):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._sign(subject, key, start, end, host=host)
        file = self.folder / "server.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture
def authority(tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    trust(monkeypatch, authority.file)
    return authority


def trust(monkeypatch, file):
    """Let Python say that this machine keeps its authorities in that file."""
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile=str(file), openssl_capath=str(file.parent / "none"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)


def answers(peer):
    while peer.read():
        peer.send(ANSWER)


def tells_what_it_saw(peer):
    """Answer a handshake as a port of plain HTTP does."""
    peer.wait_for_data()
    peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def ask(server, query, *, times=1, deadline_seconds=5.0):
    endpoint = parse_endpoint(f"https://localhost:{server.port}")
    async with Client(endpoint, Secret("test-appcode"), connections=2, deadline_seconds=deadline_seconds) as client:
        return [(await client.ask(query)).answer.status for _ in range(times)]


def test_a_good_certificate_is_asked_and_its_connection_kept(authority, listen, run, query):
    server = listen(answers, authority.server_context("localhost"))

    assert run(ask(server, query, times=3)) == ["01", "01", "01"]
    assert len(server.requests) == 3


@guards("environment", "certificates")
def test_an_authority_that_the_environment_names_is_not_trusted(authority, listen, run, *, query, monkeypatch):
    planted = authority.stranger()
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(planted.file))
    server = listen(answers, planted.server_context("localhost"))

    with pytest.raises(NotSent) as caught:
        run(ask(server, query))

    assert (caught.value.code, server.requests) == ("tls", [])
    # As a Python that looks into the environment would have it, so that this is a trap at all.
    trusting = ssl.create_default_context()
    assert planted.serial_number in {int(one["serialNumber"], 16) for one in trusting.get_ca_certs()}


def test_a_python_that_was_built_elsewhere_finds_the_systems_authorities(authority, listen, run, query, monkeypatch):
    trust(monkeypatch, authority.folder / "nowhere")
    monkeypatch.setattr("batchverify.vendor.wire._AUTHORITIES", (str(authority.folder / "nor here"), str(authority.file)))
    assert run(ask(listen(answers, authority.server_context("localhost")), query)) == ["01"]

    monkeypatch.setattr("batchverify.vendor.wire._AUTHORITIES", ())
    with pytest.raises(NotSent):
        run(ask(listen(answers, authority.server_context("localhost")), query))


BAD = {
    "expired": lambda authority: authority.server_context("localhost", start=-3 * DAY, end=-DAY),
    "not yet valid": lambda authority: authority.server_context("localhost", start=DAY, end=2 * DAY),
    "wrong host": lambda authority: authority.server_context("vendor.example"),
    "unknown authority": lambda authority: authority.stranger().server_context("localhost"),
    "plain port": lambda _: None,
}


@guards("certificates")
@pytest.mark.parametrize("how", BAD)
def test_a_server_that_cannot_prove_who_it_is_sees_nothing_of_an_ask(how, authority, listen, run, *, query, leaks_nothing):
    server = listen(tells_what_it_saw if how == "plain port" else answers, BAD[how](authority))

    with pytest.raises(NotSent) as caught:
        run(ask(server, query))

    assert caught.value.code == "tls"
    assert str(caught.value) == (
        "The ask was not sent to 'localhost'. Its certificate or its TLS could not be verified. "
        "Check this machine's clock and trusted certificates, and for a proxy in between. Nothing was billed."
    )
    assert server.requests == []
    leaks_nothing(caught.value)


@pytest.mark.parametrize("how", BAD)
@proves(Danger.TLS_EXPIRED, case="expired")
@proves(Danger.TLS_WRONG_HOST, case="wrong host")
@proves(Danger.TLS_SELF_SIGNED, case="unknown authority")
@proves(Danger.TLS_PLAIN_PORT, case="plain port")
def test_a_job_tries_a_server_that_cannot_prove_who_it_is_five_times_and_nothing_leaves_or_is_billed(
    how, authority, listen, desk
):
    server = listen(tells_what_it_saw if how == "plain port" else answers, BAD[how](authority))
    desk.endpoint = f"https://localhost:{server.port}"

    result = desk.verify([a_row()])

    assert (result.statuses, result.column("bv_code"), result.column("bv_billed")) == (["failed"], ["tls"], ["0"])
    assert (server.connections, server.requests) == (5, [])
    asks = result.json["asks"]
    assert (asks["sent"], asks["not_billed"]) == (5, 5)


@guards("certificates")
@proves(Danger.TLS_SELF_SIGNED)
def test_no_option_and_no_setting_looks_away_from_a_certificate():
    options = [option.name or "" for command in every_command(cli) for option in command.params]
    # The page has a certificate of its own to show.
    shown = {"tls_cert", "tls_key"}
    words = [word for word in [*options, *Settings.model_fields] if word not in shown]

    assert "endpoint" in words
    assert [word for word in words if re.search("insecure|tls|ssl|cert|trust|unverified|skip_verif", word)] == []


def every_command(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from every_command(command)


@guards("certificates")
def test_tls_older_than_1_2_is_not_spoken(authority, listen, run, query):
    context = authority.server_context("localhost")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = listen(answers, context)

    with pytest.raises(NotSent):
        run(ask(server, query))

    assert server.requests == []


@pytest.mark.parametrize("ending", ["close", "reset", "silence"])
def test_an_answer_that_breaks_off_under_tls_is_in_doubt(ending, authority, listen, run, *, query, leaks_nothing):
    def script(peer):
        peer.read()
        if ending == "silence":
            peer.wait_for_end()
        peer.send(ANSWER[:-1])
        if ending == "reset":
            peer.reset()

    server = listen(script, authority.server_context("localhost"))

    with pytest.raises(InDoubt) as caught:
        run(ask(server, query, deadline_seconds=0.3 if ending == "silence" else 5.0))

    # A reset may throw away what the kernel had not handed over yet.
    assert caught.value.code in {"close": {"truncated"}, "reset": {"truncated", "reset"}, "silence": {"timeout"}}[ending]
    assert (server.connections, len(server.requests)) == (1, 1)
    leaks_nothing(caught.value)


@guards("environment")
def test_session_keys_are_not_written_where_the_environment_says(authority, listen, run, query, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", str(authority.folder / "keys"))

    run(ask(listen(answers, authority.server_context("localhost")), query))

    assert not (authority.folder / "keys").exists()


def test_certificates_and_names_are_always_checked():
    context = tls_context()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_cancelled_ask_under_tls_closes_its_connection(authority, listen, run, query):
    def script(peer):
        peer.read()
        peer.wait_for_end()

    server = listen(script, authority.server_context("localhost"))

    async def cancel():
        task = asyncio.create_task(ask(server, query))
        await asyncio.to_thread(server.requests_seen.acquire, timeout=5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(server.ends_seen.acquire, timeout=5)

    assert run(cancel())
    assert len(server.requests) == 1
