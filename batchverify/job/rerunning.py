"""Only what failed, again: of a job, or of a file that comes back, a result or a corrected input.

The one thing to know: in a file that comes back, rows are recognized by what they ask, never by what is written beside
them. An unchanged row has its answer already, whatever its age; what the origin did not ask is new. Such a file is an input
of its own: it gets a job of its own, which reuses all that its origin had, and a result of its own beside it.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from batchverify.errors import InputError
from batchverify.job.opening import refuse_closed
from batchverify.job.options import Bounds, Options
from batchverify.job.passes import OPEN_WITHOUT_DOUBT, ended_job, resume_job, run_file
from batchverify.job.plan import EDITED
from batchverify.job.realm import Realm, open_realm
from batchverify.job.rendering import Rendered
from batchverify.job.session import Session
from batchverify.job.standing import Origin
from batchverify.model import RowStatus
from batchverify.store.ledger import Job, RunKind
from batchverify.tables.reader import Table, open_table
from batchverify.words import result_columns

#: The words of `--what`.
WORDS = (RowStatus.FAILED, RowStatus.LOCKED, RowStatus.IN_DOUBT, EDITED, "all-open")

_ALL_OPEN = "all-open"
_FAILED = frozenset({RowStatus.FAILED, RowStatus.LOCKED})
_SEARCHED_ROWS = 100
#: Bytes of a key by which it is known again: of a key itself, and of the mark that stands beside a row.
_KEY_BYTES, _MARK_BYTES = 8, 4
_MARK = re.compile("[0-9a-f]{8}")


def statuses_to_rerun(words: Sequence[str], *, accept_double_charge: bool, from_file: bool = False) -> frozenset[RowStatus]:
    """The statuses that `--what` names. Where it names none: failed and locked; of a file, all that is open and not in doubt.

    Raises:
        InputError: Rows in doubt are named, and nobody has accepted that they may be billed twice; or edited rows, where
            there is no file that could hold any.
    """
    if EDITED in words and not from_file:
        raise InputError(
            "The input of a job is what it was when the job began, so none of its rows is edited. "
            "Name the corrected file with --from FILE. Nothing was sent."
        )
    chosen: frozenset[RowStatus] = frozenset()
    for word in words:
        chosen |= OPEN_WITHOUT_DOUBT if word == _ALL_OPEN else frozenset() if word == EDITED else {RowStatus(word)}
    if RowStatus.IN_DOUBT in chosen and not accept_double_charge:
        raise InputError(
            "Rows in doubt may have been billed already, and asking again may be a second bill. "
            "Reconcile with the vendor's usage first, or add --accept-double-charge. Nothing was sent."
        )
    if words:
        return chosen
    return OPEN_WITHOUT_DOUBT if from_file else _FAILED


def asks_edited(words: Sequence[str]) -> bool:
    """Whether `--what` takes the rows of a file that its origin did not have; it does where it names nothing.

    >>> asks_edited([]), asks_edited(["failed"]), asks_edited(["failed", "edited"]), asks_edited(["all-open"])
    (True, False, True, True)
    """
    return not words or EDITED in words or _ALL_OPEN in words


def rerun_job(
    job_id: str, bounds: Bounds, session: Session, *, what: frozenset[RowStatus], change: Callable[[Options], Options]
) -> Rendered:
    """Ask the rows of a job with these statuses again. Others keep what they have."""
    return resume_job(job_id, bounds, session, kind=RunKind.RERUN, what=what, change=change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A file that came back, as an input of its own: how it is read and asked, what it goes on from, and in which session."""

    options: Options
    origin: Origin
    session: Session


def correction_of(
    path: Path,
    session: Session,
    *,
    edited: bool = True,
    job: str | None = None,
    sheet: str | None = None,
    change: Callable[[Options], Options] = lambda options: options,
) -> Correction:
    """How a file that comes back is asked, with the options of the job it came from. The words are those of `rerun_file`.

    Raises:
        InputError: The file names no job of this home. Nothing was sent.
    """
    found = _returned(path, session, job=job, sheet=sheet)
    if found.simulated and not session.simulated:
        session = replace(session, built_in=True)
    if session.simulated is not found.simulated:
        raise InputError(
            f"The job {found.job.id} asked the vendor itself, and the endpoint named now is the sandbox. Leave out --endpoint."
        )
    refuse_closed(found.job)
    knew, forgot = _knew(found, session)
    kept = Options.from_json(found.job.spec.options)
    # What was found anew for this file is not taken from the other: where its header stands and how it is encoded.
    reading = replace(kept.reading, header_row=None, encoding=None, delimiter=None, sheet=found.sheet)
    asking = replace(kept.asking, reuse_since=kept.asking.reuse_since or found.job.created_at.isoformat())
    delivery = replace(kept.delivery, output=None, is_one_of_sheets=False)
    options = change(replace(kept, reading=reading, asking=asking, delivery=delivery, origin=found.job.id))
    origin = Origin(job=found.job.id, knew=knew, asks_edited=edited, forgot=forgot)
    return Correction(options=options, origin=origin, session=session)


def rerun_file(
    path: Path,
    bounds: Bounds,
    session: Session,
    *,
    what: frozenset[RowStatus] = OPEN_WITHOUT_DOUBT,
    edited: bool = True,
    job: str | None = None,
    sheet: str | None = None,
    change: Callable[[Options], Options] = lambda options: options,
) -> Rendered:
    """Ask what is new or open in a file that comes back, with the options of the job it came from, as a job of its own.

    `job` names that job; without it, the file's own column `bv_row` does. `what` are the statuses that are asked, `edited` says
    whether rows are that the origin did not have. `sheet` is the one to read, else the one that the origin read.

    Raises:
        InputError: The file names no job of this home. Nothing was sent.
    """
    found = correction_of(path, session, edited=edited, job=job, sheet=sheet, change=change)
    return run_file(path, found.options, bounds, found.session, what=what, origin=found.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Returned:
    """A file that came back: the job it goes on from, and the sheet to read.

    `forgotten` are the marks of people who asked to be forgotten since it was given out.
    """

    path: Path
    job: Job
    simulated: bool
    sheet: str | None
    forgotten: frozenset[int]


def _returned(path: Path, session: Session, *, job: str | None, sheet: str | None) -> _Returned:
    realms = (False, True) if job is None else (job.lower().startswith("s-"),)
    for simulated in realms:
        with open_realm(session.home, simulated=simulated, clock=session.clock) as realm:
            ours = sheet if job is not None or sheet is not None else _sheet_of_ours(path, realm, session)
            with open_table(path, temporary=realm.home.tmp, passwords=session.passwords, sheet=ours) as table:
                found = _job_of(table, realm) if job is None else realm.ledger.job(job)
                if found is None:
                    continue
                has_same = any(entry.name == found.spec.sheet for entry in table.sheets)
                same = found.spec.sheet if sheet is None and has_same else sheet
            with open_table(path, temporary=realm.home.tmp, passwords=session.passwords, sheet=same) as table:
                gone = _forgotten_marks(table, realm)
                return _Returned(path=path, job=found, simulated=simulated, sheet=same, forgotten=gone)
    raise InputError(
        f"{path.name} came from a job that this home does not know. Name the home with --home, or verify it with `batchverify run`."
    )


def _sheet_of_ours(path: Path, realm: Realm, session: Session) -> str | None:
    """The first sheet that has our column, where the one that looks most like a list of people has not; else None."""
    with open_table(path, temporary=realm.home.tmp, passwords=session.passwords) as table:
        if "bv_row" in result_columns(table.header):
            return None
        names = [entry.name for entry in table.sheets if entry.name != table.sheet]
    for name in names:
        with open_table(path, temporary=realm.home.tmp, passwords=session.passwords, sheet=name) as table:
            if "bv_row" in result_columns(table.header):
                return name
    return None


def _job_of(table: Table, realm: Realm) -> Job | None:
    """The job that most of the first rows came from, by the marks in the file's `bv_row` column."""
    column = result_columns(table.header).get("bv_row")
    if column is None:
        raise InputError(
            f"{table.name} has no column bv_row 行标识, so it is no result of ours. Verify it with `batchverify run`, "
            "or name the job that it corrects: `batchverify rerun JOB --from FILE`."
        )
    known = {job.id: job for job in realm.ledger.jobs()}
    cells = (record.cells[column] for record in islice(table.records(), _SEARCHED_ROWS))
    jobs = Counter(name for cell in cells if isinstance(cell, str) and (name := cell.partition("/")[0]) in known)
    return known[jobs.most_common(1)[0][0]] if jobs else None


def _marks(found: _Returned, session: Session) -> array[int]:
    """The marks of the questions that the file was given out with, in ascending order."""
    with (
        open_realm(session.home, simulated=found.simulated, clock=session.clock) as realm,
        open_table(found.path, temporary=realm.home.tmp, passwords=session.passwords, sheet=found.sheet) as table,
    ):
        column = result_columns(table.header).get("bv_row")
        if column is None:
            return array("Q")
        texts = (cell.rpartition("/")[2] for record in table.records() if isinstance(cell := record.cells[column], str))
        return array("Q", sorted({number for text in texts if (number := _number_of(text)) is not None}))


def _forgotten_marks(table: Table, realm: Realm) -> frozenset[int]:
    """The marks of rows whose person was forgotten after the file was given out; a later file has none beside them."""
    column = result_columns(table.header).get("bv_row")
    book = realm.ledger.retention()
    if column is None or not book.has_forgotten():
        return frozenset()
    rows: dict[str, frozenset[str]] = {}
    found = set()
    for record in table.records():
        job, _, rest = str(record.cells[column]).partition("/")
        row, _, mark = rest.partition("/")
        if job not in rows:
            rows[job] = frozenset(str(number) for number in book.forgotten_rows(job))
        number = _number_of(mark)
        if row in rows[job] and number is not None:
            found.add(number)
    return frozenset(found)


def _number_of(mark: str) -> int | None:
    """A mark as a number; None beside a row that asked nothing, or where something else was typed."""
    return int(mark, 16) if _MARK.fullmatch(mark) else None


def _knew(found: _Returned, session: Session) -> tuple[Callable[[bytes], bool], Callable[[bytes], bool] | None]:
    """Whether the origin had a question, and whether it was of somebody forgotten: by its input, else by the marks in the file."""
    gone: frozenset[bytes] = frozenset()
    try:
        with ended_job(found.job.id, session) as origin:
            keys: Iterable[bytes] = (key for batch in origin.annotation.index.batches() for key in batch)
            knew = _among(array("Q", (int.from_bytes(key[:_KEY_BYTES]) for key in keys)), _KEY_BYTES)
            gone = frozenset(origin.annotation.lines.met.values())
    except InputError:  # it is gone, or is itself what was corrected
        knew = _among(_marks(found, session), _MARK_BYTES)
    if not gone and not found.forgotten:
        return knew, None
    return knew, lambda key: key in gone or int.from_bytes(key[:_MARK_BYTES]) in found.forgotten


def _among(numbers: array[int], size: int) -> Callable[[bytes], bool]:
    """Whether a key begins with one of these numbers, which are in ascending order: eight bytes for each, and not a set's hundred."""

    def knew(key: bytes) -> bool:
        number = int.from_bytes(key[:size])
        place = bisect_left(numbers, number)
        return place < len(numbers) and numbers[place] == number

    return knew
