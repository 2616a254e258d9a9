"""The programs and libraries that spreadsheets come from, each as a function that writes rows of cells.

The one thing to know: a cell that is a number is written as a number, a text as a text; how each program spells them is
its own business, and the point of having many.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pandas as pd
import xlsxwriter
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

Cell = str | int
Lines = Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A way to write a file, the suffix it has, and whether a column of it may hold numbers and texts at once."""

    suffix: str
    write: Callable[[Path, Lines], None]
    mixed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvForm:
    """How a csv file is spelled. `bom` is written before the first character."""

    encoding: str
    bom: str = ""
    delimiter: str = ","
    line_ending: str = "\r\n"
    quoting: int = csv.QUOTE_MINIMAL


CSV_FORMS: Mapping[str, CsvForm] = {
    "csv utf-8": CsvForm(encoding="utf-8"),
    "csv utf-8 with BOM": CsvForm(encoding="utf-8", bom="\ufeff"),
    "csv utf-8, line feeds, quoted": CsvForm(encoding="utf-8", line_ending="\n", quoting=csv.QUOTE_ALL),
    "csv gb18030": CsvForm(encoding="gb18030"),
    "csv gbk": CsvForm(encoding="gbk"),
    "csv gb18030, semicolons": CsvForm(encoding="gb18030", delimiter=";"),
    "csv utf-16, little": CsvForm(encoding="utf-16-le", bom="\ufeff", delimiter="\t"),
    "csv utf-16, big": CsvForm(encoding="utf-16-be", bom="\ufeff"),
    "csv utf-8, tabs": CsvForm(encoding="utf-8", delimiter="\t"),
}


def write_csv(path: Path, lines: Lines, form: CsvForm) -> Path:
    """Write rows as a csv file and return its path."""
    out = io.StringIO()
    csv.writer(out, delimiter=form.delimiter, lineterminator=form.line_ending, quoting=form.quoting).writerows(lines)
    path.write_bytes((form.bom + out.getvalue()).encode(form.encoding))
    return path


def _xlsxwriter(path: Path, lines: Lines, **options: bool) -> None:
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, **options}) as book:
        sheet = book.add_worksheet("名单")
        text = book.add_format({"num_format": "@"})
        for number, line in enumerate(lines):
            for column, cell in enumerate(line):
                if isinstance(cell, int):
                    sheet.write_number(number, column, cell)
                elif cell:
                    sheet.write_string(number, column, cell, text)


def _openpyxl(path: Path, lines: Lines) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for number, line in enumerate(lines, 1):
        for column, value in enumerate(line, 1):
            cell = sheet.cell(number, column)
            cell.value = value if value != "" else None
            if isinstance(value, str) and value:
                cell.data_type, cell.number_format = "s", "@"
    book.save(path)


def _openpyxl_rows(path: Path, lines: Lines) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("名单")
    for line in lines:
        cells = [openpyxl.cell.WriteOnlyCell(sheet, value=value) for value in line]
        for cell in cells:
            if isinstance(cell.value, str):
                cell.data_type = "s"
        sheet.append(cells)
    book.save(path)


def _pandas(path: Path, lines: Lines, engine: str) -> None:
    options = {"options": {"strings_to_formulas": False, "strings_to_urls": False}} if engine == "xlsxwriter" else {}
    with pd.ExcelWriter(path, engine=engine, engine_kwargs=options) as writer:
        width = max(map(len, lines))
        frame = pd.DataFrame([[*line, *[""] * (width - len(line))] for line in lines], dtype=object)
        frame.to_excel(writer, header=False, index=False, sheet_name="名单")


def _xlwt(path: Path, lines: Lines) -> None:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("名单")
    for number, line in enumerate(lines):
        for column, cell in enumerate(line):
            sheet.write(number, column, cell)
    book.save(str(path))


def _odf(path: Path, lines: Lines) -> None:
    book = OpenDocumentSpreadsheet()
    table = Table(name="名单")
    for line in lines:
        row = TableRow()
        for value in line:
            cell = TableCell(valuetype="float", value=value) if isinstance(value, int) else TableCell(valuetype="string")
            cell.addElement(P(text=str(value)))
            row.addElement(cell)
        table.addElement(row)
    book.spreadsheet.addElement(table)
    book.save(str(path))


def _parquet(path: Path, lines: Lines, *, gaps: bool) -> None:
    """Write what stands under the header, the first line that has no blank; there is no place for what stands above it."""
    at = next(number for number, line in enumerate(lines) if len(line) > 1 and all(line))
    header = [str(word) for word in lines[at]]
    frame = pd.DataFrame([[str(cell) for cell in line] for line in lines[at + 1 :]], columns=header)
    if gaps:  # as after a merge: categories, nulls for blanks, and rows that were left out
        frame = frame.replace("", None).astype("category").set_index(pd.RangeIndex(7, 7 + len(frame)).astype(str))
    frame.to_parquet(path)


WRITERS: Mapping[str, Writer] = {
    "xlsxwriter": Writer(suffix="xlsx", write=_xlsxwriter),
    "xlsxwriter, rows as they come": Writer(
        suffix="xlsx", write=lambda path, lines: _xlsxwriter(path, lines, constant_memory=True)
    ),
    "openpyxl": Writer(suffix="xlsx", write=_openpyxl),
    "openpyxl, rows as they come": Writer(suffix="xlsm", write=_openpyxl_rows),
    "pandas by xlsxwriter": Writer(suffix="xlsx", write=lambda path, lines: _pandas(path, lines, "xlsxwriter")),
    "xls by xlwt": Writer(suffix="xls", write=_xlwt),
    "et by xlwt": Writer(suffix="et", write=_xlwt),
    "ods by odfpy": Writer(suffix="ods", write=_odf),
    "parquet by pandas": Writer(suffix="parquet", mixed=False, write=lambda path, lines: _parquet(path, lines, gaps=False)),
    "parquet by pandas, categories": Writer(
        suffix="parquet", mixed=False, write=lambda path, lines: _parquet(path, lines, gaps=True)
    ),
}
