"""What is in a file: sheets, columns, masked examples. Needs no AppCode, asks nothing and leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from batchverify.job.options import Reading
from batchverify.model import CellValue, Field, NumberCell, OddCell
from batchverify.rules.masks import mask
from batchverify.store.home import Home
from batchverify.tables.columns import choose_columns, is_asked
from batchverify.tables.passwords import Passwords
from batchverify.tables.reader import open_table
from batchverify.tables.sheet_xml import column_letters

_EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundColumn:
    """A column that a field was found in. `score` is how well words and content fit; None where the user named it."""

    field: Field
    letters: str
    header: str
    score: float | None
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A file looked at. `sheets` are names with their row counts, None where the workbook does not tell.

    `rows` are those of people, as a plan counts them: no blanks, no sums.
    """

    name: str
    kind: str
    encoding: str
    sheet: str
    sheets: tuple[tuple[str, int | None], ...]
    header_row: int
    rows: int
    hidden_rows: int
    columns: tuple[FoundColumn, ...]

    def as_json(self) -> dict[str, Any]:
        """The inspection for scripts."""
        return {
            "input": {"name": self.name, "kind": self.kind, "encoding": self.encoding, "sheet": self.sheet, "rows": self.rows},
            "sheets": [{"name": name, "rows": rows} for name, rows in self.sheets],
            "header_row": self.header_row,
            "hidden_rows": self.hidden_rows,
            "columns": [
                {
                    "field": one.field,
                    "column": one.letters,
                    "header": one.header,
                    "score": one.score,
                    "examples": list(one.examples),
                }
                for one in self.columns
            ],
        }


def inspect_file(path: Path, reading: Reading, *, home: Path, passwords: Passwords | None = None) -> Inspection:
    """Look at a spreadsheet.

    Raises:
        InputError: It cannot be read, or holds what may not be passed on. Nothing was sent.
    """
    with open_table(
        path,
        temporary=Home.open(home).tmp,
        sheet=reading.sheet,
        header_row=reading.header_row,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        passwords=passwords,
    ) as table:
        columns = choose_columns(table, wanted=(), optional=tuple(Field), mapping=reading.mapping)
        sample = list(islice(table.records(), _EXAMPLES))
        found = tuple(
            FoundColumn(
                field=one,
                letters=column_letters(index),
                header=table.header[index],
                score=columns.scores.get(one),
                examples=tuple(_masked(one, record.cells[index]) for record in sample),
            )
            for one, index in columns.fields.items()
        )
        people = sum(is_asked(record, columns) for record in table.records() if not (record.hidden and reading.skip_hidden))
        return Inspection(
            name=table.name,
            kind=table.kind,
            encoding=table.encoding,
            sheet=table.sheet,
            sheets=tuple((entry.name, entry.rows) for entry in table.sheets),
            header_row=table.header_row,
            rows=people,
            hidden_rows=table.hidden_rows,
            columns=found,
        )


def _masked(one: Field, cell: CellValue) -> str:
    match cell:
        case str(text):
            return mask(one, text)
        case NumberCell(literal=literal):
            return mask(one, literal)
        case OddCell(kind=kind):
            return f"({kind})"
