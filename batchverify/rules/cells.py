"""From a typed cell to its text, or the reason why it has none that may be trusted.

The one thing to know: the cell's type decides, never the text alone. A spreadsheet keeps 15 significant digits of a
number, so a whole number below 10^15 is exact however it is spelled ("13800138000", "1.3800138E10" by Java writers,
"13800138000.0" by pandas), and one of 16 or more digits has lost its tail, however plausible it looks: checksums let one
damaged number in ten through.

Source of the rules: SPREADSHEETS, the first three rows.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from batchverify.model import NumberCell, OddCell

MISSING_FIELD = "missing_field"
PRECISION_LOST = "precision_lost"
PRECISION_SUSPECT = "precision_suspect"
SCIENTIFIC_TEXT = "scientific_text"
FORMULA_WITHOUT_VALUE = "formula_without_value"
ODD_CELL = "odd_cell"

#: Digits that a double, and so a spreadsheet, keeps of any whole number.
EXACT_DIGITS = 15

#: A cell's text, and the code of what is wrong with it, or "".
CellText = tuple[str, str]

_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?\s*[eE]\s*[+-]?\s*[0-9]+")
_FLOAT = re.compile(r"[0-9]+\.0+")


def typed_text(cell: NumberCell | OddCell, *, is_number: bool) -> CellText:
    """Read a cell that is no text; `is_number` where its field should hold a number, so that its digits are judged.

    In the field of a name a number stays as it is spelled, for the check of names to find.

    >>> typed_text(NumberCell(literal="13800138000"), is_number=True)
    ('13800138000', '')
    >>> typed_text(NumberCell(literal="6217000000000120"), is_number=True)
    ('6217000000000120', 'precision_suspect')
    >>> typed_text(OddCell(kind="formula"), is_number=False)
    ('', 'formula_without_value')
    """
    match cell:
        case NumberCell(literal=literal):
            return whole_number(literal) if is_number else (literal, "")
        case OddCell(kind=kind, text=text):
            return text, FORMULA_WITHOUT_VALUE if kind == "formula" else ODD_CELL


def respell(text: str) -> CellText | None:
    """Judge a text that spells a number instead of listing digits, or None where it is an ordinary text.

    Exponents are what a CSV holds after Excel took the digits for a number and saved them again: the digits are gone. An
    idle fraction is what pandas makes of such a column; its digits are judged as those of a numeric cell.

    >>> respell("6.21412E+17"), respell("13800138000.0")
    (('6.21412E+17', 'scientific_text'), ('13800138000', ''))
    >>> respell("11010119900307002X") is None
    True
    """
    if _SCIENTIFIC.fullmatch(text):
        return text, SCIENTIFIC_TEXT
    return whole_number(text) if _FLOAT.fullmatch(text) else None


def whole_number(literal: str) -> CellText:
    """Write out a number as a workbook spells it, judged by its value, so that every writer's spelling counts alike.

    >>> whole_number("1.3800138E10"), whole_number("123.0")
    (('13800138000', ''), ('123', ''))
    >>> whole_number("1.1010119900307E+17")
    ('110101199003070000', 'precision_lost')

    A fraction, a sign or no number at all is handed on as it is: no check of a field lets it pass.

    >>> whole_number("13800138000.5")
    ('13800138000.5', '')
    """
    if len(literal) <= EXACT_DIGITS and literal.isascii() and literal.isdecimal() and literal[0] != "0":
        return literal, ""
    try:
        value = Decimal(literal)
    except InvalidOperation:
        return literal, ""
    if not value.is_finite() or value.is_signed():
        return literal, ""
    # 1E+999999999 is a lawful spelling; written out it would be a gigabyte.
    if value.adjusted() > 2 * EXACT_DIGITS:
        return literal, PRECISION_LOST
    if value != value.to_integral_value():
        return literal, PRECISION_LOST if value.adjusted() >= EXACT_DIGITS else ""
    digits = str(int(value))
    if len(digits) <= EXACT_DIGITS:
        return digits, ""
    if len(digits) == EXACT_DIGITS + 1 and digits.endswith("0"):
        return digits, PRECISION_SUSPECT
    return digits, PRECISION_LOST
