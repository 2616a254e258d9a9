"""`--sheet all`: every sheet of people by one command, with one cap, and a word about the others."""

from __future__ import annotations

from openpyxl import Workbook

from tests.campaigns.people import HEADER, people


def a_book(folder, *, name="people.xlsx"):
    book = Workbook()
    book.active.title = "说明"
    book.active.append(["请逐行填写"])
    for title, first, count in (("一月", 0, 3), ("二月", 10, 4)):
        page = book.create_sheet(title)
        page.append(HEADER)
        for person in people(count, first=first):
            page.append(person.cells)
    old = book.create_sheet("旧")
    old.append(HEADER)
    old.sheet_state = "hidden"
    book.save(folder / name)


def test_all_sheets_of_people_are_planned_inspected_and_verified_by_one_command(desk, vendor):
    a_book(desk.folder)

    seen = desk.run("inspect", "people.xlsx", "--sheet", "all", "--json", asks=False)
    planned = desk.run("plan", "people.xlsx", "--sheet", "all", "--lang", "en")
    packages = desk.run("quota", "plan", "people.xlsx", "--sheet", "all", "--json")
    ran = desk.run("run", "people.xlsx", "--sheet", "all", "--yes", "--json")

    assert [one.code for one in (seen, planned, ran, packages)] == [0, 0, 0, 0]
    assert [one["input"]["sheet"] for one in seen.json] == ["说明", "一月", "二月", "旧"]
    assert planned.out.count("To ask: ") == 2
    assert planned.err == (
        "The sheet '说明' of people.xlsx is passed over: no column for name, ID number, card number.\n"
        "The sheet '旧' of people.xlsx is passed over: it is hidden. Name it with --sheet to have it verified.\n"
    )
    assert [(one["input"]["sheet"], one["status"]["matched"]) for one in ran.json] == [("一月", 3), ("二月", 4)]
    assert sorted(path.name for path in desk.folder.glob("*.verified*")) == [
        "people.一月.verified.xlsx",
        "people.二月.verified.xlsx",
    ]
    assert packages.json["needed"] == 7
    assert vendor.total() == 7


def test_a_cap_holds_over_all_sheets_and_one_output_cannot_take_them(desk, vendor):
    a_book(desk.folder)

    refused = desk.run("run", "people.xlsx", "--sheet", "all", "--yes", "-o", "out.xlsx", "--lang", "zh")
    capped = desk.run("run", "people.xlsx", "--sheet", "all", "--max-asks", "5", "--json")

    assert refused.code == 2
    assert "people.xlsx 的工作表 '旧' 已跳过：该表已隐藏，如需核验请用 --sheet 指定。\n" in refused.err
    assert refused.err.endswith(
        "Error: One --output cannot take the results of several files or sheets. Leave it out: each result goes beside its input.\n"
    )
    assert capped.code == 3
    assert [one["asks"]["billed"] for one in capped.json] == [3, 2]
    assert vendor.total() == 5


def test_a_csv_among_the_files_is_its_one_table(desk, vendor):
    from tests.campaigns.people import write_sheet

    write_sheet(desk.folder / "people.csv", people(2))

    ran = desk.run("run", "people.csv", "--sheet", "all", "--yes", "--json")

    assert (ran.code, ran.json["status"]["matched"]) == (0, 2)
    assert (desk.folder / "people.verified.csv").exists()
