"""Inspect and doctor: they look, say what they saw, and change nothing."""

import json
import sqlite3
from contextlib import closing

import pytest
from openpyxl import load_workbook

from batchverify.errors import InputError
from batchverify.job import Reading, examine, inspect_file
from batchverify.model import Field, Secret
from batchverify.settings import store_app_code
from tests.builders import a_row, a_sheet, an_id, rows


def test_a_csv_is_shown_with_its_columns_and_masked_examples(home, tmp_path):
    path = a_sheet(tmp_path, [*rows(4), dict.fromkeys(a_row(), "")])

    seen = inspect_file(path, Reading(), home=home)

    assert (seen.name, seen.kind, seen.header_row, seen.rows) == ("people.csv", "csv", 1, 4)
    assert [(one.field, one.letters, one.header) for one in seen.columns] == [
        (Field.NAME, "A", "姓名"),
        (Field.ID_CARD, "B", "身份证号"),
        (Field.ACCOUNT_NO, "C", "银行卡号"),
    ]
    assert all(len(one.examples) == 3 for one in seen.columns)
    document = json.dumps(seen.as_json(), ensure_ascii=False)
    assert not any(an_id(person) in document for person in range(1, 5))
    assert seen.as_json()["input"]["rows"] == 4


def test_a_workbook_is_shown_with_its_sheets_hidden_rows_and_odd_cells(home, tmp_path):
    path = a_sheet(tmp_path, [a_row(1), a_row(2, accountNo=6217000000), a_row(3, accountNo=True)], name="people.xlsx")
    book = load_workbook(path)
    book.worksheets[0].row_dimensions[3].hidden = True
    book.create_sheet("其他").append(["x"])
    book.save(path)

    seen = inspect_file(path, Reading(), home=home)

    assert [name for name, _ in seen.sheets] == ["Sheet", "其他"]
    assert (seen.rows, seen.hidden_rows) == (3, 1)
    assert seen.columns[2].examples[2] == "(boolean)"
    assert "6217000000" not in seen.columns[2].examples
    assert inspect_file(path, Reading(skip_hidden=True), home=home).rows == 2


def test_a_column_that_the_user_named_has_no_score(home, tmp_path):
    path = a_sheet(tmp_path, rows(2))

    seen = inspect_file(path, Reading(mapping={Field.NAME: "A"}), home=home)

    assert {one.field: one.score is None for one in seen.columns}[Field.NAME]


def test_what_cannot_be_read_is_an_input_error(home, tmp_path):
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))

    with pytest.raises(InputError):
        inspect_file(path, Reading(), home=home)


def test_a_healthy_home_is_well_in_everything(desk):
    desk.verify(rows(3))

    findings = examine(desk.home, desk.settings())

    assert all(finding.is_well for finding in findings), findings
    assert [finding.what for finding in findings] == [
        "home", "ledger", "ledger chains", "ledger report key",
        "sandbox ledger", "sandbox ledger chains", "sandbox ledger report key", "AppCode",
    ]  # fmt: skip
    assert findings[4].detail == "1 jobs, no damage."
    assert findings[5].detail == "1 runs, every record follows from the one before."
    assert findings[7].detail == "There is one."


def test_a_missing_app_code_is_no_illness_and_one_that_others_read_is(desk):
    desk.verify(rows(1))
    settings = desk.settings().model_copy(update={"app_code": None})
    assert examine(desk.home, settings)[-1].is_well

    store_app_code(Secret("secret"), desk.home)
    (desk.home / "appcode").chmod(0o644)
    finding = examine(desk.home, settings)[-1]

    assert not finding.is_well
    assert "secret" not in finding.detail
    assert "chmod 600" in finding.detail


def test_a_record_that_was_changed_is_found_by_its_chain(desk):
    result = desk.verify(rows(2))
    with closing(sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite")) as con:
        con.execute("DROP TRIGGER event_grows")
        con.execute("UPDATE event SET code = '02' WHERE seq = 3")
        con.commit()

    findings = {finding.what: finding for finding in examine(desk.home, desk.settings())}

    assert findings["sandbox ledger"].is_well
    assert not findings["sandbox ledger chains"].is_well
    assert findings["sandbox ledger chains"].detail == f"Runs whose record was changed: {result.json['run']}."


def test_a_damaged_ledger_and_an_open_home_are_ill(desk):
    desk.verify(rows(1))
    (desk.home / "sandbox" / "ledger.sqlite").write_bytes(b"not a ledger" * 1000)
    ill = {finding.what for finding in examine(desk.home, desk.settings()) if not finding.is_well}
    assert ill == {"sandbox ledger"}

    desk.home.chmod(0o755)
    ill = {finding.what for finding in examine(desk.home, desk.settings()) if not finding.is_well}
    assert ill == {"home", "ledger", "sandbox ledger"}
