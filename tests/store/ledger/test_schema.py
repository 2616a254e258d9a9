import os
import sqlite3
import stat
import sys
import threading
import time
from datetime import timedelta

import pytest

from batchverify.errors import HomeError
from batchverify.store.ledger import Busy, Granted, Ledger


def change(path, script):
    con = sqlite3.connect(path, isolation_level=None)
    con.executescript(script)
    con.close()


def test_a_commit_waits_for_the_disk(desk):
    for con in (desk.ledger._writer, desk.ledger._reader):
        assert con.execute("PRAGMA synchronous").fetchone() == (2,)
        assert con.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert desk.ledger._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing on Windows")
def test_nobody_else_may_read_the_file_or_its_journal(desk, make):
    desk.granted(make.want())

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in desk.path.parent.glob("ledger.sqlite*")}

    assert modes == dict.fromkeys(("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.sqlite.create"), 0o600)


def test_what_was_reserved_is_there_when_the_file_is_opened_again(desk, make):
    desk.granted(make.want())

    with Ledger.open(desk.path, create=False) as again:
        assert [attempt.number for attempt in again.asks_of(desk.job.id)] == [1]


def test_a_missing_ledger_is_not_made_when_it_should_be_there(tmp_path):
    with pytest.raises(HomeError, match=r"There is no ledger at '.*none\.sqlite'\. Start with `batchverify run`"):
        Ledger.open(tmp_path / "none.sqlite", create=False)


def test_a_ledger_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(HomeError, match=r"could not be created: (Not a directory|File exists)\. Nothing was sent\."):
        Ledger.open(tmp_path / "file" / "l.sqlite")


def test_where_the_system_cannot_share_memory_no_ledger_is_made(tmp_path, monkeypatch):
    # SQLite on its system layer for such places: it keeps the mode it has, and says so.
    real = sqlite3.connect
    monkeypatch.setattr("sqlite3.connect", lambda path, **told: real(f"file:{path}?vfs=unix-dotfile", uri=True, **told))

    with pytest.raises(HomeError, match=r"could not be created: .* its file system cannot hold a ledger\. Nothing was sent\."):
        Ledger.open(tmp_path / "ledger.sqlite")
    assert not (tmp_path / "ledger.sqlite").exists()


def test_a_failed_creation_leaves_nothing_behind(tmp_path, monkeypatch):
    from batchverify.store.ledger import schema

    monkeypatch.setattr(schema, "SCHEMA", "CREATE NONSENSE;")
    with pytest.raises(HomeError, match=r"could not be created: near .NONSENSE.: syntax error \(SQLITE_ERROR\)"):
        Ledger.open(tmp_path / "l.sqlite")

    assert [path.name for path in tmp_path.iterdir()] == ["l.sqlite.create"]


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to look like one" * 30])
def test_a_damaged_ledger_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "l.sqlite"
    path.write_bytes(content)

    with pytest.raises(HomeError, match=r"is no ledger of batchverify, or it is damaged|file is not a database"):
        Ledger.open(path)
    assert path.read_bytes() == content


def test_damage_inside_is_told(desk, make):
    desk.granted(*(make.want(str(number)) for number in range(300)))
    assert desk.ledger.damages() == []
    desk.ledger.close()
    size = desk.path.stat().st_size
    with desk.path.open("r+b") as file:
        for page in range(size // 4096 - 8, size // 4096):  # of attempts: the newest
            file.seek(page * 4096)
            file.write(os.urandom(64))

    with Ledger.open(desk.path) as damaged:
        assert damaged.damages() != []
        with pytest.raises(HomeError, match=r"malformed \(SQLITE_CORRUPT\)\. No further ask leaves"):
            damaged.attempts([make.want(str(number)).key for number in range(300)])


def test_a_newer_ledger_is_refused(desk):
    change(desk.path, "PRAGMA user_version = 9")

    with pytest.raises(HomeError, match=r"newer batchverify \(ledger version 9, this one knows 3\)\. Update batchverify\."):
        Ledger.open(desk.path)


def test_a_ledger_from_before_the_first_release_is_refused(desk):
    change(desk.path, "PRAGMA user_version = 1")

    with pytest.raises(HomeError, match=r"before the first release \(ledger version 1, this one knows 3\)\. Keep that home"):
        Ledger.open(desk.path)


@pytest.mark.parametrize(("simulated", "word"), [(True, "simulated"), (False, "real")])
def test_a_ledger_of_the_other_realm_is_refused(tmp_path, simulated, word):
    Ledger.open(tmp_path / "l.sqlite", simulated=simulated).close()

    with pytest.raises(HomeError, match=f"holds {word} asks and was moved here"):
        Ledger.open(tmp_path / "l.sqlite", simulated=not simulated)


def test_a_ledger_without_its_log_is_refused(desk):
    desk.ledger.close()
    change(desk.path, "PRAGMA journal_mode = DELETE")

    with pytest.raises(HomeError, match="is not in WAL mode but 'delete'"):
        Ledger.open(desk.path)


def test_a_closed_ledger_says_so(desk, make):
    desk.ledger.close()

    with pytest.raises(HomeError, match="closed database"):
        desk.reserve(make.want())


def test_a_reference_to_nothing_is_a_damage(desk):
    change(desk.path, "PRAGMA foreign_keys = OFF; INSERT INTO hold VALUES (99, x'00', x'00', NULL, 'id_locked', 5)")

    assert desk.ledger.damages() == ["Row None of hold refers to nothing."]


def test_waiting_for_another_process_counts_as_time(desk, make):
    ticks = iter([10.0, 12.5])
    with Ledger.open(desk.path, stopwatch=lambda: next(ticks)) as slow:
        with slow.transaction(now=desk.now, monotonic=desk.monotonic) as gate:
            (grant,) = gate.reserve(desk.run, [make.want()])
        (attempt,) = slow.asks_of(desk.job.id)

    assert grant == Granted(attempt=1, send_before=desk.monotonic + 2.5 + 5.0)
    assert attempt.reserved_at == desk.now + timedelta(seconds=2.5)


def test_a_second_writer_waits_for_the_first_before_it_looks(desk, make):
    seen = []

    def reserve():
        with Ledger.open(desk.path) as other, other.transaction(now=desk.now, monotonic=desk.monotonic) as gate:
            seen.extend(gate.reserve(desk.run, [make.want()]))

    thread = threading.Thread(target=reserve)
    with desk.ledger.transaction(now=desk.now, monotonic=desk.monotonic) as gate:
        gate.reserve(desk.run, [make.want()])
        thread.start()
        thread.join(0.2)
        assert seen == []
    thread.join(30)

    assert seen == [Busy()]


def test_a_reader_is_not_held_up_by_a_writer(desk, make):
    with desk.ledger.transaction(now=desk.now, monotonic=desk.monotonic) as gate:
        gate.reserve(desk.run, [make.want()])
        began = time.perf_counter()
        assert list(desk.ledger.asks_of(desk.job.id)) == []

    assert time.perf_counter() - began < 5
