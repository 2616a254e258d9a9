"""A program uploads, looks at the price, confirms, listens and takes the result home; the sandbox's bill is the referee."""

from __future__ import annotations

import csv
import io
import json

import pytest

from batchverify.sandbox.faults import Fault, Rule
from batchverify.web.people import Role
from batchverify.words import Lang
from tests.builders import a_row, a_sheet, rows
from tests.protected import protect
from tests.threats import guards
from tests.web.program import PASSWORD, until

_UNKNOWN = "c-" + "a" * 26


@pytest.fixture
def bill(one_vendor):
    return one_vendor.bill


def test_a_program_goes_the_whole_way_and_pays_each_question_once(site, tmp_path, bill):
    program, before = site.program(), bill.total()
    people = rows(3, first=100)
    sheet = a_sheet(tmp_path, [*people, people[0], a_row(idCard="110101199003071230")], name="people.csv")

    opened = program.upload(sheet, key="batch-1", options={"product": "bank3", "lang": "en"})
    assert opened.status_code == 201
    told = opened.json()
    assert (told["needs"], told["problem"], told["job"]["stage"], told["job"]["owner"]) == (None, "", "planned", "工资系统")
    assert (told["plan"]["asks"], told["plan"]["cost"]["max"], told["plan"]["rows"]["duplicate"]) == (3, "0.57", 1)
    assert bill.total() == before, "a plan is free"
    job = told["job"]["id"]
    confirmed = program.confirm(told, purpose="入职核验", authorization="A-1")
    assert confirmed.json()["max_asks"] == 3
    states = program.events(job)

    assert [state["stage"] for state in states][-1] == "ended"
    assert states[-1]["statuses"] == {"matched": 4, "blocked": 1}
    assert bill.total() == before + 3
    now = program.ask("GET", f"/jobs/{job}").json()
    assert now["summary"]["asks"]["billed"] == 3
    assert "outputs" not in now["summary"], "a path of the server is nobody's business"
    result = program.ask("GET", f"/jobs/{job}/result")
    assert result.headers["content-disposition"] == 'attachment; filename="people.verified.csv"'
    lines = list(csv.DictReader(io.StringIO(result.content.decode("utf-8-sig"))))
    assert [line["bv_status"] for line in lines] == ["matched"] * 4 + ["blocked"]
    shown = program.ask("GET", f"/jobs/{job}/rows", params={"status": "matched", "limit": 2, "lang": "en"}).json()
    assert (shown["total"], len(shown["rows"]), shown["counts"]) == (4, 2, {"matched": 4, "blocked": 1})
    assert people[0]["idCard"] not in json.dumps(shown)
    assert program.ask("GET", f"/jobs/{job}/rows", params={"row": 6}).json()["rows"][0]["status"] == "blocked"
    words = {one["word"] for one in program.ask("GET", f"/jobs/{job}/downloads").json()["downloads"]}
    assert {"all", "matched", "blocked", "summary"} <= words
    assert program.ask("GET", f"/jobs/{job}/downloads/matched").status_code == 200
    for form in ("html", "json", "xlsx"):
        assert program.ask("GET", f"/jobs/{job}/report", params={"form": form}).status_code == 200
    assert b"row" in program.ask("GET", f"/jobs/{job}/problems").content
    assert program.ask("DELETE", f"/jobs/{job}").status_code == 204
    assert program.ask("GET", f"/jobs/{job}").status_code == 404


def test_an_upload_that_is_repeated_with_its_key_is_one_job_and_a_confirmation_one_run(site, tmp_path, bill):
    program, before = site.program(), bill.total()
    sheet = a_sheet(tmp_path, rows(2, first=200))

    first, again = (program.upload(sheet, key="k-1").json() for _ in range(2))
    assert again == {**first, "inspection": None}
    for _ in range(2):
        assert program.confirm(first).status_code == 200
    program.events(first["job"]["id"])
    assert program.confirm(first).status_code == 200
    later = program.upload(sheet, key="k-1").json()

    assert (later["job"]["id"], later["job"]["stage"]) == (first["job"]["id"], "ended")
    assert len(site.desk.cases()) == 1
    assert bill.total() == before + 2
    other = program.upload(a_sheet(tmp_path, rows(3, first=200)), key="k-1")
    assert (other.status_code, other.json()["code"]) == (422, "input")
    assert "key" in other.json()["detail"]
    assert site.program(name="HR").upload(sheet, key="k-1").json()["job"]["id"] != first["job"]["id"], "keys are a program's own"


def test_columns_that_are_not_found_are_asked_for_and_named(site, tmp_path):
    program = site.program()
    path = tmp_path / "odd.csv"
    person = a_row()
    path.write_text(f"A,B,C\n{person['name']},{person['idCard']},{person['accountNo']}\n" * 1, "utf-8")

    told = program.upload(path, options={"product": "bank4"}).json()
    assert (told["needs"], told["plan"]) == ("columns", None)
    assert "has no column for 'accountNo'" in told["problem"]
    job = told["job"]["id"]
    refused = program.ask("PATCH", f"/jobs/{job}", json={"header_row": 400})
    assert refused.status_code == 422
    chosen = program.ask(
        "PATCH", f"/jobs/{job}", json={"product": "bank3", "mapping": {"name": "A", "idCard": "B", "accountNo": "C"}}
    )

    assert chosen.status_code == 200, chosen.text
    assert (chosen.json()["needs"], chosen.json()["plan"]["asks"], chosen.json()["job"]["product"]) == (None, 1, "bank3")
    assert person["idCard"] not in chosen.text
    back = program.ask(
        "PATCH", f"/jobs/{job}", json={"mapping": None, "checks": None, "reuse_days": 0, "lang": "en", "mask": True}
    )
    options = site.desk.case(job).options
    assert (dict(options.reading.mapping), options.asking.reuse_days_matched, options.delivery.lang) == ({}, 0, Lang.EN)
    assert back.status_code == 200


def test_a_protected_workbook_asks_for_its_password(site, tmp_path):
    program = site.program()
    sheet = protect(a_sheet(tmp_path, rows(1, first=300), name="people.xlsx"), PASSWORD, rounds=100)

    told = program.upload(sheet).json()
    assert (told["needs"], told["inspection"], told["plan"]) == ("password", None, None)
    job = told["job"]["id"]
    assert program.ask("POST", f"/jobs/{job}/plan").json()["code"] == "password_needed"
    assert program.ask("GET", f"/jobs/{job}/inspection").json()["code"] == "password_needed"
    assert program.ask("POST", f"/jobs/{job}/password", json={"password": "wrong"}).json()["needs"] == "password"
    assert program.ask("POST", f"/jobs/{job}/password", json={"password": PASSWORD}).json()["plan"]["asks"] == 1
    assert program.upload(sheet, password=PASSWORD).json()["plan"]["asks"] == 1
    assert PASSWORD not in "".join(path.read_text("utf-8") for path in site.desk.home.rglob("case.json"))


def test_rows_in_doubt_are_run_again_by_a_plan_of_their_own_and_only_where_a_second_bill_is_accepted(
    site, tmp_path, one_vendor, bill
):
    program = site.program()
    one_vendor.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, times=1))
    job = program.verified(a_sheet(tmp_path, rows(1, first=400)))
    assert program.ask("GET", f"/jobs/{job}/live").json()["statuses"] == {"in_doubt": 1}
    before = bill.total()

    assert program.ask("POST", f"/jobs/{job}/rerun/plan", json={"what": ["in_doubt"]}).json()["code"] == "conflict"
    accepted = {"what": ["in_doubt"], "accept_double_charge": True}
    planned = program.ask("POST", f"/jobs/{job}/rerun/plan", json=accepted).json()
    assert planned["plan"]["asks"] == 1
    given = accepted | {"digest": planned["plan"]["hash"], "max_asks": 1}
    assert program.ask("POST", f"/jobs/{job}/rerun", json=given | {"what": ["failed"]}).json()["code"] == "conflict"
    assert program.ask("POST", f"/jobs/{job}/rerun", json=given).status_code == 200

    assert program.events(job)[-1]["statuses"] == {"matched": 1}
    assert bill.total() == before + 1
    assert program.ask("POST", f"/jobs/{job}/rerun/plan", json={}).json()["code"] == "conflict", "nothing is open"


def test_a_job_is_paused_continued_and_stopped(site, tmp_path, bill):
    program, before, usual = site.program(), bill.total(), site.desk.settings
    site.desk.use(usual.model_copy(update={"qps": 50.0}))
    opened = program.upload(a_sheet(tmp_path, rows(400, first=1_000))).json()
    job = opened["job"]["id"]
    assert program.ask("POST", f"/jobs/{job}/continue").json()["code"] == "conflict"
    program.confirm(opened)
    next(_ for _ in until() if site.desk.live(job).billed)
    program.ask("POST", f"/jobs/{job}/pause")
    next(_ for _ in until() if program.ask("GET", f"/jobs/{job}").json()["stage"] == "paused")
    held = bill.total()
    partial = program.ask("GET", f"/jobs/{job}/result")
    assert partial.headers["content-disposition"] == 'attachment; filename="people.partial.csv"'
    assert program.ask("POST", f"/jobs/{job}/confirm", json={"digest": "x", "max_asks": 1}).json()["code"] == "conflict"
    assert bill.total() == held
    assert program.ask("POST", f"/jobs/{job}/continue").status_code == 200
    next(_ for _ in until() if bill.total() > held)
    program.ask("POST", f"/jobs/{job}/stop")
    last = program.events(job)[-1]
    site.desk.use(usual)

    assert last["stage"] == "stopped"
    assert last["billed"] == bill.total() - before < 400


@pytest.mark.parametrize(
    ("roles", "method", "path", "allowed"),
    [
        ([Role.VIEW], "GET", "/jobs", True),
        ([Role.VIEW], "GET", "/quota", True),
        ([Role.VIEW], "GET", "/quota/usage", True),
        ([Role.VIEW], "GET", "/jobs/JOB/rows", True),
        ([Role.VIEW], "GET", "/jobs/JOB/result", False),
        ([Role.VIEW], "GET", "/jobs/JOB/downloads/all", False),
        ([Role.VIEW], "POST", "/jobs/JOB/plan", False),
        ([Role.VIEW], "POST", "/jobs/JOB/stop", False),
        ([Role.VIEW], "DELETE", "/jobs/JOB", False),
        ([Role.APPROVE], "POST", "/jobs/JOB/confirm", False),
        ([Role.PREPARE], "POST", "/jobs/JOB/approve", False),
        ([Role.ADMIN], "POST", "/jobs/JOB/approve", True),
    ],
)
@guards("uninvited")
def test_a_token_may_what_its_roles_allow(site, tmp_path, roles, method, path, allowed):
    opened = site.program().upload(a_sheet(tmp_path, rows(1))).json()
    program = site.program(*roles, name="other")
    given = {"json": {"digest": opened["plan"]["hash"], "max_asks": 1}} if path.endswith("confirm") else {}

    answer = program.ask(method, path.replace("JOB", opened["job"]["id"]), **given)

    assert (answer.status_code != 403) == allowed
    if not allowed:
        assert answer.json()["code"] == "role"
        assert site.desk.case(opened["job"]["id"]).stage == "planned"


def test_another_person_approves_and_nobody_their_own(site, tmp_path):
    opened = site.program(Role.PREPARE, Role.APPROVE, name="li").upload(a_sheet(tmp_path, rows(1))).json()
    job = opened["job"]["id"]

    own = site.program(Role.APPROVE, name="LI").ask("POST", f"/jobs/{job}/approve")
    other = site.program(Role.APPROVE, name="wang").ask("POST", f"/jobs/{job}/approve")

    assert (own.status_code, own.json()["code"]) == (409, "conflict")
    assert other.status_code == 200
    assert [(act.operator, act.act) for act in site.desk.acts(limit=1)] == [("wang", "approved")]


@pytest.mark.parametrize("method_and_path", ["GET /jobs/JOB", "GET /jobs/JOB/events", "POST /jobs/JOB/stop", "DELETE /jobs/JOB"])
def test_a_job_that_is_not_there_is_404(site, method_and_path):
    method, path = method_and_path.split()

    answer = site.program().ask(method, path.replace("JOB", _UNKNOWN))

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown")


def test_what_cannot_be_done_is_told_with_a_code_that_stays(site, tmp_path):
    program = site.program()
    sheet = a_sheet(tmp_path, rows(1))
    opened = program.upload(sheet).json()
    job = opened["job"]["id"]
    picture = tmp_path / "a.xlsx"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    told = {
        "stale plan": program.confirm(opened, digest="0" * 16),
        "no json": program.ask("POST", f"/jobs/{job}/confirm", content=b"a=b", headers={"content-type": "text/plain"}),
        "broken json": program.ask("PATCH", f"/jobs/{job}", content=b"{", headers={"content-type": "application/json"}),
        "unknown word": program.ask("PATCH", f"/jobs/{job}", json={"produkt": "bank3"}),
        "wrong value": program.confirm(opened, max_asks=-1),
        "no form": program.ask("POST", "/jobs", json={}),
        "no file": program.ask("POST", "/jobs", data={"a": "b"}, files={"other": (None, b"x")}),
        "two files": program.ask("POST", "/jobs", files=[("file", ("a.csv", b"x")), ("file", ("b.csv", b"x"))]),
        "no table": program.upload(picture),
        "wrong options": program.upload(sheet, options={"product": "bank5"}),
        "no such download": program.ask("GET", f"/jobs/{job}/downloads/all"),
        "no result": program.ask("GET", f"/jobs/{job}/result"),
        "no such form": program.ask("GET", f"/jobs/{job}/report", params={"form": "doc"}),
        "time without offset": program.ask("GET", "/quota/usage", params={"since": "2026-11-24T00:00:00"}),
        "unknown origin": program.upload(sheet, origin=_UNKNOWN),
        "no such path": program.ask("GET", "/people"),
        "no such method": program.ask("PUT", "/jobs"),
    }

    assert {name: (answer.status_code, answer.json()["code"]) for name, answer in told.items()} == {
        "stale plan": (409, "conflict"),
        "no json": (415, "kind"),
        "broken json": (422, "malformed"),
        "unknown word": (422, "malformed"),
        "wrong value": (422, "malformed"),
        "no form": (415, "kind"),
        "no file": (422, "input"),
        "two files": (422, "input"),
        "no table": (422, "input"),
        "wrong options": (422, "input"),
        "no such download": (404, "unknown"),
        "no result": (409, "conflict"),
        "no such form": (422, "malformed"),
        "time without offset": (422, "malformed"),
        "unknown origin": (422, "input"),
        "no such path": (404, "unknown"),
        "no such method": (405, "method"),
    }
    assert len(site.desk.cases()) == 1, "nothing is kept of what was refused"


@guards("hostile-forms")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../../etc/passwd.csv", "passwd.csv"),
        ("..\\..\\boot.csv", "boot.csv"),
        ("<script>alert(1)</script>.csv", "script_.csv"),
        ('a";\r\nSet-Cookie: x=y\r\n\r\n<b>.csv', None),
        ("名单 (1).csv", "名单 (1).csv"),
        ("x" * 500 + ".csv", None),
        ("．．／a.csv", None),
    ],
)
def test_a_hostile_name_of_a_file_is_only_a_name(site, tmp_path, given, kept):
    program = site.program()
    opened = program.upload(a_sheet(tmp_path, rows(1, first=500)), name=given).json()
    program.confirm(opened)
    job = opened["job"]["id"]
    program.events(job)

    result = program.ask("GET", f"/jobs/{job}/result")

    assert result.status_code == 200
    assert set(result.headers) & {"set-cookie", "x"} == set()
    assert "\r" not in result.headers["content-disposition"]
    assert "\n" not in result.headers["content-disposition"]
    name = opened["job"]["name"]
    assert "/" not in name
    assert "\\" not in name
    assert "<" not in name
    assert kept is None or name == kept
    inside = site.desk.home.resolve()
    assert all(inside in path.resolve().parents for path in inside.rglob("*"))


@guards("hostile-forms")
@pytest.mark.parametrize("parts", ["many", "deep header", "long field", "no end", "nested"])
def test_a_form_without_measure_is_refused_and_leaves_nothing(site, parts):
    program = site.program()
    part = b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\nx\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nx'
    body = {
        "many": b"".join(part % number for number in range(500)) + file + b"\r\n--b--\r\n",
        "deep header": b"--b\r\n" + b"X-A: b\r\n" * 5_000 + b"\r\nx\r\n--b--\r\n",
        "long field": b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
        + b"x" * 100_000
        + b"\r\n"
        + file
        + b"\r\n--b--\r\n",
        "no end": file,
        "nested": b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n--c--\r\n--b--\r\n",
    }[parts]

    answer = program.ask("POST", "/jobs", content=body, headers={"content-type": "multipart/form-data; boundary=b"})

    assert (answer.status_code, answer.json()["code"]) == (422, "input")
    assert site.desk.cases() == []


def test_the_quota_and_its_windows_are_told(site, tmp_path):
    program = site.program()
    program.verified(a_sheet(tmp_path, rows(1, first=600)))

    quota = program.ask("GET", "/quota").json()
    usage = program.ask("GET", "/quota/usage", params={"since": "2020-01-01T00:00:00+08:00"}).json()

    assert quota["simulated"] is True
    assert quota["packages"] == []
    assert usage["by"] == "window"
    assert usage["certain"] >= 1
    assert set(usage["lines"][0]) == {"from", "to", "certain", "in_doubt", "vendor", "finding"}
    assert program.ask("GET", "/quota/usage", params={"by": "product"}).json()["lines"][0]["group"] == "bank3"


def test_a_corrected_file_goes_on_from_its_job(site, tmp_path, bill):
    program = site.program()
    people = rows(3, first=700)
    job = program.verified(a_sheet(tmp_path, people))
    before = bill.total()

    told = program.upload(a_sheet(tmp_path, [*people, a_row(accountNo="6222021234567890128")]), origin=job).json()

    assert told["job"]["corrects"] == job
    assert told["plan"]["asks"] <= 1
    assert bill.total() == before


def test_origin_and_notify_after_the_file_are_refused_rather_than_overlooked(site, tmp_path):
    program = site.program()
    sheet = a_sheet(tmp_path, rows(1)).read_bytes()
    files = [("file", ("a.csv", sheet)), ("notify", (None, b"https://hooks.example/x"))]

    answer = program.ask("POST", "/jobs", files=files)

    assert answer.status_code == 422
    assert "before the file" in answer.json()["detail"]
    assert site.desk.cases() == []


def test_a_home_that_cannot_be_used_is_told_as_such(site):
    program = site.program()
    text = (site.desk.home / "people.json").read_text("utf-8")
    (site.desk.home / "people.json").write_text(text[:-3], "utf-8")

    answer = program.ask("GET", "/jobs")

    assert (answer.status_code, answer.json()["code"], answer.json()["billed"]) == (503, "home", "see_ledger")
