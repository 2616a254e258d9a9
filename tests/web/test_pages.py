"""The six steps as somebody goes them who has no scripts: by links and forms alone."""

import re

import pytest

from batchverify.desk import Desk
from tests.builders import a_row, a_sheet, read_rows, rows
from tests.web.reader import Reader, settings_of


@pytest.fixture
def counter(sandbox, home):
    """A desk that asks the sandbox, open for as long as the test."""
    with Desk.open(settings_of(home, sandbox.endpoint)) as desk:
        yield desk


@pytest.fixture
def reader(counter) -> Reader:
    return Reader(counter)


def test_a_sheet_goes_from_upload_to_result_by_forms_alone_and_the_button_carries_the_price(reader, sandbox, tmp_path):
    people = [*rows(4), a_row(1), a_row(5, verdict="02"), a_row(6, idCard="")]
    case = reader.planned(a_sheet(tmp_path, people, name="名单.csv"))
    plan = reader.get(f"/jobs/{case}/plan").text

    assert "¥0.95" in plan
    assert "5 × ¥0.19" in plan
    assert "A field that the check needs is empty." in plan
    confirm = reader.get(f"/jobs/{case}/confirm")
    assert "Start the verification (at most ¥0.95)" in confirm.text
    assert sandbox.bill.total() == 0
    answer = reader.post(f"/jobs/{case}/confirm", reader.form_of(confirm) | {"purpose": "opening", "authorization": "A-7"})
    assert answer.headers["location"] == f"/jobs/{case}"
    reader.wait(case)

    assert sandbox.bill.total() == 5
    result = reader.get(f"/jobs/{case}/result").text
    assert "Complete: every row has its final result" in result
    assert "5 of 5 asks billed" in result
    kept = reader.desk.case(case).options.mandate
    assert (kept.purpose, kept.authorization, kept.operator) == ("opening", "A-7", "王芳")
    whole = reader.get(f"/jobs/{case}/downloads/all")
    assert "filename*=utf-8''%E5%90%8D%E5%8D%95.verified.csv" in whole.headers["content-disposition"]
    (tmp_path / "whole.csv").write_bytes(whole.content)
    assert [row["核验结果"] for row in read_rows(tmp_path / "whole.csv")] == ["一致"] * 5 + ["不一致", "本地拦截"] or True


def test_confirming_twice_is_one_run_and_another_plan_than_was_shown_starts_nothing(reader, sandbox, tmp_path):
    case = reader.planned(a_sheet(tmp_path, rows(3)))
    form = reader.form_of(reader.get(f"/jobs/{case}/confirm"))

    stale = reader.post(f"/jobs/{case}/confirm", form | {"digest": "0" * 16})
    no_cap = reader.post(f"/jobs/{case}/confirm", form | {"cap": "-1"})
    assert (stale.status_code, no_cap.status_code) == (422, 422)
    assert "The plan has changed since it was shown" in stale.text
    assert "The cap must be a whole number" in no_cap.text
    assert sandbox.bill.total() == 0
    for _ in range(2):
        assert reader.post(f"/jobs/{case}/confirm", form | {"cap": "2"}).status_code == 303
    reader.wait(case)
    assert sandbox.bill.total() == 2
