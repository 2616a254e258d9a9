"""What is drawn again after something was decided of which a result speaks."""

from __future__ import annotations

from batchverify.desk import Stage
from batchverify.job.realm import open_realm
from batchverify.model import RowStatus
from batchverify.sandbox import Fault, Rule
from tests.builders import rows


def lost(office, number):
    """Verify that many people, of whom the second's answer is lost."""
    office.sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(2,), billed=False))
    case = office.confirm(office.upload(rows(number)))
    case = office.rest(case)
    office.sandbox.vendor.script_faults()
    return case


def free(office):
    """Decide that nothing in doubt was billed, as a reconciliation does."""
    clock = office.desk._room.clock
    with open_realm(office.home, simulated=True, clock=clock) as realm:
        doubts = [doubt.attempt for doubt in realm.ledger.usage().doubts()]
        realm.ledger.decide(billed=(), not_billed=doubts, statements=[], now=clock.now(), monotonic=clock.monotonic())


def test_a_result_says_what_was_decided_since_and_nothing_is_asked(office):
    case = lost(office, 3)
    free(office)
    before = office.sandbox.bill.total()
    assert office.desk.rows(case.id).counts[RowStatus.IN_DOUBT] == 1

    again = office.desk.redraw(case.id)

    page = office.desk.rows(case.id)
    assert page.counts.get(RowStatus.IN_DOUBT, 0) == 0
    assert page.counts[RowStatus.FAILED] == again.summary["status"]["failed"] == 1
    assert (again.stage, again.ending, again.problem) == (Stage.ENDED, "open_rows", "")
    assert office.sandbox.bill.total() == before
    assert "技术失败·未计费" in office.desk.download(case.id, "all").read_text("utf-8-sig")


def test_what_cannot_be_drawn_says_why_and_what_was_not_asked_has_nothing_to_draw(office):
    case = lost(office, 2)
    (office.home / "sandbox" / "desk" / case.id / "files" / case.name).unlink()

    assert "is gone. Put it back there; nothing was sent." in office.desk.redraw(case.id).problem
    fresh = office.upload(rows(1, first=9))
    assert office.desk.redraw(fresh.id) == fresh
