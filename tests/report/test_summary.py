"""The summary adds up, and its JSON is the one that was promised."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from batchverify.model import Product, RowStatus
from batchverify.report.summary import Bill, Ending, InputFacts, Output, Quota, Summary, Tally, WindowBill, summarize
from batchverify.rules.prices import yuan
from batchverify.rules.sums import check_sums

START = datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC)
END = datetime(2026, 11, 24, 3, 0, 1, tzinfo=UTC)


def a_summary(**changes) -> Summary:
    facts = {
        "job": "j-1",
        "run": "r-1",
        "simulated": False,
        "ending": Ending.COMPLETE,
        "input": InputFacts(name="people.csv", sha256="ab", sheet="", encoding="utf-8"),
        "product": Product.BANK3,
        "endpoint_host": "127.0.0.1",
        "tally": Tally(
            status={RowStatus.MATCHED: 2, RowStatus.MISMATCHED: 2, RowStatus.BLOCKED: 1},
            unique=3,
            duplicate=1,
            reused=0,
            blocked=1,
        ),
        "bill": Bill(billed=3, windows=(WindowBill(start=START, end=END, asks=3, billed=3),)),
        "unit_price": Decimal("0.19"),
        "quota": Quota(total=100, left_before=100, left_after=97),
        "started_at": START,
        "ended_at": END,
        "ledger_head": "cd",
        "outputs": (Output(path="people.verified.csv", sha256="ef"),),
    }
    return summarize(**(facts | changes))


def test_the_json_is_the_promised_one_key_by_key():
    document = json.loads(a_summary().as_text())

    assert list(document) == [
        "schema",
        "job",
        "run",
        "simulated",
        "ending",
        "input",
        "product",
        "endpoint_host",
        "rows",
        "status",
        "asks",
        "cost",
        "quota",
        "windows",
        "outputs",
        "started_at",
        "ended_at",
        "ledger_head",
        "next",
    ]
    assert document["input"] == {"name": "people.csv", "sha256": "ab", "sheet": "", "encoding": "utf-8", "rows": 5}
    assert document["rows"] == {"total": 5, "unique": 3, "duplicate": 1, "reused": 0, "blocked": 1}
    assert document["status"] == {status.value: 0 for status in RowStatus} | {"matched": 2, "mismatched": 2, "blocked": 1}
    assert document["asks"] == {
        "sent": 3,
        "billed": 3,
        "free": 0,
        "not_billed": 0,
        "in_doubt": 0,
        "saved": {"duplicate": 1, "reused": 0, "blocked": 1},
    }
    assert document["cost"] == {"currency": "CNY", "unit_price": "0.19", "min": "0.57", "max": "0.57", "saved": "0.38"}
    assert document["quota"] == {"total": 100, "left_before": 100, "left_after": 97, "low": False, "known": True}
    assert document["windows"] == [
        {"from": "2026-11-24T10:50:01+08:00", "to": "2026-11-24T11:00:01+08:00", "asks": 3, "billed": 3}
    ]
    assert document["outputs"] == [{"path": "people.verified.csv", "sha256": "ef"}]
    assert (document["ending"], document["product"], document["next"]) == ("complete", "bank3", None)


def test_rows_with_products_of_their_own_say_auto():
    assert a_summary(product=None).as_json()["product"] == "auto"


def test_chinese_names_stay_readable_in_the_text():
    assert '"name": "名单.csv"' in a_summary(input=InputFacts(name="名单.csv", sha256="")).as_text()


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from([status for status in RowStatus if status is not RowStatus.BLOCKED]), st.integers(0, 50)),
    st.integers(0, 9),
    st.integers(0, 9),
    st.tuples(*[st.integers(0, 50)] * 4),
)
def test_sums_cross_add_for_any_counts(status, blocked, duplicate, asks):
    billed, free, not_billed, in_doubt = asks
    rows = sum(status.values())
    duplicate = min(duplicate, rows)
    bill = Bill(
        billed=billed,
        free=free,
        not_billed=not_billed,
        in_doubt=in_doubt,
        windows=(WindowBill(start=START, end=END, asks=sum(asks), billed=billed),),
    )
    tally = Tally(
        status=status | {RowStatus.BLOCKED: blocked}, unique=rows - duplicate, duplicate=duplicate, reused=0, blocked=blocked
    )

    document = a_summary(tally=tally, bill=bill).as_json()

    assert check_sums(document) == []


def test_what_is_in_doubt_makes_the_cost_an_interval():
    cost = a_summary(bill=Bill(billed=2, in_doubt=3, not_billed=5)).cost

    assert (yuan(cost.low), yuan(cost.high)) == ("0.38", "0.95")


def test_low_balance_is_below_a_fifth_and_unknown_is_never_low():
    assert not Quota(total=100, left_after=20).is_low
    assert Quota(total=100, left_after=19).is_low
    assert not Quota().is_low
    assert a_summary(quota=Quota()).as_json()["quota"] == {
        "total": None,
        "left_before": None,
        "left_after": None,
        "low": False,
        "known": False,
    }


@given(st.decimals(min_value=0, max_value=10**7, places=3))
def test_yuan_loses_nothing(amount):
    spelled = yuan(amount)

    assert Decimal(spelled) == amount
    assert len(spelled.partition(".")[2]) >= 2
