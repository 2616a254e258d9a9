"""How our cells look: few fonts, fills and cell formats, for a workbook of ours or appended to the user's own styles.

The one thing to know: a user's `styles.xml` is edited as bytes. What is there keeps its bytes and its numbers, ours come
after it, so every cell of theirs looks as before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from batchverify.model import RowStatus
from batchverify.tables.sheet_xml import NotPlain

MAIN_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


class Look(StrEnum):
    """What a cell of ours is. The ten row statuses have a look each, named `status_…`, through `look_of`."""

    PLAIN = "plain"  # the user's words in a workbook of ours: no format
    TEXT = "text"  # "@": what is typed into it stays text, so no number is damaged by editing
    HEADER = "header"  # over the user's columns in a workbook of ours
    OUR_HEADER = "our_header"  # over our columns
    TITLE = "title"
    HEADING = "heading"
    FIGURE_HEADING = "figure_heading"
    NUMBER = "number"
    FIGURE = "figure"  # yuan and shares, spelled out
    MONEY = "money"  # yuan that can be added up
    WRAPPED = "wrapped"
    MATCHED = "status_matched"
    MISMATCHED = "status_mismatched"
    CARD_PROBLEM = "status_card_problem"
    UNVERIFIABLE = "status_unverifiable"
    LOCKED = "status_locked"
    INVALID = "status_invalid"
    BLOCKED = "status_blocked"
    FAILED = "status_failed"
    IN_DOUBT = "status_in_doubt"
    NOT_RUN = "status_not_run"


#: Look -> index into `cellXfs`. It differs between workbooks, since theirs come first.
Looks = Mapping[Look, int]


def look_of(status: RowStatus) -> Look:
    """Give the look of a status cell.

    >>> look_of(RowStatus.MATCHED)
    <Look.MATCHED: 'status_matched'>
    """
    return Look(f"status_{status}")


# Dark text on a light fill, a contrast of at least 5 to 1; the word in the cell says the same for those who see no color.
_STATUS_COLORS = {
    Look.MATCHED: ("005A20", "C6EFCE"),
    Look.MISMATCHED: ("9C0006", "FFC7CE"),
    Look.CARD_PROBLEM: ("7A3E00", "FFDDB8"),
    Look.UNVERIFIABLE: ("4A3269", "E6DFF1"),
    Look.LOCKED: ("1F4E78", "D6E6F5"),
    Look.INVALID: ("6B5200", "FFEB9C"),
    Look.BLOCKED: ("6B5200", "FFF5CC"),
    Look.FAILED: ("404040", "D9D9D9"),
    Look.IN_DOUBT: ("7B2C00", "F8CBAD"),
    Look.NOT_RUN: ("595959", "EFEFEF"),
}
_FONT_NAME = "Calibri"


def _font(color: str = "", *, bold: bool = False, size: int = 11) -> str:
    weight = "<b/>" if bold else ""
    tint = f'<color rgb="FF{color}"/>' if color else ""
    return f'<font>{weight}<sz val="{size}"/>{tint}<name val="{_FONT_NAME}"/><family val="2"/></font>'


def _fill(color: str) -> str:
    return f'<fill><patternFill patternType="solid"><fgColor rgb="FF{color}"/><bgColor indexed="64"/></patternFill></fill>'


#: look -> (font, fill or "", number format, alignment). 49 is "@", text; 3 is "#,##0", 4 "#,##0.00".
_DRAWN: dict[Look, tuple[str, str, int, str]] = {
    Look.PLAIN: (_font(), "", 0, ""),
    Look.TEXT: (_font(), "", 49, '<alignment vertical="center"/>'),
    Look.HEADER: (_font(bold=True), _fill("E7EBF0"), 49, '<alignment vertical="center" wrapText="1"/>'),
    Look.OUR_HEADER: (_font("FFFFFF", bold=True), _fill("1F4E78"), 49, '<alignment vertical="center" wrapText="1"/>'),
    Look.TITLE: (_font("1F4E78", bold=True, size=14), "", 49, ""),
    Look.HEADING: (_font("1F4E78", bold=True), _fill("E7EBF0"), 49, ""),
    Look.NUMBER: (_font(), "", 3, '<alignment horizontal="right" vertical="center"/>'),
    Look.FIGURE: (_font(), "", 49, '<alignment horizontal="right" vertical="center"/>'),
    Look.FIGURE_HEADING: (_font("1F4E78", bold=True), _fill("E7EBF0"), 49, '<alignment horizontal="right"/>'),
    Look.MONEY: (_font(), "", 4, '<alignment horizontal="right" vertical="center"/>'),
    Look.WRAPPED: (_font(), "", 49, '<alignment vertical="center" wrapText="1"/>'),
} | {look: (_font(ink), _fill(paper), 49, '<alignment vertical="center"/>') for look, (ink, paper) in _STATUS_COLORS.items()}


def _xf(font: int, fill: int, number_format: int, alignment: str) -> str:
    applied = ' applyAlignment="1"' if alignment else ""
    head = (
        f'<xf numFmtId="{number_format}" fontId="{font}" fillId="{fill}" borderId="0" xfId="0" '
        f'applyNumberFormat="1" applyFont="1" applyFill="1"{applied}'
    )
    return f"{head}>{alignment}</xf>" if alignment else f"{head}/>"


def _own_parts(fonts_before: int, fills_before: int) -> tuple[list[str], list[str], list[str]]:
    """Give our fonts, fills and formats, numbered after those that are there."""
    fonts: list[str] = []
    fills: list[str] = []
    formats: list[str] = []
    for font, fill, number_format, alignment in _DRAWN.values():
        if font not in fonts:
            fonts.append(font)
        if fill and fill not in fills:
            fills.append(fill)
        fill_number = fills_before + fills.index(fill) if fill else 0
        formats.append(_xf(fonts_before + fonts.index(font), fill_number, number_format, alignment))
    return fonts, fills, formats


def own_styles() -> tuple[bytes, Looks]:
    """Give the styles part of a workbook of ours and where each look is in it.

    >>> own_styles()[1][Look.PLAIN]
    0
    """
    # The first two fills are reserved by Excel, whatever they say.
    fixed_fills = ['<fill><patternFill patternType="none"/></fill>', '<fill><patternFill patternType="gray125"/></fill>']
    fonts, fills, formats = _own_parts(0, len(fixed_fills))
    fills = fixed_fills + fills
    styles = (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<styleSheet xmlns="{MAIN_NAMESPACE}">'
        f'<fonts count="{len(fonts)}">{"".join(fonts)}</fonts>'
        f'<fills count="{len(fills)}">{"".join(fills)}</fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        f'<cellXfs count="{len(formats)}">{"".join(formats)}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )
    return styles.encode(), {look: index for index, look in enumerate(_DRAWN)}


def extended_styles(theirs: bytes) -> tuple[bytes, Looks]:
    """Append our looks to the user's styles part.

    Raises `NotPlain` when the part has no plainly written fonts, fills and cellXfs to append to.
    """
    theirs, fonts_before = _append(theirs, b"fonts", b"font", _own_parts(0, 0)[0])
    theirs, fills_before = _append(theirs, b"fills", b"fill", _own_parts(0, 0)[1])
    theirs, formats_before = _append(theirs, b"cellXfs", b"xf", _own_parts(fonts_before, fills_before)[2])
    return theirs, {look: formats_before + index for index, look in enumerate(_DRAWN)}


def _append(styles: bytes, outer: bytes, inner: bytes, ours: list[str]) -> tuple[bytes, int]:
    """Append elements to a list of the styles part; give the part and how many stand before ours."""
    found = re.search(rb"<%b(?:\s[^<>]*)?>(.*?)</%b>" % (outer, outer), styles, re.DOTALL)
    if not found or b"<!" in styles:
        raise NotPlain(f"The workbook's styles are not plainly written: there is no list of {outer.decode()!r} to append to.")
    # Counted, not read from the count attribute: some writers leave it out or get it wrong, and Excel goes by position.
    before = len(re.findall(rb"<%b[\s/>]" % inner, found[1]))
    appended = "".join(ours).encode()
    place = found[1].rfind(appended)
    if place >= 0:  # our own result dropped in again: a workbook does not grow each time
        return styles, len(re.findall(rb"<%b[\s/>]" % inner, found[1][:place]))
    tag = re.sub(rb"""\scount\s*=\s*["']\d*["']""", b' count="%d"' % (before + len(ours)), styles[found.start() : found.start(1)])
    return styles[: found.start()] + tag + found[1] + appended + styles[found.end(1) :], before
