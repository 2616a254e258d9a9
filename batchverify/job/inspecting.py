"""What is in a file: sheets, columns, masked examples, and what would be asked back. Needs no AppCode, asks nothing.

The one thing to know: it leaves nothing behind, not even the columns that were named; `plan` and `run` remember those.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from batchverify.job.options import Reading
from batchverify.job.recalling import recalled
from batchverify.model import CellValue, Field, NumberCell, OddCell
from batchverify.rules.masks import mask
from batchverify.store.home import Home
from batchverify.tables.columns import ColumnMap, choose_columns, is_asked
from batchverify.tables.passwords import Passwords
from batchverify.tables.reader import Table, open_table
from batchverify.tables.sheet_xml import column_letters

_EXAMPLES = 3
#: Rows searched for examples that are not blank.
_SEARCHED_ROWS = 200
#: The header's words and the content agree, or one of them is only likely (see `tables.headers` for the scores).
_SURE_FROM, _LIKELY_FROM = 14.0, 9.0
_LOOKS_LIKE_DATA = re.compile(r"\d{6}")


class Confidence(StrEnum):
    """How sure a column is, in a word: named by the user, now or last time, or found."""

    NAMED = "named"
    AS_LAST_TIME = "as_last_time"
    SURE = "sure"
    LIKELY = "likely"
    UNSURE = "unsure"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundColumn:
    """A column that a field was found in. `score` is how well words and content fit; None where the user named it.

    `rivals` are letters and headers of columns that fit as well: where the field is asked, one has to be named.
    """

    field: Field
    letters: str
    header: str
    score: float | None
    confidence: Confidence
    examples: tuple[str, ...]
    rivals: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSheet:
    """A sheet with its row count, None where the workbook does not tell."""

    name: str
    rows: int | None
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A file looked at. `rows` are those of people, as a plan counts them: no blanks, no sums.

    `hidden_rows` are hidden or filtered rows, of all; `others` are letters and headers of columns that hold no field.
    """

    name: str
    kind: str
    encoding: str
    sheet: str
    sheets: tuple[FoundSheet, ...]
    header_row: int
    rows: int
    hidden_rows: int
    columns: tuple[FoundColumn, ...]
    missing: tuple[Field, ...]
    others: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """The inspection for scripts."""
        return {
            "input": {"name": self.name, "kind": self.kind, "encoding": self.encoding, "sheet": self.sheet, "rows": self.rows},
            "sheets": [{"name": one.name, "rows": one.rows, "hidden": one.hidden} for one in self.sheets],
            "header_row": self.header_row,
            "hidden_rows": self.hidden_rows,
            "columns": [
                {
                    "field": one.field,
                    "column": one.letters,
                    "header": one.header,
                    "score": one.score,
                    "confidence": one.confidence,
                    "examples": list(one.examples),
                    "rivals": [{"column": letters, "header": header} for letters, header in one.rivals],
                }
                for one in self.columns
            ],
            "missing": list(self.missing),
            "other_columns": [{"column": letters, "header": header} for letters, header in self.others],
        }


def inspect_file(
    path: Path, reading: Reading, *, home: Path, passwords: Passwords | None = None, recalls: bool = False
) -> Inspection:
    """Look at a spreadsheet. `recalls` takes the columns of last time for a header that is the same.

    Raises:
        InputError: It cannot be read, or holds what may not be passed on. Nothing was sent.
    """
    place = Home.open(home)
    given = reading
    if recalls:
        reading = recalled(path, given, place, passwords)
    with open_table(
        path,
        temporary=place.tmp,
        sheet=reading.sheet,
        header_row=reading.header_row,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        passwords=passwords,
    ) as table:
        columns = choose_columns(table, wanted=(), optional=tuple(Field), mapping=reading.mapping)
        people = sum(is_asked(record, columns) for record in table.records() if not (record.hidden and reading.skip_hidden))
        return Inspection(
            name=table.name,
            kind=table.kind,
            encoding=table.encoding,
            sheet=table.sheet,
            sheets=tuple(FoundSheet(name=entry.name, rows=entry.rows, hidden=entry.hidden) for entry in table.sheets),
            header_row=table.header_row,
            rows=people,
            hidden_rows=table.hidden_rows,
            columns=_found(table, columns, is_as_last_time=reading != given),
            missing=tuple(one for one in Field if one not in columns.fields),
            others=_others(table, columns),
        )


def _found(table: Table, columns: ColumnMap, *, is_as_last_time: bool) -> tuple[FoundColumn, ...]:
    sample = [record for record in islice(table.records(), _SEARCHED_ROWS) if is_asked(record, columns)]
    return tuple(
        FoundColumn(
            field=one,
            letters=column_letters(index),
            header=table.header[index],
            score=columns.scores.get(one),
            confidence=_confidence(columns.scores.get(one), is_rivaled=one in columns.rivals, is_as_last_time=is_as_last_time),
            examples=tuple(islice((_masked(one, cell) for record in sample if (cell := record.cells[index]) != ""), _EXAMPLES)),
            rivals=tuple((column_letters(rival), table.header[rival]) for rival in columns.rivals.get(one, ())),
        )
        for one, index in columns.fields.items()
    )


def _confidence(score: float | None, *, is_rivaled: bool, is_as_last_time: bool) -> Confidence:
    """Say how sure a choice is.

    >>> _confidence(18.0, is_rivaled=False, is_as_last_time=False), _confidence(None, is_rivaled=False, is_as_last_time=True)
    (<Confidence.SURE: 'sure'>, <Confidence.AS_LAST_TIME: 'as_last_time'>)
    """
    if score is None:
        return Confidence.AS_LAST_TIME if is_as_last_time else Confidence.NAMED
    if is_rivaled:
        return Confidence.AMBIGUOUS
    if score >= _SURE_FROM:
        return Confidence.SURE
    return Confidence.LIKELY if score >= _LIKELY_FROM else Confidence.UNSURE


def _others(table: Table, columns: ColumnMap) -> tuple[tuple[str, str], ...]:
    """Give the columns that hold no field; none where the header may be a row of people, of whom nothing is shown."""
    if table.header_score == 0:
        return ()
    taken = {*columns.fields.values(), *columns.ours.values()}
    return tuple(
        (column_letters(index), word)
        for index, word in enumerate(table.header)
        if word and index not in taken and not _LOOKS_LIKE_DATA.search(word)
    )


def _masked(one: Field, cell: CellValue) -> str:
    match cell:
        case str(text):
            return mask(one, text)
        case NumberCell(literal=literal):
            return mask(one, literal)
        case OddCell(kind=kind):
            return f"({kind})"
