"""No person and no AppCode in anything but the user's own sheet and result, whatever goes wrong (RELIABILITY §5)."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from batchverify.sandbox.faults import Fault
from tests.campaigns.canary import search_for
from tests.campaigns.people import Person, card_number, id_number, write_sheet
from tests.campaigns.processes import Desk, VendorProcess, ended, wait_until
from tests.threats import guards

APP_CODE = "c4naryc0de7f3e9a1b5d8c2604fedcba9"
# Match, mismatch, 202 unverifiable, 203 locked, 204 and 206 invalid.
DIGITS = ("00", "02", "52", "53", "54", "56")
# Ends of the run: each strikes one run, whose next goes on with the same sheet.
STOPS = (
    Fault.WRONG_ECHO,
    Fault.QUOTA_EXHAUSTED,
    Fault.QUOTA_EXPIRED,
    Fault.REVOKED,
    Fault.UNAUTHORIZED,
    Fault.ARREARS,
)
# After it a row waits for 90 seconds: for a run that is ended early anyway.
LONG = Fault.BREAKER_503
OTHERS = tuple(fault for fault in Fault if fault not in {*STOPS, LONG})


def _canaries(count: int, *, first: int) -> list[Person]:
    """People whose names are rare words of four characters, so that no hit is by chance."""
    return [
        Person(
            name=f"鼷{chr(0x9F50 + number // 20)}{chr(0x7C00 + number)}龘",
            id_card=id_number(7_000 + number),
            account_no=card_number(770_000 + number, DIGITS[number % len(DIGITS)]),
        )
        for number in range(first, first + count)
    ]


class _Theater:
    """One desk whose commands are all at debug, and what they said."""

    def __init__(self, folder, vendor: VendorProcess) -> None:
        self.vendor = vendor
        settings = {
            "BATCHVERIFY_APPCODE": APP_CODE,
            "BATCHVERIFY_DEADLINE_SECONDS": "0.4",
            "BATCHVERIFY_BACK_OFF_SECONDS": "0.02",
            "BATCHVERIFY_BREAKER_PAUSE_SECONDS": "0.05",
        }
        self.desk = Desk(folder=folder, vendor=vendor, environment=settings)
        self.people: list[Person] = []
        self.own: list = []
        self.said: dict[str, str] = {}

    def sheet(self, name: str, count: int) -> None:
        rows = _canaries(count, first=len(self.people))
        self.people += rows
        self.own += [write_sheet(self.desk.folder / f"{name}.csv", rows), self.desk.folder / f"{name}.verified.csv"]

    def begin(self, name: str, *options: str):
        return self.desk.begin(*self._command(name, *options))

    def run(self, name: str, *options: str) -> int:
        return self.ended(name, self.begin(name, *options))

    def ended(self, name: str, process) -> int:
        end = ended(process)
        number = len(self.said)
        self.said |= {f"stdout {number} ({name})": end.out, f"stderr {number} ({name})": end.err}
        return end.code

    def _command(self, name: str, *options: str) -> list[str]:
        return [*options, *([] if name == "-" else [f"{name}.csv"]), "--log-level", "debug", "--log-file", "debug.log"]


@guards("logs", "home-bytes")
@pytest.mark.slow
def test_nobody_stands_anywhere_but_in_sheet_and_result(tmp_path, capsys):
    with VendorProcess("--app-code", APP_CODE, "--latency-ms", "5") as vendor:
        theater = _Theater(tmp_path, vendor)
        _succeed(theater)
        _strike(theater)
        _stop(theater)
        _crash(theater)
        # Before anything tidies up: the dead process's journals lie there still.
        search = search_for(theater.people, APP_CODE)
        search.look_into(tmp_path, but=theater.own)
        _look_on(theater)
        search.look_into(tmp_path, but=theater.own)
        for place, text in theater.said.items():
            search.look(place, text.encode())
        faults = {ask["fault"] for ask in vendor.bill()["asks"]} - {""}

    assert faults == {fault.value for fault in Fault}
    assert search.hits == []
    assert search.places > 100
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(theater.people)} canaries searched for in {search.places} places, {search.size_bytes >> 10} KiB: 0 hits\n"
        )


def _succeed(theater: _Theater) -> None:
    theater.sheet("people", 12)
    assert theater.run("people", "inspect") == 0
    assert theater.run("people", "plan") == 0
    assert theater.run("people", "run") == 2
    assert theater.run("people", "run", "--yes", "--json") == 3  # its 203 locks a row


def _strike(theater: _Theater) -> None:
    """Each fault once, a sheet for each eight, so that no run has more in doubt than lets it go on."""
    for start in range(0, len(OTHERS), 8):
        name = f"faults-{start}"
        theater.sheet(name, 12)
        struck = OTHERS[start : start + 8]
        theater.vendor.post("faults", [{"fault": fault.value, "times": 1, "seconds": 0.2} for fault in struck])
        for _ in range(2):
            assert theater.run(name, "run", "--yes", "--concurrency", "2") in {3, 4}
        theater.vendor.post("faults", [])


def _stop(theater: _Theater) -> None:
    theater.sheet("stops", 24)
    for fault in STOPS:
        theater.vendor.post("faults", [{"fault": fault.value, "times": 1}])
        assert theater.run("stops", "run", "--yes", "--concurrency", "1") in {3, 4}
    theater.vendor.post("faults", [])


def _crash(theater: _Theater) -> None:
    theater.vendor.post("latency", {"seconds": 0.2})
    # Nothing is asked for a while after it, so it comes when enough has been asked for a crash.
    theater.vendor.post("faults", [{"fault": LONG.value, "at": [6]}])
    theater.sheet("crash", 30)
    for number in (signal.SIGINT, signal.SIGKILL):
        before = theater.vendor.total()
        process = theater.begin("crash", "run", "--yes", "--concurrency", "4")
        assert wait_until(lambda seen=before: theater.vendor.total() >= seen + 6, process=process)
        process.send_signal(number)
        time.sleep(0.05)
        theater.ended("crash", process)
    theater.vendor.post("latency", {"seconds": 0})
    theater.vendor.post("faults", [])


def _look_on(theater: _Theater) -> None:
    for words in (["jobs"], ["doctor"], ["key", "show"]):
        assert theater.run("-", *words) == 0
    job = theater.desk.run("jobs", "--json").json[0]["job"]
    assert theater.run("-", "resume", job, "--yes") == 3
    assert theater.run("-", "rerun", job, "--what", "in_doubt", "--accept-double-charge", "--yes") in {0, 3}
    assert theater.run("-", "render", job) == 0


def test_a_canary_that_leaks_is_found_however_it_is_spelled(tmp_path):
    (person,) = _canaries(1, first=0)
    leaks = {
        "plain": person.name.encode(),
        "gbk": f"x{person.name}".encode("gb18030"),
        "utf-16": person.id_card.encode("utf-16-le"),
        "url": b"/bank3Check?name=%E9%BC%B7%E9%BD%90%E7%B0%80%E9%BE%98",
        "json": b'{"name": "\\u9f37\\u9f50\\u7c00\\u9f98"}',
        "code": f"Authorization: APPCODE {APP_CODE}".encode(),
        "innocent": b"nobody",
    }
    for name, content in leaks.items():
        (tmp_path / name).write_bytes(content)
    search = search_for([person], APP_CODE)
    search.look_into(tmp_path)

    assert sorted(search.hits) == [
        "a name in gbk",
        "a name in json",
        "a name in plain",
        "a name in url",
        "an ID number in utf-16",
        "the AppCode in code",
    ]
    assert search.places == 2 * len(leaks)
