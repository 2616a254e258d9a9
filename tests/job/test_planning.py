"""What a plan lists for nothing: contradictions inside a file, locks and their ends, answers that are reused and their age."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import load_workbook

from batchverify.cli.show import plan_text
from batchverify.job import Asking, Delivery, Options
from batchverify.model import Product
from batchverify.words import Lang
from tests.builders import a_card, a_row, an_id, rows


def problems(desk, people, **options):
    return desk.plan(desk.sheet(people), options=Options(**options)).as_json()["problems"]


def test_one_id_number_with_two_names_is_listed_with_both_rows_and_asked(desk):
    people = [a_row(1), a_row(2), a_row(1, name="赵六"), a_row(1)]

    plan = desk.plan(desk.sheet(people))

    assert plan.as_json()["problems"] == {
        "duplicate": {"count": 1, "rows": [5]},
        "id_with_names": {"count": 2, "rows": [2, 4], "groups": [[2, 4]]},
    }
    assert plan.asks == 3


def test_one_card_with_two_id_numbers_is_listed_group_by_group(desk):
    people = [
        a_row(1),
        a_row(2),
        a_row(3, accountNo=a_card(1)),
        a_row(4, accountNo=a_card(2)),
        a_row(5, accountNo=a_card(1)),
        a_row(6),
    ]

    found = problems(desk, people)

    assert found == {"card_with_ids": {"count": 5, "rows": [2, 4, 6, 3, 5], "groups": [[2, 4, 6], [3, 5]]}}


def test_a_mobile_may_be_of_a_family_and_not_of_a_crowd(desk):
    asking = Asking(product=Product.BANK4)
    family = [a_row(person, mobile="13800000001") for person in range(1, 4)]
    others = [a_row(person, mobile=f"1390000000{person % 10}") for person in range(10, 14)]

    assert problems(desk, [*family, *others], asking=asking) == {}

    crowd = [*family, *others, a_row(20, mobile="+86 138-0000-0001")]
    found = problems(desk, crowd, asking=asking)

    assert found == {"mobile_with_ids": {"count": 4, "rows": [2, 3, 4, 9], "groups": [[2, 3, 4, 9]]}}


def test_the_same_person_written_differently_contradicts_nobody(desk):
    people = [
        a_row(1, name="王小明"),
        a_row(1, name="王 小明", idCard=f"{an_id(1)}\u200b"),
        a_row(1, name="王小明", accountNo=a_card(9)),
    ]

    assert set(problems(desk, people)) == {"duplicate"}


def test_a_row_that_is_never_sent_contradicts_nobody(desk):
    people = [a_row(1), a_row(2, accountNo=a_card(1), idCard="110101199003070012")]

    assert set(problems(desk, people)) == {"id_checksum"}


def test_of_many_rows_the_first_twenty_are_told_and_ten_are_shown(desk):
    people = [a_row(1, name="张" + chr(0x4E00 + number)) for number in range(30)]

    plan = desk.plan(desk.sheet(people))
    shown = plan_text(plan, Lang.EN)

    assert plan.problems["id_with_names"].rows == tuple(range(2, 22))
    assert plan.problems["id_with_names"].count == 30
    assert "rows 2+3+4+5+6+7+8+9+10+11 and 20 more: One ID number stands with different names." in shown
    assert "行 2+3+4+5+6+7+8+9+10+11 等，另有 20 行: 同一身份证号对应不同姓名，" in plan_text(plan, Lang.ZH)


def test_a_plan_shows_no_cell_of_those_it_lists(desk):
    people = [a_row(1), a_row(1, name="赵六"), a_row(3, accountNo=a_card(1)), a_row(4, idCard="11010119900307001")]

    plan = desk.plan(desk.sheet(people))

    told = json.dumps(plan.as_json(), ensure_ascii=False) + plan_text(plan, Lang.EN) + plan_text(plan, Lang.ZH)
    assert len(plan.problems) == 3
    assert [cell for row in people for cell in row.values() if cell in told] == []


def test_minors_rare_characters_regions_and_luhn_are_listed_by_their_rows(desk):
    child = f"{datetime.now(UTC).year - 8}0101"
    body = f"110101{child}001"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

    def checked(first_17):
        return first_17 + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(first_17, weights, strict=True)) % 11]

    people = [
        a_row(1, idCard=checked(body)),
        a_row(2, name="张\U00020164"),
        a_row(3, idCard=checked("99" + "9999" + "19900307001")[:18]),
        a_row(4, idCard=checked("71" + "9999" + "19900307001")),
        a_row(5, accountNo=a_card(5)[:-1] + str((int(a_card(5)[-1]) + 1) % 10)),
    ]

    found = problems(desk, people)

    assert {word: told["rows"] for word, told in found.items()} == {
        "minor": [2],
        "name:rare_character": [3],
        "idCard:permanent_residence": [4],
        "idCard:region": [5],
        "accountNo:luhn": [6],
    }


def test_a_locked_row_says_until_when(desk):
    people = [a_row(1, verdict="53"), *rows(2, first=5)]
    desk.verify(people)
    path = desk.sheet([a_row(1, accountNo=a_card(77)), *rows(2, first=5)])

    plan = desk.plan(path)

    locked = plan.problems["id_locked"]
    assert locked.rows == (2,)
    assert locked.earliest == locked.latest
    assert timedelta(hours=12) < locked.latest - datetime.now(UTC) < timedelta(hours=12, minutes=11)
    assert f"Until {plan.as_json()['problems']['id_locked']['latest']}" in plan_text(plan, Lang.EN)


def test_what_is_reused_says_from_when_its_answers_are(desk):
    before = datetime.now(UTC) - timedelta(seconds=1)
    desk.verify(rows(3))

    plan = desk.plan(desk.sheet(rows(5)))

    reused = plan.problems["reused"]
    assert (reused.count, reused.rows, plan.reused, plan.asks) == (3, (2, 3, 4), 3, 2)
    assert before < reused.earliest <= reused.latest < datetime.now(UTC)
    assert "rows 2, 3, 4: Answered already. Not asked again, no cost. Answered at 20" in plan_text(plan, Lang.EN)
    assert "已有核验结果，不再调用，不计费。 核验时间 20" in plan_text(plan, Lang.ZH)


@pytest.mark.parametrize(
    ("lang", "title", "label"),
    [(Lang.EN, "Summary", "One card stands with different ID numbers."), (Lang.ZH, "汇总", "同一银行卡号对应不同身份证号")],
)
def test_the_sheet_summary_names_the_rows_that_contradict_each_other_and_is_drawn_again_the_same(desk, lang, title, label):
    people = [a_row(1), a_row(2), a_row(3, accountNo=a_card(1)), a_row(4, accountNo=a_card(2)), a_row(1)]
    result = desk.verify(desk.sheet(people, kind="xlsx"), options=Options(delivery=Delivery(lang=lang)))
    before = result.path.read_bytes()

    again = desk.render(result.job)

    lines = [tuple(cell.value for cell in row) for row in load_workbook(result.path)[title].iter_rows()]
    assert (label, 4, None, "2+4, 3+5") in lines
    assert again.path.read_bytes() == before


def test_a_sheet_that_contradicts_itself_nowhere_has_no_such_lines(desk):
    result = desk.verify(desk.sheet(rows(3), kind="xlsx"))

    words = [cell.value for row in load_workbook(result.path)["Summary"].iter_rows() for cell in row]
    assert not any("ontradict" in str(word) for word in words)
