"""What is old and who asks for it is erased, to the last byte of the home, and nothing is bought again for it."""

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from batchverify.errors import InputError, SettingsError
from batchverify.job import Asking, Bounds, Delivery, Options, run_file
from batchverify.job.clock import SystemClock
from batchverify.job.passes import OPEN_WITHOUT_DOUBT
from batchverify.job.realm import open_realm
from batchverify.job.rerunning import rerun_file
from batchverify.job.retention import forgetting, purging
from batchverify.model import Secret
from batchverify.report.audit import signed_bytes
from batchverify.rules.subject import numbers_of
from batchverify.sandbox import Fault, Rule
from batchverify.store.ledger import Reuse, RunKind, RunSpec
from batchverify.store.ledger.limits import Instant
from batchverify.store.ledger.rows import micros
from batchverify.store.signing import is_signed
from batchverify.tables.passwords import Passwords
from tests.builders import a_card, a_row, a_sheet, an_id, read_rows, rows
from tests.threats import guards


@dataclass
class LaterClock(SystemClock):
    """The system's clock, as it will be after so many days of the same boot."""

    days: float

    def __post_init__(self):
        super().__init__()

    def now(self):
        return super().now() + timedelta(days=self.days)

    def monotonic(self):
        return super().monotonic() + self.days * 86_400


def later(desk, days):
    return replace(desk.session(), clock=LaterClock(days))


def forget(desk, *numbers, output=None):
    with forgetting(desk.session(operator="wang"), frozenset().union(*(numbers_of(number) for number in numbers))) as erasing:
        return erasing.go(output)


def purge(desk, days, **options):
    with purging(later(desk, days), **options) as erasing:
        return erasing.go(None).document["sandbox"] if erasing else None


def bytes_of(desk, person, verdict="00"):
    """All that could tell of a person: the cells, the tags, the key, the sealed answer and what ties the events to it."""
    row = a_row(person, verdict=verdict)
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        id_tag = realm.vault.id_tag(row["idCard"])
        card_tag = realm.vault.card_tag(row["accountNo"])
    with closing(sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite")) as con:
        found = con.execute("SELECT key, sealed, nonce FROM attempt WHERE id_tag = ?", (id_tag,)).fetchall()
    plain = [row[name].encode() for name in ("name", "idCard", "accountNo")]
    return [*plain, id_tag, card_tag, *(part for parts in found for part in parts if part is not None)]


def files_with(desk, needles):
    return sorted(
        {
            path.relative_to(desk.home).as_posix()
            for path in desk.home.rglob("*")
            if path.is_file()
            for needle in needles
            if needle in path.read_bytes()
        }
    )


@guards("erasure")
def test_no_byte_of_whoever_was_forgotten_is_left_in_any_file_of_the_home(desk):
    desk.verify(rows(30))
    needles = {person: bytes_of(desk, person) for person in (7, 8)}
    assert "sandbox/ledger.sqlite" in " ".join(files_with(desk, needles[7]))
    assert any("cache" in name for name in files_with(desk, needles[7]))

    certificate = forget(desk, an_id(7))

    assert certificate.is_scrubbed
    assert files_with(desk, needles[7]) == []
    assert files_with(desk, needles[8]) != [], "somebody else went, too"


def test_a_forgotten_row_says_so_and_keeps_its_cost_in_the_bill(desk, sandbox):
    first = desk.verify([a_row(1), a_row(2), a_row(2), a_row(3, verdict="02")])

    forget(desk, an_id(2))
    drawn = desk.render(first.job)

    assert drawn.column("bv_status") == ["matched", "blocked", "blocked", "mismatched"]
    assert drawn.column("bv_code") == ["01", "forgotten", "forgotten", "02"]
    assert drawn.column("bv_billed") == ["1", "1", "0", "1"]
    assert "The person asked to be forgotten." in drawn.rows[1]["bv_message"]
    assert drawn.json["asks"]["billed"] == first.json["asks"]["billed"] == 3 == sandbox.bill.total()
    assert drawn.json["windows"] == first.json["windows"]
    assert desk.render(first.job).path.read_bytes() == drawn.path.read_bytes()


def test_no_command_buys_a_forgotten_row_again(desk, sandbox):
    path = desk.sheet([a_row(1), a_row(2), a_row(3)])
    first = desk.verify(path)
    given_out = first.path.with_name("given-out.csv")
    given_out.write_bytes(first.path.read_bytes())
    forget(desk, an_id(2))
    drawn = desk.render(first.job)

    desk.resume(first.job)
    desk.rerun(first.job, what=OPEN_WITHOUT_DOUBT)
    old = desk.rerun(given_out, what=OPEN_WITHOUT_DOUBT)
    new = desk.rerun(drawn.path, what=OPEN_WITHOUT_DOUBT)
    session = desk.session()
    longer = a_sheet(desk.folder, [a_row(3), a_row(2), a_row(1)], name="longer.csv")
    corrected = desk._checked(rerun_file(longer, desk.bounds(session), session, job=first.job))

    assert sandbox.bill.total() == 3
    assert old.column("bv_code") == ["01", "forgotten", "01"] == new.column("bv_code") == corrected.column("bv_code")
    assert desk.render(old.job).column("bv_code") == ["01", "forgotten", "01"]
    desk.resume(corrected.job)
    assert sandbox.bill.total() == 3


def test_marks_of_a_file_that_was_given_out_do_when_the_origin_is_gone(desk, sandbox):
    path = desk.sheet([a_row(1), a_row(2)])
    first = desk.verify(path)
    given_out = first.path.with_name("given-out.csv")
    given_out.write_bytes(first.path.read_bytes())
    forget(desk, an_id(2))
    path.unlink()

    again = desk.rerun(given_out, what=OPEN_WITHOUT_DOUBT)

    assert again.column("bv_code") == ["01", "forgotten"]
    assert sandbox.bill.total() == 2


def test_a_forgotten_row_that_was_edited_is_a_new_question(desk, sandbox):
    first = desk.verify([a_row(1), a_row(2)])
    forget(desk, an_id(2))
    table = read_rows(first.path)
    table[1]["身份证号"] = an_id(9)
    with first.path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)

    again = desk.rerun(first.path, what=OPEN_WITHOUT_DOUBT)

    assert again.column("bv_code") == ["01", "01"]
    assert sandbox.bill.total() == 3


def test_a_job_that_reused_the_answer_knows_the_row_too(desk, sandbox):
    desk.verify([a_row(1), a_row(2)])
    second = desk.verify([a_row(2), a_row(3)])

    certificate = forget(desk, a_card(2))
    drawn = desk.resume(second.job)

    assert drawn.column("bv_code") == ["forgotten", "01"]
    assert drawn.column("bv_billed") == ["0", "1"]
    assert certificate.document["sandbox"]["rows_forgotten"] == 2
    assert sandbox.bill.total() == 3


def test_a_new_file_asks_whoever_was_forgotten_and_its_plan_says_so(desk, sandbox):
    desk.verify([a_row(1), a_row(2)])
    forget(desk, an_id(2))

    again = desk.sheet([a_row(1), a_row(2), a_row(3)])

    assert desk.plan(again).asks == 2
    assert desk.verify(again).counts() == {"matched": 3}
    assert sandbox.bill.total() == 4


def test_a_job_whose_input_is_gone_is_closed_and_nothing_goes_on_with_it(desk, sandbox):
    path = desk.sheet([a_row(1), a_row(2)])
    first = desk.verify(path)
    kept = path.read_bytes()
    path.unlink()

    certificate = forget(desk, an_id(2))
    path.write_bytes(kept)

    assert certificate.document["sandbox"]["jobs_closed"] == [first.job]
    assert forget(desk, an_id(99)).document["sandbox"]["jobs_closed"] == [], "it is closed already"
    for act in (desk.render, desk.resume, desk.rerun):
        with pytest.raises(
            InputError, match=rf"^The job {first.job} is closed: its answers were erased on 20.*pays anew\. Nothing"
        ):
            act(first.job)
    with pytest.raises(InputError, match="is closed"):
        desk.rerun(first.path)
    assert sandbox.bill.total() == 2
    assert desk.verify(path).job != first.job
    assert sandbox.bill.total() == 3


def test_a_protected_input_is_read_with_its_password_and_without_it_its_job_is_closed(desk, sandbox):
    passwords = Passwords(ask=lambda _: Secret("a password"), ask_new=lambda _name, _own: Secret("a password"))
    session = replace(desk.session(), passwords=passwords)
    path = desk.sheet(rows(3), kind="xlsx")
    protected = Options(delivery=Delivery(output=desk.folder / "protected.xlsx", protect=True))
    run_file(path, protected, desk.bounds(session), session)
    second = run_file(desk.folder / "protected.xlsx", Options(), desk.bounds(session), session).summary.job

    with forgetting(replace(desk.session(), passwords=passwords), numbers_of(an_id(2))) as erasing:
        found = erasing.go(None).document["sandbox"]
    assert (found["rows_forgotten"], found["jobs_closed"]) == (2, [])
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        assert list(realm.ledger.retention().forgotten_rows(second)) == [3]
    new = desk.sheet([a_row(9)], kind="xlsx")
    session = replace(desk.session(), passwords=passwords)
    run_file(
        new,
        replace(protected, delivery=replace(protected.delivery, output=new.with_name("new.xlsx"))),
        desk.bounds(session),
        session,
    )
    third = run_file(
        new.with_name("new.xlsx"), Options(asking=Asking(reuse_days_matched=0)), desk.bounds(session), session
    ).summary.job
    assert forget(desk, an_id(9)).document["sandbox"]["jobs_closed"] == [third]


def test_an_unfinished_job_does_not_ask_whoever_was_forgotten_meanwhile(desk, sandbox):
    path = desk.sheet(rows(3))
    first = desk.verify(path, bounds=Bounds(max_asks=1))

    forget(desk, an_id(3))
    ended = desk.verify(path)

    assert ended.job == first.job
    assert ended.column("bv_code") == ["01", "01", "forgotten"]
    assert sandbox.bill.total() == 2


def test_a_doubt_about_somebody_forgotten_stays_in_the_bill(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, times=1))
    first = desk.verify([a_row(1)])
    assert first.counts() == {"in_doubt": 1}

    forget(desk, an_id(1))
    drawn = desk.render(first.job)

    assert drawn.column("bv_billed") == ["?"]
    assert drawn.json["asks"]["in_doubt"] == 1
    assert drawn.counts() == {"blocked": 1}


def test_a_certificate_counts_names_nobody_and_is_signed(desk):
    first = desk.verify([a_row(1), a_row(2)])
    target = desk.folder / "certificate.json"

    certificate = forget(desk, an_id(2), output=target)

    document = json.loads(target.read_text("utf-8"))
    assert document == certificate.document
    assert (document["certificate"], document["operator"], document["old_bytes_are_gone"]) == ("forget", "wang", True)
    assert document["sandbox"]["erased"] | {"answers": 1, "codes": 1} == document["sandbox"]["erased"]
    assert document["sandbox"]["jobs"] == [first.job]
    assert document["sandbox"]["files_of_yours"] == sorted([str(desk.folder / "people-1.csv"), str(first.path.resolve())])
    assert document["erasures"]["sandbox"]["chains_hold"]
    assert is_signed(signed_bytes(document), public_key=document["signer"]["public_key"], signature=document["signature"])
    for secret in bytes_of(desk, 2):
        assert secret not in target.read_bytes()
        assert secret.hex().encode() not in target.read_bytes()


def test_a_certificate_takes_the_place_of_no_file_and_then_nothing_goes(desk):
    desk.verify(rows(1))
    target = desk.folder / "mine.txt"
    target.write_text("mine")

    with pytest.raises(InputError, match=r"'.*mine\.txt' exists already\. Name another file with -o; nothing was erased\."):
        forget(desk, an_id(1), output=target)

    with pytest.raises(
        InputError, match=r"There is no folder '.*nowhere' for the certificate\. Name another file with -o; nothing"
    ):
        forget(desk, an_id(1), output=desk.folder / "nowhere" / "certificate.json")
    assert target.read_text() == "mine"
    assert files_with(desk, bytes_of(desk, 1)) != []


def test_nobody_is_forgotten_while_a_run_could_ask_about_them(desk):
    first = desk.verify(rows(1))
    clock = SystemClock()
    with open_realm(desk.home, simulated=True, clock=clock) as realm:
        lock = realm.home.hold_lock("living")
        spec = RunSpec(
            kind=RunKind.RESUME,
            reuse=Reuse(matched_after=clock.now(), other_after=clock.now()),
            lock="living",
            boot=clock.boot,
        )
        realm.ledger.start_run(first.job, spec, now=clock.now(), monotonic=clock.monotonic())
        with pytest.raises(InputError, match=r"The run s-.*\.2 is going on\. Erase when it has ended; nothing was erased\."):
            forget(desk, an_id(1))
        lock.release()

    assert forget(desk, an_id(1)).document["sandbox"]["erased"]["codes"] == 1


@guards("erasure")
def test_answers_go_after_30_days_and_codes_after_180_with_every_byte(desk, sandbox):
    first = desk.verify(rows(3))
    needles = bytes_of(desk, 1)
    sealed = [needle for needle in needles if len(needle) > 40]
    assert purge(desk, 29.9) is None

    gone = purge(desk, 30.1)

    assert (gone["erased"]["answers"], gone["erased"]["codes"], gone["jobs_closed"]) == (3, 0, [])
    assert sealed
    assert files_with(desk, sealed) == []
    drawn = desk.render(first.job)
    assert drawn.column("bv_status") == ["matched"] * 3, "the verdict stands by its code"
    assert drawn.column("bv_bank") == [""] * 3, "the answer is gone"
    assert desk.resume(first.job).counts() == {"matched": 3}

    gone = purge(desk, 180.1)

    assert (gone["erased"]["codes"], gone["jobs_closed"], gone["files_of_yours"]) == (3, [first.job], [str(first.path.resolve())])
    assert files_with(desk, needles) == []
    with pytest.raises(InputError, match=rf"^The job {first.job} is closed"):
        desk.resume(first.job)
    assert sandbox.bill.total() == 3


def test_after_three_years_the_record_goes_and_old_certificates_with_it(desk):
    desk.verify(rows(2))
    purge(desk, 200)
    newest = desk.verify(rows(1, first=50))
    (old,) = (desk.home / "certificates").iterdir()

    gone = purge(desk, 1_100)

    assert {kind: gone["erased"][kind] for kind in ("jobs", "runs", "attempts", "events")} == {
        "jobs": 1,
        "runs": 1,
        "attempts": 2,
        "events": 4,
    }
    assert not old.exists()
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        assert [job.id for job in realm.ledger.jobs()] == [newest.job]
        assert realm.ledger.damages() == []
        assert realm.ledger.retention().chain_holds()


def test_what_an_erasing_that_was_cut_short_has_left_goes_with_the_next_purge(desk):
    desk.verify(rows(3))
    needles = bytes_of(desk, 1)
    numbers = numbers_of(an_id(1))
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        tags = [realm.vault.id_tag(number) for number in numbers]
        at = Instant(now=micros(SystemClock().now()), boot="", monotonic=0.0)
        realm.ledger.retention().forget(tags, [], rows={}, close=[], at=at)  # and here its process dies
    assert files_with(desk, needles) != []

    with purging(desk.session()) as erasing:
        assert not erasing
        assert erasing.tidy()

    assert files_with(desk, needles) == []


def test_nothing_is_tidied_while_a_run_is_going_on(desk):
    first = desk.verify(rows(1))
    clock = SystemClock()
    with open_realm(desk.home, simulated=True, clock=clock) as realm:
        lock = realm.home.hold_lock("living")
        spec = RunSpec(
            kind=RunKind.RESUME,
            reuse=Reuse(matched_after=clock.now(), other_after=clock.now()),
            lock="living",
            boot=clock.boot,
        )
        realm.ledger.start_run(first.job, spec, now=clock.now(), monotonic=clock.monotonic())
        with purging(desk.session()) as erasing:
            assert not erasing.tidy()
        lock.release()


def test_purging_never_takes_what_is_still_reused(desk):
    desk.verify(rows(1))

    with pytest.raises(SettingsError, match=r"--older-than is 7 days and must be 30 or more: answers are reused for so long"):
        purge(desk, 10, older_than_days=7)
    assert purge(desk, 45, older_than_days=40)["erased"]["codes"] == 1
