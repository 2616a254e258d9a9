import pytest

from batchverify.desk import Stage
from batchverify.errors import InputError
from batchverify.model import Field, RowStatus
from batchverify.words import Lang
from tests.builders import a_row, read_rows, rows
from tests.threats import guards


def test_a_sheet_goes_its_way_from_upload_to_result(office):
    people = [*rows(3), a_row(4, verdict="02"), a_row(5, idCard="110101199003070012"), a_row(1)]
    case = office.upload(people, name="名单.csv")
    assert (case.stage, case.name, case.owner, case.job) == (Stage.RECEIVED, "名单.csv", "王芳", None)
    found = office.desk.inspect(case.id)
    assert [column.field for column in found.columns] == [Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO]

    plan = office.desk.plan(case.id)
    assert (plan.asks, plan.duplicate, plan.blocked) == (4, 1, 1)
    assert office.desk.case(case.id).stage is Stage.PLANNED
    office.confirm(case)
    case = office.rest(case)

    assert (case.stage, case.ending, case.problem) == (Stage.ENDED, "complete", "")
    assert office.sandbox.bill.total() == 4
    assert case.summary["asks"]["billed"] == 4
    result = office.desk.download(case.id, "all")
    assert result.name == "名单.verified.csv"
    assert len(read_rows(result)) == 6
    live = office.desk.live(case.id)
    assert (live.stage, live.done, live.total, live.billed, live.cap_asks) == (Stage.ENDED, 4, 4, 4, 4)


@guards("masks")
def test_rows_are_leafed_through_masked(office):
    case = office.verified([a_row(person, verdict="00" if person % 3 else "02") for person in range(1, 121)])

    page = office.desk.rows(case.id, offset=50, limit=50, lang=Lang.EN)
    assert (page.total, len(page.rows), page.rows[0].number) == (120, 50, 52)
    assert page.rows[0].fields[Field.ID_CARD].startswith("110****")
    assert page.counts == {RowStatus.MATCHED: 80, RowStatus.MISMATCHED: 40}
    some = office.desk.rows(case.id, status=RowStatus.MISMATCHED, offset=30, limit=50, lang=Lang.EN)
    assert (some.total, len(some.rows), some.rows[-1].number) == (40, 10, 121)
    one = office.desk.rows(case.id, row=4)
    assert [row.number for row in one.rows] == [4]
    assert one.rows[0].message.startswith("各项信息不一致")

    text = office.desk.unmask(case.id, row=4, field=Field.ID_CARD, operator="李雷")
    assert text == a_row(3)["idCard"]
    act = office.desk.acts(case.id)[0]
    assert (act.act, act.operator, act.note) == ("unmasked", "李雷", "row 4, idCard")


def test_an_unknown_case_is_told(office):
    with pytest.raises(InputError, match="There is no such job here"):
        office.desk.case("../../etc")
