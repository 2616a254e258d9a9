"""The commands that only look: inspect, plan, jobs, doctor. Free, and without a person in what they print."""

from __future__ import annotations

import sqlite3

from tests.campaigns.people import people, person, write_sheet
from tests.faults import Danger, proves


def test_inspect_shows_columns_with_masked_examples_and_asks_nothing(desk, vendor):
    rows = people(3)
    write_sheet(desk.folder / "people.csv", rows)

    shown = desk.run("inspect", "people.csv", asks=False)
    document = desk.run("inspect", "people.csv", "--json", asks=False)

    assert (shown.code, document.code) == (0, 0)
    assert "  B '身份证号' → ID number" in shown.out
    assert "110***********0003" in shown.out
    assert document.json["columns"][2]["examples"][0] == "621700*********0004"
    assert [one for row in rows for one in row.cells if one in shown.out + document.out] == []
    assert vendor.total() == 0


def test_columns_that_were_named_are_taken_next_time_until_they_are_forgotten(desk, vendor):
    for name in ("a.csv", "b.csv"):
        rows = "".join(f"{','.join(person(number).cells)}\n" for number in range(3))
        (desk.folder / name).write_text(f"甲,乙,丙\n{rows}", encoding="utf-8")
    named = [word for pair in ("name=甲", "idCard=乙", "accountNo=丙") for word in ("--map", pair)]

    before = desk.run("plan", "b.csv")
    first = desk.run("run", "a.csv", *named, "--yes")
    seen = desk.run("inspect", "b.csv", "--lang", "en", asks=False)
    planned = desk.run("plan", "b.csv", "--lang", "en")
    ran = desk.run("run", "b.csv", "--yes", "--lang", "en")
    forgotten = desk.run("inspect", "b.csv", "--forget-mapping", "--lang", "en", asks=False)
    again = desk.run("inspect", "b.csv", "--forget-mapping", "--lang", "zh", asks=False)
    after = desk.run("plan", "b.csv")

    assert [one.code for one in (before, first, seen, planned, ran, forgotten, again, after)] == [2, 0, 0, 0, 0, 0, 0, 2]
    assert "  B '乙' → ID number [as last time]: 110***********0003" in seen.out
    assert "Columns as last time, for this header. --map FIELD=COLUMN names others" in planned.out
    assert "Columns as last time, for this header." in ran.err
    assert forgotten.err == "The columns that were named for this header are forgotten.\n"
    assert again.err == "此表头没有已记住的列。\n"
    assert vendor.total() == 3


def test_inspect_of_a_missing_file_is_refused(desk):
    refused = desk.run("inspect", "gone.csv")

    assert (refused.code, refused.err) == (2, "Error: There is no file 'gone.csv'. Check the name and the folder.\n")


def test_plan_counts_everything_in_json_and_words_for_nothing(desk, vendor):
    write_sheet(desk.folder / "people.csv", [*people(4), person(0), person(1)])
    with (desk.folder / "people.csv").open("a", encoding="utf-8") as file:
        file.write("王二,110101196001010004,6217000000000000004\n")

    document = desk.run("plan", "people.csv", "--json")
    words = desk.run("plan", "people.csv", "--lang", "en")

    assert (document.code, words.code) == (0, 0)
    assert document.json["rows"] == {"total": 7, "unique": 4, "duplicate": 2, "reused": 0, "blocked": 1}
    assert document.json["asks"] == 4
    assert document.json["cost"]["max"] == "0.76"
    assert document.json["problems"]["duplicate"] == {"count": 2, "rows": [6, 7]}
    assert document.json["cheapest_packages"]["yuan"] == "19.00"
    assert "Rows: 7 · 4 different questions · 2 duplicates · 1 never sent" in words.out
    assert vendor.total() == 0
    assert desk.run("jobs").out == ""


def test_jobs_lists_the_newest_first_with_what_became_of_them(desk):
    for name, count in (("a.csv", 2), ("b.csv", 3)):
        write_sheet(desk.folder / name, people(count))
    desk.run("run", "a.csv", "--yes")
    open_rows = desk.run("run", "b.csv", "--max-asks", "0", "--json")

    listed = desk.run("jobs", "--json")
    words = desk.run("jobs")

    assert (listed.code, words.code) == (0, 0)
    assert [(job["finished"], job["runs"], job["file"]) for job in listed.json] == [
        (False, 1, str(desk.folder / "b.csv")),
        (True, 1, str(desk.folder / "a.csv")),
    ]
    assert listed.json[0]["job"] == open_rows.json["job"]
    assert words.out.count("\n") == 2
    assert [job["created_at"][-6:] for job in listed.json] == ["+08:00"] * 2


def test_doctor_finds_a_sound_home_well_and_names_what_is_missing(desk):
    write_sheet(desk.folder / "people.csv", people(2))
    desk.run("run", "people.csv", "--yes")

    well = desk.run("doctor")
    document = desk.run("doctor", "--json", asks=False)

    assert (well.code, document.code) == (0, 0)
    assert "ok   sandbox ledger: 1 jobs, no damage.\n" in well.out
    assert {finding["what"] for finding in document.json} >= {
        "home",
        "ledger",
        "sandbox ledger",
        "sandbox ledger chains",
        "AppCode",
    }


def test_doctor_sees_a_record_that_was_rewritten_and_ends_with_5(desk):
    write_sheet(desk.folder / "people.csv", people(2))
    job = desk.run("run", "people.csv", "--yes", "--json").json["job"]
    with sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite") as con:
        # Whoever owns the file can take away what guards it; the chain tells all the same.
        for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'event'").fetchall():
            con.execute(f"DROP TRIGGER {name}")
        con.execute("UPDATE event SET billed = 'no' WHERE seq = 3")
    con.close()

    ended = desk.run("doctor")

    assert ended.code == 5
    assert f"BAD  sandbox ledger chains: Runs whose record was changed: {job}.1." in ended.out


@proves(Danger.DAMAGED)
def test_a_ledger_that_is_damaged_is_refused_with_5_and_never_made_anew(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(2))
    desk.run("run", "people.csv", "--yes")
    ledger = desk.home / "sandbox" / "ledger.sqlite"
    for left in ledger.parent.glob("ledger.sqlite-*"):
        left.unlink()
    ledger.write_bytes(b"not a database" * 1_000)

    refused = desk.run("run", "people.csv", "--yes")
    looked = desk.run("doctor")

    assert (refused.code, looked.code) == (5, 5)
    assert ledger.read_bytes() == b"not a database" * 1_000
    assert "BAD  sandbox ledger: " in looked.out
    assert vendor.total() == 2
