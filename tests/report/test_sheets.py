"""The sheets of a summary: every number of it, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from batchverify.model import Product, RowSource, RowStatus, Sheet
from batchverify.report.sheets import summary_sheets
from batchverify.report.summary import Bill, Ending, GroupBill, InputFacts, Quota, Summary, Tally, WindowBill, summarize
from batchverify.words import RESULT_COLUMNS, Lang, label_of_source, label_of_status

AT = datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC)
END = datetime(2026, 11, 24, 3, 0, 1, tzinfo=UTC)


def a_summary(**changes) -> Summary:
    facts = {
        "job": "j-1",
        "run": "r-1",
        "simulated": False,
        "ending": Ending.COMPLETE,
        "input": InputFacts(name="people.csv", sha256="ab"),
        "product": Product.BANK3,
        "endpoint_host": "127.0.0.1",
        "tally": Tally(status={RowStatus.MATCHED: 3, RowStatus.BLOCKED: 1}, unique=2, duplicate=1, reused=0, blocked=1),
        "bill": Bill(
            billed=2,
            in_doubt=1,
            windows=(WindowBill(start=AT, end=END, asks=3, billed=2),),
            by_status={RowStatus.MATCHED: 2},
        ),
        "unit_price": Decimal("0.19"),
        "quota": Quota(total=100, left_before=20, left_after=18),
        "started_at": AT,
        "ended_at": END,
        "ledger_head": "cd",
    }
    return summarize(**(facts | changes))


def found(sheet: Sheet, first: str) -> list[tuple[str | int, ...]]:
    return [row[1:] for row in sheet.rows if row and row[0] == first]


def test_the_three_sheets_have_their_titles():
    assert [sheet.title for sheet in summary_sheets(a_summary(), Lang.EN)] == ["Summary", "Quota", "Legend"]
    assert [sheet.title for sheet in summary_sheets(a_summary(), Lang.ZH)] == ["汇总", "额度消耗", "说明"]


def test_the_summary_counts_rows_and_money():
    sheet = summary_sheets(a_summary(next="batchverify resume j-1"), Lang.EN)[0]

    assert found(sheet, "matched") == [(3, "75.0%")]
    assert found(sheet, "Total") == [(4, "100.0%"), (4,)]
    assert found(sheet, "Certain") == [("0.38",)]
    assert found(sheet, "At most, with all asks in doubt") == [("0.57",)]
    assert found(sheet, "To go on") == [("batchverify resume j-1",)]


def test_the_quota_sheet_lies_beside_the_vendors_list():
    sheet = summary_sheets(
        a_summary(
            bill=Bill(
                billed=2,
                planned=5,
                cost_by="部门",
                groups=(GroupBill(value="总部", billed=2, in_doubt=1, saved=4),),
                windows=(WindowBill(start=AT, end=END, asks=2, billed=2),),
            )
        ),
        Lang.EN,
    )[1]

    assert found(sheet, "2026-11-24 10:50:01 – 11:00:01") == [(2, 2, "0.38")]
    assert found(sheet, "Planned") == [(5, "0.95")]
    assert found(sheet, "总部") == [(3, 2, 1, 4, "0.38", "0.57")]
    assert ("By column 部门", "Asks", "Billed", "In doubt", "Saved", "Yuan", "Yuan at most") in sheet.rows
    assert found(sheet, "By duplicates") == [(1, "0.19")]
    assert found(sheet, "Left after") == [(18,)]


@pytest.mark.parametrize(
    ("quota", "says"),
    [
        (Quota(total=100, left_before=20, left_after=18), "Low balance: less than 20 % is left."),
        (Quota(total=100, left_before=None, left_after=90), "The balance is above 20 %."),
        (Quota(), "Not known: no package is registered."),
    ],
)
def test_the_balance_is_judged(quota, says):
    sheet = summary_sheets(a_summary(quota=quota), Lang.EN)[1]

    assert (says,) in sheet.rows


def test_a_simulated_result_says_so_on_every_sheet_with_numbers():
    for lang, word in ((Lang.EN, "SIMULATED"), (Lang.ZH, "模拟结果")):
        summary, quota, _ = summary_sheets(a_summary(simulated=True), lang)
        assert str(summary.rows[1][0]).startswith(word)
        assert str(quota.rows[1][0]).startswith(word)


def test_an_empty_job_has_no_shares():
    empty = a_summary(tally=Tally(status={}, unique=0, duplicate=0, reused=0, blocked=0), product=None)

    assert found(summary_sheets(empty, Lang.EN)[0], "matched") == [(0, "")]


@pytest.mark.parametrize("lang", list(Lang))
def test_the_legend_explains_every_column_status_and_source(lang):
    legend = summary_sheets(a_summary(), lang)[2]
    explained = {row[0] for row in legend.rows if len(row) == 3 and row[2]}

    assert {(key if lang is Lang.EN else label) for key, label in RESULT_COLUMNS} <= explained
    assert {label_of_status(status, lang) for status in RowStatus} <= explained
    assert {label_of_source(source, lang) for source in RowSource} <= explained


@pytest.mark.parametrize("ending", list(Ending))
def test_every_ending_has_a_sentence_in_both_languages(ending):
    for lang, label in ((Lang.EN, "How it ended"), (Lang.ZH, "结束情况")):
        ((sentence,),) = found(summary_sheets(a_summary(ending=ending), lang)[0], label)
        assert str(sentence).endswith((".", "。"))


def test_headings_point_at_rows_that_are_there():
    for lang in Lang:
        for sheet in summary_sheets(a_summary(), lang):
            assert all(sheet.rows[index][0] for index in sheet.heading_rows)
            assert all(len(row) <= len(sheet.widths) for row in sheet.rows)
