"""`purge` and `forget` as real processes: who is named how, what is asked before, and what is said."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing

import pytest

from tests.campaigns.people import people, person, read_result, write_sheet


@pytest.fixture
def asked(desk):
    """Give a desk with a job of three people."""
    write_sheet(desk.folder / "people.csv", people(3))
    assert desk.run("run", "people.csv", "--yes", "--lang", "en").code == 0
    return desk


def test_whoever_asks_is_forgotten_and_a_certificate_says_so(asked):
    number = person(1).id_card

    ended = asked.run("forget", "--yes", "--operator", "wang", "--json", typed=f"{number}\n")

    assert ended.code == 0
    assert ended.json["sandbox"]["rows_forgotten"] == 1
    assert ended.json["operator"] == "wang"
    assert "To erase (sandbox): codes of questions 1 · rows 1 (of s-" in ended.err
    assert "Files of yours that may name them, and that stay:" in ended.err
    assert number not in ended.out + ended.err
    job = ended.json["sandbox"]["jobs"][0]
    assert asked.run("render", job, "--lang", "en").code == 0
    codes = [row["bv_code"] for row in read_result(asked.folder / "people.verified.csv")]
    assert sorted(codes) == ["01", "01", "forgotten"]


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal is POSIX")
def test_at_a_terminal_the_number_is_typed_unseen_and_the_erasure_confirmed(asked):
    import pty

    controller, terminal = pty.openpty()
    process = asked.begin("forget", stdin=terminal)
    os.close(terminal)
    shown = ""
    for question, answer in (("ID number or card number", person(1).id_card), ("Erase it for good?", "y")):
        while question not in shown:
            shown += process.stderr.read(1)
            assert process.poll() is None, shown
        os.write(controller, f"{answer}\n".encode())
    out, err = process.communicate(timeout=60)
    os.close(controller)

    assert process.returncode == 0
    assert out.startswith("Erased. Certificate: ")
    assert person(1).id_card not in shown + err + out


def test_several_are_named_in_a_file_with_a_heading(asked):
    (asked.folder / "list.csv").write_text(f"身份证号\n{person(1).id_card}\n\n{person(2).account_no},\n", "utf-8-sig")

    ended = asked.run("forget", "--from", "list.csv", "--yes", "-o", "certificate.json")

    assert (ended.code, ended.out) == (0, "Erased. Certificate: certificate.json\n")
    assert json.loads((asked.folder / "certificate.json").read_text("utf-8"))["sandbox"]["erased"]["codes"] == 2


def test_a_look_erases_nothing(asked):
    looked = asked.run("forget", "--dry-run", typed=person(1).id_card)
    counted = asked.run("forget", "--dry-run", "--json", typed=person(1).id_card)

    assert (looked.code, counted.code) == (0, 0)
    assert looked.out.startswith("To erase (sandbox): codes of questions 1 · rows 1")
    assert counted.json["sandbox"]["erased"]["codes"] == 1
    assert not (asked.home / "certificates").exists()


def test_without_a_terminal_and_yes_nothing_is_erased(asked):
    ended = asked.run("forget", typed=person(1).id_card)

    assert ended.code == 2
    assert "Nothing was erased: there is no terminal to confirm it. Add --yes, or look first with --dry-run." in ended.err
    assert asked.run("forget", "--dry-run", typed=person(1).id_card).out.startswith("To erase")


def test_somebody_unknown_gets_a_certificate_that_says_so(asked):
    ended = asked.run("forget", typed=person(99).id_card)

    assert ended.code == 0
    assert "Nothing is known of these numbers; the certificate says so." in ended.err
    assert ended.out.startswith("Erased. Certificate: ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "No ID number and no card number was given."),
        ("name\n", "No ID number and no card number was given."),
        ("12345\n", "Line 1 holds something that is neither an ID number nor a card number."),
        ("6217000000000000003\n张三\n", "Line 2 holds something that is neither an ID number nor a card number."),
    ],
)
def test_what_is_no_number_is_refused_by_its_line_and_not_shown(desk, text, sentence):
    ended = desk.run("forget", "--yes", typed=text)

    assert ended.code == 2
    assert sentence in ended.err
    assert "张三" not in ended.err
    assert "12345" not in ended.err


def test_standard_input_holds_a_password_or_numbers_and_not_both(desk):
    ended = desk.run("forget", "--password-stdin", typed="secret\n")

    assert ended.code == 2
    assert "Standard input cannot hold the password and the numbers. Give the numbers with --from FILE." in ended.err


def test_a_list_that_cannot_be_read_is_named(desk):
    (desk.folder / "list.csv").write_bytes("身份证号".encode("gbk"))

    ended = desk.run("forget", "--from", "list.csv")

    assert ended.code == 2
    assert "list.csv cannot be read (UnicodeDecodeError). Give a text in UTF-8 with one number in each line." in ended.err


def test_purging_a_young_home_finds_nothing(asked):
    ended = asked.run("purge", "--yes")
    counted = asked.run("purge", "--yes", "--json")

    assert (ended.code, ended.out) == (0, "")
    assert "Nothing is older than it is kept." in ended.err
    assert counted.json["sandbox"]["erased"]["answers"] == 0


def test_purging_takes_what_is_old(asked):
    (asked.home / "config.toml").write_text("keep_answers_days = 0\nreuse_days_matched = 0\nreuse_days_other = 0\n", "utf-8")

    looked = asked.run("purge", "--dry-run")
    ended = asked.run("purge", "--yes")

    assert looked.out == "To erase (sandbox): answers 3\n"
    assert ended.code == 0
    with closing(sqlite3.connect(asked.home / "sandbox" / "ledger.sqlite")) as con:
        assert con.execute("SELECT count(*), count(sealed) FROM attempt").fetchone() == (3, 0)


def test_nonsense_is_refused_before_anything_goes(asked):
    ended = asked.run("purge", "--older-than", "3", "--yes")

    assert ended.code == 2
    assert "--older-than is 3 days and must be 30 or more: answers are reused for so long" in ended.err


def test_a_job_whose_codes_are_gone_is_shown_as_erased(asked):
    (asked.folder / "people.csv").unlink()
    assert asked.run("forget", "--yes", typed=person(1).id_card).code == 0

    assert "  erased  " in asked.run("jobs").out


@pytest.mark.slow
def test_whoever_has_the_home_open_is_told_of_as_long_as_old_bytes_may_lie_there(asked):
    with closing(sqlite3.connect(asked.home / "sandbox" / "ledger.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM attempt").fetchone()
        ended = asked.run("forget", "--yes", typed=person(1).id_card)

    assert ended.code == 0
    assert "Another process has the home open, so old bytes may still lie in its files." in ended.err


def test_a_plan_is_shown_with_its_hash_approved_by_another_and_then_runs_without_yes(desk):
    write_sheet(desk.folder / "people.csv", people(2))
    planned = desk.run("plan", "people.csv", "--operator", "wang", "--lang", "en")
    word = planned.out.splitlines()[-1].split()[1]
    assert planned.out.splitlines()[-1] == (
        f"Plan: {word} · to have it approved by somebody else: batchverify approve {word} --operator NAME"
    )
    assert desk.run("plan", "people.csv", "--json").json["hash"] == word

    refused = desk.run("approve", word, "--operator", "wang")
    allowed = desk.run("approve", word, "--operator", "li")
    again = desk.run("approve", word, "--operator", "zhao", "--json")
    ended = desk.run("run", "people.csv", "--approved", word, "--operator", "wang", "--lang", "en")

    assert (refused.code, allowed.code, again.code, ended.code) == (2, 0, 0, 0)
    assert "wang has planned it, and nobody approves what they planned." in refused.err
    assert allowed.out == f"Approved by li: people.csv · 2 asks · at most ¥0.38\nRun it with --approved {word}\n"
    assert (again.json["approved_by"], again.json["asks"], again.json["max"]) == ("li", 2, "0.38")
    assert "Rows: 2 · matched 2" in ended.out


def test_a_plan_that_changed_after_its_approval_ends_with_2_and_asks_nothing(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(2))
    word = desk.run("plan", "people.csv", "--operator", "wang", "--json").json["hash"]
    assert desk.run("approve", word, "--operator", "li").code == 0
    write_sheet(desk.folder / "people.csv", people(3))

    ended = desk.run("run", "people.csv", "--approved", word)

    assert ended.code == 2
    assert (
        f"The plan {word} was approved by li, and the input, its columns, the product or another choice has changed" in ended.err
    )
    assert vendor.total() == 0
