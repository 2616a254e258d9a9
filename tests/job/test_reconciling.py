"""The vendor's usage beside ours, from its export to the row in the result."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from batchverify.errors import InputError
from batchverify.job.clock import SystemClock
from batchverify.job.realm import open_realm
from batchverify.job.reconciling import POSTING, reconcile_exports, windows_within
from batchverify.job.usage import UsageBy, usage_by_column, usage_of
from batchverify.model import AttemptState, Billed, Product
from batchverify.rules.reconcile import Finding
from batchverify.rules.windows import BEIJING, window_of
from batchverify.sandbox import Fault, Rule
from batchverify.store.ledger import JobSpec, Reuse, RunKind, RunSpec, Settlement, Want
from tests.builders import rows
from tests.campaigns.month import LeapingClock, TimedDesk

MIDDAY = datetime(2027, 3, 1, 12, 5, tzinfo=BEIJING)
DAY = timedelta(days=1)


@pytest.fixture
def clock(sandbox):
    clock = LeapingClock(sandbox)
    clock.leap(MIDDAY)
    return clock


@pytest.fixture
def desk(sandbox, home, tmp_path, clock) -> TimedDesk:
    return TimedDesk(folder=tmp_path, home=home, endpoint=sandbox.endpoint, clock=clock)


@pytest.fixture
def export(sandbox, tmp_path):
    """Write what the sandbox's console shows now, with extra asks in the window of now, to a csv."""

    def write(*, more: int = 0, name: str = "usage.csv"):
        counts = {window.starts_at: window.billed for window in sandbox.bill.windows()}
        now = int(window_of(datetime.fromtimestamp(sandbox.vendor.now(), UTC)).start.timestamp())
        counts[now] = counts.get(now, 0) + more
        return an_export(tmp_path / name, {datetime.fromtimestamp(at, UTC): count for at, count in counts.items() if count > 0})

    return write


def an_export(path, counts):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["处理时间", "消耗"])
        for at, count in counts.items():
            window = window_of(at)
            writer.writerow([f"{window.start:%Y-%m-%d %H:%M:%S} - {window.end:%Y-%m-%d %H:%M:%S}", f"{count}次"])
    return path


def lost(*billed):
    """Asks 2, 3, … are lost on the way back, billed or not."""
    return [Rule(fault=Fault.RESET_AFTER, at=(at,), billed=one) for at, one in enumerate(billed, 2)]


def reconciled(desk, *paths, approve=True, **more):
    return reconcile_exports(paths, desk.session(), approve=lambda _: approve, **more)


def test_what_was_not_billed_is_failed_and_resume_asks_it_again_once(desk, sandbox, export):
    sandbox.vendor.script_faults(*lost(False, False))
    before = desk.verify(rows(5))
    assert before.counts() == {"matched": 3, "in_doubt": 2}

    found = reconciled(desk, export())
    after = desk.render(before.job)
    billed, codes = sorted(after.column("bv_billed")), sorted(after.column("bv_code"))
    resumed = desk.resume(before.job)

    assert (found.count(Finding.NOT_BILLED), len(found.not_billed), found.is_explained, found.applied) == (1, 2, True, True)
    assert found.jobs_of(found.not_billed) == [before.job]
    assert after.counts() == {"matched": 3, "failed": 2}
    assert (billed, codes) == (["0", "0", "1", "1", "1"], ["01", "01", "01", "not_counted", "not_counted"])
    assert (after.json["cost"]["min"], after.json["cost"]["max"], after.json["asks"]["not_billed"]) == ("0.57", "0.57", 2)
    assert resumed.counts() == {"matched": 5}
    assert sandbox.bill.billed() == 5


def test_what_was_billed_stays_without_an_answer_and_its_cost_is_certain(desk, sandbox, export):
    sandbox.vendor.script_faults(*lost(True, True))
    before = desk.verify(rows(5))

    found = reconciled(desk, export())
    after = desk.render(before.job)
    resumed = desk.resume(before.job)

    assert [one.finding for one in found.judgments] == [Finding.BILLED]
    assert after.counts() == resumed.counts() == {"matched": 3, "in_doubt": 2}
    assert after.column("bv_billed") == ["1"] * 5
    assert sorted(after.column("bv_code")) == ["01", "01", "01", "answer_lost", "answer_lost"]
    assert (after.json["asks"]["billed"], after.json["asks"]["in_doubt"]) == (5, 0)
    assert Decimal(after.json["cost"]["min"]) == Decimal(after.json["cost"]["max"]) == Decimal("0.95")
    assert sandbox.bill.total() == 5


def test_of_some_that_were_billed_only_the_number_is_known(desk, sandbox, export):
    sandbox.vendor.script_faults(*lost(True, False))
    before = desk.verify(rows(5))

    found = reconciled(desk, export())

    assert [one.finding for one in found.judgments] == [Finding.NUMBER_ONLY]
    assert (found.is_explained, len(found.undecided)) == (False, 2)
    assert desk.render(before.job).counts() == before.counts()


def test_somebody_else_with_the_app_code_is_noticed_and_nothing_is_decided(desk, sandbox, export):
    sandbox.vendor.script_faults(*lost(False))
    desk.verify(rows(5))

    found = reconciled(desk, export(more=3))

    (one,) = found.judgments
    assert (one.finding, one.above, one.undecided != ()) == (Finding.ABOVE, 2, True)
    assert found.as_json()["windows"][0]["above"] == 2


def test_usage_that_was_posted_late_is_noticed_with_the_number_before(desk, sandbox, export):
    desk.verify(rows(4))

    early = reconciled(desk, export(more=-1, name="early.csv"))
    late = reconciled(desk, export(name="late.csv"))

    assert [(one.finding, one.below) for one in early.judgments] == [(Finding.BELOW, 1)]
    assert [one.finding for one in late.judgments] == [Finding.AGREES]
    assert late.as_json()["windows"][0]["earlier_export"] == 3


def test_the_same_export_changes_nothing_the_second_time(desk, sandbox, export):
    sandbox.vendor.script_faults(*lost(False, False))
    result = desk.verify(rows(5))
    path = export()
    reconciled(desk, path)

    def state():
        with open_realm(desk.home, simulated=True, clock=desk.clock) as realm:
            return realm.ledger.head(result.summary.run), realm.ledger.usage().statements(since=MIDDAY - DAY, until=MIDDAY + DAY)

    before = state()
    again = reconciled(desk, path)

    assert (again.billed, again.not_billed, again.is_explained) == ((), (), True)
    assert state() == before
    assert [(one.finding, one.vendor, one.certain, one.doubt, one.not_billed) for one in before[1]] == [
        ("not_billed", 3, 3, 2, 2)
    ]


def test_nothing_changes_unless_it_is_approved(desk, sandbox, export):
    sandbox.vendor.script_faults(*lost(False))
    before = desk.verify(rows(3))

    found = reconciled(desk, export(), approve=False)

    assert (found.applied, len(found.not_billed)) == (False, 1)
    assert desk.render(before.job).counts() == before.counts()
    with open_realm(desk.home, simulated=True, clock=desk.clock) as realm:
        assert realm.ledger.usage().statements(since=MIDDAY - DAY, until=MIDDAY + DAY) == []


def test_a_status_of_unknown_price_is_decided_by_the_count(desk, sandbox, export):
    changes = {"billed": {"01": Billed.UNKNOWN}}
    before = desk.verify(rows(3), **changes)
    assert before.json["asks"]["in_doubt"] == 3

    found = reconciled(desk, export())
    after = desk.render(before.job, **changes)

    assert [one.finding for one in found.judgments] == [Finding.BILLED]
    assert after.counts() == {"matched": 3}
    assert (after.json["asks"]["billed"], after.json["asks"]["in_doubt"], after.column("bv_billed")) == (3, 0, ["1"] * 3)


@pytest.mark.parametrize("minutes", [-12, 12])
def test_a_clock_of_ours_that_is_wrong_by_minutes_frees_nothing_that_was_billed(desk, sandbox, export, minutes):
    """By our clock, the lost answer belongs to a window in which the vendor counted nothing."""
    sandbox.vendor.advance(minutes * 60)
    sandbox.vendor.script_faults(*lost(True))
    desk.verify(rows(5))

    found = reconciled(desk, export(), since=MIDDAY - DAY, until=MIDDAY + DAY)

    assert [(one.finding, one.vendor, one.certain) for one in found.judgments] == [(Finding.BILLED, 5, 4)]


def test_windows_beside_the_export_are_not_judged_unless_its_time_is_named(desk, sandbox, clock, tmp_path):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, billed=False, times=1))
    desk.verify(rows(1))
    path = an_export(tmp_path / "usage.csv", {MIDDAY - DAY: 0})

    found = reconciled(desk, path)
    named = reconciled(desk, path, until=MIDDAY + DAY)

    assert (found.judgments, found.outside, found.is_explained) == ((), 1, True)
    assert ([one.finding for one in named.judgments], named.outside) == ([Finding.NOT_BILLED], 0)


def test_an_export_without_a_line_must_say_which_time_it_covers(desk, tmp_path):
    path = an_export(tmp_path / "usage.csv", {})

    with pytest.raises(InputError, match="does not say which time it covers"):
        reconciled(desk, path)

    assert reconciled(desk, path, since=MIDDAY - DAY, until=MIDDAY).judgments == ()


def test_windows_begin_within_a_time_or_there_are_none():
    midnight = datetime(2027, 3, 1, tzinfo=BEIJING)

    first, last = windows_within(since=midnight, until=midnight + DAY)

    assert (first.start, last.end) == (midnight + timedelta(seconds=1), midnight + DAY + timedelta(seconds=1))
    assert windows_within(since=first.start, until=first.end) == (first, first)
    with pytest.raises(InputError, match="No 10-minute window begins between --from and --to"):
        windows_within(since=midnight + timedelta(minutes=1), until=midnight + timedelta(minutes=2))


# The real realm, where the vendor takes its time to post -----------------------------------------------------------------


def a_doubt(home, clock):
    """Leave one ask in doubt in the real realm, as a run that lost an answer does."""
    with open_realm(home, simulated=False, clock=clock) as realm:
        ledger, now = realm.ledger, {"now": clock.now(), "monotonic": clock.monotonic()}
        job = ledger.create_job(
            JobSpec(path="p.csv", sha256="0" * 64, size_bytes=1, product="bank3"), now=clock.now(), token=bytes(5)
        )
        reuse = Reuse(matched_after=clock.now(), other_after=clock.now())
        run = ledger.start_run(job.id, RunSpec(kind=RunKind.FIRST, reuse=reuse, lock="x", boot=clock.boot), **now)
        with ledger.transaction(**now) as gate:
            (granted,) = gate.reserve(run, [Want(key=b"k" * 16, id_tag=b"i" * 16, card_tag=None, product=Product.ID2)])
        with ledger.transaction(**now) as gate:
            gate.settle([Settlement(attempt=granted.attempt, state=AttemptState.IN_DOUBT, code="timeout")])
        ledger.end_run(run, reason="", **now)
    return granted.attempt


def real(desk, path, **more):
    session = desk.session(endpoint="https://bcard3and4.market.alicloudapi.com")
    return reconcile_exports([path], session, approve=lambda _: True, **more)


@pytest.mark.parametrize(
    ("saved_after", "finding"),
    [(timedelta(0), Finding.UNSETTLED), (POSTING, Finding.UNSETTLED), (POSTING * 2, Finding.NOT_BILLED)],
)
def test_a_count_that_may_still_grow_frees_nothing(desk, home, clock, tmp_path, saved_after, finding):
    """Saved in the middle of the window, saved before it was surely posted, saved long after."""
    a_doubt(home, clock)
    path = an_export(tmp_path / "usage.csv", {MIDDAY: 0})
    saved = (MIDDAY + saved_after).timestamp()
    clock.leap(MIDDAY + DAY)
    os.utime(path, (saved, saved))

    found = real(desk, path)

    assert [one.finding for one in found.judgments] == [finding]
    assert found.is_explained == (finding is Finding.NOT_BILLED)


def test_an_ask_that_is_in_flight_is_never_decided(desk, home, clock, tmp_path):
    attempt = a_doubt(home, clock)
    with open_realm(home, simulated=False, clock=clock) as realm:
        (job,) = realm.ledger.jobs()
        now = {"now": clock.now(), "monotonic": clock.monotonic()}
        lock = realm.home.hold_lock("flying")
        reuse = Reuse(matched_after=clock.now(), other_after=clock.now())
        run = realm.ledger.start_run(job.id, RunSpec(kind=RunKind.RESUME, reuse=reuse, lock=lock.name, boot=""), **now)
        with realm.ledger.transaction(**now) as gate:
            gate.reserve(run, [Want(key=b"f" * 16, id_tag=b"f" * 16, card_tag=None, product=Product.ID2)])
        clock.leap(MIDDAY + DAY)
        # Its lease is of an unknown boot and its lock is held: for the ledger it lives.
        path = an_export(tmp_path / "usage.csv", {MIDDAY: 0})
        os.utime(path, (clock.now().timestamp(),) * 2)

        found = real(desk, path)
        lock.release()

    (one,) = found.judgments
    assert (one.finding, one.undecided) == (Finding.UNSETTLED, (attempt, attempt + 1))


# Usage -------------------------------------------------------------------------------------------------------------------


def test_usage_is_certain_and_in_doubt_by_window_newest_first(desk, sandbox, clock, export):
    sandbox.vendor.script_faults(*lost(True))
    desk.verify(rows(3))
    clock.leap(MIDDAY + timedelta(minutes=30))
    desk.verify(rows(2, first=11))

    usage = usage_of(desk.session(), since=None, until=None, by=UsageBy.WINDOW)

    assert [(f"{line.window.start:%H:%M:%S}", line.certain, line.doubt, line.vendor) for line in usage.lines] == [
        ("12:30:01", 2, 0, None),
        ("12:00:01", 2, 1, None),
    ]
    assert (usage.certain, usage.doubt, usage.simulated) == (4, 1, True)

    reconciled(desk, export())
    usage = usage_of(desk.session(), since=None, until=None, by=UsageBy.WINDOW)

    assert [(line.certain, line.doubt, line.vendor, line.finding) for line in usage.lines] == [
        (2, 0, 2, Finding.AGREES),
        (3, 0, 3, Finding.BILLED),
    ]
    assert usage.as_json()["lines"][1] == {
        "from": "2027-03-01T12:00:01+08:00",
        "to": "2027-03-01T12:10:01+08:00",
        "certain": 3,
        "in_doubt": 0,
        "vendor": 3,
        "finding": "billed",
    }


def test_usage_adds_up_by_day_job_status_and_product(desk, sandbox, clock):
    sandbox.vendor.script_faults(*lost(True))
    first = desk.verify(rows(3))
    clock.leap(MIDDAY + DAY)
    second = desk.verify(rows(1, first=11))

    def lines(by, **bounds):
        usage = usage_of(desk.session(), **{"since": None, "until": None} | bounds, by=by)
        return [(line.group, line.certain, line.doubt) for line in usage.lines]

    assert lines(UsageBy.DAY) == [("2027-03-02", 1, 0), ("2027-03-01", 2, 1)]
    assert lines(UsageBy.JOB) == [(first.job, 2, 1), (second.job, 1, 0)]
    assert lines(UsageBy.STATUS) == [("matched", 3, 0), ("in_doubt", 0, 1)]
    assert lines(UsageBy.PRODUCT) == [("bank3", 3, 1)]
    assert lines(UsageBy.DAY, since=MIDDAY + timedelta(hours=1)) == [("2027-03-02", 1, 0)]
    assert lines(UsageBy.DAY, until=MIDDAY + timedelta(hours=1)) == [("2027-03-01", 2, 1)]
    assert lines(UsageBy.DAY, since=MIDDAY + timedelta(hours=1), until=MIDDAY + timedelta(hours=2)) == []
    by_job = usage_of(desk.session(), since=None, until=None, by=UsageBy.JOB).as_json()["lines"][0]
    assert by_job == {"group": first.job, "file": str(desk.folder / "people-1.csv"), "certain": 2, "in_doubt": 1}


class StoppedClock(SystemClock):
    def __init__(self, at):
        super().__init__()
        self.at = at

    def now(self):
        return self.at


def test_a_window_across_midnight_belongs_to_the_day_on_which_it_began(desk, home):
    a_doubt(home, StoppedClock(datetime(2027, 3, 2, 0, 0, 0, 500_000, tzinfo=BEIJING)))
    session = desk.session(endpoint="https://bcard3and4.market.alicloudapi.com")

    (line,) = usage_of(session, since=None, until=None, by=UsageBy.DAY).lines

    assert (line.group, line.doubt) == ("2027-03-01", 1)


def test_usage_of_one_job_adds_up_by_a_column_of_its_sheet(desk, sandbox, clock):
    sandbox.vendor.script_faults(*lost(True))
    people = [one | {"部门": department} for one, department in zip(rows(4), ["财务", "财务", "", "人事"], strict=True)]
    first = desk.verify(people)
    desk.verify(rows(1, first=11))

    usage = usage_by_column(desk.session(), first.job, "部门")
    alone = usage_of(desk.session(), since=None, until=None, by=UsageBy.PRODUCT, job=first.job)

    assert (usage.by, usage.certain, usage.doubt) == ("部门", 3, 1)
    assert {line.group: line.certain + line.doubt for line in usage.lines} == {"财务": 2, "": 1, "人事": 1}
    assert [(line.certain, line.doubt) for line in alone.lines] == [(3, 1)]
    with pytest.raises(InputError, match="There is no job"):
        usage_of(desk.session(), since=None, until=None, by=UsageBy.PRODUCT, job="s-none")
