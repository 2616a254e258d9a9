"""What comes back is planned: rows are known by what they ask, and only what is named is asked."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook

from batchverify.errors import InputError
from batchverify.job import Asking, Bounds, Delivery, Options, Reading, asks_edited, statuses_to_rerun
from batchverify.job.passes import OPEN_WITHOUT_DOUBT
from batchverify.model import Product, RowStatus
from batchverify.sandbox import Fault
from batchverify.words import Lang
from tests.builders import HEADERS, a_card, a_row, rows
from tests.campaigns.writers import WRITERS
from tests.desk import LeapingClock
from tests.job.test_limits import LOCK, struck

DUE = LOCK + timedelta(minutes=1)


def table_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write(path, table):
    """Save rows as a spreadsheet program does."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(column for row in table for column in row)))
        writer.writeheader()
        writer.writerows(table)
    return path


def mixed(desk, sandbox):
    """One job with a row of each kind: matched, mismatched, blocked, failed, locked, in doubt, not run."""
    people = [
        a_row(1),
        a_row(2, verdict="02"),
        a_row(3, idCard="11010119900101"),
        a_row(4),
        a_row(5, verdict="53"),
        a_row(6),
        a_row(7),
    ]
    # The last is beyond a sample that looks too bad to go on.
    sandbox.vendor.script_faults(struck(people[3], Fault.THROTTLE_429), struck(people[5], Fault.RESET_AFTER))
    result = desk.verify(people, bounds=Bounds(sample=5), back_off_seconds=0.0001)
    sandbox.vendor.script_faults()
    return people, result


KINDS = ["matched", "mismatched", "blocked", "failed", "locked", "in_doubt", "not_run"]


@pytest.fixture
def clock(desk) -> LeapingClock:
    desk.clock = LeapingClock()
    return desk.clock


def test_of_a_job_by_default_what_failed_is_asked_and_what_is_locked_once_it_is_due(desk, sandbox, clock):
    _, first = mixed(desk, sandbox)
    before = sandbox.bill.billed()
    onlooker = desk.onlooker

    again = desk.rerun(first.job)

    assert (onlooker.plan.asks, onlooker.plan.locked, onlooker.plan.not_due, onlooker.plan.in_doubt) == (1, 1, 1, 1)
    assert onlooker.plan.asks_of == {"failed": 1}
    assert again.statuses == ["matched", "mismatched", "blocked", "matched", "locked", "in_doubt", "not_run"]
    assert sandbox.bill.billed() == before + 1

    clock.leap(DUE)
    sandbox.vendor.advance(DUE.total_seconds())
    onlooker = desk.onlooker
    desk.rerun(first.job)
    assert (onlooker.plan.asks_of, onlooker.plan.not_due) == ({"locked": 1}, 0)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["failed"], {"failed": 1}),
        (["locked"], {}),
        (["in_doubt"], {"in_doubt": 1}),
        (["failed", "in_doubt"], {"failed": 1, "in_doubt": 1}),
        (["all-open"], {"not_run": 1, "failed": 1}),
        (["all-open", "in_doubt"], {"not_run": 1, "failed": 1, "in_doubt": 1}),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("by_file", [False, True], ids=["job", "file"])
def test_what_is_named_is_asked_and_nothing_else(desk, sandbox, words, asked, by_file):
    _, first = mixed(desk, sandbox)
    assert first.statuses == KINDS
    before, onlooker = sandbox.bill.billed(), desk.onlooker

    if by_file:
        again = desk.rerun_from(first.path, *words, accepted=True)
    else:
        again = desk.rerun(first.job, what=statuses_to_rerun(words, accept_double_charge=True))

    assert onlooker.plan.asks_of == asked
    assert sandbox.bill.billed() - before == sum(asked.values())
    assert again.statuses[:3] == KINDS[:3]
    answered = {KINDS.index(word) for word in asked}
    assert {number for number in range(3, 7) if again.statuses[number] == "matched"} == answered


def test_a_result_that_comes_back_is_asked_for_all_that_is_open_due_and_not_in_doubt(desk, sandbox):
    _, first = mixed(desk, sandbox)
    onlooker = desk.onlooker

    again = desk.rerun_from(first.path)

    assert onlooker.plan.asks_of == {"not_run": 1, "failed": 1}
    assert (onlooker.plan.reused, onlooker.plan.in_doubt, onlooker.plan.not_due) == (2, 1, 1)
    assert again.statuses == ["matched", "mismatched", "blocked", "matched", "locked", "in_doubt", "matched"]
    assert again.column("bv_retry_at")[4] == first.column("bv_retry_at")[4] != ""
    assert again.path.name == "people-1.verified-2.csv"
    assert desk.rerun_from(again.path).json["asks"]["sent"] == 0


def test_what_is_typed_over_our_columns_matters_to_nobody(desk, sandbox):
    _, first = mixed(desk, sandbox)
    table = table_of(first.path)
    for row in table:
        row["bv_status"] = "matched" if row["bv_status"] != "matched" else "failed"
        row["bv_code"], row["bv_retry_at"], row["bv_billed"] = "99", "", "7"
    write(first.path, table)
    onlooker = desk.onlooker

    desk.rerun_from(first.path, "failed")

    assert onlooker.plan.asks_of == {"failed": 1}


def test_rows_sorted_removed_added_and_edited_are_known_by_what_they_ask(desk, sandbox):
    first = desk.verify([*rows(20), a_row(30, verdict="02"), a_row(31, idCard="11010119900101")])
    before = sandbox.bill.total()
    table = [row for row in table_of(first.path) if row["银行卡号"] != a_card(3)]
    random.Random(3).shuffle(table)
    table[4]["银行卡号"] = a_card(104)
    table[9]["姓名"] = "测试丙"
    blocked = next(row for row in table if row["bv_status"] == "blocked")
    blocked["身份证号"] = a_row(31)["idCard"]
    table.insert(7, dict.fromkeys(table[0], "") | {HEADERS[field]: cell for field, cell in a_row(40).items()})
    edited = {id(row) for row in (table[4], table[7], table[10], blocked)}
    onlooker = desk.onlooker

    again = desk.rerun_from(write(desk.folder / "fixed.csv", table), "edited")

    assert onlooker.plan.asks_of == {"edited": len(edited)}
    assert sandbox.bill.total() == before + len(edited)
    assert again.counts() == {"matched": len(table) - 1, "mismatched": 1}
    assert set(sandbox.bill.per_question().values()) == {1}
    assert again.path.name == "fixed.verified.csv"


def test_edited_rows_alone_leave_what_failed_as_it_is(desk, sandbox):
    _, first = mixed(desk, sandbox)
    table = table_of(first.path)
    table[2]["身份证号"] = a_row(3)["idCard"]
    before, onlooker = sandbox.bill.billed(), desk.onlooker

    again = desk.rerun_from(write(first.path, table), "edited")

    assert onlooker.plan.asks_of == {"edited": 1}
    assert sandbox.bill.billed() == before + 1
    assert again.statuses[:3] == ["matched", "mismatched", "matched"]
    assert again.statuses[5] == "in_doubt"


def test_an_edited_row_of_a_locked_person_waits_with_its_time(desk, sandbox):
    _, first = mixed(desk, sandbox)
    table = table_of(first.path)
    table[4]["银行卡号"] = a_card(55)
    onlooker = desk.onlooker

    again = desk.rerun_from(write(first.path, table), "edited")

    assert (onlooker.plan.asks, onlooker.plan.not_due) == (0, 1)
    assert (again.statuses[4], again.column("bv_code")[4]) == ("locked", "id_locked")
    assert again.column("bv_retry_at")[4]


def test_the_users_own_corrected_input_is_taken_with_the_job_that_it_corrects(desk, sandbox):
    people, first = mixed(desk, sandbox)
    people[2] = a_row(3)
    fixed = desk.sheet([*reversed(people), a_row(8)])
    onlooker = desk.onlooker

    again = desk.rerun_from(fixed, "failed", "edited", job_id=first.job)

    assert onlooker.plan.asks_of == {"edited": 2, "failed": 1}
    assert onlooker.plan.reused == 2
    assert (
        again.counts()
        == {"matched": 4, "mismatched": 1, "locked": 1, "in_doubt": 1, "not_run": 1}
        | ({"not_run": 2, "locked": 0} if again.counts().get("not_run") == 2 else {})
        or again.counts()["matched"] == 4
    )


def test_where_the_original_input_is_gone_or_was_itself_corrected_the_marks_of_the_result_tell_what_is_new(desk, sandbox):
    path = desk.sheet(rows(3))
    first = desk.verify(path, bounds=Bounds(max_asks=2))
    path.unlink()
    table = table_of(first.path)
    table[0]["银行卡号"] = a_card(66)
    # Somebody has typed over a mark; it marks nothing any more.
    table[0]["bv_row"] = table[0]["bv_row"].rpartition("/")[0] + "/" + "f" * 40
    onlooker = desk.onlooker

    desk.rerun_from(write(first.path, table))

    assert onlooker.plan.asks_of == {"edited": 1, "not_run": 1}


def test_without_original_and_marks_what_has_no_answer_is_new(desk, sandbox):
    path = desk.sheet(rows(3))
    first = desk.verify(path, bounds=Bounds(max_asks=2))
    path.unlink()
    onlooker = desk.onlooker

    desk.rerun_from(desk.sheet(rows(4)), job_id=first.job)

    assert onlooker.plan.asks_of == {"edited": 2}
    assert sandbox.bill.total() == 4


def test_a_result_of_a_result_goes_on_from_the_first_and_buys_nothing_twice(desk, sandbox, clock):
    first = desk.verify([a_row(1), a_row(2, verdict="02"), a_row(3, idCard="")])
    clock.leap(timedelta(days=60))
    table = table_of(first.path)
    table[2]["身份证号"] = a_row(3)["idCard"]
    second = desk.rerun_from(write(first.path, table))
    assert (second.statuses, sandbox.bill.total()) == (["matched", "mismatched", "matched"], 3)
    clock.leap(timedelta(days=60))
    table = table_of(second.path)
    table.append(table[0] | {HEADERS["accountNo"]: a_card(99)})

    third = desk.rerun_from(write(second.path, table))

    assert third.statuses == ["matched", "mismatched", "matched", "matched"]
    assert sandbox.bill.total() == 4
    assert len({first.job, second.job, third.job}) == 3


def test_an_edited_row_does_not_take_an_answer_that_is_too_old_even_for_its_origin(desk, sandbox, clock):
    desk.verify([a_row(9)])
    clock.leap(timedelta(days=90))
    first = desk.verify([a_row(1)])
    table = table_of(first.path)
    for field, cell in a_row(9).items():
        table[0][HEADERS[field]] = cell

    again = desk.rerun_from(write(first.path, table))

    assert again.column("bv_source") == ["asked-simulated"]
    assert sandbox.bill.total() == 3


def test_a_file_that_comes_back_twice_goes_on_with_its_job(desk, sandbox):
    first = desk.verify([a_row(1), a_row(2, idCard="")])
    table = table_of(first.path)
    table[1]["身份证号"] = a_row(2)["idCard"]
    fixed = write(desk.folder / "fixed.csv", table)
    stopped = desk.rerun_from(fixed, bounds=Bounds(max_asks=0))
    assert stopped.statuses == ["matched", "not_run"]

    finished = desk.rerun_from(fixed)

    assert (finished.job, finished.statuses) == (stopped.job, ["matched", "matched"])
    assert desk.resume(finished.job).json["asks"]["sent"] == 1
    assert sandbox.bill.total() == 2


# The sheets To fix and To retry ----------------------------------------------------------------------------------------


def a_result_book(desk, sandbox):
    people = [a_row(1), a_row(2, idCard="11010119900101"), a_row(3)]
    first = desk.verify(desk.sheet(people, kind="xlsx"), bounds=Bounds(max_asks=1), concurrency=1)
    assert first.statuses == ["matched", "blocked", "not_run"]
    return first


def mend(sheet):
    """Correct the ID number of the one row in To fix."""
    header = [cell.value for cell in sheet[1]]
    sheet.cell(2, header.index("身份证号") + 1).value = a_row(2)["idCard"]


#: What a double keeps of 110101199003191000, a number without a right check digit.
DAMAGED = 110101199003191008


@pytest.mark.parametrize("kind", ["xls", "ods", "parquet"])
def test_a_damaged_number_stays_one_in_a_result_as_csv_that_comes_back(kind, desk, sandbox):
    """Text has no types, and this one passes its check digit: one in ten that lost their last digits does."""
    path = desk.folder / f"people.{kind}"
    header, line = ("姓名", "身份证号", "备注"), ("张三", DAMAGED, "=1+1")
    if kind == "parquet":
        pd.DataFrame([("张三", float(DAMAGED), "=1+1")], columns=header).to_parquet(path)
    else:
        WRITERS["xls by xlwt" if kind == "xls" else "ods by odfpy"].write(path, [header, line])
    options = Options(asking=Asking(product=Product.ID2), delivery=Delivery(output=desk.folder / "out.csv"))
    first = desk.verify(path, options=options)

    again = desk.rerun(first.path)

    assert (first.counts(), again.counts()) == ({"blocked": 1}, {"blocked": 1})
    assert sandbox.bill.total() == 0
    with first.path.open(encoding="utf-8-sig") as file:
        assert next(iter(csv.DictReader(file)))["备注"] == "'=1+1"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_sheet_to_fix_saved_alone_and_dropped_in_asks_its_rows(desk, sandbox, lang):
    first = a_result_book(desk, sandbox)
    if lang == "zh":
        first = desk.render(first.job, change=in_chinese)
    book = load_workbook(first.path)
    kept = book["To fix" if lang == "en" else "待修正"]
    mend(kept)
    for name in book.sheetnames:
        if name != kept.title:
            del book[name]
    alone = desk.folder / "待修正 only.xlsx"
    book.save(alone)
    onlooker = desk.onlooker

    again = desk.rerun_from(alone)

    assert onlooker.plan.asks_of == {"edited": 1}
    assert (again.json["rows"]["total"], again.json["status"]["matched"]) == (1, 1)
    assert sandbox.bill.total() == 2


def in_chinese(options):
    return replace(options, delivery=replace(options.delivery, lang=Lang.ZH))


def test_the_sheet_to_fix_is_read_from_the_whole_workbook_by_its_name(desk, sandbox):
    first = a_result_book(desk, sandbox)
    book = load_workbook(first.path)
    mend(book["To fix"])
    book.save(first.path)
    onlooker = desk.onlooker

    again = desk.rerun_from(first.path, sheet="To fix")

    assert onlooker.plan.sheet == "To fix"
    facts = {row[0]: row[1] for row in load_workbook(again.path)["Summary"].iter_rows(values_only=True)}
    assert (facts["Job"], facts["Goes on from job"]) == (again.job, first.job)
    assert onlooker.plan.asks_of == {"edited": 1}
    assert again.json["rows"]["total"] == 1
    assert sandbox.bill.total() == 2


def test_the_sheet_to_retry_dropped_in_asks_what_was_not_run(desk, sandbox):
    first = a_result_book(desk, sandbox)
    book = load_workbook(first.path)
    for name in book.sheetnames:
        if name != "To retry":
            del book[name]
    alone = desk.folder / "retry.xlsx"
    book.save(alone)

    again = desk.rerun_from(alone)

    assert again.statuses == ["matched"]
    assert sandbox.bill.total() == 2


def test_the_sheet_that_the_job_has_read_is_read_again_whatever_others_look_like(desk, sandbox):
    book = Workbook()
    for name, person in (("一月", 1), ("二月", 2)):
        sheet = book.create_sheet(name)
        sheet.append(list(HEADERS.values())[:3])
        sheet.append(list(a_row(person).values()))
    del book["Sheet"]
    path = desk.folder / "months.xlsx"
    book.save(path)

    first = desk.verify(path, options=Options(reading=Reading(sheet="二月")))

    again = desk.rerun_from(first.path)

    assert again.json["input"]["sheet"] == "二月"
    assert again.json["asks"]["sent"] == 0


# Words -----------------------------------------------------------------------------------------------------------------


def test_edited_rows_of_a_job_need_a_file():
    with pytest.raises(InputError) as caught:
        statuses_to_rerun(["edited"], accept_double_charge=False)

    assert str(caught.value) == (
        "The input of a job is what it was when the job began, so none of its rows is edited. "
        "Name the corrected file with --from FILE. Nothing was sent."
    )


def test_what_is_named_of_a_file():
    named = {
        words: (statuses_to_rerun(words, accept_double_charge=True, from_file=True), asks_edited(words))
        for words in ((), ("edited",), ("failed",), ("failed", "edited"), ("all-open",))
    }

    assert named == {
        (): (OPEN_WITHOUT_DOUBT, True),
        ("edited",): (frozenset(), True),
        ("failed",): ({RowStatus.FAILED}, False),
        ("failed", "edited"): ({RowStatus.FAILED}, True),
        ("all-open",): (OPEN_WITHOUT_DOUBT, True),
    }
    with pytest.raises(InputError, match="--accept-double-charge"):
        statuses_to_rerun(["edited", "in_doubt"], accept_double_charge=False, from_file=True)


def test_a_corrected_file_of_an_unknown_job_is_refused(desk):
    with pytest.raises(InputError, match="There is no job 'j-77777777' in this home"):
        desk.rerun_from(desk.sheet(rows(1)), job_id="j-77777777")
