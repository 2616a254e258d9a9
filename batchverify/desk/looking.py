"""What is looked at and taken home: inspection, plan, single cells, results in parts, reports. Asks nothing, ever.

The one thing to know: a file is made when it is asked for, and again when the result was drawn since; nothing here is kept that could
not be made from the sheet and the ledger once more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from batchverify.desk.room import Room
from batchverify.desk.rows import index_of_rows
from batchverify.desk.shapes import Case, Download
from batchverify.errors import InputError
from batchverify.job import Inspection, Options, Plan, Reading, inspect_file, plan_file
from batchverify.job.partly import draw_now, write_problems, write_statuses
from batchverify.job.rendering import companion_of
from batchverify.job.reporting import FORMS, report_job
from batchverify.model import RowStatus
from batchverify.store.row_index import RowIndex
from batchverify.tables.layout import FIXABLE
from batchverify.words import Lang

ALL, SUMMARY, TO_FIX, TO_RETRY = "all", "summary", "to_fix", "to_retry"
_RETRYABLE = frozenset(status for status in RowStatus if status.is_open)
_LISTS = {TO_FIX: FIXABLE, TO_RETRY: _RETRYABLE}


def inspect(room: Room, case: Case, reading: Reading | None) -> Inspection:
    """What is in the sheet. Columns of last time are taken where none are named."""
    return inspect_file(
        room.path_of(case),
        case.options.reading if reading is None else reading,
        home=room.home,
        passwords=room.passwords_of(case.id),
        recalls=True,
    )


def plan(room: Room, case: Case, *, what: tuple[str, ...], is_rerun: bool, accepts_double: bool, operator: str) -> Plan:
    """What asking the case would ask and cost, noted for approval with who planned it."""
    mandate = replace(case.options.mandate, operator=operator)
    case = replace(case, options=replace(case.options, mandate=mandate))
    work = room.work(case, room.session(case), what=what, is_rerun=is_rerun, accepts_double=accepts_double)
    return plan_file(work.path, work.options, work.session, what=work.what, origin=work.origin)


def problems_file(room: Room, case: Case, lang: Lang) -> Path:
    """What is wrong with the sheet, row by row."""
    target = room.files_of(case) / f"{Path(case.name).stem}.problems.{lang}.csv"
    work = room.work(case, room.session(case), is_rerun=False, accepts_double=False)
    return write_problems(work.path, work.options, target, work.session, lang=lang, origin=work.origin)


def partial(room: Room, case: Case, *, operator: str) -> Path:
    """The result as it stands at this second."""
    job = _job_of(case)
    suffix = (
        ".csv" if Path(case.name).suffix.lower() in {".csv", ".tsv", ".txt"} and not case.options.delivery.protect else ".xlsx"
    )
    target = room.files_of(case) / f"{Path(case.name).stem}.partial{suffix}"
    path = draw_now(job, target, room.session(case), change=_delivered(case)).path
    _taken_home(room, case, "partial", operator)
    return path


def downloads(room: Room, case: Case) -> list[Download]:
    """The files that can be had of the result that was drawn last."""
    if not case.result:
        return []
    index = RowIndex(path=index_of_rows(room, case))
    counts = {RowStatus(word): count for word, count in index.counts().items()} if index.exists else {}
    result = Path(case.result)
    found = [Download(word=ALL, name=case.result, rows=sum(counts.values()) if counts else None)]
    found += [
        Download(word=status, name=_part(result, status), rows=counts[status]) for status in RowStatus if counts.get(status)
    ]
    for word, statuses in _LISTS.items():
        if rows := sum(counts.get(status, 0) for status in statuses):
            found.append(Download(word=word, name=_part(result, word), rows=rows))
    return [*found, Download(word=SUMMARY, name=companion_of(result).name)]


def download(room: Room, case: Case, word: str, lang: Lang | None, *, operator: str) -> Path:
    """A file by its word, made now where it is not there yet; a part of the result in a language of its own."""
    path = _made(room, case, word, lang)
    _taken_home(room, case, word, operator)
    return path


def _made(room: Room, case: Case, word: str, lang: Lang | None) -> Path:
    known = {one.word: one for one in downloads(room, case)}
    if word not in known:
        raise InputError(f"There is no file {word!r} of this job. It has: {', '.join(known) or 'none before its first result'}.")
    files = room.files_of(case)
    result, path = files / case.result, files / known[word].name
    if word == ALL:
        return _there(path)
    if word == SUMMARY:
        # It may have had to take another name; there is but one beside a result.
        return _there(path if path.exists() else next(iter(sorted(files.glob(f"{result.name}.summary*.json"))), path))
    if lang not in {None, case.options.delivery.lang}:
        path = path.with_stem(f"{path.stem}.{lang}")
    if not path.exists() or path.stat().st_mtime_ns < _there(result).stat().st_mtime_ns:
        statuses = _LISTS.get(word) or frozenset({RowStatus(word)})
        return write_statuses(_job_of(case), statuses, path, room.session(case), change=_delivered(case, lang)).path
    return path


def report(room: Room, case: Case, form: str, lang: Lang, *, operator: str) -> Path:
    """The audit report of the case's job in one of its forms."""
    if f".{form}" not in FORMS:
        raise InputError(f"There is no report of the form {form!r}. There are: {', '.join(one[1:] for one in FORMS)}.")
    target = room.files_of(case) / f"{Path(case.name).stem}.report.{lang}.{form}"
    path = report_job(_job_of(case), target, room.session(case), lang=lang)
    _taken_home(room, case, f"report.{form}", operator)
    return path


def _taken_home(room: Room, case: Case, word: str, operator: str) -> None:
    room.note("downloaded", operator=operator or case.owner, case=case, note=word)


def _delivered(case: Case, lang: Lang | None = None) -> Callable[[Options], Options]:
    """The options of the job with the case's own wishes of what comes out: several cases may share a job."""
    return lambda kept: replace(kept, delivery=replace(case.options.delivery, lang=lang or case.options.delivery.lang))


def _job_of(case: Case) -> str:
    if case.job is None:
        raise InputError(f"Nothing of {case.name} has been asked yet, so there is no result of it. Confirm its plan first.")
    return case.job


def _part(result: Path, word: str) -> str:
    return f"{result.stem}.{word}{'.xlsx' if result.suffix.lower() == '.xlsm' else result.suffix}"


def _there(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path.name} is gone. `batchverify render` draws a result again, and asks nothing.")
    return path
