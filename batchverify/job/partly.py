"""What is drawn of a job beside its result: the rows as of this second, those of some statuses, and what a plan found wrong.

The one thing to know: none of it is the job's result. It is written where the caller says and the ledger does not know of it, so
no report vouches for it, and none of it asks anything.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from batchverify.errors import InputError
from batchverify.job.annotate import Counts
from batchverify.job.lines import Lines
from batchverify.job.opening import lines_from, opened_table
from batchverify.job.options import Options
from batchverify.job.passes import EndedJob, ended_job
from batchverify.job.realm import open_realm
from batchverify.job.rendering import draw
from batchverify.job.session import Session
from batchverify.job.standing import Origin
from batchverify.model import Blocked, Field, Query, RowStatus
from batchverify.store.plan_index import CONFLICTS, PlanIndex
from batchverify.tables.cell_xml import plain_text
from batchverify.tables.columns import values_of
from batchverify.tables.placing import place
from batchverify.tables.protected import Protection, require_library
from batchverify.tables.writer import Written, check_protection, write_some
from batchverify.words import Lang, action, label_of_field, label_of_warning, message
from batchverify.words.planning import planning_text

_PROBLEM_HEADER = {
    Lang.EN: ("Row", "Code", "Field", "Problem", "What to do"),
    Lang.ZH: ("行", "代码", "字段", "问题", "建议操作"),
}


def draw_now(job_id: str, target: Path, session: Session, *, change: Callable[[Options], Options]) -> Written:
    """Draw the rows of a job as they stand at this second, also while a run of it is going on.

    Raises:
        InputError: There is no such job, it has not been run, or its input is gone or was changed since.
    """
    with ended_job(job_id, session, change, with_people=True) as found:
        written, _ = draw(
            found.annotation,
            found.job,
            found.run,
            target,
            options=found.options,
            settings=session.settings,
            protection=_protection(found, target, session),
        )
        return written


def write_statuses(
    job_id: str, statuses: Collection[RowStatus], target: Path, session: Session, *, change: Callable[[Options], Options]
) -> Written:
    """Write the rows of a job that have one of these statuses. Raises as `draw_now` does."""
    with ended_job(job_id, session, change) as found:
        annotation = replace(found.annotation, counts=Counts(), cost_by=None)
        return write_some(
            annotation.lines.table,
            ((record, outcome) for record, outcome in annotation if outcome is not None and outcome.status in statuses),
            target,
            lang=found.options.delivery.lang,
            simulated=annotation.realm.simulated,
            columns=annotation.lines.columns,
            mask=found.options.delivery.mask,
            protection=_protection(found, target, session),
        )


def write_problems(
    path: Path, options: Options, target: Path, session: Session, *, lang: Lang, origin: Origin | None = None
) -> Path:
    """Write what is wrong with a sheet as csv: by row, with what to do about it, and without a word of any cell.

    Raises:
        InputError: The file cannot be read. Nothing was sent.
    """
    with (
        open_realm(session.home, simulated=session.simulated, clock=session.clock) as realm,
        opened_table(path, options, realm, session.passwords) as (table, columns),
        PlanIndex.open(realm.home.tmp) as index,
    ):
        forgot = origin.forgot if origin is not None else None
        lines = lines_from(table, columns, options, realm, session.clock.now(), None, forgot=forgot)

        def write(out: BinaryIO) -> None:
            text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=True)
            csv.writer(text).writerow(_PROBLEM_HEADER[lang])
            csv.writer(text).writerows(_problems(lines, index, lang))
            text.flush()
            text.detach()

        return place(target, write, source=path).path


def cell_of(path: Path, options: Options, session: Session, *, row: int, field: Field) -> str:
    """Give what stands in a field of one row, numbered as the spreadsheet shows it. Reads the sheet up to there.

    Raises:
        InputError: The file cannot be read, or has no such row.
    """
    with (
        open_realm(session.home, simulated=session.simulated, clock=session.clock) as realm,
        opened_table(path, options, realm, session.passwords) as (table, columns),
    ):
        for record in table.records():
            if record.number == row:
                return plain_text(values_of(record, columns).get(field, ""))
        raise InputError(f"{path.name} has no row {row}.")


def _problems(lines: Lines, index: PlanIndex, lang: Lang) -> Iterator[tuple[str, ...]]:
    for batch in lines.batches():
        index.add([(line.record.number, line.key) for line in batch if line.key is not None])
        first = index.first_rows([line.key for line in batch if line.key is not None])
        fresh = []
        for line in batch:
            row = str(line.record.number)
            match line.question:
                case Blocked(code=code, at=at):
                    yield row, code, "" if at is None else label_of_field(at, lang), message(code, lang), action(code, lang)
                case Query(warnings=warnings) as query if line.key is not None:
                    for warning in warnings:
                        yield row, warning.rpartition(":")[2], "", label_of_warning(warning, lang), ""
                    if first[line.key] == line.record.number:
                        fresh.append((line.record.number, query))
                    else:
                        yield row, "duplicate", "", f"{planning_text('duplicate', lang)} ({first[line.key]})", ""
        index.add_people(fresh)
    for word in CONFLICTS:
        for number, _ in index.conflicts(word):
            yield str(number), word, "", planning_text(word, lang), ""


def _protection(found: EndedJob, target: Path, session: Session) -> Protection | None:
    if not found.options.delivery.protect:
        return None
    check_protection(target, is_protected=True)
    require_library(target.name)
    password = session.passwords.of_result(target.name, source_sha256=found.job.spec.sha256)
    return Protection(password=password, temporary=found.annotation.realm.home.tmp)
