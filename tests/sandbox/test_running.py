"""The sandbox in a thread and as a process of its own."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from batchverify import sandbox as package
from batchverify.sandbox import Fault, Rule, Settings, Vendor, running, tls_context
from batchverify.sandbox.__main__ import main

TARGET = "/IDCard?idCard=511126199511111111&name=%E5%BC%A0%E4%B8%89"


def ask(endpoint, *, app_code="sandbox", context=None):
    parts = urlsplit(endpoint)
    kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=5, **({"context": context} if context else {}))
    try:
        connection.request("GET", TARGET, headers={"Authorization": f"APPCODE {app_code}"})
        return json.loads(connection.getresponse().read() or b"{}")
    finally:
        connection.close()


@contextmanager
def a_process(*options):
    """Run the sandbox as a process of its own; give its endpoint and itself."""
    command = [sys.executable, "-m", "batchverify.sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().removeprefix("Sandbox at ").strip(), process
        finally:
            process.kill()


@pytest.fixture
def certificate(tmp_path):
    """Write a self-signed certificate for 127.0.0.1 with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "certificate.pem"
    no_password = serialization.NoEncryption()
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
    )
    return pem


def test_a_sandbox_in_a_thread_answers_and_shows_its_bill():
    with running(Settings(app_code="test-appcode")) as sandbox:
        assert ask(sandbox.endpoint, app_code="test-appcode")["status"] == "01"
        assert sandbox.bill.total() == 1


def test_a_vendor_of_ones_own_keeps_its_bill_when_the_server_ends():
    vendor = Vendor()
    with running(vendor=vendor) as sandbox:
        ask(sandbox.endpoint)
    with running(vendor=vendor) as sandbox:
        ask(sandbox.endpoint)

    assert vendor.bill.total() == 2


def test_the_thread_ends_with_the_block_even_when_the_block_fails():
    with pytest.raises(ZeroDivisionError), running():
        raise ZeroDivisionError

    assert [thread for thread in threading.enumerate() if thread.name == "sandbox"] == []


def test_the_thread_ends_with_an_ask_still_unanswered():
    with running() as sandbox:
        sandbox.vendor.script_faults(Rule(fault=Fault.NEVER))
        parts = urlsplit(sandbox.endpoint)
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            connection.sendall(f"GET {TARGET} HTTP/1.1\r\nAuthorization: APPCODE sandbox\r\n\r\n".encode())
            while sandbox.bill.in_flight() == 0:
                pass
        vendor = sandbox.vendor

    assert (vendor.bill.total(), vendor.bill.in_flight()) == (1, 0)


def test_a_port_that_is_taken_is_an_os_error():
    with running() as sandbox, pytest.raises(OSError, match="in use"), running(port=urlsplit(sandbox.endpoint).port):
        pytest.fail("Two sandboxes cannot have one port.")


def test_the_sandbox_speaks_tls_with_a_certificate(certificate):
    with running(tls=tls_context(certificate, certificate)) as sandbox:
        assert sandbox.endpoint.startswith("https://127.0.0.1:")
        assert ask(sandbox.endpoint, context=ssl.create_default_context(cafile=certificate))["status"] == "01"


def test_a_reset_works_through_tls(certificate):
    with running(tls=tls_context(certificate, certificate)) as sandbox:
        sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER))

        with pytest.raises((ConnectionError, ssl.SSLError)):
            ask(sandbox.endpoint, context=ssl.create_default_context(cafile=certificate))


def test_many_threads_may_read_and_turn_a_vendor_that_is_asked():
    with running() as sandbox:

        def turn():
            for _ in range(50):
                sandbox.vendor.top_up(1)
                sandbox.bill.by_status()

        turners = [threading.Thread(target=turn) for _ in range(2)]
        askers = [threading.Thread(target=lambda: [ask(sandbox.endpoint) for _ in range(20)]) for _ in range(3)]
        for thread in (*turners, *askers):
            thread.start()
        for thread in (*turners, *askers):
            thread.join()

        assert (sandbox.bill.total(), sandbox.bill.billed()) == (60, 60)
        assert sandbox.vendor.wallet.left(now=sandbox.vendor.now()) == 1_000_000 + 100 - 60


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_says_where_it_is_and_ends_cleanly_on_a_signal(number):
    with a_process("--port", "0", "--quota", "1", "--app-code", "test-appcode") as (endpoint, process):
        answers = [ask(endpoint, app_code="test-appcode"), ask(endpoint, app_code="test-appcode")]
        process.send_signal(number)
        out, err = process.communicate(timeout=5)

    assert [answer.get("status") for answer in answers] == ["01", None]
    assert (process.returncode, out, err) == (0, "", "")


def test_a_process_that_cannot_have_its_port_says_so(sandbox, capsys):
    port = urlsplit(sandbox.endpoint).port

    assert main(["--port", str(port)]) == 2
    assert f"The sandbox could not start on 127.0.0.1:{port}: " in capsys.readouterr().err


def test_a_process_on_another_address_says_so(capsys):
    assert main(["--host", "0.0.0.0"]) == 2
    assert "it is for this machine alone" in capsys.readouterr().err


def test_a_process_with_a_certificate_speaks_tls(certificate):
    with a_process("--certificate", str(certificate)) as (endpoint, _):
        assert ask(endpoint, context=ssl.create_default_context(cafile=certificate))["status"] == "01"


def test_the_public_names_are_all_there():
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
    assert package.__all__ == sorted(package.__all__)
