"""What a desk keeps, and what becomes of it: private, purged when old, gone when somebody asks to be forgotten."""

import os
import stat
from datetime import timedelta

import pytest

from batchverify.desk.room import Bystander
from batchverify.errors import InputError
from batchverify.job import Session, examine
from batchverify.job.retention import forgetting, purging
from batchverify.rules.subject import numbers_of
from tests.builders import a_card, a_row, an_id, rows
from tests.desk import LeapingClock
from tests.threats import guards


def session(office, clock=None, **changes):
    return Session(settings=office.settings(**changes), watcher=Bystander(), clock=clock or LeapingClock())


def folder(office, case):
    return office.home / "sandbox" / "desk" / case.id


@guards("modes")
def test_everything_of_a_case_is_for_its_owner_alone(office):
    case = office.verified(rows(3), name="名单.csv")
    office.desk.partial(case.id)
    office.desk.problems_file(case.id)
    office.desk.download(case.id, "matched")
    office.desk.report(case.id, "json")

    modes = {}
    for path in [folder(office, case), *folder(office, case).rglob("*")]:
        modes.setdefault(stat.S_IMODE(path.stat().st_mode), []).append(path.name)

    assert sorted(modes) == [0o600, 0o700]
    assert sorted(modes[0o700]) == [case.id, "files"] or len(modes[0o700]) == 2
    assert {"case.json", "rows.sqlite", "名单.csv", "名单.verified.csv", "名单.partial.csv"} <= set(modes[0o600])


def test_purge_takes_what_nobody_has_touched_for_a_week_and_not_what_is_under_way(office):
    office.sandbox.vendor.latency_seconds = 0.1
    done, waiting = office.verified(rows(3)), office.upload(rows(40, first=100))
    clock = LeapingClock()

    with purging(session(office, clock)) as erasing:
        assert not erasing
    clock.leap(timedelta(days=7, minutes=1))
    office.confirm(waiting)
    with purging(session(office, clock)) as erasing:
        assert erasing.found[1].uploads == (done.id,)
        office.rest(waiting)
        certificate = erasing.go(None)

    assert certificate.document["sandbox"]["uploads"] == sorted([done.id, waiting.id])
    assert certificate.document["real"]["uploads"] == []
    assert office.desk.cases() == []
    assert not folder(office, done).exists()
    with pytest.raises(InputError, match="There is no such job here"):
        office.desk.rows(done.id)
    # The record of money stays.
    assert office.sandbox.bill.total() == 43
    assert [act.act for act in office.desk.acts(done.id)][-1] == "uploaded"


@guards("erasure")
@pytest.mark.parametrize("number", [an_id(2), a_card(2), f" {an_id(2)[:6]} {an_id(2)[6:]}"])
def test_whoever_is_forgotten_is_in_no_file_of_the_desk(office, number):
    theirs, others = office.verified(rows(3), name="甲.csv"), office.verified(rows(2, first=50), name="乙.csv")
    only_uploaded = office.upload([a_row(2)], name="丙.xlsx")
    in_a_remark = office.upload([a_row(60, 备注=f"替代{an_id(2)}/{a_card(2)}")])
    unread = office.upload(b"\xd0\xcf\x11\xe0" + bytes(600), name="x.xls")

    with forgetting(session(office), numbers_of(number)) as erasing:
        assert set(erasing.found[1].uploads) == {theirs.id, only_uploaded.id, in_a_remark.id, unread.id}
        certificate = erasing.go(None)

    assert [case.id for case in office.desk.cases()] == [others.id]
    assert set(certificate.document["sandbox"]["uploads"]) == {theirs.id, only_uploaded.id, in_a_remark.id, unread.id}
    assert certificate.document["sandbox"]["files_of_yours"] == []
    assert certificate.is_scrubbed, "a desk that is open must not keep old bytes alive"
    left = [path for path in office.home.rglob("*") if path.is_file() and an_id(2).encode() in path.read_bytes()]
    assert left == []


def test_a_case_is_removed_with_all_its_files_and_its_record_stays(office):
    office.sandbox.vendor.latency_seconds = 0.1
    case = office.upload(rows(30))
    office.confirm(case)
    office.until(case, lambda live: live.done > 2)
    with pytest.raises(InputError, match=r"is being asked\. Stop it first"):
        office.desk.remove(case.id, operator="李雷")
    office.desk.stop(case.id)
    office.rest(case)

    office.desk.remove(case.id, operator="李雷")

    assert list((office.home / "sandbox" / "desk").iterdir()) == []
    acts = office.desk.acts(case.id)
    assert (acts[0].act, acts[0].operator, acts[0].job[:2]) == ("removed", "李雷", "s-")


def test_doctor_names_a_case_that_cannot_be_read_and_the_desk_works_without_it(office):
    good, bad = office.upload(rows(2)), office.upload(rows(2, first=9))
    assert [finding.is_well for finding in examine(office.home, office.settings()) if finding.what == "sandbox uploads"] == [True]
    document = folder(office, bad) / "case.json"
    document.write_text('{"id": "c-x"}')

    assert [case.id for case in office.desk.cases()] == [good.id]
    with pytest.raises(Exception, match=r"is damaged .KeyError."):
        office.desk.case(bad.id)
    document.write_text("[")
    (finding,) = [finding for finding in examine(office.home, office.settings()) if finding.what == "sandbox uploads"]
    assert not finding.is_well
    assert bad.id in finding.detail
    office.reopen()
    assert [case.id for case in office.desk.cases()] == [good.id]


def test_what_a_dead_upload_left_is_swept_away_and_nothing_else(office):
    case = office.upload(rows(2))
    desk = office.home / "sandbox" / "desk"
    receipt = office.desk.receive("half.csv", owner="王芳")
    receipt.write(b"x" * 5_000)
    (desk / f"gone-{case.id}").mkdir()
    (desk / "note.txt").write_text("mine")
    assert len([path for path in desk.iterdir() if path.is_dir()]) == 3
    (desk / case.id / "rows.sqlite.12345678.new").write_bytes(b"half")
    (desk / case.id / "case.json.new").write_bytes(b"half")

    office.reopen()

    assert {path.name for path in desk.iterdir()} == {case.id, "note.txt"}
    assert {path.name for path in (desk / case.id).iterdir()} == {"case.json", "files"}
    receipt.abort()
    if os.name == "posix":
        assert stat.S_IMODE(desk.stat().st_mode) == 0o700
