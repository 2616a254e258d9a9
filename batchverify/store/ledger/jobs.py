"""Jobs, runs, leases, and what becomes of the attempts of a process that died.

The one thing to know: an ended run has no open attempt. Whatever ends it (its own word, recovery) turns what is still
in flight into in doubt, in the same transaction, and nothing reserves for it afterwards.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable
from datetime import datetime

from batchverify.errors import InputError
from batchverify.model import AttemptState, Billed
from batchverify.store.ledger import approving, daily, erasing
from batchverify.store.ledger.books import LEASE_SECONDS, Books
from batchverify.store.ledger.chain import commitment, first_link
from batchverify.store.ledger.rows import JOB_COLUMNS, RUN_COLUMNS, job_of, micros, moment, run_of
from batchverify.store.ledger.shapes import Job, JobSpec, Output, Run, RunSpec

_INSERT_JOB = """
INSERT INTO job (id, path, sha256, size_bytes, sheet, encoding, product, identity, options, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_RUN = """
INSERT INTO run (
  id, job, kind, lock, boot, lease_until, cap_asks, qps, asks_per_card, wallet_total, wallet_left, unit_price, terms, approval,
  matched_after, other_after, started_at, head, newest_attempt
) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(max(number), 0) FROM attempt
"""
# By the index of what is open anywhere, which is small, not by the run's, which may hold a million.
_OPEN_OF_RUN = """
SELECT number, key, nonce FROM attempt INDEXED BY attempt_id_open WHERE state = 'open' AND run = ? ORDER BY number
"""
# What others ask later is told apart by its number: the wall clock may be set back.
_LAST = "UPDATE run SET last_attempt = (SELECT coalesce(max(number), 0) FROM attempt) WHERE number = ?"
_DOUBT = "UPDATE attempt SET state = 'in_doubt', settled_at = ?, code = ? WHERE number = ? AND state = 'open'"


def job_id(token: bytes, *, simulated: bool) -> str:
    """Spell the id of a job from 5 random bytes, without letters that are taken for digits.

    >>> job_id(bytes(5), simulated=False)
    'j-aaaaaaaa'
    """
    return ("s-" if simulated else "j-") + base64.b32encode(token[:5]).decode("ascii").lower()


def create_job(con: sqlite3.Connection, spec: JobSpec, *, name: str, now: datetime) -> Job:
    """Write a new job down under the id `name`."""
    values = (spec.path, spec.sha256, spec.size_bytes, spec.sheet, spec.encoding, spec.product, spec.identity, spec.options)
    con.execute(_INSERT_JOB, (name, *values, micros(now)))
    return Job(id=name, spec=spec, created_at=now)


def find_job(con: sqlite3.Connection, name: str) -> Job:
    """Find a job by its id or the beginning of it. Raises InputError when none or several fit."""
    found = con.execute(
        f"SELECT {JOB_COLUMNS} FROM job WHERE id = ?1 OR substr(id, 1, length(?1)) = ?1", (name.lower(),)
    ).fetchall()
    exact = [row for row in found if row[0] == name.lower()]
    match exact or found:
        case [row]:
            return job_of(row)
        case []:
            raise InputError(f"There is no job {name!r} in this home. `batchverify jobs` lists them.")
        case rows:
            raise InputError(f"{name!r} fits {len(rows)} jobs: {', '.join(row[0] for row in rows[:5])}. Give more of the id.")


def all_jobs(con: sqlite3.Connection) -> list[Job]:
    """List the jobs, newest first."""
    return [job_of(row) for row in con.execute(f"SELECT {JOB_COLUMNS} FROM job ORDER BY number DESC")]


def unfinished_job(con: sqlite3.Connection, spec: JobSpec) -> Job | None:
    """Find the newest job of the same input, read the same way, that is neither finished nor closed."""
    found = con.execute(
        f"SELECT {JOB_COLUMNS} FROM job WHERE sha256 = ? AND sheet = ? AND product = ? AND identity = ? "
        "AND finished_at IS NULL AND closed_at IS NULL ORDER BY number DESC LIMIT 1",
        (spec.sha256, spec.sheet, spec.product, spec.identity),
    ).fetchone()
    return None if found is None else job_of(found)


def start_run(
    con: sqlite3.Connection, job: str, spec: RunSpec, *, now: datetime, monotonic: float, erasures: str | None = None
) -> Run:
    """Begin a pass of asks. Its id is the job's with the pass's ordinal: `j-aaaaaaaa.1`.

    A plan may be looked at for hours. What it was made under is looked at once more here, in the transaction that lets it ask.
    """
    if erasures is not None and erasures != erasing.head_of(con):
        raise InputError(
            "Somebody was forgotten, or old codes were purged, while the plan was looked at. Do the same again, as it is now. "
            "Nothing was sent."
        )
    if spec.approval is not None and (left := approving.left_of(con, spec.approval)) < (spec.cap_asks or 0):
        raise InputError(
            f"Another run under the same approval has begun meanwhile: {left:,} of what was approved are left. "
            "Do the same again when it has ended. Nothing was sent."
        )
    if spec.day is not None:
        daily.refuse_in(con, spec.day, asks=spec.cap_asks or 0)
    job_number, passes = con.execute(
        "SELECT job.number, count(run.number) FROM job LEFT JOIN run ON run.job = job.number WHERE job.id = ?", (job,)
    ).fetchone()
    if job_number is None:
        raise InputError(f"There is no job {job!r} in this home. `batchverify jobs` lists them.")
    name = f"{job}.{passes + 1}"
    started = micros(now)
    values = (
        *(name, job_number, spec.kind.value, spec.lock, spec.boot, monotonic + LEASE_SECONDS),
        *(spec.cap_asks, spec.qps, spec.asks_per_card, spec.wallet_total, spec.wallet_left),
        *(None if spec.unit_price is None else str(spec.unit_price), spec.terms, spec.approval),
        *(micros(spec.reuse.matched_after), micros(spec.reuse.other_after), started, first_link(name, started)),
    )
    number = con.execute(_INSERT_RUN, values).lastrowid
    assert number is not None  # noqa: S101 - an INSERT that returned has a row
    return Run(number=number, id=name, job=job, spec=spec, started_at=now)


def runs_of(con: sqlite3.Connection, job: str) -> list[Run]:
    """List a job's runs, oldest first."""
    query = f"SELECT {RUN_COLUMNS} FROM run JOIN job ON job.number = run.job WHERE job.id = ? ORDER BY run.number"
    return [run_of(row) for row in con.execute(query, (job,))]


def renew_lease(con: sqlite3.Connection, run: int, *, monotonic: float) -> None:
    """Say that a run lives. For one that was ended the lease means nothing any more: it does not come back."""
    con.execute("UPDATE run SET lease_until = ? WHERE number = ?", (monotonic + LEASE_SECONDS, run))


def end_run(books: Books, run: int, *, reason: str, code: str) -> int:
    """End a run; its open attempts become in doubt with `code`. Returns how many. A run ends once, the first word stays."""
    account = books.account(run)
    if account.ended_at is not None:
        return 0
    doubtful = books.con.execute(_OPEN_OF_RUN, (run,)).fetchall()
    books.con.executemany(_DOUBT, ((books.now, code, number) for number, *_ in doubtful))
    for number, key, nonce in doubtful:
        tag = commitment(nonce, key)
        books.settle(account, number, tag, AttemptState.IN_DOUBT.value, code=code, billed=Billed.UNKNOWN)
    account.ended_at = books.now
    account.reason = reason
    books.con.execute(_LAST, (run,))
    return len(doubtful)


def living_runs(con: sqlite3.Connection) -> list[Run]:
    """List the runs that nobody has ended."""
    return [
        run_of(row)
        for row in con.execute(f"SELECT {RUN_COLUMNS} FROM run JOIN job ON job.number = run.job WHERE ended_at IS NULL")
    ]


def end_lost(books: Books, *, dead: frozenset[int], boot: str) -> int:
    """End as lost every living run that is among the `dead` or whose lease has lapsed; returns how many attempts are in doubt now.

    A lease is measured in the monotonic time of its own boot. Of another boot nothing is known but the lock: the
    caller has tried it.
    """
    lost = books.con.execute("SELECT number, boot, lease_until FROM run WHERE ended_at IS NULL").fetchall()
    return sum(
        end_run(books, number, reason="lost", code="process_died")
        for number, run_boot, lease_until in lost
        if number in dead or (run_boot == boot and lease_until < books.monotonic)
    )


def dead_runs(runs: list[Run], is_dead: Callable[[str], bool]) -> frozenset[int]:
    """Ask for each run whether its process is gone. A dead process does not come back, so this may happen before the transaction."""
    return frozenset(run.number for run in runs if is_dead(run.spec.lock))


def record_output(con: sqlite3.Connection, job: str, *, path: str, sha256: str, now: datetime) -> None:
    """Write down a file that was written for a job; a second one of that path takes its place."""
    con.execute("INSERT OR REPLACE INTO output SELECT number, ?, ?, ? FROM job WHERE id = ?", (path, sha256, micros(now), job))


def outputs_of(con: sqlite3.Connection, job: str) -> list[Output]:
    """List the files that were written for a job, in order of time."""
    query = (
        "SELECT path, sha256, written_at FROM output WHERE job = (SELECT number FROM job WHERE id = ?) ORDER BY written_at, path"
    )
    return [Output(path=path, sha256=sha256, written_at=moment(at)) for path, sha256, at in con.execute(query, (job,))]
