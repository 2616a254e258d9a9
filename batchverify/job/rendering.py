"""The result file and the summary of a job: functions of its input and the ledger, drawn again at any time for nothing."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from batchverify.errors import InputError
from batchverify.job.annotate import Annotation, Counts
from batchverify.job.cost_by import kind_of
from batchverify.job.options import Options
from batchverify.job.ours import holds, refuse_what_another_reads, replaceable
from batchverify.job.plan import contradictions
from batchverify.job.realm import Realm
from batchverify.job.splitting import split_by_status
from batchverify.job.terms import Terms
from batchverify.model import Outcome, Record, RowStatus, Sheet
from batchverify.report.sheets import summary_sheets
from batchverify.report.summary import Bill, BillKind, Ending, InputFacts, Output, Quota, Summary, Tally, WindowBill, summarize
from batchverify.rules.outcomes import REFUSALS
from batchverify.rules.prices import mean_price
from batchverify.rules.verdicts import verdict
from batchverify.rules.windows import window_of
from batchverify.settings import VENDOR_ENDPOINT, Settings
from batchverify.store.ledger import BillRow, Job, Run
from batchverify.tables.columns import ColumnMap
from batchverify.tables.placing import check_target, place
from batchverify.tables.protected import Protection
from batchverify.tables.reader import Table
from batchverify.tables.writer import Written, check_protection, write_result
from batchverify.words.planning import PLANNING, rows_text

#: Is told of each row of a result in its order, with None for one that is not asked, and which columns hold what.
NoteRow = Callable[[Record, Outcome | None, ColumnMap], None]
# What a sheet may be called, and a file may not on some systems.
_NO_FILE_NAME = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_INTERRUPTED = frozenset({"interrupted", "lost", "lease_lost"})
_LARGEST_SUMMARY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A summary, the word for why the run stopped early, and what the user should know about the files that were written."""

    summary: Summary
    reason: str = ""
    note: str = ""


def ending_of(reason: str, *, open_rows: int) -> Ending:
    """How a run ended, by the word it stopped with and the rows it left open.

    >>> ending_of("quota", open_rows=3), ending_of("", open_rows=0), ending_of("budget", open_rows=9)
    (<Ending.VENDOR_STOP: 'vendor_stop'>, <Ending.COMPLETE: 'complete'>, <Ending.OPEN_ROWS: 'open_rows'>)
    """
    if not open_rows:
        return Ending.COMPLETE
    if reason in REFUSALS:
        return Ending.VENDOR_STOP
    if reason in _INTERRUPTED:
        return Ending.INTERRUPTED
    return Ending.OPEN_ROWS


def render(
    annotation: Annotation,
    job: Job,
    run: Run,
    *,
    options: Options,
    settings: Settings,
    protection: Protection | None = None,
    note_row: NoteRow | None = None,
) -> Rendered:
    """Write the result file, those of each status, and `NAME.summary.json`, and return the summary. Asks nothing.

    The summary holds no person, so no password is put on it.

    Raises:
        InputError: The target is the input itself. Nothing was written.
    """
    realm = annotation.realm
    target = target_of(annotation.lines.table, options, realm, job.id)
    written, summary = draw(
        annotation, job, run, target, options=options, settings=settings, protection=protection, note_row=note_row
    )
    # At once: a result that the ledger does not know is taken for the user's own, and the next one gets another name.
    realm.ledger.record_output(job.id, path=str(written.path.resolve()), sha256=written.sha256, now=summary.ended_at)
    split = []
    if options.delivery.split:
        split = split_by_status(annotation, written.path, options=options, protection=protection, now=summary.ended_at)
    outputs = tuple(Output(path=str(one.path.absolute()), sha256=one.sha256) for one in (written, *split))
    summary = replace(summary, outputs=outputs)
    companion = _free_companion(written.path)

    def write_summary(file: BinaryIO) -> None:
        file.write(summary.as_text().encode())

    place(companion, write_summary)
    notes = dict.fromkeys(one.note for one in (written, *split) if one.note)
    return Rendered(summary=summary, reason=run.reason, note=" ".join(notes))


def draw(
    annotation: Annotation,
    job: Job,
    run: Run,
    target: Path,
    *,
    options: Options,
    settings: Settings,
    protection: Protection | None = None,
    note_row: NoteRow | None = None,
) -> tuple[Written, Summary]:
    """Write the result file and nothing else, and sum up what it shows: in one pass, of which `note_row` is told."""
    drawn: list[Summary] = []

    def sheets() -> Sequence[Sheet]:
        drawn.append(summary_of(annotation, job, run, options=options, settings=settings))
        lang = options.delivery.lang
        look_at = [
            (PLANNING[word], found.count, rows_text(found.rows, found.count, lang, groups=found.groups))
            for word, found in contradictions(annotation.index).items()
        ]
        return summary_sheets(drawn[0], lang, look_at=look_at)

    written = write_result(
        annotation.lines.table,
        annotation if note_row is None else _told(annotation, note_row),
        target,
        lang=options.delivery.lang,
        simulated=annotation.realm.simulated,
        sheets=sheets,
        columns=annotation.lines.columns,
        mask=options.delivery.mask,
        protection=protection,
    )
    return written, drawn[0] if drawn else summary_of(annotation, job, run, options=options, settings=settings)


def _told(annotation: Annotation, note_row: NoteRow) -> Iterator[tuple[Record, Outcome | None]]:
    for record, outcome in annotation:
        note_row(record, outcome, annotation.lines.columns)
        yield record, outcome


def check_place(table: Table, options: Options, realm: Realm, job: str) -> None:
    """Refuse, before anything is paid for, a place where the result cannot be or must not be: above all the input itself.

    Raises:
        InputError: Nothing was sent, nothing was written.
    """
    target, delivery = target_of(table, options, realm, job), options.delivery
    check_target(target, source=table.path)
    # A workbook that is kept whole has no more rows than one can hold.
    may_be_ours = delivery.protect and (table.kind != "xlsx" or delivery.mask)
    check_protection(target, is_protected=delivery.protect, rows=table.extent().rows if may_be_ours else 0)


def target_of(table: Table, options: Options, realm: Realm, job: str) -> Path:
    """Where the result goes: `-o`, else NAME.verified beside the input; a file that is not ours, was edited or given to `rerun` since, stays."""
    chosen = options.delivery.output
    if chosen is not None:
        may_have_macros = table.path.suffix.lower() == ".xlsm" and not options.delivery.mask
        if chosen.suffix.lower() not in ({".csv", ".xlsx", ".xlsm"} if may_have_macros else {".csv", ".xlsx"}):
            raise InputError(f"The result cannot be {chosen.name!r}. Name a file that ends in .xlsx or .csv.")
        refuse_what_another_reads(chosen, realm, job)
        return chosen
    # No program knows a protected csv, so its result becomes a workbook.
    suffix = ".csv" if table.kind == "csv" and not options.delivery.protect else ".xlsx"
    stem = _stem(table.path)
    if options.delivery.is_one_of_sheets:
        stem += f".{_NO_FILE_NAME.sub('_', table.sheet).strip(' .') or 'sheet'}"
    ours = replaceable(realm, job)
    for number in range(1, 1000):
        target = table.path.with_name(f"{stem}.verified{'' if number == 1 else f'-{number}'}{suffix}")
        if not os.path.lexists(target) or holds(target, ours.get(str(target.resolve()))):
            return target
    raise InputError(f"There are a thousand results beside {table.path.name!r} already. Name one with -o.")


def companion_of(result: Path) -> Path:
    """Where the summary of a result file lies: each result has its own.

    >>> companion_of(Path("people.verified.csv")).name, companion_of(Path("people.verified-2.csv")).name
    ('people.summary.json', 'people.summary-2.json')
    """
    head, _, number = result.stem.partition(".verified")
    return result.with_name(f"{head}.summary{number}.json")


def _stem(path: Path) -> str:
    name = path.stem
    head, verified, _ = name.partition(".verified")
    return head if verified else name


def _free_companion(result: Path) -> Path:
    """Where the summary goes so that it takes the place of no file but an older summary of the same result.

    people.csv and people.xlsx have results of two names and would share a summary; a file of the user's may have its name, too.
    """
    first = companion_of(result)
    spare = [
        result.with_name(f"{result.name}.summary{number}.json") for number in ("", *(f"-{spare}" for spare in range(2, 100)))
    ]
    return next((path for path in (first, *spare) if not os.path.lexists(path) or _sums_up(path, result)), spare[-1])


def _sums_up(path: Path, result: Path) -> bool:
    # Whose file it is is not known yet, and the rows are paid for: whatever stands in it, it is only none of ours.
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_LARGEST_SUMMARY_BYTES))
        return any(output["path"] == str(result.absolute()) for output in document["outputs"])
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return False


def summary_of(annotation: Annotation, job: Job, run: Run, *, options: Options, settings: Settings) -> Summary:
    """The summary of a run whose rows have all been counted, that is: after a whole pass over `annotation`."""
    realm, table, counts = annotation.realm, annotation.lines.table, annotation.counts
    runs = realm.ledger.runs(job.id)
    left = run.spec.wallet_left
    terms = Terms.of(run, settings)
    tally = Tally(
        status=counts.statuses,
        unique=counts.unique,
        duplicate=counts.duplicate,
        reused=counts.reused,
        blocked=counts.blocked,
    )
    bill = bill_of(realm.ledger.bill(job.id))
    if annotation.cost_by is not None:
        bill = replace(bill, cost_by=annotation.cost_by.header, groups=annotation.cost_by.groups(bill, tally))
    return summarize(
        job=job.id,
        run=run.id,
        simulated=realm.simulated,
        ending=ending_of(run.reason, open_rows=counts.open),
        input=InputFacts(name=table.path.name, sha256=table.sha256, sheet=table.sheet or "", encoding=table.encoding or ""),
        product=options.asking.product,
        endpoint_host=terms.endpoint_host or options.endpoint_host,
        tally=tally,
        bill=bill,
        unit_price=unit_price_of(runs, run, settings),
        quota=Quota(
            total=run.spec.wallet_total,
            left_before=left,
            left_after=None if left is None else max(0, left - run.spent),
            low_percent=terms.low_percent,
        ),
        started_at=runs[0].started_at if runs else run.started_at,
        ended_at=annotation.scope.as_of,
        ledger_head=realm.ledger.head(run.id),
        next=next_command(job.id, counts, settings, endpoint=terms.endpoint),
        origin=options.origin,
    )


def unit_price_of(runs: Sequence[Run], last: Run, settings: Settings) -> Decimal:
    """The price at which a job's asks are billed: the mean of what its runs up to this one were planned with, weighted by their asks.

    A summary has one price, and its sums rest on it; where runs had several, it is rounded up to four decimals.
    """
    until = [run for run in runs if run.number <= last.number and run.spec.unit_price is not None]
    prices = [(run.spec.unit_price or Decimal(0), run.spent) for run in until]
    return mean_price(prices) if prices else settings.unit_price


def bill_of(rows: Sequence[BillRow]) -> Bill:
    """A job's asks added up: by what they cost, by status, by the vendor's 10-minute window."""
    kinds: Counter[BillKind] = Counter()
    by_status: Counter[RowStatus] = Counter()
    windows: dict[tuple[datetime, datetime], list[int]] = {}
    for row in rows:
        kind = kind_of(row.state, row.billed)
        kinds[kind] += row.asks
        if kind is BillKind.BILLED:
            by_status[verdict(row.product, row.code)] += row.asks
        window = window_of(row.at)
        sums = windows.setdefault((window.start, window.end), [0, 0])
        sums[0] += row.asks
        sums[1] += row.asks if kind is BillKind.BILLED else 0
    return Bill(
        billed=kinds[BillKind.BILLED],
        free=kinds[BillKind.FREE],
        not_billed=kinds[BillKind.NOT_BILLED],
        in_doubt=kinds[BillKind.IN_DOUBT],
        windows=tuple(
            WindowBill(start=start, end=end, asks=asks, billed=billed) for (start, end), (asks, billed) in sorted(windows.items())
        ),
        by_status=by_status,
    )


def next_command(job: str, counts: Counts, settings: Settings, *, endpoint: str) -> str | None:
    """The command that goes on with what is open, or None. It may be pasted into a shell of any folder.

    Rows in doubt come last: a person must decide about them.
    """
    where = [] if settings.home is None else ["--home", str(settings.home.absolute())]
    if endpoint != VENDOR_ENDPOINT:
        where += ["--endpoint", endpoint]
    if counts.statuses[RowStatus.NOT_RUN]:
        return _spelled("batchverify", "resume", job, *where)
    if counts.statuses[RowStatus.FAILED] or counts.statuses[RowStatus.LOCKED]:
        return _spelled("batchverify", "rerun", job, *where)
    if counts.statuses[RowStatus.IN_DOUBT]:
        return _spelled("batchverify", "rerun", job, *where, "--what", "in_doubt", "--accept-double-charge")
    return None


def _spelled(*words: str) -> str:
    if os.name == "nt":  # pragma: no cover - a shell of its own
        return " ".join(f'"{word}"' if " " in word else word for word in words)
    return shlex.join(words)
