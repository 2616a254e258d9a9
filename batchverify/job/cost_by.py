"""Whose bill it is: a job's asks split by the values of a column of the user's sheet (`--cost-by 部门`).

The one thing to know: a question is paid where it stands first. Its duplicates in other rows cost their own value nothing
and are counted there as saved, so both the bill and what was saved add up over the values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from batchverify.errors import InputError
from batchverify.model import Attempt, AttemptState, Billed, Field, Outcome, Record, RowSource, RowStatus
from batchverify.report.summary import Bill, BillKind, GroupBill, Tally
from batchverify.rules.masks import mask
from batchverify.rules.mobile import check_mobile
from batchverify.rules.normalise import normalise_card, normalise_id_number, normalise_mobile
from batchverify.rules.subject import numbers_of
from batchverify.tables.cell_xml import plain_text
from batchverify.tables.columns import ColumnMap, find_column
from batchverify.tables.reader import Table

#: A mobile number has as many; nothing shorter tells who somebody is.
_LEAST_DIGITS, _ID_LENGTHS = 11, (15, 18)
#: Values with a line of their own. A column with more is no column of departments; its other values share one line.
MOST_VALUES = 10_000


def kind_of(state: AttemptState, billed: Billed) -> BillKind:
    """Say under which heading of the bill an attempt goes. What is still open may have been billed, like what is in doubt.

    An answer that was lost is billed once the vendor's usage has shown it.

    >>> kind_of(AttemptState.ANSWERED, Billed.NO), kind_of(AttemptState.OPEN, Billed.UNKNOWN)
    (<BillKind.FREE: 'free'>, <BillKind.IN_DOUBT: 'in_doubt'>)
    >>> kind_of(AttemptState.IN_DOUBT, Billed.YES)
    <BillKind.BILLED: 'billed'>
    """
    match state, billed:
        case AttemptState.NOT_BILLED, _:
            return BillKind.NOT_BILLED
        case AttemptState.ANSWERED | AttemptState.IN_DOUBT, Billed.YES:
            return BillKind.BILLED
        case AttemptState.ANSWERED, Billed.NO:
            return BillKind.FREE
        case _:
            return BillKind.IN_DOUBT


def masked(value: str) -> str:
    """Hide a number of a person that stands in a column of another name: a bill goes to people who look after money.

    >>> masked("财务部"), masked("4500012345"), masked("110101199003070011"), masked("138 0013 8000")
    ('财务部', '4500012345', '110***********0011', '138****8000')
    """
    if sum(map(str.isdigit, value)) < _LEAST_DIGITS:
        return value
    if numbers_of(value):
        is_id = len(normalise_id_number(value)[0]) in _ID_LENGTHS
        return mask(Field.ID_CARD, normalise_id_number(value)[0]) if is_id else mask(Field.ACCOUNT_NO, normalise_card(value)[0])
    mobile, _ = normalise_mobile(value)
    return value if check_mobile(mobile) else mask(Field.MOBILE, mobile)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBy:
    """The column that splits the bill, and what was counted of each of its values so far."""

    column: int
    header: str
    _asks: dict[str | None, Counter[BillKind]] = field(default_factory=dict, init=False, repr=False)
    _saved: Counter[str | None] = field(default_factory=Counter, init=False, repr=False)

    @classmethod
    def of(cls, table: Table, columns: ColumnMap, spelled: str) -> CostBy:
        """Find the column by its header, its letters or its number.

        Raises:
            InputError: There is no such column, or it holds what is asked: a bill names no person. Nothing was sent.
        """
        column = find_column(table, spelled, purpose="to split the bill by", option="--cost-by ")
        if column in columns.fields.values() or column in columns.ours.values():
            raise InputError(
                f"The bill cannot be split by {spelled!r}: that column holds persons or results. "
                "Name one with departments, projects or offices."
            )
        return cls(column=column, header=" ".join(table.header[column].split()))

    def add(self, record: Record, outcome: Outcome, attempts: Iterable[Attempt], *, is_first: bool) -> None:
        """Count a row; `attempts` are those of its question in this job, which count where the question stands first."""
        value = self._value(record)
        asks = self._asks.setdefault(value, Counter())
        if is_first:
            asks.update(kind_of(attempt.state, attempt.billed) for attempt in attempts)
        self._saved[value] += (
            outcome.status is RowStatus.BLOCKED
            or outcome.duplicate_of is not None
            or (outcome.source is RowSource.REUSED and not outcome.status.is_open)
        )

    def groups(self, bill: Bill, tally: Tally) -> tuple[GroupBill, ...]:
        """Give a line for each value, the most asks first, and one for asks of which no row is left; they add up to the bill."""
        lines = {value: Counter(asks) for value, asks in self._asks.items()}
        saved = Counter(self._saved)
        listed: Counter[BillKind] = sum(lines.values(), Counter())
        for kind in BillKind:
            if missing := bill.count(kind) - listed[kind]:
                lines.setdefault(None, Counter())[kind] += missing
        if unlisted := tally.saved - saved.total():
            lines.setdefault(None, Counter())
            saved[None] += unlisted
        groups = [
            GroupBill(value=value, saved=saved[value], **{kind.value: asks[kind] for kind in BillKind})
            for value, asks in lines.items()
        ]
        return tuple(sorted(groups, key=lambda group: (group.value is None, not group.value, -group.asks, group.value or "")))

    def _value(self, record: Record) -> str | None:
        cells = record.cells
        text = plain_text(cells[self.column]) if self.column < len(cells) else ""
        value = masked(" ".join(text.split()))
        return value if value in self._asks or len(self._asks) < MOST_VALUES else None
