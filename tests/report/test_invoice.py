"""The invoice statement as a sheet, a table, a text and a document: the same figures in all of them, in both languages."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from batchverify.report.invoice import invoice_json, invoice_rows, invoice_sheet, invoice_text
from batchverify.rules.invoice import Month, Order, applications
from batchverify.rules.windows import BEIJING
from batchverify.words import Lang

SPAN = {"first": Month(2026, 1), "last": Month(2026, 6)}


def an_order(month, paid, *, voucher=0, number="1"):
    return Order(
        number=number,
        product="银行卡三要素",
        is_refund=paid < 0,
        paid_at=datetime(2026, month, 5, 12, tzinfo=BEIJING),
        paid=Decimal(paid),
        voucher=Decimal(voucher),
    )


FOUND = applications([an_order(1, 160, voucher=20), an_order(2, 19), an_order(4, -160), an_order(5, 1600)], **SPAN)


def test_each_application_lists_its_orders_with_amounts_that_can_be_added_up():
    sheet = invoice_sheet(FOUND, **SPAN, lang=Lang.EN)

    assert sheet.rows[0] == ("Invoice statement 2026-01 to 2026-06",)
    assert ("1", "银行卡三要素", "order", "2026-01-05 12:00:00", Decimal(160), Decimal(20)) in sheet.rows
    assert ("1", "银行卡三要素", "refund", "2026-04-05 12:00:00", Decimal(-160), Decimal(0)) in sheet.rows
    assert [row[4] for row in sheet.rows if row[:1] == ("To be invoiced",)] == [Decimal(160), Decimal(19), Decimal(1440)]
    assert sheet.rows[-1] == ("To be invoiced in all", "", "", "", Decimal(1619))
    assert [sheet.rows[row][0] for row in sheet.heading_rows] == ["Order number"] * 3


@pytest.mark.parametrize(
    ("lang", "merged", "postage", "paper"),
    [
        (
            Lang.EN,
            "Application 3 (2026-04 + 2026-05) · one application",
            "50 yuan or less: the buyer pays the postage",
            "on paper only",
        ),
        (Lang.ZH, "第 3 次申请（2026-04 + 2026-05） · 合并申请", "不超过 50 元：运费由用户承担", "仅支持纸质发票"),
    ],
)
def test_merging_postage_and_paper_are_said_in_both_languages(lang, merged, postage, paper):
    sheet = invoice_sheet(FOUND, **SPAN, lang=lang)
    shown = "\n".join(str(cell) for row in sheet.rows for cell in row)
    text = invoice_text(FOUND, **SPAN, lang=lang)

    for saying in (merged, postage, paper):
        assert shown.count(saying) == text.count(saying) == 1


def test_the_table_has_a_row_for_each_order():
    assert list(invoice_rows(FOUND, Lang.ZH)) == [
        ("申请", "月份", "订单编号", "产品名称", "类型", "支付时间", "实付金额（元）", "代金券（元）"),
        ("1", "2026-01", "1", "银行卡三要素", "订单", "2026-01-05 12:00:00", "160.00", "20.00"),
        ("2", "2026-02", "1", "银行卡三要素", "订单", "2026-02-05 12:00:00", "19.00", "0.00"),
        ("3", "2026-04 + 2026-05", "1", "银行卡三要素", "退款", "2026-04-05 12:00:00", "-160.00", "0.00"),
        ("3", "2026-04 + 2026-05", "1", "银行卡三要素", "订单", "2026-05-05 12:00:00", "1600.00", "0.00"),
    ]


def test_the_document_adds_up():
    document = invoice_json(FOUND, **SPAN)

    assert [one["amount"] for one in document["applications"]] == ["160.00", "19.00", "1440.00"]
    assert [one["buyer_pays_postage"] for one in document["applications"]] == [False, True, False]
    assert document["total"] == "1619.00"
    for one in document["applications"]:
        assert Decimal(one["amount"]) == sum(Decimal(order["paid"]) for order in one["orders"])


@pytest.mark.parametrize(
    ("orders", "says"),
    [
        ([an_order(6, -5)], "Less than nothing: apply for it together with the next month"),
        ([an_order(6, 0, voucher=19)], "Nothing to be invoiced: the orders were paid by voucher"),
        ([], "No order was paid in these months"),
    ],
)
def test_what_cannot_be_invoiced_is_said_and_not_counted(orders, says):
    found = applications(orders, **SPAN)

    assert says in invoice_text(found, **SPAN, lang=Lang.EN)
    assert any(str(row[0]).startswith(says) for row in invoice_sheet(found, **SPAN, lang=Lang.EN).rows if row)
    assert invoice_json(found, **SPAN)["total"] == "0.00"
