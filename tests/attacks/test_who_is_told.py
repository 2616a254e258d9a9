"""What the newer commands say to whom: counts and places, and nobody in them."""

from __future__ import annotations

import logging
from zipfile import ZipFile

import pytest

from batchverify.errors import BatchVerifyError, InputError
from batchverify.job import Bounds, Delivery, Options, Reading
from batchverify.job.approval import approve_plan
from batchverify.job.clock import SystemClock
from batchverify.job.reporting import prove_row, report_job
from batchverify.job.retention import forgetting
from batchverify.job.usage import UsageBy, usage_by_column, usage_of
from batchverify.model import Field
from batchverify.rules.subject import numbers_of
from batchverify.sandbox import Fault, Rule
from batchverify.words import Lang
from tests.builders import a_card, a_row, an_id, rows
from tests.threats import guards

PERSON = a_row(1)
CANARY = [PERSON["name"], PERSON["idCard"], PERSON["accountNo"], PERSON["idCard"][6:14]]


def all_that_is_new(desk, sandbox):
    """Everything since reports, once, with a doubt and an erasure in it."""
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(2,), billed=True))
    path = desk.sheet([PERSON | {"部门": "财务"}, *(row | {"部门": "人事"} for row in rows(2, first=2))])
    plan = desk.plan(path, operator="wang")
    approve_plan(plan.digest, home=desk.home, settings=desk.settings(operator="li"), clock=SystemClock())
    first = desk.verify(path, bounds=Bounds(approved=plan.digest), options=Options(delivery=Delivery(cost_by="部门")))
    desk.rerun_from(first.path)
    for lang in Lang:
        for suffix in (".html", ".xlsx", ".json"):
            report_job(first.job, desk.folder / f"report-{lang}{suffix}", desk.session(), lang=lang)
    shown = [str(prove_row(first.job, 2, desk.session()))]
    shown.append(str(usage_of(desk.session(), since=None, until=None, by=UsageBy.STATUS).as_json()))
    with forgetting(desk.session(operator="li"), numbers_of(an_id(1))) as erasing:
        shown.append(str(erasing.found))
        shown.append(str(erasing.go(desk.folder / "certificate.json").document))
    desk.render(first.job)
    shown.append(str(prove_row(first.job, 2, desk.session())))
    return first, shown


@guards("logs")
def test_nothing_new_logs_or_shows_a_person(desk, sandbox, caplog):
    caplog.set_level(logging.DEBUG)

    _, shown = all_that_is_new(desk, sandbox)

    told = caplog.text + "".join(shown)
    assert not [cell for cell in CANARY if cell in told]
    for path in [*desk.folder.glob("report*"), desk.folder / "certificate.json", *desk.folder.glob("*.summary*.json")]:
        content = path.read_bytes()
        if path.suffix == ".xlsx":
            with ZipFile(path) as book:
                content = b"".join(map(book.read, book.namelist()))
        assert not [cell for cell in CANARY[1:] if cell.encode() in content], path.name


@pytest.mark.parametrize("column", ["姓名", "身份证号", "银行卡号", "A", "2"])
def test_no_bill_is_split_by_persons(desk, sandbox, column):
    path = desk.sheet(rows(2))
    with pytest.raises(InputError, match="holds persons or results") as error:
        desk.verify(path, options=Options(delivery=Delivery(cost_by=column)))
    assert not [cell for cell in CANARY if cell in str(error.value)]

    job = desk.verify(path).job
    with pytest.raises(InputError, match="holds persons or results"):
        usage_by_column(desk.session(), job, column)
    assert sandbox.bill.total() == 2


def test_a_second_column_of_numbers_does_not_split_a_bill_by_persons(desk, sandbox):
    """A column that is not asked, and holds ID numbers or cards all the same."""
    people = [
        row | {"配偶": an_id(50 + number), "发放": a_card(70 + number), "电话": f"1380000123{number}"}
        for number, row in enumerate(rows(2))
    ]
    mapping = {Field.ACCOUNT_NO: "银行卡号", Field.ID_CARD: "身份证号"}
    for column in ("配偶", "发放", "电话"):
        options = Options(delivery=Delivery(cost_by=column), reading=Reading(mapping=mapping))
        result = desk.verify(people, options=options)
        report = report_job(result.job, desk.folder / f"{column}.json", desk.session(), lang=Lang.EN)
        told = result.summary.as_text() + report.read_text("utf-8")
        told += str(usage_by_column(desk.session(), result.job, column).as_json())
        assert not [row[column] for row in people if row[column] in told]


@guards("logs")
def test_no_error_of_the_newer_commands_names_a_person(desk, sandbox):
    first, _ = all_that_is_new(desk, sandbox)
    said = []
    for refused in (
        lambda: prove_row(first.job, 99, desk.session()),
        lambda: desk.rerun_from(first.path, job_id="s-none"),
        lambda: approve_plan("0" * 16, home=desk.home, settings=desk.settings(operator="li"), clock=SystemClock()),
        lambda: approve_plan(an_id(1), home=desk.home, settings=desk.settings(operator="li"), clock=SystemClock()),
    ):
        with pytest.raises(BatchVerifyError) as error:
            refused()
        said.append(str(error.value))
    assert not [cell for cell in (CANARY[0], CANARY[2]) if cell in "".join(said)]
