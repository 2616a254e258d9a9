"""Erasing: answers and codes that are old, a person who asks to be forgotten, and the record itself after three years.

The one thing to know: erasing is written down like asking is. Each transaction that erases begins with a row that says what may
go (the triggers of `attempt`, `event`, `lock`, … look at nothing else) and cannot be committed without its entry in the chain
of erasures, which stays for ever and holds counts only.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from batchverify.errors import InputError
from batchverify.model import Billed
from batchverify.store.ledger import acting, approving
from batchverify.store.ledger.chain import erasure_link
from batchverify.store.ledger.limits import Instant
from batchverify.store.ledger.reading import PAGE, Fetch
from batchverify.store.ledger.rows import Row, billed_of, micros, moment, padded_batches

_BATCH = 256
_SLOTS = ", ".join("?" * _BATCH)

#: What an erasure counts, in the order of the certificate.
KINDS = ("answers", "codes", "holds", "locks", "plans", "jobs", "runs", "attempts", "events", "acts")

_ERASE = """
UPDATE attempt SET key = x'', id_tag = x'', card_tag = NULL, nonce = NULL, sealed = NULL, released = number, erased_at = ?
WHERE number = ?
"""
# CROSS JOIN: by number of attempt, so that each page begins where the last one ended.
_OLD_ANSWERS = f"""
SELECT attempt.number FROM attempt CROSS JOIN run ON run.number = attempt.run CROSS JOIN job ON job.number = run.job
WHERE attempt.number > ? AND sealed IS NOT NULL AND settled_at <= ?
  AND (job.finished_at IS NOT NULL OR job.closed_at IS NOT NULL OR settled_at <= ?)
ORDER BY attempt.number LIMIT {PAGE}
"""
_OLD_CODES = f"""
SELECT number FROM attempt WHERE number > ? AND erased_at IS NULL AND settled_at <= ? ORDER BY number LIMIT {PAGE}
"""
# A job is closed when it asked what was erased, and when it may have reused it: then these codes are all that it knows.
_CLOSE = """
WITH gone AS (SELECT run, code, settled_at FROM attempt WHERE number BETWEEN ?2 AND ?3 AND erased_at IS NOT NULL)
UPDATE job SET closed_at = ?1 WHERE closed_at IS NULL AND number IN (
  SELECT run.job FROM run JOIN gone ON gone.run = run.number
  UNION SELECT job FROM run WHERE coalesce(last_attempt >= ?2, 1) AND (
    matched_after <= (SELECT max(settled_at) FROM gone WHERE code = '01')
    OR other_after <= (SELECT max(settled_at) FROM gone WHERE code <> '01')))
"""
# Of jobs that cannot be read: those that may have reused any of these attempts, or may yet come to a row of whoever they were about.
_MAY_KNOW = f"""
WITH gone AS (SELECT number, code, settled_at FROM attempt WHERE number IN ({_SLOTS}))
SELECT DISTINCT job.id FROM job LEFT JOIN run ON run.job = job.number
WHERE job.closed_at IS NULL AND (job.finished_at IS NULL OR coalesce(last_attempt >= (SELECT min(number) FROM gone), 1) AND (
  matched_after <= (SELECT max(settled_at) FROM gone WHERE code = '01')
  OR other_after <= (SELECT max(settled_at) FROM gone WHERE code <> '01')))
"""
_OLD_HOLDS = "FROM hold WHERE until <= ?1 OR job IN (SELECT number FROM job WHERE closed_at IS NOT NULL)"
# A lock that has ended still tells a job's rows when they were locked. Of a person who was forgotten it tells nothing any more.
_OLD_LOCKS = """
FROM lock WHERE until <= ?1 AND NOT (boot = ?2 AND mono_since <= ?3 AND mono_until > ?3)
  AND (until <= ?4 OR id_tag NOT IN (SELECT id_tag FROM attempt))
"""
# The newest of each stays, for numbers must not come again.
_OLD_JOBS = """
SELECT number FROM job WHERE created_at <= ?1 AND number < (SELECT max(number) FROM job)
  AND NOT EXISTS (SELECT 1 FROM run WHERE run.job = job.number AND (
    ended_at IS NULL OR ended_at > ?1 OR run.number = (SELECT max(number) FROM run)
    OR EXISTS (SELECT 1 FROM attempt WHERE attempt.run = run.number AND (
      settled_at IS NULL OR settled_at > ?1 OR attempt.number = (SELECT max(number) FROM attempt)))
    OR EXISTS (SELECT 1 FROM event WHERE event.run = run.number AND at > ?1)))
ORDER BY number
"""
_IN_JOB = "run IN (SELECT number FROM run WHERE job = ?)"
_ENTRIES = "SELECT number, at, kind, counts, gone, hash FROM erasure ORDER BY number"
_NEWEST = "SELECT number, hash FROM erasure ORDER BY number DESC LIMIT 1"
_LIVING = "SELECT id FROM run WHERE ended_at IS NULL LIMIT 1"
_NEWEST_RUN = "SELECT coalesce(max(number), 0) FROM run"
#: What belongs to a run, then to a job: the tables in the order in which they must go.
OF_RUN = ("event", "attempt")
OF_JOB = ("hold", "output", "forgotten", "run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How much was, or would be, erased. `first` and `last` number the entries in the chain of erasures, None where there is none."""

    counts: Mapping[str, int] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None

    def of(self, kind: str) -> int:
        return self.counts.get(kind, 0)

    def __bool__(self) -> bool:
        return any(self.counts.values())

    def plus(self, later: Erased) -> Erased:
        """Add what was erased after it."""
        counts = {kind: self.of(kind) + later.of(kind) for kind in KINDS}
        return Erased(counts=counts, first=self.first or later.first, last=later.last or self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An entry of the chain of erasures. `gone` is a hash over the runs whose record went, "" where none did."""

    number: int
    at: datetime
    kind: str
    counts: Mapping[str, int]
    gone: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A person as the ledger knows one: by tags, never by name. `jobs` asked about them, or held them back."""

    attempts: tuple[int, ...]
    keys: frozenset[bytes]
    jobs: tuple[str, ...]
    locked_until: datetime | None


class Retention:
    """What of a ledger goes, and when. Made by `Ledger.retention`; `scrub` folds the file so that no byte of it is left."""

    def __init__(
        self, fetch: Fetch, writing: Callable[[], AbstractContextManager[sqlite3.Connection]], scrub: Callable[[], bool]
    ) -> None:
        self._fetch = fetch
        self._writing = writing
        self.scrub = scrub

    def is_asking(self) -> bool:
        """Tell whether a run is going on."""
        return bool(self._fetch(_LIVING, ()))

    # Old things --------------------------------------------------------------------------------------------------

    def due(self, limits: tuple[datetime, datetime, datetime], *, at: Instant) -> Erased:
        """Count what `purge` would erase. `limits` are those of answers, codes and the record, youngest first."""
        answers, codes, audit = (micros(limit) for limit in limits)
        counts = Counter(
            answers=sum(len(page) for page in self._pages(_OLD_ANSWERS, answers, codes)),
            codes=sum(len(page) for page in self._pages(_OLD_CODES, codes)),
        )
        ((counts["holds"],),) = self._fetch(f"SELECT count(*) {_OLD_HOLDS}", (codes,))
        ((counts["locks"],),) = self._fetch(f"SELECT count(*) {_OLD_LOCKS}", (at.now, at.boot, at.monotonic, codes))
        counts["plans"] = approving.count_old(self._fetch, codes)
        counts["acts"] = acting.count_old(self._fetch, audit)
        for (job,) in self._fetch(_OLD_JOBS, (audit,)):
            counts += Counter(jobs=1) + Counter(self._of_job(job))
        return Erased(counts=_ordered(counts))

    def purge(self, limits: tuple[datetime, datetime, datetime], *, at: Instant) -> Erased:
        """Erase what is old, a piece at a time, so that nobody waits for long; a job's record goes in one piece.

        Raises:
            InputError: A run is going on. Nothing was erased.
        """
        with self._writing() as con:
            _refuse_living(con)
        answers, codes, audit = (micros(limit) for limit in limits)
        erased = Erased()
        for page in self._pages(_OLD_ANSWERS, answers, codes):
            erased = erased.plus(self._erase("purge", limits, at, partial(_take_answers, page)))
        for page in self._pages(_OLD_CODES, codes):
            erased = erased.plus(self._erase("purge", limits, at, partial(_take_codes, page, at)))
        erased = erased.plus(self._erase("purge", limits, at, partial(_take_holds_and_locks, codes, at)))
        for (job,) in self._fetch(_OLD_JOBS, (audit,)):
            erased = erased.plus(self._erase("purge", limits, at, partial(_take_job, job), gone=job))
        return erased.plus(self._erase("purge", limits, at, partial(_take_plans, codes, audit)))

    # One person --------------------------------------------------------------------------------------------------

    def subject(self, id_tags: Sequence[bytes], card_tags: Sequence[bytes]) -> Subject:
        """Find what is known of a person by any of these tags. Reads every attempt once."""
        asked: list[Row] = []
        held: list[Row] = []
        locks: list[Row] = []
        for column, tags in (("id_tag", id_tags), ("card_tag", card_tags)):
            for batch in padded_batches(tags, _BATCH):
                asked += self._fetch(
                    f"SELECT attempt.number, attempt.key, job.id FROM attempt JOIN run ON run.number = attempt.run "
                    f"JOIN job ON job.number = run.job WHERE attempt.{column} IN ({_SLOTS})",
                    tuple(batch),
                )
                held += self._fetch(
                    f"SELECT hold.key, job.id FROM hold JOIN job ON job.number = hold.job WHERE hold.{column} IN ({_SLOTS})",
                    tuple(batch),
                )
        for batch in padded_batches(id_tags, _BATCH):
            locks += self._fetch(f"SELECT max(until) FROM lock WHERE id_tag IN ({_SLOTS})", tuple(batch))
        until = max((until for (until,) in locks if until is not None), default=None)
        return Subject(
            attempts=tuple(sorted({number for number, *_ in asked})),
            keys=frozenset([key for _, key, _ in asked] + [key for key, _ in held]),
            jobs=tuple(sorted({job for *_, job in asked} | {job for _, job in held})),
            locked_until=None if until is None else moment(until),
        )

    def may_know(self, attempts: Sequence[int]) -> frozenset[str]:
        """Find the jobs that may stand on these attempts although they did not ask them, or may ask the same yet."""
        return frozenset(job for batch in padded_batches(attempts, _BATCH) for (job,) in self._fetch(_MAY_KNOW, tuple(batch)))

    def forget(
        self,
        id_tags: Sequence[bytes],
        card_tags: Sequence[bytes],
        *,
        rows: Mapping[str, Mapping[int, Billed]],
        close: Iterable[str],
        at: Instant,
        newest_run: int | None = None,
    ) -> Erased:
        """Erase a person. `rows` are the places of their rows by job; jobs to `close` are those that cannot be read any more.

        `newest_run` was the newest when the places were looked for.

        A lock stays until it ends: it is what keeps them from being asked about. Then `purge` takes it.

        Raises:
            InputError: A run is going on, or has come and gone since. Nothing was erased.
        """

        def act(con: sqlite3.Connection, counts: Counter[str]) -> None:
            _refuse_living(con)
            if newest_run is not None and con.execute(_NEWEST_RUN).fetchone() != (newest_run,):
                raise InputError(
                    "A run has begun since the rows of whoever is to be forgotten were looked for. Do the same again; nothing was erased."
                )
            for column, tags in (("id_tag", id_tags), ("card_tag", card_tags)):
                for batch in padded_batches(tags, _BATCH):
                    _take_person(con, column, batch, at, counts)
            for job, places in rows.items():
                con.executemany(
                    "INSERT OR IGNORE INTO forgotten SELECT number, ?, ? FROM job WHERE id = ?",
                    [(row, billed.value, job) for row, billed in places.items()],
                )
            con.executemany("UPDATE job SET closed_at = ? WHERE id = ? AND closed_at IS NULL", [(at.now, job) for job in close])

        now = moment(at.now)
        return self._erase("forget", (now, now, moment(0)), at, act)

    def forgotten_rows(self, job: str) -> dict[int, Billed]:
        """Find the rows of a job whose person was forgotten, with what each had cost."""
        found = self._fetch("SELECT row, billed FROM forgotten WHERE job = (SELECT number FROM job WHERE id = ?)", (job,))
        return {row: billed_of(billed) for row, billed in found}

    def note_forgotten(self, job: str, rows: Iterable[int]) -> None:
        """Say of rows of a new job that their person was forgotten before it began: they cost nothing here."""
        with self._writing() as con:
            con.executemany(
                "INSERT OR IGNORE INTO forgotten SELECT number, ?, '0' FROM job WHERE id = ?", [(row, job) for row in rows]
            )

    def has_forgotten(self) -> bool:
        """Tell whether anybody was ever forgotten here."""
        return bool(self._fetch("SELECT 1 FROM forgotten LIMIT 1", ()))

    # The chain ---------------------------------------------------------------------------------------------------

    def erasures(self) -> list[Erasure]:
        """List the chain of erasures, oldest first."""
        return [
            Erasure(number=number, at=moment(at), kind=kind, counts=json.loads(counts), gone=gone.hex(), hash=link.hex())
            for number, at, kind, counts, gone, link in self._fetch(_ENTRIES, ())
        ]

    def head(self) -> str:
        """Give the last hash of the chain in hex, "" where nothing was ever erased."""
        found = self._fetch(_NEWEST, ())
        return found[0][1].hex() if found else ""

    def newest_run(self) -> int:
        """Give the number of the newest run, 0 where there is none."""
        return int(self._fetch(_NEWEST_RUN, ())[0][0])

    def chain_holds(self) -> bool:
        """Compute the chain anew; False when an entry was changed or removed, or a permission is left over."""
        link = b""
        for expected, (number, at, kind, counts, gone, written) in enumerate(self._fetch(_ENTRIES, ()), 1):
            link = erasure_link(link, number=number, at=at, kind=kind, counts=counts, gone=gone)
            if number != expected or link != written:
                return False
        permitted = self._fetch("SELECT count(*), max(number) FROM erasing", ())
        written_down = self._fetch("SELECT count(*), max(number) FROM erasure", ())
        return permitted == written_down

    # How -----------------------------------------------------------------------------------------------------------

    def _pages(self, query: str, *limits: int) -> Iterator[list[Row]]:
        last = 0
        while page := self._fetch(query, (last, *limits)):
            yield page
            last = page[-1][0]

    def _of_job(self, job: int) -> dict[str, int]:
        counts = {"runs": self._fetch("SELECT count(*) FROM run WHERE job = ?", (job,))[0][0]}
        return counts | {
            f"{table}s": self._fetch(f"SELECT count(*) FROM {table} WHERE {_IN_JOB}", (job,))[0][0] for table in OF_RUN
        }

    def _erase(
        self,
        kind: str,
        limits: tuple[datetime, datetime, datetime],
        at: Instant,
        act: Callable[[sqlite3.Connection, Counter[str]], None],
        *,
        gone: int | None = None,
    ) -> Erased:
        """Erase in one transaction: first what may go, at the end what did. A purge that finds nothing leaves no entry."""
        counts: Counter[str] = Counter()
        with self._writing() as con:
            con.execute("PRAGMA secure_delete = ON")
            con.execute("SAVEPOINT erasing")
            if kind == "purge" and con.execute(_LIVING).fetchone():  # begun since: the rest goes the next time
                return Erased()
            last, head = con.execute(_NEWEST).fetchone() or (0, b"")
            permission = (last + 1, kind, at.now, at.boot, at.monotonic, *(micros(limit) for limit in limits))
            con.execute("INSERT INTO erasing VALUES (?, ?, ?, ?, ?, ?, ?, ?)", permission)
            heads = b"" if gone is None else _heads(con, gone)
            act(con, counts)
            if kind == "purge" and not any(counts.values()):
                con.execute("ROLLBACK TO erasing")
                return Erased(counts=_ordered(counts))
            words = json.dumps(_ordered(counts), separators=(",", ":"))
            link = erasure_link(head, number=last + 1, at=at.now, kind=kind, counts=words, gone=heads)
            con.execute("INSERT INTO erasure VALUES (?, ?, ?, ?, ?, ?)", (last + 1, at.now, kind, words, heads, link))
        return Erased(counts=_ordered(counts), first=last + 1, last=last + 1)


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return {kind: counts.get(kind, 0) for kind in KINDS}


def head_of(con: sqlite3.Connection) -> str:
    """Give the head of the chain of erasures within a transaction, "" where nothing was ever erased."""
    found = con.execute(_NEWEST).fetchone()
    return found[1].hex() if found else ""


def _refuse_living(con: sqlite3.Connection) -> None:
    living = con.execute(_LIVING).fetchone()
    if living is not None:
        raise InputError(f"The run {living[0]} is going on. Erase when it has ended; nothing was erased.")


def _heads(con: sqlite3.Connection, job: int) -> bytes:
    """Hash the heads of the runs whose record goes, so that a head which was kept elsewhere can still be found in here."""
    found = con.execute("SELECT id, head FROM run WHERE job = ? ORDER BY number", (job,)).fetchall()
    return hashlib.sha256("".join(f"{run} {head.hex()}\n" for run, head in found).encode()).digest()


def _take_answers(page: list[Row], con: sqlite3.Connection, counts: Counter[str]) -> None:
    counts["answers"] = con.executemany("UPDATE attempt SET sealed = NULL WHERE number = ?", page).rowcount


def _take_codes(page: list[Row], at: Instant, con: sqlite3.Connection, counts: Counter[str]) -> None:
    counts["codes"] = con.executemany(_ERASE, [(at.now, *row) for row in page]).rowcount
    con.execute(_CLOSE, (at.now, page[0][0], page[-1][0]))


def _take_holds_and_locks(codes: int, at: Instant, con: sqlite3.Connection, counts: Counter[str]) -> None:
    counts["holds"] = con.execute(f"DELETE {_OLD_HOLDS}", (codes,)).rowcount
    counts["locks"] = con.execute(f"DELETE {_OLD_LOCKS}", (at.now, at.boot, at.monotonic, codes)).rowcount


def _take_person(con: sqlite3.Connection, column: str, tags: Sequence[bytes], at: Instant, counts: Counter[str]) -> None:
    found = con.execute(f"SELECT number, sealed IS NOT NULL FROM attempt WHERE {column} IN ({_SLOTS})", tags).fetchall()
    con.executemany(_ERASE, [(at.now, number) for number, _ in found])
    counts["codes"] += len(found)
    counts["answers"] += sum(has_answer for _, has_answer in found)
    counts["holds"] += con.execute(f"DELETE FROM hold WHERE {column} IN ({_SLOTS})", tags).rowcount


def _take_plans(codes: int, audit: int, con: sqlite3.Connection, counts: Counter[str]) -> None:
    """Plans that nobody approved go with the codes, approved ones with the record of their runs: they name files. So do acts."""
    counts["plans"] = approving.take_old(con, codes, audit)
    acting.take_old(audit, con, counts)


def _take_job(job: int, con: sqlite3.Connection, counts: Counter[str]) -> None:
    for table in OF_RUN:
        counts[f"{table}s"] = con.execute(f"DELETE FROM {table} WHERE {_IN_JOB}", (job,)).rowcount
    for table in OF_JOB:
        gone = con.execute(f"DELETE FROM {table} WHERE job = ?", (job,)).rowcount
        if f"{table}s" in KINDS:
            counts[f"{table}s"] = gone
    counts["jobs"] = con.execute("DELETE FROM job WHERE number = ?", (job,)).rowcount
