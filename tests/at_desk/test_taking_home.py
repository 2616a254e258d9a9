"""What is taken home of a case: in parts, as of this second, with its report; none of it asks anything."""

import csv
from dataclasses import replace

import pytest

from batchverify.desk.room import Bystander
from batchverify.errors import InputError
from batchverify.job import Bounds, Options, Reading, Session, run_file
from batchverify.job.checking import check_report
from batchverify.job.options import Delivery
from batchverify.model import Field, RowStatus, Secret
from batchverify.words import Lang
from tests.builders import a_card, a_row, a_sheet, read_rows, rows

PEOPLE = [*rows(3), a_row(4, verdict="02"), a_row(5, idCard="110101199003070012"), a_row(1)]


def texts(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_the_result_is_what_the_command_line_gives(office):
    content = a_sheet(office.folder, PEOPLE, name="名单.xlsx")
    case = office.verified(content.read_bytes(), name="名单.xlsx")

    # The same answers, reused: another home would have other codes.
    session = Session(settings=office.settings(), watcher=Bystander())
    run_file(content, Options(delivery=Delivery(lang=Lang.ZH)), Bounds(), session)

    ours = read_rows(office.desk.download(case.id, "all"))
    theirs = read_rows(content.with_name("名单.verified.xlsx"))
    told_apart = {"结果来源", "计费次数", "行标识"}
    assert [{key: cell for key, cell in row.items() if key not in told_apart} for row in ours] == [
        {key: cell for key, cell in row.items() if key not in told_apart} for row in theirs
    ]


def test_a_result_comes_in_parts_each_by_its_word(office):
    case = office.verified(PEOPLE, name="名单.csv")
    known = office.desk.downloads(case.id)

    assert [(one.word, one.name, one.rows) for one in known] == [
        ("all", "名单.verified.csv", 6),
        ("matched", "名单.verified.matched.csv", 4),
        ("mismatched", "名单.verified.mismatched.csv", 1),
        ("blocked", "名单.verified.blocked.csv", 1),
        ("to_fix", "名单.verified.to_fix.csv", 1),
        ("summary", "名单.summary.json", None),
    ]
    parts = {one.word: office.desk.download(case.id, one.word, operator="李雷") for one in known}
    assert [len(read_rows(parts[one.word])) for one in known[:-1]] == [one.rows for one in known[:-1]]
    assert parts["summary"].read_bytes().startswith(b"{")
    english = office.desk.download(case.id, "to_fix", lang=Lang.EN)
    assert english.name == "名单.verified.to_fix.en.csv"
    assert [row["bv_code"] for row in read_rows(english)] == ["id_checksum"]
    # Once made it is served as it lies there.
    stamp = parts["matched"].stat().st_mtime_ns
    assert office.desk.download(case.id, "matched").stat().st_mtime_ns == stamp
    assert [act.note for act in office.desk.acts(case.id) if act.act == "downloaded"].count("to_fix") == 2
    with pytest.raises(InputError, match=r"There is no file 'locked' of this job\. It has: all, matched"):
        office.desk.download(case.id, "locked")
    with pytest.raises(InputError, match=r"There is no file '\.\./x'"):
        office.desk.download(case.id, "../x")
    office.desk._room.path_of(case).with_name("名单.verified.csv").unlink()
    with pytest.raises(InputError, match=r"名单\.verified\.csv is gone"):
        office.desk.download(case.id, "all")
    assert office.sandbox.bill.total() == 4


def test_before_anything_is_asked_there_is_nothing_to_take_home(office):
    case = office.upload(PEOPLE)

    assert office.desk.downloads(case.id) == []
    assert office.desk.rows(case.id).total == 0
    for take in (office.desk.partial, lambda name: office.desk.report(name, "html")):
        with pytest.raises(InputError, match="has been asked yet, so there is no result of it"):
            take(case.id)
    with pytest.raises(InputError, match="none before its first result"):
        office.desk.download(case.id, "all")
    with pytest.raises(InputError, match="nothing to run again"):
        office.desk.rerun_plan(case.id)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_partial_result_is_drawn_while_asking_goes_on_and_asks_nothing(office, kind):
    office.sandbox.vendor.latency_seconds = 0.1
    content = a_sheet(office.folder, rows(60), name=f"名单.{kind}").read_bytes()
    case = office.upload(content, name=f"名单.{kind}")
    office.confirm(case)
    office.until(case, lambda live: live.done >= 10)

    partial = read_rows(office.desk.partial(case.id))
    office.desk.stop(case.id)
    office.rest(case)

    statuses = [row["核验结果"] for row in partial]
    assert len(partial) == 60
    assert 10 <= statuses.count("一致") < 60
    assert set(statuses) == {"一致", "未处理"}
    assert office.sandbox.bill.total() < 60
    # It is no result of the job: the ledger knows of one only.
    assert office.desk.download(case.id, "all").name == f"名单.verified.{kind}"
    assert [
        output.path.rsplit("/", 1)[-1] for output in office.desk._room.ledger.outputs(case.job or office.desk.case(case.id).job)
    ] == [f"名单.verified.{kind}"]


def test_a_report_vouches_for_the_job_in_every_form(office):
    case = office.verified(PEOPLE)
    for form in ("html", "xlsx", "json"):
        path = office.desk.report(case.id, form, Lang.EN)
        checked = check_report(path, Session(settings=office.settings(), watcher=Bystander()), key=None)
        assert checked.is_genuine, checked
        assert office.desk.report(case.id, form, Lang.EN) == path
    assert (office.desk.acts(case.id)[0].act, office.desk.acts(case.id)[0].note) == ("downloaded", "report.json")
    with pytest.raises(InputError, match="There is no report of the form 'exe'"):
        office.desk.report(case.id, "exe")


def test_problems_are_listed_by_row_without_a_word_of_any_cell(office):
    people = [
        a_row(1),
        a_row(2, name="李四光"),
        a_row(1),
        a_row(2, name="王五"),
        a_row(5, idCard="110101199003070012"),
        a_row(6, name=""),
    ]
    case = office.upload(people)

    english = texts(office.desk.problems_file(case.id, Lang.EN))
    chinese = texts(office.desk.problems_file(case.id))

    assert english[0] == ["Row", "Code", "Field", "Problem", "What to do"]
    assert [(row[0], row[1]) for row in english[1:]] == [
        ("4", "duplicate"),
        ("6", "id_checksum"),
        ("7", "missing_field"),
        ("3", "id_with_names"),
        ("5", "id_with_names"),
    ]
    assert [row[:2] for row in chinese[1:]] == [row[:2] for row in english[1:]]
    assert chinese[0] == ["行", "代码", "字段", "问题", "建议操作"]
    cells = {str(cell) for person in people for cell in person.values() if cell}
    assert not any(cell in text for row in english + chinese for text in row for cell in cells)


def test_a_protected_result_and_its_parts_have_the_password_of_the_page(office):
    content = a_sheet(office.folder, rows(3), name="p.xlsx").read_bytes()
    case = office.upload(content, name="名单.xlsx")
    options = office.desk.first_options()
    office.desk.choose(case.id, replace(options, delivery=replace(options.delivery, protect=True)))
    office.desk.give_password(case.id, Secret("秋天-2026"))
    office.confirm(case)
    assert office.rest(case).ending == "complete"

    for path in (office.desk.download(case.id, "all"), office.desk.download(case.id, "matched"), office.desk.partial(case.id)):
        assert path.read_bytes()[:4] == b"\xd0\xcf\x11\xe0", path.name


def test_one_sheet_uploaded_twice_is_one_job_and_each_has_its_own_result(office):
    office.sandbox.vendor.set_quota(3)
    first = office.verified(rows(5), name="甲.csv")
    content = office.desk._room.path_of(first).read_bytes()
    office.sandbox.vendor.set_quota(100)
    second = office.verified(content, name="乙.csv")

    assert office.sandbox.bill.billed() == 5
    assert second.ending == "complete"
    assert second.job == first.job
    office.desk.remove(first.id, operator="王芳")
    assert office.desk.download(second.id, "matched").name == "乙.verified.matched.csv"
    assert len(read_rows(office.desk.download(second.id, "all"))) == 5
    assert office.desk.report(second.id, "json").is_file()
    with pytest.raises(InputError, match=r"Every row of 乙\.csv has its final status"):
        office.desk.rerun_plan(second.id)


def test_a_cell_of_a_corrected_file_is_read_by_the_columns_of_its_origin(office):
    people = [a_row(number, 备用卡号=a_card(number + 70)) for number in (1, 2)]
    case = office.upload(people)
    options = office.desk.first_options()
    office.desk.choose(case.id, replace(options, reading=Reading(mapping={Field.ACCOUNT_NO: "备用卡号"})))
    office.confirm(case)
    office.rest(case)

    corrected = office.upload([*people, a_row(3, 备用卡号=a_card(73))], origin=case.id)
    office.confirm(corrected)
    office.rest(corrected)

    assert office.desk.unmask(corrected.id, row=4, field=Field.ACCOUNT_NO, operator="王芳") == a_card(73)
    assert office.desk.rows(corrected.id, row=4).rows[0].fields[Field.ACCOUNT_NO][-4:] == a_card(73)[-4:]
    assert office.sandbox.bill.total() == 3


def test_a_cell_that_is_not_there_is_told(office):
    case = office.verified(rows(2))

    with pytest.raises(InputError, match="has no row 99"):
        office.desk.unmask(case.id, row=99, field=Field.NAME, operator="王芳")
    assert office.desk.unmask(case.id, row=2, field=Field.MOBILE, operator="王芳") == ""
    assert office.desk.rows(case.id, row=99).total == 0
    assert office.desk.rows(case.id, status=RowStatus.LOCKED).total == 0
    assert office.desk.rows(case.id, status=RowStatus.MISMATCHED, row=2).total == 0
