"""One case under way: asked within what was confirmed, looked on, held up when somebody says so, and put back where it stands.

The one thing to know: pausing ends the run and going on begins another one. Nothing of a run that waits overnight would be worth
keeping: its lease, its locks of the day and its plan would all have to be looked at anew, and a new run does just that.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from batchverify.desk.room import Room
from batchverify.desk.rows import RowNotes, index_of_rows
from batchverify.desk.shapes import Case, Confirmed, Live, Stage
from batchverify.errors import BatchVerifyError, HomeError, InputError
from batchverify.job import Plan, Rendered, render_job, run_file
from batchverify.model import RowStatus
from batchverify.pool import Progress, StopSwitch
from batchverify.report.summary import Ending
from batchverify.rules.prices import yuan
from batchverify.store.ledger import Run, RunKind
from batchverify.tables.passwords import PasswordNeeded

_LOG = logging.getLogger(__name__)
#: Why a run was held up: by a person, who pauses or stops the case, or because the server ends.
PAUSE, STOP, LEAVE = "pause", "stop", "leave"


@dataclass(slots=True, kw_only=True, eq=False)
class Passing:
    """A case that is being asked: its watcher, and the switch that stops it. Read by any thread."""

    room: Room
    case: Case
    confirmed: Confirmed
    stop: StopSwitch = field(default_factory=StopSwitch)
    halting: str = ""
    _before: int = 0
    _total: int = 0
    _spent_before: int = 0
    _began: float | None = None
    _ended: float | None = None
    _progress: Progress = field(default_factory=lambda: Progress(done=0, billed=0, in_flight=0, statuses={}))
    _is_drawing: bool = False

    def __post_init__(self) -> None:
        # What was done before a pause stays done while the sheet is read again.
        self._before, self._total = self.case.done, self.confirmed.plan.asks
        self._spent_before = self.room.spent(self.confirmed)

    def halt(self, why: str) -> None:
        """Have it drain and end: what is in flight is awaited, nothing more is sent. The first word stays, but a stop beats a pause."""
        if not self.halting or (self.halting == PAUSE and why == STOP):
            self.halting = why
        if not self.stop.level:
            self.halt_at_once()

    def halt_at_once(self) -> None:
        """Stop once more than before. The second time nothing in flight is awaited."""
        with suppress(RuntimeError):  # its loop has ended in this moment, and with it all asking
            self.stop.request()

    def approve(self, plan: Plan, *, cap_asks: int | None) -> None:  # noqa: ARG002 - the cap is the confirmed one
        """What is asked is what was confirmed, at no higher price; of how many asks, the cap has the last word."""
        shown = self.confirmed.plan
        if plan.identity != shown.identity:
            raise InputError(
                "The sheet, its columns or another choice is not what was confirmed. Look at the plan again. Nothing was sent."
            )
        if plan.unit_price > shown.unit_price:
            raise InputError(
                f"The price has gone up since it was confirmed, from ¥{yuan(shown.unit_price)} to ¥{yuan(plan.unit_price)} an ask. "
                "Look at the plan again. Nothing was sent."
            )

    def asking(self, *, total: int, cap_asks: int | None) -> None:  # noqa: ARG002 - the cap is the confirmed one
        self._total = max(self.confirmed.plan.asks, total)
        self._before = self._total - total
        self._began = self.room.clock.monotonic()
        self.tell()

    def progress(self, progress: Progress) -> None:
        self._progress = progress
        self.tell()

    def sampled(self, statuses: Mapping[RowStatus, int]) -> None:
        """No sample is asked here: the cap says how far a try goes."""

    def drawing(self) -> None:
        """Say that asking has ended, and the result is being written."""
        if not self._is_drawing:
            self._is_drawing = True
            self._ended = self.room.clock.monotonic()
            self.tell()

    def tell(self) -> None:
        """Have those who wait look again."""
        self.room.shelf.tell(self.case.id)

    @property
    def done(self) -> int:
        """Questions of the confirmed ones that have an answer or an end."""
        return self._before + self._progress.done

    @property
    def seconds(self) -> float:
        """How long this run has been asking."""
        if self._began is None:
            return 0.0
        return (self._ended or self.room.clock.monotonic()) - self._began

    def live(self) -> Live:
        """How it goes."""
        progress, seconds = self._progress, self.seconds
        left = max(0, self._total - self.done)
        is_steady = progress.done > 0 and progress.waits_until is None and not self.halting
        return Live(
            stage=Stage.ASKING,
            version=self.room.shelf.version(self.case.id),
            done=self.done,
            total=self._total,
            billed=self._spent_before + progress.billed,
            cap_asks=self.confirmed.cap_asks,
            in_flight=progress.in_flight,
            statuses=dict(progress.statuses),
            waits_until=progress.waits_until,
            seconds=self.case.seconds + seconds,
            eta_seconds=left * seconds / progress.done if is_steady else None,
            halting=self.halting if self.halting != LEAVE else "",
            is_drawing=self._is_drawing,
        )


def carry_out(passing: Passing) -> None:
    """Ask a case within what was confirmed, and say where it stands then. Raises nothing but what ends the process."""
    room, case = passing.room, passing.case
    try:
        rendered = _asked(passing)
    except PasswordNeeded as error:
        # Nothing was sent, and all that was confirmed holds: it waits for the password.
        _stand(passing, stage=Stage.PAUSED, problem=str(error))
    except HomeError as error:
        _stand(passing, stage=Stage.STOPPED, ending=Ending.HOME_ERROR.value, problem=str(error))
    except BatchVerifyError as error:
        _refused(passing, str(error))
    except Exception as bug:  # noqa: BLE001 - one case must not end the server; a bug must not show a person
        frame = traceback.extract_tb(bug.__traceback__)[-1]
        where = f"{type(bug).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
        _LOG.error("A job ended by a bug of batchverify: %s.", where)
        _stand(
            passing,
            stage=Stage.STOPPED,
            problem=f"This is a bug in batchverify: {where}. What was answered is kept. Please report this line; it shows no data.",
        )
    else:
        _ended(passing, rendered)
    finally:
        room.shelf.tell(case.id)


def _asked(passing: Passing) -> Rendered:
    room, case, confirmed = passing.room, passing.case, passing.confirmed

    def began(run: Run) -> None:
        # Durable before the first ask of it leaves, so that a server that dies knows what it has spent.
        def update(now: Case) -> Case:
            if now.confirmed is None:  # pragma: no cover - a case that is asked is changed by nobody else
                return now
            return replace(now, job=run.job, confirmed=replace(now.confirmed, runs=(*now.confirmed.runs, run.id)))

        passing.case = room.shelf.change(case.id, update)

    with RowNotes.into(index_of_rows(room, case)) as notes:

        def note_row(record: object, outcome: object, columns: object) -> None:
            passing.drawing()
            notes.note(record, outcome, columns)  # type: ignore[arg-type]

        session = room.session(case, watcher=passing, stop=passing.stop, began=began, note_row=note_row)
        if case.job is not None and room.is_finished(case):
            # A server died when all was asked: what is left is to draw it.
            rendered = render_job(case.job, session, change=lambda kept: replace(kept, delivery=case.options.delivery))
            notes.finish()
            return rendered
        plan = confirmed.plan
        work = room.work(case, session, what=plan.what, is_rerun=plan.is_rerun, accepts_double=confirmed.accepts_double)
        rendered = run_file(
            work.path,
            work.options,
            room.bounds(confirmed),
            work.session,
            what=work.what,
            origin=work.origin,
            again=RunKind.RERUN if plan.is_rerun and not confirmed.runs else RunKind.RESUME,
        )
        notes.finish()
        return rendered


def _ended(passing: Passing, rendered: Rendered) -> None:
    summary = rendered.summary
    stage = Stage.ENDED
    if summary.ending is Ending.INTERRUPTED and passing.halting:
        stage = {PAUSE: Stage.PAUSED, STOP: Stage.STOPPED, LEAVE: Stage.QUEUED}[passing.halting]
    document = {key: value for key, value in summary.as_json().items() if key not in {"outputs", "next"}}
    name = Path(summary.outputs[0].path).name if summary.outputs else ""
    _stand(
        passing,
        stage=stage,
        ending=summary.ending.value,
        reason=rendered.reason,
        note=rendered.note,
        summary=document,
        result=name,
    )
    if stage is not Stage.QUEUED:
        passing.room.note("ended", operator="", case=passing.case, note=summary.ending.value)


def _refused(passing: Passing, problem: str) -> None:
    """Say that it was not asked. What was confirmed is used up: what is asked next must be looked at and confirmed anew."""
    has_begun = passing.case.job is not None
    _stand(passing, stage=Stage.STOPPED if has_begun else Stage.REFUSED, problem=problem, confirmed=None, shown=None)


def _stand(passing: Passing, **changes: object) -> None:
    room = passing.room

    def update(now: Case) -> Case:
        told: dict[str, object] = {
            "problem": "",
            "seconds": now.seconds + passing.seconds,
            "done": passing.done,
            "is_told": False,
        }
        return replace(now, **(told | changes))  # type: ignore[arg-type]

    with suppress(InputError):  # it was erased meanwhile: there is nobody left to tell
        passing.case = room.shelf.change(passing.case.id, update)
