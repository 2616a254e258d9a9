"""What is done to find out whether anybody leaks: every command, fault, crash and page, all at debug, with canaries for people.

The one thing to know: `play` gives back a search that has looked at everything but the sheets of the user's own and their
results: what was printed, what lies in the folder (home, log, reports, what a dead process left), what alerts were sent, and
what the processes had as arguments and gave their children to inherit.
"""

from __future__ import annotations

import http.server
import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx

from batchverify.sandbox.faults import Fault
from tests.campaigns.canary import Search, search_for
from tests.campaigns.people import HEADER, Person, card_number, id_number, write_sheet
from tests.campaigns.processes import Desk, VendorProcess, ended, wait_until
from tests.campaigns.writers import WRITERS
from tests.protected import protect

APP_CODE = "c4naryc0de7f3e9a1b5d8c2604fedcba9"
ROOT = Path(__file__).parents[2]
# Match, mismatch, 202 unverifiable, 203 locked, 204 and 206 invalid.
_DIGITS = ("00", "02", "52", "53", "54", "56")
# Ends of the run: each strikes one run, whose next goes on with the same sheet.
_STOPS = (
    Fault.WRONG_ECHO,
    Fault.QUOTA_EXHAUSTED,
    Fault.QUOTA_EXPIRED,
    Fault.REVOKED,
    Fault.UNAUTHORIZED,
    Fault.ARREARS,
)
# After it a row waits for 90 seconds: for a run that is ended early anyway.
_LONG = Fault.BREAKER_503
_OTHERS = tuple(fault for fault in Fault if fault not in {*_STOPS, _LONG})
_LOOK_EVERY_SECONDS = 0.04
#: The modules that read what a stranger sent, each in a process of its own.
_CHILDREN = (b"foreign_child", b"protected_child", b"parquet_child")


def canaries(count: int, *, first: int) -> list[Person]:
    """People whose names are rare words of four characters, so that no hit is by chance."""
    return [
        Person(
            name=f"鼷{chr(0x9F50 + number // 20)}{chr(0x7C00 + number)}龘",
            id_card=id_number(7_000 + number),
            account_no=card_number(770_000 + number, _DIGITS[number % len(_DIGITS)]),
        )
        for number in range(first, first + count)
    ]


class Theater:
    """One desk whose commands are all at debug, and what they said."""

    def __init__(self, folder: Path, vendor: VendorProcess, *, alerts: str) -> None:
        self.vendor = vendor
        settings = {
            "BATCHVERIFY_APPCODE": APP_CODE,
            "BATCHVERIFY_DEADLINE_SECONDS": "0.4",
            "BATCHVERIFY_BACK_OFF_SECONDS": "0.02",
            "BATCHVERIFY_BREAKER_PAUSE_SECONDS": "0.05",
            "BATCHVERIFY_ALERT_URLS": alerts,
            "PYTHONPATH": str(ROOT),
        }
        self.desk = Desk(folder=folder, vendor=vendor, environment=settings)
        self.people: list[Person] = []
        self.own: list[Path] = []
        self.said: dict[str, str] = {}

    def sheet(self, name: str, count: int, *, kind: str = "csv", writer: str = "") -> Path:
        """Write a sheet of people who are in no other one."""
        rows = canaries(count, first=len(self.people))
        self.people += rows
        path = self.desk.folder / f"{name}.{kind}"
        if writer:
            WRITERS[writer].write(path, [HEADER, *(one.cells for one in rows)])
        else:
            write_sheet(path, rows)
        self.own += [path, path.with_name(f"{name}.verified.{'csv' if kind == 'csv' else 'xlsx'}")]
        return path

    def run(self, *words: str | Path, typed: str | None = None, codes: Sequence[int] = (0, 2, 3, 4, 5)) -> str:
        """Run a command at debug; what it printed is kept, and given back. Whatever comes of it, it is no bug."""
        process = self.begin(*words, typed=typed)
        return self.ended(process, *words, typed=typed, codes=codes)

    def begin(self, *words: str | Path, typed: str | None = None, program: Sequence[str] = ("batchverify",)):
        loud = ["--log-level", "debug", "--log-file", "debug.log"] if words[0] != "template" else []
        desk = replace(self.desk, program=program)
        return desk.begin(*words, *loud, stdin=-3 if typed is None else -1)

    def ended(self, process, *words: str | Path, typed: str | None = None, codes: Sequence[int] | None = None) -> str:
        end = ended(process, typed)
        number, name = len(self.said), " ".join(map(str, words[:2]))
        self.said |= {f"stdout {number} ({name})": end.out, f"stderr {number} ({name})": end.err}
        assert codes is None or end.code in codes, (words, end.code, end.err)
        return end.out


def play(folder: Path, *, is_whole: bool) -> Search:
    """Play all of it, and search. What is not whole strikes every fault and leaves out the page and the kinds of files."""
    posts: list[bytes] = []
    with (
        VendorProcess("--app-code", APP_CODE, "--latency-ms", "5") as vendor,
        _receiver(posts) as alerts,
        _onlooker() as seen,
    ):
        theater = Theater(folder, vendor, alerts=alerts)
        _succeed(theater)
        _fail(theater)
        _strike(theater)
        _stop(theater)
        _crash(theater)
        # Before anything tidies up: the dead process's journals lie there still.
        search = search_for(theater.people, APP_CODE)
        search.look_into(folder, but=theater.own)
        _look_on(theater, forms=("html", "pdf", "xlsx", "json") if is_whole else ("pdf", "xlsx"))
        if is_whole:
            _other_kinds(theater)
            _visit(theater)
        _erase(theater)
        faults = {ask["fault"] for ask in vendor.bill()["asks"]} - {""}
    assert faults == {fault.value for fault in Fault}
    assert posts, "no alert was sent"
    assert any(b"batchverify" in arguments for arguments in seen)
    whole = search_for(theater.people, APP_CODE)
    whole.places, whole.size_bytes, whole.hits = search.places, search.size_bytes, search.hits
    whole.look_into(folder, but=theater.own)
    for place, text in theater.said.items():
        whole.look(place, text.encode())
    for number, post in enumerate(posts):
        whole.look(f"alert {number}", post)
    for number, arguments in enumerate(sorted(seen)):
        whole.look(f"process {number}", arguments)
    return whole


def _succeed(theater: Theater) -> None:
    theater.sheet("people", 12)
    theater.run("inspect", "people.csv")
    theater.run("plan", "people.csv")
    theater.run("run", "people.csv", codes=[2])
    theater.run("run", "people.csv", "--yes", "--json", codes=[3])  # its 203 locks a row
    theater.run("template", "-o", "template.xlsx")
    theater.run("doctor", "--alert", codes=[0, 5])


def _fail(theater: Theater) -> None:
    """A bug, a person in an option, a person in a name of a file's place, a sheet without a header."""
    path = theater.sheet("bug", 3)
    process = theater.begin("run", "bug.csv", "--yes", program=("tests.campaigns.canary_bug",))
    theater.ended(process, "a bug", codes=[1])
    one = theater.people[-1]
    theater.run("forget", one.id_card, codes=[2])
    headless = path.with_name("headless.csv")
    headless.write_text("\n".join(",".join(row.cells) for row in theater.people[-3:]), "utf-8")
    theater.own.append(headless)
    theater.run("run", "headless.csv", "--yes", codes=[2])
    theater.run("plan", "headless.csv", "--json", codes=[2])


def _strike(theater: Theater) -> None:
    """Each fault once, a sheet for each eight, so that no run has more in doubt than lets it go on."""
    for start in range(0, len(_OTHERS), 8):
        name = f"faults-{start}"
        theater.sheet(name, 12)
        struck = _OTHERS[start : start + 8]
        theater.vendor.post("faults", [{"fault": fault.value, "times": 1, "seconds": 0.2} for fault in struck])
        for _ in range(2):
            theater.run("run", f"{name}.csv", "--yes", "--concurrency", "2", codes=[3, 4])
        theater.vendor.post("faults", [])


def _stop(theater: Theater) -> None:
    theater.sheet("stops", 24)
    for fault in _STOPS:
        theater.vendor.post("faults", [{"fault": fault.value, "times": 1}])
        theater.run("run", "stops.csv", "--yes", "--concurrency", "1", codes=[3, 4])
    theater.vendor.post("faults", [])


def _crash(theater: Theater) -> None:
    theater.vendor.post("latency", {"seconds": 0.2})
    # Nothing is asked for a while after it, so it comes when enough has been asked for a crash.
    theater.vendor.post("faults", [{"fault": _LONG.value, "at": [6]}])
    theater.sheet("crash", 30)
    for number in (signal.SIGINT, signal.SIGKILL):
        before = theater.vendor.total()
        process = theater.begin("run", "crash.csv", "--yes", "--concurrency", "4")
        assert wait_until(lambda seen=before: theater.vendor.total() >= seen + 6, process=process)
        process.send_signal(number)
        time.sleep(0.05)
        theater.ended(process, f"signal {number}")
    theater.vendor.post("latency", {"seconds": 0})
    theater.vendor.post("faults", [])


def _look_on(theater: Theater, *, forms: Sequence[str]) -> None:
    """Every command that looks at what is there, in words and as JSON, and every form of a report."""
    shown = [["jobs"], ["doctor"], ["key", "show"]]
    for words in [*shown, ["quota", "list"], ["quota", "usage", "--json"]] if len(forms) > 2 else shown:
        theater.run(*words)
    job = theater.desk.run("jobs", "--json").json[0]["job"]
    theater.run("resume", job, "--yes", codes=[3])
    theater.run("rerun", job, "--what", "in_doubt", "--accept-double-charge", "--yes", codes=[0, 3])
    theater.run("render", job)
    for form in forms:
        theater.run("report", job, "-o", f"report.{form}")
    theater.run("report", "--check", f"report.{forms[-1]}")
    theater.run("report", job, "--prove", "2")
    # A masked result is one to be handed on: it is searched, the numbers in it included.
    theater.run("render", job, "--mask", "-o", "masked.csv")
    theater.run("plan", "people.csv", "--operator", "somebody", "--json")


def _other_kinds(theater: Theater) -> None:
    """Sheets that other processes read: an old workbook, and one with a password."""
    theater.sheet("old", 4, kind="xls", writer="xls by xlwt")
    theater.run("run", "old.xls", "--yes", codes=[0, 3])
    protect(theater.sheet("locked", 4, kind="xlsx", writer="openpyxl"), password="secret-of-the-sheet")
    theater.run("run", "locked.xlsx", "--yes", "--password-stdin", typed="secret-of-the-sheet\n", codes=[0, 3])
    theater.run("run", "locked.xlsx", "--yes", "--password-stdin", typed="another\n", codes=[2])
    split = theater.sheet("split", 8)
    theater.run("run", "split.csv", "--yes", "--split", codes=[0, 3])
    theater.own += list(split.parent.glob("split.verified.*"))


def _visit(theater: Theater) -> None:
    """Somebody at the page: uploads, goes on to the end, looks at everything, and is refused some things."""
    path = theater.sheet("page", 6)
    server = theater.begin("serve", "--no-browser", "--port", "0")
    assert server.stdout is not None
    found = re.search(r"https?://\S+", server.stdout.readline())
    assert found is not None
    base = found[0].split("/enter/")[0]
    with httpx.Client(base_url=base, follow_redirects=True, timeout=60, headers={"origin": base}) as visitor:
        visitor.get(found[0])
        page = visitor.get("/").text
        page = visitor.post("/upload", data={"csrf": _mark(page)}, files={"file": (path.name, path.read_bytes())}).text
        case = re.search(r"/jobs/([^/\"]+)/columns", page)
        assert case is not None
        page = visitor.post(f"/jobs/{case[1]}/columns", data=_form(page)).text
        page = visitor.get(f"/jobs/{case[1]}/confirm").text
        visitor.post(f"/jobs/{case[1]}/confirm", data=_form(page))
        until = time.monotonic() + 30
        while "result" not in str(visitor.get(f"/jobs/{case[1]}").url) and time.monotonic() < until:
            time.sleep(0.1)
        for place in ("result", "report", "plan", "progress", "problems", "rerun", "remove", "../acts", "../quota", "../doctor"):
            visitor.get(f"/jobs/{case[1]}/{place}")
        # What goes wrong: an upload of rubbish with a person in its name's place, and addresses that hold a person.
        one = theater.people[-1]
        visitor.post("/upload", data={"csrf": "wrong"}, files={"file": (f"{one.name}.csv", one.id_card.encode())})
        visitor.get(f"/jobs/{one.id_card}", params={"q": one.name})
        visitor.get(f"/{one.name}")
        # And while something is under way, the end that no program hears of.
        theater.vendor.post("latency", {"seconds": 0.2})
        server.kill()
    theater.vendor.post("latency", {"seconds": 0})
    theater.ended(server, "serve")
    # What was uploaded and what came of it are the user's own here, too: as plain as they came, for as long as the settings say.
    theater.own += [file for file in theater.desk.home.glob("sandbox/desk/*/files/*") if file.stem.partition(".")[0] == "page"]


def _mark(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def _form(page: str) -> dict[str, str]:
    fields = {"csrf": _mark(page)}
    for tag in re.findall(r"<input [^>]*>", page):
        name, value = re.search(r' name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and 'type="checkbox"' not in tag and 'type="radio"' not in tag:
            fields[name[1]] = unescape(value[1]) if value else ""
    return fields


def _erase(theater: Theater) -> None:
    one = theater.people[0]
    theater.run("forget", "--yes", typed=f"{one.id_card}\n{one.account_no}\n")
    theater.run("forget", "--yes", typed=f"{one.name}\n", codes=[2])
    theater.run("purge", "--yes", "--older-than", "0", codes=[0, 2])


@contextmanager
def _receiver(posts: list[bytes]) -> Iterator[str]:
    """A webhook on this machine; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(self.requestline.encode() + self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"json://127.0.0.1:{server.server_port}/hook"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _onlooker() -> Iterator[set[bytes]]:
    """Another user of the machine, who looks at the list of processes; of those for strangers' files at their environment, too."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_EVERY_SECONDS):
            for entry in os.scandir("/proc"):
                if entry.name.isdecimal():
                    with suppress(OSError):
                        _look_at(Path(entry.path), seen)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _look_at(process: Path, seen: set[bytes]) -> None:
    arguments = (process / "cmdline").read_bytes()
    # The vendor is no part of it; it is told the AppCode as a test's vendor is. Nor is a person who types a number into a command.
    if b"batchverify.sandbox" in arguments or b"forget" in arguments or not arguments:
        return
    seen.add(arguments)
    if any(child in arguments for child in _CHILDREN):
        seen.add((process / "environ").read_bytes())
