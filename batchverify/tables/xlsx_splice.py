"""The user's own workbook with our cells beside their rows and our sheets at the end: everything else byte for byte theirs.

The one thing to know: only four small parts and the annotated sheet are changed at all. Of that sheet, rows keep their bytes
(but for blank cells that become text cells, and room for our sentences) and get our cells before `</row>`; so formulas, formats, filters, drawings and what we have never heard of stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import ZipFile

from batchverify.model import Outcome, Record, Sheet
from batchverify.tables.cell_xml import Losses, cell_emitter
from batchverify.tables.layout import Annotator, Layout
from batchverify.tables.outcome_cells import OUR_WIDTHS
from batchverify.tables.package import Package
from batchverify.tables.row_height import raised_to
from batchverify.tables.sheet_xml import (
    COLUMN_INDEXES,
    MAX_COLUMNS,
    NotPlain,
    RowXml,
    SheetScan,
    column_letters,
    spans_of,
    whole_number,
)
from batchverify.tables.styles import Look, Looks, extended_styles
from batchverify.tables.text_cells import TextCells, TextLooks
from batchverify.tables.workbook import ZIP_ERRORS
from batchverify.tables.workbook_xml import OurSheet, TheirSheet, TheirWorkbook, extended_workbook
from batchverify.tables.xlsx_writer import write_our_sheets

_BYTES_A_ROW = 2_000  # about what our cells take beside a row; only decides whether the part needs the sizes of ZIP64
_WRITE_BYTES = 256 << 10
_READ_BYTES = 1 << 20
_SPANS = re.compile(rb"""\sspans\s*=\s*["'][^"'<]*["']""")
_ROW_TAG = re.compile(rb"""<row(?:[^<>"']|"[^"<]*"|'[^'<]*')*>""")
_HAS_REFERENCE = re.compile(rb"<c\s(?:[^<>]*\s)?r\s*=")
#: A cell with nothing but a format, as openpyxl writes it where lxml is there.
_BLANK = re.compile(rb"<c(?:\s[^<>]*)?>\s*</c>")
_LAST_COLUMN = re.compile(rb'<c r="([A-Z]{1,3})\d+"')
_MERGED = re.compile(rb"""<mergeCell\s[^<>]*?ref\s*=\s*["'][A-Z]+\d+:([A-Z]{1,3})(\d+)["']""")
_DIMENSION = re.compile(rb"""(<dimension\s[^<>]*?ref\s*=\s*["'])[^"']*(["'])""")
_COLUMNS = re.compile(rb"<cols(?:\s[^<>]*)?>(.*?)</cols>|<cols\s*/>", re.DOTALL)
_COLUMN = re.compile(rb"<col\s[^<>]*?/>")
_BOUND = rb"""\s%b\s*=\s*["'](\d+)["']"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far the user's sheet reaches: its last column with content from the header down (index from 0, -1 for none), its last row."""

    last_column: int
    last_row: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """What is known of the workbook before the first byte is written."""

    theirs: TheirWorkbook
    sheet: TheirSheet
    extent: Extent
    columns: tuple[int, ...]
    old: frozenset[int]
    styles: bytes
    looks: Looks


def plan_splice(source: ZipFile, *, sheet_part: str, header_row: int, ours: Mapping[str, int], keys: Sequence[str]) -> Splice:
    """Look at the whole workbook without changing anything, and say where our columns go.

    `ours` are the columns of an earlier result by key: complete, they are written over in place; else they are taken out.
    Raises `NotPlain`, with the reason, when the workbook cannot be kept as it is.
    """
    _refuse_damaged(source, but=sheet_part)
    theirs = TheirWorkbook.read(source)
    found = next((one for one in theirs.sheets if one.part == sheet_part), None)
    if found is None:
        raise NotPlain(f"The workbook's sheet in {sheet_part!r} could not be found again.")
    old = frozenset(ours.values())
    extent = measure(cast("BinaryIO", source.open(found.part)), name=found.part, header_row=header_row, old=OldCells(old))
    complete = len(old) == len(keys) and all(key in ours for key in keys)
    first = extent.last_column + 1
    columns = tuple(ours[key] for key in keys) if complete else tuple(range(first, first + len(keys)))
    if max(columns) >= MAX_COLUMNS:
        raise NotPlain(f"The sheet {found.title!r} has no room for {len(keys)} columns at its right.")
    if theirs.styles_part not in theirs.part_names:
        raise NotPlain("The workbook's styles could not be found.")
    styles, looks = extended_styles(source.read(theirs.styles_part))
    # Tried once now: after the pass over the rows it would be too late to choose another way.
    extended_workbook(theirs, [OurSheet(title="a", part="a")], dropped=dropped_sheets(theirs, found), keep_macros=True)
    return Splice(theirs=theirs, sheet=found, extent=extent, columns=columns, old=old, styles=styles, looks=looks)


def _refuse_damaged(source: ZipFile, *, but: str) -> None:
    """Raise NotPlain where a part cannot be copied. Once the rows are paid for, it would be too late to find out."""
    try:
        for info in source.infolist():
            if info.filename != but:
                with source.open(info) as part:
                    while part.read(_READ_BYTES):
                        pass
    except ZIP_ERRORS:
        raise NotPlain("A part of the workbook is damaged.") from None


def dropped_sheets(theirs: TheirWorkbook, annotated: TheirSheet) -> list[TheirSheet]:
    """Give the sheets of an earlier result. One that is itself the input (To retry, edited) has become a sheet of theirs."""
    return [sheet for sheet in theirs.sheets if sheet.marked and sheet != annotated]


def measure(part: BinaryIO, *, name: str, header_row: int, old: OldCells) -> Extent:
    """Read a worksheet part to its end. Cells that only carry a format do not count: ours may take their place."""
    scan = SheetScan(part, name=name)
    last_column = last_row = -1
    rows = 0
    for row in scan.rows():
        rows += 1
        last_row = row.number
        if row.number >= header_row:
            last_column = max(last_column, _last_filled(row, old))
    tail = b"".join(scan.tail())
    for letters, digits in _MERGED.findall(tail):
        if whole_number(digits.decode()) >= header_row and COLUMN_INDEXES[letters.decode()] not in old.columns:
            last_column = max(last_column, COLUMN_INDEXES[letters.decode()])
    return Extent(last_column=last_column, last_row=last_row, rows=rows)


def _last_filled(row: RowXml, old: OldCells) -> int:
    xml = old.taken_off(row)
    if xml is not None:
        found = _last_cell(xml)
        if found and xml.endswith(b"</c></row>") and not _BLANK.match(xml, found.start()):
            return COLUMN_INDEXES[found[1].decode()]
    # The longer way also shows that every cell can be told apart, which writing relies on wherever it is not a mere append.
    spans = spans_of(row.xml)
    return max(
        (column for column, start, end in spans if column not in old.columns and _is_filled(row.xml, start, end)),
        default=-1,
    )


def _is_filled(xml: bytes, start: int, end: int) -> bool:
    return xml.endswith(b"</c>", start, end) and not _BLANK.match(xml, start, end)


def _last_cell(xml: bytes) -> re.Match[bytes] | None:
    start = xml.rfind(b"<c")
    return _LAST_COLUMN.match(xml, start) if start >= 0 else None


class OldCells:
    """The cells of an earlier result, which go. Where they are the last of a row, as we wrote them, they are simply cut off."""

    def __init__(self, columns: frozenset[int]) -> None:
        self.columns = columns
        self._first, self._last = min(columns, default=0), max(columns, default=-1)
        self._is_block = len(columns) == self._last - self._first + 1
        self._letters = column_letters(self._first).encode()

    def taken_off(self, row: RowXml) -> bytes | None:
        """Give the row without them, or None where that takes a closer look."""
        found = _last_cell(row.xml)
        if not self.columns or b"<c" not in row.xml:
            return row.xml
        if not found or not self._is_block:
            return None
        last = COLUMN_INDEXES[found[1].decode()]
        if last < self._first:
            return row.xml
        cut = row.xml.find(b'<c r="%b%d"' % (self._letters, row.number))
        return None if last > self._last or cut < 0 else row.xml[:cut] + b"</row>"


def write_spliced(
    out: BinaryIO,
    source: ZipFile,
    splice: Splice,
    *,
    header_row: int,
    layout: Layout,
    widths: tuple[int, ...],
    annotated: Iterable[tuple[Record, Outcome | None]],
    sheets: Callable[[], Sequence[Sheet]],
    folder: Path,
    keep_macros: bool,
) -> Losses:
    """Write the user's workbook with our cells to `out`, in one pass over `annotated`; `sheets` is asked for after the pass.

    `widths` are the widths of the user's columns on the lists To fix and To retry. Gives what had to be cut.
    """
    losses = Losses()
    theirs, looks = splice.theirs, splice.looks
    text_looks = TextLooks(splice.styles)
    dropped = dropped_sheets(theirs, splice.sheet)
    gone = {sheet.part for sheet in dropped} | {_links_of(sheet.part) for sheet in dropped}
    gone |= (
        set()
        if keep_macros
        else {name for name in theirs.part_names if name.endswith(("vbaProject.bin", "vbaProjectSignature.bin"))}
    )
    with Package(out) as package, Annotator(layout, looks, losses, widths=widths, folder=folder) as annotator:
        rewritten = {theirs.part, theirs.links_part, theirs.styles_part, "[Content_Types].xml", splice.sheet.part}
        copied = [info for info in source.infolist() if info.filename not in rewritten | gone and not info.is_dir()]
        # Some programs tell a workbook by the first part of the file.
        for info in sorted(copied, key=lambda info: info.filename != "_rels/.rels"):
            package.copy(source, info)
        expected = source.getinfo(splice.sheet.part).file_size + splice.extent.rows * _BYTES_A_ROW
        with package.open(splice.sheet.part, expected_bytes=expected) as part:
            for block in _blocks(
                _spliced(
                    source,
                    splice,
                    header_row=header_row,
                    layout=layout,
                    annotated=annotated,
                    annotator=annotator,
                    losses=losses,
                    text_looks=text_looks,
                )
            ):
                part.write(block)
        ours = write_our_sheets(
            package,
            annotator,
            sheets(),
            looks,
            losses,
            taken_titles=[sheet.title for sheet in theirs.sheets if sheet not in dropped],
            taken_parts=theirs.part_names - gone,
        )
        for name, content in extended_workbook(theirs, ours, dropped=dropped, keep_macros=keep_macros).items():
            package.write(name, [content])
        package.write(theirs.styles_part, [text_looks.part()])
    return losses


def _links_of(part: str) -> str:
    folder, _, name = part.rpartition("/")
    return f"{folder}/_rels/{name}.rels"


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _WRITE_BYTES:
            yield bytes(held)
            held.clear()
    yield bytes(held)


def _spliced(
    source: ZipFile,
    splice: Splice,
    *,
    header_row: int,
    layout: Layout,
    annotated: Iterable[tuple[Record, Outcome | None]],
    annotator: Annotator,
    losses: Losses,
    text_looks: TextLooks,
) -> Iterator[bytes]:
    """Give the annotated sheet's bytes: head, rows with our cells, tail."""
    order = sorted(range(len(splice.columns)), key=splice.columns.__getitem__)
    insert = RowInserter([splice.columns[index] for index in order], OldCells(splice.old), losses)
    scan = SheetScan(cast("BinaryIO", source.open(splice.sheet.part)), name=splice.sheet.part)
    text_cells = TextCells((layout.kept[position] for position in layout.text_positions), text_looks, head=scan.head)
    yield widened_head(scan.head, splice.columns, last_row=splice.extent.last_row)
    coming = iter(annotated)
    record, outcome = next(coming, (None, None))
    for row in scan.rows():
        yield row.gap
        if row.number == header_row:
            yield insert.into(row, [layout.our_labels[index] for index in order], [splice.looks[Look.OUR_HEADER]] * len(order))
            continue
        while record is not None and record.number < row.number:
            record, outcome = next(coming, (None, None))
        if record is None or outcome is None or record.number != row.number:
            yield insert.nothing(row)
            continue
        texts, styles = annotator.annotate(record, outcome)
        wrapped, height = annotator.wrapped(texts, styles)
        if height and (raised := raised_to(row.xml, height)):
            styles, row = wrapped, row._replace(xml=raised)  # noqa: PLW2901 - the same row, with room for our sentences
        row = text_cells.applied(row, record)  # noqa: PLW2901 - the same row, with what is blank as text
        yield insert.into(row, [texts[index] for index in order], [styles[index] for index in order])
    yield from scan.tail()


class RowInserter:
    """Puts our cells into rows of theirs. `columns` rise; `old` are columns of an earlier result, emptied first."""

    def __init__(self, columns: Sequence[int], old: OldCells, losses: Losses) -> None:
        self._first = columns[0]
        self._old = old
        self._emit = cell_emitter(columns, losses)
        self._emit_one = {column: cell_emitter([column], losses) for column in columns}

    def into(self, row: RowXml, texts: Sequence[str], styles: Sequence[int]) -> bytes:
        """Give the row with our cells in it."""
        xml = self._old.taken_off(row)
        if xml is not None:
            found = _last_cell(xml)
            if (found and COLUMN_INDEXES[found[1].decode()] < self._first) or b"<c" not in xml:
                return _framed(xml, self._emit(row.number, texts, styles, _NEVER[: len(texts)]).encode())
        ours = {
            column: emit(row.number, [text], [style], [False]).encode()
            for (column, emit), text, style in zip(self._emit_one.items(), texts, styles, strict=True)
            if text
        }
        return self._merged(row, ours)

    def nothing(self, row: RowXml) -> bytes:
        """Give a row that gets no cells: as it was, but for what an earlier result left in it."""
        xml = self._old.taken_off(row)
        return self._merged(row, {}) if xml is None else xml

    def _merged(self, row: RowXml, ours: Mapping[int, bytes]) -> bytes:
        xml = row.xml
        spans = spans_of(xml)
        cells = {
            column: _placed(xml[start:end], column, row.number) for column, start, end in spans if column not in self._old.columns
        } | dict(ours)
        ordered = b"".join(cells[column] for column in sorted(cells))
        after = xml[spans[-1][2] :].removesuffix(b"</row>")
        if after.strip():  # an extension at the end of the row; it stays behind the cells
            ordered += after
        return _framed(xml[: spans[0][1]] + b"</row>", ordered)


def _placed(cell: bytes, column: int, number: int) -> bytes:
    """Give a cell with its reference: one that only followed its neighbor would move when the neighbor goes."""
    if _HAS_REFERENCE.match(cell):
        return cell
    return b'<c r="%b%d"' % (column_letters(column).encode(), number) + cell[len(b"<c") :]


_NEVER = [False] * len(OUR_WIDTHS)


def _framed(xml: bytes, cells: bytes) -> bytes:
    """Give the row with cells before its end tag. Its `spans`, a hint for reading that would be wrong now, are dropped."""
    found = _ROW_TAG.match(xml)
    if not found:
        raise NotPlain("A row of the workbook is not plainly written.")
    tag = _SPANS.sub(b"", found[0], count=1)
    if tag.endswith(b"/>"):
        return tag[:-2].rstrip() + b">" + cells + b"</row>"
    return tag + xml[found.end() : -len(b"</row>")] + cells + b"</row>"


def widened_head(head: bytes, columns: Sequence[int], *, last_row: int) -> bytes:
    """Give a worksheet's head with its dimension widened and widths for our columns; the widths of theirs stay.

    >>> widened_head(b'<worksheet><dimension ref="A1:C9"/><sheetData>', [3], last_row=9)
    b'<worksheet><dimension ref="A1:D9"/><cols><col min="4" max="4" width="22" customWidth="1"/></cols><sheetData>'
    """
    area = b"A1:%b%d" % (column_letters(max(columns)).encode(), max(last_row, 1))
    head = _DIMENSION.sub(rb"\g<1>%b\g<2>" % area, head, count=1)
    ours = {column + 1: width for column, width in zip(columns, OUR_WIDTHS, strict=False)}
    found = _COLUMNS.search(head)
    theirs = _COLUMN.findall(found[1] or b"") if found else []
    entries = [piece for entry in theirs for piece in _around(entry, ours)]
    entries += [
        (number, b'<col min="%d" max="%d" width="%d" customWidth="1"/>' % (number, number, width))
        for number, width in ours.items()
    ]
    cols = b"<cols>" + b"".join(entry for _, entry in sorted(entries)) + b"</cols>"
    if found:
        return head[: found.start()] + cols + head[found.end() :]
    position = head.rindex(b"<sheetData")
    return head[:position] + cols + head[position:]


def _around(entry: bytes, ours: Mapping[int, int]) -> Iterator[tuple[int, bytes]]:
    """Give a `<col>` entry without the columns that are ours now: one piece for each stretch between them."""
    low, high = (
        whole_number(found[1].decode()) if (found := re.search(_BOUND % bound, entry)) else 0 for bound in (b"min", b"max")
    )
    start = low
    for stop in [*sorted(number for number in ours if low <= number <= high), high + 1]:
        if start < stop:
            piece = re.sub(_BOUND % b"min", b' min="%d"' % start, entry, count=1)
            yield start, re.sub(_BOUND % b"max", b' max="%d"' % (stop - 1), piece, count=1)
        start = stop + 1
