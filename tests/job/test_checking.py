"""`report --check`: every change of a report or of the ledger behind it is found, and what is well is said to be well.

The one thing to know: a forger here owns everything but what was kept elsewhere, up to signing anew with the home's key.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from batchverify.errors import InputError
from batchverify.job import Bounds, Session
from batchverify.job.checking import check_report
from batchverify.job.comparing import Checked
from batchverify.job.reporting import prove_row, report_job, write_proof
from batchverify.job.retention import forgetting
from batchverify.report.audit import document_text, signed_bytes
from batchverify.rules.canonical import canonical
from batchverify.rules.subject import numbers_of
from batchverify.rules.sums import check_sums
from batchverify.sandbox import Fault, Rule, running
from batchverify.settings import Settings
from batchverify.store.ledger import Ledger
from batchverify.store.ledger.chain import first_link, next_link
from batchverify.store.signing import Signer
from batchverify.store.vault import Vault
from batchverify.words import Lang
from tests.builders import a_row, an_id, rows
from tests.desk import Desk

Path_ = tuple[str | int, ...]


class Case:
    """A finished job with its report, and the machine's owner at work on both."""

    def __init__(self, desk: Desk, folder: Path, job: str) -> None:
        self.desk = desk
        self.folder = folder
        self.job = job
        self.ledger = desk.home / "sandbox" / "ledger.sqlite"
        self.session: Session = desk.session()
        report_job(job, self.at("report.json"), self.session, lang=Lang.EN)
        self.document: dict[str, Any] = json.loads(self.at("report.json").read_bytes())
        with sqlite3.connect(self.ledger) as con:
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.close()
        shutil.copyfile(self.ledger, self.at("ledger.kept"))
        with Ledger.open(self.ledger, simulated=True) as ledger:
            self.signer: Signer = Vault.open(self.ledger.with_name("master.key"), ledger=ledger).signer

    def at(self, name: str) -> Path:
        return self.folder / name

    def check(self, document: Any = None, *, key: str | None = None, alone: bool = False) -> Checked:
        path = self.at("report.json")
        if document is not None:
            path = self.at("changed.json")
            path.write_text(document_text(document), "utf-8")
        session = self.elsewhere() if alone else self.session
        return check_report(path, session, key=key)

    def elsewhere(self) -> Session:
        settings: Settings = self.session.settings.model_copy(update={"home": self.folder / "no home"})
        return Session(settings=settings, watcher=self.session.watcher)

    def sign_anew(self, document: dict[str, Any]) -> dict[str, Any]:
        """Sign with the home's own key, as its owner can."""
        return document | {"signature": self.signer.sign(signed_bytes(document))}

    def after(self, change: Callable[[sqlite3.Connection], None]) -> Checked:
        """Check against a ledger changed by raw SQL; the ledger is as before afterwards."""
        con = sqlite3.connect(self.ledger, isolation_level=None)
        try:
            con.execute("PRAGMA ignore_check_constraints = ON")
            for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                con.execute(f"DROP TRIGGER {name}")
            change(con)
        finally:
            con.close()
        try:
            return self.check()
        finally:
            for beside in ("-wal", "-shm"):
                self.ledger.with_name(self.ledger.name + beside).unlink(missing_ok=True)
            shutil.copyfile(self.at("ledger.kept"), self.ledger)

    def after_sql(self, statement: str, *values: object) -> Checked:
        def change(con: sqlite3.Connection) -> None:
            assert con.execute(statement, values).rowcount > 0, statement

        return self.after(change)

    def fetch(self, query: str) -> list[Any]:
        con = sqlite3.connect(f"{self.ledger.as_uri()}?mode=ro", uri=True)
        try:
            return con.execute(query).fetchall()
        finally:
            con.close()


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Iterator[Case]:
    """A job of two runs with every kind of end: a match, a mismatch, one in doubt, one not billed, a duplicate, one blocked."""
    folder = tmp_path_factory.mktemp("case")
    with running() as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("BATCHVERIFY_HOME", raising=False)
        desk = Desk(folder=folder, home=folder / "home", endpoint=sandbox.endpoint)
        sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(2,)), Rule(fault=Fault.THROTTLE_429, at=(3,)))
        people = [a_row(1), a_row(2, verdict="02"), a_row(1), a_row(3, idCard="110101199001010000"), *rows(2, first=5)]
        first = desk.verify(people, bounds=Bounds(max_asks=2, qps=5000.0, concurrency=1))
        desk.resume(first.job)
        yield Case(desk, folder, first.job)


def leaves_of(document: Any, at: Path_ = ()) -> Iterator[Path_]:
    match document:
        case dict():
            for key, value in document.items():
                yield from leaves_of(value, (*at, key))
        case list() if document:
            for place, value in enumerate(document):
                yield from leaves_of(value, (*at, place))
        case _:
            yield at


def with_other(document: dict[str, Any], at: Path_) -> dict[str, Any]:
    """Give a copy in which one leaf has another value, of its own kind."""
    changed = copy.deepcopy(document)
    below: Any = changed
    for step in at[:-1]:
        below = below[step]
    value = below[at[-1]]
    match value:
        case bool():
            other: Any = not value
        case int():
            other = value + 1
        case str() if value[-1:].isdigit():
            other = value[:-1] + str((int(value[-1]) + 1) % 10)
        case str():
            other = value + "x"
        case None:
            other = 1
        case _:
            other = [1]
    below[at[-1]] = other
    return changed


def containers_of(document: Any, at: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    if isinstance(document, dict | list):
        yield at, document
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from containers_of(value, (*at, key))


def found_at(document: Any, at: Path_) -> Any:
    for step in at:
        document = document[step]
    return document


# What is well -----------------------------------------------------------------------------------------------------------


def test_a_report_is_genuine_with_its_ledger_and_with_the_key_alone(case):
    here = case.check()
    alone = case.check(key=case.document["signer"]["public_key"], alone=True)

    assert (here.wrong, here.notes, len(here.well)) == ([], [], 4)
    assert "All rows and every figure come out of input and ledger the same (6 rows)." in here.well
    assert (alone.wrong, alone.notes, len(alone.well)) == ([], [], 2)
    assert not (case.folder / "no home").exists()


def test_the_job_has_every_kind_of_end(case):
    """Otherwise the mutations below would prove less than they seem to."""
    transitions = {word for (word,) in case.fetch("SELECT DISTINCT transition FROM event")}

    assert transitions >= {"reserved", "answered", "in_doubt", "not_billed"}
    assert {one["status"] for one in case.document["outcomes"]} >= {"matched", "mismatched", "in_doubt", "blocked"} - {
        "mismatched"
    }
    assert len(case.document["runs"]) == 2


# Changed reports ----------------------------------------------------------------------------------------------------------


def test_every_changed_figure_of_a_report_is_found_with_the_key_alone(case):
    key = case.document["signer"]["public_key"]
    places = [at for at in leaves_of(case.document) if at not in {("kind",), ("schema",)}]
    assert len(places) > 150

    assert [at for at in places if case.check(with_other(case.document, at), key=key, alone=True).is_genuine] == []


def test_a_report_of_another_kind_or_schema_is_none(case):
    for at in (("kind",), ("schema",)):
        with pytest.raises(InputError):
            case.check(with_other(case.document, at))


def test_every_removed_added_or_reordered_part_of_a_report_is_found(case):
    key = case.document["signer"]["public_key"]
    missed = []
    for at, part in containers_of(case.document):
        for place in list(part) if isinstance(part, dict) else range(len(part)):
            if (at, place) in {((), "kind"), ((), "schema")}:
                continue
            changed = copy.deepcopy(case.document)
            del found_at(changed, at)[place]
            missed += [("removed", at, place)] if case.check(changed, key=key, alone=True).is_genuine else []
        changed = copy.deepcopy(case.document)
        target = found_at(changed, at)
        if isinstance(target, dict):
            target["another"] = 1
        else:
            target.append(1)
        missed += [("added", at)] if case.check(changed, key=key, alone=True).is_genuine else []
        if isinstance(part, list) and len(part) > 1 and part[0] != part[1]:
            changed = copy.deepcopy(case.document)
            target = found_at(changed, at)
            target[0], target[1] = target[1], target[0]
            missed += [("reordered", at)] if case.check(changed, key=key, alone=True).is_genuine else []

    assert missed == []


@pytest.mark.slow
def test_every_changed_figure_that_was_signed_anew_is_found_against_the_ledger_and_named(case):
    """By whoever owns the machine and its key: only input and ledger still say otherwise."""
    allowed = {"tool", "outputs", "signature", "kind", "schema"}
    # One of each kind: what holds for the first window, run or row holds for the next.
    kinds = {
        tuple("*" if isinstance(step, int) else step for step in at): at
        for at in leaves_of(case.document)
        # The level of a warning is the desk's on the day of the report, and no record of the job.
        if at[0] not in allowed and at[-1] != "low_balance_percent"
    }
    assert len(kinds) > 90
    missed = []
    for at in kinds.values():
        found = case.check(case.sign_anew(with_other(case.document, at)))
        named = (str(at[-1]), str(at[0]), "chain", "ledger has no run", "signer")
        if not any(word in one for one in found.wrong for word in named):
            missed.append((at, found.wrong))

    assert missed == []


@pytest.mark.parametrize("runs", [7, ["x"], [{}], [{"run": []}], [{"run": "", "events": 1}], None])
def test_runs_of_another_form_are_found(case, runs):
    own = [one | {"events": events} for one in case.document["runs"] for events in (-1, True, 10**30, "8")]

    assert not case.check(case.document | {"runs": runs}).is_genuine
    assert [one for one in own if case.check(case.document | {"runs": [one]}).is_genuine] == []


def test_what_differs_is_named(case):
    changed = with_other(case.document, ("status", "matched"))

    found = case.check(changed)

    assert not found.is_genuine
    assert found.wrong[0].startswith("The signature does not hold under this home's key (")
    assert "Input and ledger say otherwise about status.matched." in found.wrong


def test_sums_that_do_not_agree_are_named_even_where_they_are_signed(case):
    changed = case.sign_anew(with_other(case.document, ("asks", "sent")))

    found = case.check(changed, key=case.document["signer"]["public_key"], alone=True)

    assert any(one.startswith("asks.sent is ") for one in found.wrong)


# Keys ---------------------------------------------------------------------------------------------------------------------


def test_a_report_signed_by_a_stranger_is_not_genuine(case):
    stranger = Signer(bytes(32))
    document = case.document | {
        "signer": {
            "algorithm": "Ed25519",
            "public_key": stranger.public_key,
            "fingerprint": case.document["signer"]["fingerprint"],
        }
    }
    forged = document | {"signature": stranger.sign(signed_bytes(document))}

    assert not case.check(forged).is_genuine
    assert not case.check(forged, key=case.document["signer"]["public_key"], alone=True).is_genuine
    assert (
        case.check(forged, key=stranger.public_key, alone=True).wrong[0].startswith("It names another signer than the key given")
    )


def test_a_report_is_not_believed_about_whose_it_is(case):
    with pytest.raises(
        InputError, match=r"Whose signature is under report\.json cannot be told.*its fingerprint is ([0-9a-f]{4} ?){8}\."
    ):
        case.check(alone=True)


@pytest.mark.parametrize("signer", [[], None, {"public_key": 7}, {"public_key": "ab"}])
def test_a_report_with_an_odd_signer_is_not_believed_either(case, signer):
    with pytest.raises(InputError, match="its fingerprint is unreadable"):
        case.check(case.document | {"signer": signer}, alone=True)
    assert not case.check(case.document | {"signer": signer}).is_genuine


def test_a_key_that_is_none_is_refused(case):
    with pytest.raises(InputError, match="A public key has 64 hex digits, written in small letters"):
        case.check(key="AB" * 32)


# Changed ledgers ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_changed_event_is_found(case):
    columns = ("run", "seq", "at", "attempt", "tag", "transition", "code", "billed", "request_id", "hash")
    events = case.fetch("SELECT run, seq FROM event")
    assert len(events) >= 10
    missed = []
    for run, seq in events:
        for column in columns:
            other = {
                "run": "CASE run WHEN 1 THEN 2 ELSE 1 END",
                "seq": "seq + 100",
                "tag": "x'00112233445566778899aabbccddeeff'",
                "hash": "zeroblob(32)",
                "transition": "CASE transition WHEN 'answered' THEN 'in_doubt' ELSE 'answered' END",
                "billed": "CASE billed WHEN '1' THEN '0' ELSE '1' END",
                "code": "code || '1'",
                "request_id": "request_id || 'x'",
            }.get(column, f"{column} + 1")
            # A number of its own first, for the place may be taken.
            found = case.after_sql(f"UPDATE OR REPLACE event SET {column} = {other} WHERE run = ? AND seq = ?", run, seq)
            missed += [(run, seq, column)] if found.is_genuine else []

    assert missed == []


def test_every_removed_event_is_found(case):
    events = case.fetch("SELECT run, seq FROM event")
    found = {one: case.after_sql("DELETE FROM event WHERE run = ? AND seq = ?", *one) for one in events}

    assert [one for one, checked in found.items() if checked.is_genuine] == []


def test_every_reordered_pair_of_events_is_found(case):
    def swapped(run: int, seq: int) -> Callable[[sqlite3.Connection], None]:
        def change(con: sqlite3.Connection) -> None:
            for old, new in ((seq, -1), (seq + 1, seq), (-1, seq + 1)):
                con.execute("UPDATE event SET seq = ? WHERE run = ? AND seq = ?", (new, run, old))

        return change

    pairs = case.fetch(
        "SELECT event.run, event.seq FROM event JOIN event AS next ON next.run = event.run AND next.seq = event.seq + 1"
    )
    assert len(pairs) >= 8

    assert [one for one in pairs if case.after(swapped(*one)).is_genuine] == []


def test_an_added_event_is_found(case):
    run, seq = case.fetch("SELECT run, max(seq) FROM event GROUP BY run ORDER BY run DESC LIMIT 1")[0]

    found = case.after_sql(
        "INSERT INTO event SELECT run, seq + 1, at, attempt, tag, transition, code, billed, request_id, hash FROM event WHERE run = ? AND seq = ?",
        run,
        seq,
    )

    assert not found.is_genuine


def test_a_chain_that_was_written_anew_from_its_beginning_is_found(case):
    """Every hash fits the other, and the ledger finds nothing: the head in the report, kept elsewhere, shows it."""

    def rewrite(con: sqlite3.Connection) -> None:
        names = dict(con.execute("SELECT number, id FROM run").fetchall())
        starts = dict(con.execute("SELECT number, started_at FROM run").fetchall())
        answered = "SELECT attempt FROM event WHERE transition = 'answered' LIMIT 1"
        con.execute(f"UPDATE attempt SET request_id = 'forged' WHERE number = ({answered})")
        con.execute(f"UPDATE event SET request_id = 'forged' WHERE transition = 'answered' AND attempt = ({answered})")
        for run, name in names.items():
            link = first_link(name, starts[run])
            for row in con.execute(
                "SELECT seq, at, attempt, tag, transition, code, billed, request_id FROM event WHERE run = ? ORDER BY seq", (run,)
            ).fetchall():
                seq, at, attempt, tag, transition, code, billed, request_id = row
                link = next_link(
                    link,
                    seq=seq,
                    at=at,
                    attempt=attempt,
                    tag=tag,
                    transition=transition,
                    code=code,
                    billed=billed,
                    request_id=request_id,
                )
                con.execute("UPDATE event SET hash = ? WHERE run = ? AND seq = ?", (link, run, seq))
            con.execute("UPDATE run SET head = ? WHERE number = ?", (link, run))

    found = case.after(rewrite)

    assert any("never had the head that the report names" in one for one in found.wrong)


@pytest.mark.parametrize(
    "change",
    [
        "code = code || '1'",
        "billed = CASE billed WHEN '1' THEN '0' ELSE '1' END",
        "state = CASE state WHEN 'answered' THEN 'in_doubt' ELSE 'answered' END, sealed = NULL",
        "request_id = 'forged'",
        "vendor_at = vendor_at + 3600000000, reserved_at = reserved_at + 3600000000",
        "key = CAST('another' || number AS BLOB)",
        "run = CASE run WHEN 1 THEN 2 ELSE 1 END",
    ],
)
def test_every_changed_attempt_is_found(case, change):
    numbers = [number for (number,) in case.fetch("SELECT number FROM attempt")]
    found = {number: case.after_sql(f"UPDATE attempt SET {change} WHERE number = ?", number) for number in numbers}

    assert [number for number, checked in found.items() if checked.is_genuine] == []


def test_every_removed_attempt_is_found(case):
    numbers = [number for (number,) in case.fetch("SELECT number FROM attempt")]

    assert [one for one in numbers if case.after_sql("DELETE FROM attempt WHERE number = ?", one).is_genuine] == []


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'rerun'",
        "started_at = started_at + 60000000",
        "ended_at = ended_at + 60000000",
        "reason = 'lost'",
        "cap_asks = 1000",
        "qps = 1",
        "asks_per_card = 9",
        "wallet_total = 7, wallet_left = 7",
        "spent = spent + 1",
        "seq = seq + 1",
        "head = zeroblob(32)",
        "unit_price = '0.01'",
    ],
)
def test_every_changed_run_is_found(case, change):
    runs = [number for (number,) in case.fetch("SELECT number FROM run")]
    found = {number: case.after_sql(f"UPDATE run SET {change} WHERE number = ?", number) for number in runs}

    assert [number for number, checked in found.items() if checked.is_genuine] == []


def test_a_removed_run_is_found(case):
    def remove(con: sqlite3.Connection) -> None:
        for statement in (
            "DELETE FROM event WHERE run = 2",
            "DELETE FROM attempt WHERE run = 2",
            "DELETE FROM run WHERE number = 2",
        ):
            con.execute(statement)

    assert any("The ledger has no run " in one for one in case.after(remove).wrong)


def test_a_removed_job_is_found(case):
    found = case.after_sql("UPDATE job SET id = 's-zzzzzzzz'")

    assert found.wrong == [f"The job {case.job} is not in this home any more, and the home's own key signed the report."]


def test_a_job_that_was_purged_is_no_fault_for_who_brings_the_key(case):
    con = sqlite3.connect(case.ledger, isolation_level=None)
    con.execute("UPDATE job SET id = 's-zzzzzzzz'")
    con.close()
    try:
        found = case.check(key=case.document["signer"]["public_key"])
    finally:
        shutil.copyfile(case.at("ledger.kept"), case.ledger)

    assert found.wrong == []
    assert found.notes == [f"The job {case.job} is not in this home any more: its ledger could not be compared."]


# What may happen to an honest report ------------------------------------------------------------------------------------------


def test_a_report_stays_genuine_when_its_job_goes_on(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_BEFORE, at=(2,)))
    job = desk.verify(rows(3), bounds=Bounds(max_asks=2, qps=5000.0, concurrency=1)).job
    report_job(job, desk.folder / "old.json", desk.session(), lang=Lang.EN)
    write_proof(prove_row(job, 2, desk.session()), desk.folder / "proof.json")
    desk.resume(job)

    found = check_report(desk.folder / "old.json", desk.session(), key=None)
    proof = check_report(desk.folder / "proof.json", desk.session(), key=None)

    assert found.wrong == []
    assert found.notes == ["The ledger has grown since: rows and figures were not compared. Report again to compare them."]
    assert proof.wrong == []
    assert proof.notes == ["The job has been run again since: the row was not compared. Prove it again to compare it."]


def test_a_report_stays_genuine_when_its_input_is_gone_or_settings_change(case):
    settings = case.session.settings.model_copy(update={"unit_price": 7, "lock_minutes": 5, "low_balance_percent": 90})
    changed = Session(settings=settings, watcher=case.session.watcher)
    assert check_report(case.at("report.json"), changed, key=None).wrong == []

    source = case.folder / case.document["input"]["name"]
    away = source.rename(case.at("away"))
    try:
        found = case.check()
    finally:
        away.rename(source)

    assert found.wrong == []
    assert found.notes[0].startswith("Rows and figures could not be compared. The input of the job")


def test_a_result_drawn_again_otherwise_is_told(desk):
    job = desk.verify(rows(1)).job
    report_job(job, desk.folder / "report.json", desk.session(), lang=Lang.EN)
    desk.render(job, change=lambda kept: kept.__class__(**{**_fields(kept), "delivery": _delivery(kept)}))

    found = check_report(desk.folder / "report.json", desk.session(), key=None)

    assert found.wrong == []
    assert found.notes == ["A result file was written after the report: it has another SHA-256 than the report names."]


def _fields(kept: Any) -> dict[str, Any]:
    return {name: getattr(kept, name) for name in kept.__slots__}


def _delivery(kept: Any) -> Any:
    return type(kept.delivery)(lang=Lang.ZH)


# What only looks like a report --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no report that can be read"),
        (b"{}", "is no audit report and no proof of batchverify"),
        (b"[1]", "is no audit report and no proof of batchverify"),
        (b'{"kind":"batchverify audit report","kind":1}', "holds no report that can be read"),
        (b'{"kind":"batchverify audit report","schema":1.0}', "holds no report that can be read"),
        (b'{"kind":"batchverify audit report","schema":2}', "was written by another version of batchverify"),
        (b'{"kind":"batchverify audit report","schema":1,"x":"\\ud800"}', "holds no report that can be read"),
        (b"[" * 100_000, "holds no report that can be read"),
        (b"<html><body>hello</body></html>", "no signed document is embedded in it"),
        (b"%PDF-1.7\nstream\nxx\nendstream", "no signed document is embedded in it"),
        (b"PK\x03\x04 nothing", "cut off or damaged"),
    ],
)
def test_what_is_no_report_is_refused(desk, content, said):
    path = desk.folder / "odd"
    path.write_bytes(content)

    with pytest.raises(InputError, match=said):
        check_report(path, desk.session(), key=None)


def test_a_missing_or_huge_file_is_refused(desk):
    with pytest.raises(InputError, match="cannot be read"):
        check_report(desk.folder / "gone.json", desk.session(), key=None)
    huge = desk.folder / "huge.json"
    with huge.open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(InputError, match="has more than 64 MB"):
        check_report(huge, desk.session(), key=None)


# Proofs ---------------------------------------------------------------------------------------------------------------------------


def test_a_proof_is_genuine_with_the_ledger_and_with_the_key_alone(case):
    proof = prove_row(case.job, 4, case.session)

    here, alone = case.check(proof), case.check(proof, key=proof["signer"]["public_key"], alone=True)

    assert (here.wrong, alone.wrong) == ([], [])
    assert here.well[-1] == "The row comes out of input and ledger the same."
    assert alone.well[-1] == f"Row 4 stands under the root {case.document['merkle']['root']}."


def test_every_change_of_a_proof_is_found(case):
    proof = prove_row(case.job, 4, case.session)
    places = [at for at in leaves_of(proof) if at not in {("kind",), ("schema",)}]
    missed = [at for at in places if case.check(with_other(proof, at), key=proof["signer"]["public_key"], alone=True).is_genuine]

    assert missed == []


def test_a_row_that_does_not_stand_under_the_root_has_no_proof_whoever_signs_it(case):
    proof = with_other(prove_row(case.job, 4, case.session), ("row", "status"))
    forged = {key: value for key, value in proof.items() if key != "signature"}
    forged["signature"] = case.signer.sign(canonical(forged))

    assert "The row does not stand under the root." in case.check(forged, key=case.signer.public_key, alone=True).wrong
    assert not case.check(forged).is_genuine


# Pages that show something else ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forms(case) -> dict[str, Path]:
    """Draw the report in every form."""
    return {
        suffix: report_job(case.job, case.at(f"report{suffix}"), case.session, lang=Lang.ZH)
        for suffix in (".html", ".xlsx", ".pdf")
    }


def test_every_form_is_genuine_with_the_key_alone(case, forms):
    for path in forms.values():
        found = check_report(path, case.elsewhere(), key=case.document["signer"]["public_key"])
        assert (found.wrong, found.well[-1]) == ([], "It shows what was signed, and nothing else.")


def test_a_page_that_shows_another_figure_than_it_carries_is_not_genuine(case, forms):
    page = forms[".html"].read_text("utf-8")
    forged = case.at("forged.html")
    for old, new in (
        ('<dd class="text">6</dd>', '<dd class="text">7</dd>'),
        ("</main>", "<p>all well</p></main>"),
        ("不一致", "一致"),
    ):
        assert old in page
        forged.write_text(page.replace(old, new, 1), "utf-8")
        found = check_report(forged, case.session, key=None)
        assert re.match(r"The page does not show what was signed: line \d+ of its source was changed\.", found.wrong[0])
    forged.write_text(page + "<!-- more -->", "utf-8")
    assert check_report(forged, case.session, key=None).wrong[0].startswith("The page does not show what was signed.")


def test_a_workbook_that_shows_another_figure_than_it_carries_is_not_genuine(case, forms):
    again = case.at("again.xlsx")
    book = load_workbook(forms[".xlsx"])
    book.save(again)
    assert check_report(again, case.session, key=None).is_genuine  # saved by another program, with the same texts

    book.worksheets[0]["B8"] = "7"
    book.save(again)
    found = check_report(again, case.session, key=None)
    assert found.wrong[0].startswith("Cells do not show what was signed: 审计报告!B8.")


def test_a_pdf_of_other_pages_than_it_carries_is_not_genuine(case, forms):
    pdf = forms[".pdf"].read_bytes()
    forged = case.at("forged.pdf")
    for changed in (pdf + b"\n", pdf.replace(b"/Count ", b"/Count  ", 1)):
        forged.write_bytes(changed)
        found = check_report(forged, case.session, key=None)
        assert found.wrong[0].startswith("The pages are not those that this machine draws of what is signed")


def test_a_pdf_that_cannot_be_drawn_here_is_not_called_genuine(case, forms, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)

    found = check_report(forms[".pdf"], case.session, key=None)

    assert found.wrong[0].startswith("What it shows could not be compared with what is signed. A PDF needs the extra 'pdf'.")


def test_a_changed_document_within_a_page_is_not_genuine(case, forms):
    page = forms[".html"].read_text("utf-8")
    forged = case.at("forged.html")
    matched = case.document["status"]["matched"]
    changed = page.replace(f"&quot;matched&quot;:{matched},", f"&quot;matched&quot;:{matched + 1},", 1)
    assert changed != page
    forged.write_text(changed, "utf-8")

    found = check_report(forged, case.session, key=None)

    assert "Input and ledger say otherwise about status.matched." in found.wrong


@pytest.mark.parametrize("byte", range(0, 97, 32))
def test_a_page_cut_off_or_with_another_byte_is_not_genuine(case, forms, byte):
    for suffix, path in forms.items():
        content = path.read_bytes()
        at = len(content) * byte // 97
        for changed in (content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], content[:at]):
            forged = case.at(f"forged{suffix}")
            forged.write_bytes(changed)
            try:
                found = check_report(forged, case.session, key=None)
            except InputError:
                continue
            # A byte of a workbook's zip that no reader looks at shows nothing to anybody.
            assert not found.is_genuine or suffix == ".xlsx"


def test_findings_are_told_to_scripts_as_json(case):
    found = case.check()

    assert found.as_json() == {"file": "report.json", "genuine": True, "well": found.well, "wrong": [], "notes": []}


# Somebody asks to be forgotten -----------------------------------------------------------------------------------------------------


def test_a_report_and_a_proof_stay_genuine_when_somebody_is_forgotten(desk):
    job = desk.verify([*rows(3), a_row(9, idCard="1")]).job
    report_job(job, desk.folder / "old.json", desk.session(), lang=Lang.EN)
    write_proof(prove_row(job, 4, desk.session()), desk.folder / "proof.json")
    with forgetting(desk.session(operator="wang"), numbers_of(an_id(2))) as erasing:
        erasing.go(None)

    old = check_report(desk.folder / "old.json", desk.session(), key=None)
    proof = check_report(desk.folder / "proof.json", desk.session(), key=None)
    report_job(job, desk.folder / "new.html", desk.session(), lang=Lang.EN)
    report_job(job, desk.folder / "new.json", desk.session(), lang=Lang.EN)
    new = check_report(desk.folder / "new.json", desk.session(), key=None)

    told = "Somebody was forgotten, or old codes were purged, after the report: what depends on rows was not compared."
    assert (old.wrong, old.notes) == ([], [told])
    assert old.well[-1] == "Runs, asks and money come out of input and ledger the same (4 rows)."
    assert (proof.wrong, proof.notes) == ([], [told])
    assert (new.wrong, new.notes) == ([], [])
    document = json.loads((desk.folder / "new.json").read_bytes())
    assert document["erased"] == {"attempts": 1, "rows": 1}
    assert "Rows whose person was forgotten" in (desk.folder / "new.html").read_text("utf-8")
    assert check_sums(document) == []


def test_the_certificate_of_an_erasure_is_checked_like_a_report(desk):
    desk.verify(rows(2))
    written = desk.folder / "certificate.json"
    with forgetting(desk.session(operator="wang"), numbers_of(an_id(2))) as erasing:
        key = erasing.go(written).document["signer"]["public_key"]

    here = check_report(written, desk.session(), key=None)
    alone = check_report(written, desk.session(home=desk.folder / "no home"), key=key)
    document = json.loads(written.read_bytes())
    written.write_text(document_text(document | {"operator": "li"}), "utf-8")
    changed = check_report(written, desk.session(), key=None)

    assert (here.wrong, here.notes, len(here.well)) == ([], [], 1)
    assert (alone.wrong, len(alone.well)) == ([], 1)
    assert not changed.is_genuine


def test_what_erasing_cannot_change_is_compared_after_it(desk, changed_ledger):
    job = desk.verify(rows(3)).job
    report_job(job, desk.folder / "old.json", desk.session(), lang=Lang.EN)
    with forgetting(desk.session(operator="wang"), numbers_of(an_id(2))) as erasing:
        erasing.go(None)
    changed_ledger("UPDATE run SET spent = spent + 1")

    found = check_report(desk.folder / "old.json", desk.session(), key=None)

    assert [one for one in found.wrong if "runs[0].spent" in one] != []
