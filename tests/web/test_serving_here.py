"""The server in this process, stopped by its signals: once it drains, twice it leaves."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress

import httpx
import pytest

from batchverify.cli.main import cli
from batchverify.cli.serve import _operator
from batchverify.desk import Desk
from batchverify.errors import InputError, SettingsError
from batchverify.job import Mandate
from batchverify.model import Secret
from batchverify.sandbox.faults import Fault, Rule
from batchverify.web.people import People, Role
from batchverify.web.serving import place_of, serve
from tests.builders import a_sheet, rows
from tests.web.program import PASSWORD, QUICK, until
from tests.web.reader import settings_of
from tests.web.test_serving import certificate


def meanwhile(act) -> threading.Thread:
    """Do something beside the server, and stop it whatever comes of it."""

    def acting():
        try:
            act()
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=acting)
    thread.start()
    return thread


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.mark.slow
def test_the_command_serves_until_it_is_stopped(home, sandbox, monkeypatch, capsys):
    monkeypatch.setenv("BATCHVERIFY_HOME", str(home))
    monkeypatch.setenv("BATCHVERIFY_ENDPOINT", sandbox.endpoint)
    port, seen = free_port(), []

    def look():
        for _ in until():
            with suppress(httpx.TransportError):
                seen.append(httpx.get(f"http://127.0.0.1:{port}/login").status_code)
                break

    looking = meanwhile(look)
    code = cli.main(["serve", "--no-browser", "--port", str(port)], standalone_mode=False)
    looking.join()

    assert (code, seen) == (0, [200])
    told = capsys.readouterr().out
    assert told.startswith(f"The page is at http://127.0.0.1:{port}/enter/")
    assert told.endswith(" (lets in once, within ten minutes)\n")


def test_without_what_the_page_needs_the_command_that_installs_it_is_named(home, monkeypatch, capsys):
    monkeypatch.delattr("batchverify.web.serving")
    monkeypatch.setitem(sys.modules, "batchverify.web.serving", None)
    monkeypatch.setitem(sys.modules, "batchverify.web.people", None)
    for arguments in (["serve"], ["people", "list"]):
        with pytest.raises(SettingsError, match=r"`pip install 'batchverify\[web\]'`"):
            cli.main([*arguments, "--home", str(home)], standalone_mode=False)
    assert not home.exists()


def test_what_cannot_be_served_is_said_in_a_sentence(home, sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("BATCHVERIFY_HOME", str(home))
    monkeypatch.setenv("BATCHVERIFY_ENDPOINT", sandbox.endpoint)
    cert, key = certificate(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, another = certificate(other)
    tls = ["--tls-cert", str(cert), "--tls-key"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for arguments, sentence in (
            (["--port", str(taken.getsockname()[1])], "cannot be listened at"),
            (["--port", "0", *tls, str(another)], "do not fit"),
            (["--host", "192.0.2.1", *tls, str(key)], "there is no user"),
            (["--host", "0.0.0.0"], "without a certificate"),
        ):
            with pytest.raises((InputError, SettingsError), match=sentence):
                cli.main(["serve", "--no-browser", *arguments], standalone_mode=False)
    assert list((home / "tmp").iterdir()) == [], "nothing is left that leads in"


def test_the_openapi_document_is_printed(home, capsys):
    assert cli.main(["serve", "--openapi", "--home", str(home)], standalone_mode=False) == 0

    assert json.loads(capsys.readouterr().out)["paths"]
    assert not home.exists()


def test_whoever_comes_in_by_the_link_is_the_operator_or_the_user_of_this_machine(home, monkeypatch):
    assert _operator(settings_of(home, "http://127.0.0.1:1", operator="王芳")) == "王芳"
    monkeypatch.setenv("LOGNAME", "fang")
    assert _operator(settings_of(home, "http://127.0.0.1:1", operator="")) == "fang"
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    assert _operator(settings_of(home, "http://127.0.0.1:1", operator="")) == "local"


@pytest.mark.slow
def test_users_log_in_over_tls_and_the_browser_is_opened_only_where_there_is_a_link(home, sandbox, tmp_path, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    people = People(home, hasher=QUICK)
    cert, key = certificate(tmp_path, names=("*.desk.example",), addresses=("127.0.0.1",))
    told: list[str] = []
    statuses: list[int] = []

    def visit():
        next(_ for _ in until() if told)
        port = int(told[0].rpartition(":")[2].split("/")[0])
        trust = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trust) as browser:
            statuses.append(browser.post("/link").status_code)
            statuses.append(browser.post("/login", data={"name": "li", "password": PASSWORD}).status_code)
            statuses.append(browser.get("/jobs").status_code)

    people_of = {"people": people, "operator": "王芳", "tell": told.append, "opens_browser": True}
    with Desk.open(settings_of(home, sandbox.endpoint)) as desk:
        people.add("li", Secret(PASSWORD), [Role.VIEW])
        place = place_of("0.0.0.0", 0, cert=cert, key=key, people=people)
        visiting = meanwhile(visit)
        left_work = serve(desk, place, **people_of)
        visiting.join()
    with Desk.open(settings_of(home, sandbox.endpoint)) as desk:
        told.clear()
        place = place_of("127.0.0.1", 0, cert=None, key=None, people=people)
        looking = meanwhile(lambda: next(_ for _ in until() if opened))
        serve(desk, place, **people_of)
        looking.join()

    assert (statuses, left_work) == ([429, 303, 200], False)
    assert len(opened) == 1
    assert "/enter/" in told[0]


@pytest.mark.slow
def test_asked_twice_it_leaves_and_what_was_in_flight_is_in_doubt(home, sandbox, tmp_path):
    sandbox.vendor.script_faults(Rule(fault=Fault.NEVER))
    told: list[str] = []
    settings = settings_of(home, sandbox.endpoint, deadline_seconds=60.0)
    with Desk.open(settings) as desk:
        sheet = a_sheet(tmp_path, rows(1))
        with desk.receive(sheet.name, owner="王芳") as receipt:
            receipt.write(sheet.read_bytes())
            case = receipt.finish()
        plan = desk.plan(case.id)

        def insist():
            next(_ for _ in until() if told)
            desk.confirm(case.id, digest=plan.digest, cap_asks=1, mandate=Mandate())
            next(_ for _ in until() if desk.live(case.id).in_flight)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)

        people = People(home)
        insisting = meanwhile(insist)
        began = time.monotonic()
        place = place_of("127.0.0.1", 0, cert=None, key=None, people=people)
        left_work = serve(desk, place, people=people, operator="王芳", tell=told.append, opens_browser=False)
        insisting.join()

    assert left_work
    assert time.monotonic() - began < 30, "the vendor would have had a minute"
    sandbox.vendor.script_faults()
    with Desk.open(settings) as desk:
        next(_ for _ in until() if not desk.case(case.id).stage.is_under_way)
        assert desk.case(case.id).summary["status"]["in_doubt"] == 1
    assert sandbox.bill.total() == 1
