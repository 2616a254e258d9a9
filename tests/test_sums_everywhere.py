"""One checker, `rules.sums`, over everything that shows figures: summary, workbook and audit report, of both samples.

The one thing to know: the workbook's figures are read back by their labels, as a clerk reads them, and put under the keys
of the summary. So a sheet that shows another number than the summary has is found here.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from batchverify.job import Asking, Delivery, Options
from batchverify.job.reporting import report_job
from batchverify.model import Product, RowStatus
from batchverify.rules.sums import check_sums
from batchverify.words import Lang

SAMPLES = [Path(__file__).parent.parent / "samples" / name for name in ("people.csv", "名单.xlsx")]
PRODUCTS = (Product.BANK3, Product.BANK3_DETAIL, None)


def sections(path: Path, title: str) -> dict[str, dict[str, Any]]:
    """Give a sheet's blocks by their heading: label to the first figure beside it."""
    found: dict[str, dict[str, Any]] = {}
    heading = ""
    blank = True
    for row in load_workbook(path)[title].iter_rows(values_only=True):
        label, figure = row[0], row[1] if len(row) > 1 else None
        if label is None:
            blank = True
        elif blank:
            heading, blank = str(label), False
            found[heading] = {}
        else:
            found[heading][str(label)] = figure
    return found


def as_summary(path: Path) -> dict[str, Any]:
    """Read the sheets Summary and Quota of a result back into the shape of a summary."""
    summary, quota = sections(path, "Summary"), sections(path, "Quota")
    status, kinds, cost = summary["Rows by status"], summary["Rows by kind"], summary["Cost"]
    asks, saved = quota["Asks"], quota["Asks saved"]
    windows = next(rows for heading, rows in quota.items() if heading.startswith("Windows of 10 minutes"))
    assert quota["Billed by status"]["Total"] == asks["Billed"]
    return {
        "status": {word.value: status[word.value] for word in RowStatus},
        "rows": {
            "total": status["Total"],
            "unique": kinds["Different questions"],
            "duplicate": kinds["Duplicates of another row"],
            "blocked": kinds["Blocked by local checks"],
            "reused": kinds["Answered from an earlier job (among the different ones)"],
        },
        "asks": {
            "sent": asks["Sent"],
            "billed": asks["Billed"],
            "free": asks["Answered free of charge"],
            "not_billed": asks["Without an answer, not billed"],
            "in_doubt": asks["In doubt, perhaps billed"],
            "saved": {
                "duplicate": saved["By duplicates"],
                "reused": saved["By earlier answers"],
                "blocked": saved["By local checks"],
            },
        },
        "cost": {
            "unit_price": cost["Price of one ask"],
            "min": cost["Certain"],
            "max": cost["At most, with all asks in doubt"],
            "saved": cost["Saved"],
        },
        "windows": [{"asks": asks_of, "billed": billed} for asks_of, billed in _windows(path, len(windows))],
    }


def _windows(path: Path, count: int) -> list[tuple[int, int]]:
    rows = [row for row in load_workbook(path)["Quota"].iter_rows(values_only=True) if row[0]]
    return [(row[1], row[2]) for row in rows[-count:]] if count else []


@pytest.mark.parametrize("product", PRODUCTS, ids=str)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_summary_workbook_and_report_cross_add_and_agree(desk, sample, product):
    source = Path(shutil.copy(sample, desk.folder))
    options = Options(asking=Asking(product=product), delivery=Delivery(output=desk.folder / "result.xlsx"))
    result = desk.verify(source, options=options)
    report_job(result.job, desk.folder / "report.json", desk.session(), lang=Lang.EN)
    report = json.loads((desk.folder / "report.json").read_bytes())
    workbook = as_summary(result.path)

    assert [check_sums(one) for one in (result.json, workbook, report)] == [[], [], []]
    for key in ("rows", "status", "asks"):
        assert workbook[key] == result.json[key] == report[key]
    for key in ("unit_price", "min", "max", "saved"):
        assert workbook["cost"][key] == result.json["cost"][key] == report["cost"][key]


def test_a_workbook_that_shows_another_figure_is_found(desk):
    result = desk.verify(SAMPLES[0], options=Options(delivery=Delivery(output=desk.folder / "result.xlsx")))
    book = load_workbook(result.path)
    (cell,) = [row[1] for row in book["Quota"].iter_rows() if row[0].value == "Billed"]
    cell.value += 1
    (total,) = [row[1] for row in book["Quota"].iter_rows() if row[0].value == "Total"]
    total.value += 1
    book.save(result.path)

    assert check_sums(as_summary(result.path)) != []
