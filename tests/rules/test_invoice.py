"""Which orders go on which invoice."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.rules.invoice import Application, Month, Order, applications
from batchverify.rules.windows import BEIJING

FIRST, LAST = Month(2026, 1), Month(2026, 12)
PAYMENTS = st.lists(st.tuples(st.integers(1, 12), st.integers(-30_000, 30_000)), max_size=20)


def an_order(month, paid, *, voucher="0", number="1", day=5):
    return Order(
        number=number,
        product="银行卡三要素",
        is_refund=Decimal(paid) < 0,
        paid_at=datetime(2026, month, day, 12, tzinfo=BEIJING),
        paid=Decimal(paid),
        voucher=Decimal(voucher),
    )


def told(found: tuple[Application, ...]):
    return [([str(month) for month in one.months], one.amount, one.waits) for one in found]


def test_each_month_is_an_application_of_its_own_while_none_is_negative():
    found = applications([an_order(3, "180"), an_order(1, "19"), an_order(1, "850")], first=FIRST, last=LAST)

    assert told(found) == [(["2026-01"], Decimal(869), False), (["2026-03"], Decimal(180), False)]


def test_a_negative_month_is_merged_with_the_next_ones_until_the_sum_is_not():
    orders = [an_order(1, "-300"), an_order(2, "180"), an_order(4, "180"), an_order(5, "19")]

    assert told(applications(orders, first=FIRST, last=LAST)) == [
        (["2026-01", "2026-02", "2026-04"], Decimal(60), False),
        (["2026-05"], Decimal(19), False),
    ]


def test_refunds_that_nothing_follows_wait():
    (one,) = applications([an_order(11, "100"), an_order(11, "-180")], first=FIRST, last=LAST)

    assert (one.amount, one.waits, one.buyer_pays_postage) == (Decimal(-80), True, False)


def test_vouchers_are_on_no_invoice():
    (one,) = applications([an_order(1, "160", voucher="20")], first=FIRST, last=LAST)

    assert (one.amount, one.vouchers) == (Decimal(160), Decimal(20))


@pytest.mark.parametrize(("paid", "pays"), [("0.01", True), ("50", True), ("50.01", False), ("0", False)])
def test_up_to_50_yuan_the_buyer_pays_the_postage(paid, pays):
    (one,) = applications([an_order(1, paid)], first=FIRST, last=LAST)

    assert one.buyer_pays_postage is pays


def test_orders_outside_of_the_months_are_left_out_and_the_edges_are_in():
    orders = [an_order(month, "19") for month in (1, 2, 3, 4)]

    assert [str(one.months[0]) for one in applications(orders, first=Month(2026, 2), last=Month(2026, 3))] == [
        "2026-02",
        "2026-03",
    ]


@given(payments=PAYMENTS)
def test_every_order_is_on_one_application_and_only_the_last_can_wait(payments):
    orders = [an_order(month, Decimal(fen) / 100, number=str(place)) for place, (month, fen) in enumerate(payments)]

    found = applications(orders, first=FIRST, last=LAST)

    assert sorted(order.number for one in found for order in one.orders) == sorted(order.number for order in orders)
    assert all(one.amount >= 0 and not one.waits for one in found[:-1])
    assert all(one.waits == (one.amount < 0) for one in found)
    assert [month for one in found for month in one.months] == sorted({Month.of(order.paid_at) for order in orders})
    for one in found:  # no month is taken along that could have stood alone
        for number in range(1, len(one.months)):
            before = one.months[:number]
            assert sum(order.paid for order in one.orders if Month.of(order.paid_at) in before) < 0
