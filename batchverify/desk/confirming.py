"""From one stage of a case to the next: what may be chosen, planned, confirmed, approved, held up and gone on with, and when.

The one thing to know: all of it is decided on the case as it stands at that moment, under the lock of the shelf. Whoever comes second,
with another tab or another person's click, either finds done what they wanted or is told what has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from batchverify.desk.room import Room
from batchverify.desk.shapes import Case, Confirmed, Live, Shown, Stage
from batchverify.errors import InputError, SettingsError
from batchverify.job import Mandate, Options, Plan, Reading, statuses_to_rerun
from batchverify.job.approval import approve_plan, is_same_person
from batchverify.model import RowStatus
from batchverify.report.summary import Ending

#: What a case may have ended by and be gone on with as it was confirmed: something outside of it was in the way.
_RESUMABLE = frozenset({Ending.VENDOR_STOP.value, Ending.INTERRUPTED.value, Ending.HOME_ERROR.value})


def words_of(what: str | Sequence[str]) -> tuple[str, ...]:
    """The words of a rerun, however they were given.

    >>> words_of("failed,locked"), words_of(["failed"]), words_of("")
    (('failed', 'locked'), ('failed',), ())
    """
    return tuple(word for word in (what.split(",") if isinstance(what, str) else what) if word)


def options_after(before: Case, fresh: Options) -> Options:
    """What is chosen for a corrected file: what was for the one it corrects, but how it is read is found anew."""
    delivery = replace(before.options.delivery, output=None)
    return replace(fresh, reading=Reading(), asking=before.options.asking, delivery=delivery, mandate=before.options.mandate)


def same_upload(cases: Iterable[Case], new: Case) -> Case | None:
    """The case that came with the same idempotency key from the same owner, if any did.

    Raises:
        InputError: It is another file, or what is to be corrected has not been asked.
    """
    if new.origin and not new.origin_job:
        raise InputError("Nothing of the job that is to be corrected has been asked yet. Upload the file as one of its own.")
    for case in cases:
        if new.idempotency_key and (case.owner, case.idempotency_key) == (new.owner, new.idempotency_key):
            if (case.sha256, case.origin) != (new.sha256, new.origin):
                raise InputError(
                    "This idempotency key came with another file before. Give each upload a key of its own. Nothing was sent."
                )
            return case
    return None


def chosen(now: Case, options: Options) -> Case:
    """The case with other choices."""
    if now.job is not None or not now.stage.is_before_asking:
        raise InputError(
            f"{now.name} has been asked as it was chosen, and that is part of its record. Upload it once more to choose otherwise."
        )
    # Where a result goes is the desk's business, and never a path that somebody has sent.
    options = replace(options, delivery=replace(options.delivery, output=None), origin="", endpoint_host="")
    return replace(now, options=options, stage=Stage.RECEIVED, shown=None, confirmed=None, problem="")


def refuse_plan(room: Room, case: Case, *, is_rerun: bool) -> None:
    """Refuse to plan a case that is under way, or anew what only goes on."""
    if case.stage.is_under_way:
        raise InputError(f"{case.name} is being asked as it was confirmed. Pause or stop it before it is planned anew.")
    if is_rerun and case.job is None:
        raise InputError(f"Nothing of {case.name} has been asked yet, so there is nothing to run again. Confirm its plan.")
    if room.is_finished(case):
        elsewhere = (
            "" if case.ending == Ending.COMPLETE else " It was finished elsewhere: go on with it, and its result is drawn again."
        )
        raise InputError(
            f"Every row of {case.name} has its final status, so there is nothing to run again.{elsewhere} Nothing was sent."
        )


def with_plan(now: Case, shown: Shown, *, of: Case) -> Case:
    """The case with the plan that its person is shown, unless it was changed while the plan was made."""
    if (now.options, now.stage, now.job) != (of.options, of.stage, of.job):
        raise InputError(f"{now.name} was changed while it was planned. Plan it again. Nothing was sent.")
    if now.job is None:
        return replace(now, shown=shown, confirmed=None, stage=Stage.PLANNED, problem="")
    if now.stage is Stage.WAITING:  # what waited to be approved is planned anew; what was asked before stays
        return replace(now, shown=shown, confirmed=None, stage=Stage.ENDED, problem="")
    return replace(now, shown=shown)


def shown_of(plan: Plan, *, what: tuple[str, ...], is_rerun: bool, by: str, room: Room) -> Shown:
    """What of a plan is kept to confirm it by."""
    return Shown(
        digest=plan.digest,
        identity=plan.identity,
        asks=plan.asks,
        unit_price=plan.unit_price,
        what=what,
        is_rerun=is_rerun,
        by=by,
        at=room.clock.now(),
    )


def confirmed(
    now: Case,
    room: Room,
    *,
    digest: str,
    cap_asks: int,
    mandate: Mandate | None,
    approved: str | None,
    accepts_double: bool,
    by: str,
    what: tuple[str, ...] | None,
) -> Case:
    """The case with its plan confirmed, in the queue, or waiting for somebody to approve it; as it is where it was already.

    `what` are the words of a rerun, None for a first pass.
    """
    shown, wanted = now.shown, (digest, what or (), what is not None)
    if shown is None or now.stage.is_under_way or (shown.digest, shown.what, shown.is_rerun) != wanted:
        last = now.confirmed
        if last is not None and (last.plan.digest, last.plan.what, last.plan.is_rerun) == wanted:
            return now
        raise InputError(
            f"The plan of {now.name} is not the one that was shown: somebody has planned it anew or chosen otherwise. "
            "Look at it again. Nothing was sent."
        )
    if cap_asks < 0:
        raise InputError(f"The cap is {cap_asks}. Give 0 or more asks; nothing was sent.")
    if shown.is_rerun:
        statuses_to_rerun(shown.what, accept_double_charge=accepts_double, from_file=bool(now.origin_job))
    mandate = now.options.mandate if mandate is None else mandate
    # Whoever confirms is who asks, whatever they write: an operator's day and the record go by it.
    mandate = replace(mandate, operator=by)
    missing = [name for name in ("purpose", "authorization") if not getattr(mandate, name).strip()]
    if room.settings.strict and missing:
        raise SettingsError(f"The setting 'strict' demands {' and '.join(missing)} of every job. Nothing was sent.")
    if room.settings.approval:
        found = room.ledger.approvals().planned(digest)
        approved = digest if found is not None and found.approved_by is not None else None
    return replace(
        now,
        options=replace(now.options, mandate=mandate),
        stage=Stage.WAITING if room.settings.approval and approved is None and shown.asks else Stage.QUEUED,
        shown=None,
        confirmed=Confirmed(
            plan=shown, cap_asks=cap_asks, by=by, at=room.clock.now(), accepts_double=accepts_double, approved=approved
        ),
        problem="",
        done=0,
        seconds=0.0,
    )


def approve(room: Room, case: Case, *, operator: str) -> None:
    """Have the plan of a case approved in the ledger. Whoever uploaded or planned it is refused.

    Raises:
        InputError: There is nothing to approve, or it is one's own. Nothing was approved.
    """
    plan = case.confirmed.plan if case.stage is Stage.WAITING and case.confirmed is not None else case.shown
    if plan is None:
        raise InputError(f"There is no plan of {case.name} that waits to be approved. Nothing was approved.")
    if any(is_same_person(operator, one) for one in (case.owner, plan.by)):
        raise InputError(
            f"{operator} has prepared {case.name}, and nobody approves what they prepared. Ask somebody else. Nothing was approved."
        )
    settings = room.settings.model_copy(update={"operator": operator})
    approve_plan(plan.digest, home=room.home, settings=settings, clock=room.clock)


def released(now: Case) -> Case:
    """The case in the queue, where its confirmed plan waited for an approval that has come."""
    if now.stage is not Stage.WAITING or now.confirmed is None:
        return now
    return replace(now, stage=Stage.QUEUED, confirmed=replace(now.confirmed, approved=now.confirmed.plan.digest))


def is_approved(room: Room, case: Case) -> bool:
    """Tell whether a case that waits has been approved, perhaps at a terminal."""
    if case.stage is not Stage.WAITING or case.confirmed is None:
        return False
    found = room.ledger.approvals().planned(case.confirmed.plan.digest)
    return found is not None and found.approved_by is not None


def digests_of(case: Case) -> tuple[str, ...]:
    """The hashes of the plans that a case was confirmed by, and shown with since."""
    plans = (None if case.confirmed is None else case.confirmed.plan, case.shown)
    return tuple(plan.digest for plan in plans if plan is not None)


def going_on(room: Room, now: Case) -> Case:
    """The case in the queue again, as it was confirmed; one that was finished elsewhere is only drawn there."""
    if now.stage.is_under_way:
        return now
    may_go_on = now.stage in {Stage.PAUSED, Stage.STOPPED} or (
        now.stage is Stage.ENDED and (now.ending in _RESUMABLE or (now.ending != Ending.COMPLETE and room.is_finished(now)))
    )
    if not may_go_on or now.confirmed is None:
        raise InputError(f"{now.name} has nothing confirmed that could be gone on with. Plan what is open, and confirm that.")
    return replace(now, stage=Stage.QUEUED, problem="")


def halted(now: Case, stage: Stage) -> Case:
    """A case that is not being asked, held up: out of the queue, or for good where it was paused."""
    if now.stage is Stage.QUEUED or (now.stage is Stage.PAUSED and stage is Stage.STOPPED):
        return replace(now, stage=stage)
    if now.stage is stage:
        return now
    raise InputError(f"{now.name} is not being asked, so there is nothing to hold up.")


def given_up(now: Case) -> Case:
    """A case that nobody asks any more, for the home failed before it could be said how it ended."""
    return replace(
        now,
        stage=Stage.STOPPED,
        ending=Ending.HOME_ERROR.value,
        problem="The home could not be written when asking ended. What was answered is kept; look with `batchverify doctor`, then go on.",
    )


def standing(room: Room, case: Case) -> Live:
    """How a case stands that is not being asked at this instant."""
    confirmed, summary = case.confirmed, case.summary
    counts = {} if summary is None else {RowStatus(word): count for word, count in summary["status"].items() if count}
    return Live(
        stage=case.stage,
        version=room.shelf.version(case.id),
        done=case.done,
        total=0 if confirmed is None else confirmed.plan.asks,
        billed=0 if confirmed is None else room.spent(confirmed),
        cap_asks=case.cap_asks,
        statuses=counts,
        seconds=case.seconds,
    )
