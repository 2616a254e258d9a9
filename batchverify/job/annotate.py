"""What stands beside every row, from the sheet and the ledger alone, and how often.

The one thing to know: nothing here asks or decides anew. The same job gives the same outcomes whenever it is read,
because only what was known at the end of its last run counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from batchverify.errors import HomeError
from batchverify.job.cost_by import CostBy
from batchverify.job.lines import Line, Lines
from batchverify.job.realm import Realm
from batchverify.model import Answer, Attempt, AttemptState, Billed, Blocked, Outcome, Query, Record, RowSource, RowStatus
from batchverify.rules.outcomes import (
    Scope,
    as_duplicate,
    deciding_attempt,
    outcome_not_asked,
    outcome_of_attempt,
    outcome_of_blocked,
    was_cut_short,
)
from batchverify.store.ledger import Hold
from batchverify.store.plan_index import PlanIndex

_ASKED_IN_VAIN = frozenset({RowStatus.IN_DOUBT, RowStatus.FAILED})
_WITHOUT_ANSWER = frozenset({AttemptState.IN_DOUBT, AttemptState.NOT_BILLED})


@dataclass(slots=True, kw_only=True)
class Counts:
    """How many rows of each status and kind one pass has seen."""

    statuses: Counter[RowStatus] = field(default_factory=Counter)
    unique: int = 0
    duplicate: int = 0
    blocked: int = 0
    reused: int = 0
    earliest_retry: datetime | None = None
    failed_codes: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one row."""
        self.statuses[outcome.status] += 1
        if outcome.status is RowStatus.BLOCKED:
            self.blocked += 1
        elif outcome.duplicate_of is not None:
            self.duplicate += 1
        else:
            self.unique += 1
            self.reused += outcome.source is RowSource.REUSED and not outcome.status.is_open
        if outcome.retry_at is not None and (self.earliest_retry is None or outcome.retry_at < self.earliest_retry):
            self.earliest_retry = outcome.retry_at
        if outcome.status.is_open:
            self.failed_codes[outcome.code] += 1

    @property
    def open(self) -> int:
        """Rows without a final status."""
        return sum(count for status, count in self.statuses.items() if status.is_open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One job's outcomes. `reason` is the word for why its last run stopped early, "" if it did not."""

    lines: Lines
    index: PlanIndex
    realm: Realm
    scope: Scope
    reason: str
    lock: timedelta
    asks_per_card: int = 4
    cost_by: CostBy | None = None
    counts: Counts = field(default_factory=Counts)
    opens_answers: bool = True

    def __iter__(self) -> Iterator[tuple[Record, Outcome | None]]:
        for batch in self.lines.batches():
            yield from self._of(batch)

    def _of(self, batch: list[Line]) -> Iterator[tuple[Record, Outcome | None]]:
        keys = [line.key for line in batch if line.key is not None]
        attempts = self.realm.ledger.attempts(keys)
        # A ledger that was put back from a copy knows less than the cache, and what the cache knows was not asked again.
        kept = self.realm.cache.get_many([key for key in keys if key not in attempts])
        # Such an attempt has a number of another count, so it has none here: whoever is in the cache came before.
        attempts |= {key: [replace(attempt, number=0)] for key, attempt in kept.items()}
        holds = self.realm.ledger.holds(self.scope.job, keys)
        first = self.index.first_rows(keys)
        retry = self._retry_times(batch, attempts)
        for line in batch:
            outcome = self._outcome(line, attempts, holds, first)
            if outcome is not None:
                if outcome.retry_at is None and outcome.status in _ASKED_IN_VAIN and line.key is not None:
                    outcome = replace(outcome, retry_at=retry.get(line.key))
                if not outcome.row_tag:
                    outcome = replace(outcome, row_tag=self._row_tag(line))
                self.counts.add(outcome)
                if self.cost_by is not None:
                    asks = () if line.key is None or line.key in kept else attempts.get(line.key, ())
                    mine = (attempt for attempt in asks if attempt.job == self.scope.job)
                    is_first = line.key is not None and first.get(line.key) == line.record.number
                    self.cost_by.add(line.record, outcome, mine, is_first=is_first)
            yield line.record, outcome

    def _retry_times(self, batch: list[Line], attempts: dict[bytes, list[Attempt]]) -> dict[bytes, datetime]:
        """Until when questions without an answer must be left alone, for their ID number or card is locked."""
        asked = {
            line.key: line.question
            for line in batch
            if line.key is not None
            and isinstance(line.question, Query)
            and any(attempt.state in _WITHOUT_ANSWER for attempt in attempts.get(line.key, ()))
        }
        if not asked:
            return {}
        vault = self.realm.vault
        id_tags = {key: vault.id_tag(query.id_card) for key, query in asked.items()}
        card_tags = {key: vault.card_tag(query.account_no) for key, query in asked.items() if query.account_no}
        closed = self.realm.ledger.closed_then(
            id_tags.values(), card_tags.values(), then=self.scope.as_of, asks_per_card=self.asks_per_card
        )
        barred = {key: closed.until(id_tags[key], card_tags.get(key)) for key in asked}
        return {key: found[1] for key, found in barred.items() if found is not None}

    def _outcome(
        self, line: Line, attempts: dict[bytes, list[Attempt]], holds: dict[bytes, Hold], first: dict[bytes, int]
    ) -> Outcome | None:
        if isinstance(line.question, Blocked):
            # What a forgotten row had cost stays in the bill, and so beside the row.
            cost = self.lines.forgotten.get(line.record.number, Billed.NO)
            return replace(outcome_of_blocked(line.question), billed=cost)
        if line.question is None or line.key is None:
            return None
        outcome = self._of_question(line, line.question, line.key, attempts.get(line.key, ()), holds.get(line.key))
        row = first.get(line.key, line.record.number)
        return outcome if row == line.record.number else as_duplicate(outcome, of_row=row, query=line.question)

    def _of_question(self, line: Line, query: Query, key: bytes, attempts: Sequence[Attempt], hold: Hold | None) -> Outcome:
        attempt = deciding_attempt(attempts, self.scope)
        if attempt is not None and attempt.holds:
            hold = None  # of an earlier run: the question was asked since
        if hold is not None and (attempt is None or attempt.state is not AttemptState.ANSWERED):
            return outcome_not_asked(query, code=hold.code, retry_at=hold.until)
        if attempt is None or was_cut_short(attempt, attempts):
            return outcome_not_asked(query, code=self.reason or "not_run")
        answer = self._answer_of(key, attempt)
        tag = self._row_tag(line)  # here, where most rows come by: to replace one field of an outcome costs as much as to make it
        outcome = outcome_of_attempt(query, attempt, answer=answer, scope=self.scope, lock=self.lock, row_tag=tag)
        # A 203 of the vendor's stays beside its row with what it cost; until when, the gate has said since.
        return outcome if hold is None else replace(outcome, retry_at=hold.until)

    def _answer_of(self, key: bytes, attempt: Attempt) -> Answer | None:
        """Open what the vendor said; it vouches for the code that stands in the clear beside it, on which the status rests."""
        if not self.opens_answers or attempt.state is not AttemptState.ANSWERED or attempt.sealed is None:
            return None
        answer = self.realm.vault.open_sealed(key, attempt.sealed)
        if answer.status != attempt.code:
            raise HomeError(
                f"The ledger's record of ask {attempt.number} was changed: it is not what the vendor answered. Nothing is asked again. "
                "Look with `batchverify doctor`, and put back a copy of the ledger."
            )
        return answer

    def _row_tag(self, line: Line) -> str:
        """Job, row and a short mark of the question, by which a result file is recognized when it comes back."""
        mark = self.realm.vault.mark_of(line.key) if line.key is not None else "-"
        return f"{self.scope.job}/{line.record.number}/{mark}"


def index_of(lines: Lines, index: PlanIndex, *, with_people: bool = False) -> None:
    """Read the sheet once to learn which row is the first of each question, and, on demand, whom the questions are about."""
    for batch in lines.batches():
        index.add([(line.record.number, line.key) for line in batch if line.key is not None])
        if with_people:
            first = index.first_rows([line.key for line in batch if line.key is not None])
            index.add_people(
                (line.record.number, line.question)
                for line in batch
                if isinstance(line.question, Query) and line.key is not None and first[line.key] == line.record.number
            )
