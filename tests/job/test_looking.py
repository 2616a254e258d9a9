"""Inspect and doctor: they look, say what they saw, and change nothing."""

import json
import sqlite3
from contextlib import closing

import pytest
from openpyxl import load_workbook

from batchverify.cli.show import inspection_text
from batchverify.errors import InputError
from batchverify.job import Reading, examine, inspect_file
from batchverify.model import Field, Secret
from batchverify.rules.masks import mask
from batchverify.settings import store_app_code
from batchverify.words import Lang
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

    assert [sheet.name for sheet in seen.sheets] == ["Sheet", "其他"]
    assert (seen.rows, seen.hidden_rows) == (3, 1)
    assert seen.columns[2].examples[2] == "(boolean)"
    assert "6217000000" not in seen.columns[2].examples
    assert inspect_file(path, Reading(skip_hidden=True), home=home).rows == 2


def test_a_column_that_the_user_named_has_no_score(home, tmp_path):
    path = a_sheet(tmp_path, rows(2))

    seen = inspect_file(path, Reading(mapping={Field.NAME: "A"}), home=home)

    assert {one.field: one.score is None for one in seen.columns}[Field.NAME]


def test_each_column_says_how_sure_it_is_and_what_else_it_may_be(home, tmp_path):
    people = [
        {
            "姓名": row["name"],
            "乙方身份证号": row["idCard"],
            "银行卡号": row["accountNo"],
            "卡号": other["accountNo"],
            "备注": "x",
        }
        for row, other in zip(rows(4), rows(4, first=20), strict=True)
    ]
    path = a_sheet(tmp_path, people)

    seen = inspect_file(path, Reading(), home=home)

    assert [(one.field, one.confidence, one.rivals) for one in seen.columns] == [
        (Field.NAME, "sure", ()),
        (Field.ACCOUNT_NO, "ambiguous", (("D", "卡号"),)),
        (Field.ID_CARD, "likely", ()),
    ]
    assert seen.missing == (Field.MOBILE,)
    assert seen.others == (("D", "卡号"), ("E", "备注"))
    english, chinese = inspection_text(seen, Lang.EN), inspection_text(seen, Lang.ZH)
    assert "      or D '卡号': where it is asked, name one, as in --map accountNo=C\n" in english
    assert "  No column for: mobile number\n  Other columns: D '卡号', E '备注'\nRows: 4" in english
    assert "[有歧义 " in chinese
    assert "  未找到: 手机号\n  其他列: D '卡号', E '备注'\n行数: 4" in chinese
    told = seen.as_json()
    assert told["columns"][1]["confidence"] == "ambiguous"
    assert told["columns"][1]["rivals"] == [{"column": "D", "header": "卡号"}]
    assert (told["missing"], told["other_columns"][1]) == (["mobile"], {"column": "E", "header": "备注"})


def test_sheets_are_shown_with_their_rows_and_whether_they_are_hidden(home, tmp_path):
    path = a_sheet(tmp_path, rows(3), name="people.xlsx")
    book = load_workbook(path)
    book.create_sheet("旧名单").append(["姓名"])
    book["旧名单"].sheet_state = "hidden"
    book.save(path)

    seen = inspect_file(path, Reading(), home=home)

    assert [(sheet["name"], sheet["rows"], sheet["hidden"]) for sheet in seen.as_json()["sheets"]] == [
        ("Sheet", 4, False),
        ("旧名单", 1, True),
    ]
    assert "  sheet: Sheet (4) ←\n  sheet: 旧名单 (1) [hidden]\nHeader row: 1\n" in inspection_text(seen, Lang.EN)


def test_examples_are_of_three_people_who_have_the_cell(home, tmp_path):
    people = [a_row(1, accountNo=""), a_row(2), a_row(3, accountNo=""), *rows(3, first=4)]

    seen = inspect_file(a_sheet(tmp_path, people), Reading(), home=home)

    assert seen.columns[2].examples == tuple(mask(Field.ACCOUNT_NO, people[at]["accountNo"]) for at in (1, 3, 4))


def test_a_header_that_nobody_understands_shows_none_of_its_cells(home, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("王小明,x,y\n李四,x,y\n", encoding="utf-8")

    seen = inspect_file(path, Reading(), home=home)

    assert (seen.columns, seen.others, len(seen.missing)) == ((), (), 4)
    assert "王" not in inspection_text(seen, Lang.EN) + json.dumps(seen.as_json(), ensure_ascii=False)


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
        "home", "ledger", "ledger chains", "ledger key", "ledger report key",
        "sandbox ledger", "sandbox ledger chains", "sandbox ledger key", "sandbox ledger report key", "AppCode",
    ]  # fmt: skip
    assert findings[5].detail == "1 jobs, no damage."
    assert findings[6].detail == "1 runs, every record follows from the one before."
    assert findings[9].detail == "There is one."


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
