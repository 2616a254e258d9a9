"""Caps, quotas, AppCodes and samples: where a run stops, and how it goes on."""

from decimal import Decimal

import pytest

from batchverify.errors import InputError, SettingsError
from batchverify.job import Bounds, Mandate, Options
from batchverify.sandbox import Fault, Rule
from batchverify.sandbox.bill import question_digest
from batchverify.store.ledger import Ledger
from tests.builders import a_card, a_row, enter_package, rows
from tests.faults import Danger, proves


@proves(Danger.BUDGET)
def test_a_cap_of_ten_on_a_hundred_rows_asks_ten_exactly(desk, sandbox):
    result = desk.verify(rows(100), bounds=Bounds(max_asks=10))

    assert sandbox.bill.total() == 10
    assert result.json["ending"] == "open_rows"
    assert result.counts() == {"matched": 10, "not_run": 90}
    assert result.statuses == ["matched"] * 10 + ["not_run"] * 90
    assert set(result.column("bv_code")[10:]) == {"budget"}
    assert result.json["next"] == f"batchverify resume {result.job} --home {desk.home} --endpoint {desk.endpoint}"


def test_the_next_run_of_the_same_file_goes_on_with_its_job(desk, sandbox):
    path = desk.sheet(rows(20))
    first = desk.verify(path, bounds=Bounds(max_asks=5))

    second = desk.verify(path)

    assert (second.job, second.json["run"]) == (first.job, f"{first.job}.2")
    assert second.counts() == {"matched": 20}
    assert second.json["endpoint_host"] == first.json["endpoint_host"] == "127.0.0.1"
    assert second.json["next"] is None
    assert sandbox.bill.total() == 20


def test_a_cap_in_yuan_is_asks_rounded_down(desk, sandbox):
    result = desk.verify(rows(10), bounds=Bounds(max_yuan=Decimal("0.80")))

    assert sandbox.bill.total() == 4
    assert result.json["cost"]["max"] == "0.76"


def test_a_cap_of_nothing_asks_nothing(desk, sandbox):
    result = desk.verify(rows(3), bounds=Bounds(max_asks=0))

    assert sandbox.bill.total() == 0
    assert result.column("bv_code") == ["budget"] * 3


def test_an_ask_that_cost_nothing_makes_room_under_the_cap(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.THROTTLE_429, times=3))

    result = desk.verify(rows(6), bounds=Bounds(max_asks=4))

    assert (sandbox.bill.billed(), sandbox.bill.total()) == (4, 7)
    assert result.counts()["matched"] == 4
    assert result.json["ending"] == "open_rows"
    assert result.json["asks"]["not_billed"] == 3


def test_a_row_that_was_throttled_when_the_cap_was_reached_was_not_run_and_has_not_failed(desk, sandbox):
    people = rows(3)
    question = question_digest(
        "bank3", name=people[1]["name"], id_card=people[1]["idCard"], account_no=people[1]["accountNo"]
    ).hex()
    sandbox.vendor.script_faults(Rule(fault=Fault.THROTTLE_429, question=question))

    capped = desk.verify(people, bounds=Bounds(max_asks=2, concurrency=1))

    assert capped.statuses == ["matched", "not_run", "matched"]
    assert (capped.column("bv_code")[1], capped.column("bv_billed")[1]) == ("budget", "0")
    assert capped.json["asks"]["not_billed"] >= 1
    assert capped.json["next"].startswith(f"batchverify resume {capped.job}")
    sandbox.vendor.script_faults()
    # It did not fail, so a rerun of what failed leaves it.
    assert desk.rerun(capped.job).statuses == ["matched", "not_run", "matched"]
    assert desk.resume(capped.job).statuses == ["matched"] * 3
    assert sandbox.bill.billed() == 3


@pytest.mark.parametrize("bound", ["max_asks", "max_yuan", "sample"])
def test_a_bound_below_zero_is_refused(bound):
    with pytest.raises(InputError, match=rf"^The bound {bound} is -1. Give 0 or more; nothing was sent.$"):
        Bounds(**{bound: -1})


def test_after_a_top_up_resume_asks_only_the_rest(desk, sandbox):
    sandbox.vendor.set_quota(12)

    stopped = desk.verify(rows(30))

    assert stopped.json["ending"] == "vendor_stop"
    assert stopped.counts() == {"matched": 12, "not_run": 18}
    assert {code for code in stopped.column("bv_code") if code != "01"} == {"quota"}
    assert sandbox.bill.billed() == 12

    sandbox.vendor.top_up(100)
    finished = desk.resume(stopped.job)

    assert finished.json["ending"] == "complete"
    assert finished.statuses == ["matched"] * 30
    assert finished.path == stopped.path
    assert sandbox.bill.billed() == 30
    assert set(sandbox.bill.per_question().values()) == {1}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.QUOTA_EXPIRED, "quota_expired"),
        (Fault.ARREARS, "overdue"),
        (Fault.UNAUTHORIZED, "app_code"),
        (Fault.REVOKED, "app_code"),
    ],
)
def test_what_the_vendor_refuses_to_everybody_stops_the_run(desk, sandbox, fault, code):
    sandbox.vendor.script_faults(Rule(fault=fault))

    result = desk.verify(rows(50))

    assert result.json["ending"] == "vendor_stop"
    assert result.counts() == {"not_run": 50}
    assert code in result.column("bv_code")
    assert sandbox.bill.total() <= 4
    assert sandbox.bill.billed() == 0


def test_a_wrong_app_code_costs_one_ask_in_flight_for_each_worker_at_most(desk, sandbox):
    result = desk.verify(rows(100), app_code="wrong")

    assert 1 <= sandbox.bill.total() <= 4
    assert sandbox.bill.billed() == 0
    assert result.json["ending"] == "vendor_stop"
    assert result.counts() == {"not_run": 100}


def test_without_an_app_code_nothing_is_sent(desk, sandbox):
    path = desk.sheet(rows(2))
    settings = desk.settings().model_copy(update={"app_code": None})

    with pytest.raises(SettingsError, match="There is no AppCode"):
        desk.run(path, settings=settings)

    assert sandbox.bill.total() == 0
    assert not list(desk.folder.glob("*.verified.*"))


def test_what_the_wallet_does_not_hold_is_not_asked(desk, sandbox):
    desk.verify(rows(1))
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", simulated=True) as ledger:
        enter_package(ledger, "10", total=10, used=4, now=desk.session().clock.now())

    result = desk.verify(rows(20, first=100))

    assert sandbox.bill.total() == 1 + 6
    assert result.json["ending"] == "vendor_stop"
    assert result.json["quota"] == {"total": 10, "left_before": 6, "left_after": 0, "low": True, "known": True}
    assert set(result.column("bv_code")) == {"01", "quota"}


def test_a_sample_that_looks_sane_is_followed_by_the_rest(desk, sandbox):
    onlooker = desk.onlooker

    result = desk.verify(rows(30), bounds=Bounds(sample=5))

    assert onlooker.samples == [{"matched": 5}]
    assert sandbox.bill.total() == 30
    assert result.counts() == {"matched": 30}


def test_a_sample_that_looks_wrong_is_all_that_is_paid_for(desk, sandbox):
    people = [a_row(person, verdict="02") for person in range(1, 41)]

    result = desk.verify(people, bounds=Bounds(sample=20))

    assert sandbox.bill.total() == 20
    assert result.json["ending"] == "open_rows"
    assert result.counts() == {"mismatched": 20, "not_run": 20}
    assert set(result.column("bv_code")) == {"02", "sample"}


def test_a_sample_larger_than_the_sheet_is_the_whole_sheet(desk, sandbox):
    assert desk.verify(rows(3), bounds=Bounds(sample=20)).counts() == {"matched": 3}
    assert sandbox.bill.total() == 3


def test_a_run_that_stops_within_its_sample_does_not_judge_it(desk, sandbox):
    onlooker = desk.onlooker
    sandbox.vendor.set_quota(2)

    result = desk.verify(rows(9), bounds=Bounds(sample=5))

    assert onlooker.samples == []
    assert result.json["ending"] == "vendor_stop"


def test_the_rate_is_kept(desk, sandbox):
    desk.verify(rows(30), qps=25.0)

    assert sandbox.bill.total() == 30
    assert sandbox.bill.max_per_second() <= 25


@proves(Danger.SAME_CARD)
def test_a_card_is_asked_four_times_a_day(desk, sandbox):
    card = a_card(7)

    result = desk.verify([a_row(person, accountNo=card) for person in range(1, 7)])

    assert sandbox.bill.total() == 4
    assert result.counts() == {"matched": 4, "locked": 2}
    assert result.column("bv_code")[4:] == ["card_limit"] * 2
    assert all(result.column("bv_retry_at")[4:])


def test_strict_demands_purpose_authorization_and_operator(desk, sandbox):
    with pytest.raises(SettingsError) as caught:
        desk.verify(rows(1), options=Options(mandate=Mandate(purpose="入职核验")), strict=True)

    assert str(caught.value) == "The setting 'strict' demands --authorization, --operator. Nothing was sent."
    assert sandbox.bill.total() == 0

    whole = Options(mandate=Mandate(purpose="入职核验", authorization="A-1", operator="甲"))
    assert desk.verify(rows(1), options=whole, strict=True).counts() == {"matched": 1}
