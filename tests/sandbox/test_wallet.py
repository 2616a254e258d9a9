from __future__ import annotations

import pytest

from batchverify.sandbox.wallet import Standing, Wallet

CODE = "test-appcode"


def a_wallet(*calls: int) -> Wallet:
    wallet = Wallet(app_code=CODE)
    for count in calls:
        wallet.top_up(count, now=0)
    return wallet


def test_every_ask_takes_one_call_until_none_is_left():
    wallet = a_wallet(2)

    for left in (1, 0):
        assert wallet.refusal(CODE, now=1) is None
        wallet.use_one(now=1)
        assert wallet.left(now=1) == left

    assert wallet.refusal(CODE, now=1) == (403, "B403MQ", "Api Market Subscription quota exhausted")


def test_nothing_is_taken_from_an_empty_wallet():
    wallet = a_wallet(1)
    wallet.use_one(now=1)
    wallet.use_one(now=1)

    assert [(package.used, package.left) for package in wallet.packages()] == [(1, 0)]


def test_a_top_up_lets_asks_through_again():
    wallet = a_wallet(0)
    wallet.top_up(1, now=5)

    assert wallet.refusal(CODE, now=6) is None


def test_an_expired_package_with_calls_left_is_another_refusal_than_a_used_up_one():
    wallet = a_wallet()
    wallet.top_up(5, now=0, expires_at=10)

    assert wallet.refusal(CODE, now=9) is None
    assert wallet.refusal(CODE, now=10) == (403, "B403ME", "Api Market Subscription expired")
    assert wallet.left(now=10) == 0


def test_the_package_that_expires_first_is_used_first_then_the_one_bought_first():
    wallet = a_wallet()
    wallet.top_up(1, now=0)
    wallet.top_up(1, now=1)
    wallet.top_up(1, now=2, expires_at=100)
    used = []

    for _ in range(3):
        before = {package.number: package.used for package in wallet.packages()}
        wallet.use_one(now=3)
        used += [package.number for package in wallet.packages() if package.used != before[package.number]]

    assert used == [3, 1, 2]


def test_setting_the_quota_forgets_the_packages_before():
    wallet = a_wallet(3, 4)
    wallet.set_left(7, now=1)

    assert [(package.number, package.total, package.used) for package in wallet.packages()] == [(1, 7, 0)]


@pytest.mark.parametrize("app_code", [None, "", "another", "TEST-APPCODE"])
def test_only_the_right_app_code_is_let_through(app_code):
    assert a_wallet(1).refusal(app_code, now=1) == (400, "A400AC", "Invalid AppCode `not exists`")


@pytest.mark.parametrize(
    ("standing", "http", "code"),
    [(Standing.REVOKED, 401, "A401AC"), (Standing.UNAUTHORIZED, 403, "I403AA"), (Standing.ARREARS, 403, "B403OD")],
)
def test_the_standing_of_the_account_comes_before_its_packages(standing, http, code):
    wallet = a_wallet(0)
    wallet.standing = standing

    assert wallet.refusal(CODE, now=1)[:2] == (http, code)
