"""The server as a process: its link, its certificate, its limits, its end; and what a hundred hostile uploads do to it: nothing."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import signal
import socket
import ssl
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from batchverify.errors import SettingsError
from batchverify.model import Secret
from batchverify.web.people import People, Role
from batchverify.web.serving import place_of
from tests.builders import a_sheet, rows
from tests.campaigns.hostile_uploads import most_memory, upload_all
from tests.campaigns.processes import Desk, VendorProcess
from tests.threats import guards
from tests.web.program import PASSWORD, until

MEGABYTE = 1 << 20


class Served:
    """A `batchverify serve` of a desk, and what it printed."""

    def __init__(self, desk: Desk, *options: str | Path) -> None:
        self.process = desk.begin("serve", "--no-browser", "--port", "0", *options)
        assert self.process.stdout is not None
        self.told = self.process.stdout.readline()
        found = re.search(r"https?://\S+", self.told)
        assert found is not None, self.told + self.process.communicate()[1]
        self.link = found[0]
        self.base = "/".join(self.link.split("/")[:3])
        self.port = int(self.base.rpartition(":")[2])

    def close(self) -> tuple[int, str]:
        """End it as Ctrl-C does; gives its exit code and what it complained of."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        _, complaints = self.process.communicate(timeout=60)
        return self.process.returncode, complaints


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Desk:
    with VendorProcess() as vendor:
        yield Desk(folder=tmp_path_factory.mktemp("served"), vendor=vendor)


@pytest.fixture
def own(desk, tmp_path) -> Desk:
    """A desk with a home of the test's own: one server works on a home."""
    return Desk(folder=tmp_path, vendor=desk.vendor)


@pytest.fixture(scope="module")
def served(desk):
    server = Served(desk)
    yield server
    code, complaints = server.close()
    assert (code, complaints) == (0, "")


def token_of(desk: Desk) -> dict[str, str]:
    """What a program of this desk sends along."""
    _, text = People(desk.home).new_token("工资系统", [Role.PREPARE])
    return {"authorization": f"Bearer {text.reveal()}"}


@pytest.fixture(scope="module")
def token(desk) -> dict[str, str]:
    return token_of(desk)


@pytest.mark.slow
def test_the_first_page_is_small_and_quick(served):
    with httpx.Client(base_url=served.base) as browser:
        assert browser.get(served.link).status_code == 200
        browser.get("/")
        began = time.perf_counter()
        page = browser.get("/")
        took = time.perf_counter() - began
        parts = [browser.get(part).content for part in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)]

    size = len(page.content) + sum(len(part) for part in set(parts))
    sys.stdout.write(f"first page: {size / 1000:.0f} kB in {len(set(parts)) + 1} parts, {took * 1000:.0f} ms\n")
    assert size < 100_000
    assert took < 2.0, "0.2 s where nobody else works on the machine"


@guards("hostile-forms")
@pytest.mark.slow
@pytest.mark.parametrize(
    "lines",
    [
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: HOST\r\nCookie: a=b\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /",
        b"POST /login HTTP/1.1\r\nHost: HOST\r\nContent-Length: 99999999999\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\nHost HOST\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    ],
)
def test_what_is_no_request_of_ours_gets_a_refusal_and_nothing_else(served, lines):
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(lines.replace(b"HOST", f"127.0.0.1:{served.port}".encode()))
        answer = b""
        with suppress(TimeoutError, ConnectionError):
            while piece := line.recv(65_536):
                answer += piece

    assert re.match(rb"HTTP/1\.1 (4\d\d|303) ", answer) or answer == b"", answer[:200]
    assert b"a=b" not in answer
    assert httpx.get(f"{served.base}/login").status_code == 200


@guards("hostile-files")
@pytest.mark.slow
def test_hostile_uploads_end_in_a_sentence_each_and_the_server_lives(served, token, desk):
    ends = upload_all(served.base, token, every=24)

    assert len(ends) > 3
    assert list((desk.home / "sandbox" / "desk").glob("c-*")) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does")
def test_20_megabytes_come_in_without_taking_memory(served, token):
    def body():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n'
        yield "姓名,身份证号,银行卡号\n".encode()
        for _ in range(20):
            yield b"\x00" * MEGABYTE  # read to its end, and then refused: it is no text
        yield b"\r\n--b--\r\n"

    Path(f"/proc/{served.process.pid}/clear_refs").write_text("5", "ascii")  # counts the most from here on
    before = most_memory(served.process.pid)
    headers = token | {"content-type": "multipart/form-data; boundary=b"}
    answer = httpx.post(f"{served.base}/api/jobs", content=body(), headers=headers, timeout=60)
    grown = most_memory(served.process.pid) - before

    sys.stdout.write(f"20 MB took {grown / MEGABYTE:.1f} MB of memory\n")
    assert answer.status_code == 422, answer.text
    assert grown < 8 * MEGABYTE


@pytest.mark.slow
def test_ctrl_c_drains_and_the_next_server_goes_on_with_every_question_paid_once(own, tmp_path):
    token = token_of(own)
    own.vendor.post("reset", {})
    own.home.joinpath("config.toml").write_text("qps = 40.0\n", "ascii")
    server = Served(own)
    with httpx.Client(base_url=server.base, headers=token, timeout=60) as program:
        sheet = a_sheet(tmp_path, rows(120, first=3_000))
        opened = program.post("/api/jobs", files={"file": (sheet.name, sheet.read_bytes())}).json()
        job = opened["job"]["id"]
        program.post(f"/api/jobs/{job}/confirm", json={"digest": opened["plan"]["hash"], "max_asks": 120})
        next(_ for _ in until() if program.get(f"/api/jobs/{job}/live").json()["billed"] > 3)
    with httpx.stream("GET", f"{server.base}/api/jobs/{job}/events", headers=token, timeout=60) as watched:
        next(watched.iter_lines())
        code, complaints = server.close()

    assert (code, complaints) == (130, "")
    own.home.joinpath("config.toml").unlink()
    server = Served(own)
    with httpx.Client(base_url=server.base, headers=token, timeout=60) as program:
        next(_ for _ in until(60) if program.get(f"/api/jobs/{job}").json()["stage"] == "ended")
        asks = program.get(f"/api/jobs/{job}").json()["summary"]
    assert server.close() == (0, "")
    assert asks["status"]["matched"] == 120
    assert own.vendor.bill()["billed"] == 120


def certificate(
    folder: Path, *, names: tuple[str, ...] = ("desk.example",), addresses: tuple[str, ...] = ()
) -> tuple[Path, Path]:
    """A certificate of one's own for names and addresses, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "desk")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )
    if names or addresses:
        known = [x509.DNSName(name) for name in names] + [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(known), critical=False)
    cert_path, key_path = folder / "cert.pem", folder / "key.pem"
    cert_path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    secret = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_path.write_bytes(key.private_bytes(*secret))
    key_path.chmod(0o600)
    return cert_path, key_path


@guards("uninvited")
def test_others_are_let_in_over_tls_and_as_users_only(tmp_path):
    people = People(tmp_path / "home")
    cert, key = certificate(tmp_path)

    with pytest.raises(SettingsError, match="lets others in, and without a certificate"):
        place_of("0.0.0.0", 0, cert=None, key=None, people=people)
    with pytest.raises(SettingsError, match="belong together"):
        place_of("127.0.0.1", 0, cert=cert, key=None, people=people)
    with pytest.raises(SettingsError, match="there is no user"):
        place_of("0.0.0.0", 0, cert=cert, key=key, people=people)
    people.add("li", Secret(PASSWORD), [Role.VIEW])
    place = place_of("0.0.0.0", 0, cert=cert, key=key, people=people)
    assert (place.names, place.scheme, place.is_local) == ({"desk.example"}, "https", False)
    key.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        place_of("0.0.0.0", 0, cert=cert, key=key, people=people)
    key.chmod(0o600)
    with pytest.raises(SettingsError, match="is no certificate"):
        place_of("0.0.0.0", 0, cert=key, key=key, people=people)
    nameless, key = certificate(tmp_path, names=())
    with pytest.raises(SettingsError, match="names no host"):
        place_of("0.0.0.0", 0, cert=nameless, key=key, people=people)
    local = place_of("127.0.0.1", 0, cert=None, key=None, people=people)
    assert (local.is_local, local.scheme) == (True, "http")


@guards("rebinding")
@pytest.mark.slow
def test_a_shared_server_is_reached_by_the_names_of_its_certificate_and_by_passwords(own, tmp_path):
    people = People(own.home)
    people.add("李雷", Secret(PASSWORD), [Role.VIEW])
    cert, key = certificate(tmp_path, names=("desk.example",), addresses=("127.0.0.1",))
    server = Served(own, "--host", "0.0.0.0", "--tls-cert", cert, "--tls-key", key)
    try:
        assert "/enter/" not in server.told, "nobody comes in by a link"
        assert server.base.startswith("https://desk.example:")
        trust = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(base_url=f"https://127.0.0.1:{server.port}", verify=trust) as browser:
            assert browser.get("/", headers={"host": "evil.example"}).status_code == 421
            assert browser.get("/", headers={"host": "desk.example:443"}).status_code == 303
            answer = browser.post("/login", data={"name": "李雷", "password": PASSWORD})
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-bv_session_")
            assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
            assert browser.get("/jobs").status_code == 200
            people.remove("李雷")
            assert browser.get("/jobs").status_code == 303, "out at once"
    finally:
        assert server.close() == (0, "")
