"""The six steps as somebody goes them who has no scripts: by links and forms alone."""

import re
import time
from collections import Counter

from openpyxl import load_workbook

from batchverify.desk import Desk
from batchverify.model import Field
from batchverify.web.people import Role
from tests.builders import a_row, a_sheet, read_rows, rows
from tests.threats import guards
from tests.web.reader import Reader, settings_of


def test_a_sheet_goes_from_upload_to_result_by_forms_alone_and_the_button_carries_the_price(reader, sandbox, tmp_path):
    people = [*rows(4), a_row(1), a_row(5, verdict="02"), a_row(6, idCard="")]
    case = reader.planned(a_sheet(tmp_path, people, name="名单.csv"), lang="en")
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
    assert Counter(row["bv_status"] for row in read_rows(tmp_path / "whole.csv")) == {"matched": 5, "mismatched": 1, "blocked": 1}
    assert [act.act for act in reader.desk.acts(case)][:2] == ["downloaded", "ended"]


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


@guards("scripts")
def test_names_headers_and_sheets_that_are_scripts_are_shown_as_text(reader, tmp_path):
    script = "<script>alert(1)</script>"
    people = [{**one, script: script} for one in rows(3)]
    people[1]["name"] = script
    path = a_sheet(tmp_path, people, name="people.xlsx")
    book = load_workbook(path)
    book.active.title = "<script>a<'b'"
    book.save(path)

    case = reader.case(path, name=f"{script}.xlsx")
    pages = [reader.get(f"/jobs/{case}/columns").text]
    assert reader.post(f"/jobs/{case}/columns", {"cost_by": "D"}).status_code == 303
    pages += [reader.get(f"/jobs/{case}/{step}").text for step in ("plan", "confirm")]
    form = reader.form_of(reader.page)
    reader.post(f"/jobs/{case}/confirm", form)
    reader.wait(case)
    pages += [reader.get(f"/jobs/{case}/result").text, reader.get("/jobs").text, reader.get("/").text]
    assert reader.post(f"/jobs/{case}/unmask", {"cell": "3:name"}).text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 1
    for page in pages:
        assert "<script>" not in page
    assert "&lt;script&gt;a&lt;&#39;b&#39;" in pages[0]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[0]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[3]
    titles = [re.search("<title>(.*?)</title>", page)[1] for page in pages]
    assert not [title for title in titles if "script" in title]


def test_a_number_is_shown_in_clear_one_at_a_time_and_that_is_recorded(reader, tmp_path):
    people = rows(3)
    case = reader.ended(a_sheet(tmp_path, people))
    masked = reader.get(f"/jobs/{case}/result").text
    assert not any(person[field] in masked for person in people for field in ("idCard", "accountNo"))

    shown = reader.post(f"/jobs/{case}/unmask", {"cell": "2:idCard"})

    assert shown.text.count(people[0]["idCard"]) == 1
    assert people[0]["accountNo"] not in shown.text
    assert people[1]["idCard"] not in shown.text
    by_script = reader.post(f"/jobs/{case}/unmask", {"cell": "3:accountNo"}, accept="text/plain")
    assert by_script.text == people[1]["accountNo"]
    assert by_script.headers["cache-control"] == "no-store"
    seen = [(act.operator, act.note) for act in reader.desk.acts(case) if act.act == "unmasked"]
    assert len(seen) == 2
    assert {operator for operator, _ in seen} == {"王芳"}
    assert not any(people[0]["idCard"] in note for _, note in seen)
    assert reader.post(f"/jobs/{case}/unmask", {"cell": "2:secret"}).status_code == 422


def test_who_may_only_look_sees_masks_and_neither_files_nor_buttons(reader, counter, tmp_path):
    case = reader.ended(a_sheet(tmp_path, rows(2)))
    planned = reader.planned(a_sheet(tmp_path, rows(2, first=7), name="b.csv"))
    viewer = Reader(counter, name="李雷", roles=frozenset({Role.VIEW}), lang="zh-CN")

    result = viewer.get(f"/jobs/{case}/result").text
    assert 'class="cell"' not in result
    assert f"/jobs/{case}/downloads/all" not in result
    assert "您的角色只能查看打码后的表格" in result
    for path in (f"/jobs/{case}/downloads/all", f"/jobs/{case}/partial", f"/jobs/{case}/rerun", f"/jobs/{case}/columns"):
        assert viewer.get(path).status_code == 403, path
    for path in ("unmask", "rerun", "stop", "pause", "continue", "remove"):
        assert viewer.post(f"/jobs/{case}/{path}", {"cell": "2:idCard"}).status_code == 403, path
    assert viewer.upload(a_sheet(tmp_path, rows(1))).status_code == 403
    assert "您的角色只能查看任务" in viewer.get("/").text
    assert f"/jobs/{planned}/confirm" not in viewer.get(f"/jobs/{planned}/plan").text
    assert viewer.post(f"/jobs/{planned}/confirm", {"digest": "x", "cap": "2"}).status_code == 403
    assert viewer.get(f"/jobs/{case}/report?form=html").headers["content-disposition"].startswith("attachment")


def test_rows_that_are_locked_wait_and_those_in_doubt_want_a_word_more(reader, sandbox, tmp_path):
    people = [*rows(2), a_row(3, verdict="99"), a_row(4, verdict="53")]
    case = reader.ended(a_sheet(tmp_path, people), product="bank3-detail")
    before = sandbox.bill.total()
    result = reader.get(f"/jobs/{case}/result").text
    assert "Run only the failed rows (at most ¥0.19)" in result
    assert "Rows in doubt: 1" in result
    assert "That is not a mismatch" in result
    assert "¥0.57–0.76" in result
    failed = reader.get(f"/jobs/{case}/rerun").text
    assert "There is nothing to ask now." in failed
    assert "Locked rows that are left out: 1." in failed

    doubt = reader.get(f"/jobs/{case}/rerun?what=in_doubt")
    refused = reader.post(f"/jobs/{case}/rerun", reader.form_of(doubt))
    assert "Accept first that these rows may be billed twice" in refused.text
    accepted = reader.form_of(doubt) | {"double": "on"}
    assert reader.post(f"/jobs/{case}/rerun", accepted | {"cap": ""}).status_code == 422
    assert sandbox.bill.total() == before
    for _ in range(2):
        assert reader.post(f"/jobs/{case}/rerun", accepted).status_code == 303
    reader.wait(case)

    assert sandbox.bill.total() == before + 1


def test_a_cap_that_was_reached_leaves_rows_that_are_asked_later(reader, sandbox, tmp_path):
    case = reader.ended(a_sheet(tmp_path, rows(4)), cap=3)
    result = reader.get(f"/jobs/{case}/result?status=not_run").text
    assert "Ask the rows that are left (at most ¥0.19)" in result
    assert result.count('<th scope="row" class="number">') == 1
    assert "No row of this kind." in reader.get(f"/jobs/{case}/result?status=locked").text
    assert reader.get(f"/jobs/{case}/result?row=3").text.count('<th scope="row" class="number">') == 1

    reader.post(f"/jobs/{case}/rerun", reader.form_of(reader.get(f"/jobs/{case}/rerun?what=open")))
    reader.wait(case)

    assert sandbox.bill.total() == 4
    assert reader.get(f"/jobs/{case}").headers["location"] == f"/jobs/{case}/result"


def test_a_job_is_paused_looked_at_continued_and_stopped_by_forms(home, sandbox, tmp_path):
    with Desk.open(settings_of(home, sandbox.endpoint, qps=20.0)) as desk:
        reader = Reader(desk)
        case = reader.begun(a_sheet(tmp_path, rows(400)))
        _until(lambda: desk.live(case).done > 2)
        page = reader.get(f"/jobs/{case}/progress").text
        assert "of 400" in page
        assert "of 400 asks, at most ¥76.00" in page
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
        assert reader.post(f"/jobs/{case}/pause", accept="application/json").status_code == 204
        reader.wait(case)
        paused, asked = reader.get(f"/jobs/{case}/progress").text, sandbox.bill.total()
        assert "Paused. Nothing is sent until you go on." in paused
        assert f"Go on (at most ¥{(400 - asked) * 0.19:.2f} more)" in paused
        partial = reader.get(f"/jobs/{case}/partial")
        assert "people.partial.csv" in partial.headers["content-disposition"]
        assert sandbox.bill.total() == asked
        assert reader.post(f"/jobs/{case}/continue").headers["location"] == f"/jobs/{case}/progress"
        _until(lambda: desk.live(case).done > asked + 1)
        reader.post(f"/jobs/{case}/stop")
        reader.wait(case)
        result = reader.get(f"/jobs/{case}/result").text
        assert "This job has not been asked to its end." in result
        # An ask whose turn came with the stop is one of ours, and none of the vendor's.
        assert re.findall("([0-9]+) of [0-9]+ asks billed", result) == [str(sandbox.bill.billed())]
        assert asked + 1 < sandbox.bill.billed() < 400


def test_where_another_person_has_to_approve_the_preparer_cannot(home, sandbox, tmp_path):
    with Desk.open(settings_of(home, sandbox.endpoint, approval=True, strict=True)) as desk:
        reader = Reader(desk)
        case = reader.planned(a_sheet(tmp_path, rows(2)))
        confirm = reader.get(f"/jobs/{case}/confirm")
        assert "Send for approval (at most ¥0.38)" in confirm.text
        form = reader.form_of(confirm)
        assert "Purpose and authorization are demanded here" in reader.post(f"/jobs/{case}/confirm", form).text
        reader.post(f"/jobs/{case}/confirm", form | {"purpose": "opening", "authorization": "A-7"})
        assert "another person has to approve it" in reader.get(f"/jobs/{case}/confirm").text
        assert reader.get(f"/jobs/{case}").headers["location"] == f"/jobs/{case}/confirm"
        own = reader.post(f"/jobs/{case}/approve", {"digest": form["digest"]})
        assert own.status_code == 422
        assert sandbox.bill.total() == 0
        other = Reader(desk, name="李雷", roles=frozenset({Role.APPROVE}))
        waiting = other.get(f"/jobs/{case}/confirm")
        assert "Approve and start (at most ¥0.38)" in waiting.text
        assert other.post(f"/jobs/{case}/approve", {"digest": "0" * 16}).status_code == 422
        approved = other.post(f"/jobs/{case}/approve", other.form_of(waiting))
        assert approved.status_code == 303
        other.wait(case)
        assert sandbox.bill.total() == 2


def test_the_corrected_file_goes_on_from_its_job_and_asks_what_was_changed(reader, sandbox, tmp_path):
    people = rows(3)
    people[1]["idCard"] = people[1]["idCard"][:-1]
    first = reader.ended(a_sheet(tmp_path, people))
    page = reader.get(f"/jobs/{first}/correct")
    assert f'name="origin" value="{first}"' in page.text
    people[1] = a_row(2)

    answer = reader.upload(a_sheet(tmp_path, people, name="again.csv"), origin=first)

    case = answer.headers["location"].split("/")[2]
    assert reader.desk.case(case).origin == first
    assert reader.post(f"/jobs/{case}/columns").status_code == 303
    assert "1 × ¥0.19" in reader.get(f"/jobs/{case}/plan").text
    reader.post(f"/jobs/{case}/confirm", reader.form_of(reader.get(f"/jobs/{case}/confirm")))
    reader.wait(case)
    assert sandbox.bill.total() == 3


def test_whoever_has_no_sheet_gets_a_blank_one_that_can_be_read_back(reader, tmp_path):
    blank = reader.get("/template.xlsx")
    path = tmp_path / "blank.xlsx"
    path.write_bytes(blank.content)

    case = reader.case(path)

    assert {column.field for column in reader.desk.inspect(case).columns} >= {Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO}


def test_the_page_speaks_the_readers_language_and_the_switch_stays(reader, tmp_path):
    assert '<html lang="en">' in reader.get("/", accept_language="fr,en;q=0.8").text
    assert '<html lang="zh-CN">' in reader.get("/", accept_language="zh-TW,en;q=0.8").text
    switched = reader.get("/language/zh?back=/jobs")
    assert switched.headers["location"] == "/jobs"
    assert '<html lang="zh-CN">' in reader.get("/jobs").text
    assert reader.get("/language/xx?back=//evil.example/").headers["location"] == "/"
    assert '<html lang="zh-CN">' in reader.get("/jobs/c-nothing/result").text
    assert reader.get("/jobs/c-nothing/result").status_code == 404


def test_jobs_are_listed_and_their_files_can_be_removed(reader, tmp_path):
    case = reader.ended(a_sheet(tmp_path, rows(2), name="旧的.csv"))
    for place in ("/", "/jobs", "/jobs?from=0", "/jobs?from=x", "/jobs?from=9999"):
        assert ("旧的.csv" in reader.get(place).text) is (place != "/jobs?from=9999")
    assert "¥0.38" in reader.get("/jobs").text

    assert "What was paid stays on record" in reader.get(f"/jobs/{case}/remove").text
    assert reader.post(f"/jobs/{case}/remove").headers["location"] == "/jobs"

    assert reader.get(f"/jobs/{case}").status_code == 404
    assert "No job yet." in reader.get("/jobs").text


def test_the_problems_are_had_as_a_file_by_row_and_reason_without_a_value(reader, tmp_path):
    people = [
        *rows(2),
        a_row(1),
        a_row(4, idCard="110101199001010011"),
        {**a_row(5), "accountNo": a_row(6)["accountNo"]},
        a_row(6),
    ]
    case = reader.planned(a_sheet(tmp_path, people))
    plan = reader.get(f"/jobs/{case}/plan").text
    for words in ("Not sent: they surely cannot match", "Sent all the same: please look", "No ask needed", "6+7"):
        assert words in plan

    listed = reader.get(f"/jobs/{case}/problems")

    assert listed.headers["content-type"].startswith("text/csv")
    assert "5" in listed.text
    assert not any(person[field] in listed.text + plan for person in people for field in ("idCard", "accountNo"))


def test_whoever_comes_to_a_step_too_early_or_too_late_is_led_to_where_the_job_stands(reader, counter, tmp_path):
    case = reader.case(a_sheet(tmp_path, rows(1), name="a.csv"))
    viewer = Reader(counter, roles=frozenset({Role.VIEW}))
    assert viewer.get(f"/jobs/{case}").headers["location"] == f"/jobs/{case}/progress"
    assert "Uploaded" in viewer.get(f"/jobs/{case}/progress").text
    assert viewer.get(f"/jobs/{case}/confirm").headers["location"] == f"/jobs/{case}/plan"
    for step in ("progress", "result"):
        assert reader.get(f"/jobs/{case}/{step}").headers["location"] == f"/jobs/{case}", step
    assert reader.get(f"/jobs/{case}").headers["location"] == f"/jobs/{case}/columns"

    ended = reader.ended(a_sheet(tmp_path, rows(1), name="b.csv"))

    for step in ("columns", "plan", "confirm", "progress"):
        assert reader.get(f"/jobs/{ended}/{step}").headers["location"] == f"/jobs/{ended}", step
    assert reader.post(f"/jobs/{ended}/columns").headers["location"] == f"/jobs/{ended}"
    assert reader.get(f"/jobs/{ended}/report?form=doc").status_code == 422


def _until(holds):
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
