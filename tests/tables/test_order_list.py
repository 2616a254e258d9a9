"""Orders copied from the vendor's pages, as csv and workbook."""

from __future__ import annotations

import csv
from datetime import datetime
from decimal import Decimal

import pytest
from openpyxl import Workbook

from batchverify.errors import InputError
from batchverify.rules.windows import BEIJING
from batchverify.tables.order_list import read_orders

HEADER = ["订单编号", "产品名称", "类型", "套餐版本", "订单支付时间", "代金券抵扣", "订单实付金额"]
ORDER = ["202165942970201", "银行卡3元素实名认证", "订单", "180元/1000次", "2026-01-12 10:46:41", "¥20.00", "¥160.00"]


@pytest.fixture
def orders(tmp_path):
    """Write a table as csv or xlsx and read its orders: `orders(rows, kind="csv", encoding="gb18030")`."""

    def write_and_read(rows, *, kind="csv", encoding="utf-8-sig"):
        path = tmp_path / f"orders.{kind}"
        if kind == "csv":
            with path.open("w", encoding=encoding, newline="") as file:
                csv.writer(file).writerows(rows)
        else:
            book = Workbook()
            for row in rows:
                book.active.append(row)
            book.save(path)
        return read_orders(path, temporary=tmp_path)

    return write_and_read


@pytest.mark.parametrize(("kind", "encoding"), [("csv", "gb18030"), ("csv", "utf-8-sig"), ("xlsx", "")])
def test_columns_are_known_by_name_below_any_title(orders, kind, encoding):
    (line,) = orders([["云市场 订单列表"], HEADER, ORDER, ["合计"]], kind=kind, encoding=encoding)

    assert (line.order, line.product, line.is_refund) == ("202165942970201", "银行卡3元素实名认证", False)
    assert (line.asks, line.paid, line.voucher, line.price) == (1000, Decimal("160.00"), Decimal("20.00"), Decimal(180))
    assert line.paid_at == datetime(2026, 1, 12, 10, 46, 41, tzinfo=BEIJING)


def test_a_workbook_may_keep_amounts_as_numbers_and_times_as_times(orders):
    header = ["订单号", "商品", "支付时间", "实付金额", "套餐配额", "购买个数"]

    (line,) = orders([header, ["1", "银行卡四要素", datetime(2026, 1, 12, 10, 46, 41), 38, 100, 2]], kind="xlsx")

    assert (line.asks, line.count, line.price) == (100, 2, Decimal(19))
    assert line.paid_at == datetime(2026, 1, 12, 10, 46, 41, tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("header", "cells", "paid", "voucher"),
    [
        (["现金支付", "储值卡抵扣", "代金券抵扣"], ["100", "60", "20"], "160", "20"),
        (["应付金额", "代金券"], ["180", "20"], "160", "20"),
        (["应付金额", "代金券", "实付金额"], ["180", "-", "180"], "180", "0"),
    ],
)
def test_what_is_invoiced_is_cash_and_stored_value_and_no_voucher(orders, header, cells, paid, voucher):
    (line,) = orders([["订单编号", "支付时间", *header], ["1", "2026-01-12", *cells]])

    assert (line.paid, line.voucher) == (Decimal(paid), Decimal(voucher))


@pytest.mark.parametrize(("kind", "amount"), [("退款订单", "160"), ("订单", "-160"), ("退款", "-160")])
def test_a_refund_takes_money_back_and_is_no_package(orders, kind, amount):
    (line,) = orders([HEADER, [*ORDER[:2], kind, *ORDER[3:5], "20", amount]])

    assert (line.is_refund, line.paid, line.voucher, line.asks) == (True, Decimal(-160), Decimal(-20), None)


def test_an_order_of_another_product_is_an_order_without_a_package(orders):
    (line,) = orders([HEADER, [ORDER[0], "全国快递物流查询", *ORDER[2:]]])

    assert (line.asks, line.paid) == (None, Decimal("160.00"))


def test_expiry_package_id_and_use_are_taken_where_they_stand(orders):
    header = ["订单编号", "支付时间", "实付金额", "套餐包ID", "套餐包名称", "已用次数", "到期时间"]

    (line,) = orders([header, ["1", "2019-05-24", "19", "12254205", "100次套餐包", "7", "2019-05-24 - 2020-05-25"]])

    assert (line.asks, line.vendor_id, line.used) == (100, "12254205", 7)
    assert line.expires_at == datetime(2020, 5, 25, tzinfo=BEIJING)


def test_blank_lines_and_sums_are_no_orders(orders):
    assert len(orders([HEADER, ORDER, [], ["", "合计", "", "", "", "", "¥160.00"], ["总计", *ORDER[1:4], "", "", "1"]])) == 1


@pytest.mark.parametrize(
    ("place", "cell", "says"),
    [
        (0, "", "Row 2 of orders.csv has no whole order number"),
        (0, "2.02166E+14", "Row 2 of orders.csv has no whole order number"),
        (4, "soon", "Row 2 of orders.csv has no time of payment"),
        (6, "free", "Row 2 of orders.csv has an amount that is not understood"),
        (6, "", "Row 2 of orders.csv has no amount that was paid"),
    ],
)
def test_a_line_that_is_not_understood_is_refused_by_its_row(orders, place, cell, says):
    with pytest.raises(InputError, match=rf"^{says}.* Nothing was entered\.$"):
        orders([HEADER, [*ORDER[:place], cell, *ORDER[place + 1 :]]])


def test_a_count_that_is_no_number_is_refused(orders):
    with pytest.raises(InputError, match="has a number that is not understood"):
        orders([[*HEADER, "购买个数"], [*ORDER, "two"]])


def test_a_file_without_such_columns_is_no_list_of_orders(orders):
    with pytest.raises(InputError, match=r"orders\.csv has no columns 订单编号, 支付时间 and 实付金额"):
        orders([["姓名", "身份证号"], *([["张三", "1"]] * 60)])
