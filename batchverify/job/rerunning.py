"""Only what failed, again: of a job, or of a result file that comes back from a colleague.

The one thing to know: in a file that comes back, rows are recognized by what they ask, never by what is written beside
them. An unchanged row has its answer already, whatever its age; an edited one is a new question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from batchverify.errors import InputError
from batchverify.job.options import Bounds, Options
from batchverify.job.passes import OPEN_WITHOUT_DOUBT, Session, resume_job, run_file
from batchverify.job.realm import open_realm
from batchverify.job.rendering import Rendered
from batchverify.model import RowStatus
from batchverify.store.ledger import RunKind
from batchverify.tables.reader import open_table
from batchverify.words import result_columns

_FAILED = frozenset({RowStatus.FAILED, RowStatus.LOCKED})
_ANY_AGE_DAYS = 36_500.0
_SEARCHED_ROWS = 100


def statuses_to_rerun(words: Sequence[str], *, accept_double_charge: bool) -> frozenset[RowStatus]:
    """The statuses that `--what` names; failed and locked where it names none.

    Raises:
        InputError: Rows in doubt are named, and nobody has accepted that they may be billed twice.
    """
    chosen: frozenset[RowStatus] = frozenset()
    for word in words:
        chosen |= OPEN_WITHOUT_DOUBT if word == "all-open" else {RowStatus(word)}
    if RowStatus.IN_DOUBT in chosen and not accept_double_charge:
        raise InputError(
            "Rows in doubt may have been billed already, and asking again may be a second bill. "
            "Reconcile with the vendor's usage first, or add --accept-double-charge. Nothing was sent."
        )
    return chosen or _FAILED


def rerun_job(
    job_id: str, bounds: Bounds, session: Session, *, what: frozenset[RowStatus], change: Callable[[Options], Options]
) -> Rendered:
    """Ask the rows of a job with these statuses again. Others keep what they have."""
    return resume_job(job_id, bounds, session, kind=RunKind.RERUN, what=what, change=change)


def rerun_file(
    path: Path, bounds: Bounds, session: Session, *, what: frozenset[RowStatus], change: Callable[[Options], Options]
) -> Rendered:
    """Ask what is new or failed in a result file, with the options of the job it came from.

    Raises:
        InputError: The file has no `bv_row` column with a job of this home. Nothing was sent.
    """
    origin, options, simulated = _origin(path, session)
    if simulated and not session.simulated:
        session = replace(session, built_in=True)
    if session.simulated is not simulated:
        raise InputError(
            f"The job {origin} asked the vendor itself, and the endpoint named now is the sandbox. Leave out --endpoint."
        )
    options = change(replace(options, delivery=replace(options.delivery, output=None)))
    asking = replace(options.asking, reuse_days_matched=_ANY_AGE_DAYS, reuse_days_other=_ANY_AGE_DAYS)
    # A row that somebody added is as new a question as one that was edited.
    return run_file(path, replace(options, asking=asking), bounds, session, what=what | {RowStatus.NOT_RUN})


def _origin(path: Path, session: Session) -> tuple[str, Options, bool]:
    """The job a result file came from, by the marks in its `bv_row` column."""
    for simulated in (False, True):
        with (
            open_realm(session.home, simulated=simulated, clock=session.clock) as realm,
            open_table(path, temporary=realm.home.tmp) as table,
        ):
            column = result_columns(table.header).get("bv_row")
            if column is None:
                raise InputError(
                    f"{path.name} has no column bv_row 行标识, so it is no result of ours. Verify it with `batchverify run`."
                )
            marks = (record.cells[column] for record in islice(table.records(), _SEARCHED_ROWS))
            jobs = {mark.partition("/")[0] for mark in marks if isinstance(mark, str) and "/" in mark}
            known = {job.id: job for job in realm.ledger.jobs()}
            for job in sorted(jobs & known.keys()):
                options = Options.from_json(known[job].spec.options)
                # The columns of the result are the input's, but its own layout may differ: header row and encoding are found anew.
                reading = replace(options.reading, header_row=None, encoding=None, delimiter=None, sheet=None)
                return job, replace(options, reading=reading), simulated
    raise InputError(
        f"{path.name} came from a job that this home does not know. Name the home with --home, or verify it with `batchverify run`."
    )
