"""A home that somebody has edited, swapped or planted something in: it is refused or not believed, and nothing is paid for it."""

from __future__ import annotations

import json
import pickle
import shutil
import sqlite3

import pytest

from batchverify.errors import BatchVerifyError, HomeError
from batchverify.job.doctor import examine
from batchverify.job.reporting import report_job
from batchverify.words import Lang
from tests.builders import a_row, rows
from tests.threats import guards

PEOPLE = [a_row(1), a_row(2, verdict="02"), *rows(2, first=3)]

#: What somebody with the file and a little SQL would like to be true, with the triggers out of the way.
FORGERIES = {
    "a mismatch becomes a match": "UPDATE attempt SET code = '01' WHERE number = 2",
    "an ask becomes free": "UPDATE attempt SET billed = '0' WHERE number = 1",
    "an ask is about another person": "UPDATE attempt SET key = (SELECT randomblob(16)), released = number WHERE number = 1",
    "two asks change places": "UPDATE attempt SET nonce = (SELECT nonce FROM attempt WHERE number = 3) WHERE number = 2",
    "an ask is gone": "DELETE FROM attempt WHERE number = 1",
    "an answer is taken back": "UPDATE attempt SET state = 'in_doubt', sealed = NULL, billed = '?' WHERE number = 1",
    "an event says something else": "UPDATE event SET code = '01' WHERE code = '02'",
    "an event is gone": "DELETE FROM event WHERE seq = 2",
    "the head of the chain is made up": "UPDATE run SET head = randomblob(32)",
}


def edit(path, statement):
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("PRAGMA foreign_keys = OFF")
    for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        con.execute(f"DROP TRIGGER {name}")
    con.execute(statement)
    con.close()


@guards("planted-files", "edited-ledger")
def test_whatever_row_of_the_ledger_is_edited_no_report_is_made_and_doctor_says_so(desk, sandbox):
    job = desk.verify(PEOPLE, concurrency=1).job
    bought = sandbox.bill.total()
    whole = desk.folder / "whole"
    shutil.copytree(desk.home, whole)
    believed = []
    for number, (name, statement) in enumerate(FORGERIES.items()):
        shutil.rmtree(desk.home)
        shutil.copytree(whole, desk.home)
        edit(desk.home / "sandbox" / "ledger.sqlite", statement)
        try:
            report_job(job, desk.folder / f"report-{number}.json", desk.session(), lang=Lang.EN)
        except BatchVerifyError:
            pass
        else:
            believed.append(f"a report: {name}")
        if all(finding.is_well for finding in examine(desk.home, desk.settings()) if finding.what.startswith("sandbox")):
            believed.append(f"doctor: {name}")
    shutil.rmtree(desk.home)
    shutil.copytree(whole, desk.home)

    assert believed == []
    assert report_job(job, desk.folder / "report.json", desk.session(), lang=Lang.EN)
    assert sandbox.bill.total() == bought


@guards("planted-files", "edited-ledger")
@pytest.mark.parametrize(
    "forgery",
    [
        FORGERIES["a mismatch becomes a match"],
        "UPDATE attempt SET sealed = (SELECT sealed FROM attempt WHERE number = 3) WHERE number = 2",
    ],
    ids=["code", "answer"],
)
def test_no_result_is_drawn_of_a_verdict_that_the_vendor_did_not_give(desk, sandbox, forgery):
    source = desk.sheet(PEOPLE)
    job = desk.verify(source, concurrency=1).job
    edit(desk.home / "sandbox" / "ledger.sqlite", forgery)
    shutil.rmtree(desk.home / "sandbox" / "cache")

    for draw in (lambda: desk.render(job), lambda: desk.verify(source)):
        with pytest.raises(HomeError, match=r"was changed"):
            draw()

    assert sandbox.bill.total() == len(PEOPLE)


class Trap:
    sprung: list[str] = []  # noqa: RUF012 - shared on purpose: unpickling would add to it

    def __reduce__(self):
        return Trap.sprung.append, ("sprung",)


@guards("planted-files", "pickle")
def test_whatever_lies_in_the_cache_of_a_home_a_run_is_right_and_nothing_runs(desk, sandbox):
    """Through a whole run: pickles as keys, values and settings, and an entry of one question under another."""
    source = desk.sheet(PEOPLE)
    drawn = desk.verify(source).path.read_bytes()
    con = sqlite3.connect(desk.home / "sandbox" / "cache" / "cache.db", isolation_level=None)
    trap = pickle.dumps(Trap())
    values = [row[0] for row in con.execute("SELECT value FROM Cache ORDER BY rowid").fetchall()]
    con.execute("UPDATE Cache SET value = ? WHERE rowid = 1", (values[1],))
    con.execute("UPDATE Cache SET mode = 4, value = ? WHERE rowid = 2", (trap,))
    con.execute("UPDATE Cache SET raw = 0, key = ? WHERE rowid = 3", (trap,))
    con.execute("INSERT OR REPLACE INTO Settings VALUES ('disk_pickle_protocol', ?)", (trap,))
    con.close()

    result = desk.verify(source)

    assert Trap.sprung == []
    assert result.path.read_bytes() != b""
    assert result.counts() == {"matched": 3, "mismatched": 1}
    assert drawn
    assert sandbox.bill.total() == len(PEOPLE)


@guards("planted-files")
@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"version": 1, "secret": 5}', b"\x80\x04", b'{"version":1,"secret":"00","profiles":{"a":{}}}']
)
def test_planted_columns_of_last_time_are_not_taken(desk, sandbox, content):
    desk.verify(PEOPLE)
    profiles = desk.home / "profiles.json"
    profiles.write_bytes(content)
    profiles.chmod(0o600)

    assert desk.verify(desk.sheet(PEOPLE)).counts() == {"matched": 3, "mismatched": 1}


@guards("planted-files", "sealed")
def test_a_sandboxs_ledger_in_the_place_of_the_real_one_is_refused(desk):
    """Its answers were made up."""
    desk.verify(PEOPLE)
    shutil.copy(desk.home / "sandbox" / "ledger.sqlite", desk.home / "ledger.sqlite")
    shutil.copy(desk.home / "sandbox" / "master.key", desk.home / "master.key")

    (finding,) = [one for one in examine(desk.home, desk.settings()) if one.what == "ledger"]

    assert not finding.is_well
    assert "holds simulated asks and was moved here from another place" in finding.detail
    assert json.dumps(finding.detail)
