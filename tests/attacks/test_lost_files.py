"""What is taken away under a job: its ledger, its place. Nothing is paid again and nothing bought is lost."""

import sqlite3
from dataclasses import replace

import pytest

from batchverify.errors import HomeError
from batchverify.job import Delivery, Options
from tests.builders import rows
from tests.threats import guards


def test_a_ledger_that_is_gone_is_not_made_anew_beside_its_key(desk, sandbox):
    desk.verify(rows(3))
    for file in (desk.home / "sandbox").glob("ledger.sqlite*"):
        file.unlink()

    with pytest.raises(HomeError, match="is gone, and its key is still there") as caught:
        desk.verify(rows(3))

    assert caught.value.exit_code == 5
    assert sandbox.bill.total() == 3


@guards("edited-ledger", "sealed")
def test_an_attempt_that_was_changed_by_hand_opens_no_other_answer(desk, sandbox):
    result = desk.verify(rows(2))
    with sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite") as con:
        first, second = (row[0] for row in con.execute("SELECT sealed FROM attempt ORDER BY number"))
        con.execute("DROP TRIGGER attempt_answer")
        con.execute("UPDATE attempt SET sealed = CASE number WHEN 1 THEN ? ELSE ? END", (second, first))
    con.close()

    with pytest.raises(HomeError, match="does not open under its key"):
        desk.render(result.job)

    assert sandbox.bill.total() == 2


def test_a_folder_that_is_gone_after_the_asks_costs_no_answer(desk, sandbox):
    folder = desk.folder / "out"
    folder.mkdir()
    desk.onlooker.on_progress = lambda _: folder.exists() and folder.rmdir()

    with pytest.raises(HomeError, match="There is no folder") as caught:
        desk.verify(rows(3), options=Options(delivery=Delivery(output=folder / "result.csv")))

    assert sandbox.bill.total() == 3
    assert caught.value.exit_code == 5
    name = str(caught.value).partition("`batchverify render ")[2].partition(" ")[0]
    kept = replace(Delivery(), output=desk.folder / "elsewhere.csv")
    result = desk.render(name, change=lambda options: replace(options, delivery=kept))
    assert result.statuses == ["matched"] * 3
    assert sandbox.bill.total() == 3


def test_a_ledger_put_back_from_a_copy_loses_no_answer_that_the_cache_has(desk, sandbox):
    desk.verify(rows(2))
    place = desk.home / "sandbox"
    with sqlite3.connect(place / "ledger.sqlite") as con:
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    con.close()
    copy = (place / "ledger.sqlite").read_bytes()
    path = desk.sheet(rows(5))
    desk.verify(path)
    for file in place.glob("ledger.sqlite-*"):
        file.unlink()
    (place / "ledger.sqlite").write_bytes(copy)

    result = desk.verify(path)

    assert sandbox.bill.total() == 5
    assert result.counts() == {"matched": 5}
    assert result.column("bv_source") == ["reused-simulated"] * 5
    assert desk.render(result.job).rows == result.rows
