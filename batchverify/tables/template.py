"""A blank workbook to fill in: text cells, so that Excel damages no number, and red where a number cannot be right.

The one thing to know: nobody needs it, for any sheet is read. The example stands above the header, so it is never asked.

The checks are formulas of the workbook's own, without macros: the check character of GB 11643 (MOD 11-2) and Luhn.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from openpyxl import Workbook
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from batchverify.errors import InputError
from batchverify.model import Field
from batchverify.tables.placing import Placed, place
from batchverify.words import Lang

#: Rows that are checked and formatted; more can be filled in, unchecked.
ROWS = 5_000
_NOTE_ROW, _EXAMPLE_ROW, HEADER_ROW = 1, 2, 3
_FIRST = HEADER_ROW + 1
_WIDTHS = (16, 24, 26, 18)
# Made up: the place is none that people are born in, and the card's issuer does not exist.
_EXAMPLE = ("张三", "110101199003070011", "6217000000000007025", "13800138000")

_HEADERS: Mapping[Lang, tuple[str, ...]] = {
    Lang.EN: ("Name", "ID number", "Bank card number", "Mobile number"),
    Lang.ZH: ("姓名", "身份证号", "银行卡号", "手机号"),
}
_WORDS: Mapping[Lang, Mapping[str, str]] = {
    Lang.EN: {
        "title": "People",
        "note": (
            "Fill in from row 4 on. All cells are text: paste values only (Ctrl+Shift+V), so that they stay text. "
            "Red: the number cannot be right. Leave a column empty where the product does not ask it. Row 2 is an example."
        ),
        "id": "An ID number has 18 characters, and its last one follows from the others. This one cannot be right.",
        "card": "A card number has 12 to 19 digits, and its last one follows from the others. Look at this one again.",
        "mobile": "A mobile number has 11 digits and begins with 13 to 19.",
    },
    Lang.ZH: {
        "title": "名单",
        "note": (
            "从第 4 行起填写。所有单元格均为文本：请用“只粘贴值”（Ctrl+Shift+V），以免号码被改成数字。"
            "红色表示号码不可能正确。产品不需要的列可留空。第 2 行是示例，不会被核验。"
        ),
        "id": "身份证号为 18 位，末位是校验码。该号码不可能正确。",
        "card": "银行卡号为 12 至 19 位数字，末位是校验位。请再核对一次。",
        "mobile": "手机号为 11 位数字，以 13 至 19 开头。",
    },
}


def write_template(target: Path, *, lang: Lang) -> Placed:
    """Write a blank workbook at `target`, which must not exist and ends in .xlsx.

    Raises:
        InputError: The name or its folder will not do, or there is a file already. Nothing was written.
        HomeError: The disk gave up.
    """
    if target.suffix.lower() != ".xlsx":
        raise InputError(f"A template is a workbook, and {target.name!r} does not end in .xlsx. Name it so with -o.")
    if target.exists():
        raise InputError(f"There is a file {str(target)!r} already, and it may be filled in. Name another with -o.")
    book = _book(lang)

    def write(out: BinaryIO) -> None:
        book.save(out)

    return place(target, write)


def _book(lang: Lang) -> Workbook:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)  # noqa: S101 - a new workbook has one
    words = _WORDS[lang]
    sheet.title = words["title"]
    _write_head(sheet, words["note"], _HEADERS[lang])
    for column, width in enumerate(_WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
        for row in range(_FIRST, _FIRST + ROWS):
            sheet.cell(row, column).number_format = "@"
    for field, word in ((Field.ID_CARD, "id"), (Field.ACCOUNT_NO, "card"), (Field.MOBILE, "mobile")):
        _check(sheet, field, words[word])
    sheet.freeze_panes = f"A{_FIRST}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9  # A4
    sheet.page_setup.fitToHeight, sheet.sheet_properties.pageSetUpPr = 0, PageSetupProperties(fitToPage=True)
    return book


def _write_head(sheet: Worksheet, note: str, headers: tuple[str, ...]) -> None:
    sheet.merge_cells(start_row=_NOTE_ROW, end_row=_NOTE_ROW, start_column=1, end_column=len(headers))
    first = sheet.cell(_NOTE_ROW, 1, note)
    first.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.row_dimensions[_NOTE_ROW].height = 62
    for column, (header, example) in enumerate(zip(headers, _EXAMPLE, strict=True), 1):
        shown = sheet.cell(_EXAMPLE_ROW, column, example)
        shown.number_format, shown.font = "@", Font(italic=True, color="FF808080")
        named = sheet.cell(HEADER_ROW, column, header)
        named.font, named.fill = Font(bold=True), PatternFill("solid", fgColor="FFE7EBF0")


def _check(sheet: Worksheet, field: Field, message: str) -> None:
    """Color what cannot be right, and warn while it is typed; a warning can be passed, for some real cards fail Luhn."""
    column = get_column_letter(list(_RULES).index(field) + 2)
    cells = f"{column}{_FIRST}:{column}{_FIRST + ROWS - 1}"
    first = f"{column}{_FIRST}"
    is_right = _RULES[field].replace("?", first)
    validation = DataValidation(type="custom", formula1=f"={is_right}", allow_blank=True, errorStyle="warning")
    validation.error, validation.showErrorMessage = message, True
    validation.add(cells)
    sheet.add_data_validation(validation)
    red = PatternFill("solid", bgColor="FFFFC7CE")
    wrong = FormulaRule(  # type: ignore[no-untyped-call]
        formula=[f'AND({first}<>"",NOT({is_right}))'], fill=red, font=Font(color="FF9C0006")
    )
    sheet.conditional_formatting.add(cells, wrong)


# `?` stands for the cell. No array constants, which a validation may not hold: the weights of GB 11643 are 2^(18-i) mod 11.
_PLACES = 'ROW(INDIRECT("1:17"))'
_RULES: Mapping[Field, str] = {
    Field.ID_CARD: (
        'IFERROR(AND(LEN(?)=18,MID("10X98765432",MOD(SUMPRODUCT('
        f"VALUE(MID(?,{_PLACES},1)),MOD(2^(18-{_PLACES}),11)),11)+1,1)=UPPER(RIGHT(?,1))),FALSE)"
    ),
    # From the right: every second digit is doubled, and 9 taken away where that makes two digits.
    Field.ACCOUNT_NO: (
        'IFERROR(AND(LEN(?)>=12,LEN(?)<=19,MOD(SUMPRODUCT(VALUE(MID(?,ROW(INDIRECT("1:"&LEN(?))),1))'
        '*(1+MOD(LEN(?)-ROW(INDIRECT("1:"&LEN(?))),2))'
        '-9*(VALUE(MID(?,ROW(INDIRECT("1:"&LEN(?))),1))*(1+MOD(LEN(?)-ROW(INDIRECT("1:"&LEN(?))),2))>9)),10)=0),FALSE)'
    ),
    Field.MOBILE: 'IFERROR(AND(LEN(?)=11,LEFT(?,1)="1",VALUE(MID(?,2,1))>=3,VALUE(?)>0),FALSE)',
}
