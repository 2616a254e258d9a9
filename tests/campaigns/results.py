"""Results in workbooks as offices have them, drawn at random: valid by the standard, and every cell of the user's as it was.

    python -m tests.campaigns.results --files 300 --seed 1

The one thing to know: nobody is asked. Outcomes are drawn, so that each status meets each spelling of a row; and each result is
the input of a second one, in the other language. With LibreOffice on the machine its files are tried, too.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import xlsxwriter
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill

from batchverify.model import Billed, Field, Outcome, Record, RowSource, RowStatus, Sheet
from batchverify.tables.columns import choose_columns
from batchverify.tables.reader import Table, open_table
from batchverify.tables.writer import write_result
from batchverify.words import SAYINGS, Lang
from tests.campaigns.people import card_number, id_number
from tests.validity import new_faults

_HEADER = ("序号", "姓名", "身份证号", "银行卡号", "手机号", "备注")
_SHEETS = (
    Sheet(title="Summary", rows=(("Summary",), (), ("Rows", "Count"), ("matched", 4)), widths=(20, 10), heading_rows=(2,)),
    Sheet(title="Legend", rows=(("Legend",), ("matched", "long " * 30)), widths=(20, 60)),
)
_REMARKS = ("", "NA", "00123", "=1+1", " x ", "a\nb", "<&>", "_x0041_", "x" * 300, "\U0002a6d5", 7, 1.5, True)


def _people(draw: random.Random) -> list[list[Any]]:
    """Rows of which any cell may be missing, also the last ones and all of them."""
    lines = []
    for number in range(draw.randint(1, 25)):
        line = [
            number,
            "张三",
            id_number(draw.randrange(9_000)),
            card_number(draw.randrange(9_000)),
            "13800138000",
            draw.choice(_REMARKS),
        ]
        for column in range(1, 6):
            if draw.random() < 0.25:
                line[column] = None
        lines.append([None] * 6 if draw.random() < 0.1 else line)
    return lines


def by_xlsxwriter(path: Path, draw: random.Random) -> None:
    """Write people with what xlsxwriter can put around them."""
    with xlsxwriter.Workbook(path, {"constant_memory": draw.random() < 0.3}) as book:
        looks = [
            book.add_format(one)
            for one in ({"num_format": "@"}, {"bg_color": "#FFFF00"}, {"text_wrap": True}, {"num_format": "0"})
        ]
        if draw.random() < 0.5:
            book.add_worksheet("说明").write(0, 0, "填写说明")
        sheet = book.add_worksheet("名单")
        if draw.random() < 0.5:
            first = draw.randrange(5)
            sheet.set_column(first, first + draw.choice([0, 3, 16_000]), 14, draw.choice([None, *looks]))
        start = draw.choice([0, 0, 2])
        if start:
            sheet.merge_range(0, 0, 0, 5, "员工核验名单")
        for number, line in enumerate([list(_HEADER), *_people(draw)], start):
            if draw.random() < 0.2:
                height, options = draw.choice([None, 15, 40]), {"hidden": draw.random() < 0.3, "level": draw.choice([0, 1])}
                sheet.set_row(number, height, draw.choice([None, *looks]), options)
            for column, cell in enumerate(line):
                if cell is not None:
                    sheet.write(number, column, cell, draw.choice([None, None, *looks]))
                elif draw.random() < 0.3:
                    sheet.write_blank(number, column, None, draw.choice(looks))
        _surround(book, sheet, start, looks[1], draw)


def _surround(book: xlsxwriter.Workbook, sheet: Any, start: int, yellow: Any, draw: random.Random) -> None:
    if draw.random() < 0.5:
        sheet.autofilter(start, 0, start + 5, 5)
    if draw.random() < 0.3:
        sheet.write_comment(start, 1, "批注")
        sheet.data_validation(start + 1, 5, start + 9, 5, {"validate": "list", "source": ["是", "否"]})
        sheet.conditional_format(start + 1, 2, start + 9, 2, {"type": "duplicate", "format": yellow})
    if draw.random() < 0.3:
        sheet.freeze_panes(start + 1, 2)
        sheet.print_area(0, 0, 9, 5)
        book.define_name("合计", "=名单!$A$1")


def by_openpyxl(path: Path, draw: random.Random) -> None:
    """Write people with what openpyxl can put around them."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = draw.choice(["名单", "It's a list", "A&B"])
    for number, line in enumerate([list(_HEADER), *_people(draw)], 1):
        for column, value in enumerate(line, 1):
            cell = sheet.cell(number, column)
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"
            if draw.random() < 0.2:
                cell.number_format, cell.font = draw.choice(["@", "General", "0.00"]), Font(bold=True)
            if draw.random() < 0.1:
                cell.fill, cell.alignment = PatternFill("solid", fgColor="FFFF00"), Alignment(wrap_text=True)
    if draw.random() < 0.4:
        sheet.row_dimensions[draw.randint(1, 5)].height = draw.choice([12, 50])
        sheet.column_dimensions[draw.choice("ABCF")].width = 30
    if draw.random() < 0.3:
        sheet["B1"].comment = Comment("批注", "测试")
        sheet.merge_cells("H2:J4")
        sheet["H2"] = "旁注"
    if draw.random() < 0.3:
        hidden = book.create_sheet("藏")
        hidden.sheet_state = "hidden"
        book.active = draw.choice([0, 0, 1]) if draw.random() < 0.2 else 0
    if draw.random() < 0.3:
        book.defined_names["合计"] = openpyxl.workbook.defined_name.DefinedName(
            "合计", attr_text="'藏'!$A$1" if "藏" in book else "1"
        )
    book.save(path)


WRITERS = {"xlsxwriter": by_xlsxwriter, "openpyxl": by_openpyxl}

#: Other spellings of the same rows, as other programs have them.
_SPELLINGS: Sequence[tuple[str, str]] = (
    (r"<dimension [^>]*/>", ""),
    (r' spans="[^"]*"', ""),
    (r'<row r="(\d+)"', r"<row r='\1'"),
    (r"</row>", "</row>\n  "),
    (r"<c ([^>]*)/>", r"<c \1></c>"),
    (r'<c r="([A-Z]+\d+)" s="(\d+)"', r'<c s="\2" r="\1"'),
    (r"<row ([^>]*[^/])></row>", r"<row \1/>"),
    (r"(<row [^>]*[^/])>", r'\1 x14ac:dyDescent="0.25">'),
)
_X14AC = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/ac"
_MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def respelled(source: Path, target: Path, draw: random.Random) -> Path:
    """Copy a workbook with its worksheets in other words."""
    chosen = [one for one in _SPELLINGS if draw.random() < 0.5]
    with ZipFile(source) as opened, ZipFile(target, "w", ZIP_DEFLATED) as written:
        for name in opened.namelist():
            content = opened.read(name)
            if name.startswith("xl/worksheets/sheet"):
                text = content.decode()
                for pattern, words in chosen:
                    text = re.sub(pattern, words, text)
                if "x14ac:dyDescent" in text:
                    declared = f'<worksheet xmlns:mc="{_MC}" xmlns:x14ac="{_X14AC}" mc:Ignorable="x14ac"'
                    text = text.replace("<worksheet", declared, 1)
                content = text.encode()
            written.writestr(name, content)
    return target


def _outcomes(table: Table, draw: random.Random) -> Iterator[tuple[Record, Outcome | None]]:
    for record in table.records():
        if draw.random() < 0.15:
            yield record, None
            continue
        yield (
            record,
            Outcome(
                status=draw.choice(list(RowStatus)),
                code=draw.choice(list(SAYINGS)),
                source=draw.choice(list(RowSource)),
                billed=Billed.YES,
                at=draw.choice([None, *Field]),
                details={"bank": "测试银行"} if draw.random() < 0.5 else {},
                asked_at=datetime(2026, 11, 24, tzinfo=UTC),
                row_tag=f"s-aaaaaaaa/{record.number}/0a0b0c0d",
            ),
        )


def result_of(source: Path, target: Path, draw: random.Random, *, lang: Lang) -> Path:
    """Write a result with drawn outcomes beside the people of a file."""
    with open_table(source, temporary=target.parent) as table:
        columns = choose_columns(table, wanted=(), optional=tuple(Field))
        annotated = _outcomes(table, draw)
        return write_result(table, annotated, target, lang=lang, simulated=True, sheets=lambda: _SHEETS, columns=columns).path


def cells_of(path: Path, sheet: str) -> Mapping[str, tuple[Any, str, Any, Any]]:
    """Give what openpyxl sees in the user's columns of a sheet: values, formats, fonts and fills of cells that are filled."""
    book = openpyxl.load_workbook(path)
    return {
        cell.coordinate: (cell.value, cell.number_format, cell.font.b, cell.fill.fgColor.rgb)
        for row in book[sheet].iter_rows(max_col=len(_HEADER))
        for cell in row
        if cell.value is not None
    }


def wrong_with(folder: Path, kind: str, draw: random.Random, *, soffice: str | None = None) -> Iterator[str]:
    """Write a workbook, its result and the result of that; yields what is wrong."""
    source = folder / "people.xlsx"
    WRITERS[kind](source, draw)
    if soffice is not None:
        command = [soffice, "--headless", "--convert-to", "xlsx", "--outdir", str(folder / "saved"), str(source)]
        subprocess.run(command, check=True, capture_output=True)
        source = folder / "saved" / source.name
    elif draw.random() < 0.5:
        source = respelled(source, folder / "respelled.xlsx", draw)
    with open_table(source, temporary=folder) as table:
        sheet = table.sheet
    langs = [Lang.EN, Lang.ZH]
    draw.shuffle(langs)
    before = source
    for at, lang in enumerate(langs):
        result = result_of(before, folder / f"result-{at}.xlsx", draw, lang=lang)
        yield from (f"result {at}: {fault}" for fault in new_faults(result, before))
        theirs, after = cells_of(source, sheet), cells_of(result, sheet)
        changed = [place for place in theirs.keys() | after.keys() if theirs.get(place) != after.get(place)]
        if changed:
            yield f"result {at}: {len(changed)} cells of the user's are others, the first at {min(changed)}"
        before = result


def run(folder: Path, *, files: int, seed: int, soffice: str | None = None) -> tuple[Counter[str], list[str]]:
    """Try that many workbooks; returns how many of each kind, and what was wrong with which."""
    tried: Counter[str] = Counter()
    wrong = []
    for number in range(files):
        kind = list(WRITERS)[number % len(WRITERS)]
        converts = soffice is not None and number % 10 == 0
        tried[f"LibreOffice after {kind}" if converts else kind] += 1
        draw = random.Random(f"{seed}/{number}")
        faults = wrong_with(folder, kind, draw, soffice=soffice if converts else None)
        wrong += [f"{kind} {number} of seed {seed}: {fault}" for fault in faults]
    return tried, wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print what was seen; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.results", description="Results in random workbooks, judged.")
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="results-") as name:
        tried, wrong = run(Path(name), files=options.files, seed=options.seed, soffice=shutil.which("soffice"))
    sys.stdout.write(f"seed {options.seed}, {time.monotonic() - began:.0f} s: {dict(tried)}, {2 * options.files} results\n")
    sys.stdout.write("\n".join([f"{len(wrong)} wrong", *wrong[:20]]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
