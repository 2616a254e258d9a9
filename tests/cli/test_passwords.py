"""Passwords at the terminal and from standard input: unseen, asked for three times at most, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.builders import a_row, a_sheet, read_rows, rows
from tests.protected import PASSWORD, opened, plain_copy, protect
from tests.threats import guards

NOTHING_WRITTEN = ["home", "people.xlsx", "temporary"]


def a_protected_sheet(desk, people=None):
    return protect(a_sheet(desk.folder, people or rows(2), name="people.xlsx"), rounds=50)


class Keyboard:
    """Somebody at a terminal, who types each answer when its question shows."""

    def __init__(self, desk):
        self._desk = desk
        self.shown = ""

    def run(self, *arguments, typed):
        """Run a command; `typed` are questions with their answers. Gives the exit code and standard output."""
        import pty

        controller, terminal = pty.openpty()
        process = self._desk.begin(*arguments, stdin=terminal)
        os.close(terminal)
        for question, answer in typed:
            seen = ""
            while question not in seen:
                letter = process.stderr.read(1)
                assert letter, self.shown + seen
                seen += letter
            self.shown += seen
            os.write(controller, f"{answer}\n".encode())
        out, err = process.communicate(timeout=60)
        os.close(controller)
        self.shown += err
        return process.returncode, out


@pytest.fixture
def keyboard(desk):
    return Keyboard(desk)


def written(desk):
    return sorted(path.name for path in desk.folder.iterdir())


@pytest.mark.slow
def test_the_first_line_of_standard_input_opens_a_workbook_in_every_command_that_reads_one(desk, vendor):
    path = a_protected_sheet(desk, [a_row(1, 部门="甲"), a_row(2, verdict="02", 部门="乙")])
    typed = f"{PASSWORD}\nmore\n"

    looked = desk.run("inspect", path, "--password-stdin", "--json", typed=typed)
    planned = desk.run("plan", path, "--password-stdin", "--json", typed=typed)
    ran = desk.run("run", path, "--password-stdin", "--max-asks", "1", "--json", typed=typed)
    job = ran.json["job"]
    resumed = desk.run("resume", job, "--password-stdin", "--yes", "--json", typed=typed)
    drawn = desk.run("render", job, "--password-stdin", "--json", typed=typed)
    rerun = desk.run("rerun", job, "--password-stdin", "--yes", "--json", typed=typed)
    report = desk.run("report", job, "--password-stdin", "-o", "report.json", typed=typed)
    used = desk.run("quota", "usage", "--job", job, "--by", "部门", "--password-stdin", "--json", typed=typed)

    assert used.err == ""
    assert [one.code for one in (looked, planned, ran, resumed, drawn, rerun, report, used)] == [0, 0, 3, 0, 0, 0, 0, 0]
    assert looked.json["input"]["rows"] == planned.json["asks"] == 2
    assert rerun.json["status"]["matched"] == rerun.json["status"]["mismatched"] == 1
    assert vendor.total() == 2


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("wrong\n", "people.xlsx is protected, and the password from the first line of standard input does not open it."),
        ("\n", "The first line of standard input is empty, and --password-stdin wants a password. Nothing was sent."),
    ],
)
def test_a_wrong_or_missing_password_ends_with_2_and_nothing_is_sent_or_written(desk, vendor, typed, message):
    a_protected_sheet(desk)

    refused = desk.run("run", "people.xlsx", "--yes", "--password-stdin", typed=typed)

    assert refused.code == 2
    assert refused.err.startswith(f"Error: {message}")
    assert refused.out == ""
    assert vendor.total() == 0
    assert written(desk) == NOTHING_WRITTEN


def test_a_password_that_is_no_utf_8_is_told_and_a_mark_of_windows_shells_is_no_part_of_it(desk):
    path = a_protected_sheet(desk)
    process = desk.begin("inspect", path, "--password-stdin", stdin=-1)
    process.stdin.buffer.write(PASSWORD.encode("gbk") + b"\n")
    _, err = process.communicate()
    assert (process.returncode, err) == (
        2,
        "Error: The first line of standard input is no UTF-8. Give the password so. Nothing was sent.\n",
    )

    assert desk.run("inspect", path, "--password-stdin", typed=f"\ufeff{PASSWORD}\r\n").code == 0


def test_without_a_terminal_the_option_is_named(desk):
    a_protected_sheet(desk)

    refused = desk.run("run", "people.xlsx", "--yes")

    assert refused.code == 2
    assert refused.err == (
        "Error: people.xlsx is protected with a password, and there is no terminal to ask for it. "
        "Give it in the first line of standard input with --password-stdin (in Python: password=). Nothing was sent.\n"
    )


def test_several_protected_files_share_the_one_first_line(desk, vendor):
    names = ["a.xlsx", "b.xlsx"]
    for place, name in enumerate(names):
        protect(a_sheet(desk.folder, rows(1, first=place), name=name), rounds=50)

    ran = desk.run("run", *names, "--yes", "--protect", "--password-stdin", "--json", typed=f"{PASSWORD}\n")

    assert ran.code == 0
    assert vendor.total() == 2
    for name in ("a.verified.xlsx", "b.verified.xlsx"):
        assert read_rows(plain_copy(desk.folder / name))[0]["bv_status"] == "matched"


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal is POSIX")
def test_at_a_terminal_the_password_is_typed_unseen_and_may_be_wrong_twice(desk, keyboard, vendor):
    a_protected_sheet(desk)
    question = "Password of people.xlsx"

    code, out = keyboard.run(
        "run", "people.xlsx", "--yes", "--json", typed=[(question, "wrong"), (question, "worse"), (question, PASSWORD)]
    )

    assert code == 0
    assert vendor.total() == 2
    assert PASSWORD not in keyboard.shown + out
    assert keyboard.shown.count(question) == 3


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal is POSIX")
def test_three_wrong_passwords_at_a_terminal_end_with_2(desk, keyboard, vendor):
    a_protected_sheet(desk)

    code, _ = keyboard.run("run", "people.xlsx", "--yes", typed=[("Password of people.xlsx", "wrong")] * 3)

    assert code == 2
    assert "Error: people.xlsx is protected, and the password from the keyboard does not open it." in keyboard.shown
    assert vendor.total() == 0
    assert written(desk) == NOTHING_WRITTEN


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal is POSIX")
def test_enter_takes_the_password_of_the_input_for_the_result(desk, keyboard):
    a_protected_sheet(desk)

    code, _ = keyboard.run(
        "run",
        "people.xlsx",
        "--yes",
        "--protect",
        typed=[
            ("Password of people.xlsx", PASSWORD),
            ("Password for people.verified.xlsx (Enter: the one of its input)", ""),
        ],
    )

    assert code == 0
    assert opened(desk.folder / "people.verified.xlsx")


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal is POSIX")
def test_a_new_password_is_typed_twice_and_once_more_where_they_differ(desk, keyboard):
    a_sheet(desk.folder, rows(1), name="people.csv")
    question, again = "Password for people.verified.xlsx", "The same again"

    code, out = keyboard.run(
        "run",
        "people.csv",
        "--yes",
        "--protect",
        typed=[(question, "one"), (again, "other"), (question, PASSWORD), (again, PASSWORD)],
    )

    assert code == 0
    assert "These were two different passwords. Once more." in keyboard.shown
    assert opened(desk.folder / "people.verified.xlsx")
    assert PASSWORD not in keyboard.shown + out


@pytest.mark.slow
def test_a_protected_and_split_result_is_named_file_by_file_and_dropped_in_again(desk, vendor):
    a_sheet(desk.folder, [a_row(1), a_row(2, verdict="02"), a_row(3)], name="people.xlsx")
    typed = f"{PASSWORD}\n"

    ran = desk.run("run", "people.xlsx", "--max-asks", "2", "--protect", "--split", "--password-stdin", typed=typed)
    again = desk.run("rerun", "people.verified.not_run.xlsx", "--yes", "--password-stdin", "--json", typed=typed)

    names = [Path(line.removeprefix("Result: ")).name for line in ran.out.splitlines() if line.startswith("Result: ")]
    assert (ran.code, names) == (
        3,
        [f"people.verified{word}.xlsx" for word in ("", ".matched", ".mismatched", ".not_run")],
    )
    assert (again.code, again.json["status"]["matched"], vendor.total()) == (0, 1, 3)
    assert [Path(output["path"]).name for output in again.json["outputs"]] == [
        "people.verified-2.xlsx",
        "people.verified-2.matched.xlsx",
    ]


@guards("passwords", "logs")
def test_no_password_is_in_the_log_at_its_loudest_or_in_any_file(desk):
    a_protected_sheet(desk)

    ran = desk.run(
        "run",
        "people.xlsx",
        "--yes",
        "--protect",
        "--password-stdin",
        "--log-level",
        "debug",
        "--log-file",
        "all.log",
        typed=f"{PASSWORD}\n",
    )

    assert ran.code == 0
    for path in desk.folder.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes()
            assert b"Pass-7731" not in path.read_bytes()
    assert PASSWORD not in ran.out + ran.err
