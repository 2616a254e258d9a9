"""Alerts reach a receiver once for each crossing, tell of nobody, and never fail a run."""

import json
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType

import pytest

from batchverify.job import Bounds, examine
from batchverify.job.alerts import message_of, tell_balance
from batchverify.job.clock import SystemClock
from batchverify.job.realm import open_realm
from batchverify.rules.balance import BalanceWarning
from batchverify.store.ledger import Wallet
from tests.builders import a_row, enter_package, rows


@dataclass
class Receiver:
    """A webhook on this machine: what it was sent, and the status it answers with."""

    port: int = 0
    status: int = 200
    sent: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/token-of-the-receiver"

    @property
    def texts(self) -> list[str]:
        return [message["message"] for message in self.sent]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            receiver.sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


def add_package(desk, total, *, used=0):
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        enter_package(realm.ledger, "package", total=total, used=used, now=SystemClock().now())


def test_low_packages_are_told_once_until_they_are_above_again(desk, receiver):
    add_package(desk, 10)
    places = {"alert_urls": (receiver.url,)}

    desk.verify(rows(8), **places)
    assert receiver.texts == [], "20 % are left"
    desk.verify(rows(1, first=20), **places)
    desk.verify(rows(1, first=30), **places)
    assert len(receiver.sent) == 1
    add_package(desk, 100)
    desk.verify(rows(1, first=40), **places)
    assert len(receiver.sent) == 1
    desk.verify(rows(80, first=100), **places)

    assert [text.splitlines()[0] for text in receiver.texts] == [
        "1 of 10 asks are left, less than 20 %. Buy a package before they run out.",
        "19 of 110 asks are left, less than 20 %. Buy a package before they run out.",
    ]
    assert "套餐包剩余 1 次（共 10 次），低于 20%，请及时购买。" in receiver.texts[0]
    assert receiver.sent[0]["title"] == "batchverify"


def test_a_plan_that_needs_more_than_is_left_is_told_once_until_it_would_fit(desk, receiver):
    add_package(desk, 10)
    path, small = desk.sheet(rows(12)), desk.sheet(rows(2, first=50))
    places = {"alert_urls": (receiver.url,)}

    desk.plan(path, **places)
    desk.plan(small, **places)
    desk.plan(path, **places)
    assert [text.splitlines()[0] for text in receiver.texts] == [
        "A plan needs 12 asks and 10 are left: 2 are missing. The cheapest packages for them cost ¥19.00."
    ]
    add_package(desk, 100)
    desk.plan(path, **places)
    desk.plan(desk.sheet(rows(200, first=100)), **places)

    assert len(receiver.sent) == 2
    assert "计划需要 200 次，剩余 110 次，还差 90 次" in receiver.texts[1]


def test_an_alert_tells_of_nobody_and_of_no_file(desk, receiver):
    add_package(desk, 3)
    path = desk.sheet([a_row(1, 部门="秘密部门"), a_row(2, 部门="秘密部门"), a_row(3, 部门="秘密部门")])

    desk.verify(path, alert_urls=(receiver.url,))

    (sent,) = receiver.sent
    told = json.dumps(sent, ensure_ascii=False)
    for secret in (path.stem, "秘密", *(value for person in (1, 2, 3) for value in a_row(person).values()), "s-", "j-"):
        assert secret not in told
    assert "Simulated by the sandbox." in told


def test_without_a_place_nothing_is_sent_and_nothing_is_noted(desk, receiver):
    add_package(desk, 3)
    desk.verify(rows(3))

    desk.verify(rows(3), alert_urls=(receiver.url,))

    assert len(receiver.sent) == 1


@pytest.mark.parametrize("kind", ["nobody listens", "an error is answered", "no address"])
def test_an_alert_that_reaches_nobody_fails_no_run_shows_no_token_and_is_tried_again(desk, receiver, caplog, kind):
    add_package(desk, 3)
    place = {
        "nobody listens": "json://127.0.0.1:1/token-of-the-receiver",
        "an error is answered": receiver.url,
        "no address": "nonsense-token-of-the-receiver",
    }[kind]
    receiver.status = 500
    with caplog.at_level(logging.DEBUG):
        assert desk.verify(rows(3), alert_urls=(place,)).counts() == {"matched": 3}

    (warned,) = [record.getMessage() for record in caplog.records if record.name == "batchverify.job.alerts"]
    problem = "Its address in 'alert_urls' is not understood." if kind == "no address" else "It did not take the message."
    assert problem in warned
    assert warned.startswith("The alert did not reach place 1 (")
    assert warned.endswith("Try it with `batchverify doctor --alert`.")
    if kind != "no address":
        assert "token-of-the-receiver" not in caplog.text
    receiver.status = 200
    before = len(receiver.sent)
    desk.verify(rows(3), alert_urls=(receiver.url,))
    assert len(receiver.sent) == before + 1


def test_one_place_of_two_is_enough(desk, receiver):
    add_package(desk, 3)
    places = {"alert_urls": ("json://127.0.0.1:1/", receiver.url)}

    desk.verify(rows(3), **places)
    desk.verify(rows(3), **places)

    assert len(receiver.sent) == 1


def test_a_missing_extra_is_named_with_its_command_and_fails_no_run(desk, receiver, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    add_package(desk, 3)

    assert desk.verify(rows(3), alert_urls=(receiver.url,)).counts() == {"matched": 3}

    assert "Sending needs an extra that is not installed: `pip install 'batchverify[alerts]'`." in caplog.text
    assert receiver.sent == []


def test_an_extra_that_is_broken_fails_no_run(desk, receiver, caplog, monkeypatch):
    class Broken(ModuleType):
        def __getattr__(self, name):
            raise RuntimeError(name)

    monkeypatch.setitem(sys.modules, "apprise", Broken("apprise"))
    add_package(desk, 3)

    assert desk.verify(rows(3), alert_urls=(receiver.url,)).counts() == {"matched": 3}

    assert "What sends could not be loaded (RuntimeError)." in caplog.text


def test_a_ledger_that_fails_at_an_alert_is_a_warning(desk, receiver, caplog):
    desk.verify(rows(1))
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        realm.ledger.close()
        tell_balance(realm, desk.settings(alert_urls=(receiver.url,)))

    assert "No alert was sent: The ledger" in caplog.text


def test_the_doctor_sends_a_test_message_to_each_place(desk, receiver):
    settings = desk.settings(alert_urls=(receiver.url, "json://127.0.0.1:1/"))

    *_, good, bad = examine(desk.home, settings, alert=True)

    assert (good.what, good.is_well, good.detail) == ("alerts, place 1 (json)", True, "It took the test message.")
    assert (bad.what, bad.is_well, bad.detail) == ("alerts, place 2 (json)", False, "It did not take the message.")
    assert receiver.texts == ["This is a test of alerts. 这是一条测试提醒。"]
    (nowhere,) = [finding for finding in examine(desk.home, desk.settings(), alert=True) if finding.what == "alerts"]
    assert not nowhere.is_well
    assert "Name some in 'alert_urls'" in nowhere.detail
    assert not [finding for finding in examine(desk.home, settings) if finding.what.startswith("alerts")]


def test_a_real_alert_does_not_call_itself_simulated():
    wallet = Wallet(total=1_000, used=850, left=150)

    text = message_of(BalanceWarning.LOW, wallet, needed=0, low_percent=20, simulated=False)

    assert text.splitlines() == [
        "150 of 1,000 asks are left, less than 20 %. Buy a package before they run out.",
        "套餐包剩余 150 次（共 1,000 次），低于 20%，请及时购买。",
    ]


def test_of_many_runs_at_once_one_sends(desk, receiver):
    add_package(desk, 3)
    desk.verify(rows(3), bounds=Bounds(max_asks=3, concurrency=1))
    settings = desk.settings(alert_urls=(receiver.url,))

    def tell():
        with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
            tell_balance(realm, settings)

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(receiver.sent) == 1
