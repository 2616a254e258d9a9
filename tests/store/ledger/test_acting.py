import sqlite3
from datetime import timedelta

import pytest

from batchverify.errors import HomeError
from batchverify.store.ledger import Ledger, schema
from batchverify.store.ledger.limits import Instant
from batchverify.store.ledger.rows import micros
from tests.threats import guards


def note(desk, act, **words):
    desk.ledger.acts().note(act, operator="王芳", now=desk.now, **words)


def test_acts_are_listed_newest_first_and_page_by_page(desk):
    for number in range(5):
        note(desk, "uploaded", case=f"c-{number % 2}", job="j-aaaaaaaa", note=f"file {number}")

    newest = desk.ledger.acts().acts(limit=2)
    older = desk.ledger.acts().acts(limit=9, before=newest[-1].number)

    assert [act.note for act in newest] == ["file 4", "file 3"]
    assert [act.note for act in older] == ["file 2", "file 1", "file 0"]
    assert [act.note for act in desk.ledger.acts().acts("c-1", limit=9)] == ["file 3", "file 1"]
    assert desk.ledger.acts().acts("", limit=9) == []
    assert (newest[0].operator, newest[0].at, newest[0].case, newest[0].job) == ("王芳", desk.now, "c-0", "j-aaaaaaaa")


@guards("edited-ledger")
@pytest.mark.parametrize(
    ("statement", "reason"),
    [("UPDATE act SET operator = '李雷'", "an act is not changed"), ("DELETE FROM act", "an act is not taken away")],
)
def test_nobody_changes_what_was_done(desk, statement, reason):
    note(desk, "confirmed")

    con = sqlite3.connect(desk.path)
    with pytest.raises(sqlite3.IntegrityError, match=reason):
        con.execute(statement)
    con.close()


def test_acts_go_with_the_record_of_money_and_not_before(desk):
    note(desk, "uploaded", note="old")
    note(desk, "uploaded", note="newest")
    desk.ledger.end_run(desk.run, reason="", now=desk.now, monotonic=desk.monotonic)

    def purge(days):
        desk.pass_time(days * 86_400)
        at = Instant(now=micros(desk.now), boot=desk.boot, monotonic=desk.monotonic)
        limits = tuple(desk.now - timedelta(days=age) for age in (30, 180, 1_095))
        due = desk.ledger.retention().due(limits, at=at)
        return due.of("acts"), desk.ledger.retention().purge(limits, at=at).of("acts")

    assert purge(1_094) == (0, 0)
    assert purge(2) == (1, 1)
    assert [act.note for act in desk.ledger.acts().acts(limit=9)] == ["newest"]


def version_2(path):
    """Make a ledger as version 2 made them: the same tables without acts."""
    con = sqlite3.connect(path, isolation_level=None)
    parts = (schema.SCHEMA, schema.WALLET, schema.RETENTION, schema.APPROVAL, schema.ALERTS, schema.USAGE)
    con.executescript(f"BEGIN;{''.join(parts)}COMMIT;")
    con.execute(f"PRAGMA application_id = {schema.APPLICATION_IDS[False]}")
    con.execute("PRAGMA user_version = 2")
    con.execute("PRAGMA journal_mode = WAL").fetchone()
    con.execute("INSERT INTO vault VALUES (1, 'kept')")
    con.close()


def shape(path):
    con = sqlite3.connect(path)
    found = con.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name").fetchall()
    con.close()
    return found


def test_a_ledger_of_the_version_before_gets_what_it_lacks_and_keeps_what_it_has(tmp_path):
    version_2(tmp_path / "old.sqlite")
    Ledger.open(tmp_path / "new.sqlite").close()

    with Ledger.open(tmp_path / "old.sqlite") as ledger:
        assert ledger.vault_mark() == "kept"
        assert ledger.acts().acts(limit=9) == []
        assert ledger.damages() == []

    assert shape(tmp_path / "old.sqlite") == shape(tmp_path / "new.sqlite")
    with Ledger.open(tmp_path / "old.sqlite") as again:
        assert again.vault_mark() == "kept"


def test_a_ledger_that_cannot_be_brought_up_stays_as_it_was(tmp_path, monkeypatch):
    version_2(tmp_path / "old.sqlite")
    before = shape(tmp_path / "old.sqlite")
    with monkeypatch.context() as broken:
        broken.setattr(schema, "_BROUGHT", {3: (*schema._BROUGHT[3], "CREATE NONSENSE")})
        with pytest.raises(HomeError, match="NONSENSE"):
            Ledger.open(tmp_path / "old.sqlite")

    assert shape(tmp_path / "old.sqlite") == before
    Ledger.open(tmp_path / "old.sqlite").close()
