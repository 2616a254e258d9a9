"""The job from end to end: plan, run, resume, rerun, render. The only place where all edges meet.

The one thing to know: each of them is the same pass. Read the sheet, mark what must be asked, have it approved, ask it,
and draw the result from the ledger. They differ in what they mark.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from batchverify.errors import HomeError, InputError
from batchverify.job.alerts import tell_balance
from batchverify.job.annotate import Annotation, index_of
from batchverify.job.approval import note_plan, within_approval
from batchverify.job.asking import Vendor, ask_marked, begin_run, endpoint_of, open_vendor
from batchverify.job.lines import Lines
from batchverify.job.opening import cost_by_of, input_of, lines_from, opened_table
from batchverify.job.operators import day_of_operator, refuse_without_mandate
from batchverify.job.options import Bounds, Options, Reading
from batchverify.job.plan import Plan, make_plan, scope_of
from batchverify.job.realm import Realm, open_realm
from batchverify.job.recalling import recalled, remember
from batchverify.job.rendering import NoteRow, Rendered, check_place, render, target_of
from batchverify.job.session import Session
from batchverify.job.standing import Origin
from batchverify.job.terms import Terms
from batchverify.model import RowStatus
from batchverify.settings import Settings
from batchverify.store.ledger import Job, JobSpec, Run, RunKind
from batchverify.store.ledger.shapes import OperatorDay
from batchverify.store.plan_index import PlanIndex
from batchverify.tables.columns import ColumnMap
from batchverify.tables.protected import Protection, require_library
from batchverify.tables.reader import Table
from batchverify.tables.writer import check_protection

#: What `run` and `resume` ask: everything that is open and may be asked without a second bill.
OPEN_WITHOUT_DOUBT = frozenset({RowStatus.NOT_RUN, RowStatus.FAILED, RowStatus.LOCKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJob:
    """A job that has been run, its last run, and what stands beside its rows."""

    job: Job
    run: Run
    options: Options
    annotation: Annotation


def plan_file(
    path: Path,
    options: Options,
    session: Session,
    *,
    what: frozenset[RowStatus] = OPEN_WITHOUT_DOUBT,
    origin: Origin | None = None,
) -> Plan:
    """What `run_file` with the same words would ask and cost. Sends nothing, writes nothing but the home."""
    given = options
    with (
        open_realm(session.home, simulated=session.simulated, clock=session.clock) as realm,
        # What came back is read as its origin was.
        opened_table(
            path, options := given if origin is not None else _recalled(path, given, realm, session), realm, session.passwords
        ) as (table, columns),
    ):
        job = realm.ledger.unfinished_job(_spec(table, columns, options))
        began = job.created_at if job is not None else session.clock.now()
        lines = lines_from(table, columns, options, realm, began, job, forgot=origin.forgot if origin else None)
        with PlanIndex.open(realm.home.tmp) as index:
            scope = scope_of(options.asking, job=job.id if job else "", began=began, as_of=session.clock.now())
            plan = make_plan(lines, index, realm, scope, settings=session.settings, what=what, origin=origin)
            note_plan(plan, realm, session.settings, operator=options.mandate.operator)
            tell_balance(realm, session.settings, needed=plan.asks)
            if session.remembers and origin is None:
                remember(table, columns, _named(given), realm.home, session.passwords)
            return replace(plan, as_last_time=options != given)


def run_file(
    path: Path,
    options: Options,
    bounds: Bounds,
    session: Session,
    *,
    what: frozenset[RowStatus] = OPEN_WITHOUT_DOUBT,
    origin: Origin | None = None,
    again: RunKind = RunKind.RESUME,
) -> Rendered:
    """Verify a spreadsheet. Where a job on the same input is unfinished, go on with it. `origin` is the job it corrects.

    `again` says what it is that goes on: a resume, or a rerun of the statuses in `what`.

    Raises:
        InputError, SettingsError: Nothing was sent, nothing was written.
        HomeError: The home failed; no ask left after that.
    """
    given = options
    with (
        open_realm(session.home, simulated=session.simulated, clock=session.clock) as realm,
        # What came back is read as its origin was.
        opened_table(
            path,
            options := given if origin is not None else _recalled(path, given, realm, session),
            realm,
            session.passwords,
        ) as (table, columns),
    ):
        job = realm.ledger.unfinished_job(_spec(table, columns, options))
        kind = RunKind.FIRST if job is None else again
        opened = _Opened(table=table, columns=columns, options=options, job=job, given=None if origin else _named(given))
        return _pass(opened, realm, session, bounds, kind=kind, what=what, origin=origin)


def resume_job(
    job_id: str,
    bounds: Bounds,
    session: Session,
    *,
    kind: RunKind = RunKind.RESUME,
    what: frozenset[RowStatus] = OPEN_WITHOUT_DOUBT,
    change: Callable[[Options], Options] = lambda options: options,
) -> Rendered:
    """Ask the rows of a job whose status is in `what`, and draw its result again.

    With `RowStatus.IN_DOUBT` in it, questions that may have been billed are asked a second time: the caller must have
    had that accepted.
    """
    with _job_opened(job_id, session, change) as (realm, opened):
        return _pass(opened, realm, session, bounds, kind=kind, what=what)


def render_job(job_id: str, session: Session, *, change: Callable[[Options], Options] = lambda options: options) -> Rendered:
    """Draw a job's result and summary again. Asks nothing; the same bytes each time."""
    with ended_job(job_id, session, change, with_people=True) as found:
        annotation, options = found.annotation, found.options
        protection = _protection(annotation.lines.table, options, annotation.realm, session, job_id)
        return _drawn(
            annotation,
            found.job,
            found.run,
            options=options,
            settings=session.settings,
            protection=protection,
            note_row=session.note_row,
        )


@contextmanager
def ended_job(
    job_id: str,
    session: Session,
    change: Callable[[Options], Options] = lambda options: options,
    *,
    with_people: bool = False,
) -> Iterator[EndedJob]:
    """A job with its outcomes, as they were when its last run ended; nothing of the sheet but its keys has been read yet.

    `with_people`: also whom its questions are about, which tells the rows that contradict each other.

    Raises:
        InputError: There is no such job, it has not been run, or its input is gone or was changed since.
    """
    with _job_opened(job_id, session, change) as (realm, opened):
        job = opened.job
        runs = realm.ledger.runs(job.id) if job is not None else []
        if job is None or not runs:
            raise InputError(f"The job {job_id!r} has not been run. Start it with `batchverify run`.")
        lines = lines_from(opened.table, opened.columns, opened.options, realm, job.created_at, job)
        with PlanIndex.open(realm.home.tmp) as index:
            index_of(lines, index, with_people=with_people)
            annotation = _annotation(opened, lines, index, realm, session, job=job, run=runs[-1])
            yield EndedJob(job=job, run=runs[-1], options=opened.options, annotation=annotation)


def all_jobs(session: Session) -> list[tuple[Job, list[Run]]]:
    """All jobs of both realms of the home with their runs, newest first."""
    found: list[tuple[Job, list[Run]]] = []
    for simulated in (False, True):
        with open_realm(session.home, simulated=simulated, clock=session.clock) as realm:
            found += [(job, realm.ledger.runs(job.id)) for job in realm.ledger.jobs()]
    return sorted(found, key=lambda pair: pair[0].created_at, reverse=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An input that is open, and the job it belongs to, if one has begun. `given` is how a person has said to read it."""

    table: Table
    columns: ColumnMap
    options: Options
    job: Job | None
    given: Reading | None = None


@contextmanager
def _job_opened(job_id: str, session: Session, change: Callable[[Options], Options]) -> Iterator[tuple[Realm, _Opened]]:
    """A job by its id, with its input as it was. Raises InputError when the input is gone or was changed since."""
    with open_realm(session.home, simulated=job_id.lower().startswith("s-"), clock=session.clock) as realm:
        job = realm.ledger.job(job_id)
        options = change(Options.from_json(job.spec.options))
        with input_of(job, options, realm, session.passwords, inputs=session.inputs) as (table, columns):
            yield realm, _Opened(table=table, columns=columns, options=options, job=job)


def _pass(
    opened: _Opened,
    realm: Realm,
    session: Session,
    bounds: Bounds,
    *,
    kind: RunKind,
    what: frozenset[RowStatus],
    origin: Origin | None = None,
) -> Rendered:
    settings, clock, job = session.settings, session.clock, opened.job
    refuse_without_mandate(opened.options, settings)
    day = day_of_operator(settings, opened.options.mandate.operator, now=clock.now())
    began = job.created_at if job is not None else clock.now()
    lines = lines_from(opened.table, opened.columns, opened.options, realm, began, job, forgot=origin.forgot if origin else None)
    with ExitStack() as stack:
        check_place(opened.table, opened.options, realm, job.id if job is not None else "")
        protection = _protection(opened.table, opened.options, realm, session, job.id if job is not None else "")
        vendor = stack.enter_context(open_vendor(settings, realm, built_in=session.built_in or _asks_built_in(settings, realm)))
        opened = replace(opened, options=replace(opened.options, endpoint_host=vendor.endpoint.host))
        index = stack.enter_context(PlanIndex.open(realm.home.tmp))
        scope = scope_of(opened.options.asking, job=job.id if job is not None else "", began=began, as_of=clock.now())
        plan = make_plan(lines, index, realm, scope, settings=settings, what=what, origin=origin)
        tell_balance(realm, settings, needed=plan.asks)
        is_recalled = opened.given is not None and opened.given.mapping != opened.options.reading.mapping
        plan = replace(plan, as_last_time=is_recalled)
        bounds = within_approval(bounds, plan, realm, settings, operator=opened.options.mandate.operator)
        if day is not None:
            realm.ledger.usage().refuse_over_day(day, asks=bounds.within(plan.asks, unit_price=plan.unit_price))
        session.watcher.approve(plan, cap_asks=bounds.cap_asks(plan.unit_price))
        realm.home.check_writable()
        if session.remembers and opened.given is not None:
            remember(opened.table, opened.columns, opened.given, realm.home, session.passwords)
        if job is None:
            spec = replace(_spec(opened.table, opened.columns, opened.options), options=_kept(opened.options).as_json())
            job = realm.ledger.create_job(spec, now=began, token=secrets.token_bytes(5))
            if lines.met:
                realm.ledger.retention().note_forgotten(job.id, lines.met)
        run = _run(lines, index, realm, session, job, plan, vendor, bounds, kind=kind, day=day)
        tell_balance(realm, settings)
        try:
            annotation = _annotation(opened, lines, index, realm, session, job=job, run=run)
            return _drawn(
                annotation,
                job,
                run,
                options=opened.options,
                settings=settings,
                protection=protection,
                note_row=session.note_row,
            )
        except (InputError, HomeError) as error:
            # Not as an InputError, which says that nothing was sent.
            raise HomeError(
                f"{error} Every answer is kept: `batchverify render {job.id} -o FILE` writes the result, and asks nothing again."
            ) from None


def _run(
    lines: Lines,
    index: PlanIndex,
    realm: Realm,
    session: Session,
    job: Job,
    plan: Plan,
    vendor: Vendor,
    bounds: Bounds,
    *,
    kind: RunKind,
    day: OperatorDay | None,
) -> Run:
    settings, clock = session.settings, session.clock
    scope = scope_of(lines.asking, job=job.id, began=job.created_at, as_of=clock.now())
    run, let_go = begin_run(realm, job.id, kind, scope, bounds, settings, plan=plan, day=day, endpoint_host=vendor.endpoint.host)
    try:
        session.began(run)
        session.watcher.asking(total=plan.asks, cap_asks=bounds.cap_asks(plan.unit_price))
        reason = ""
        if plan.asks or plan.locked:  # else every question has its answer, and another reading of the sheet is spared
            reason = ask_marked(
                lines,
                index,
                realm,
                run,
                vendor,
                bounds=bounds,
                settings=settings,
                release=plan.release,
                stop=session.stop,
                report=session.watcher.progress,
                sampled=session.watcher.sampled,
            )
        realm.ledger.end_run(run, reason=reason, now=clock.now(), monotonic=clock.monotonic())
    finally:
        let_go()
    # Not the newest: another process may have begun a run of the same job since.
    return next(one for one in realm.ledger.runs(job.id) if one.id == run.id)


def _annotation(
    opened: _Opened, lines: Lines, index: PlanIndex, realm: Realm, session: Session, *, job: Job, run: Run
) -> Annotation:
    newest = realm.ledger.newest_attempt() if run.last_attempt is None else run.last_attempt
    as_of = run.ended_at or session.clock.now()
    return Annotation(
        lines=lines,
        index=index,
        realm=realm,
        scope=scope_of(lines.asking, job=job.id, began=job.created_at, as_of=as_of, newest=newest),
        reason=run.reason,
        lock=Terms.of(run, session.settings).lock,
        asks_per_card=run.spec.asks_per_card,
        cost_by=cost_by_of(opened.table, opened.columns, opened.options),
    )


def _protection(table: Table, options: Options, realm: Realm, session: Session, job: str) -> Protection | None:
    """What the result is protected with; its password is asked for here, before anything is paid."""
    if not options.delivery.protect:
        return None
    target = target_of(table, options, realm, job)
    check_protection(target, is_protected=True)
    require_library(target.name)
    password = session.passwords.of_result(target.name, source_sha256=table.sha256)
    return Protection(password=password, temporary=realm.home.tmp)


def _drawn(
    annotation: Annotation,
    job: Job,
    run: Run,
    *,
    options: Options,
    settings: Settings,
    protection: Protection | None,
    note_row: NoteRow | None,
) -> Rendered:
    rendered = render(annotation, job, run, options=options, settings=settings, protection=protection, note_row=note_row)
    annotation.realm.ledger.finish_job(job.id, at=None if annotation.counts.open else annotation.scope.as_of)
    return rendered


def _kept(options: Options) -> Options:
    """The options as a job keeps them: its result stays where it is, from whatever folder the job is gone on with."""
    output = options.delivery.output
    return options if output is None else replace(options, delivery=replace(options.delivery, output=output.absolute()))


def _recalled(path: Path, options: Options, realm: Realm, session: Session) -> Options:
    """The options with the columns of last time, where they are remembered and none are named."""
    if not session.remembers:
        return options
    return replace(options, reading=recalled(path, options.reading, realm.home, session.passwords))


def _named(options: Options) -> Reading:
    """How a person has said to read: of several sheets nobody has named this one."""
    return replace(options.reading, sheet=None) if options.delivery.is_one_of_sheets else options.reading


def _asks_built_in(settings: Settings, realm: Realm) -> bool:
    """A job of the sandbox's realm goes on in the built-in sandbox unless a loopback endpoint is named."""
    return realm.simulated and not endpoint_of(settings).is_loopback


def _spec(table: Table, columns: ColumnMap, options: Options) -> JobSpec:
    identity = {
        "columns": {str(name): column for name, column in columns.fields.items()},
        "header_row": table.header_row,
        "checks": options.asking.checks,
        "upgrade_15": options.asking.upgrade_15,
        "skip_hidden": options.reading.skip_hidden,
    }
    return JobSpec(
        path=str(table.path.resolve()),
        sha256=table.sha256,
        size_bytes=table.size_bytes,
        sheet=table.sheet or "",
        encoding=table.encoding or "",
        product=options.asking.product_word,
        identity=hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
    )
