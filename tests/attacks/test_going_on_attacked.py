"""Files that come back, tampered with: what was paid is not bought again, and no verdict goes to another row."""

from __future__ import annotations

import csv

import pytest

from batchverify.errors import InputError
from batchverify.job import Bounds, Delivery, Options
from batchverify.job.retention import forgetting
from batchverify.rules.subject import numbers_of
from batchverify.sandbox import Fault, Rule
from tests.builders import a_row, an_id, read_rows, rows
from tests.threats import guards


def rewritten(path, change, *, name=None):
    """A csv with its rows changed by a clerk, as a new file or the same."""
    table = read_rows(path)
    columns = list(table[0])
    changed = change(table)
    target = path if name is None else path.with_name(name)
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(changed)
    return target


def everybody_has_the_first_mark(table):
    return [row | {"bv_row": table[0]["bv_row"]} for row in table]


def marks_turned_round(table):
    return [row | {"bv_row": other["bv_row"]} for row, other in zip(table, reversed(table), strict=True)]


def verdicts_turned_round(table):
    return [
        row | {"bv_status": other["bv_status"], "bv_code": other["bv_code"]}
        for row, other in zip(table, reversed(table), strict=True)
    ]


def no_marks(table):
    return [row | {"bv_row": ""} if place else row for place, row in enumerate(table)]


def all_twice(table):
    return table + table


@guards("hostile-exports")
@pytest.mark.parametrize("change", [everybody_has_the_first_mark, marks_turned_round, verdicts_turned_round, no_marks, all_twice])
@pytest.mark.parametrize("origin_is_gone", [False, True])
def test_tampering_with_what_is_ours_buys_nothing_and_moves_no_verdict(desk, sandbox, change, origin_is_gone):
    path = desk.sheet([a_row(1), a_row(2, verdict="02"), a_row(3), a_row(4)])
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(3,), billed=True))
    first = desk.verify(path)
    truth = {row["身份证号"]: row["bv_status"] for row in first.rows}
    bought = sandbox.bill.total()
    back = rewritten(first.path, change, name="back.csv")
    if origin_is_gone:
        path.unlink()

    result = desk.rerun_from(back)

    assert sandbox.bill.total() == bought
    assert {row["身份证号"]: row["bv_status"] for row in result.rows} == truth


def test_a_doubt_in_a_file_that_came_back_over_its_own_input_is_held(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(1,), billed=True))
    path = desk.sheet(rows(3))
    first = desk.verify(path)
    rewritten(path, lambda table: table[::-1])

    result = desk.rerun_from(path, job_id=first.job)

    assert (result.counts(), sandbox.bill.total()) == ({"matched": 2, "in_doubt": 1}, 3)
    again = desk.verify(path)
    assert (again.counts(), sandbox.bill.total()) == ({"matched": 2, "in_doubt": 1}, 3)


def test_a_doubt_stays_flagged_on_the_bill_of_every_job_it_belongs_to(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(1,), billed=True))
    first = desk.verify(rows(2))
    desk.rerun_from(first.path, "in_doubt", accepted=True)
    drawn = desk.render(first.job)

    assert (drawn.json["asks"]["billed"], drawn.json["asks"]["in_doubt"]) == (1, 1)
    assert sandbox.bill.total() == 3


@pytest.mark.parametrize("stripped", [False, True])
def test_whoever_was_forgotten_is_bought_by_no_file_that_was_given_out(desk, sandbox, stripped):
    """Not even where the file is a result of a result, or its marks are gone and the origin is named."""
    first = desk.verify(rows(3), bounds=Bounds(max_asks=2))
    second = desk.rerun_from(first.path, "edited")
    with forgetting(desk.session(), numbers_of(an_id(1))) as erasing:
        erasing.go(None)
    bought = sandbox.bill.total()
    back = second.path
    if stripped:
        back = rewritten(second.path, lambda table: [row | {"bv_row": ""} for row in table], name="back.csv")

    result = desk.rerun_from(back, "failed", job_id=second.job if stripped else None)

    assert sandbox.bill.total() == bought
    assert result.counts()["blocked"] == 1


def test_a_cap_on_a_file_that_came_back_is_the_cap(desk, sandbox):
    first = desk.verify(rows(6), bounds=Bounds(max_asks=1))

    result = desk.rerun_from(first.path, bounds=Bounds(max_asks=2))

    assert (result.counts(), sandbox.bill.total()) == ({"matched": 3, "not_run": 3}, 3)


@guards("hostile-exports")
def test_a_file_that_names_a_job_of_another_home_is_refused_before_anything_is_sent(desk, sandbox):
    first = desk.verify(rows(2))
    back = rewritten(first.path, lambda table: [row | {"bv_row": "j-aaaaaaaa/2/00000000"} for row in table], name="back.csv")

    with pytest.raises(InputError, match="came from a job that this home does not know"):
        desk.rerun_from(back)
    assert sandbox.bill.total() == 2


def test_a_result_is_drawn_with_its_own_verdicts_after_its_answers_were_bought_anew_elsewhere(desk, sandbox):
    """Another job has asked the same again, and the vendor says otherwise now."""
    from batchverify.job import Asking

    path = desk.sheet(rows(2))
    first = desk.verify(path)
    before = first.path.read_bytes()
    desk.verify(desk.sheet(rows(2)), options=Options(asking=Asking(reuse_days_matched=0, reuse_days_other=0)))

    again = desk.render(first.job)

    assert again.path.read_bytes() == before
    assert sandbox.bill.total() == 4


def test_a_split_bill_adds_up_after_reruns_doubts_and_erasures(desk, sandbox):
    people = [row | {"部门": f"部门{place % 2}"} for place, row in enumerate(rows(6))]
    sandbox.vendor.script_faults(*(Rule(fault=Fault.RESET_AFTER, at=(at,), billed=True) for at in (2, 5)))
    first = desk.verify(people, options=Options(delivery=Delivery(cost_by="部门")))
    desk.rerun(first.job, what=frozenset({"in_doubt"}))
    with forgetting(desk.session(), numbers_of(an_id(2)) | numbers_of(an_id(3))) as erasing:
        erasing.go(None)

    drawn = desk.render(first.job)  # a desk lets no summary pass whose sums disagree

    groups = drawn.json["cost_by"]["groups"]
    for word in ("billed", "in_doubt", "not_billed"):
        assert sum(group[word] for group in groups) == drawn.json["asks"][word]
