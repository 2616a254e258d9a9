"""What follows an ask that brought no answer: ask again, give up, or stop the run.

The one thing to know: only what was surely not billed is ever asked again. What is in doubt is given up on at once, since
a second try may be a second bill.

Source of the rules: RELIABILITY, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from batchverify.errors import (
    AccountOverdue,
    AskError,
    BadRequest,
    EchoMismatch,
    KeyRejected,
    NotSent,
    QuotaExhausted,
    Refused,
    Throttled,
)
from batchverify.model import AttemptState

_LONGEST_PAUSE_SECONDS = 60.0
# A network that is down for a minute is down: five tries with pauses up to 8 s tell.
_TRIES_NOT_SENT = 5
# A throttle passes by itself, and each try is free: about half an hour of patience.
_TRIES_THROTTLED = 30

# By the code of an error that is asked again; any other is the last of its row.
_TRIES: Mapping[str, int] = {
    # An ask that was too late for its slot says that this machine is busy, not that the vendor is away.
    **dict.fromkeys(("throttled", "unavailable", "late"), _TRIES_THROTTLED),
    **dict.fromkeys(("dns", "connect", "tls"), _TRIES_NOT_SENT),
}

_REASONS: Mapping[type[Refused], str] = {
    QuotaExhausted: "quota",
    KeyRejected: "app_code",
    AccountOverdue: "overdue",
    BadRequest: "bad_request",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgain:
    """The same question once more, after a pause between the two limits; the caller draws it (full jitter)."""

    after_seconds_max: float
    after_seconds_min: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The row ends for this run; its attempt is settled as `state` under `code`."""

    state: AttemptState
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRun:
    """No other ask would fare better; this attempt is settled as `state`, and nothing new is reserved."""

    reason: str
    state: AttemptState = AttemptState.NOT_BILLED


def next_step(error: AskError, *, attempts: int) -> AskAgain | GiveUp | StopRun:
    """Decide what follows a failed ask; `attempts` counts the tries of this row in this run, this one included.

    >>> next_step(NotSent("No route.", code="connect"), attempts=1)
    AskAgain(after_seconds_max=1.0, after_seconds_min=0.0)
    >>> next_step(NotSent("No route.", code="connect"), attempts=5)
    GiveUp(state=<AttemptState.NOT_BILLED: 'not_billed'>, code='connect')
    >>> next_step(QuotaExhausted("Used up.", code="quota"), attempts=1)
    StopRun(reason='quota', state=<AttemptState.NOT_BILLED: 'not_billed'>)
    """
    match error:
        case NotSent(code="too_long"):
            return GiveUp(state=AttemptState.NOT_BILLED, code=error.code)
        case NotSent() if attempts < _TRIES.get(error.code, _TRIES_NOT_SENT):
            return AskAgain(after_seconds_max=_pause(attempts))
        case Throttled(retry_after_seconds=at_least) if attempts < _TRIES_THROTTLED:
            shortest = max(0.0, at_least or 0.0)
            return AskAgain(after_seconds_max=max(shortest, _pause(attempts)), after_seconds_min=shortest)
        case NotSent() | Throttled():
            return GiveUp(state=AttemptState.NOT_BILLED, code=error.code)
        case Refused():
            return StopRun(reason=_REASONS.get(type(error), error.code))
        case EchoMismatch():
            # Whoever answers about other people answers wrongly for every row.
            return StopRun(reason="bad_echo", state=AttemptState.IN_DOUBT)
        case _:
            # InDoubt, and any error of a later version: what is not known to be free may have been billed.
            return GiveUp(state=AttemptState.IN_DOUBT, code=error.code)


def is_last_try(code: str, *, attempts: int) -> bool:
    """Say whether a failure that was not billed ended its row, or the row was still to be asked again when the run ended.

    `code` is that of the failure, `attempts` counts the tries of the row in that run. The counterpart of `next_step` for
    whoever reads the record later.

    >>> is_last_try("throttled", attempts=3), is_last_try("throttled", attempts=30), is_last_try("connect", attempts=5)
    (False, True, True)
    >>> is_last_try("timeout", attempts=1)  # it was in doubt, and the vendor's usage has cleared it
    True
    """
    return attempts >= _TRIES.get(code, 0)


def _pause(attempts: int) -> float:
    return min(_LONGEST_PAUSE_SECONDS, 2.0 ** min(attempts - 1, 6))
