"""The way of a row from its cells to its question: columns, rules, key. Every pass over the sheet goes this way.

The one thing to know: planning, asking and rendering each read the sheet again, so that memory does not grow with it. Only
what the first hundred thousand rows ask is kept from the first pass on, for thinking it out costs more than reading it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import NamedTuple

from batchverify.job.options import Asking
from batchverify.model import Billed, Blocked, Query, Record
from batchverify.rules.key import key_material
from batchverify.rules.prepare import CheckPolicy, auto_product, prepare
from batchverify.store.vault import Vault
from batchverify.tables.columns import ColumnMap, is_asked, is_other_certificate, values_of
from batchverify.tables.reader import Table

#: Rows looked up at once: large enough that a look-up costs little for each, small enough to answer to a stop.
BATCH = 500
#: The word for a row whose person asked to be forgotten: what was answered is erased, and it is not bought again.
FORGOTTEN = "forgotten"
#: Questions that are kept, less than 1 kB each.
KEPT = 100_000


class Line(NamedTuple):
    """A row and what it asks: a query with its key, a reason why it is never sent, or nothing (blank rows, sums)."""

    record: Record
    question: Query | Blocked | None
    key: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A table read as questions. `today` is the day the job began, so that a later pass decides the same.

    `forgotten` are rows whose person was, each with what it had cost; of an input that is new `forgot` says so by the question.
    They ask nothing; `met` are those that were read, with their keys. `erasures` is the head of the chain of erasures that this is
    as of: after another one, rows may be missing among the forgotten, and answers among those that are known.
    """

    table: Table
    columns: ColumnMap
    asking: Asking
    vault: Vault
    today: date
    forgotten: Mapping[int, Billed] = field(default_factory=dict)
    forgot: Callable[[bytes], bool] | None = None
    erasures: str | None = None
    met: dict[int, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    _kept: list[tuple[Query | Blocked | None, bytes | None]] = field(default_factory=list, init=False, repr=False, compare=False)

    def __iter__(self) -> Iterator[Line]:
        policy = CheckPolicy(level=self.asking.checks, upgrade_15=self.asking.upgrade_15, allow_minors=self.asking.allow_minors)
        kept = self._kept
        # Every pass reads the same private copy of the sheet, so the same place is the same row.
        for place, record in enumerate(self.table.records()):
            if place < len(kept):
                yield Line(record, *kept[place])
                continue
            question = self._question(record, policy)
            key = self.vault.key(key_material(question)) if isinstance(question, Query) else None
            if key is not None and self._is_forgotten(record.number, key):
                self.met[record.number] = key
                question, key = Blocked(code=FORGOTTEN), None
            if place == len(kept) < KEPT:
                kept.append((question, key))
            yield Line(record, question, key)

    def batches(self, size: int = BATCH) -> Iterator[list[Line]]:
        """The same lines, so many at a time."""
        lines = iter(self)
        while batch := list(islice(lines, size)):
            yield batch

    def _is_forgotten(self, row: int, key: bytes) -> bool:
        return row in self.forgotten or (self.forgot is not None and self.forgot(key))

    def _question(self, record: Record, policy: CheckPolicy) -> Query | Blocked | None:
        if (record.hidden and self.table.skip_hidden) or not is_asked(record, self.columns):
            return None
        certificate = self.columns.certificate_type
        if certificate is not None and is_other_certificate(record.cells[certificate]):
            return Blocked(code="other_certificate")
        values = values_of(record, self.columns)
        product = self.asking.product or auto_product(values)
        return prepare(values, product=product, policy=policy, today=self.today)
