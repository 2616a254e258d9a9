"""Columns as last time: what `--map` has named for a header is taken for the next sheet that has the same one, and shown.

The one thing to know: it becomes part of the choices before anything is read, as if it had been typed. So the job keeps it, and
goes on with it whatever is remembered, or forgotten, later.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from batchverify.errors import InputError
from batchverify.job.options import Reading
from batchverify.store.home import Home
from batchverify.store.profiles import Profile, Profiles
from batchverify.tables.columns import ColumnMap, find_column
from batchverify.tables.headers import normalise_header
from batchverify.tables.passwords import Passwords
from batchverify.tables.reader import EmptyTable, Table, open_table
from batchverify.tables.sheet_xml import column_letters
from batchverify.words import result_columns

_LOOKS_LIKE_DATA = re.compile(r"\d{6}")


def recalled(path: Path, reading: Reading, home: Home, passwords: Passwords | None = None) -> Reading:
    """Give the choices with the columns of last time, or as they are: where columns are named, or the header is another one.

    Raises:
        InputError: The file cannot be read. Nothing was sent.
    """
    if reading.mapping:
        return reading
    profiles = Profiles(home)
    if not profiles:
        return reading
    with _opened(path, reading, home, passwords) as table:
        profile = profiles.find(profiles.fingerprint(words_of(table)))
        if profile is None:
            return reading
        there = _reading_of(profile, reading, table)
        if there == reading:
            return _with_columns(profile, reading, table, profiles)
    with _opened(path, there, home, passwords) as table:
        found = _with_columns(profile, there, table, profiles)
        return found if found.mapping else reading


def remember(table: Table, columns: ColumnMap, reading: Reading, home: Home, passwords: Passwords | None = None) -> None:
    """Keep which columns a person has named for the header of an open table. A row of people is no header, and not kept.

    Raises:
        HomeError: The home cannot be written. Nothing was sent.
    """
    words = words_of(table)
    if not reading.mapping or _is_data(table, words):
        return
    fields = {one: columns.fields[one] for one in reading.mapping}
    profiles = Profiles(home)
    profiles.keep(words, lambda fingerprint: Profile(header=fingerprint(words), fields=fields))
    if reading.header_row is None and reading.sheet is None:
        return
    # What the next such file shows by itself, where nobody says which sheet and row.
    plain = replace(reading, header_row=None, sheet=None)
    try:
        with _opened(table.path, plain, home, passwords) as other:
            shown, is_data = words_of(other), _is_data(other, words_of(other))
    except InputError:
        return
    if shown != words and not is_data:
        names = [entry.name for entry in table.sheets]
        sheet = names.index(table.sheet) if reading.sheet is not None and table.sheet in names else None
        profiles.keep(
            shown,
            lambda fingerprint: Profile(header=fingerprint(words), fields=fields, header_row=reading.header_row, sheet=sheet),
        )


def forget(path: Path, reading: Reading, home: Home, passwords: Passwords | None = None) -> bool:
    """Forget the columns of last time for a file; False where there are none for its header."""
    profiles = Profiles(home)
    try:
        with _opened(path, reading, home, passwords) as table:
            fingerprint = profiles.fingerprint(words_of(table))
    except EmptyTable:
        return False
    profile = profiles.find(fingerprint)
    if profile is None:
        return False
    profiles.forget([fingerprint, profile.header])
    return True


def words_of(table: Table) -> tuple[str, ...]:
    """Give the header's words, so that a result of ours has those of its input: our columns at its right are left out."""
    ours = set(result_columns(table.header).values())
    words = ["" if place in ours else normalise_header(word) for place, word in enumerate(table.header)]
    while words and not words[-1]:
        words.pop()
    return tuple(words)


def _opened(path: Path, reading: Reading, home: Home, passwords: Passwords | None) -> Table:
    return open_table(
        path,
        temporary=home.tmp,
        sheet=reading.sheet,
        header_row=reading.header_row,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        skip_hidden=reading.skip_hidden,
        passwords=passwords,
    )


def _reading_of(profile: Profile, reading: Reading, table: Table) -> Reading:
    """Give the choices with the sheet and the header row of last time, where the user has not named others."""
    names = [entry.name for entry in table.sheets]
    if reading.sheet is None and profile.sheet is not None and profile.sheet < len(names):
        reading = replace(reading, sheet=names[profile.sheet])
    if reading.header_row is None and profile.header_row is not None:
        reading = replace(reading, header_row=profile.header_row)
    return reading


def _with_columns(profile: Profile, reading: Reading, table: Table, profiles: Profiles) -> Reading:
    if profiles.fingerprint(words_of(table)) != profile.header or max(profile.fields.values(), default=0) >= len(table.header):
        return reading
    return replace(reading, mapping={one: _spelled(table, column) for one, column in profile.fields.items()})


def _spelled(table: Table, column: int) -> str:
    """Name a column so that it is found again: by its header where that tells it from all others, else by letters or number."""
    for spelled in (table.header[column].strip(), column_letters(column), str(column + 1)):
        try:
            if spelled and find_column(table, spelled, purpose="", option="") == column:
                return spelled
        except InputError:  # a header that stands twice
            continue
    raise InputError(f"{table.name} has headers that name each other's columns. Name the columns with --map.")


def _is_data(table: Table, words: Sequence[str]) -> bool:
    return table.header_score == 0 and any(_LOOKS_LIKE_DATA.search(word) for word in words)
