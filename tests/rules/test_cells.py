"""Which cells hold what they seem to hold."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchverify.model import NumberCell, OddCell
from batchverify.rules.cells import respell, typed_text, whole_number


def java(number):
    """Double.toString: an exponent from 10^7 on, the shortest digits that round-trip."""
    digits = "".join(map(str, Decimal(repr(number)).as_tuple().digits)).rstrip("0") or "0"
    return f"{digits[0]}.{digits[1:] or '0'}E{len(str(int(number))) - 1}" if number >= 1e7 else repr(number)


#: How writers spell a number: Python and pandas, Excel, xlsxwriter, Apache POI, a plain integer, LibreOffice.
SPELLINGS = [repr, "{:.17G}".format, "{:.16G}".format, java, lambda number: str(int(number)), "{:.15G}".format]


@settings(max_examples=300)
@given(number=st.integers(min_value=1, max_value=10**15 - 1), spell=st.sampled_from(SPELLINGS))
def test_no_undamaged_number_is_refused(number, spell):
    assert whole_number(spell(float(number))) == (str(number), "")


@settings(max_examples=300)
@given(number=st.integers(min_value=10**15, max_value=10**19 - 1), spell=st.sampled_from(SPELLINGS))
def test_no_number_of_which_a_spreadsheet_kept_15_digits_is_trusted(number, spell):
    """What Excel keeps when 16 or more digits are typed into a cell, however it is spelled afterwards."""
    kept = int(str(number)[:15].ljust(len(str(number)), "0"))

    _, code = whole_number(spell(float(kept)))

    assert code == ("precision_suspect" if kept < 10**16 else "precision_lost")


@settings(max_examples=100)
@given(number=st.integers(min_value=10**15, max_value=10**19 - 1))
def test_a_long_integer_of_a_program_is_refused_by_its_length(number):
    """The type decides: such a cell may be whole today and lose its tail when the file is next saved."""
    _, code = whole_number(str(number))

    assert code == ("precision_suspect" if number < 10**16 and number % 10 == 0 else "precision_lost")


@pytest.mark.parametrize(
    ("literal", "digits", "code"),
    [
        ("13800138000", "13800138000", ""),
        ("6.2E+14", "620000000000000", ""),
        ("123.0", "123", ""),
        ("007", "7", ""),
        ("6217000000000120", "6217000000000120", "precision_suspect"),
        ("6.21700000000012E+15", "6217000000000120", "precision_suspect"),
        ("6217000000000123", "6217000000000123", "precision_lost"),
        ("1.1010119900307E+17", "110101199003070000", "precision_lost"),
        ("1234567890123456.5", "1234567890123456.5", "precision_lost"),
        ("1E+999999999", "1E+999999999", "precision_lost"),
        ("13800138000.5", "13800138000.5", ""),
        ("1E-999999999", "1E-999999999", ""),
        ("-13800138000", "-13800138000", ""),
        ("NaN", "NaN", ""),
        ("Infinity", "Infinity", ""),
        ("", "", ""),
        ("#N/A", "#N/A", ""),
        ("١٢٣", "123", ""),
    ],
)
def test_a_number_is_judged_by_its_value(literal, digits, code):
    assert whole_number(literal) == (digits, code)


@pytest.mark.parametrize("text", ["6.21412E+17", "6.2e17", "6,21412E+17", "6E17", "1.1E + 17", "-6.2E+17"])
def test_an_exponent_in_a_text_means_lost_digits(text):
    assert respell(text) == (text, "scientific_text")


def test_an_idle_fraction_in_a_text_is_judged_as_a_number():
    assert respell("13800138000.00") == ("13800138000", "")
    assert respell("6217000000000000004.0") == ("6217000000000000004", "precision_lost")


@pytest.mark.parametrize("text", ["", "张三", "11010119900307002X", "13800138000.5", "E17", "1.2.0"])
def test_other_texts_are_taken_as_they_are(text):
    assert respell(text) is None


@pytest.mark.parametrize(
    ("cell", "is_number", "text", "code"),
    [
        (NumberCell(literal="1.38E10"), True, "13800000000", ""),
        (NumberCell(literal="1.38E10"), False, "1.38E10", ""),
        (OddCell(kind="formula"), True, "", "formula_without_value"),
        (OddCell(kind="date", text="1990-03-07"), False, "1990-03-07", "odd_cell"),
        (OddCell(kind="boolean", text="TRUE"), True, "TRUE", "odd_cell"),
        (OddCell(kind="error", text="#REF!"), True, "#REF!", "odd_cell"),
    ],
)
def test_a_cell_that_is_no_text_is_read_by_its_type(cell, is_number, text, code):
    assert typed_text(cell, is_number=is_number) == (text, code)
