"""Columns as last time: named once, taken for the next sheet with the same header, shown, and never for another header."""

from __future__ import annotations

import json
import stat

import pytest
from openpyxl import Workbook

from batchverify import job
from batchverify.cli.show import inspection_text, plan_text
from batchverify.errors import InputError
from batchverify.job import Options, Reading, inspect_file
from batchverify.job.recalling import forget
from batchverify.model import Field
from batchverify.store.home import Home
from batchverify.words import Lang
from tests.builders import a_row, an_id, rows
from tests.desk import Desk

#: Words that nobody's table of synonyms has.
ODD = ["甲", "乙", "丙", "部门"]
NAMED = {Field.NAME: "甲", Field.ID_CARD: "乙", Field.ACCOUNT_NO: "丙"}


@pytest.fixture
def terminal(desk, monkeypatch) -> Desk:
    """A desk whose passes remember, as those of the command line do."""
    plain = Desk.session

    def session(self, **changes):
        made = plain(self, **changes)
        return job.Session(settings=made.settings, watcher=made.watcher, stop=made.stop, clock=made.clock, remembers=True)

    monkeypatch.setattr(Desk, "session", session)
    return desk


def a_list(desk, name, people, *, header=ODD, title_rows=0, sheet="Sheet"):
    book = Workbook()
    page = book.active
    page.title = sheet
    for _ in range(title_rows):
        page.append(["2026", "x", "y"])
    page.append(header)
    for person in people:
        page.append([person["name"], person["idCard"], person["accountNo"], "x"])
    path = desk.folder / name
    book.save(path)
    return path


def reading(**choices):
    return Options(reading=Reading(**choices))


def test_columns_that_were_named_once_are_taken_for_the_same_header_and_shown(terminal):
    first, second = a_list(terminal, "a.xlsx", rows(2)), a_list(terminal, "b.xlsx", rows(3, first=5))
    terminal.verify(first, options=reading(mapping=NAMED))

    plan = terminal.plan(second)
    result = terminal.verify(second)

    assert plan.as_last_time
    assert plan.as_json()["columns_as_last_time"] is True
    assert "Columns as last time, for this header." in plan_text(plan, Lang.EN)
    assert "沿用上次" in plan_text(plan, Lang.ZH)
    assert result.counts() == {"matched": 3}


def test_a_run_whose_columns_are_as_last_time_says_so_before_it_asks(terminal):
    terminal.plan(a_list(terminal, "a.xlsx", rows(2)), options=reading(mapping=NAMED))
    onlooker = terminal.onlooker

    terminal.verify(a_list(terminal, "b.xlsx", rows(2)))

    assert onlooker.plan.as_last_time


def test_a_plan_without_names_is_not_as_last_time(terminal):
    plan = terminal.plan(terminal.sheet(rows(2)))

    assert not plan.as_last_time
    assert "last time" not in plan_text(plan, Lang.EN)
    assert not (terminal.home / "profiles.json").exists()


@pytest.mark.parametrize("header", [["甲", "乙", "丁", "部门"], ["乙", "甲", "丙", "部门"], [*ODD, "更多"], ODD[:3]])
def test_another_header_never_takes_them(terminal, header):
    terminal.plan(a_list(terminal, "a.xlsx", rows(2)), options=reading(mapping=NAMED))

    with pytest.raises(InputError, match="has no column for 'accountNo'"):
        terminal.plan(a_list(terminal, "b.xlsx", rows(2), header=header))


def test_what_does_not_tell_headers_apart_does_not_matter(terminal):
    terminal.plan(a_list(terminal, "a.xlsx", rows(2)), options=reading(mapping=NAMED))

    plan = terminal.plan(a_list(terminal, "b.xlsx", rows(2), header=["甲（必填）", " 乙", "*丙", "部 门"]))

    assert plan.as_last_time


def test_naming_others_goes_before_and_is_remembered_instead(terminal):
    people = [a_row(person, accountNo=an_id(person)) | {"idCard": a_row(person)["accountNo"]} for person in range(1, 4)]
    terminal.plan(a_list(terminal, "a.xlsx", rows(2)), options=reading(mapping=NAMED))
    swapped = {**NAMED, Field.ID_CARD: "丙", Field.ACCOUNT_NO: "乙"}

    named = terminal.plan(a_list(terminal, "b.xlsx", people), options=reading(mapping=swapped))
    again = terminal.plan(a_list(terminal, "c.xlsx", people))

    assert (named.as_last_time, named.asks) == (False, 3)
    assert (again.as_last_time, again.asks) == (True, 3)
    assert again.columns[Field.ID_CARD] == "丙"


def test_header_row_and_sheet_are_remembered_with_them(terminal):
    def a_book(name):
        path = a_list(terminal, name, rows(2), title_rows=2, sheet="名单")
        from openpyxl import load_workbook

        book = load_workbook(path)
        book.create_sheet("说明", 0).append(["姓名", "身份证号", "银行卡号"])
        book.save(path)
        return path

    choices = {"mapping": NAMED, "sheet": "名单", "header_row": 3}
    first = terminal.plan(a_book("a.xlsx"), options=reading(**choices))

    plan = terminal.plan(a_book("b.xlsx"))

    assert first.asks == 2
    assert (plan.as_last_time, plan.sheet, plan.asks) == (True, "名单", 2)
    assert terminal.plan(a_book("c.xlsx"), options=reading(sheet="名单", header_row=3)).as_last_time


def test_a_header_that_stands_elsewhere_this_time_is_not_taken(terminal):
    terminal.plan(a_list(terminal, "a.xlsx", rows(2), title_rows=2), options=reading(mapping=NAMED, header_row=3))

    with pytest.raises(InputError, match="has no column for 'accountNo'"):
        terminal.plan(a_list(terminal, "b.xlsx", rows(2), title_rows=3))


def test_a_column_without_a_word_of_its_own_is_found_again_by_its_place(terminal):
    header = ["B", "乙", "乙", "A"]
    named = {Field.NAME: "1", Field.ID_CARD: "2", Field.ACCOUNT_NO: "3"}
    terminal.plan(a_list(terminal, "a.xlsx", rows(2), header=header), options=reading(mapping=named))

    result = terminal.verify(a_list(terminal, "b.xlsx", rows(2), header=header))

    assert result.counts() == {"matched": 2}


def test_a_job_goes_on_with_its_columns_whatever_is_forgotten(terminal):
    terminal.plan(a_list(terminal, "a.xlsx", rows(2)), options=reading(mapping=NAMED))
    path = a_list(terminal, "b.xlsx", rows(3))
    begun = terminal.verify(path, bounds=Desk.bounds(terminal.session(), max_asks=1))
    assert forget(path, Reading(), Home.open(terminal.home))

    assert terminal.resume(begun.job).counts() == {"matched": 3}
    assert terminal.render(begun.job).counts() == {"matched": 3}
    with pytest.raises(InputError, match="has no column for 'accountNo'"):
        terminal.plan(path)
    assert not forget(path, Reading(), Home.open(terminal.home))


def test_a_result_of_ours_has_the_header_of_its_input(terminal):
    result = terminal.verify(a_list(terminal, "a.xlsx", rows(2)), options=reading(mapping=NAMED))

    assert terminal.plan(result.path).as_last_time


def test_the_rerun_of_a_job_reads_as_its_job_did_and_remembers_nothing(terminal):
    first = terminal.verify(a_list(terminal, "a.xlsx", rows(2)), options=reading(mapping=NAMED))
    forget(first.path, Reading(), Home.open(terminal.home))

    assert terminal.rerun_from(first.path).counts() == {"matched": 2}
    assert json.loads((terminal.home / "profiles.json").read_text())["profiles"] == {}


def test_a_program_names_its_columns_each_time(desk):
    desk.verify(a_list(desk, "a.xlsx", rows(2)), options=reading(mapping=NAMED))

    assert not (desk.home / "profiles.json").exists()
    with pytest.raises(InputError, match="has no column for 'accountNo'"):
        desk.plan(a_list(desk, "b.xlsx", rows(2)))


def test_inspect_shows_them_and_remembers_nothing_itself(terminal):
    path = a_list(terminal, "a.xlsx", rows(2))
    inspect_file(path, Reading(mapping=NAMED), home=terminal.home, recalls=True)
    assert not (terminal.home / "profiles.json").exists()

    terminal.plan(path, options=reading(mapping=NAMED))
    seen = inspect_file(path, Reading(), home=terminal.home, recalls=True)

    assert [one.confidence for one in seen.columns] == ["as_last_time"] * 3
    assert "B '乙' → ID number [as last time]: 110***" in inspection_text(seen, Lang.EN)


def test_the_file_is_private_and_has_no_word_and_no_cell(terminal):
    people = rows(2)
    terminal.plan(a_list(terminal, "a.xlsx", people), options=reading(mapping=NAMED, header_row=1, sheet="Sheet"))

    file = terminal.home / "profiles.json"
    content = file.read_text(encoding="utf-8")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(json.loads(content)["profiles"]) == 1
    words = [*ODD, "Sheet", *(cell for row in people for cell in row.values())]
    assert [word for word in words if word in content or json.dumps(word).strip('"') in content] == []


def test_a_row_of_people_that_was_taken_for_a_header_is_not_kept(terminal):
    people = [["王小明", an_id(1), "x"], ["李四", an_id(2), "y"]]
    book = Workbook()
    for row in [*people, ["甲", "乙", "丙"], *([*person[:2], a_row(3)["accountNo"]] for person in people)]:
        book.active.append(row)
    path = terminal.folder / "a.xlsx"
    book.save(path)

    terminal.plan(path, options=reading(mapping=NAMED, header_row=3))

    kept = json.loads((terminal.home / "profiles.json").read_text())["profiles"]
    assert [one["header_row"] for one in kept.values()] == [None]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": 2}',
        b'{"version": 1, "secret": "zz", "profiles": {}}',
        b'{"version": 1, "secret": "00", "profiles": {"a": {"header": "a", "fields": {"x": 1}, "header_row": null, "sheet": null}}}',
        b'{"version": 1, "secret": "00", "profiles": {"a": {"header": "a", "fields": {"name": -1}, "header_row": null, "sheet": null}}}',
        bytes(range(128, 255)),
    ],
)
def test_a_damaged_file_is_told_and_left_out_and_the_next_name_mends_it(terminal, caplog, damage):
    terminal.plan(a_list(terminal, "a.xlsx", rows(2)), options=reading(mapping=NAMED))
    (terminal.home / "profiles.json").write_bytes(damage)

    with pytest.raises(InputError, match="has no column for 'accountNo'"):
        terminal.plan(a_list(terminal, "b.xlsx", rows(2)))

    assert "is damaged, so no columns are taken as last time. Name them with --map, or delete the file." in caplog.text
    terminal.plan(a_list(terminal, "c.xlsx", rows(2)), options=reading(mapping=NAMED))
    assert terminal.plan(a_list(terminal, "d.xlsx", rows(2))).as_last_time
