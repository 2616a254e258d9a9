"""One more file per status: whole, beside the result, replaced while it is ours, and good enough to be dropped in again."""

import hashlib
from pathlib import Path

import pytest
from openpyxl import load_workbook

from batchverify.errors import HomeError
from batchverify.job import Bounds, Delivery, Options
from batchverify.model import Secret
from batchverify.store.ledger import Ledger
from batchverify.tables import writer
from batchverify.tables.passwords import Passwords
from batchverify.words import RESULT_COLUMNS, Lang
from tests.builders import a_row, read_rows, rows
from tests.protected import PASSWORD, opened, plain_copy
from tests.threats import guards

SPLIT = Options(delivery=Delivery(split=True))
PEOPLE = [a_row(1, 部门="甲"), a_row(2, verdict="02", 部门="乙"), a_row(3, idCard="", 部门="甲"), a_row(1, 部门="乙")]


def files_of(result):
    """Give the files of the statuses by their word, as the summary names them."""
    first, *others = [Path(output["path"]) for output in result.json["outputs"]]
    assert first == result.path
    return {path.name.removeprefix(first.stem).removesuffix(path.suffix).lstrip("."): path for path in others}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_each_status_that_occurs_has_a_file_of_its_rows_as_they_are_in_the_result(desk, sandbox, kind):
    result = desk.verify(desk.sheet(PEOPLE, kind=kind), options=SPLIT)

    files = files_of(result)

    assert list(files) == ["matched", "mismatched", "blocked"]
    assert {path.suffix for path in files.values()} == {f".{kind}"}
    for word, path in files.items():
        assert path.name == f"people-1.verified.{word}.{kind}"
        assert path.stat().st_mode & 0o777 == 0o600
        found = read_rows(path)
        assert list(found[0]) == list(result.rows[0])
        assert found == [row for row in result.rows if row["bv_status"] == word]
    assert sandbox.bill.total() == 2
    assert result.counts() == {word: len(read_rows(path)) for word, path in files.items()}


def test_the_files_of_statuses_are_named_with_their_hashes_in_the_summary_and_known_to_the_ledger(desk):
    result = desk.verify(desk.sheet(PEOPLE), options=SPLIT)

    named = {output["path"]: output["sha256"] for output in result.json["outputs"]}
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", create=False, simulated=True) as ledger:
        known = {output.path: output.sha256 for output in ledger.outputs(result.job)}

    assert named == known
    assert {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in named} == named


def test_a_file_of_a_status_is_one_sheet_with_what_stands_above_the_header_and_no_gaps(desk):
    path = desk.sheet(PEOPLE, kind="xlsx")
    book = load_workbook(path)
    book.active.insert_rows(1)
    book.active["A1"] = "2026年11月名单"
    book.active.append([])
    book.active.append(["合计", "", "", 4])
    book.save(path)

    files = files_of(desk.verify(path, options=SPLIT))

    book = load_workbook(files["mismatched"])
    assert book.sheetnames == ["Sheet"]
    assert [[cell.value for cell in row][:4] for row in book.active.iter_rows()] == [
        ["2026年11月名单", None, None, None],
        ["姓名", "身份证号", "银行卡号", "部门"],
        [*[PEOPLE[1][word] for word in ("name", "idCard", "accountNo")], "乙"],
    ]


def test_drawing_again_gives_the_same_files_and_asks_nothing(desk, sandbox):
    result = desk.verify(desk.sheet(PEOPLE, kind="xlsx"), options=SPLIT)
    before = {path: path.read_bytes() for path in files_of(result).values()}

    again = desk.render(result.job)

    assert {path: path.read_bytes() for path in files_of(again).values()} == before
    assert again.json == result.json
    assert sandbox.bill.total() == 2


def test_a_result_can_be_split_when_it_is_drawn_again(desk):
    result = desk.verify(desk.sheet(PEOPLE))

    again = desk.render(result.job, change=lambda _: SPLIT)

    assert files_of(result) == {}
    assert list(files_of(again)) == ["matched", "mismatched", "blocked"]


def test_the_file_of_a_status_that_no_longer_occurs_goes_away(desk):
    first = desk.verify(desk.sheet(rows(3)), options=SPLIT, bounds=Bounds(max_asks=1))
    not_run = files_of(first)["not_run"]

    second = desk.resume(first.job)

    assert len(read_rows(files_of(second)["matched"])) == 3
    assert not not_run.exists()


def test_a_file_of_a_status_that_somebody_has_edited_stays(desk):
    first = desk.verify(desk.sheet(rows(3)), options=SPLIT, bounds=Bounds(max_asks=1))
    files = files_of(first)
    for path in files.values():
        path.write_text("mine")

    second = files_of(desk.resume(first.job))

    assert [path.read_text() for path in files.values()] == ["mine", "mine"]
    assert second["matched-2"].name == "people-1.verified.matched-2.csv"
    assert list(second) == ["matched-2"]


def test_a_file_of_a_status_that_another_job_reads_since_stays(desk):
    """Were it taken away with its status, that job could not be gone on with."""
    first = desk.verify(desk.sheet(rows(3)), options=SPLIT, bounds=Bounds(max_asks=1))
    not_run = files_of(first)["not_run"]
    second = desk.rerun(not_run)

    again = desk.resume(first.job)

    assert list(files_of(again)) == ["matched"]
    assert not_run.exists()
    assert desk.render(second.job).counts() == {"matched": 2}


def test_a_file_that_was_there_before_is_left_alone_also_where_the_result_was_named(desk):
    """The name of the result was chosen, those beside it were not."""
    theirs = desk.folder / "out.matched.csv"
    theirs.write_text("mine")

    result = desk.verify(desk.sheet(rows(1)), options=Options(delivery=Delivery(split=True, output=desk.folder / "out.csv")))

    assert theirs.read_text() == "mine"
    assert [path.name for path in files_of(result).values()] == ["out.matched-2.csv"]


def test_a_hundred_files_of_others_are_enough_and_every_answer_is_kept(desk, sandbox):
    path = desk.sheet(rows(1))
    for number in ("", *(f"-{spare}" for spare in range(2, 100))):
        path.with_name(f"people-1.verified.matched{number}.csv").touch()

    with pytest.raises(HomeError, match=r"^There are a hundred files beside 'people-1\.verified\.csv' .* Every answer is kept"):
        desk.verify(path, options=SPLIT)

    assert sandbox.bill.total() == 1


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_file_of_a_status_is_dropped_in_again_as_it_is(desk, sandbox, kind):
    first = desk.verify(desk.sheet(rows(4), kind=kind), options=SPLIT, bounds=Bounds(max_asks=1))
    assert first.counts() == {"matched": 1, "not_run": 3}

    again = desk.rerun(files_of(first)["not_run"])

    assert again.statuses == ["matched"] * 3
    assert sandbox.bill.total() == 4
    assert again.path.name == f"people-1.verified-2.{kind}"
    assert list(files_of(again)) == ["matched"]
    assert read_rows(files_of(first)["matched"])[0]["bv_row"].startswith(f"{first.job}/2/")


def test_a_corrected_row_of_the_file_of_blocked_rows_is_asked(desk, sandbox):
    path = files_of(desk.verify(desk.sheet(PEOPLE), options=SPLIT))["blocked"]
    text = path.read_text("utf-8-sig")
    name, card = PEOPLE[2]["name"], PEOPLE[2]["accountNo"]
    assert f"{name},,{card}" in text
    path.write_text(text.replace(f"{name},,{card}", f"{name},{a_row(3)['idCard']},{card}"), "utf-8-sig")

    again = desk.rerun(path)

    assert again.statuses == ["matched"]
    assert sandbox.bill.total() == 3


@guards("masks")
def test_masked_files_of_statuses_show_no_number(desk):
    result = desk.verify(desk.sheet(rows(2), kind="xlsx"), options=Options(delivery=Delivery(split=True, mask=True)))

    for row in read_rows(files_of(result)["matched"]):
        assert "*" in row["身份证号"]
        assert "*" in row["姓名"]


def test_protected_files_of_statuses_open_with_the_password_of_the_result(desk, sandbox):
    desk.passwords = lambda: Passwords(ask=lambda _: Secret(PASSWORD), ask_new=lambda _name, _own: Secret(PASSWORD))
    options = Options(delivery=Delivery(split=True, protect=True))

    first = desk.verify(desk.sheet(PEOPLE), options=options, bounds=Bounds(max_asks=1))
    files = files_of(first)

    assert {word: len(read_rows(plain_copy(path))) for word, path in files.items()} == first.counts()
    assert load_workbook(opened(files["not_run"])).sheetnames == ["people-1"]
    assert desk.rerun(files["not_run"]).counts() == {"mismatched": 1}
    assert sandbox.bill.total() == 2


def test_labels_are_chinese_where_chinese_is_wanted_and_names_stay_the_words_of_the_status(desk):
    result = desk.verify(desk.sheet(rows(1)), options=Options(delivery=Delivery(split=True, lang=Lang.ZH)))

    (path,) = files_of(result).values()

    assert path.name == "people-1.verified.matched.csv"
    assert [label for _, label in RESULT_COLUMNS] == list(read_rows(path)[0])[-len(RESULT_COLUMNS) :]


def test_files_of_more_rows_than_a_workbook_holds_are_csv_like_their_result(desk, monkeypatch):
    monkeypatch.setattr(writer, "MAX_WORKBOOK_ROWS", 2)
    options = Options(delivery=Delivery(split=True, output=desk.folder / "out.xlsx"))

    result = desk.verify(desk.sheet(rows(3)), options=options)

    assert result.path.name == "out.csv"
    assert [path.name for path in files_of(result).values()] == ["out.matched.csv"]
    assert "are more than a workbook should hold, so the result is a csv file." in result.note
