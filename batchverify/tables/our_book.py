"""A workbook of nothing but sheets of ours, written and read back.

The one thing to know: the same sheets give the same bytes. A program that saves the workbook again gives others, so what
is compared after that are the texts of the cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from batchverify.model import Sheet
from batchverify.tables.cell_xml import Losses, plain_text
from batchverify.tables.our_sheets import drawn
from batchverify.tables.package import Package
from batchverify.tables.sheet_xml import column_letters
from batchverify.tables.snapshot import Snapshot
from batchverify.tables.styles import own_styles
from batchverify.tables.workbook import Workbook
from batchverify.tables.workbook_xml import OurSheet, own_workbook_parts, sheet_title
from batchverify.tables.xlsx_reader import SheetSource

#: Sheets with their cells: a title, and a text for each (row, column) from (1, 0) on that is not blank.
Texts = list[tuple[str, dict[tuple[int, int], str]]]


def book_bytes(sheets: Sequence[Sheet]) -> bytes:
    """Write the sheets as a workbook. Text stays text whatever it begins with, as in every sheet of ours."""
    out = BytesIO()
    styles, looks = own_styles()
    ours: list[OurSheet] = []
    with Package(out) as package:
        for place, sheet in enumerate(sheets, 1):
            title = sheet_title(sheet.title, taken=[one.title for one in ours])
            ours.append(OurSheet(title=title, part=f"xl/worksheets/sheet{place}.xml"))
            package.write(ours[-1].part, drawn(sheet, looks, Losses()))
        package.write("xl/styles.xml", [styles])
        for part, content in own_workbook_parts(ours, marked_from=0).items():
            package.write(part, [content])
    return out.getvalue()


def texts_of_sheets(sheets: Sequence[Sheet]) -> Texts:
    """Give the texts that the sheets have as they are drawn."""
    titles: list[str] = []
    for sheet in sheets:
        titles.append(sheet_title(sheet.title, taken=titles))
    return [
        (
            title,
            {
                (number, column): str(value)
                for number, row in enumerate(sheet.rows, 1)
                for column, value in enumerate(row)
                if value != ""
            },
        )
        for title, sheet in zip(titles, sheets, strict=True)
    ]


def texts_of_book(path: Path, *, temporary: Path, max_size_bytes: int) -> Texts:
    """Read every sheet of a workbook. `temporary` is a private folder.

    Raises:
        InputError: It cannot be read, or is larger than that.
    """
    snapshot = Snapshot.take(path, temporary=temporary, max_size_bytes=max_size_bytes)
    try:
        with snapshot.open() as source:
            workbook = Workbook(source, name=path.name)
            return [
                (
                    part.name,
                    {
                        (record.number, column): text
                        for record in SheetSource(snapshot, workbook, part).records()
                        for column, value in enumerate(record.cells)
                        if (text := plain_text(value))
                    },
                )
                for part in workbook.sheets
            ]
    finally:
        snapshot.close()


def differing_cells(found: Texts, expected: Texts) -> Iterator[str]:
    """Name every sheet and cell that differs, as `Summary!B7`; two lists of other sheets differ as a whole.

    >>> list(differing_cells([("S", {(1, 0): "a", (7, 1): "9"})], [("S", {(1, 0): "a", (7, 1): "8"})]))
    ['S!B7']
    """
    if [title for title, _ in found] != [title for title, _ in expected]:
        yield "the sheets"
        return
    for (title, cells), (_, others) in zip(found, expected, strict=True):
        for row, column in sorted(cells.keys() | others.keys()):
            if cells.get((row, column)) != others.get((row, column)):
                yield f"{title}!{column_letters(column)}{row}"
