"""rerun as a user types it: what it would ask and cost comes first, and only what is named is asked."""

from __future__ import annotations

import csv
import re

import pytest

from tests.campaigns.people import card_number, people, person, read_result, write_sheet

LOCKING = "53"


def correct(path, number, column, cell):
    """Correct one cell of a csv result by hand."""
    table = read_result(path)
    table[number][column] = cell
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)


@pytest.fixture
def first(desk, vendor):
    """Run a sheet: one row that is blocked, one locked, one in doubt, one that failed, two that match."""
    rows = [*people(2), person(2), person(3, LOCKING), person(4), person(5)]
    source = write_sheet(desk.folder / "people.csv", rows)
    text = source.read_text("utf-8").replace(rows[2].id_card, "110101")
    source.write_text(text, "utf-8")
    # Of the sixth, every try is throttled; it is run last, so its tries are the last ones.
    vendor.post("faults", [{"fault": "reset_after", "at": [4]}, {"fault": "throttle_429", "at": list(range(5, 40))}])
    desk_settings = {"BATCHVERIFY_BACK_OFF_SECONDS": "0.001"}
    desk.environment.update(desk_settings)
    ended = desk.run("run", source, "--yes", "--concurrency", "1", "--json")
    vendor.post("faults", [])
    assert ended.code == 3
    assert {word: count for word, count in ended.json["status"].items() if count} == {
        "matched": 2, "blocked": 1, "locked": 1, "in_doubt": 1, "failed": 1,
    }  # fmt: skip
    return ended.json


def test_the_plan_of_a_rerun_says_what_of_which_kind_it_asks_and_from_when_the_rest(desk, vendor, first):
    before = vendor.bill()["billed"]

    refused = desk.run("rerun", first["job"], "--lang", "en")
    shown = desk.run("rerun", first["job"], "--lang", "en", "--max-asks", "0")
    chinese = desk.run("rerun", first["job"], "--lang", "zh", "--max-asks", "0")
    asked = desk.run("rerun", first["job"], "--lang", "en", "--yes")

    assert refused.code == 2
    assert "To ask: 1 · at most ¥0.19 (¥0.19 × 1)" in refused.err
    assert "Nothing was asked: there is no terminal to confirm the plan." in refused.err
    assert "  of which 1 failed\n" in shown.err.lower()
    assert re.search(r"^Not yet due: 1 · the earliest at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$", shown.err, re.MULTILINE)
    assert "1 in doubt, held" in shown.err
    assert re.search(r"^  其中 1 技术失败·未计费$", chinese.err, re.MULTILINE)
    assert "尚未到可重试时间: 1 · 最早可重试时间 " in chinese.err
    assert (shown.code, asked.code) == (3, 3)
    assert vendor.bill()["billed"] == before + 1


def test_a_corrected_result_is_asked_for_its_edited_row_alone(desk, vendor, first):
    result = desk.folder / "people.verified.csv"
    correct(result, 2, "身份证号", person(2).id_card)
    before = vendor.total()

    ended = desk.run("rerun", result, "--what", "edited", "--yes", "--lang", "en")

    assert ended.code == 3
    assert "  of which 1 edited or added\n" in ended.err
    assert vendor.total() == before + 1
    again = read_result(desk.folder / "people.verified-2.csv")
    assert [row["bv_status"] for row in again] == ["matched", "matched", "matched", "not_run", "in_doubt", "not_run"]


def test_a_corrected_input_is_named_with_from(desk, vendor, first):
    fixed = write_sheet(desk.folder / "fixed.csv", [*reversed(people(3)), person(9)])
    before = vendor.total()

    ended = desk.run("rerun", first["job"], "--from", fixed, "--yes", "--json")

    assert ended.code == 0
    assert ended.json["input"]["name"] == "fixed.csv"
    assert ended.json["job"] != first["job"]
    assert (ended.json["asks"]["sent"], ended.json["rows"]["reused"]) == (2, 2)
    assert vendor.total() == before + 2


def test_what_is_in_doubt_is_asked_for_a_word_of_acceptance_and_keeps_its_flag(desk, vendor, first):
    refused = desk.run("rerun", first["job"], "--what", "in_doubt", "--yes")
    before = vendor.total()

    ended = desk.run("rerun", first["job"], "--what", "in_doubt", "--accept-double-charge", "--yes", "--json", "--lang", "en")

    assert refused.code == 2
    assert "--accept-double-charge" in refused.err
    assert vendor.total() == before + 1
    assert re.search(r"^  of which 1 [^·\n]+$", ended.err, re.MULTILINE)
    assert "in doubt, held" not in ended.err
    assert ended.json["status"]["in_doubt"] == 0
    assert ended.json["asks"]["in_doubt"] == 1
    assert ended.json["cost"]["min"] != ended.json["cost"]["max"]


def test_options_that_contradict_each_other_are_refused_before_anything_is_read(desk, vendor):
    source = write_sheet(desk.folder / "people.csv", people(1))
    job = desk.run("run", source, "--yes", "--json").json["job"]
    wrong = {
        (job, "--what", "edited"): "Name the corrected file with --from FILE. Nothing was sent.",
        (job, "--sheet", "To fix"): "A job goes on with the sheet that it has read. Leave out --sheet, or name a file.",
        (job, "--from", "gone.csv"): "'gone.csv' does not exist",
        ("people.verified.csv", "--from", "people.csv"): "Name a job before --from, not a file: the file after it is the one",
    }

    for words, message in wrong.items():
        refused = desk.run("rerun", *words, "--yes")
        assert (refused.code, message in refused.err) == (2, True), refused.err
    assert vendor.total() == 1


def test_an_added_row_costs_one_ask_and_the_others_none(desk, vendor):
    source = write_sheet(desk.folder / "people.csv", people(3))
    job = desk.run("run", source, "--yes", "--json").json["job"]
    added = person(8)
    write_sheet(source, [*people(3), added, added])

    ended = desk.run("rerun", job, "--from", source, "--yes", "--json")

    assert (ended.code, ended.json["asks"]["sent"], ended.json["rows"]["duplicate"]) == (0, 1, 1)
    assert vendor.total() == 4
    assert card_number(8) in (desk.folder / "people.verified-2.csv").read_text("utf-8-sig")
