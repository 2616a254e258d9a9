"""`Ledger`: one open ledger file, with a connection that writes and one that reads.

The one thing to know: after the first error of its file, this object grants nothing any more. A ledger that could not
write once may have lost what it believes to know, and the next ask could be a second bill.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from batchverify.errors import HomeError
from batchverify.model import Attempt, Billed
from batchverify.store.ledger import jobs, limits, reading, wallet
from batchverify.store.ledger.acting import ActBook
from batchverify.store.ledger.alerting import AlertBook
from batchverify.store.ledger.approving import ApprovalBook
from batchverify.store.ledger.auditing import AuditBook
from batchverify.store.ledger.books import Books
from batchverify.store.ledger.erasing import Retention
from batchverify.store.ledger.gate import Gate
from batchverify.store.ledger.limits import Closed, Instant
from batchverify.store.ledger.reconciling import reconcile
from batchverify.store.ledger.renewing import Renewal, refuse_another_key
from batchverify.store.ledger.rows import Row, RunNames, micros, micros_or_none
from batchverify.store.ledger.schema import connect, create_file, damages, reason_of, scrub
from batchverify.store.ledger.shapes import BillRow, Hold, Job, JobSpec, Output, Run, RunSpec, Wallet
from batchverify.store.ledger.usage import Statement, UsageBook, add_statements
from batchverify.store.ledger.wallet import WalletBook

_REMEDY = "No further ask leaves. Free space or repair the disk, look with `batchverify doctor`, then `batchverify resume`."
#: Waiting for other processes shorter than this is within the jitter that the rate allows for.
_SHORT_WAIT_SECONDS = 0.005


class Ledger:
    """The durable record of every ask in one realm. Any number of processes may have it open; threads may share an object.

    Every method raises HomeError when the file cannot be read or written, and after that again for ever.
    """

    def __init__(
        self,
        path: Path,
        *,
        simulated: bool,
        writer: sqlite3.Connection,
        reader: sqlite3.Connection,
        stopwatch: Callable[[], float],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.path = path
        self.simulated = simulated
        self._writer = writer
        self._reader = reader
        self._stopwatch = stopwatch
        self._random = random
        self._write_turn = threading.Lock()
        self._read_turn = threading.Lock()
        self._names = RunNames()
        self._failure: str | None = None
        self._mark: str | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = True,
        simulated: bool = False,
        stopwatch: Callable[[], float] = time.perf_counter,
        random: Callable[[int], bytes] = os.urandom,
    ) -> Ledger:
        """Open the ledger at `path`; with `create`, make it where there is none. `stopwatch` measures waiting in seconds.

        `random(n)` gives n unpredictable bytes, for the nonces that keep events from telling what was asked.

        Raises HomeError for a file that is missing, damaged, newer than this program, or of the other realm. It is
        never made anew in the place of a damaged one: what was paid would be forgotten.
        """
        if create and not path.exists():
            create_file(path, simulated=simulated)
        if not path.exists():
            raise HomeError(
                f"There is no ledger at {str(path)!r}. Start with `batchverify run`, or name another home with --home."
            )
        try:
            writer = connect(path, simulated=simulated)
            reader = connect(path, simulated=simulated)
            reader.execute("PRAGMA query_only = ON")
        except (sqlite3.Error, OSError) as error:
            raise HomeError(_message(path, error)) from None
        return cls(path, simulated=simulated, writer=writer, reader=reader, stopwatch=stopwatch, random=random)

    @property
    def has_failed(self) -> bool:
        """True after the first error of the file: every call raises from then on."""
        return self._failure is not None

    def close(self) -> None:
        """Close the file. What was committed stays, what runs goes on to be alive until its lease lapses."""
        for con in (self._reader, self._writer):
            with suppress(sqlite3.Error):
                con.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def transaction(self, *, now: datetime, monotonic: float) -> Iterator[Gate]:
        """Settle and reserve. Durable when the block ends; an exception inside takes everything back.

        The instants are those of the call: a wait for other processes is added to both, so that a rate shared by all
        of them counts from when the slot was truly taken.
        """
        with self._books(now=now, monotonic=monotonic) as books:
            yield Gate(books, self._names)

    def create_job(self, spec: JobSpec, *, now: datetime, token: bytes) -> Job:
        """Write a new job down. `token` is 5 random bytes, which become its id."""
        with self._writing() as con:
            return jobs.create_job(con, spec, name=jobs.job_id(token, simulated=self.simulated), now=now)

    def job(self, name: str) -> Job:
        """Find a job by its id or the beginning of one. Raises InputError when none or several fit."""
        with self._reading() as con:
            return jobs.find_job(con, name)

    def jobs(self) -> list[Job]:
        """List the jobs, newest first."""
        with self._reading() as con:
            return jobs.all_jobs(con)

    def unfinished_job(self, spec: JobSpec) -> Job | None:
        """Find the newest unfinished job with this sha256, sheet, product and identity."""
        with self._reading() as con:
            return jobs.unfinished_job(con, spec)

    def finish_job(self, job: str, *, at: datetime | None) -> None:
        """Say that every row of the job has a final outcome; `at` None says that it goes on."""
        with self._writing() as con:
            con.execute("UPDATE job SET finished_at = ? WHERE id = ?", (micros_or_none(at), job))

    def start_run(self, job: str, spec: RunSpec, *, now: datetime, monotonic: float, erasures: str | None = None) -> Run:
        """Begin a pass of asks under a lease of 30 s. The lock that `spec` names must be held already.

        `erasures` is the head of the chain of erasures that the pass was planned under.

        Raises:
            InputError: Something was erased since, or another run has used up what was approved. Nothing was sent.
        """
        with self._writing() as con:
            return jobs.start_run(con, job, spec, now=now, monotonic=monotonic, erasures=erasures)

    def runs(self, job: str) -> list[Run]:
        """List a job's runs, oldest first."""
        with self._reading() as con:
            return jobs.runs_of(con, job)

    def heartbeat(self, run: Run, *, monotonic: float) -> None:
        """Renew the lease of a run. Every transaction that touches the run does so, too."""
        with self._writing() as con:
            jobs.renew_lease(con, run.number, monotonic=monotonic)

    def end_run(self, run: Run, *, reason: str, now: datetime, monotonic: float) -> int:
        """End a run; what is still open becomes in doubt (`interrupted`). Returns how many that were."""
        with self._books(now=now, monotonic=monotonic) as books:
            return jobs.end_run(books, run.number, reason=reason, code="interrupted")

    def recover(self, *, now: datetime, monotonic: float, boot: str, is_dead: Callable[[str], bool]) -> int:
        """Call in doubt what lost runs left open, and end those runs; returns how many attempts. May be repeated at any time.

        A run is lost when `is_dead` says so of its lock, or when its lease of 30 s has lapsed.
        """
        with self._reading() as con:
            living = jobs.living_runs(con)
        # Outside of the transaction: trying locks is slow, and the dead stay dead. Lapses are looked at inside.
        dead = jobs.dead_runs(living, is_dead)
        if not living:
            return 0
        with self._books(now=now, monotonic=monotonic) as books:
            return jobs.end_lost(books, dead=dead, boot=boot)

    def attempts(self, keys: Sequence[bytes]) -> dict[bytes, list[Attempt]]:
        """Find all attempts of each key, oldest first; keys that were never asked are absent."""
        with self._reading() as con:
            return reading.attempts_by_key(con, self._names, keys)

    def holds(self, job: str, keys: Sequence[bytes]) -> dict[bytes, Hold]:
        """Find why the gate did not ask keys of a job. A later ask of the key has cleared its hold."""
        with self._reading() as con:
            return reading.holds_of(con, job, keys)

    def closed(
        self,
        id_tags: Iterable[bytes],
        card_tags: Iterable[bytes],
        *,
        now: datetime,
        monotonic: float,
        boot: str,
        asks_per_card: int,
    ) -> Closed:
        """Find which ID numbers and cards must be left alone now, and until when, as the gate would say."""
        at = Instant(now=micros(now), boot=boot, monotonic=monotonic)
        with self._reading() as con:
            return limits.closed(con, id_tags, card_tags, at=at, asks_per_card=asks_per_card)

    def closed_then(self, id_tags: Iterable[bytes], card_tags: Iterable[bytes], *, then: datetime, asks_per_card: int) -> Closed:
        """Find which had to be left alone at a past instant, by what was known then."""
        with self._reading() as con:
            return limits.closed_then(con, id_tags, card_tags, then=micros(then), asks_per_card=asks_per_card)

    def newest_attempt(self) -> int:
        """Give the number of the newest attempt of all jobs, 0 where there is none."""
        with self._reading() as con:
            return int(con.execute("SELECT coalesce(max(number), 0) FROM attempt").fetchone()[0])

    def asks_of(self, job: str) -> Iterator[Attempt]:
        """Walk a job's attempts, oldest first, without their sealed answers."""
        return reading.asks_of(self._fetch, self._names_of, job)

    def bill(self, job: str) -> list[BillRow]:
        """Add up a job's attempts by run, product, state, code, billed and 10-minute window, in order of time."""
        with self._reading() as con:
            return reading.bill_of(con, job)

    def head(self, run: str) -> str:
        """Give the last hash of a run's chain, in hex. Kept elsewhere, it shows any later rewriting."""
        return reading.run_head(self._fetch, run).head.hex()

    def audit(self) -> AuditBook:
        """Give the chains of events, and whether the attempts are what they say."""
        return AuditBook(self._fetch)

    def reconcile(self, attempts: Sequence[int], *, billed: Billed, now: datetime, monotonic: float) -> list[int]:
        """Write down what the vendor's usage says of attempts in doubt; returns the numbers that were not in doubt.

        NO frees the key and takes the ask off the bill. YES keeps it: the answer is lost, and a new one is a second bill.
        An answer whose status may or may not be billed keeps its key either way, and gets its price.
        """
        with self._books(now=now, monotonic=monotonic) as books:
            return reconcile(books, attempts, billed=billed)

    def decide(
        self,
        *,
        billed: Sequence[int],
        not_billed: Sequence[int],
        statements: Iterable[Statement],
        now: datetime,
        monotonic: float,
    ) -> None:
        """Write down what exports decide and what they said, or nothing of it: no ask is freed without what freed it."""
        with self._books(now=now, monotonic=monotonic) as books:
            reconcile(books, not_billed, billed=Billed.NO)
            reconcile(books, billed, billed=Billed.YES)
            add_statements(books.con, statements)

    def usage(self) -> UsageBook:
        """Give the windows of all jobs, and what the vendor's usage said of them."""
        return UsageBook(self._fetch, self._writing)

    def bought(self) -> WalletBook:
        """Enter what was bought, and read what the vendor says is left of it."""
        return WalletBook(self._fetch, self._writing)

    def wallet(self, *, now: datetime) -> Wallet:
        """Say what was bought, may have been used and is left. An ask in flight counts as used."""
        with self._reading() as con:
            return wallet.wallet_now(con, now=now)

    def record_output(self, job: str, *, path: str, sha256: str, now: datetime) -> None:
        """Write down a file that was written for a job; a second one of that path takes its place."""
        with self._writing() as con:
            jobs.record_output(con, job, path=path, sha256=sha256, now=now)

    def outputs(self, job: str) -> list[Output]:
        """List the files that were written for a job, in order of time."""
        with self._reading() as con:
            return jobs.outputs_of(con, job)

    def approvals(self) -> ApprovalBook:
        """Give the plans that were shown, and who approved them."""
        return ApprovalBook(self._fetch, self._writing)

    def alerts(self) -> AlertBook:
        """Give the alerts that were sent and still hold."""
        return AlertBook(self._writing)

    def acts(self) -> ActBook:
        """Give who did what at a desk."""
        return ActBook(self._fetch, self._writing)

    def retention(self) -> Retention:
        """Give what erases: by age, on a person's request, and to the last byte."""
        return Retention(self._fetch, self._writing, self._scrub)

    def bind_vault(self, mark: str) -> str:
        """Tie this ledger to the vault with `mark` unless it is tied to one already; returns the mark it is tied to."""
        with self._writing() as con:
            con.execute("INSERT OR IGNORE INTO vault VALUES (1, ?)", (mark,))
            (bound,) = con.execute("SELECT mark FROM vault").fetchone()
            return str(bound)

    def keep_to_vault(self, mark: str) -> None:
        """Refuse everything from the moment on in which the ledger is under another vault's key."""
        self._mark = mark

    def renewal(self) -> Renewal:
        """Give what brings the ledger under another key."""
        return Renewal(self._writing)

    def vault_mark(self) -> str | None:
        """Give the mark of the vault this ledger is tied to, if any."""
        with self._reading() as con:
            found = con.execute("SELECT mark FROM vault").fetchone()
            return None if found is None else str(found[0])

    def damages(self) -> list[str]:
        """Read the whole file and list what is wrong with it; seconds for a million asks."""
        with self._reading() as con:
            try:
                return damages(con)
            except sqlite3.DatabaseError as error:
                # Here a damaged file is an answer, not a failure.
                return [reason_of(error)]

    @contextmanager
    def _books(self, *, now: datetime, monotonic: float) -> Iterator[Books]:
        asked_at = self._stopwatch()
        with self._writing() as con:
            waited = self._stopwatch() - asked_at
            if waited > _SHORT_WAIT_SECONDS:
                now, monotonic = now + timedelta(seconds=waited), monotonic + waited
            books = Books(con, now=micros(now), monotonic=monotonic, random=self._random)
            yield books
            books.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        con = self._writer
        with self._write_turn, self._watched():
            # IMMEDIATE: the checks below it and the writes they allow must see one state of the file.
            con.execute("BEGIN IMMEDIATE")
            try:
                refuse_another_key(con, self._mark)
                yield con
                con.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    con.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._read_turn, self._watched():
            yield self._reader
            # After the reading: what was read before this is under the key that this process has.
            refuse_another_key(self._reader, self._mark)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Turn an error of the file into a HomeError, and remember it."""
        if self._failure is not None:
            raise HomeError(self._failure)
        try:
            yield
        except sqlite3.Error as error:
            self._failure = _message(self.path, error)
            raise HomeError(self._failure) from None

    def _scrub(self) -> bool:
        """Write the file anew and empty its log, so that nothing erased is left in either; False while another process reads."""
        with self._write_turn, self._read_turn, self._watched():
            return scrub(self._writer)

    def _fetch(self, query: str, values: tuple[object, ...]) -> list[Row]:
        with self._reading() as con:
            return con.execute(query, values).fetchall()

    def _names_of(self, run: int) -> tuple[str, str]:
        with self._reading() as con:
            return self._names.of(con, run)


def _message(path: Path, error: sqlite3.Error | OSError) -> str:
    return f"The ledger {str(path)!r} failed: {reason_of(error)}. {_REMEDY}"
