"""The step at which a person says which column is which, and the password of a workbook that has one."""

from openpyxl import load_workbook

from batchverify.desk import Desk
from tests.builders import a_row, a_sheet, rows
from tests.protected import protect
from tests.web.reader import Reader, settings_of


def test_what_was_found_is_shown_masked_and_what_a_person_changes_is_taken(reader, tmp_path):
    people = [{**a_row(one), "other": f"{a_row(one + 50)['accountNo']}", "部门": "销售部"} for one in range(1, 9)]
    path = a_sheet(tmp_path, people, name="people.xlsx")
    book = load_workbook(path)
    book.active["D1"] = "工资卡号"
    book.create_sheet("备注").append(["没有人"])
    book.save(path)
    case = reader.case(path)

    found = reader.get(f"/jobs/{case}/columns").text
    assert "several columns fit: choose one" in found
    assert people[0]["accountNo"] not in found
    assert people[0]["idCard"] not in found
    assert "110***********" in found
    answer = reader.post(f"/jobs/{case}/columns", {"column-accountNo": "D", "product": "bank3", "cost_by": "E", "fresh": "on"})
    assert answer.headers["location"] == f"/jobs/{case}/plan"
    options = reader.desk.case(case).options
    assert (dict(options.reading.mapping), options.delivery.cost_by) == ({"accountNo": "D"}, "E")
    assert options.asking.reuse_days_matched == 0
    # Another sheet is looked at before anything else, and a check without its columns says which are missing.
    again = reader.post(f"/jobs/{case}/columns", {"sheet": "备注", "seen_sheet": "Sheet"})
    assert again.headers["location"] == f"/jobs/{case}/columns"
    assert reader.desk.case(case).options.reading.mapping == {}
    missing = reader.post(f"/jobs/{case}/columns", {"sheet": "备注", "seen_sheet": "备注", "product": "bank4"})
    assert missing.status_code == 422
    assert "This check needs a column for: name, ID number, card number, mobile number." in missing.text
    twice = reader.post(f"/jobs/{case}/columns", {"sheet": "Sheet", "seen_sheet": "备注"})  # back to the first sheet
    assert twice.status_code == 303
    twice = reader.post(f"/jobs/{case}/columns", {"column-name": "B", "column-accountNo": "D"})
    assert twice.status_code == 422
    odd = reader.post(f"/jobs/{case}/columns", {"product": "bank9", "column-accountNo": "D"})
    assert "a choice that does not exist" in odd.text


def test_a_row_of_headers_is_looked_for_where_the_person_says_and_an_encoding_is_taken(reader, tmp_path):
    lines = [
        "姓名,身份证号,银行卡号",
        *(",".join(row.values()) for row in rows(3)),
        "姓名,身份证号,银行卡号",
        *(",".join(row.values()) for row in rows(2)),
    ]
    path = tmp_path / "旧名单.csv"
    path.write_bytes("\n".join(lines).encode("gb18030"))
    case = reader.case(path)
    assert "<option selected>gb18030</option>" in reader.get(f"/jobs/{case}/columns").text

    again = reader.post(f"/jobs/{case}/columns", {"header_row": "5", "seen_header_row": "1", "again": "1"})

    assert again.headers["location"] == f"/jobs/{case}/columns"
    assert reader.desk.inspect(case).rows == 2
    wrong = reader.post(f"/jobs/{case}/columns", {"encoding": "utf-8", "seen_encoding": "gb18030"})
    assert wrong.status_code == 422
    assert "is not written in utf-8 throughout" in wrong.text
    assert reader.desk.case(case).options.reading.encoding is None


def test_a_protected_workbook_is_asked_for_its_password_and_a_result_gets_one(reader, tmp_path):
    path = protect(a_sheet(tmp_path, rows(2), name="工资.xlsx"), "open", rounds=10)
    case = reader.case(path)

    assert reader.get(f"/jobs/{case}/columns").text.count('type="password"') == 1
    wrong = reader.post(f"/jobs/{case}/password", {"password": "shut"})
    assert (wrong.status_code, "could not be opened with it" in wrong.text) == (422, True)
    assert reader.post(f"/jobs/{case}/password", {"password": "open"}).headers["location"] == f"/jobs/{case}/columns"
    answer = reader.post(f"/jobs/{case}/columns", {"protect": "on", "result_password": "open"})
    assert answer.headers["location"] == f"/jobs/{case}/plan"
    assert reader.desk.case(case).options.delivery.protect


def test_after_a_restart_a_protected_sheet_is_asked_for_its_password_again_wherever_one_goes_on(home, sandbox, tmp_path):
    settings = settings_of(home, sandbox.endpoint)
    path = protect(a_sheet(tmp_path, rows(2), name="工资.xlsx"), "open", rounds=10)
    with Desk.open(settings) as desk:
        reader = Reader(desk)
        ended, planned = reader.case(path), reader.case(path)
        for case in (ended, planned):
            reader.get(f"/jobs/{case}/columns")
            reader.post(f"/jobs/{case}/password", {"password": "open"})
            reader.post(f"/jobs/{case}/columns")
        form = reader.form_of(reader.get(f"/jobs/{ended}/confirm"))
        reader.post(f"/jobs/{ended}/confirm", form | {"cap": "1"})
        reader.wait(ended)
    with Desk.open(settings) as desk:
        reader = Reader(desk)
        reader.get("/")
        places = [reader.get(f"/jobs/{planned}/{step}") for step in ("plan", "confirm")]
        places += [reader.post(f"/jobs/{planned}/confirm", form), reader.get(f"/jobs/{ended}/rerun?what=open")]
        places += [reader.post(f"/jobs/{ended}/unmask", {"cell": "2:name"})]
        assert [place.headers["location"] for place in places] == [f"/jobs/{planned}/password"] * 3 + [
            f"/jobs/{ended}/password"
        ] * 2
        for case, step in ((planned, "columns"), (ended, "")):
            reader.get(f"/jobs/{case}/password")
            opened = reader.post(f"/jobs/{case}/password", {"password": "open"})
            assert opened.headers["location"] == f"/jobs/{case}/{step}".rstrip("/")
        assert sandbox.bill.total() == 1
