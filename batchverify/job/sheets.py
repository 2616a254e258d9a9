"""Every sheet of a workbook that reads like a list of people, for `--sheet all`, and why the others are passed over.

The one thing to know: nothing is passed over in silence, and what would be refused is refused here, before the first sheet is
asked and paid. Each sheet is a job of its own, so that each can be gone on with, drawn again and reported alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from zipfile import ZipFile

from batchverify.errors import InputError
from batchverify.job.opening import fields_of
from batchverify.job.options import Options
from batchverify.job.recalling import recalled
from batchverify.job.session import Session
from batchverify.model import Field
from batchverify.store.home import Home
from batchverify.tables.columns import choose_columns, find_column
from batchverify.tables.reader import EmptyTable, Table, open_table
from batchverify.tables.sheet_xml import NotPlain
from batchverify.tables.workbook_xml import TheirWorkbook

#: The word of `--sheet` for all of them.
ALL = "all"


class PassedOver(StrEnum):
    """Why a sheet is not verified with the others."""

    HIDDEN = "hidden"
    OURS = "ours"
    EMPTY = "empty"
    NO_COLUMN = "no_column"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetLook:
    """A sheet looked at: `why` is None where it is one of people, else why it is passed over; `missing` are fields without a column."""

    name: str
    why: PassedOver | None = None
    missing: tuple[Field, ...] = ()


def look_at_sheets(path: Path, options: Options, session: Session) -> list[SheetLook]:
    """Look at every sheet as `options` would read it. A text file gives none, and a sheet that is called "all" is only itself.

    Raises:
        InputError: No sheet reads like a list of people, or one would be refused: nothing was sent.
    """
    home = Home.open(session.home)
    with _opened(path, replace(options, reading=replace(options.reading, sheet=None, header_row=None)), home, session) as table:
        ours = _titles_of_ours(table)
        entries = list(table.sheets)
    if not entries:
        return []
    if ALL in [entry.name for entry in entries]:
        return [SheetLook(name=ALL)]
    looks = []
    for entry in entries:
        if entry.name in ours:
            looks.append(SheetLook(name=entry.name, why=PassedOver.OURS))
        elif entry.hidden:
            looks.append(SheetLook(name=entry.name, why=PassedOver.HIDDEN))
        else:
            looks.append(_look(path, one_sheet(options, entry.name), home, session))
    if all(look.why is not None for look in looks):
        names = ", ".join(look.name for look in looks)
        raise InputError(
            f"{path.name} has no sheet that reads like a list of people: {names}. Look with `batchverify inspect`, and name one "
            "with --sheet, or its columns with --map. Nothing was sent."
        )
    return looks


def one_sheet(options: Options, name: str) -> Options:
    """Give the choices for one sheet of several: its result carries its name."""
    return replace(
        options, reading=replace(options.reading, sheet=name), delivery=replace(options.delivery, is_one_of_sheets=True)
    )


def _look(path: Path, options: Options, home: Home, session: Session) -> SheetLook:
    name = options.reading.sheet or ""
    try:
        if session.remembers:
            options = replace(options, reading=recalled(path, options.reading, home, session.passwords))
        with _opened(path, options, home, session) as table:
            wanted, optional = fields_of(options)
            missing = _missing(table, options, wanted, optional)
            if missing:
                return SheetLook(name=name, why=PassedOver.NO_COLUMN, missing=missing)
            choose_columns(table, wanted=wanted, optional=optional, mapping=options.reading.mapping)
    except EmptyTable:
        return SheetLook(name=name, why=PassedOver.EMPTY)
    except InputError as error:
        raise InputError(f"Sheet {name!r}: {error}") from None
    return SheetLook(name=name)


def _missing(table: Table, options: Options, wanted: Sequence[Field], optional: Sequence[Field]) -> tuple[Field, ...]:
    """Give the fields that a sheet has no column for: those that are named and not there, else those that are not found."""
    gone = []
    for one, spelled in options.reading.mapping.items():
        try:
            find_column(table, spelled, purpose="", option="")
        except InputError:
            gone.append(one)
    if gone:
        return tuple(gone)
    found = choose_columns(table, wanted=(), optional=(*wanted, *optional), mapping=options.reading.mapping)
    return tuple(one for one in Field if one in wanted and one not in found.fields)


def _opened(path: Path, options: Options, home: Home, session: Session) -> Table:
    reading = options.reading
    return open_table(
        path,
        temporary=home.tmp,
        sheet=reading.sheet,
        header_row=reading.header_row,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        skip_hidden=reading.skip_hidden,
        passwords=session.passwords,
    )


def _titles_of_ours(table: Table) -> frozenset[str]:
    """Give the sheets that an earlier result has added: what is on To fix stands on the sheet of people, too."""
    if table.kind != "xlsx":
        return frozenset()
    try:
        with table.snapshot.open() as opened, ZipFile(opened) as source:
            return frozenset(sheet.title for sheet in TheirWorkbook.read(source).sheets if sheet.marked)
    except NotPlain:
        return frozenset()
