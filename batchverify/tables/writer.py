"""The result file: the user's table with the answers beside it, written whole or not at all, never onto the input.

The one thing to know: the kind of the target decides, not the kind of the input. An xlsx input keeps its own workbook where
that can be done; where it cannot, a workbook of ours takes its place and the note says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

from batchverify.errors import InputError
from batchverify.model import CellValue, Outcome, Record, Sheet
from batchverify.tables.columns import ColumnMap
from batchverify.tables.csv_writer import CsvDialect, write_csv
from batchverify.tables.layout import Layout
from batchverify.tables.our_sheets import fitting_widths
from batchverify.tables.placing import Placed, check_target, place
from batchverify.tables.protected import Protection, protecting
from batchverify.tables.reader import Table
from batchverify.tables.sheet_xml import MAX_COLUMNS, MAX_ROWS, NotPlain
from batchverify.tables.xlsx_splice import Splice, plan_splice, write_spliced
from batchverify.tables.xlsx_writer import write_own_workbook
from batchverify.words import RESULT_COLUMNS, Lang

#: Data rows that a workbook of ours takes at most. Excel's own end is 1,048,576, the header and what stands above included.
MAX_WORKBOOK_ROWS = 1_000_000
_SAMPLE_ROWS = 200
_BYTES_A_CELL = 90  # about what a filled cell takes as XML; only decides whether the part needs the sizes of ZIP64
_MACRO_SUFFIX = ".xlsm"
_TEXT_SUFFIXES = (".csv", ".tsv")

Annotated = Iterable[tuple[Record, Outcome | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The result: where it lies, its SHA-256 in hex, its kind (csv or xlsx), and what the user should know about it."""

    path: Path
    sha256: str
    kind: str
    note: str = ""


def write_result(
    table: Table,
    annotated: Annotated,
    target: Path,
    *,
    lang: Lang,
    simulated: bool,
    sheets: Callable[[], Sequence[Sheet]],
    columns: ColumnMap,
    mask: bool = False,
    protection: Protection | None = None,
) -> Written:
    """Write the result beside the user's rows, in one pass over `annotated`.

    `annotated` has every data row of the table in its order, with None for one that is not asked (blank, a sum). `sheets`
    gives Summary, Quota and Legend, and is called after the pass, so that they may count it; not at all for csv. `target`
    ends in .xlsx, .csv or .tsv (.xlsm too for a workbook with macros); rows that no workbook of ours can take go to .csv,
    and the note says so. `mask` hides names and numbers in the mapped columns, which takes a workbook of ours. With a
    `protection` the workbook is written encrypted, other bytes each time; a csv cannot be.

    Raises `InputError` for a target that cannot be, before the first row is taken, and `HomeError` when the disk gives up.
    Neither costs an ask: the result can be written again from the ledger.
    """
    check_target(target, source=table.path)
    check_protection(target, is_protected=protection is not None)
    work = _Work(
        table=table,
        annotated=annotated,
        columns=columns,
        lang=lang,
        simulated=simulated,
        sheets=sheets,
        mask=mask,
        folder=target.parent if protection is None else protection.temporary,
        protection=protection,
    )
    match target.suffix.lower():
        case ".csv" | ".tsv":
            return work.write_csv(target)
        case ".xlsx" | ".xlsm" if table.kind == "xlsx":
            return work.write_spliced(target)
        case ".xlsx":
            return work.write_own(target)
        case suffix:
            raise InputError(f"{target.name!r} ends in {suffix!r}, and a result is .xlsx or .csv. Name it so with --output.")


def write_some(
    table: Table,
    annotated: Annotated,
    target: Path,
    *,
    lang: Lang,
    simulated: bool,
    columns: ColumnMap,
    mask: bool = False,
    protection: Protection | None = None,
) -> Written:
    """Write some of a table's rows as a file of ours: the same columns, one row under the other, and no sheet but theirs.

    `annotated` has those rows. `target` is named like the result, with its suffix. Raises as `write_result` does.
    """
    work = _Work(
        table=table,
        annotated=_closed_up(annotated, after=table.header_row),
        columns=columns,
        lang=lang,
        simulated=simulated,
        sheets=None,
        mask=mask,
        folder=target.parent if protection is None else protection.temporary,
        protection=protection,
    )
    if target.suffix.lower() in _TEXT_SUFFIXES:
        return work.write_csv(target)
    return work.write_own(target.with_suffix(".xlsx"))


def _closed_up(annotated: Annotated, *, after: int) -> Iterator[tuple[Record, Outcome | None]]:
    for number, (record, outcome) in enumerate(annotated, after + 1):
        yield replace(record, number=number), outcome


def check_protection(target: Path, *, is_protected: bool, rows: int = 0) -> None:
    """Refuse a protected result that would be a csv file: no program knows a protected one. Meant to run before the first ask.

    Raises:
        InputError: By its name it is one, or for so many data rows.
    """
    if not is_protected:
        return
    if target.suffix.lower() in _TEXT_SUFFIXES:
        raise InputError(f"{target.name!r} is text, and only a workbook can be protected. Name it .xlsx with --output.")
    if rows > MAX_WORKBOOK_ROWS:
        raise InputError(
            f"{rows:,} rows are more than a workbook should hold, and a csv file cannot be protected. "
            "Split the input, or leave --protect out."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What every way of writing needs. `sheets` is None for a file without any of ours."""

    table: Table
    annotated: Annotated
    columns: ColumnMap
    lang: Lang
    simulated: bool
    sheets: Callable[[], Sequence[Sheet]] | None
    mask: bool
    folder: Path
    protection: Protection | None

    def write_csv(self, target: Path, *, note: str = "") -> Written:
        table, layout, notes = self.table, self._layout(self._width()), [note]
        dialect = CsvDialect(
            delimiter="\t" if target.suffix.lower() == ".tsv" else table.delimiter or ",",
            line_ending=table.line_ending or "\r\n",
            quote_all=table.quote_all,
        )

        def write(out: BinaryIO) -> None:
            guards = write_csv(
                out,
                dialect=dialect,
                rows_above=self._rows_above(),
                header_row=table.header_row,
                layout=layout,
                annotated=self.annotated,
                guard_theirs=table.csv is None,
            )
            if guards:
                notes.append(
                    f"{guards} {'cell starts' if guards == 1 else 'cells start'} like a formula and got a ' in front, so that no "
                    "spreadsheet program runs it. It goes away when the file is read here again."
                )

        return _written(place(target, write, source=table.path), "csv", notes)

    def write_own(self, target: Path, *, note: str = "") -> Written:
        table, notes, layout = self.table, [note], self._layout(self._width())
        rows, columns = table.extent().rows, len(layout.kept) + len(RESULT_COLUMNS)
        if rows > MAX_WORKBOOK_ROWS or table.header_row + rows > MAX_ROWS or columns > MAX_COLUMNS:
            too_many = f"{columns:,} columns" if columns > MAX_COLUMNS else f"{rows:,} rows"
            check_protection(target.with_suffix(".csv"), is_protected=self.protection is not None)
            notes.append(f"{too_many} are more than a workbook should hold, so the result is a csv file.")
            return self.write_csv(target.with_suffix(".csv"), note=" ".join(filter(None, notes)))
        if target.suffix.lower() == _MACRO_SUFFIX:
            raise InputError(f"{target.name!r} would be a workbook with macros, and the result has none. Name it .xlsx.")

        def write(out: BinaryIO) -> None:
            losses = write_own_workbook(
                out,
                name=table.sheet or table.path.stem,
                rows_above=self._rows_above(),
                header_row=table.header_row,
                layout=layout,
                annotated=self.annotated,
                sheets=self.sheets,
                folder=self.folder,
                expected_bytes=rows * columns * _BYTES_A_CELL,
            )
            notes.append(losses.note())

        return _written(self._place(target, write), "xlsx", notes)

    def write_spliced(self, target: Path) -> Written:
        """Keep the user's workbook whole; where that cannot be, say why and write one of ours."""
        table = self.table
        notes: list[str] = []
        with table.snapshot.open() as opened, ZipFile(opened) as source:
            try:
                splice = self._plan(source)
            except NotPlain as reason:
                return self.write_own(
                    target, note=f"Your workbook could not be kept whole, so this is a new file with its rows only. {reason}"
                )
            keep_macros = target.suffix.lower() == _MACRO_SUFFIX
            if keep_macros and not splice.theirs.has_macros:
                raise InputError(f"{target.name!r} would be a workbook with macros, and {table.name} has none. Name it .xlsx.")
            if splice.theirs.has_macros and not keep_macros:
                notes.append("The macros were left out, since an .xlsx file has none. Name the result .xlsm to keep them.")
            layout = self._layout(splice.extent.last_column + 1)

            def write(out: BinaryIO) -> None:
                sample = (layout.cells(record) for record in islice(table.records(), _SAMPLE_ROWS))
                losses = write_spliced(
                    out,
                    source,
                    splice,
                    header_row=table.header_row,
                    layout=layout,
                    widths=fitting_widths(layout.header, sample),
                    annotated=self.annotated,
                    sheets=self.sheets or tuple,
                    folder=self.folder,
                    keep_macros=keep_macros,
                )
                notes.append(losses.note())

            return _written(self._place(target, write), "xlsx", notes)

    def _place(self, target: Path, write: Callable[[BinaryIO], None]) -> Placed:
        if self.protection is not None:
            write = protecting(write, self.protection)
        return place(target, write, source=self.table.path)

    def _plan(self, source: ZipFile) -> Splice:
        if self.mask:
            raise NotPlain("Its other sheets and columns would show what the mask hides.")
        return plan_splice(
            source,
            sheet_part=self.table.sheet_part,
            header_row=self.table.header_row,
            ours=self.columns.ours,
            keys=[key for key, _ in RESULT_COLUMNS],
        )

    def _layout(self, width: int) -> Layout:
        return Layout.of(
            self.table.header,
            width=max(width, *(column + 1 for column in self.columns.fields.values())),
            ours=self.columns.ours,
            fields=self.columns.fields,
            lang=self.lang,
            simulated=self.simulated,
            mask_fields=self.mask,
        )

    def _width(self) -> int:
        """Count the columns that stay. In a workbook, cells that only carry a format may reach to the end of the sheet."""
        if self.table.kind != "xlsx":
            return self.table.extent().width
        filled = (column for record in self.table.records() for column, cell in enumerate(record.cells) if cell != "")
        return max(chain(filled, (column for column, word in enumerate(self.table.header) if word)), default=0) + 1

    def _rows_above(self) -> list[tuple[int, Sequence[CellValue]]]:
        """Give the rows over the header, as they were."""
        return [(row.number, row.cells) for row in self.table.preamble() if row.number < self.table.header_row]


def _written(placed: Placed, kind: str, notes: Sequence[str]) -> Written:
    return Written(path=placed.path, sha256=placed.sha256, kind=kind, note=" ".join(filter(None, [placed.note, *notes])))
