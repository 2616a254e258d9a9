"""The wallet in a job: at which price it is billed, what is left, and what is said before it is spent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from batchverify.job import Bounds
from batchverify.rules.balance import BalanceWarning
from batchverify.store.ledger import Ledger, NewPackage
from tests.builders import a_row, rows


@pytest.fixture
def buy(desk):
    """Enter packages in the wallet of the desk's sandbox: `buy((1000, "180"), …)`, or with further facts."""

    def enter(*packages, **facts):
        desk.home.mkdir(mode=0o700, exist_ok=True)
        (desk.home / "sandbox").mkdir(mode=0o700, exist_ok=True)
        entered = [
            NewPackage(label=str(total), total=total, price=None if price is None else Decimal(price), **facts)
            for total, price in packages
        ]
        with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", simulated=True) as ledger:
            ledger.bought().enter(entered, now=desk.session().clock.now())

    return enter


def test_a_job_costs_what_the_package_in_use_has_cost(desk, buy):
    desk.verify(rows(1))
    buy((1000, "160"))

    result = desk.verify(rows(10, first=100))

    assert result.json["cost"] == {"currency": "CNY", "unit_price": "0.16", "min": "1.60", "max": "1.60", "saved": "0.00"}
    assert result.json["quota"] == {"total": 1000, "left_before": 1000, "left_after": 990, "low": False, "known": True}


def test_a_package_whose_price_nobody_entered_costs_what_the_setting_says(desk, buy):
    desk.verify(rows(1))
    buy((1000, None))

    assert desk.verify(rows(2, first=100), unit_price=Decimal("0.12")).json["cost"]["unit_price"] == "0.12"


def test_a_price_that_does_not_divide_evenly_is_rounded_up_and_the_sums_hold(desk, buy):
    desk.verify(rows(1))
    buy((300, "100"))

    assert desk.verify(rows(3, first=100)).json["cost"]["min"] == "1.0002"


def test_a_job_that_reaches_into_a_dearer_package_is_priced_by_that_one(desk, buy):
    desk.verify(rows(1))
    buy((5, "0.5"), (1000, "190"))

    assert desk.verify(rows(5, first=100)).json["cost"]["unit_price"] == "0.10"
    assert desk.verify(rows(6, first=200)).json["cost"]["unit_price"] == "0.19"


def test_a_job_that_went_on_with_another_package_costs_what_both_have_cost(desk, buy):
    desk.verify(rows(1))
    buy((2, "0.2"))
    first = desk.verify(rows(8, first=100))
    buy((1000, "160"))

    result = desk.resume(first.job)

    assert first.json["cost"]["max"] == "0.20"
    assert (result.json["cost"]["unit_price"], result.json["cost"]["max"]) == ("0.145", "1.16")
    assert desk.render(first.job).json == result.json


def test_a_cap_in_yuan_counts_by_the_price_of_the_package(desk, buy, sandbox):
    desk.verify(rows(1))
    buy((1000, "100"))

    result = desk.verify(rows(20, first=100), bounds=Bounds(max_yuan=Decimal(1)))

    assert result.json["asks"]["sent"] == 10
    assert result.json["cost"]["max"] == "1.00"


def test_what_a_job_has_cost_does_not_change_when_another_package_is_bought(desk, buy):
    desk.verify(rows(1))
    buy((1000, "160"))
    first = desk.verify(rows(4, first=100))
    buy((100, "19"), expires_at=desk.session().clock.now() + timedelta(days=1))

    assert desk.render(first.job, unit_price=Decimal(9)).json == first.json
    assert desk.resume(first.job).json["cost"] == first.json["cost"]


def test_a_plan_that_needs_more_than_is_left_says_so_with_what_to_buy(desk, buy):
    desk.verify(rows(1))
    buy((100, "19"))

    plan = desk.plan(desk.sheet(rows(230, first=100)))

    assert (plan.asks, plan.left, plan.to_buy) == (230, 100, 130)
    assert plan.warnings == {BalanceWarning.SHORT}
    assert plan.as_json()["cheapest_packages"] == {
        "yuan": "38.00",
        "packages": [{"asks": 100, "yuan": "19.00", "count": 2}],
        "left_over": 70,
    }
    assert plan.as_json()["warnings"] == ["needs_more"]


def test_a_plan_that_the_wallet_covers_buys_nothing(desk, buy):
    desk.verify(rows(1))
    buy((100, "19"))

    plan = desk.plan(desk.sheet(rows(3, first=100)))

    assert (plan.to_buy, plan.mix.packages, plan.warnings) == (0, (), frozenset())


@pytest.mark.parametrize(("percent", "is_low"), [(20, True), (18, False), (0, False)])
def test_a_low_balance_is_below_the_level_of_the_settings(desk, buy, percent, is_low):
    desk.verify(rows(1))
    buy((11, "2"))

    result = desk.verify(rows(9, first=100), low_balance_percent=percent)

    assert result.json["quota"]["left_after"] == 2
    assert result.json["quota"]["low"] is is_low


def test_packages_that_have_all_expired_hold_nothing_and_that_is_low(desk, buy, sandbox):
    desk.verify(rows(1))
    now = desk.session().clock.now()
    buy((100, "19"), bought_at=now - timedelta(days=366), expires_at=now - timedelta(days=1))

    result = desk.verify([a_row(100)])

    assert result.json["quota"] == {"total": 0, "left_before": 0, "left_after": 0, "low": True, "known": True}
    assert result.counts() == {"not_run": 1}
    assert sandbox.bill.total() == 1
