"""The ledger's tables, and the opening of its file.

The one thing to know: the rules about money are constraints here, not code elsewhere. Whatever path a statement takes,
a key that is held, an ID number or a card in flight and a transition that is not drawn in RELIABILITY §2 are refused by
the database itself.

Wall times are INTEGER microseconds UTC, monotonic instants REAL seconds that mean something within one `boot` only.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from batchverify.errors import HomeError
from batchverify.store.files import create_once
from batchverify.store.ledger import acting
from batchverify.store.ledger.alerting import TABLES as ALERTS
from batchverify.store.ledger.approving import TABLES as APPROVAL
from batchverify.store.ledger.usage import TABLES as USAGE
from batchverify.store.ledger.wallet import TABLES as WALLET

#: "BVL" and the realm. A simulated ledger under the real one's name is refused, for its answers were made up.
APPLICATION_IDS = {False: 0x42564C52, True: 0x42564C53}
SCHEMA_VERSION = 3
#: What a ledger has to be brought up from at the least.
_OLDEST_VERSION = 2
#: Longer than the longest honest transaction (recovery of 100,000 attempts), shorter than a lease.
BUSY_TIMEOUT_SECONDS = 10
CACHE_KIB = 32_768
CHECKPOINT_PAGES = 10_000
#: How long the record of money and consent is kept at the least (PIPL 56).
AUDIT_FLOOR_DAYS = 1_095

# `released` is 0 while the attempt holds its key and the attempt's own number afterwards, so that one unique index says
# both "one holder per key" and "which attempts had this key"; a partial index beside a plain one costs a third more.
SCHEMA = """
CREATE TABLE job (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  path TEXT NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, sheet TEXT NOT NULL, encoding TEXT NOT NULL,
  product TEXT NOT NULL, identity TEXT NOT NULL, options TEXT NOT NULL,
  created_at INTEGER NOT NULL, finished_at INTEGER, closed_at INTEGER
) STRICT;
CREATE INDEX job_by_input ON job (sha256);

CREATE TABLE run (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  job INTEGER NOT NULL REFERENCES job,
  kind TEXT NOT NULL CHECK (kind IN ('first', 'resume', 'rerun')),
  lock TEXT NOT NULL, boot TEXT NOT NULL, lease_until REAL NOT NULL,
  cap_asks INTEGER, qps REAL, asks_per_card INTEGER NOT NULL, wallet_total INTEGER, wallet_left INTEGER, unit_price TEXT,
  terms TEXT NOT NULL DEFAULT '{}', last_attempt INTEGER,
  matched_after INTEGER NOT NULL, other_after INTEGER NOT NULL, newest_attempt INTEGER NOT NULL,
  started_at INTEGER NOT NULL, ended_at INTEGER, reason TEXT NOT NULL DEFAULT '',
  spent INTEGER NOT NULL DEFAULT 0, reserved INTEGER NOT NULL DEFAULT 0,
  seq INTEGER NOT NULL DEFAULT 0, head BLOB NOT NULL,
  approval TEXT REFERENCES approval,
  CHECK (spent >= 0 AND reserved >= 0),
  CHECK (cap_asks IS NULL OR spent + reserved <= cap_asks),
  CHECK (ended_at IS NULL OR reserved = 0)
) STRICT;
CREATE INDEX run_by_job ON run (job);
CREATE INDEX run_alive ON run (number) WHERE ended_at IS NULL;

CREATE TABLE attempt (
  number INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES run,
  key BLOB NOT NULL, id_tag BLOB NOT NULL, card_tag BLOB, nonce BLOB,
  product TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'not_billed', 'in_doubt')),
  released INTEGER NOT NULL DEFAULT 0 CHECK (released IN (0, number)),
  reserved_at INTEGER NOT NULL, reserved_mono REAL NOT NULL, settled_at INTEGER,
  code TEXT NOT NULL DEFAULT '',
  billed TEXT NOT NULL DEFAULT '?' CHECK (billed IN ('0', '1', '?')),
  request_id TEXT NOT NULL DEFAULT '', vendor_at INTEGER, sealed BLOB,
  repeats INTEGER,
  erased_at INTEGER,
  CHECK ((state = 'open') = (settled_at IS NULL)),
  CHECK (state <> 'open' OR released = 0),
  CHECK (state <> 'not_billed' OR (billed = '0' AND released = number)),
  CHECK (sealed IS NULL OR state = 'answered'),
  CHECK ((erased_at IS NULL) = (nonce IS NOT NULL)),
  CHECK (erased_at IS NULL OR
    (state <> 'open' AND released = number AND key = x'' AND id_tag = x'' AND card_tag IS NULL AND sealed IS NULL))
) STRICT;
CREATE UNIQUE INDEX attempt_key ON attempt (key, released);
CREATE UNIQUE INDEX attempt_id_open ON attempt (id_tag) WHERE state = 'open';
CREATE UNIQUE INDEX attempt_card_open ON attempt (card_tag) WHERE state = 'open';
CREATE INDEX attempt_card ON attempt (card_tag) WHERE card_tag IS NOT NULL;
CREATE INDEX attempt_run ON attempt (run);

CREATE TRIGGER attempt_begins_open BEFORE INSERT ON attempt WHEN NEW.state <> 'open'
BEGIN SELECT RAISE(ABORT, 'an attempt begins as open'); END;
CREATE TRIGGER attempt_transition BEFORE UPDATE OF state ON attempt
WHEN OLD.state <> 'open' AND NOT (OLD.state = 'in_doubt' AND NEW.state = 'not_billed') OR NEW.state = 'open'
BEGIN SELECT RAISE(ABORT, 'this transition is not drawn'); END;
CREATE TRIGGER attempt_release BEFORE UPDATE OF released ON attempt WHEN OLD.released <> 0 AND NEW.released <> OLD.released
BEGIN SELECT RAISE(ABORT, 'a released key is not taken back'); END;
CREATE TRIGGER attempt_identity BEFORE UPDATE OF number, run, product, reserved_at, reserved_mono, repeats
ON attempt BEGIN SELECT RAISE(ABORT, 'what was asked does not change'); END;

CREATE TABLE lock (
  number INTEGER PRIMARY KEY,
  id_tag BLOB NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
  boot TEXT NOT NULL, mono_since REAL NOT NULL, mono_until REAL NOT NULL
) STRICT;
CREATE INDEX lock_id ON lock (id_tag);
CREATE TRIGGER lock_grows BEFORE UPDATE ON lock BEGIN SELECT RAISE(ABORT, 'a lock is not changed'); END;

CREATE TABLE hold (
  job INTEGER NOT NULL REFERENCES job,
  key BLOB NOT NULL, id_tag BLOB NOT NULL, card_tag BLOB, code TEXT NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (job, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE rate (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  tat REAL NOT NULL, interval REAL NOT NULL, boot TEXT NOT NULL
) STRICT;
INSERT INTO rate VALUES (1, 0, 0, '');

CREATE TABLE purse (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  spent INTEGER NOT NULL CHECK (spent >= 0), reserved INTEGER NOT NULL CHECK (reserved >= 0)
) STRICT;
INSERT INTO purse VALUES (1, 0, 0);

CREATE TABLE event (
  run INTEGER NOT NULL REFERENCES run, seq INTEGER NOT NULL, at INTEGER NOT NULL,
  attempt INTEGER NOT NULL, tag BLOB NOT NULL, transition TEXT NOT NULL,
  code TEXT NOT NULL, billed TEXT NOT NULL, request_id TEXT NOT NULL, hash BLOB NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER event_grows BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'an event is not changed'); END;

CREATE TABLE output (
  job INTEGER NOT NULL REFERENCES job, path TEXT NOT NULL, sha256 TEXT NOT NULL, written_at INTEGER NOT NULL,
  PRIMARY KEY (job, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE vault (one INTEGER PRIMARY KEY CHECK (one = 1), mark TEXT NOT NULL) STRICT;
"""

# Nothing is erased but under a row of `erasing`, which says what may go; and that row can only be committed together with its
# entry in `erasure`, which is a hash chain and stays. Once the entry is there, the permission is used up. Younger than three
# years, no record of money goes, whoever asks (PIPL 56).
_LIVE = "SELECT 1 FROM erasing WHERE erasing.number > (SELECT coalesce(max(erasure.number), 0) FROM erasure)"
RETENTION = f"""
CREATE TABLE erasure (
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, counts TEXT NOT NULL, gone BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TRIGGER erasure_grows BEFORE UPDATE ON erasure BEGIN SELECT RAISE(ABORT, 'an erasure is not changed'); END;
CREATE TRIGGER erasure_stays BEFORE DELETE ON erasure BEGIN SELECT RAISE(ABORT, 'an erasure is not taken away'); END;

CREATE TABLE erasing (
  number INTEGER PRIMARY KEY REFERENCES erasure DEFERRABLE INITIALLY DEFERRED,
  kind TEXT NOT NULL CHECK (kind IN ('purge', 'forget')),
  at INTEGER NOT NULL, boot TEXT NOT NULL, mono REAL NOT NULL,
  answers_before INTEGER NOT NULL, codes_before INTEGER NOT NULL, audit_before INTEGER NOT NULL,
  CHECK (audit_before <= codes_before AND codes_before <= answers_before AND answers_before <= at),
  CHECK (audit_before <= at - {AUDIT_FLOOR_DAYS * 86_400_000_000})
) STRICT;
CREATE TRIGGER erasing_follows BEFORE INSERT ON erasing
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM erasure)
BEGIN SELECT RAISE(ABORT, 'an erasure follows the last one'); END;
CREATE TRIGGER erasing_grows BEFORE UPDATE ON erasing BEGIN SELECT RAISE(ABORT, 'an erasure is not changed'); END;
CREATE TRIGGER erasing_stays BEFORE DELETE ON erasing BEGIN SELECT RAISE(ABORT, 'an erasure is not taken away'); END;

CREATE TRIGGER attempt_erased BEFORE UPDATE OF key, id_tag, card_tag, nonce, erased_at ON attempt
WHEN OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL OR NOT EXISTS ({_LIVE} AND OLD.settled_at <= codes_before)
BEGIN SELECT RAISE(ABORT, 'what was asked does not change'); END;
CREATE TRIGGER attempt_answer BEFORE UPDATE OF sealed ON attempt
WHEN OLD.sealed IS NOT NULL AND (NEW.sealed IS NOT NULL OR NOT EXISTS ({_LIVE} AND OLD.settled_at <= answers_before))
BEGIN SELECT RAISE(ABORT, 'an answer does not change'); END;
CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt WHEN NOT EXISTS ({_LIVE} AND OLD.settled_at <= audit_before)
BEGIN SELECT RAISE(ABORT, 'attempts are kept'); END;
CREATE TRIGGER event_stays BEFORE DELETE ON event WHEN NOT EXISTS ({_LIVE} AND OLD.at <= audit_before)
BEGIN SELECT RAISE(ABORT, 'an event is not taken away'); END;
CREATE TRIGGER run_stays BEFORE DELETE ON run WHEN NOT EXISTS ({_LIVE} AND OLD.ended_at <= audit_before)
BEGIN SELECT RAISE(ABORT, 'a run is not taken away'); END;
CREATE TRIGGER job_stays BEFORE DELETE ON job WHEN NOT EXISTS ({_LIVE} AND OLD.created_at <= audit_before)
BEGIN SELECT RAISE(ABORT, 'a job is not taken away'); END;
CREATE TRIGGER lock_stays BEFORE DELETE ON lock
WHEN NOT EXISTS ({_LIVE} AND OLD.until <= erasing.at
  AND NOT (OLD.boot = erasing.boot AND OLD.mono_since <= erasing.mono AND OLD.mono_until > erasing.mono))
BEGIN SELECT RAISE(ABORT, 'a lock is not taken away'); END;

CREATE TABLE forgotten (
  job INTEGER NOT NULL REFERENCES job, row INTEGER NOT NULL, billed TEXT NOT NULL CHECK (billed IN ('0', '1', '?')),
  PRIMARY KEY (job, row)
) STRICT, WITHOUT ROWID;
"""


#: By version, what a ledger of the one before lacks.
_BROUGHT = {3: (*acting.statements(_LIVE), "CREATE INDEX attempt_id ON attempt (id_tag)")}


def create_file(path: Path, *, simulated: bool) -> None:
    """Make the file at `path` if there is none; two processes at once agree. Raises HomeError."""

    def build(fresh: Path) -> None:
        # By hand first: SQLite would give it the modes of the umask, and its journals take theirs from it.
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        con = sqlite3.connect(fresh, isolation_level=None)
        try:
            con.execute("PRAGMA synchronous = FULL")
            con.executescript(f"BEGIN;{SCHEMA}{WALLET}{RETENTION}{APPROVAL}{ALERTS}{USAGE}{';'.join(_BROUGHT[3])};COMMIT;")
            con.execute(f"PRAGMA application_id = {APPLICATION_IDS[simulated]}")
            con.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            # Fetched, for the change is committed with the last step, and nobody hears of an error of that from a cursor that
            # is thrown away. Then, and where the system cannot share memory, the file would be refused for ever after.
            if con.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
                raise HomeError(
                    f"The ledger {str(path)!r} could not be created: the disk failed, or its file system cannot hold a ledger. "
                    "Nothing was sent. Try again, or choose a home on a local disk with --home."
                )
        finally:
            con.close()

    try:
        create_once(path, build)
    except (sqlite3.Error, OSError) as error:
        raise HomeError(
            f"The ledger {str(path)!r} could not be created: {reason_of(error)}. Nothing was sent. Choose a writable home."
        ) from None


def reason_of(error: sqlite3.Error | OSError) -> str:
    """Say what SQLite or the system says. Its texts name tables and constraints, never a value."""
    name = getattr(error, "sqlite_errorname", "")
    return f"{error} ({name})" if name else f"{getattr(error, 'strerror', None) or error}"


def connect(path: Path, *, simulated: bool) -> sqlite3.Connection:
    """Open the existing file at `path` and refuse whatever is not our ledger. Raises HomeError, sqlite3.Error."""
    con = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False)
    try:
        _set_up(con)
        _refuse_foreign(con, path, simulated=simulated)
        _bring_up(con)
    except BaseException:
        con.close()
        raise
    return con


def scrub(con: sqlite3.Connection) -> bool:
    """Write the file anew and empty its log, so that nothing erased is left in either; False while others are in the way.

    A page that was split, or freed before `secure_delete` was on, keeps stale bytes that no DELETE reaches. Raises sqlite3.Error.
    """
    try:
        con.execute("VACUUM")
        (busy, *_) = con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return False
        raise
    return not busy


def _set_up(con: sqlite3.Connection) -> None:
    con.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    # FULL, not NORMAL: under NORMAL a power cut may take back a commit, and a forgotten reservation is a second bill.
    con.execute("PRAGMA synchronous = FULL")
    con.execute("PRAGMA foreign_keys = ON")
    con.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    # macOS answers fsync before the platter has it; elsewhere this changes nothing.
    con.execute("PRAGMA fullfsync = ON")
    # Copying the log back costs two more waits for the disk, in the middle of somebody's commit: at most every 40 MB.
    con.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    # A ledger that a stranger has prepared must not run anything of theirs.
    con.execute("PRAGMA trusted_schema = OFF")


def _refuse_foreign(con: sqlite3.Connection, path: Path, *, simulated: bool) -> None:
    (found,) = con.execute("PRAGMA application_id").fetchone()
    (version,) = con.execute("PRAGMA user_version").fetchone()
    if found == APPLICATION_IDS[not simulated]:
        realm = "real" if simulated else "simulated"
        raise HomeError(f"{str(path)!r} holds {realm} asks and was moved here from another place. Put it back where it was.")
    if found != APPLICATION_IDS[simulated]:
        raise HomeError(
            f"{str(path)!r} is no ledger of batchverify, or it is damaged. Nothing was sent. "
            "Put back a copy of it; a new one would forget what was already paid."
        )
    if version < _OLDEST_VERSION:
        raise HomeError(
            f"{str(path)!r} was written by a batchverify before the first release (ledger version {version}, this one knows "
            f"{SCHEMA_VERSION}). Keep that home for its records and begin another one with --home."
        )
    if version > SCHEMA_VERSION:
        raise HomeError(
            f"{str(path)!r} was written by a newer batchverify (ledger version {version}, this one knows {SCHEMA_VERSION}). "
            "Update batchverify."
        )
    (mode,) = con.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise HomeError(f"{str(path)!r} is not in WAL mode but {mode!r}. Its file system cannot hold a ledger; use a local one.")


def _bring_up(con: sqlite3.Connection) -> None:
    """Give a ledger of an older version what it lacks: all of it in one transaction, or nothing. Raises sqlite3.Error."""
    (found,) = con.execute("PRAGMA user_version").fetchone()
    if found == SCHEMA_VERSION:
        return
    con.execute("BEGIN IMMEDIATE")
    try:
        # Once more, under the lock: another process may have been faster.
        (found,) = con.execute("PRAGMA user_version").fetchone()
        for version in range(found + 1, SCHEMA_VERSION + 1):
            for statement in _BROUGHT[version]:
                con.execute(statement)
        con.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise


def damages(con: sqlite3.Connection) -> list[str]:
    """Read the whole file and list what is wrong with it. Raises sqlite3.DatabaseError where it cannot even be read."""
    found = [str(row[0]) for row in con.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
    return found + [f"Row {row[1]} of {row[0]} refers to nothing." for row in con.execute("PRAGMA foreign_key_check")]
