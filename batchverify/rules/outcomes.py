"""From the ledger's records to what stands beside a row: one pure function, so that a result can be drawn again for nothing.

The one thing to know: a result speaks of one instant (`as_of`, the end of the job's last run). What others asked later is
left out, so the same job gives the same bytes whenever it is rendered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from batchverify.model import Answer, Attempt, AttemptState, Billed, Blocked, Outcome, Query, RowSource, RowStatus
from batchverify.rules.steps import is_last_try
from batchverify.rules.verdicts import field_at_fault, verdict
from batchverify.words.endings import DOUBTS

#: Words under which the gateway turned everything away: the row itself was never judged, so it is not_run, not failed.
REFUSALS = frozenset({"quota", "quota_expired", "app_code", "overdue", "bad_request"})
#: The same for attempts: one that a second stop called back before it left is as unjudged.
UNJUDGED = REFUSALS | {"interrupted"}


#: Of whoever looks now: every attempt that is there came before.
ANY_NUMBER = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a job may see: its own attempts, others' answers not older than the limits, nothing that came later.

    Later is what has a higher number than `newest`, or was in flight at `as_of`. The wall clock alone cannot say it: one that
    was set back would hide answers that are already there, for as long as it takes to catch up.
    """

    job: str
    matched_after: datetime
    other_after: datetime
    as_of: datetime
    newest: int = ANY_NUMBER


def may_reuse(attempt: Attempt, scope: Scope) -> bool:
    """True where another job's answer serves this one, by age (by default 30 days for matched, 1 for others)."""
    if attempt.state is not AttemptState.ANSWERED or attempt.settled_at is None or attempt.number > scope.newest:
        return False
    if attempt.reserved_at <= scope.as_of < attempt.settled_at:
        return False
    match verdict(attempt.product, attempt.code):
        case RowStatus.LOCKED:
            return False
        case RowStatus.MATCHED:
            return attempt.settled_at >= scope.matched_after
        case _:
            return attempt.settled_at >= scope.other_after


def deciding_attempt(attempts: Iterable[Attempt], scope: Scope) -> Attempt | None:
    """The attempt that speaks for a question: an answer before a doubt, a doubt before a failure, the newest of its kind.

    An attempt in doubt speaks whichever job made it: the question may have been paid for, so it is held everywhere.
    """
    best: Attempt | None = None
    best_rank = (0, 0)
    for attempt in attempts:
        own = attempt.job == scope.job
        if attempt.number > scope.newest and not own:
            continue
        match attempt.state:
            case AttemptState.ANSWERED if (own and verdict(attempt.product, attempt.code) is not RowStatus.LOCKED) or may_reuse(
                attempt, scope
            ):
                rank = 4
            case AttemptState.IN_DOUBT | AttemptState.OPEN if attempt.holds:
                rank = 3
            # A doubt that a person has let go of speaks no louder than what came of the next ask: a lock, a failure.
            case AttemptState.ANSWERED | AttemptState.NOT_BILLED | AttemptState.IN_DOUBT if own:
                rank = 1
            case _:
                continue
        if (rank, attempt.number) > best_rank:
            best, best_rank = attempt, (rank, attempt.number)
    return best


def outcome_of_blocked(blocked: Blocked) -> Outcome:
    """A row that was never sent."""
    return Outcome(status=RowStatus.BLOCKED, code=blocked.code, source=RowSource.LOCAL, at=blocked.at)


def outcome_not_asked(query: Query, *, code: str, retry_at: datetime | None = None) -> Outcome:
    """A row whose question was not asked: `code` says why; with an instant it is locked until then."""
    status = RowStatus.LOCKED if retry_at is not None else RowStatus.NOT_RUN
    return Outcome(
        status=status, code=code, source=RowSource.LOCAL, notes=query.notes, warnings=query.warnings, retry_at=retry_at
    )


def was_cut_short(attempt: Attempt, attempts: Iterable[Attempt]) -> bool:
    """True where a question was to be asked again, for nothing was billed, and its run ended before: it has not failed.

    `attempts` are all of the question.
    """
    if attempt.state is not AttemptState.NOT_BILLED or attempt.code in UNJUDGED:
        return False
    tries = sum(other.run == attempt.run and other.state is AttemptState.NOT_BILLED for other in attempts)
    return not is_last_try(attempt.code, attempts=tries)


def outcome_of_attempt(
    query: Query, attempt: Attempt, *, answer: Answer | None, scope: Scope, lock: timedelta, row_tag: str = ""
) -> Outcome:
    """What an attempt says of a row. `answer` is the opened answer of an answered attempt."""
    own = attempt.job == scope.job
    match attempt.state:
        case AttemptState.ANSWERED:
            status = verdict(attempt.product, attempt.code)
        case AttemptState.IN_DOUBT:
            status = RowStatus.IN_DOUBT
        case AttemptState.NOT_BILLED:
            status = RowStatus.NOT_RUN if attempt.code in UNJUDGED else RowStatus.FAILED
        case AttemptState.OPEN:
            status = RowStatus.NOT_RUN
    locked = status is RowStatus.LOCKED and attempt.settled_at is not None
    return Outcome(
        status=status,
        code=_code(attempt),
        message=answer.message if answer is not None else "",
        source=RowSource.ASKED if own else RowSource.REUSED,
        billed=attempt.billed if own else Billed.NO,
        details=answer.details if answer is not None else {},
        notes=query.notes,
        warnings=query.warnings,
        at=field_at_fault(attempt.code) if status is RowStatus.INVALID else None,
        asked_at=attempt.vendor_at or attempt.reserved_at,
        retry_at=attempt.settled_at + lock if locked and attempt.settled_at is not None else None,
        request_id=attempt.request_id,
        attempt=attempt.number,
        row_tag=row_tag,
    )


def _code(attempt: Attempt) -> str:
    """The word beside the row: what the vendor's usage has decided is no doubt any more, whatever began it."""
    match attempt.state, attempt.billed:
        case AttemptState.OPEN, _:
            return "in_flight"
        case AttemptState.IN_DOUBT, Billed.YES:
            return "answer_lost"
        case AttemptState.NOT_BILLED, _ if attempt.code in DOUBTS:
            return "not_counted"
        case _:
            return attempt.code


def as_duplicate(outcome: Outcome, *, of_row: int, query: Query) -> Outcome:
    """The same outcome beside a later row with the same question, which cost nothing more."""
    return replace(
        outcome,
        source=RowSource.DUPLICATE if outcome.source is not RowSource.LOCAL else outcome.source,
        billed=Billed.NO,
        duplicate_of=of_row,
        notes=query.notes,
        warnings=query.warnings,
    )
