"""What is wrong with input, options or settings: exit 2, a remedy, nothing sent, nothing written."""

from __future__ import annotations

import pytest

from tests.campaigns.people import HEADER, people, write_sheet
from tests.threats import guards

_BINARY = bytes(range(256)) * 20
_USELESS = "部门,工号\n财务,00123\n"


def _left_behind(desk) -> set[str]:
    """What stands in the desk's folder, and is neither the home nor the temporary folder."""
    return {path.name for path in desk.folder.iterdir()} - {"home", "temporary"}


def test_without_terminal_cap_and_yes_nothing_is_asked(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(3))

    refused = desk.run("run", "people.csv")

    assert (refused.code, refused.out) == (2, "")
    assert "To ask: 3 · at most ¥0.57" in refused.err
    assert refused.err.endswith(
        "Error: Nothing was asked: there is no terminal to confirm the plan. Add --yes, --max-asks N or --max-yuan X.\n"
    )
    assert vendor.total() == 0
    assert _left_behind(desk) == {"people.csv"}
    assert desk.run("jobs").out == ""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.csv", None, "Error: There is no file 'gone.csv'. Check the name and the folder.\n"),
        ("empty.csv", b"", "Error: empty.csv is empty. Was it saved before it was copied here?\n"),
        ("binary.csv", _BINARY, "Name its encoding with --encoding, or save it as .xlsx.\n"),
        ("binary.xlsx", _BINARY, "Error: binary.xlsx "),
        ("useless.csv", _USELESS.encode(), "Error: useless.csv has no column for 'accountNo'"),
    ],
)
def test_an_input_that_is_none_is_refused_with_its_remedy(desk, vendor, name, content, said):
    if content is not None:
        (desk.folder / name).write_bytes(content)
    before = _left_behind(desk)

    refused = desk.run("run", name, "--yes")

    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert refused.err.count("\n") == 1, "One message, no trace."
    assert vendor.total() == 0
    assert _left_behind(desk) == before


def test_a_missing_one_of_several_files_is_named_before_any_is_asked(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(3))

    refused = desk.run("run", "people.csv", "gone.csv", "--yes")

    assert (refused.code, refused.err) == (2, "Error: There is no file 'gone.csv'. Check the name and the folder.\n")
    assert vendor.total() == 0


def test_one_of_several_files_that_is_refused_leaves_the_others_told(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(3))
    (desk.folder / "empty.csv").touch()

    refused = desk.run("run", "people.csv", "empty.csv", "--yes", "--json")

    assert refused.code == 2
    assert [summary["status"]["matched"] for summary in refused.json] == [3]
    assert refused.err.endswith("Error: empty.csv is empty. Was it saved before it was copied here?\n")
    assert vendor.total() == 3


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("people.csv", "is the input itself, and the input is never written to."),
        ("people.pdf", "Name a file that ends in .xlsx or .csv."),
        ("gone/people.csv", "There is no folder 'gone' for the result."),
    ],
)
def test_an_impossible_output_is_refused_before_the_first_ask(desk, vendor, output, said):
    source = write_sheet(desk.folder / "people.csv", people(3))
    before = source.read_bytes()

    refused = desk.run("run", "people.csv", "--yes", "-o", output)

    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert vendor.total() == 0
    assert source.read_bytes() == before


def test_one_output_for_two_files_and_a_log_that_cannot_be_are_refused(desk, vendor):
    write_sheet(desk.folder / "a.csv", people(1))
    write_sheet(desk.folder / "b.csv", people(1))

    two = desk.run("run", "a.csv", "b.csv", "--yes", "-o", "c.csv")
    log = desk.run("run", "a.csv", "--yes", "--log-file", "gone/log.txt")

    assert (two.code, log.code) == (2, 2)
    assert "One --output cannot take the results of several files or sheets." in two.err
    assert log.err == "Error: The log file 'gone/log.txt' cannot be written: No such file or directory. Name another.\n"
    assert vendor.total() == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("concurrency = 0\n", "'concurrency'"),
        ("qps = 'many'\n", "'qps'"),
        ("colour = 'red'\n", "'colour'"),
        ("low_balance_percent = 200\n", "'low_balance_percent'"),
    ],
)
def test_a_setting_that_does_not_fit_is_named_and_its_value_is_not(desk, text, named):
    write_sheet(desk.folder / "people.csv", people(1))
    (desk.folder / "batchverify.toml").write_text(text)

    refused = desk.run("run", "people.csv", "--yes")

    assert (refused.code, refused.out) == (2, "")
    assert f"Error: The setting {named} does not fit:" in refused.err
    assert "many" not in refused.err
    assert "red" not in refused.err


def test_a_settings_file_that_is_no_toml_is_refused(desk):
    (desk.folder / "batchverify.toml").write_text("qps = = 3")

    refused = desk.run("jobs")

    assert refused.code == 2
    assert "Error: A settings file is not valid TOML:" in refused.err


@guards("endpoints")
def test_an_endpoint_that_may_not_be_asked_is_refused(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(1))

    plain = desk.run("run", "people.csv", "--yes", "--endpoint", "http://bank.example.com")

    assert (plain.code, plain.out) == (2, "")
    assert "https" in plain.err
    assert vendor.total() == 0


def test_without_an_app_code_nothing_is_asked(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(1))

    refused = desk.run("run", "people.csv", "--yes", "--endpoint", vendor.endpoint, asks=False)

    assert refused.code == 2
    assert (
        "Error: There is no AppCode. Set BATCHVERIFY_APPCODE, or run `batchverify key set`; `--sandbox` needs none."
        in refused.err
    )


@guards("modes")
def test_a_home_that_is_a_file_or_open_to_others_ends_with_5(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(1))
    (desk.folder / "home").mkdir(mode=0o755)
    (desk.folder / "home").chmod(0o755)
    open_to_others = desk.run("run", "people.csv", "--yes")
    (desk.folder / "home").rmdir()
    (desk.folder / "home").touch()
    no_folder = desk.run("run", "people.csv", "--yes")

    assert (open_to_others.code, no_folder.code) == (5, 5)
    assert "chmod 700" in open_to_others.err
    assert "--home" in no_folder.err
    assert vendor.total() == 0


@pytest.mark.parametrize("command", ["resume", "rerun", "render"])
def test_a_job_that_is_not_there_is_refused(desk, command):
    refused = desk.run(command, "s-aaaaaaaa")

    assert refused.code == 2
    assert refused.err == "Error: There is no job 's-aaaaaaaa' in this home. `batchverify jobs` lists them.\n"


def test_what_is_in_doubt_is_not_asked_again_unless_the_second_bill_is_accepted(desk, vendor):
    refused = desk.run("rerun", "s-aaaaaaaa", "--what", "in_doubt", "--yes")

    assert refused.code == 2
    assert "add --accept-double-charge. Nothing was sent." in refused.err


def test_the_header_alone_is_an_empty_list_and_costs_nothing(desk, vendor):
    (desk.folder / "people.csv").write_text(",".join(HEADER) + "\n", "utf-8")

    ended = desk.run("run", "people.csv", "--json")

    assert ended.code == 0
    assert ended.json["rows"]["total"] == 0
    assert vendor.total() == 0
