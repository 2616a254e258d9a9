"""The rows of a case's result, to be leafed through: noted while the result is drawn, masked before they are written down.

The one thing to know: nothing is shown from here but masks and what the result says of a row. A value itself is read from the
sheet, one cell at a time, and that is an act that is written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from batchverify.desk.room import Room
from batchverify.desk.shapes import Case, Row, RowPage
from batchverify.model import Billed, Field, Outcome, Record, RowSource, RowStatus
from batchverify.rules.masks import mask
from batchverify.store.row_index import IndexedRow, RowIndex, RowIndexWriter
from batchverify.tables.cell_xml import plain_text
from batchverify.tables.columns import ColumnMap, values_of
from batchverify.tables.outcome_cells import words_of_outcome
from batchverify.words import Lang

_NAME = "rows.sqlite"


class RowNotes:
    """Takes down the rows of a result as they are drawn."""

    def __init__(self, writer: RowIndexWriter) -> None:
        self._writer = writer

    @classmethod
    def into(cls, path: Path) -> Self:
        """Begin an index that will lie at `path`."""
        return cls(RowIndexWriter(path))

    def note(self, record: Record, outcome: Outcome | None, columns: ColumnMap) -> None:
        """Take down a row; one that is not asked (a blank, a sum) is none."""
        if outcome is None:
            return
        facts: dict[str, Any] = {
            "fields": {str(one): mask(one, plain_text(cell)) for one, cell in values_of(record, columns).items()},
            "code": outcome.code,
            "source": outcome.source.value,
            "billed": outcome.billed.value,
        }
        facts |= {name: value for name in ("message", "request_id", "duplicate_of") if (value := getattr(outcome, name))}
        facts |= {name: at.isoformat() for name in ("asked_at", "retry_at") if (at := getattr(outcome, name)) is not None}
        if outcome.warnings:
            facts["warnings"] = list(outcome.warnings)
        if outcome.at is not None:
            facts["at"] = outcome.at.value
        self._writer.add(record.number, outcome.status.value, facts)

    def finish(self) -> None:
        """Put the index in its place."""
        self._writer.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *told: object) -> None:
        self._writer.__exit__(*told)


def index_of_rows(room: Room, case: Case) -> Path:
    """Where the index of a case's rows lies."""
    return room.shelf.folder(case.id).path / _NAME


def page_of(room: Room, case: Case, *, status: RowStatus | None, row: int | None, offset: int, limit: int, lang: Lang) -> RowPage:
    """Some rows of the result that was drawn last; none before the first one."""
    index = RowIndex(path=index_of_rows(room, case))
    if not index.exists:
        return RowPage(total=0, rows=(), counts={})
    total, rows = index.page(status=status, number=row, offset=max(0, offset), limit=max(0, limit))
    as_of = None if case.summary is None else datetime.fromisoformat(case.summary["ended_at"])
    return RowPage(
        total=total,
        rows=tuple(_row_of(one, lang) for one in rows),
        counts={RowStatus(word): count for word, count in index.counts().items()},
        as_of=as_of,
    )


def _row_of(indexed: IndexedRow, lang: Lang) -> Row:
    facts = indexed.facts
    outcome = Outcome(
        status=RowStatus(indexed.status),
        code=facts["code"],
        source=RowSource(facts["source"]),
        message=facts.get("message", ""),
        warnings=tuple(facts.get("warnings", ())),
        at=Field(facts["at"]) if "at" in facts else None,
    )
    _, _, message, action = words_of_outcome(outcome, lang)
    return Row(
        number=indexed.number,
        status=outcome.status,
        code=outcome.code,
        message=message,
        action=action,
        source=outcome.source,
        billed=Billed(facts["billed"]),
        fields={Field(name): text for name, text in facts["fields"].items()},
        duplicate_of=facts.get("duplicate_of"),
        asked_at=_moment(facts, "asked_at"),
        retry_at=_moment(facts, "retry_at"),
        request_id=facts.get("request_id", ""),
    )


def _moment(facts: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(facts[name]) if name in facts else None
