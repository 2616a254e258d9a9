"""Card numbers against python-stdnum."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn

from batchverify.rules.card import check_card, passes_luhn


@settings(max_examples=200)
@given(digits=st.text("0123456789", min_size=1, max_size=19))
def test_luhn_is_that_of_python_stdnum(digits):
    assert passes_luhn(digits) == luhn.is_valid(digits)


@pytest.mark.parametrize("length", range(8, 24))
def test_a_card_has_12_to_19_digits(length):
    body = "621700".ljust(length - 1, "0")

    assert check_card(body + luhn.calc_check_digit(body)) == (() if 12 <= length <= 19 else ("card_length",))


@pytest.mark.parametrize("text", ["", "6217 0000 0000 0004", "６２１７０００００００００００", "621700000000000000X", "²" * 16])
def test_a_card_has_only_digits(text):
    assert check_card(text) == ("card_characters",)


def test_a_wrong_luhn_digit_is_a_warning():
    assert check_card("6217000000000000003") == ("luhn",)
