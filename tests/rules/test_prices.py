"""Money as an interval."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.model import Billed
from batchverify.rules.prices import Cost, PriceTable, unit_price, yuan


def test_every_status_is_billed_unless_the_table_says_otherwise():
    table = PriceTable(unit_price=Decimal("0.19"), exceptions={"203": Billed.NO, "208": Billed.UNKNOWN})

    assert {status: table.billed(status) for status in ("01", "203", "208", "new")} == {
        "01": Billed.YES,
        "203": Billed.NO,
        "208": Billed.UNKNOWN,
        "new": Billed.YES,
    }


@given(billed=st.integers(0, 10**7), unknown=st.integers(0, 10**5))
def test_costs_lie_between_what_is_certain_and_what_is_possible(billed, unknown):
    """Oracle: whole fen, without Decimal."""
    cost = PriceTable(unit_price=Decimal("0.19")).cost(billed=billed, unknown=unknown)

    assert (cost.min * 100, cost.max * 100) == (19 * billed, 19 * (billed + unknown))


def test_costs_add_up_end_by_end():
    total = Cost(min=Decimal("0.19"), max=Decimal("0.38")) + Cost(min=Decimal(1), max=Decimal(1))

    assert total == Cost(min=Decimal("1.19"), max=Decimal("1.38"))


def test_a_cost_that_is_certain_is_one_figure():
    assert str(Cost(min=Decimal("0.57"), max=Decimal("0.57"))) == "0.57"
    assert str(Cost(min=Decimal("0.57"), max=Decimal("0.76"))) == "0.57–0.76"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.00"),
        ("0.570", "0.57"),
        ("720", "720.00"),
        ("1E+3", "1000.00"),
        ("0.1050", "0.105"),
        ("126800.1", "126800.10"),
        ("-0.5", "-0.50"),
    ],
)
def test_amounts_have_two_decimals_or_more_and_no_exponent(amount, text):
    assert yuan(Decimal(amount)) == text


def test_the_price_of_one_ask_falls_as_packages_grow():
    assert unit_price(Decimal(19), asks=100) == Decimal("0.19")
    assert unit_price(Decimal(100_000), asks=1_000_000) == Decimal("0.1")
