"""Rows of the list of what offices send that are a matter of the whole way: from a file as it comes to the result beside it.

The one thing to know: what one room does alone (a reader, a rule, a writer) is tested beside that room; here a whole sheet goes
in, and the bill says what was sent.
"""

from __future__ import annotations

import pytest
from openpyxl import Workbook, load_workbook

from batchverify.job import Asking, Options, Reading
from batchverify.model import CheckLevel
from tests.builders import HEADERS, a_card, a_row, an_id, rows

THREE = ("name", "idCard", "accountNo")


def a_book(desk, people, *, change=None):
    book = Workbook()
    sheet = book.active
    sheet.append([HEADERS[field] for field in THREE])
    for person in people:
        sheet.append([person[field] for field in THREE])
    if change is not None:
        change(sheet)
    desk.sheets += 1
    path = desk.folder / f"book-{desk.sheets}.xlsx"
    book.save(path)
    return path


def sixteen(body="621700000000012"):
    """Give a card of 16 digits that ends in 0 and passes Luhn."""
    for number in range(10**4):
        card = f"{body[:-4]}{number:04d}0"
        total = sum(sum(divmod(int(digit) * (2 if place % 2 else 1), 10)) for place, digit in enumerate(reversed(card)))
        if total % 10 == 0:
            return card
    raise AssertionError


def test_a_16_digit_card_in_a_numeric_cell_is_blocked_and_sent_once_it_is_typed_as_text(desk, sandbox):
    card = sixteen()
    path = a_book(desk, [a_row(1, accountNo=int(card)), *rows(2, first=5)])

    first = desk.verify(path)
    book = load_workbook(first.path)
    book["Sheet"]["C2"] = card
    book.save(first.path)
    again = desk.rerun_from(first.path)

    assert (first.statuses[0], first.column("bv_code")[0]) == ("blocked", "precision_suspect")
    assert sandbox.bill.total() == 3
    assert again.statuses[0] != "blocked"


def test_a_16_digit_card_in_a_numeric_cell_is_sent_where_the_user_lets_it_pass(desk, sandbox):
    path = a_book(desk, [a_row(1, accountNo=int(sixteen()))])

    result = desk.verify(path, options=Options(asking=Asking(checks=CheckLevel.WARN)))

    assert sandbox.bill.total() == 1
    assert result.column("bv_message")[0] != ""
    assert result.statuses[0] != "blocked"


def test_quote_marks_tabs_and_formulas_around_numbers_are_stripped_and_noted(desk, sandbox):
    people = [
        a_row(1, idCard=f"'{an_id(1)}", accountNo=f"{a_card(1)}\t"),
        a_row(2, idCard=f'="{an_id(2)}"', accountNo=f'="{a_card(2)}"'),
    ]

    result = desk.verify(people)

    assert result.counts() == {"matched": 2}
    assert "quote marks removed" in result.column("bv_sent_as")[0]
    assert "quote marks removed" in result.column("bv_sent_as")[1]
    assert result.column("身份证号") == [f"'{an_id(1)}", f'="{an_id(2)}"']


@pytest.mark.parametrize("last", list("xＸｘⅩⅹХх×"))
def test_every_spelling_of_x_is_one_question(desk, sandbox, last):
    number = next(an_id(person) for person in range(1, 200) if an_id(person).endswith("X"))
    people = [a_row(1, idCard=number), a_row(1, idCard=number[:-1] + last)]

    result = desk.verify(people)

    assert sandbox.bill.total() == 1
    assert result.column("bv_source")[1].startswith("duplicate")


@pytest.mark.parametrize(
    "spelled",
    [
        lambda text: "\u202d" + text + "\u202c",
        lambda text: "\u200b" + text,
        lambda text: text[:6] + "\u00a0" + text[6:],
        lambda text: "\ufeff" + text,
        lambda text: text.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        lambda text: " ".join(text[at : at + 4] for at in range(0, len(text), 4)),
        lambda text: "-".join(text[at : at + 4] for at in range(0, len(text), 4)),
    ],
)
def test_invisible_signs_full_width_digits_and_grouping_are_no_other_question(desk, sandbox, spelled):
    person = a_row(1)
    other = person | {"idCard": spelled(person["idCard"]), "accountNo": spelled(person["accountNo"])}

    result = desk.verify(a_book(desk, [person, other]))

    assert (sandbox.bill.total(), result.counts()) == (1, {"matched": 2})
    assert result.column("bv_sent_as")[1] != ""


def test_spaces_and_middle_dots_of_names_are_no_other_question(desk, sandbox):
    people = [a_row(1, name="阿依·测试"), *(a_row(1, name=f"阿依{dot}测试") for dot in "•・･‧．."), a_row(1, name="阿依 · 测试")]
    spaced = [a_row(2, name="张三"), a_row(2, name="张 三"), a_row(2, name="张\u3000三")]

    result = desk.verify([*people, *spaced])

    assert sandbox.bill.total() == 2
    assert result.json["rows"]["duplicate"] == len(people) + len(spaced) - 2


def test_a_rare_character_is_sent_and_its_mismatch_says_to_look_by_hand(desk, sandbox):
    people = [a_row(1, name="王\U00020164", verdict="02"), a_row(2, name="王\ue000"), a_row(3, name="王\ufffd")]

    result = desk.verify(people)

    assert result.statuses == ["mismatched", "blocked", "blocked"]
    assert result.column("bv_code")[1:] == ["name_unreadable"] * 2
    assert "rare character: check a mismatch by hand" in result.column("bv_message")[0] + result.column("bv_sent_as")[0]
    assert sandbox.bill.total() == 1


def test_a_csv_is_written_with_a_mark_by_which_excel_knows_utf_8(desk):
    path = desk.folder / "gbk.csv"
    lines = [",".join(HEADERS[field] for field in THREE), *(",".join(person[field] for field in THREE) for person in rows(2))]
    path.write_bytes("\r\n".join(lines).encode("gb18030"))

    result = desk.verify(path)

    assert result.path.read_bytes().startswith(b"\xef\xbb\xbf" + "姓名".encode())
    assert result.counts() == {"matched": 2}


def test_hidden_and_filtered_rows_are_asked_and_shown_unless_they_are_to_be_skipped(desk, sandbox):
    def hide(sheet):
        sheet.auto_filter.ref = "A1:C5"
        for row in (3, 5):
            sheet.row_dimensions[row].hidden = True

    path = a_book(desk, rows(4), change=hide)

    skipping = desk.verify(path, options=Options(reading=Reading(skip_hidden=True)))
    asked_then = sandbox.bill.total()
    all_of_them = desk.verify(path)

    assert (asked_then, sandbox.bill.total()) == (2, 4)
    assert [row["bv_status"] for row in skipping.rows] == ["matched", "", "matched", ""]
    assert all_of_them.counts() == {"matched": 4}


def test_of_a_formula_the_value_counts_that_was_calculated_and_without_one_nothing_is_sent(desk, sandbox):
    import xlsxwriter

    person, other = a_row(1), a_row(2)
    path = desk.folder / "formulas.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for column, field in enumerate(THREE):
            sheet.write_string(0, column, HEADERS[field])
            sheet.write_formula(1, column, '="x"', None, person[field])
            sheet.write_string(2, column, other[field])
    bare = a_book(desk, [a_row(3), a_row(4) | {"accountNo": '="6217"&"000"'}])

    calculated, never = desk.verify(path), desk.verify(bare)

    assert calculated.counts() == {"matched": 2}
    assert never.column("bv_code")[1] == "formula_without_value"
    assert sandbox.bill.total() == 3


def test_blank_rows_with_formats_and_sums_stay_and_are_not_asked(desk, sandbox):
    from openpyxl.styles import PatternFill

    def dress(sheet):
        for column in "ABC":
            sheet[f"{column}4"].fill = PatternFill("solid", fgColor="FFFFFF00")
        sheet.append([])
        sheet["A6"], sheet["C6"] = "合计", 2

    result = desk.verify(a_book(desk, rows(2), change=dress))

    assert sandbox.bill.total() == 2
    sheet = load_workbook(result.path).worksheets[0]
    assert (sheet["A6"].value, sheet["C6"].value, sheet["D6"].value) == ("合计", 2, None)
    assert (sheet["A4"].fill.fgColor.rgb, sheet["D4"].value) == ("FFFFFF00", None)
    # Nobody is to be filled in there.
    assert sheet["C4"].number_format == "General"
