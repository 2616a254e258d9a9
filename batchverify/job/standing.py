"""How a question stands before a pass: what speaks for it already, and what keeps it from being asked now.

The one thing to know: an answer comes first, then a doubt; then a lock, which holds for whatever would be asked of that ID
number or card. Only then does it matter why nobody has an answer yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from batchverify.job.lines import Line
from batchverify.job.realm import Realm
from batchverify.model import Attempt, AttemptState, Query, RowStatus
from batchverify.rules.outcomes import UNJUDGED, Scope, deciding_attempt, may_reuse, was_cut_short
from batchverify.rules.verdicts import verdict
from batchverify.store.ledger import Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The job whose result, or whose corrected input, is gone on with. `knew` says whether it had a question.

    What it did not have, somebody has edited or added; with `asks_edited` that is asked. `forgot` says whether a question was of
    somebody who asked to be forgotten since.
    """

    job: str
    knew: Callable[[bytes], bool]
    asks_edited: bool = True
    forgot: Callable[[bytes], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`status` None: an answer speaks for it. With `until` it must be left alone until then; `code` says why."""

    status: RowStatus | None
    attempt: Attempt | None = None
    code: str = ""
    until: datetime | None = None
    is_edited: bool = False


def status_of(attempt: Attempt | None, *, is_locked: bool, is_held: bool = False, is_cut_short: bool = False) -> RowStatus | None:
    """Which open status a question has before a run; None where an answer speaks for it.

    `is_locked`: its ID number or card must be left alone now; `is_held`: it had to be left alone when it was wanted last.

    >>> status_of(None, is_locked=False), status_of(None, is_locked=False, is_held=True)
    (<RowStatus.NOT_RUN: 'not_run'>, <RowStatus.LOCKED: 'locked'>)
    """
    match attempt:
        case Attempt(state=AttemptState.ANSWERED) if verdict(attempt.product, attempt.code) is not RowStatus.LOCKED:
            return None
        case Attempt(state=AttemptState.IN_DOUBT, holds=True):
            return RowStatus.IN_DOUBT
        case Attempt(state=AttemptState.ANSWERED):
            return RowStatus.LOCKED
        case _ if is_locked or is_held:
            return RowStatus.LOCKED
        case Attempt(state=AttemptState.NOT_BILLED, code=code) if code not in UNJUDGED and not is_cut_short:
            return RowStatus.FAILED
        case _:
            return RowStatus.NOT_RUN


def standings(
    fresh: Sequence[Line], realm: Realm, scope: Scope, *, asks_per_card: int, origin: Origin | None
) -> dict[bytes, Standing]:
    """How each of these questions stands now, by its key."""
    questions = {line.key: line.question for line in fresh if line.key is not None and isinstance(line.question, Query)}
    keys = list(questions)
    attempts = realm.ledger.attempts(keys)
    decided = {key: attempt for key in attempts if (attempt := _speaker(attempts[key], scope, origin)) is not None}
    # A ledger that was put back from a copy knows less than the cache; where it has the answer, another look is spared.
    without_answer = [key for key in keys if status_of(decided.get(key), is_locked=False) is not None]
    decided |= {key: attempt for key, attempt in realm.cache.get_many(without_answer).items() if may_reuse(attempt, scope)}
    open_keys = [key for key in without_answer if status_of(decided.get(key), is_locked=False) is not None]
    id_tags = {key: realm.vault.id_tag(questions[key].id_card) for key in open_keys}
    card_tags = {key: realm.vault.card_tag(card) for key in open_keys if (card := questions[key].account_no)}
    closed = realm.ledger.closed(
        id_tags.values(),
        card_tags.values(),
        now=realm.clock.now(),
        monotonic=realm.clock.monotonic(),
        boot=realm.clock.boot,
        asks_per_card=asks_per_card,
    )
    holds = _holds(open_keys, realm, scope, origin)
    found = {key: Standing(status=None, attempt=attempt) for key, attempt in decided.items() if key not in id_tags}
    for key in open_keys:
        attempt = decided.get(key)
        barred = closed.until(id_tags[key], card_tags.get(key))
        status = status_of(
            attempt,
            is_locked=barred is not None,
            is_held=key in holds,
            is_cut_short=attempt is not None and was_cut_short(attempt, attempts.get(key, ())),
        )
        code, until = barred or ("", None)
        is_edited = origin is not None and attempt is None and not origin.knew(key)
        found[key] = Standing(status=status, attempt=attempt, code=code, until=until, is_edited=is_edited)
    return found


def _speaker(attempts: Sequence[Attempt], scope: Scope, origin: Origin | None) -> Attempt | None:
    """The attempt that speaks for a question here, else the one that says why the origin has no answer."""
    attempt = deciding_attempt(attempts, scope)
    if attempt is not None or origin is None:
        return attempt
    before = deciding_attempt(attempts, replace(scope, job=origin.job))
    # An answer of the origin's that is too old for this job is one no longer.
    return None if status_of(before, is_locked=False) is None else before


def _holds(keys: Sequence[bytes], realm: Realm, scope: Scope, origin: Origin | None) -> Mapping[bytes, Hold]:
    holds = realm.ledger.holds(origin.job, keys) if origin is not None else {}
    return holds | realm.ledger.holds(scope.job, keys)
