"""`batchverify report` as a user has it: written, checked, proved, refused, with the exit codes of PRODUCT.

The first test runs real processes; the others go through the same `main` in this one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import pytest

from tests.campaigns.people import people, write_sheet
from tests.campaigns.processes import Ended


@pytest.fixture
def call(desk, monkeypatch, capsys) -> Callable[..., Ended]:
    """Call the program's `main` in this process, at the desk."""
    from batchverify.cli import main

    monkeypatch.chdir(desk.folder)
    for name, value in (("HOME", str(desk.home)), ("ENDPOINT", desk.vendor.endpoint), ("APPCODE", "sandbox")):
        monkeypatch.setenv(f"BATCHVERIFY_{name}", value)

    def run(*words: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["batchverify", *words])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return Ended(code=int(end.value.code or 0), out=out, err=err)

    return run


@pytest.fixture
def job(desk, call) -> str:
    write_sheet(desk.folder / "people.csv", people(3))
    return str(call("run", "people.csv", "--yes", "--json", "--operator", "李四").json["job"])


def test_a_report_is_written_and_checked_by_the_program_itself(desk, vendor, job):
    asked = vendor.total()

    written = desk.run("report", job, "-o", "report.html", "--lang", "zh", asks=False)
    checked = desk.run("report", "--check", "report.html", asks=False)

    assert (written.code, written.out, written.err) == (0, "Report: report.html\n", "")
    assert (checked.code, checked.out.splitlines()[0], checked.err) == (0, "report.html is genuine.", "")
    assert vendor.total() == asked


@pytest.mark.parametrize("name", ["report.pdf", "report.xlsx", "report.json"])
def test_every_form_is_written_and_checked(call, job, name):
    assert call("report", job, "-o", name, "--lang", "zh").out == f"Report: {name}\n"

    assert call("report", "--check", name).out.splitlines()[0] == f"{name} is genuine."


def test_a_changed_report_ends_with_2_and_names_what_differs(desk, call, job):
    assert call("report", job, "-o", "report.json", "--json").json == {"report": "report.json"}
    path = desk.folder / "report.json"
    document = json.loads(path.read_bytes())
    document["status"]["matched"] += 1
    path.write_text(json.dumps(document), "utf-8")

    words = call("report", "--check", "report.json")
    listed = call("report", "--check", "report.json", "--json")

    assert (words.code, listed.code) == (2, 2)
    assert words.out.startswith("report.json is NOT genuine.\n  WRONG The signature does not hold under this home's key (")
    assert "  WRONG Input and ledger say otherwise about status.matched.\n" in words.out
    assert listed.json["genuine"] is False


def test_an_auditor_elsewhere_needs_the_key_and_gets_no_home(desk, call, job):
    call("report", job, "-o", "report.html")
    key = next(one["detail"][:64] for one in call("doctor", "--json").json if one["what"] == "sandbox ledger report key")

    without = call("report", "--check", "report.html", "--home", "nowhere")
    checked = call("report", "--check", "report.html", "--home", "nowhere", "--key", key)
    other = call("report", "--check", "report.html", "--home", "nowhere", "--key", "ab" * 32)

    assert (without.code, checked.code, other.code) == (2, 0, 2)
    assert "Error: Whose signature is under report.html cannot be told" in without.err
    assert not (desk.folder / "nowhere").exists()


def test_one_row_is_proved_into_a_file_or_onto_the_screen(desk, call, job):
    written = call("report", job, "--prove", "3", "-o", "proof.json")
    shown = call("report", job, "--prove", "3")
    checked = call("report", "--check", "proof.json")
    none = call("report", job, "--prove", "9")

    assert (written.code, written.out, checked.code) == (0, "Proof: proof.json\n", 0)
    assert shown.json == json.loads((desk.folder / "proof.json").read_bytes())
    assert "  ok    Row 3 stands under the root " in checked.out
    assert (none.code, none.err.startswith("Error: Row 9 of people.csv was not verified in the job ")) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report"], "Name a job and where its report goes"),
        (["report", "s-aaaa"], "Name a job and where its report goes"),
        (["report", "s-aaaa", "--check", "x.json"], "--check stands alone"),
        (["report", "--check", "x.json", "-o", "y.json"], "--check stands alone"),
        (["report", "s-aaaa", "-o", "x.json", "--key", "ab" * 32], "--key belongs to --check"),
        (["report", "s-aaaa", "-o", "x.json"], "There is no job 's-aaaa' in this home."),
        (["report", "--check", "gone.json"], "cannot be read"),
    ],
)
def test_words_that_do_not_go_together_are_refused(call, words, said):
    refused = call(*words)

    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err


def test_a_rewritten_ledger_has_no_report_and_ends_with_5(desk, call, job):
    with sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite") as con:
        con.execute("DROP TRIGGER event_grows")
        con.execute("UPDATE event SET code = '02' WHERE seq = 2")

    refused = call("report", job, "-o", "report.json")

    assert refused.code == 5
    assert "no report can vouch for it" in refused.err
    assert not (desk.folder / "report.json").exists()
