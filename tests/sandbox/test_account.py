"""The pages of the buyer's account, over the console."""

from __future__ import annotations

import csv
import io
import json

import openpyxl
import pytest

from batchverify.sandbox import Settings, Vendor
from batchverify.sandbox.console import respond

TEN_TO_ELEVEN = 1_521_427_860.0
"""10:51:00 on 2018-03-19 in Beijing."""


class Clock:
    at = TEN_TO_ELEVEN

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vendor(clock):
    return Vendor(Settings(quota=10), wall=clock, monotonic=clock)


def get(vendor, target, *, http=200):
    answer = respond(vendor, method="GET", target=target, body=b"")
    assert answer.http == http
    return answer


def page(vendor, target):
    return json.loads(get(vendor, target).body)


def ask(vendor, times=1):
    for _ in range(times):
        vendor.finish(vendor.ask("/IDCard?idCard=511126199511111111&name=%E5%BC%A0%E4%B8%89", "sandbox"), vendor.bill)


def test_packages_are_listed_as_the_console_does_newest_first(vendor, clock):
    vendor.top_up(3, expires_in_seconds=600)
    ask(vendor, 4)
    vendor.top_up(100, expires_in_seconds=3600)
    clock.at += 700

    listed = page(vendor, "/console/packages")

    assert listed["total"] == 3
    assert [tuple(package.values()) for package in listed["packages"]] == [
        ("00000003", "100次", "0/100", "2018-03-19 10:51:00 - 2018-03-19 11:51:00", "使用中"),
        ("00000002", "3次", "3/3", "2018-03-19 10:51:00 - 2018-03-19 11:01:00", "已用完"),
        ("00000001", "10次", "1/10", "2018-03-19 10:51:00 - 长期有效", "使用中"),
    ]


def test_packages_come_ten_a_page_and_an_expired_one_says_so(vendor, clock):
    for _ in range(11):
        vendor.top_up(5, expires_in_seconds=60)
    clock.at += 61

    first, second, third = (page(vendor, f"/console/packages?page={number}") for number in (1, 2, 3))

    assert [len(one["packages"]) for one in (first, second, third)] == [10, 2, 0]
    assert {one["状态"] for one in first["packages"]} == {"已过期"}
    assert second["total"] == 12


def test_the_detail_of_one_package_and_of_all_add_up(vendor, clock):
    vendor.top_up(2, expires_in_seconds=6000)
    ask(vendor, 3)
    clock.at += 600
    ask(vendor)

    def lines(query=""):
        return [(line["处理时间"][11:16], line["消耗"]) for line in page(vendor, f"/console/usage{query}")]

    assert lines() == [("11:00", "1次"), ("10:50", "3次")]
    assert lines("?package=1") == [("11:00", "1次"), ("10:50", "1次")]
    assert lines("?package=2") == [("10:50", "2次")]
    assert lines("?from=2018-03-19%2011:00:00") == [("11:00", "1次")]
    assert lines("?to=2018-03-19") == []


def test_serial_numbers_differ_between_packages(vendor):
    vendor.top_up(1, expires_in_seconds=6000)
    ask(vendor, 2)

    serials = [line["流水编号"] for number in (1, 2) for line in page(vendor, f"/console/usage?package={number}")]

    assert len(set(serials)) == 2


def test_usage_is_exported_as_csv_in_two_encodings_and_as_a_workbook(vendor):
    ask(vendor, 3)

    gbk, utf8, book = (get(vendor, f"/console/usage?format={form}") for form in ("csv", "csv-utf8", "xlsx"))

    tables = [list(csv.reader(io.StringIO(text, newline=""))) for text in (gbk.body.decode("gbk"), utf8.body.decode("utf-8-sig"))]
    assert tables[0] == tables[1]
    assert tables[0][1][1:] == ["2018-03-19 10:50:01 - 2018-03-19 11:00:01", "套餐包消耗", "3次"]
    rows = list(openpyxl.load_workbook(io.BytesIO(book.body)).active.iter_rows(values_only=True))
    assert [row[0] for row in rows] == ["使用明细", "流水编号", tables[0][1][0], "合计"]
    assert rows[2] == tuple(tables[0][1])
    assert rows[3][3] == "3次"
    assert book.content_type.endswith("spreadsheetml.sheet")


@pytest.mark.parametrize("query", ["format=pdf", "package=one", "from=yesterday"])
def test_what_cannot_be_exported_is_said(vendor, query):
    answer = get(vendor, f"/console/usage?{query}", http=400)

    assert json.loads(answer.body)["error"].startswith("/console/usage cannot make sense of this: ")


def test_the_account_is_told_once_that_less_than_a_fifth_is_left(vendor):
    ask(vendor, 8)
    assert page(vendor, "/console/notices") == []

    ask(vendor, 2)

    assert page(vendor, "/console/notices") == [{"at": "2018-03-19 10:51:00", "left": 1, "total": 10, "by": ["sms", "mail"]}]


def test_after_buying_the_account_is_told_again(vendor, clock):
    ask(vendor, 9)
    vendor.top_up(5, expires_in_seconds=60)
    ask(vendor, 4)
    clock.at += 60
    ask(vendor)

    assert [(notice["left"], notice["total"]) for notice in page(vendor, "/console/notices")] == [(1, 10), (2, 15)]
