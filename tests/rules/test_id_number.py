"""ID numbers against the standard, two libraries and the calendar."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from id_validator import validator
from stdnum.cn import ric

from batchverify.rules.id_number import check_character, check_id_number, upgrade_15

TODAY = date(2026, 11, 24)
ID = "110101199003070011"

digits_17 = st.text("0123456789", min_size=17, max_size=17)


def an_id(region="110101", born="19900307", sequence="001"):
    """Make up an ID number; its check character is python-stdnum's."""
    body = region + born + sequence
    return body + ric.calc_check_digit(body + "0")


@settings(max_examples=200)
@given(body=digits_17)
def test_the_check_character_is_that_of_python_stdnum(body):
    assert check_character(body) == ric.calc_check_digit(body + "0")


@settings(max_examples=100)
@given(body=digits_17, place=st.integers(0, 16), other=st.sampled_from("0123456789"))
def test_one_wrong_digit_never_keeps_the_check_character(body, place, other):
    wrong = body[:place] + other + body[place + 1 :]

    assert (check_character(wrong) == check_character(body)) == (wrong == body)


@settings(max_examples=100)
@given(
    born=st.dates(date(1900, 1, 1), date(2012, 11, 23)),
    sequence=st.integers(0, 999),
    region=st.sampled_from(["110101", "511126", "440305"]),
)
def test_a_true_number_has_no_findings(born, sequence, region):
    assert check_id_number(an_id(region, f"{born:%Y%m%d}", f"{sequence:03}"), TODAY) == ()


def test_id_validator_agrees_on_made_up_numbers():
    """Few, since it takes milliseconds for each."""
    for number in (ID, an_id("511126", "19850101"), an_id("440305", "20001231", "998")):
        assert validator.is_valid(number)
        assert check_id_number(number, TODAY) == ()


def test_only_dates_of_the_calendar_are_dates_of_birth():
    """Brute force over every month and day of a leap and a common year. Oracle: datetime.date."""
    for year in (1999, 2000):
        for month in range(14):
            for day in range(33):
                try:
                    expected = ("id_birthdate",) if not date(year, month, day) else ()
                except ValueError:
                    expected = ("id_birthdate",)
                assert check_id_number(an_id(born=f"{year}{month:02}{day:02}"), TODAY) == expected


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (ID[:-1] + "2", ("id_checksum",)),
        (an_id(born="18991231"), ("id_birthdate",)),
        (an_id(born="20261124"), ("minor",)),
        (an_id(born="20261125"), ("id_future",)),
        (ID[:-1], ("id_length",)),
        (ID + "1", ("id_length",)),
        (ID[:15], ("id_15_digits",)),
        ("1", ("id_length",)),
        ("X", ("id_characters",)),
        (ID[:14] + "X", ("id_characters",)),
        ("1101011990X3070011", ("id_characters",)),
        ("1101**********0011", ("id_characters",)),
        ("１" + ID[1:], ("id_characters",)),
        (ID[:-1] + "x", ("id_characters",)),
        ("²" + ID[1:], ("id_characters",)),
        (an_id(region="990101"), ("permanent_residence",)),
        (an_id(region="810000"), ("permit",)),
        (an_id(region="820000"), ("permit",)),
        (an_id(region="830000"), ("permit",)),
        (an_id(region="100101"), ("region",)),
        (an_id(region="100101", born="20200101"), ("minor", "region")),
    ],
)
def test_each_fault_and_oddity_has_its_word(text, findings):
    assert check_id_number(text, TODAY) == findings


@pytest.mark.parametrize(
    ("born", "today", "is_minor"),
    [
        ("20121124", date(2026, 11, 24), True),  # the birthday itself still counts as under 14
        ("20121123", date(2026, 11, 24), False),
        ("20120229", date(2026, 2, 28), True),
        ("20120229", date(2026, 3, 1), False),
    ],
)
def test_a_person_is_14_the_day_after_the_birthday(born, today, is_minor):
    assert check_id_number(an_id(born=born), today) == (("minor",) if is_minor else ())


@settings(max_examples=50)
@given(born=st.dates(date(1900, 1, 1), date(1999, 12, 31)), sequence=st.integers(0, 995))
def test_an_upgraded_number_passes_every_check(born, sequence):
    upgraded = upgrade_15(f"110101{born:%y%m%d}{sequence:03}")

    assert upgraded is not None
    assert check_id_number(upgraded, TODAY) == ()
    assert upgraded[6:14] == f"{born:%Y%m%d}"


def test_id_validator_upgrades_alike():
    assert upgrade_15("110101900307001") == validator.upgrade_id("110101900307001")


@pytest.mark.parametrize(
    "text", ["", ID, "11010190030700", "11010190030700X", "１" * 15, *(f"110101900307{n}" for n in range(996, 1000))]
)
def test_what_is_no_15_digit_number_of_the_20th_century_is_not_upgraded(text):
    assert upgrade_15(text) is None


def test_the_check_does_not_depend_on_the_day_beyond_age_and_future():
    assert {check_id_number(ID, TODAY + timedelta(days=days)) for days in range(0, 3_000, 97)} == {()}
