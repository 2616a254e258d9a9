"""Packages over time: what is laid on which, and what is left. The sandbox's own wallet is the referee."""

import sqlite3
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchverify.errors import InputError
from batchverify.model import AttemptState, Billed
from batchverify.sandbox.wallet import Wallet as Referee
from batchverify.store.ledger import Granted, Ledger, NewPackage, Purchase, ReadingSource, Spent

EVENTS = st.one_of(
    st.tuples(st.just("buy"), st.integers(1, 6), st.none() | st.integers(1, 40)),
    st.tuples(st.just("ask"), st.integers(1, 5), st.sampled_from(["billed", "free", "doubt", "refused"])),
    st.tuples(st.just("wait"), st.integers(1, 30), st.none()),
)


def a_package(total=100, **rest):
    return NewPackage(label=str(total), total=total, **rest)


def a_purchase(order="202165942970286", **rest):
    return Purchase(
        **({"order": order, "product": "银行卡三要素", "paid_at": rest.pop("paid_at"), "paid": Decimal(180)} | rest),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENTS, max_size=25))
def test_packages_that_expire_in_between_are_used_as_the_vendor_uses_them(events, tmp_path_factory, make):
    """The wallet of the sandbox takes each ask, when it is asked, from the package that goes first; so must the ledger."""
    desk = make.Desk(tmp_path_factory.mktemp("wallet") / "ledger.sqlite")
    referee, asked = Referee(app_code="sandbox"), 0
    try:
        for kind, count, other in events:
            if kind == "wait":
                desk.pass_time(count * 60)
            elif kind == "buy":
                expires_at = None if other is None else desk.now + timedelta(minutes=other)
                desk.ledger.bought().enter([a_package(count, expires_at=expires_at)], now=desk.now)
                instant = {} if expires_at is None else {"expires_at": expires_at.timestamp()}
                referee.top_up(count, now=desk.now.timestamp(), **instant)
            else:
                for _ in range(count):
                    asked += 1
                    (grant,) = desk.reserve(make.want(str(asked)))
                    if not isinstance(grant, Granted):
                        assert grant == Spent(code="quota")
                        assert referee.left(now=desk.now.timestamp()) == 0
                        continue
                    desk.settle(ending(make, grant.attempt, other))
                    if other in ("billed", "doubt"):
                        referee.use_one(now=desk.now.timestamp())
        known = {package.number: package.used for package in desk.ledger.bought().packages()}
        assert known == {package.number: package.used for package in referee.packages()}
        if known:
            assert desk.ledger.wallet(now=desk.now).left == referee.left(now=desk.now.timestamp())
    finally:
        desk.ledger.close()


def ending(make, attempt, how):
    match how:
        case "billed":
            return make.answered(attempt)
        case "free":
            return make.answered(attempt, code="204", billed=Billed.NO)
        case "doubt":
            return make.ended(attempt, AttemptState.IN_DOUBT)
        case _:
            return make.ended(attempt, AttemptState.NOT_BILLED)


def test_an_expired_package_takes_what_it_had_left_with_it_and_nothing_is_laid_on_it_later(desk, make):
    desk.ledger.bought().enter([a_package(10, expires_at=desk.now + timedelta(hours=1)), a_package(20)], now=desk.now)
    desk.ask(make.want("a"))
    desk.pass_time(3600)
    desk.ask(make.want("b"))

    assert [package.used for package in desk.ledger.bought().packages()] == [1, 1]
    wallet = desk.ledger.wallet(now=desk.now)
    assert (wallet.total, wallet.used, wallet.left) == (20, 1, 19)


def test_the_vendors_no_gives_the_ask_back_to_the_package_it_was_laid_on(desk, make):
    desk.ledger.bought().enter([a_package(10, expires_at=desk.now + timedelta(hours=1)), a_package(20)], now=desk.now)
    (number,) = desk.granted(make.want("a"))
    desk.settle(*make.in_doubt([number]))
    assert [package.used for package in desk.ledger.bought().packages()] == [1, 0]
    desk.pass_time(7200)
    desk.ask(make.want("b"))

    assert desk.ledger.reconcile([number], billed=Billed.NO, now=desk.now, monotonic=desk.monotonic) == []

    assert [package.used for package in desk.ledger.bought().packages()] == [0, 1]


def test_what_no_package_holds_is_laid_on_none(desk, make):
    flying = desk.granted(make.want("a"), make.want("b"))
    desk.ledger.bought().enter([a_package(1)], now=desk.now)
    desk.settle(*make.in_doubt(flying))

    assert [package.used for package in desk.ledger.bought().packages()] == [1]
    assert desk.ledger.wallet(now=desk.now).left == 0
    desk.ledger.reconcile(flying, billed=Billed.NO, now=desk.now, monotonic=desk.monotonic)
    assert [package.used for package in desk.ledger.bought().packages()] == [0]


def test_of_two_that_expire_together_the_one_bought_first_goes_first(desk, make):
    younger = a_package(5, bought_at=desk.now - timedelta(days=1))
    older = a_package(5, bought_at=desk.now - timedelta(days=2))
    desk.ledger.bought().enter([younger, older], now=desk.now)
    desk.ask(make.want("a"))

    assert [package.used for package in desk.ledger.bought().packages()] == [0, 1]


def test_what_is_in_flight_counts_as_used_until_it_is_known_to_be_free(desk, make):
    desk.ledger.bought().enter([a_package(2)], now=desk.now)
    (number,) = desk.granted(make.want("a"))
    assert desk.ledger.wallet(now=desk.now).left == 1

    desk.settle(make.answered(number, code="204", billed=Billed.NO))

    assert desk.ledger.wallet(now=desk.now).left == 2


def test_an_order_is_entered_once_with_its_packages(desk):
    order = a_purchase(paid_at=desk.now, voucher=Decimal(20))
    packages = [a_package(1000, price=Decimal(180), vendor_id="12254205"), a_package(100)]

    first, second = desk.ledger.bought().enter(packages, purchase=order, now=desk.now)

    assert (first.order, first.vendor_id, first.price, second.price) == (order.order, "12254205", Decimal(180), None)
    assert desk.ledger.bought().purchases() == [order]
    assert desk.ledger.bought().enter(packages, purchase=order, now=desk.now) is None
    assert len(desk.ledger.bought().packages()) == 2


def test_a_refund_bears_the_number_of_its_order_and_takes_money_back(desk):
    bought = a_purchase(paid_at=desk.now)
    refund = a_purchase(paid_at=desk.now + timedelta(days=1), paid=Decimal(-180), is_refund=True)
    for purchase in (refund, bought):
        assert desk.ledger.bought().enter([], purchase=purchase, now=desk.now) == []

    assert desk.ledger.bought().purchases() == [bought, refund]


@pytest.mark.parametrize(
    ("package", "says"),
    [
        (a_package(10, used=11), "A package of 10 asks with 11 used cannot be"),
        (a_package(10, price=Decimal("0.005")), "part of a fen"),
        (a_package(10, vendor_id="1"), "The package ID '1' is entered already"),
    ],
)
def test_a_package_that_cannot_be_leaves_nothing_of_its_order(desk, package, says):
    desk.ledger.bought().enter([a_package(5, vendor_id="1")], now=desk.now)

    with pytest.raises(InputError, match=says):
        desk.ledger.bought().enter([a_package(7), package], purchase=a_purchase(paid_at=desk.now), now=desk.now)

    assert (len(desk.ledger.bought().packages()), desk.ledger.bought().purchases()) == (1, [])


def test_a_package_cannot_expire_before_it_was_bought(desk):
    with pytest.raises(InputError, match="cannot expire before it was bought"):
        desk.ledger.bought().enter([a_package(5, expires_at=desk.now)], now=desk.now)


def test_a_used_package_stays_and_an_unknown_one_cannot_be_taken_out(desk, make):
    (package,) = desk.ledger.bought().enter([a_package(5)], now=desk.now)
    desk.ask(make.want("a"))

    with pytest.raises(InputError, match=f"laid on the package {package.number}, so it stays"):
        desk.ledger.bought().drop_package(package.number)
    with pytest.raises(InputError, match="There is no package 99"):
        desk.ledger.bought().drop_package(99)


def test_a_reading_is_kept_beside_our_own_count_of_that_moment(desk, make):
    desk.ledger.bought().enter([a_package(100)], now=desk.now)
    desk.ask(make.want("a"))

    reading = desk.ledger.bought().note_reading(left=97, total=100, source=ReadingSource.VENDOR, now=desk.now)

    assert (reading.left, reading.counted, reading.spent, reading.newest_attempt) == (97, 99, 1, 1)
    assert desk.ledger.bought().readings() == [reading]
    for left, total in ((-1, None), (5, 4)):
        with pytest.raises(InputError, match="The balance cannot be"):
            desk.ledger.bought().note_reading(left=left, total=total, source=ReadingSource.TYPED, now=desk.now)


def test_without_packages_the_newest_reading_that_names_a_total_stands_for_them(desk, make):
    desk.ask(make.want("a"))
    assert desk.ledger.wallet(now=desk.now).left is None
    desk.ledger.bought().note_reading(left=6, total=10, source=ReadingSource.VENDOR, now=desk.now)
    desk.ledger.bought().note_reading(left=5, source=ReadingSource.TYPED, now=desk.now)
    desk.ask(make.want("b"))

    wallet = desk.ledger.wallet(now=desk.now)

    assert (wallet.total, wallet.used, wallet.left) == (10, 5, 5)


def test_what_was_asked_between_two_readings_is_counted_by_code(desk, make):
    desk.ask(make.want("a"))
    first = desk.ledger.bought().note_reading(left=5, source=ReadingSource.TYPED, now=desk.now)
    desk.ask(make.want("b"), code="202")
    desk.ask(make.want("c"), code="202")
    refused, doubtful = desk.granted(make.want("d"), make.want("e"))
    desk.settle(make.ended(refused, AttemptState.NOT_BILLED), *make.in_doubt([doubtful]))
    second = desk.ledger.bought().note_reading(left=4, source=ReadingSource.TYPED, now=desk.now)

    assert desk.ledger.bought().asks_between(after=first.newest_attempt, until=second.newest_attempt) == {"": 1, "202": 2}


def test_the_database_itself_refuses_what_a_wallet_cannot_hold(desk):
    desk.ledger.bought().enter([a_package(5)], now=desk.now)
    con = sqlite3.connect(desk.path)
    for statement in (
        "UPDATE package SET spent = 6",
        "UPDATE package SET spent = -1",
        "INSERT INTO purchase VALUES (1, 'x', '', 'order', 0, -1, 0)",
        "INSERT INTO purchase VALUES (1, 'x', '', 'refund', 0, 1, 0)",
        "INSERT INTO purchase VALUES (1, '', '', 'order', 0, 1, 0)",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            con.execute(statement)
    con.close()


def test_the_real_wallet_and_the_sandboxs_are_two(tmp_path, make):
    with Ledger.open(tmp_path / "real.sqlite") as real, Ledger.open(tmp_path / "made-up.sqlite", simulated=True) as simulated:
        real.bought().enter([a_package(100)], now=make.START)

        assert (real.wallet(now=make.START).left, simulated.wallet(now=make.START).left) == (100, None)
