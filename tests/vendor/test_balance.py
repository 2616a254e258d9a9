"""The balance by the vendor's account: a server on loopback that speaks the SDK's wire format and checks its signature."""

from __future__ import annotations

import sys

import pytest

from batchverify.errors import InputError, SettingsError
from batchverify.model import Secret
from batchverify.vendor.balance import PRODUCT_CODE, AccessKey, Metered, read_balance
from tests.vendor.account import KEY_ID, SECRET, a_subscription, an_account

KEY = AccessKey(id=Secret(KEY_ID), secret=Secret(SECRET))


@pytest.fixture
def account():
    with an_account() as server:
        yield server


def test_total_quota_is_what_is_left(account):
    account.subscriptions = [a_subscription(6922, 13818, 20740)]

    assert read_balance(account.endpoint, KEY) == Metered(left=6922, used=13818, total=20740)
    assert account.asked == [{"pageNum": "1", "productCode": "cmapi028807", "type": "1"}]


def test_all_pages_add_up_and_other_products_do_not_count(account):
    account.subscriptions = [a_subscription(10, 90, 100) for _ in range(11)] + [a_subscription(5, 5, 10, code="cmapi1")]

    assert read_balance(account.endpoint, KEY) == Metered(left=110, used=990, total=1100)
    assert [query["pageNum"] for query in account.asked] == ["1", "2"]


def test_a_capacity_that_is_missing_is_none(account):
    account.subscriptions = [{"ProductCode": PRODUCT_CODE, "TotalQuota": 7}]

    assert read_balance(account.endpoint, KEY) == Metered(left=7, used=0, total=None)


def test_a_wrong_secret_is_told_without_showing_it(account):
    wrong = AccessKey(id=KEY.id, secret=Secret("wrong"))

    with pytest.raises(SettingsError) as refused:
        read_balance(account.endpoint, wrong)

    assert str(refused.value).startswith("The vendor refuses the AccessKey (SignatureDoesNotMatch). ")
    assert "madeup" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("refusal", "kind", "says"),
    [
        ((404, "InvalidAccessKeyId.NotFound"), SettingsError, r"refuses the AccessKey \(InvalidAccessKeyId\.NotFound\)"),
        ((403, "Forbidden.RAM"), SettingsError, r"refuses the AccessKey \(Forbidden\.RAM\)"),
        ((503, "ServiceUnavailable"), InputError, r"could not be read \(ServiceUnavailable\)"),
        ((500, "a < b"), InputError, r"could not be read \(\w+\)\. Try again"),
    ],
)
def test_what_the_vendor_refuses_is_named_by_its_code_alone(account, refusal, kind, says):
    account.refusal = refusal

    with pytest.raises(kind, match=says) as refused:
        read_balance(account.endpoint, KEY)

    assert "LTAI" not in str(refused.value)


def test_an_account_without_the_product_says_what_to_do(account):
    account.subscriptions = [a_subscription(5, 5, 10, code="cmapi1")]

    with pytest.raises(InputError, match="The account has no package of cmapi028807"):
        read_balance(account.endpoint, KEY)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"Success": false}', "gave no balance"),
        (b'{"Count": 1, "Result": [{"ProductCode": "cmapi028807"}]}', "names no balance"),
        (b'{"Count": 1, "Result": [{"TotalQuota": "many"}]}', "names no balance"),
        (b"<html>", "could not be read"),
    ],
)
def test_an_answer_without_a_number_is_no_balance(account, body, says):
    account.body = body

    with pytest.raises(InputError, match=says):
        read_balance(account.endpoint, KEY)


def test_nobody_listening_is_told(account):
    account.server_close()

    with pytest.raises(InputError, match="The balance could not be read"):
        read_balance(account.endpoint, KEY)


def test_plain_http_to_another_host_is_refused():
    with pytest.raises(SettingsError, match="plain http"):
        read_balance("http://market.aliyuncs.com", KEY)


def test_a_missing_extra_is_named_with_the_command_that_installs_it(account, monkeypatch):
    monkeypatch.setitem(sys.modules, "alibabacloud_market20151101.models", None)

    with pytest.raises(
        SettingsError, match=r"needs the extra 'balance'\. Install it with `pip install 'batchverify\[balance\]'`"
    ):
        read_balance(account.endpoint, KEY)
