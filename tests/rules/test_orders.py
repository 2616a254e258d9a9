"""What an order page says, as numbers and times."""

from decimal import Decimal

import pytest

from batchverify.rules.orders import asks_in, listed_package, moment_in, size_of, yuan_in
from batchverify.rules.packages import PACKAGES, TRIAL


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("¥0.01", "0.01"),
        ("￥ 1,600.00 ", "1600.00"),
        ("180", "180"),
        ("１８０元", "180"),
        ("-¥19", "-19"),
        ("¥-19.00", "-19.00"),
        ("CNY 850", "850"),
    ],
)
def test_amounts_are_read_as_pages_spell_them(text, amount):
    assert yuan_in(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "free", "1.2.3", "(19", "19)", "1,60", "¥"])
def test_what_is_no_amount_is_none(text):
    assert yuan_in(text) is None


@pytest.mark.parametrize("text", ["2018-06-21 12:46:41", "2018/6/21 12:46:41", "2018-06-21T12:46:41.000+08:00", "43272.532419"])
def test_times_are_beijing_time_however_they_are_spelled(text):
    found = moment_in(text)

    assert found is not None
    assert found.isoformat() == "2018-06-21T12:46:41+08:00"


@pytest.mark.parametrize("text", ["", "2018-13-01", "2018-02-30", "21.06.2018", "1234"])
def test_what_is_no_time_is_none(text):
    assert moment_in(text) is None


def test_every_package_of_the_list_is_found_by_its_name_and_its_size():
    for package in (TRIAL, *PACKAGES):
        assert listed_package(f"{package.price}元/{package.asks}次") == package
        assert listed_package(f"{package.asks:,}") == package


def test_a_name_with_another_price_is_not_in_the_list():
    assert listed_package("170元/1000次") is None


@pytest.mark.parametrize(
    ("spelled", "product", "price", "size"),
    [
        ("1600元/10000次", "", "1", 10_000),
        ("", "银行卡四要素 1万次", "1", 10_000),
        ("", "", "850", 5_000),
        ("", "", "851", None),
        ("100次", "全国快递物流查询", "19", None),
    ],
)
def test_a_size_is_taken_from_what_is_spelled_out_or_from_a_price_of_the_list(spelled, product, price, size):
    assert size_of(spelled=spelled, product=product, price=Decimal(price)) == size


def test_a_size_may_be_bare_digits_but_words_are_none():
    assert (asks_in("20740"), asks_in("many")) == (20740, None)
