"""The end of a job is told to another program: signed, without a person, to hosts that were named, and nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from batchverify.errors import InputError
from batchverify.settings import load_settings
from batchverify.web.hooks import Hooks, check_address
from tests.builders import a_sheet, rows
from tests.threats import guards
from tests.web.program import until

SECRET = "a secret of sixteen"


class Receiver:
    """Somebody else's program: keeps what it gets, and answers what it is told to, one status after another."""

    def __init__(self, *statuses: int) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.statuses = list(statuses)
        self.address = ""


@contextmanager
def listening(*statuses: int, location: str = "") -> Iterator[Receiver]:
    receiver = Receiver(*statuses)

    class Answers(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET = answer  # noqa: N815 - as the library calls them

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        receiver.address = f"http://127.0.0.1:{server.server_address[1]}/hook?for=batchverify"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown()


def now() -> datetime:
    return datetime(2026, 11, 24, 2, tzinfo=UTC)


def ended(site, tmp_path, notify, *, first):
    """Verify a row, and have the end told; gives the job."""
    site.desk.use(site.desk.settings.model_copy(update={"webhook_hosts": (urlsplit(notify).netloc,)}))
    program = site.program()
    opened = program.upload(a_sheet(tmp_path, rows(1, first=first), name="名单.csv"), notify=notify)
    assert opened.status_code == 201, opened.text
    program.confirm(opened.json())
    return opened.json()["job"]["id"]


def test_the_end_is_told_once_and_signed_and_without_a_person_or_a_file(site, tmp_path):
    with listening() as receiver, closing(Hooks(site.desk, now=now)):
        job = ended(site, tmp_path, receiver.address, first=800)
        next(_ for _ in until() if site.desk.case(job).is_told)

    ((path, headers, body),) = receiver.got
    assert path == "/hook?for=batchverify"
    timestamp = headers["x-batchverify-timestamp"]
    assert timestamp == str(int(now().timestamp()))
    expected = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-batchverify-signature"] == f"sha256={expected}"
    told = json.loads(body)
    assert (told["event"], told["job"], told["stage"], told["ending"], told["simulated"]) == (
        "job.over",
        job,
        "ended",
        "complete",
        True,
    )
    assert (told["status"]["matched"], told["billed"], told["in_doubt"]) == (1, 1, 0)
    assert "名单" not in body.decode()
    person = rows(1, first=800)[0]
    assert not any(str(value) in body.decode() for value in person.values())


def test_a_receiver_that_is_down_is_tried_again_and_one_that_was_missed_is_told_at_the_next_start(site, tmp_path):
    with listening(500, 503) as receiver:
        job = ended(site, tmp_path, receiver.address, first=810)
        next(_ for _ in until() if site.desk.case(job).stage == "ended")
        assert receiver.got == [], "no server told anything yet"
        with closing(Hooks(site.desk, now=now, waits_seconds=(0, 0, 0))):
            next(_ for _ in until() if site.desk.case(job).is_told)
        with closing(Hooks(site.desk, now=now)):
            pass

    assert len(receiver.got) == 3
    assert len({headers["x-batchverify-delivery"] for _, headers, _ in receiver.got}) == 1, "a receiver knows a repeat as one"


@guards("redirects")
def test_no_redirect_is_followed_and_what_fails_for_good_is_given_up_without_a_word_of_the_address(site, tmp_path, caplog):
    with (
        listening() as elsewhere,
        listening(302, 302, location=elsewhere.address) as receiver,
        closing(Hooks(site.desk, now=now, waits_seconds=(0, 0))),
    ):
        job = ended(site, tmp_path, receiver.address, first=820)
        next(_ for _ in until() if site.desk.case(job).is_told)

    assert elsewhere.got == []
    assert len(receiver.got) == 2
    assert "The receiver answered 302." in caplog.text
    assert "hook?for" not in caplog.text


def test_nobody_listening_is_no_harm(site, tmp_path, caplog):
    with listening() as receiver:
        pass
    with closing(Hooks(site.desk, now=now, waits_seconds=(0,))):
        job = ended(site, tmp_path, receiver.address, first=830)
        next(_ for _ in until() if site.desk.case(job).is_told)

    assert "could not be told: ConnectionRefusedError." in caplog.text


def test_a_server_that_ends_does_not_wait_for_the_next_try(site, tmp_path):
    with listening(500) as receiver:
        hooks = Hooks(site.desk, now=now, waits_seconds=(0, 3_600))
        job = ended(site, tmp_path, receiver.address, first=840)
        next(_ for _ in until() if receiver.got)
        hooks.close()

    assert not site.desk.case(job).is_told, "it is told at the next start"


@guards("endpoints")
@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "https://hooks.example:8443/",
        "https://hooks.example.evil.example/",
        "https://evil.example#hooks.example",
        "https://hooks.example@evil.example/",
        "https://user:word@hooks.example/",
        "https://evil.example\\@hooks.example/",
        "http://hooks.example/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:80/",
        "http://2130706433/",
        "http://127.1/",
        "https://hооks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "//hooks.example/",
        "hooks.example",
        "https://hooks.example/\r\nX-A: b",
        "https://hooks.example:port/",
        "https://[hooks.example/",
        "https://hooks.example/" + "x" * 500,
        "",
    ],
)
def test_an_address_on_no_host_that_was_named_is_refused(address):
    settings = load_settings(webhook_hosts=("hooks.example", "127.0.0.1:9"), webhook_secret=SECRET)

    with pytest.raises(InputError, match=r"Nothing was kept\.$"):
        check_address(address, settings)


def test_hosts_are_named_with_or_without_a_port_and_a_secret_is_needed():
    settings = load_settings(webhook_hosts=("hooks.example", "desk.example:8443"), webhook_secret=SECRET)

    assert check_address("https://HOOKS.example/a?b=c", settings).path == "/a"
    assert check_address("https://desk.example:8443/", settings).port == 8443
    with pytest.raises(InputError, match="'webhook_hosts'"):
        check_address("https://desk.example/", settings)
    with pytest.raises(InputError, match="'webhook_secret' is missing"):
        check_address("https://hooks.example/", load_settings(webhook_hosts=("hooks.example",)))
    assert SECRET not in repr(settings)
    assert SECRET not in settings.model_dump_json()


def test_an_address_that_is_no_longer_allowed_is_not_told(site, tmp_path, caplog):
    with listening() as receiver:
        job = ended(site, tmp_path, receiver.address, first=850)
        site.desk.use(site.desk.settings.model_copy(update={"webhook_hosts": ()}))
        with closing(Hooks(site.desk, now=now)):
            next(_ for _ in until() if site.desk.case(job).is_told)

    assert receiver.got == []
    assert "is told to nobody" in caplog.text


def test_a_forbidden_host_is_refused_before_a_byte_of_the_file_is_kept(site, tmp_path):
    answer = site.program().upload(a_sheet(tmp_path, rows(1)), notify="https://evil.example/")

    assert answer.status_code == 422
    assert site.desk.cases() == []
