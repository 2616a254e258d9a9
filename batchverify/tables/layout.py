"""Where things stand in a result: which of the user's columns stay, what ours are called, which rows go on a list.

The one thing to know: `Annotator` is the single place where an outcome becomes cells, for every kind of file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from batchverify.model import CellValue, Field, Outcome, Record, RowStatus
from batchverify.rules.masks import mask
from batchverify.tables.cell_xml import Losses, plain_text
from batchverify.tables.our_sheets import RowList, sentences_height
from batchverify.tables.outcome_cells import OUR_WIDTHS, SENTENCES, cells_of_outcome, our_header
from batchverify.tables.styles import Look, Looks, look_of
from batchverify.words import Lang

_TO_FIX = {Lang.EN: "To fix", Lang.ZH: "待修正"}
_TO_RETRY = {Lang.EN: "To retry", Lang.ZH: "待重试"}
#: Statuses of rows that somebody has to correct in the sheet before they can be asked.
FIXABLE = frozenset({RowStatus.BLOCKED, RowStatus.INVALID})

#: Rows above the header, as (number, cells).
RowsAbove = Iterable[tuple[int, Sequence[CellValue]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The user's columns that stay (`kept`, indexes into a record's cells), their headers, and the words over ours.

    `text_positions` are the positions among the kept ones that hold ID numbers, cards or mobiles: there even a blank cell
    is a text cell, so that a number typed into it later keeps all its digits. `masks` has the positions that are shown masked.
    """

    kept: tuple[int, ...]
    header: tuple[str, ...]
    text_positions: frozenset[int]
    lang: Lang
    simulated: bool
    masks: Mapping[int, Field]

    @classmethod
    def of(
        cls,
        header: Sequence[str],
        *,
        width: int,
        ours: Mapping[str, int],
        fields: Mapping[Field, int],
        lang: Lang,
        simulated: bool,
        mask_fields: bool = False,
    ) -> Layout:
        """Lay out a result over a table of `width` columns. `ours` are the columns of an earlier result, which are replaced."""
        old = set(ours.values())
        kept = tuple(index for index in range(width) if index not in old)
        positions = {kept.index(column): field for field, column in fields.items() if column in kept}
        return cls(
            kept=kept,
            header=tuple(header[index] if index < len(header) else "" for index in kept),
            text_positions=frozenset(position for position, field in positions.items() if field is not Field.NAME),
            lang=lang,
            simulated=simulated,
            masks=positions if mask_fields else {},
        )

    @property
    def our_labels(self) -> tuple[str, ...]:
        return our_header(self.lang)

    def cells(self, record: Record) -> Sequence[CellValue]:
        """Give the user's cells that stay, padded to the width of the header, masked where that was asked for."""
        cells: Sequence[CellValue] = record.cells
        if len(cells) != len(self.kept) or self.kept[-1] != len(cells) - 1:
            cells = [cells[index] if index < len(cells) else "" for index in self.kept]
        if not self.masks:
            return cells
        return [
            mask(self.masks[position], plain_text(value)) if position in self.masks else value
            for position, value in enumerate(cells)
        ]


class Annotator:
    """Turns outcomes into our cells and their styles, and puts rows that need somebody on To fix or To retry."""

    def __init__(self, layout: Layout, looks: Looks, losses: Losses, *, widths: tuple[int, ...], folder: Path) -> None:
        self._layout = layout
        self.to_fix, self.to_retry = (
            RowList(layout.header, widths, layout.our_labels, looks, losses, folder=folder) for _ in range(2)
        )
        text, self._wrapping = looks[Look.TEXT], looks[Look.WRAPPED]
        self._styles = {status: [looks[look_of(status)], *[text] * (len(OUR_WIDTHS) - 1)] for status in RowStatus}

    def annotate(self, record: Record, outcome: Outcome) -> tuple[list[str], list[int]]:
        """Give the texts and the styles of our cells beside a row."""
        texts = cells_of_outcome(outcome, lang=self._layout.lang, simulated=self._layout.simulated)
        styles = self._styles[outcome.status]
        if outcome.status in FIXABLE:
            self.to_fix.add(self._layout.cells(record), texts, styles)
        elif outcome.status.is_open:
            self.to_retry.add(self._layout.cells(record), texts, styles)
        return texts, styles

    def wrapped(self, texts: Sequence[str], styles: list[int]) -> tuple[list[int], int]:
        """Give the styles with our sentences wrapped and the row's height in points; as they are, and 0, where one line is enough."""
        height = sentences_height(texts)
        if not height:
            return styles, 0
        wrapping = list(styles)
        for index in SENTENCES:
            wrapping[index] = self._wrapping
        return wrapping, height

    @property
    def lists(self) -> tuple[tuple[str, RowList], ...]:
        """The two lists under their titles, in the order in which they stand in the workbook."""
        return ((_TO_FIX[self._layout.lang], self.to_fix), (_TO_RETRY[self._layout.lang], self.to_retry))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.to_fix.close()
        self.to_retry.close()
