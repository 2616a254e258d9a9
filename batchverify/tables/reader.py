"""A spreadsheet file as a table: what kind it is, where its header stands, and its rows, as often as they are needed.

The one thing to know: the content decides what a file is, never its suffix; and nothing of a row is kept. Every pass reads
the private snapshot again, so plan, asks and result see the same rows however long the job takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol, Self, TypeVar

from batchverify.errors import InputError
from batchverify.model import Record
from batchverify.tables.csv_reader import CsvFormat, CsvSource, csv_format
from batchverify.tables.foreign import ForeignSource, ProtectedError, read_foreign, read_parquet
from batchverify.tables.headers import SEARCHED_ROWS, HeaderRow, find_header
from batchverify.tables.kinds import kind_of, refuse_foreign
from batchverify.tables.passwords import Passwords
from batchverify.tables.protected import unprotected
from batchverify.tables.snapshot import MAX_SIZE_BYTES, Snapshot
from batchverify.tables.workbook import Workbook
from batchverify.tables.xlsx_reader import SheetSource
from batchverify.words import result_columns


class Source(Protocol):
    """Rows from the first of the file or sheet, anew with every call; short ones are filled up to `width` cells."""

    def records(self, *, width: int = 0) -> Iterator[Record]: ...


class _Sheet(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def hidden(self) -> bool: ...


class _OneOfSheets(Source, Protocol):
    @property
    def sheet(self) -> _Sheet: ...


_SheetOf = TypeVar("_SheetOf", bound=_OneOfSheets)


class EmptyTable(InputError):
    """A sheet without rows. Nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetEntry:
    """A sheet of a workbook, for choosing: `rows` is its last row by its own account, None where it gives none."""

    name: str
    hidden: bool
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a whole pass shows: data rows, hidden ones among them, and the most cells in a row, header included."""

    rows: int
    hidden: int
    width: int


@dataclass(slots=True, kw_only=True, eq=False)
class Table:
    """An open spreadsheet. A context manager; `close` lets the private copy go.

    `header_row` is the number of the header as the spreadsheet shows it; `header_score` is 0 where no word of it is known.
    `csv` tells how a csv file is written, `workbook` and `sheet_part` where the rows of an xlsx file are, `cells` those of
    an old or foreign file; else None and "".
    """

    path: Path
    kind: str
    snapshot: Snapshot
    source: Source = field(repr=False)
    header_row: int
    header: tuple[str, ...]
    header_score: float
    sheet: str = ""
    sheet_part: str = ""
    sheets: tuple[SheetEntry, ...] = ()
    csv: CsvFormat | None = None
    workbook: Workbook | None = field(default=None, repr=False)
    cells: Snapshot | None = field(default=None, repr=False)
    skip_hidden: bool = False
    _extent: Extent | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def sha256(self) -> str:
        """SHA-256 of the input in hex."""
        return self.snapshot.sha256

    @property
    def size_bytes(self) -> int:
        return self.snapshot.source_bytes

    @property
    def encoding(self) -> str:
        return self.csv.encoding if self.csv else ""

    @property
    def delimiter(self) -> str:
        return self.csv.delimiter if self.csv else ""

    @property
    def line_ending(self) -> str:
        return self.csv.line_ending if self.csv else ""

    @property
    def has_bom(self) -> bool:
        return self.csv is not None and self.csv.has_bom

    @property
    def quote_all(self) -> bool:
        return self.csv is not None and self.csv.quote_all

    @property
    def hidden_rows(self) -> int:
        """Data rows that are hidden or filtered away, 0 where openpyxl reads; costs a pass when none was finished yet."""
        return self.extent().hidden

    def records(self) -> Iterator[Record]:
        """Give every row below the header, blank ones too, each with at least as many cells as the header.

        Raises `InputError` where the file turns out to be damaged; the rows before were as the file has them.
        """
        rows, hidden, width = 0, 0, len(self.header)
        for record in self.source.records(width=len(self.header)):
            if record.number > self.header_row:
                rows += 1
                hidden += record.hidden
                width = max(width, len(record.cells))
                yield record
        self._extent = Extent(rows=rows, hidden=hidden, width=width)

    def preamble(self) -> Iterator[Record]:
        """Give the rows above the header and the header itself, as they stand."""
        for record in self.source.records():
            if record.number > self.header_row:
                return
            yield record

    def extent(self) -> Extent:
        """Give the counts of a whole pass: of the last one that was finished, or of one made now."""
        if self._extent is None:
            for _ in self.records():
                pass
        if self._extent is None:  # pragma: no cover - the pass above either sets it or raises
            raise AssertionError
        return self._extent

    def close(self) -> None:
        if self.workbook:
            self.workbook.close()
        if self.cells:
            self.cells.close()
        self.snapshot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_table(
    path: Path,
    *,
    temporary: Path,
    sheet: str | None = None,
    header_row: int | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    skip_hidden: bool = False,
    max_size_bytes: int = MAX_SIZE_BYTES,
    passwords: Passwords | None = None,
) -> Table:
    """Open a csv, tsv, xlsx, xlsm, xls, et, xlsb, ods or parquet file. `temporary` is a private folder for the snapshot.

    `header_row` counts as the spreadsheet shows rows; without it, the row whose words are known best. `skip_hidden` is kept
    for the caller: hidden rows are marked and given all the same, because the result keeps them. `passwords` says who is asked
    where the file is protected with one.
    Raises `InputError` with the way out where the file is missing, of another kind, damaged or hostile: nothing was sent,
    nothing was written. Raises `HomeError` where the copy cannot be made.
    """
    snapshot = Snapshot.take(path, temporary=temporary, max_size_bytes=max_size_bytes)
    try:
        kind, start = kind_of(snapshot)
        if kind == "encrypted":
            snapshot = _inside(snapshot, path.name, passwords, temporary)
            kind, start = kind_of(snapshot)
        if kind == "xlsx":
            table = _open_workbook(path, snapshot, sheet=sheet, header_row=header_row, skip_hidden=skip_hidden)
        elif kind == "parquet":
            _refuse_choosing(path.name, sheet=sheet, header_row=header_row)
            table = _open_parquet(path, snapshot, temporary=temporary)
        elif kind:
            _refuse_skipping(path.name, skip_hidden=skip_hidden)
            try:
                table = _open_foreign(path, snapshot, kind=kind, sheet=sheet, header_row=header_row, temporary=temporary)
            except ProtectedError:
                if kind != "xls":
                    raise
                snapshot = _inside(snapshot, path.name, passwords, temporary)
                table = _open_foreign(path, snapshot, kind=kind, sheet=sheet, header_row=header_row, temporary=temporary)
        else:
            refuse_foreign(path.name, start, sheet=sheet)
            table = _open_csv(path, snapshot, header_row=header_row, encoding=encoding, delimiter=delimiter)
    except BaseException:
        snapshot.close()
        raise
    table.skip_hidden = skip_hidden
    return table


def _open_csv(path: Path, snapshot: Snapshot, *, header_row: int | None, encoding: str | None, delimiter: str | None) -> Table:
    form = csv_format(snapshot, name=path.name, encoding=encoding, delimiter=delimiter)
    source = CsvSource(snapshot, form, name=path.name)
    header = _header_of(source, header_row, where=path.name)
    source.takes_guards_off = bool(result_columns(header.header))
    return Table(
        path=path,
        kind="tsv" if form.delimiter == "\t" else "csv",
        snapshot=snapshot,
        source=source,
        header_row=header.number,
        header=header.header,
        header_score=header.score,
        csv=form,
    )


def _open_workbook(path: Path, snapshot: Snapshot, *, sheet: str | None, header_row: int | None, skip_hidden: bool) -> Table:
    workbook = Workbook(snapshot.open(), name=path.name)
    sources = [SheetSource(snapshot, workbook, one, must_tell_hidden=skip_hidden) for one in workbook.sheets]
    entries = tuple(SheetEntry(name=one.sheet.name, hidden=one.sheet.hidden, rows=one.row_count()) for one in sources)
    source, header = _chosen_sheet(sources, sheet, header_row, where=path.name)
    return Table(
        path=path,
        kind="xlsx",
        snapshot=snapshot,
        source=source,
        header_row=header.number,
        header=header.header,
        header_score=header.score,
        sheet=source.sheet.name,
        sheet_part=source.sheet.part,
        sheets=entries,
        workbook=workbook,
    )


def _open_foreign(
    path: Path,
    snapshot: Snapshot,
    *,
    kind: str,
    sheet: str | None,
    header_row: int | None,
    temporary: Path,
) -> Table:
    cells, sheets = read_foreign(snapshot, name=path.name, temporary=temporary)
    try:
        source, header = _chosen_sheet([ForeignSource(cells, one) for one in sheets], sheet, header_row, where=path.name)
    except BaseException:
        cells.close()
        raise
    return Table(
        path=path,
        kind=kind,
        snapshot=snapshot,
        source=source,
        header_row=header.number,
        header=header.header,
        header_score=header.score,
        sheet=source.sheet.name,
        sheets=tuple(SheetEntry(name=one.name, hidden=one.hidden, rows=one.rows) for one in sheets),
        cells=cells,
    )


def _open_parquet(path: Path, snapshot: Snapshot, *, temporary: Path) -> Table:
    """Open a parquet file. The names of its columns are row 1, as in the workbook that the result will be."""
    cells, sheet = read_parquet(snapshot, name=path.name, temporary=temporary)
    try:
        source = ForeignSource(cells, sheet)
        header = _header_of(source, 1, where=path.name)
    except BaseException:
        cells.close()
        raise
    return Table(
        path=path,
        kind="parquet",
        snapshot=snapshot,
        source=source,
        header_row=header.number,
        header=header.header,
        header_score=header.score,
        cells=cells,
    )


def _chosen_sheet(
    sources: Sequence[_SheetOf], sheet: str | None, header_row: int | None, *, where: str
) -> tuple[_SheetOf, HeaderRow]:
    """Give the sheet that was named, else the one whose header is understood best; a hidden one only where no visible one is."""
    if not sources:
        raise InputError(f"{where} has no sheet with rows. Open it in Excel and look.")
    names = [one.sheet.name for one in sources]
    if sheet is not None:
        if sheet not in names:
            raise InputError(f"{where} has no sheet {sheet!r}. It has: {', '.join(names)}.")
        sources = [sources[names.index(sheet)]]
    if len(sources) == 1:
        return sources[0], _header_of(sources[0], header_row, where=f"Sheet {sources[0].sheet.name!r} of {where}")
    found = [(one, header) for one in sources if (header := _find_header(one, header_row))]
    if not found:
        raise InputError(f"{where} has no rows in any of its sheets.")
    return max(found, key=lambda pair: (pair[1].score > 0, not pair[0].sheet.hidden, pair[1].score))


def _header_of(source: Source, header_row: int | None, *, where: str) -> HeaderRow:
    header = _find_header(source, header_row)
    if header is None and header_row is not None:
        raise InputError(f"{where} has no row {header_row} to be the header. Look at --header-row.")
    if header is None:
        raise EmptyTable(f"{where} has no rows.")
    return header


def _find_header(source: Source, header_row: int | None) -> HeaderRow | None:
    if header_row is None:
        return find_header([row for row in islice(source.records(), SEARCHED_ROWS) if row.number <= SEARCHED_ROWS])
    row = next((row for row in source.records() if row.number >= header_row), None)
    return find_header([row]) if row and row.number == header_row else None


def _refuse_choosing(name: str, *, sheet: str | None, header_row: int | None) -> None:
    if sheet is not None:
        raise InputError(f"{name} is a parquet file and has no sheets. Leave out --sheet.")
    if header_row not in (None, 1):
        raise InputError(f"{name} is a parquet file, and the names of its columns are its header, row 1. Leave out --header-row.")


def _refuse_skipping(name: str, *, skip_hidden: bool) -> None:
    if skip_hidden:  # a hidden person must not be asked about, and a workbook of this kind does not tell
        raise InputError(f"{name} does not show which rows are hidden. Save it as .xlsx, or leave out --skip-hidden.")


def _inside(snapshot: Snapshot, name: str, passwords: Passwords | None, temporary: Path) -> Snapshot:
    """What is in a protected workbook; the copy of it as it lies there is let go."""
    inside = unprotected(snapshot, name=name, passwords=passwords or Passwords(), temporary=temporary)
    snapshot.close()
    return inside
