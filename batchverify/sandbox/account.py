"""The pages of the account that its buyer sees: packages, usage detail, notices, and the exports of the usage detail.

The one thing to know: the real export is undocumented, so there are several here (csv in GBK or UTF-8, a workbook), each
with what real exports are known to have around the rows; `package` is the detail of one, as the vendor gives it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from math import inf
from typing import NamedTuple

from batchverify.sandbox.bill import WINDOW_SECONDS, Window
from batchverify.sandbox.vendor import Vendor
from batchverify.sandbox.wallet import Package

PAGE_ROWS = 10
_BEIJING = timezone(timedelta(hours=8))
_USAGE_COLUMNS = ("流水编号", "处理时间", "备注", "消耗")
_XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Export(NamedTuple):
    """A file to download."""

    body: bytes
    content_type: str


def packages_page(vendor: Vendor, *, page: int = 1) -> dict[str, object]:
    """Return ten packages as the console lists them, newest first."""
    bought = sorted(vendor.wallet.packages(), key=lambda package: -package.number)
    first = (page - 1) * PAGE_ROWS
    return {
        "total": len(bought),
        "page": page,
        "packages": [_package_row(package, now=vendor.now()) for package in bought[first : first + PAGE_ROWS]],
    }


def usage_page(vendor: Vendor, wanted: Mapping[str, list[str]]) -> list[dict[str, str]]:
    """Return the usage detail: ten-minute windows in Beijing time, newest first."""
    return [dict(zip(_USAGE_COLUMNS, row, strict=True)) for row in _usage_rows(vendor, wanted)]


def notices_page(vendor: Vendor) -> list[dict[str, object]]:
    """Return what was written to the account: one for each time that less than a fifth was left."""
    return [
        {"at": _spelled(notice.at), "left": notice.left, "total": notice.total, "by": ["sms", "mail"]}
        for notice in vendor.wallet.notices
    ]


def export_usage(vendor: Vendor, wanted: Mapping[str, list[str]], *, form: str) -> Export:
    """Return the usage detail as a file: `csv` is GBK, `csv-utf8` has a BOM, `xlsx` a title above and a sum below.

    Raises ValueError for any other form.
    """
    rows = _usage_rows(vendor, wanted)
    match form:
        case "csv":
            return Export(_csv(rows).encode("gb18030"), "text/csv; charset=GBK")
        case "csv-utf8":
            return Export(_csv(rows).encode("utf-8-sig"), "text/csv; charset=UTF-8")
        case "xlsx":
            return Export(_xlsx(rows), _XLSX_TYPE)
        case _:
            raise ValueError(f"there is no form {form!r}, only csv, csv-utf8 and xlsx")


def _usage_rows(vendor: Vendor, wanted: Mapping[str, list[str]]) -> list[tuple[str, str, str, str]]:
    """Take `package=1` for one package, `from` and `to` as the filter 起止时间, days or seconds of Beijing time."""
    if "package" in wanted:
        number = int(wanted["package"][0])
        used = vendor.wallet.usage(number)
        windows = [Window(start, start + WINDOW_SECONDS, calls) for start, calls in used.items()]
    else:
        number, windows = 0, vendor.bill.windows()
    since, until = (_instant(wanted[word][0]) if word in wanted else None for word in ("from", "to"))
    return [
        _usage_row(window, number)
        for window in windows
        if (since is None or window.starts_at >= since) and (until is None or window.starts_at < until)
    ]


def _usage_row(window: Window, number: int) -> tuple[str, str, str, str]:
    span = f"{_spelled(window.starts_at)} - {_spelled(window.ends_at)}"
    return f"{number:04d}{window.starts_at:012d}", span, "套餐包消耗", f"{window.billed}次"


def _package_row(package: Package, *, now: float) -> dict[str, str]:
    ends = "长期有效" if package.expires_at == inf else _spelled(package.expires_at)
    state = "已用完" if package.left <= 0 else "已过期" if package.expires_at <= now else "使用中"
    return {
        "套餐包ID": f"{package.number:08d}",
        "套餐包名称": f"{package.total}次",
        "使用状况": f"{package.used}/{package.total}",
        "到期时间": f"{_spelled(package.bought_at)} - {ends}",
        "状态": state,
    }


def _csv(rows: list[tuple[str, str, str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_USAGE_COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def _xlsx(rows: list[tuple[str, str, str, str]]) -> bytes:
    from openpyxl import Workbook  # noqa: PLC0415 - an ask has no use for it

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["使用明细"])
    sheet.append(_USAGE_COLUMNS)
    for row in rows:
        sheet.append(row)
    sheet.append(["合计", "", "", f"{sum(int(row[3].removesuffix('次')) for row in rows)}次"])
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def _spelled(at: float) -> str:
    return f"{datetime.fromtimestamp(at, _BEIJING):%Y-%m-%d %H:%M:%S}"


def _instant(text: str) -> float:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=at.tzinfo or _BEIJING).timestamp()
