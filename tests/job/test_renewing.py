"""A new key: nothing is paid again for it, nothing is lost, and nothing is left under the old one, whenever it is cut short."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from batchverify.errors import HomeError, InputError
from batchverify.job import Bounds
from batchverify.job.checking import check_report
from batchverify.job.doctor import examine
from batchverify.job.realm import open_realm
from batchverify.job.renewing import renew_keys
from batchverify.job.reporting import report_job
from batchverify.job.retention import forgetting
from batchverify.rules.subject import numbers_of
from batchverify.sandbox import Fault, Rule
from batchverify.store.home import Home
from batchverify.store.key_ring import read_ring
from batchverify.store.ledger import Ledger
from batchverify.words import Lang
from tests.builders import a_card, a_row, an_id, rows
from tests.campaigns import processes
from tests.threats import guards

ROOT = Path(__file__).parents[2]
PEOPLE = [a_row(1), a_row(2, verdict="02"), a_row(3, verdict="53"), *rows(3, first=4)]


def key_file(desk):
    return desk.home / "sandbox" / "master.key"


def ledger_file(desk):
    return desk.home / "sandbox" / "ledger.sqlite"


def stored(desk):
    with sqlite3.connect(ledger_file(desk)) as con:
        return con.execute("SELECT key, id_tag, card_tag, nonce, sealed FROM attempt ORDER BY number").fetchall()


@pytest.fixture
def lived(desk, sandbox):
    """A home with matches, a mismatch, a lock, one in doubt, one that a cap left, and a report."""
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(4,)))
    source = desk.sheet(PEOPLE)
    first = desk.verify(source, bounds=Bounds(max_asks=5, qps=5000, concurrency=1), concurrency=1)
    return source, first


def test_after_it_nothing_is_paid_again_and_every_result_has_the_same_bytes(desk, sandbox, lived):
    _, first = lived
    drawn, paid = first.path.read_bytes(), sandbox.bill.total()
    report = report_job(first.job, desk.folder / "report.json", desk.session(), lang=Lang.EN).read_bytes()
    before, old_key = stored(desk), key_file(desk).read_bytes()

    (renewed,) = renew_keys(desk.session())

    assert (renewed.simulated, renewed.codes, renewed.had_begun, renewed.is_scrubbed) == (True, len(before), False, True)
    assert renewed.answers == sum(row[4] is not None for row in before)
    assert desk.render(first.job).path.read_bytes() == drawn
    assert report_job(first.job, desk.folder / "again.json", desk.session(), lang=Lang.EN).read_bytes() == report
    assert check_report(desk.folder / "report.json", desk.session(), key=None).wrong == []
    assert all(finding.is_well for finding in examine(desk.home, desk.settings()) if finding.what != "AppCode")
    assert sandbox.bill.total() == paid
    # The lock holds, the doubt is held, what the cap left is asked, and the same people in another file are reused.
    counts = desk.resume(first.job).counts()
    assert (counts["locked"], counts["in_doubt"], first.counts()["not_run"]) == (1, 1, 1)
    assert sandbox.bill.total() == paid + 1
    assert desk.verify(desk.sheet(PEOPLE)).counts() == counts
    assert sandbox.bill.total() == paid + 1
    assert key_file(desk).read_bytes() != old_key


@guards("home-bytes")
def test_after_it_no_byte_of_the_home_is_what_the_old_key_made(desk, lived):
    before = [value for row in stored(desk) for value in row if value is not None]
    old = {path: path.read_bytes() for path in desk.home.rglob("*") if path.is_file()}
    assert any(before[0] in content for content in old.values()), "else this looks at nothing"

    renew_keys(desk.session())

    now = b"".join(path.read_bytes() for path in desk.home.rglob("*") if path.is_file())
    assert [value for value in before if value in now] == []


def test_it_can_be_done_again_and_again(desk, sandbox, lived):
    _, first = lived
    paid = sandbox.bill.total()
    for _ in range(3):
        renew_keys(desk.session())

    assert desk.render(first.job).counts() == first.counts()
    with open_realm(desk.home, simulated=True, clock=desk.clock) as realm:
        assert realm.vault.generation == 3
        run = realm.ledger.runs(first.job)[0]
        assert realm.ledger.audit().misfits(run.id, realm.vault.before) == []
        assert realm.ledger.audit().misfits(run.id) != [], "without the vault nobody can tell"
    with forgetting(desk.session(), numbers_of(an_id(1))) as erasing:
        assert erasing.found[1].rows == 1
        erasing.go(None)
    assert sandbox.bill.total() == paid


@guards("edited-ledger")
def test_an_attempt_that_was_swapped_is_found_after_it_too(desk, lived):
    _, first = lived
    renew_keys(desk.session())
    with sqlite3.connect(ledger_file(desk)) as con:
        con.execute("DROP TRIGGER attempt_erased")
        con.execute("UPDATE attempt SET nonce = zeroblob(16) WHERE number = 1")
        con.execute("UPDATE attempt SET nonce = (SELECT nonce FROM attempt WHERE number = 3) WHERE number = 2")
    con.close()

    with open_realm(desk.home, simulated=True, clock=desk.clock) as realm:
        run = realm.ledger.runs(first.job)[0]
        assert realm.ledger.audit().misfits(run.id, realm.vault.before) == [1, 2]


def test_the_rules_of_the_ledger_are_in_force_again(desk, lived):
    with sqlite3.connect(ledger_file(desk)) as con:
        rules = con.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name").fetchall()

    renew_keys(desk.session())

    with sqlite3.connect(ledger_file(desk)) as con:
        assert con.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name").fetchall() == rules
        with pytest.raises(sqlite3.IntegrityError, match="what was asked does not change"):
            con.execute("UPDATE attempt SET key = zeroblob(16) WHERE number = 1")
    con.close()


def test_whoever_looks_at_a_plan_meanwhile_buys_nothing(desk, sandbox, lived):
    """Under the old key every question would look new to them."""
    source, _ = lived
    paid = sandbox.bill.total()
    desk.onlooker.on_approve = lambda: renew_keys(desk.session())

    with pytest.raises(InputError, match=r"^The key of this home was renewed while this command was at it\. Do the same again"):
        desk.verify(source)

    assert sandbox.bill.total() == paid


def test_a_process_that_reads_under_the_old_key_is_told_rather_than_shown_nothing(desk, lived):
    with open_realm(desk.home, simulated=True, clock=desk.clock) as realm:
        key = stored(desk)[0][0]
        assert realm.ledger.attempts([key])
        with open_realm(desk.home, simulated=True, clock=desk.clock) as other:
            other.ledger.renewal().renew(lambda row: row, mark="another")

        with pytest.raises(InputError, match="was renewed"):
            realm.ledger.attempts([key])
        with pytest.raises(InputError, match="was renewed"):
            realm.ledger.finish_job("s-aaaaaaaa", at=None)


def test_while_a_run_is_going_on_it_is_refused_and_nothing_is_changed(desk, lived):
    before = stored(desk)
    said = []

    def renew(*_):
        if not said:
            with pytest.raises(InputError) as caught:
                renew_keys(desk.session())
            said.append(str(caught.value))

    desk.onlooker.on_progress = renew
    desk.verify(rows(3, first=40))

    assert said[0].startswith("The run s-")
    assert said[0].endswith("is going on. Renew the key when it has ended; nothing was changed.")
    assert stored(desk)[: len(before)] == before
    assert renew_keys(desk.session())[0].codes == len(stored(desk))


def test_two_at_once_are_one_after_the_other(desk, lived, monkeypatch):
    monkeypatch.setattr("batchverify.store.home._PROBE_SECONDS", 0.1)
    lock = Home.open(desk.home).hold_lock("renew-key")

    with pytest.raises(HomeError, match="is held by another process"):
        renew_keys(desk.session())
    lock.release()
    assert renew_keys(desk.session())


def test_a_reader_in_the_way_keeps_the_old_key_until_it_is_done_again(desk, lived, monkeypatch):
    monkeypatch.setattr("batchverify.store.ledger.schema.BUSY_TIMEOUT_SECONDS", 1)
    _, first = lived
    con = sqlite3.connect(ledger_file(desk), isolation_level=None)
    con.execute("BEGIN")
    con.execute("SELECT count(*) FROM attempt").fetchone()

    (renewed,) = renew_keys(desk.session())

    assert not renewed.is_scrubbed
    assert not read_ring(key_file(desk)).is_settled
    (finding,) = [one for one in examine(desk.home, desk.settings()) if one.what == "sandbox ledger key"]
    assert (finding.is_well, "Run `batchverify key rotate` to finish it." in finding.detail) == (False, True)
    con.close()
    assert desk.render(first.job).counts() == first.counts()
    finished = renew_keys(desk.session())[-1]
    assert (finished.had_begun, finished.is_scrubbed, read_ring(key_file(desk)).is_settled) == (True, True, True)


@guards("sealed")
def test_an_answer_that_does_not_open_stops_it_before_anything_is_changed(desk, lived):
    with sqlite3.connect(ledger_file(desk)) as con:
        con.execute("DROP TRIGGER attempt_answer")
        con.execute("UPDATE attempt SET sealed = (SELECT sealed FROM attempt WHERE number = 2) WHERE number = 1")
    con.close()
    before = stored(desk)

    with pytest.raises(HomeError, match="A stored answer does not open under its key"):
        renew_keys(desk.session())

    assert stored(desk) == before


@guards("lost-key")
def test_the_key_file_of_before_is_refused_beside_a_ledger_of_after_and_the_other_way_round(desk, lived):
    _, first = lived
    old_key, old_ledger = key_file(desk).read_bytes(), desk.folder / "old.sqlite"
    shutil.copy(ledger_file(desk), old_ledger)
    renew_keys(desk.session())
    new_key = key_file(desk).read_bytes()

    key_file(desk).write_bytes(old_key)
    with pytest.raises(HomeError, match="is not the one this ledger was written with"):
        desk.render(first.job)

    key_file(desk).write_bytes(new_key)
    desk.render(first.job)
    shutil.copy(old_ledger, ledger_file(desk))
    with pytest.raises(HomeError, match="is not the one this ledger was written with"):
        desk.render(first.job)


@pytest.mark.slow
@guards("lost-key")
@pytest.mark.parametrize(
    ("point", "is_in_the_ledger"),
    [
        ("with_a_new_key_prepared", False),
        ("in_the_renewal", False),
        ("with_a_new_key_in_the_ledger", True),
        ("before_the_old_key_goes", True),
    ],
)
def test_killed_at_any_step_it_leaves_a_home_that_works_and_is_finished_by_the_next(
    desk, sandbox, lived, point, is_in_the_ledger
):
    _, first = lived
    drawn, paid = first.path.read_bytes(), sandbox.bill.total()

    killed = processes.Desk(folder=desk.folder, program=("tests.campaigns.dying", point), environment={"PYTHONPATH": str(ROOT)})
    end = killed.run("key", "rotate")
    assert end.code == -signal.SIGKILL, end.err

    assert desk.render(first.job).path.read_bytes() == drawn
    assert desk.verify(desk.sheet(PEOPLE[:3])).counts()["matched"] == 1
    codes = len(stored(desk))
    (finished,) = renew_keys(desk.session())
    assert (finished.had_begun, finished.codes) == (is_in_the_ledger, 0 if is_in_the_ledger else codes)
    ring = read_ring(key_file(desk))
    assert (ring.is_settled, ring.newest) == (True, 1)
    assert desk.render(first.job).path.read_bytes() == drawn
    assert sandbox.bill.total() == paid


def test_a_home_without_a_key_has_nothing_to_renew(desk):
    assert renew_keys(desk.session()) == []
    assert not ledger_file(desk).exists()


@guards("lost-key")
def test_each_of_two_copies_of_a_home_keeps_its_own_promise_and_knows_nothing_of_the_other(desk, sandbox, lived):
    """What is not promised: a question that both copies ask after they parted is paid by both."""
    shutil.copytree(desk.home, desk.folder / "copy")
    paid = sandbox.bill.total()
    known, new = desk.sheet(PEOPLE[:2]), desk.sheet([a_row(77)])

    for home in (desk.home, desk.folder / "copy"):
        desk.home = home
        desk.verify(known)
        desk.verify(new)
        desk.verify(new)

    assert sandbox.bill.total() == paid + 2
    assert Ledger.open(ledger_file(desk), simulated=True).vault_mark() is not None
    assert a_card(77) not in ledger_file(desk).read_bytes().decode("latin-1")
