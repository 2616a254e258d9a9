"""The result file: the user's cells as they were, drawn from the ledger at any time for nothing, never onto the input."""

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest
from openpyxl import load_workbook

from batchverify.errors import InputError
from batchverify.job import Bounds, Delivery, Options, Reading, run_file
from batchverify.model import Field
from batchverify.sandbox import Fault, Rule
from batchverify.store.home import Home
from batchverify.store.ledger import Ledger
from batchverify.words import RESULT_COLUMNS, Lang
from tests.builders import a_row, an_id, enter_package, read_rows, rows
from tests.faults import Danger, proves
from tests.threats import guards

FOREIGN = ("NA", "00123", "=1+1", "1E5", "", "null", " 留 空 ", "1,5", "'x")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_foreign_cells_of_a_csv_come_out_as_they_went_in(desk):
    path = desk.sheet([a_row(person, 备注=cell) for person, cell in enumerate(FOREIGN)])

    result = desk.verify(path)

    theirs = path.read_text("utf-8-sig").splitlines()
    ours = result.path.read_text("utf-8-sig").splitlines()
    assert [line.split(",bv_")[0] for line in ours[:1]] == theirs[:1]
    assert all(line.startswith(f"{old},") for old, line in zip(theirs[1:], ours[1:], strict=True))
    assert result.column("备注") == list(FOREIGN)
    assert list(result.rows[0]) == ["姓名", "身份证号", "银行卡号", "备注", *(key for key, _ in RESULT_COLUMNS)]


def test_foreign_cells_of_a_workbook_come_out_as_they_went_in(desk):
    path = desk.sheet([a_row(person, 备注=cell, 数=person / 4) for person, cell in enumerate(FOREIGN)], kind="xlsx")

    result = desk.verify(path)

    before, after = load_workbook(path).worksheets[0], load_workbook(result.path).worksheets[0]
    for old in before.iter_rows():
        for cell in old:
            new = after.cell(cell.row, cell.column)
            assert (new.value, new.data_type) == (cell.value, cell.data_type)
    assert result.path.name == f"{path.stem}.verified.xlsx"
    assert load_workbook(result.path).sheetnames == ["Sheet", "Summary", "To fix", "To retry", "Quota", "Legend"]


def test_numbers_of_people_stay_text(desk):
    result = desk.verify(desk.sheet(rows(1), kind="xlsx"))

    sheet = load_workbook(result.path).worksheets[0]
    assert [sheet.cell(2, column).data_type for column in (2, 3)] == ["s", "s"]
    assert result.rows[0]["身份证号"] == an_id(1)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_rendering_again_gives_the_same_bytes_and_asks_nothing(desk, sandbox, kind):
    path = desk.sheet([a_row(1), a_row(2, verdict="02"), a_row(1), a_row(3, idCard="")], kind=kind)
    first = desk.verify(path)
    before, asked = sha256(first.path), sandbox.bill.total()
    first.path.unlink()

    again = desk.render(first.job)
    once_more = desk.render(first.job)

    assert [sha256(result.path) for result in (again, once_more)] == [before, before]
    assert again.path == first.path
    assert sandbox.bill.total() == asked
    assert again.json == first.json


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_result_speaks_of_the_end_of_its_run_whatever_others_ask_later(desk, kind):
    desk.verify(rows(1))
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", simulated=True) as ledger:
        enter_package(ledger, "100", total=100, now=desk.session().clock.now())
    first = desk.verify(desk.sheet(rows(3), kind=kind))
    before = sha256(first.path)
    desk.verify(rows(9, first=2))

    again = desk.render(first.job)

    assert sha256(first.path) == before
    assert again.json == first.json
    assert again.json["quota"] == {"total": 100, "left_before": 100, "left_after": 98, "low": False, "known": True}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_result_is_drawn_by_the_settings_of_its_run_whatever_they_are_today(desk, sandbox, kind):
    desk.verify(rows(1, first=50))
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", simulated=True) as ledger:
        enter_package(ledger, "10", total=10, now=desk.session().clock.now())
    people = [a_row(1), a_row(2, verdict="53"), a_row(3), a_row(4), a_row(5), a_row(6), a_row(7)]
    first = desk.verify(desk.sheet(people, kind=kind), unit_price=Decimal("0.105"), lock_minutes=900, low_balance_percent=40)
    before = sha256(first.path)

    again = desk.render(
        first.job,
        unit_price=Decimal("0.30"),
        lock_minutes=800,
        low_balance_percent=5,
        endpoint="http://127.0.0.1:9",
        asks_per_card_per_day=1,
    )

    assert sha256(again.path) == before
    assert again.json == first.json
    assert first.json["quota"]["low"]
    assert first.json["cost"]["unit_price"] == "0.105"
    assert f"--endpoint {sandbox.endpoint}" in again.json["next"]


def test_a_job_that_was_not_run_cannot_be_drawn(desk):
    with pytest.raises(InputError, match=r"^There is no job 's-aaaaaaaa' in this home. `batchverify jobs` lists them.$"):
        desk.render("s-aaaaaaaa")


@proves(Danger.INPUT_EDITED)
def test_the_input_edited_during_the_run_does_not_change_what_is_asked_and_is_not_written_to(desk, sandbox):
    path = desk.sheet(rows(3))

    edited = path.read_text("utf-8-sig").replace(an_id(1), an_id(900))
    desk.onlooker.on_asking = lambda: path.write_text(edited, "utf-8", newline="")
    result = desk.verify(path)

    assert result.column("身份证号") == [an_id(1), an_id(2), an_id(3)]
    with path.open(encoding="utf-8", newline="") as file:
        assert file.read() == edited
    assert result.path != path
    with pytest.raises(InputError, match="was changed since the job"):
        desk.resume(result.job)
    assert sandbox.bill.total() == 3


@pytest.mark.parametrize("way", ["same", "link"])
def test_the_result_never_goes_onto_the_input_and_nothing_is_paid_to_find_out(desk, sandbox, way):
    path = desk.sheet(rows(2))
    before = sha256(path)
    target = path
    if way == "link":
        target = desk.folder / "link.csv"
        target.symlink_to(path)

    with pytest.raises(InputError, match="is the input itself, and the input is never written to"):
        desk.verify(path, options=Options(delivery=Delivery(output=target)))

    assert sha256(path) == before
    assert sandbox.bill.total() == 0


@pytest.mark.parametrize("name", ["result.pdf", "result.xlsm", "result"])
def test_a_result_of_another_kind_is_refused_before_anything_is_paid_for(desk, sandbox, name):
    with pytest.raises(InputError, match=rf"^The result cannot be '{name}'. Name a file that ends in .xlsx or .csv.$"):
        desk.verify(rows(1), options=Options(delivery=Delivery(output=desk.folder / name)))

    assert sandbox.bill.total() == 0


def test_a_result_in_a_folder_that_is_not_there_is_refused_before_anything_is_paid_for(desk, sandbox):
    with pytest.raises(InputError, match="There is no folder"):
        desk.verify(rows(1), options=Options(delivery=Delivery(output=desk.folder / "nowhere" / "result.csv")))

    assert sandbox.bill.total() == 0


def test_a_result_may_be_of_another_kind_than_the_input(desk):
    target = desk.folder / "out.xlsx"

    result = desk.verify(rows(2), options=Options(delivery=Delivery(output=target)))

    assert result.path == target
    assert (desk.folder / "out.summary.json").is_file()
    assert result.statuses == ["matched", "matched"]


def test_an_edited_result_is_left_alone(desk):
    path = desk.sheet(rows(2))
    first = desk.verify(path)
    noted = first.path.read_bytes() + b"# my own note\n"
    first.path.write_bytes(noted)

    again = desk.render(first.job)

    assert again.path.name == f"{path.stem}.verified-2.csv"
    assert first.path.read_bytes() == noted


def test_a_result_that_another_job_reads_since_is_left_alone(desk, sandbox):
    """A second result of the same people, in another language, would not be what the other job has read."""
    path = desk.sheet([a_row(1), a_row(2, verdict="02")])
    first = desk.verify(path)
    read = first.path.read_bytes()
    second = desk.rerun(first.path)
    in_chinese = partial(_with, lang=Lang.ZH)

    again = desk.render(first.job, change=in_chinese)
    once_more = desk.render(first.job, change=in_chinese)

    assert (again.path.name, once_more.path.name) == (f"{path.stem}.verified-3.csv",) * 2
    assert first.path.read_bytes() == read
    assert desk.render(second.job).path == second.path
    with pytest.raises(InputError, match=rf"^'{first.path.name}' is what the job {second.job} reads, and would be lost to it\. "):
        desk.render(first.job, change=partial(_with, output=first.path))


def _with(options, **changes):
    return replace(options, delivery=replace(options.delivery, **changes))


def test_a_file_of_somebody_else_is_left_alone(desk):
    path = desk.sheet(rows(1))
    other = path.with_name(f"{path.stem}.verified.csv")
    other.write_text("mine")

    result = desk.verify(path)

    assert other.read_text() == "mine"
    assert result.path.name == f"{path.stem}.verified-2.csv"


@pytest.mark.parametrize("content", ["mine", "[]", '{"outputs": [{"path": "elsewhere.csv"}]}'])
def test_a_summary_takes_the_place_of_no_file_of_somebody_else(desk, content):
    path = desk.sheet(rows(1))
    other = path.with_name(f"{path.stem}.summary.json")
    other.write_text(content)

    rendered = run_file(path, Options(), Bounds(), desk.session())

    assert other.read_text() == content
    spare = path.with_name(f"{path.stem}.verified.csv.summary.json")
    assert json.loads(spare.read_text("utf-8")) == rendered.summary.as_json()


def test_a_thousand_results_are_enough(desk):
    path = desk.sheet(rows(1))
    for number in range(1, 1000):
        path.with_name(f"{path.stem}.verified{'' if number == 1 else f'-{number}'}.csv").touch()

    with pytest.raises(InputError, match=r"There are a thousand results beside 'people-1.csv' already. Name one with -o."):
        desk.verify(path)


def test_labels_are_chinese_where_chinese_is_wanted(desk):
    result = desk.verify(rows(1), options=Options(delivery=Delivery(lang=Lang.ZH)))

    assert result.rows[0]["核验结果"] == "一致"


@guards("masks")
def test_a_masked_result_shows_no_number(desk):
    result = desk.verify(rows(2), options=Options(delivery=Delivery(mask=True)))

    text = result.path.read_text("utf-8-sig")
    assert not any(row[field] in text for row in rows(2) for field in ("idCard", "accountNo"))
    assert result.statuses == ["matched", "matched"]


def test_a_chosen_column_is_read_in_place_of_a_guessed_one(desk):
    people = [a_row(1, 另一张卡=a_row(5)["accountNo"])]

    result = desk.verify(people, options=Options(reading=Reading(mapping={Field.ACCOUNT_NO: "另一张卡"})))

    assert desk.verify([a_row(1)]).json["asks"]["sent"] == 1
    assert result.json["asks"]["sent"] == 1


@guards("home-bytes")
def test_the_home_holds_no_person_and_no_app_code(desk, sandbox):
    people = [a_row(person, name="测试丙") for person in range(1, 30)]
    desk.verify(people, app_code="sandbox")
    desk.verify(desk.sheet(people, kind="xlsx"))

    secrets = [value.encode() for row in people for value in row.values()]
    for file in Home.open(desk.home).path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(secret in content for secret in secrets), file


def test_the_result_is_private_and_named_in_the_summary_with_its_hash(desk):
    result = desk.verify(rows(1))

    (output,) = result.json["outputs"]
    assert output == {"path": str(result.path), "sha256": sha256(result.path)}
    assert read_rows(result.path) == result.rows
    assert result.path.stat().st_mode & 0o077 == 0


def test_the_windows_of_a_job_add_up_to_its_bill(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(3,)))

    result = desk.verify(rows(5))

    assert sum(window["asks"] for window in result.json["windows"]) == 5
    assert sum(window["billed"] for window in result.json["windows"]) == 4
    assert result.json["cost"] == {"currency": "CNY", "unit_price": "0.19", "min": "0.76", "max": "0.95", "saved": "0.00"}
