"""What is old goes, and whoever asks is forgotten: in the ledger, in the cache, in every file of the home, with a certificate.

The one thing to know: a person is known here by tags only, so their rows are found by reading the inputs of all jobs again. What
stays is that a row of some job was forgotten and what it had cost, by its number. An input that is gone cannot be read: then a
job that had asked about them is closed, for gone on with, it would buy the row again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from batchverify.errors import BatchVerifyError, HomeError, InputError
from batchverify.job import uploads
from batchverify.job.lines import Lines
from batchverify.job.opening import lines_of
from batchverify.job.realm import Realm, open_realm
from batchverify.job.session import Session
from batchverify.model import AttemptState, Billed, Query
from batchverify.report.audit import signed_bytes
from batchverify.rules.retention import Keep, Limits, limits_of
from batchverify.rules.windows import beijing_time
from batchverify.settings import Settings
from batchverify.store.files import write_synced
from batchverify.store.ledger.erasing import Erased
from batchverify.store.ledger.limits import Instant
from batchverify.store.ledger.rows import micros
from batchverify.store.signing import fingerprint
from batchverify.tables.passwords import Passwords

FOLDER = "certificates"
_REALMS = {False: "real", True: "sandbox"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What a realm knows of somebody, or holds that is old. `files` are the user's own, which nobody deletes for them.

    `uploads` are the jobs of a desk whose files go.
    """

    simulated: bool
    erased: Erased
    jobs: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    rows: int = 0
    locked_until: datetime | None = None
    files: tuple[str, ...] = ()
    uploads: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The traces for a certificate: counts, ids and file names, and nobody."""
        return {
            "erased": dict(self.erased.counts),
            "jobs": list(self.jobs),
            "jobs_closed": list(self.closed),
            "rows_forgotten": self.rows,
            "locked_until": None if self.locked_until is None else beijing_time(self.locked_until),
            "files_of_yours": list(self.files),
            "uploads": list(self.uploads),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was erased, signed with the home's key. `is_scrubbed` is False where another process kept old bytes alive."""

    document: Mapping[str, Any]
    is_scrubbed: bool
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    """One erasing that has been looked at and not begun: `go` does it. `found` are both realms' traces, before anything went."""

    kind: str
    found: tuple[Traces, ...]
    _go: Callable[[Path | None], Certificate] = field(repr=False)
    _tidy: Callable[[], bool] = field(repr=False)

    def __bool__(self) -> bool:
        return any(traces.erased or traces.rows or traces.closed or traces.uploads for traces in self.found)

    def go(self, output: Path | None) -> Certificate:
        """Erase, and write the certificate to `output`, else into the home.

        Raises:
            InputError: A run is going on, or there is a file of that name already. Nothing was erased.
        """
        return self._go(output)

    def tidy(self) -> bool:
        """Where nothing is to go: take what an earlier erasing that was cut short has left; False while others are in the way."""
        return self._tidy()


@contextmanager
def purging(session: Session, *, older_than_days: float | None = None) -> Iterator[Erasing]:
    """Look what is older than it is kept.

    Raises:
        SettingsError: Something would go while it is still needed. Nothing was erased.
    """
    limits = limits_of(keep_of(session.settings), now=session.clock.now(), older_than_days=older_than_days)
    ages = (limits.answers_before, limits.codes_before, limits.audit_before)
    days = session.settings.keep_uploads_days if older_than_days is None else older_than_days
    uploaded_before = session.clock.now() - timedelta(days=days)
    with _realms(session) as realms:

        def look(realm: Realm) -> Traces:
            old = tuple(folder.id for folder in uploads.old_cases(realm, before=uploaded_before))
            return Traces(simulated=realm.simulated, erased=realm.ledger.retention().due(ages, at=_at(realm)), uploads=old)

        def act(realm: Realm) -> Traces:
            before = {job.id for job in realm.ledger.jobs() if job.closed_at is not None}
            written = {job.id: realm.ledger.outputs(job.id) for job in realm.ledger.jobs()}
            erased = realm.ledger.retention().purge(ages, at=_at(realm))
            realm.cache.drop((), before=limits.answers_before, known=partial(_known, realm))
            closed = tuple(job.id for job in realm.ledger.jobs() if job.closed_at is not None and job.id not in before)
            gone = written.keys() - {job.id for job in realm.ledger.jobs()}
            files = sorted({output.path for job in {*closed, *gone} for output in written[job]})
            taken = uploads.remove(uploads.old_cases(realm, before=uploaded_before))
            return Traces(simulated=realm.simulated, erased=erased, closed=closed, files=tuple(files), uploads=taken)

        def go(output: Path | None) -> Certificate:
            certificate = _erase(realms, "purge", act, output, session, limits=limits)
            _drop_old_certificates(session.home / FOLDER, before=limits.audit_before)
            return certificate

        def tidy() -> bool:
            if any(realm.ledger.retention().is_asking() for realm in realms):
                return False
            for realm in realms:
                realm.cache.drop((), before=limits.answers_before, known=partial(_known, realm))
            return _scrub(realms)

        yield Erasing(kind="purge", found=tuple(look(realm) for realm in realms), _go=go, _tidy=tidy)


@contextmanager
def forgetting(session: Session, numbers: Collection[str]) -> Iterator[Erasing]:
    """Look what is known of whoever has these ID and card numbers, in every form that `rules.subject` gives."""
    with _realms(session) as realms:
        newest = {realm.simulated: realm.ledger.retention().newest_run() for realm in realms}
        places = {realm.simulated: _places(realm, numbers, session.passwords) for realm in realms}
        held = {realm.simulated: uploads.cases_about(realm, numbers, session.passwords) for realm in realms}

        def look(realm: Realm) -> Traces:
            known = realm.ledger.retention().subject(*_tags(realm, numbers))
            rows, unread = places[realm.simulated]
            jobs = tuple(sorted({*known.jobs, *rows}))
            until = known.locked_until
            return Traces(
                simulated=realm.simulated,
                erased=Erased(counts={"codes": len(known.attempts)}),
                jobs=jobs,
                # Whether it had asked about them or not: it may have reused what is erased, or not have come to their row yet.
                closed=tuple(sorted(unread & {*known.jobs, *realm.ledger.retention().may_know(known.attempts)})),
                rows=sum(len(found) for found in rows.values()),
                locked_until=until if until is not None and until > realm.clock.now() else None,
                files=uploads.others(_files(realm, jobs), held[realm.simulated]),
                uploads=tuple(folder.id for folder in held[realm.simulated]),
            )

        def act(realm: Realm) -> Traces:
            found = look(realm)
            book = realm.ledger.retention()
            keys = book.subject(*_tags(realm, numbers)).keys | _keys(places[realm.simulated][0])
            rows = {job: {row: cost for row, (_, cost) in met.items()} for job, met in places[realm.simulated][0].items()}
            erased = book.forget(
                *_tags(realm, numbers), rows=rows, close=found.closed, at=_at(realm), newest_run=newest[realm.simulated]
            )
            realm.cache.drop(keys, before=None, known=partial(_known, realm))
            taken = uploads.remove(held[realm.simulated])
            return Traces(
                simulated=realm.simulated,
                erased=erased,
                jobs=found.jobs,
                closed=found.closed,
                rows=found.rows,
                locked_until=found.locked_until,
                files=found.files,
                uploads=taken,
            )

        yield Erasing(
            kind="forget",
            found=tuple(look(realm) for realm in realms),
            _go=lambda output: _erase(realms, "forget", act, output, session),
            _tidy=lambda: _scrub(realms),
        )


def keep_of(settings: Settings) -> Keep:
    """How long things are kept, as the settings say."""
    return Keep(
        answers_days=settings.keep_answers_days,
        codes_days=settings.keep_codes_days,
        audit_days=settings.keep_audit_days,
        reuse_days=max(settings.reuse_days_matched, settings.reuse_days_other),
        lock_minutes=settings.lock_minutes,
    )


@contextmanager
def _realms(session: Session) -> Iterator[tuple[Realm, Realm]]:
    with (
        open_realm(session.home, simulated=False, clock=session.clock) as real,
        open_realm(session.home, simulated=True, clock=session.clock) as simulated,
    ):
        yield real, simulated


def _at(realm: Realm) -> Instant:
    clock = realm.clock
    return Instant(now=micros(clock.now()), boot=clock.boot, monotonic=clock.monotonic())


def _tags(realm: Realm, numbers: Collection[str]) -> tuple[list[bytes], list[bytes]]:
    """The tags of the numbers, as ID numbers and as cards: a number is looked up as both."""
    return [realm.vault.id_tag(number) for number in numbers], [realm.vault.card_tag(number) for number in numbers]


def _known(realm: Realm, keys: Sequence[bytes]) -> Collection[bytes]:
    return realm.ledger.attempts(keys).keys()


_Met = dict[int, tuple[bytes, Billed]]


def _places(realm: Realm, numbers: Collection[str], passwords: Passwords) -> tuple[dict[str, _Met], frozenset[str]]:
    """The rows that ask about these numbers, by job, each with its key and its cost; and the jobs whose input cannot be read."""
    found: dict[str, _Met] = {}
    unread = set()
    for job in realm.ledger.jobs():
        if job.closed_at is not None:
            continue
        try:
            with lines_of(job, realm, passwords) as lines:
                met = _rows_of(lines, numbers)
        except HomeError:
            raise
        except BatchVerifyError:
            unread.add(job.id)
            continue
        if met:
            found[job.id] = _with_costs(realm, job.id, met)
    return found, frozenset(unread)


def _rows_of(lines: Lines, numbers: Collection[str]) -> dict[int, bytes]:
    return {
        line.record.number: line.key
        for line in lines
        if line.key is not None
        and isinstance(line.question, Query)
        and (line.question.id_card in numbers or line.question.account_no in numbers)
    }


def _with_costs(realm: Realm, job: str, met: Mapping[int, bytes]) -> _Met:
    """Beside each row what stands there now: the first of a question bears its cost, the others none."""
    attempts = realm.ledger.attempts(list(set(met.values())))
    costs: _Met = {}
    seen = set()
    for row, key in sorted(met.items()):
        mine = [one for one in attempts.get(key, ()) if one.job == job and one.state is not AttemptState.NOT_BILLED]
        costs[row] = (key, mine[-1].billed if mine and key not in seen else Billed.NO)
        seen.add(key)
    return costs


def _keys(rows: Mapping[str, _Met]) -> frozenset[bytes]:
    return frozenset(key for met in rows.values() for key, _ in met.values())


def _files(realm: Realm, jobs: Sequence[str]) -> tuple[str, ...]:
    """What lies outside of the home and is the user's: the inputs of these jobs, and what was written for them."""
    inputs = {realm.ledger.job(job).spec.path for job in jobs}
    return tuple(sorted(inputs | {output.path for job in jobs for output in realm.ledger.outputs(job)}))


def _erase(
    realms: Sequence[Realm],
    kind: str,
    act: Callable[[Realm], Traces],
    output: Path | None,
    session: Session,
    *,
    limits: Limits | None = None,
) -> Certificate:
    now = session.clock.now()
    folder = session.home / FOLDER
    path = output or _free_name(folder, f"{kind}-{beijing_time(now)[:19].replace(':', '').replace('-', '')}")
    if path.exists():  # before anything goes: what was erased cannot be erased again for its certificate
        raise InputError(f"{str(path)!r} exists already. Name another file with -o; nothing was erased.")
    if output is None:
        folder.mkdir(mode=0o700, exist_ok=True)
    elif not path.parent.is_dir():
        raise InputError(
            f"There is no folder {str(path.parent)!r} for the certificate. Name another file with -o; nothing was erased."
        )
    done = [act(realm) for realm in realms]
    is_scrubbed = _scrub(realms)
    signer = realms[0].vault.signer
    document: dict[str, Any] = {
        "schema": 1,
        "certificate": kind,
        "at": beijing_time(now),
        "operator": session.settings.operator,
        "limits": None if limits is None else _spelled(limits),
        **{_REALMS[one.simulated]: one.as_json() for one in done},
        "erasures": {_REALMS[realm.simulated]: _standing(realm, one.erased) for realm, one in zip(realms, done, strict=True)},
        "old_bytes_are_gone": is_scrubbed,
        "signer": {"algorithm": "Ed25519", "public_key": signer.public_key, "fingerprint": fingerprint(signer.public_key)},
    }
    document |= {"signature": signer.sign(signed_bytes(document))}
    _write(path, document)
    return Certificate(document=document, is_scrubbed=is_scrubbed, path=path)


def _scrub(realms: Sequence[Realm]) -> bool:
    """Write all files anew. Each, also where one cannot be: every one of them holds less afterwards."""
    return all([scrub() for realm in realms for scrub in (realm.ledger.retention().scrub, realm.cache.scrub)])  # noqa: C419 - all of them


def _free_name(folder: Path, stem: str) -> Path:
    """A name that no certificate has: two in one second are two."""
    names = (folder / f"{stem}{'' if number == 1 else f'-{number}'}.json" for number in count(1))
    return next(path for path in names if not path.exists())


def _spelled(limits: Limits) -> dict[str, str]:
    return {
        "answers_before": beijing_time(limits.answers_before),
        "codes_before": beijing_time(limits.codes_before),
        "record_before": beijing_time(limits.audit_before),
    }


def _standing(realm: Realm, erased: Erased) -> dict[str, Any]:
    """Where the chain of erasures stands, and whether all chains hold."""
    runs = [run.id for job in realm.ledger.jobs() for run in realm.ledger.runs(job.id)]
    return {
        "first": erased.first,
        "last": erased.last,
        "head": realm.ledger.retention().head(),
        "chains_hold": realm.ledger.retention().chain_holds() and all(realm.ledger.audit().verify_chain(run) for run in runs),
    }


def _write(path: Path, document: Mapping[str, Any]) -> None:
    try:
        write_synced(path, (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode())
    except OSError as error:
        raise HomeError(
            f"It is erased, and the certificate {str(path)!r} could not be written: {error.strerror}. "
            "The entry in the chain of erasures stays; `batchverify doctor` looks at it."
        ) from None


def _drop_old_certificates(folder: Path, *, before: datetime) -> None:
    """Certificates go with the record they belong to. They name files, which are the user's words."""
    for path in folder.glob("*.json"):
        if datetime.fromtimestamp(path.stat().st_mtime, tz=before.tzinfo) <= before:
            path.unlink(missing_ok=True)
