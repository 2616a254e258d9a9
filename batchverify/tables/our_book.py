"""A workbook of nothing but sheets of ours, written and read back.

The one thing to know: the same sheets give the same bytes. A program that saves the workbook again gives others, so what
is compared after that are the texts of the cells, and that nothing makes them look otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from batchverify.errors import InputError
from batchverify.model import Sheet
from batchverify.tables.cell_xml import Losses, plain_text
from batchverify.tables.our_sheets import drawn
from batchverify.tables.package import Package
from batchverify.tables.sheet_xml import column_letters
from batchverify.tables.snapshot import Snapshot
from batchverify.tables.styles import own_styles
from batchverify.tables.workbook import ZIP_ERRORS, Workbook
from batchverify.tables.workbook_xml import OurSheet, own_workbook_parts, sheet_title
from batchverify.tables.xlsx_reader import SheetSource

#: A report has some thousands. All of them are held at once, and a small file can hold many millions.
_MOST_CELLS = 500_000
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
        InputError: It cannot be read, or is larger than that or than any workbook of ours with a report.
    """
    snapshot = Snapshot.take(path, temporary=temporary, max_size_bytes=max_size_bytes)
    try:
        with snapshot.open() as source:
            workbook = Workbook(source, name=path.name)
            texts: Texts = []
            room = _MOST_CELLS
            for part in workbook.sheets:
                cells = _cells_of(SheetSource(snapshot, workbook, part), room, name=path.name)
                room -= len(cells)
                texts.append((part.name, cells))
            return texts
    finally:
        snapshot.close()


def _cells_of(sheet: SheetSource, room: int, *, name: str) -> dict[tuple[int, int], str]:
    cells: dict[tuple[int, int], str] = {}
    for record in sheet.records():
        for column, value in enumerate(record.cells):
            if text := plain_text(value):
                cells[record.number, column] = text
        if len(cells) > room:
            raise InputError(f"{name} has more than {_MOST_CELLS:,} filled cells: no report has so many.")
    return cells


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


#: What a cell of ours, or a number in it, may be formatted as: its own digits, and nothing else.
_PLAIN_FORMATS = frozenset({"General", "@", "0", "#,##0", "#,##0.00"})
#: Parts of a workbook that show something over the cells or beside them.
_SHOWING_PARTS = re.compile(
    r"/(?:drawings|media|charts|embeddings|activeX|ctrlProps|threadedComments|externalLinks)/|comments|vmlDrawing"
)
_LEAST_CONTRAST = 64
_LEAST_POINTS, _LEAST_WIDTH = 6.0, 2.0


def odd_looks(content: bytes) -> Iterator[str]:
    """Name what makes a workbook of ours show something else than the texts of its cells: formats, covers, what is hidden.

    A text may be formatted to be shown as another one, so equal texts alone prove nothing to who looks at the workbook.
    """
    from openpyxl import load_workbook  # noqa: PLC0415 - only what another program has saved is looked at so closely

    try:
        with ZipFile(BytesIO(content)) as source:
            names = source.namelist()
        book = load_workbook(BytesIO(content))
    except (KeyError, TypeError, AttributeError, SyntaxError, OverflowError, LookupError, *ZIP_ERRORS):
        yield "parts that cannot be read"
        return
    if any(_SHOWING_PARTS.search(f"/{name}") for name in names):
        yield "pictures or comments"
    yield from chain.from_iterable(map(_odd_looks_of, book.worksheets))


def _odd_looks_of(sheet: Any) -> Iterator[str]:
    if sheet.sheet_state != "visible":
        yield f"{sheet.title} (hidden)"
    if sheet.merged_cells.ranges or len(sheet.conditional_formatting):
        yield f"{sheet.title} (merged cells or conditional formats)"
    if any(row.hidden or _is_less(row.height, _LEAST_POINTS) for row in sheet.row_dimensions.values()):
        yield f"{sheet.title} (hidden rows)"
    if any(column.hidden or _is_less(column.width, _LEAST_WIDTH) for column in sheet.column_dimensions.values()):
        yield f"{sheet.title} (hidden columns)"
    for row in sheet.iter_rows():
        for cell in row:
            if cell.value is not None and not _is_plain(cell):
                yield f"{sheet.title}!{cell.coordinate}"


def _is_less(size: float | None, least: float) -> bool:
    return size is not None and size < least


def _is_plain(cell: Any) -> bool:
    if cell.data_type == "f" or cell.number_format not in _PLAIN_FORMATS or _is_less(cell.font.sz, _LEAST_POINTS):
        return False
    paper = _light(cell.fill.fgColor, default=255) if cell.fill.fill_type == "solid" else 255
    return abs(_light(cell.font.color, default=0) - paper) >= _LEAST_CONTRAST


def _light(color: Any, *, default: int) -> int:
    """How light a color is, 0 to 255. One of a theme is the theme's: 0 is paper, 1 is ink."""
    if color is None:
        return default
    if color.type == "theme":
        return 255 if color.theme in (0, 2) else default if color.theme == 1 else 128
    rgb = color.rgb if color.type == "rgb" else None
    if not isinstance(rgb, str) or len(rgb) != len("FF000000"):
        return default
    red, green, blue = (int(rgb[at : at + 2], 16) for at in (2, 4, 6))
    return (299 * red + 587 * green + 114 * blue) // 1000
