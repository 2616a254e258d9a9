"""The audit report as sheets: one for each section, and one that carries the signed document.

The one thing to know: a cell holds 32,767 characters at most, so the document is cut into pieces, a row each. Read back
and joined, they are the document again, whatever the sheets before it were made to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from batchverify.model import Sheet
from batchverify.report.audit_words import audit_word
from batchverify.report.blocks import Block, Chart, Facts, Grid, Kind, Note, Section, SignOff
from batchverify.report.pages import pages_of
from batchverify.rules.canonical import canonical
from batchverify.words import Lang

_PIECE = 8_000
_LINE = "_" * 28
#: Title and explanation stand above the pieces.
_DATA_FROM = 2
_LABEL_WIDTH, _WIDTH_OF_WEIGHT, _LEAST_WIDTH, _MOST_WIDTH = 44, 5, 12, 70

Row = tuple[str | int, ...]


def book_of(document: Mapping[str, Any], lang: Lang) -> tuple[Sheet, ...]:
    """Draw a signed document as the sheets of a workbook, the same each time. The last one carries the document."""
    pages = pages_of(document, lang)
    front: list[Row] = [(pages.title,), (pages.subtitle,)]
    if pages.banner:
        front.append((pages.banner,))
    first, *others = (_sheet(section, banner=pages.banner) for section in pages.sections)
    glance = Sheet(
        title=pages.title,
        rows=(*front, (), *first.rows),
        widths=first.widths,
        heading_rows=tuple(row + len(front) + 1 for row in (0, *first.heading_rows)),
    )
    return (glance, *others, _data_sheet(document, lang))


def embedded_in_book(sheets: Sequence[tuple[str, Mapping[tuple[int, int], str]]]) -> tuple[str, Lang] | None:
    """Give the document in a workbook of ours, as text, and its language. `sheets` are titles with their cells by row and column."""
    title, cells = sheets[-1] if sheets else ("", {})
    for lang in Lang:
        if title == audit_word("data", lang):
            return "".join(cells[place] for place in sorted(cells) if place[0] > _DATA_FROM and place[1] == 0), lang
    return None


def _data_sheet(document: Mapping[str, Any], lang: Lang) -> Sheet:
    text = canonical(document).decode()
    pieces: list[Row] = [(text[at : at + _PIECE],) for at in range(0, len(text), _PIECE)]
    return Sheet(
        title=audit_word("data", lang),
        rows=((audit_word("data", lang),), (audit_word("data_note", lang),), *pieces),
        # A second column, so that the text is in no last one, which would be wrapped over hundreds of lines.
        widths=(120, 8),
    )


def _sheet(section: Section, *, banner: str) -> Sheet:
    rows: list[Row] = [(section.title,)]
    headings: list[int] = []
    widths: list[int] = []
    if banner:
        rows.append((banner,))
    for block in section.blocks:
        _draw(block, rows, headings, widths)
    return Sheet(title=section.title, rows=tuple(rows), widths=tuple(widths or [_LABEL_WIDTH]), heading_rows=tuple(headings))


def _draw(block: Block, rows: list[Row], headings: list[int], widths: list[int]) -> None:
    match block:
        case Facts():
            rows += [(), *((label, value) for label, value, _ in block.rows)]
            _widen(widths, (_LABEL_WIDTH, _MOST_WIDTH))
        case Grid():
            rows.append(())
            headings.append(len(rows))
            rows.append(block.heads)
            rows += [_cells(row, block.kinds) for row in block.rows]
            _widen(widths, [min(max(weight * _WIDTH_OF_WEIGHT, _LEAST_WIDTH), _MOST_WIDTH) for weight in block.weights])
        case Note():
            rows += [(), (block.text,)]
        case SignOff():
            for role in block.roles:
                rows += [(), (role, f"{_LINE}    {block.date} {_LINE}")]
            _widen(widths, (_LABEL_WIDTH, _MOST_WIDTH))
        case Chart():
            return


def _cells(row: Sequence[str], kinds: Sequence[Kind]) -> Row:
    """Whole figures become numbers, so that a sheet can add them up; everything else stays text."""
    cells: list[str | int] = []
    for text, kind in zip(row, kinds, strict=True):
        digits = text.replace(",", "")
        cells.append(int(digits) if kind is Kind.FIGURE and digits.isascii() and digits.isdecimal() else text)
    return tuple(cells)


def _widen(widths: list[int], wanted: Sequence[int]) -> None:
    for place, width in enumerate(wanted):
        if place == len(widths):
            widths.append(width)
        else:
            widths[place] = max(widths[place], width)
