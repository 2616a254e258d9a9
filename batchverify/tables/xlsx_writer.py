"""A workbook of ours: the rows of a csv, or of a workbook that cannot be kept whole, with our columns and sheets.

The one thing to know: rows keep their numbers, so row 17 of the result is row 17 of what the user sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, count, islice
from pathlib import Path
from typing import BinaryIO

from batchverify.model import Outcome, Record, Sheet
from batchverify.tables.cell_xml import Losses, cell_emitter
from batchverify.tables.layout import Annotator, Layout, RowsAbove
from batchverify.tables.our_sheets import Frame, drawn, fitting_widths, header_height, row_xml
from batchverify.tables.outcome_cells import OUR_WIDTHS
from batchverify.tables.package import Package
from batchverify.tables.styles import Look, Looks, own_styles
from batchverify.tables.workbook_xml import OurSheet, own_workbook_parts, sheet_title

_SAMPLE_ROWS = 200
_ROWS_A_WRITE = 256


def write_own_workbook(
    out: BinaryIO,
    *,
    name: str,
    rows_above: RowsAbove,
    header_row: int,
    layout: Layout,
    annotated: Iterable[tuple[Record, Outcome | None]],
    sheets: Callable[[], Sequence[Sheet]] | None,
    folder: Path,
    expected_bytes: int = 0,
) -> Losses:
    """Write the whole workbook to `out` in one pass over `annotated`; `sheets` is asked for after the pass.

    Without `sheets` there is no sheet but that of the rows. `name` is what the data sheet is called, `folder` where an unnamed
    temporary file may lie. Gives what had to be cut.
    """
    styles, looks = own_styles()
    losses = Losses()
    rows = iter(annotated)
    sample = list(islice(rows, _SAMPLE_ROWS))
    widths = fitting_widths(layout.header, (layout.cells(record) for record, _ in sample))
    frame = Frame(widths=(*widths, *OUR_WIDTHS), header_row=header_row)
    with Package(out) as package, Annotator(layout, looks, losses, widths=widths, folder=folder) as annotator:
        title = sheet_title(name, taken=())
        part_name = "xl/worksheets/sheet1.xml"
        with package.open(part_name, expected_bytes=expected_bytes) as part:
            part.write(frame.head().encode())
            drawing = _DataSheet(layout, looks, losses, header_row=header_row)
            lines = chain(drawing.above(rows_above), [drawing.header()], drawing.rows(chain(sample, rows), annotator))
            while block := "".join(islice(lines, _ROWS_A_WRITE)):
                part.write(block.encode())
            part.write(frame.tail(drawing.last_row).encode())
        data_sheet = OurSheet(title=title, part=part_name, filtered=frame.area(drawing.last_row))
        ours: list[OurSheet] = []
        if sheets is not None:
            ours = write_our_sheets(package, annotator, sheets(), looks, losses, taken_titles=[title], taken_parts=[part_name])
        package.write("xl/styles.xml", [styles])
        for other, content in own_workbook_parts([data_sheet, *ours], marked_from=1).items():
            package.write(other, [content])
    return losses


class _DataSheet:
    """Draws the rows of the data sheet one by one, and remembers how far it came."""

    def __init__(self, layout: Layout, looks: Looks, losses: Losses, *, header_row: int) -> None:
        self._layout = layout
        self._looks = looks
        self._losses = losses
        self.last_row = self._header_row = header_row
        self._emit = cell_emitter(range(len(layout.header) + len(OUR_WIDTHS)), losses)
        self._kept_blank = [
            *(position in layout.text_positions for position in range(len(layout.header))),
            *[False] * len(OUR_WIDTHS),
        ]

    def above(self, rows: RowsAbove) -> Iterator[str]:
        text = self._looks[Look.TEXT]
        for number, cells in rows:
            yield row_xml(
                number, cell_emitter(range(len(cells)), self._losses)(number, cells, [text] * len(cells), [False] * len(cells))
            )

    def header(self) -> str:
        labels = [*self._layout.header, *self._layout.our_labels]
        styles = [self._looks[Look.HEADER]] * len(self._layout.header) + [self._looks[Look.OUR_HEADER]] * len(OUR_WIDTHS)
        cells = self._emit(self._header_row, labels, styles, [True] * len(labels))
        return row_xml(self._header_row, cells, height_points=header_height(self._layout.header))

    def rows(self, annotated: Iterable[tuple[Record, Outcome | None]], annotator: Annotator) -> Iterator[str]:
        blanks = [""] * len(OUR_WIDTHS)
        text = [self._looks[Look.TEXT]] * len(OUR_WIDTHS)
        theirs = [self._looks[Look.TEXT]] * len(self._layout.header)
        for record, outcome in annotated:
            texts, styles = annotator.annotate(record, outcome) if outcome is not None else (blanks, text)
            looks, height = annotator.wrapped(texts, styles)
            self.last_row = number = record.number
            cells = self._emit(number, [*self._layout.cells(record), *texts], [*theirs, *looks], self._kept_blank)
            yield row_xml(number, cells, height_points=height)


def write_our_sheets(
    package: Package,
    annotator: Annotator,
    sheets: Sequence[Sheet],
    looks: Looks,
    losses: Losses,
    *,
    taken_titles: Collection[str],
    taken_parts: Collection[str],
) -> list[OurSheet]:
    """Write the worksheet parts of ours: the first sheet (Summary), To fix, To retry, then the others."""
    titles, parts = list(taken_titles), set(taken_parts)
    numbers = count(len(parts) + 1)
    written = []

    def named(wanted: str, filtered: str = "") -> OurSheet:
        title = sheet_title(wanted, taken=titles)
        part = next(name for name in map("xl/worksheets/sheet{}.xml".format, numbers) if name not in parts)
        titles.append(title)
        written.append(OurSheet(title=title, part=part, filtered=filtered))
        return written[-1]

    for sheet in sheets[:1]:
        package.write(named(sheet.title).part, drawn(sheet, looks, losses))
    for title, rows in annotator.lists:
        with package.open(named(title, rows.area).part, expected_bytes=rows.size_bytes) as part:
            rows.write_to(part)
    for sheet in sheets[1:]:
        package.write(named(sheet.title).part, drawn(sheet, looks, losses))
    return written
