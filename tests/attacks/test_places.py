"""Files that stand where a result or a summary would go: none of them is written over, and none makes a job fail."""

import json
import os

import pytest

from batchverify.errors import InputError
from batchverify.job import Delivery, Options
from tests.builders import a_sheet, rows


def summary_of(path):
    return json.loads(path.read_text("utf-8"))["input"]["name"]


def test_two_inputs_of_one_name_have_a_summary_each(desk):
    desk.verify(a_sheet(desk.folder, rows(2), name="people.csv"))
    desk.verify(a_sheet(desk.folder, rows(2, first=50), name="people.xlsx"))

    assert summary_of(desk.folder / "people.summary.json") == "people.csv"
    assert summary_of(desk.folder / "people.verified.xlsx.summary.json") == "people.xlsx"


@pytest.mark.parametrize("content", [b"mine", b"[]", b"{}", b'{"outputs": [1]}', b"\xff"])
def test_a_file_of_the_users_with_the_name_of_the_summary_is_left_alone(desk, content):
    path = a_sheet(desk.folder, rows(2), name="people.csv")
    theirs = desk.folder / "people.summary.json"
    theirs.write_bytes(content)

    result = desk.verify(path)

    assert theirs.read_bytes() == content
    assert summary_of(desk.folder / "people.verified.csv.summary.json") == "people.csv"
    desk.render(result.job)
    assert len(list(desk.folder.glob("*.json"))) == 2


def test_the_summary_of_a_result_written_again_is_written_again(desk):
    target = Options(delivery=Delivery(output=desk.folder / "result.csv"))
    first = desk.verify(rows(2), options=target)
    second = desk.verify(rows(3), options=target)

    assert first.path == second.path
    assert json.loads((desk.folder / "result.summary.json").read_text("utf-8")) == second.json
    assert len(list(desk.folder.glob("*.json"))) == 1


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "unreadable"])
def test_what_is_no_result_of_ours_is_stepped_over(desk, sandbox, kind):
    path = a_sheet(desk.folder, rows(2), name="people.csv")
    there = desk.folder / "people.verified.csv"
    match kind:
        case "folder":
            there.mkdir()
        case "pipe":
            os.mkfifo(there)
        case "link":
            there.symlink_to(desk.folder / "nowhere.csv")
        case _:
            there.touch(mode=0o000)

    result = desk.verify(path)

    assert result.path.name == "people.verified-2.csv"
    assert os.path.lexists(there)
    assert not (desk.folder / "nowhere.csv").exists()
    assert sandbox.bill.total() == 2


def test_the_output_of_a_job_stays_where_it_was_when_the_desk_moves_on(desk, monkeypatch):
    result = desk.verify(rows(2), options=Options(delivery=Delivery(output=desk.folder / "a.csv")))
    relative = desk.verify(
        rows(3, first=9), options=Options(delivery=Delivery(output=(desk.folder / "b.csv").relative_to(desk.folder)))
    )
    elsewhere = desk.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert desk.render(result.job).path == desk.folder / "a.csv"
    assert desk.render(relative.job).path.resolve() == desk.folder / "b.csv"
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("place", ["input", "output"])
def test_a_name_that_is_not_utf_8_is_refused_before_anything_is_paid(desk, sandbox, place):
    broken = desk.folder / os.fsdecode(b"\xc3\xfb\xb5\xa5.csv")
    path = desk.sheet(rows(2))
    if place == "input":
        path = path.rename(broken)
    options = Options(delivery=Delivery(output=broken if place == "output" else None))

    with pytest.raises(InputError, match="is not written in UTF-8") as caught:
        desk.verify(path, options=options)

    str(caught.value).encode()
    assert sandbox.bill.total() == 0
