"""The samples, made anew: `python samples/make_samples.py [FOLDER]` writes `people.csv` and `名单.xlsx`.

The one thing to know: nobody in them exists. The ID numbers count up from sequence 001 of one birthday, the cards are
zeros with two digits that tell the sandbox what to answer (batchverify/sandbox/verdicts.py), and both carry true check digits,
so that local checks let them pass.
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

FOLDER = Path(__file__).parent

Cell = str | float | date | None


def an_id(sequence: int, *, birthday: str = "19900101", area: str = "110101") -> str:
    """An ID number with the check digit of MOD 11-2 (GB 11643).

    >>> an_id(1)
    '110101199001010015'
    """
    body = f"{area}{birthday}{sequence:03d}"
    weights = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body))
    return body + "10X98765432"[weights % 11]


def a_card(answer: str, *, number: int = 0) -> str:
    """A 16-digit card with a Luhn check digit; the two digits before it are `answer`, `number` tells cards apart.

    >>> a_card("00"), a_card("02", number=1)
    ('6217000000000006', '6217000000001020')
    """
    body = f"621700{number:07d}{answer}"
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(body))
    return body + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def grouped(digits: str) -> str:
    """Digits in groups of four, as they stand on a card.

    >>> grouped("6217000000000006")
    '6217 0000 0000 0006'
    """
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


# The first ID number whose check character is X, so that it can be written in more ways than one.
_WITH_X = next(number for number in map(an_id, count(101)) if number.endswith("X"))
_WIDE = str.maketrans("0123456789X", "０１２３４５６７８９x")

PEOPLE = (
    ("张三", an_id(31), a_card("00", number=31), "13800138001", "销售部"),
    ("李四", an_id(32), a_card("00", number=32), "13800138002", "销售部"),
    ("王小明", an_id(33), a_card("00", number=33), "13800138003", "财务部"),
    ("测试甲", an_id(34), a_card("00", number=34), "13800138004", "财务部"),
    ("阿依·测试", an_id(35), a_card("00", number=35), "13800138005", "研发部"),
    ("测试乙", an_id(36), a_card("02", number=36), "13800138006", "研发部"),
)

TITLE = "2026年11月新员工工资卡核验名单（全部为虚构人员，仅供试用）"
NOTE = "填写说明：带“必填”的列不能为空；身份证号码和银行卡号请用“文本”格式填写。"
HEADERS = (
    "序号",
    "姓名（必填）",
    "身份证号码（必填）",
    "银行卡号\n（必填，文本）",
    "部门",
    "工号",
    "入职日期",
    "基本工资",
    "备注",
)
#: Name, ID number, card; then the columns that are none of ours and must come out as they went in.
ROWS: tuple[tuple[Cell, ...], ...] = (
    ("王小明", _WITH_X, a_card("00", number=1), "销售部", "00123", date(2026, 11, 2), 8000, "NA"),
    ("李四", an_id(2), a_card("02", number=2), "销售部", "00124", date(2026, 11, 2), 8500.5, "=1+1"),
    ("测试甲", an_id(3), a_card("52", number=3), "财务部", "00125", date(2026, 11, 3), 9000, "1E5"),
    ("测试乙", an_id(4), a_card("53", number=4), "财务部", "00126", date(2026, 11, 3), 9000, "-"),
    ("测试丙", an_id(5), a_card("54", number=5), "财务部", "00127", date(2026, 11, 3), 9000, "N/A"),
    ("测试丁", an_id(6), a_card("55", number=6), "研发部", "00128", date(2026, 11, 9), 12000, "null"),
    ("测试戊", an_id(7), a_card("56", number=7), "研发部", "00129", date(2026, 11, 9), 12000, "007"),
    ("王小明", _WITH_X, a_card("00", number=1), "研发部", "00130", date(2026, 11, 9), 12000, "与序号1重复"),
    (
        "王 小明",
        _WITH_X.translate(_WIDE),
        a_card("00", number=1).translate(_WIDE),
        "研发部",
        "00131",
        None,
        None,
        "与序号1重复，全角数字、小写x",
    ),
    ("测试己", float(an_id(8)), a_card("00", number=8), "研发部", "00132", date(2026, 11, 16), 12000, "身份证号存成了数字"),
    ("测试庚", an_id(9), "6.217E+15", "研发部", "00133", date(2026, 11, 16), 12000, "卡号成了科学计数法"),
    (None,) * 8,
    ("测试辛", an_id(10)[:-1] + "0", a_card("00", number=10), "行政部", "00134", date(2026, 11, 16), 7000, "校验码不对"),
    ("测试壬", an_id(11), None, "行政部", "00135", date(2026, 11, 16), 7000, "没有卡号"),
    ("测试癸", "110101900101012", a_card("00", number=12), "行政部", "00136", date(2026, 11, 16), 7000, "15位旧身份证号"),
    (
        "阿依•测试",
        an_id(13),
        grouped(a_card("00", number=13)),
        "行政部",
        "00137",
        date(2026, 11, 23),
        7000,
        "卡号四位一组",
    ),
    ("张三", an_id(14), a_card("09", number=14), "行政部", "00138", date(2026, 11, 23), 7000, "＝挂失（仅详版产品能看到）"),
    ("李小红", an_id(15), a_card("99", number=15), "行政部", "00139", date(2026, 11, 23), 7000, "@服务异常（仅详版产品能看到）"),
)


def write_csv(target: Path) -> None:
    """Write the clean list: UTF-8, one header line."""
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("姓名", "身份证号", "银行卡号", "手机号", "部门"))
        writer.writerows(PEOPLE)


def write_workbook(target: Path) -> None:
    """Write the list as an office has it: title, notes in headers, foreign columns, damage, a sum, a second sheet."""
    with xlsxwriter.Workbook(target) as book:
        # A date of making that stays the same: the bytes follow from this file alone.
        book.set_properties({"title": TITLE, "created": datetime(2026, 11, 24, tzinfo=UTC).replace(tzinfo=None)})
        sheet = book.add_worksheet("名单")
        title = book.add_format({"bold": True, "font_size": 14, "align": "center", "valign": "vcenter"})
        note = book.add_format({"italic": True, "font_color": "#7F7F7F"})
        header = book.add_format({"bold": True, "bg_color": "#D9E1F2", "border": 1, "text_wrap": True, "valign": "vcenter"})
        text = book.add_format({"num_format": "@", "border": 1})
        day = book.add_format({"num_format": "yyyy-mm-dd", "border": 1})
        money = book.add_format({"num_format": "#,##0.00", "border": 1, "font_color": "#1F4E78"})
        whole = book.add_format({"num_format": "0", "border": 1})
        total = book.add_format({"bold": True, "top": 6, "num_format": "#,##0.00"})
        last = len(HEADERS) - 1
        sheet.merge_range(0, 0, 0, last, TITLE, title)
        sheet.set_row(0, 26)
        sheet.merge_range(1, 0, 1, last, NOTE, note)
        sheet.write_row(2, 0, HEADERS, header)
        sheet.set_row(2, 32)
        sheet.freeze_panes(3, 2)
        sheet.autofilter(2, 0, 2 + len(ROWS), last)
        for column, width in enumerate((6, 13, 24, 24, 9, 9, 12, 12, 30)):
            sheet.set_column(column, column, width)
        for place, row in enumerate(ROWS):
            _write_row(sheet, 3 + place, row, place=place + 1, text=text, day=day, whole=whole, money=money)
        below = 3 + len(ROWS)
        salaries = sum(row[6] for row in ROWS if isinstance(row[6], int | float))
        sheet.write_string(below, 0, "合计", total)
        sheet.write_formula(below, 7, f"=SUM(H4:H{below})", total, salaries)
        remarks = book.add_worksheet("说明")
        remarks.set_column(0, 0, 80)
        remarks.write_string(0, 0, "本表人员均为虚构；号码只用于沙箱，沙箱的答复由卡号倒数第三、第二位决定。")


def _write_row(
    sheet: Worksheet, line: int, row: tuple[Cell, ...], *, place: int, text: Format, day: Format, whole: Format, money: Format
) -> None:
    for column, cell in enumerate((place if row[0] else None, *row)):
        match cell:
            case None:
                sheet.write_blank(line, column, None, text)
            case str():
                sheet.write_string(line, column, cell, text)
            case date():
                sheet.write_datetime(
                    line, column, datetime(cell.year, cell.month, cell.day, tzinfo=UTC).replace(tzinfo=None), day
                )
            case _:
                sheet.write_number(line, column, cell, money if column == len(HEADERS) - 2 else whole)


def main(folder: Path = FOLDER) -> None:
    """Write both samples into a folder."""
    write_csv(folder / "people.csv")
    write_workbook(folder / "名单.xlsx")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
