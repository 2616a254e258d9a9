"""Mobile numbers by their form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.rules.mobile import check_mobile


@given(second=st.sampled_from("0123456789"), rest=st.text("0123456789", min_size=9, max_size=9))
def test_the_second_digit_decides(second, rest):
    assert check_mobile(f"1{second}{rest}") == (() if second in "3456789" else ("mobile_format",))


@pytest.mark.parametrize(
    "text", ["", "1380013800", "138001380000", "23800138000", "１３８００１３８０００", "13800138000\n", "010-12345678"]
)
def test_anything_else_is_no_mobile_number(text):
    assert check_mobile(text) == ("mobile_format",)
