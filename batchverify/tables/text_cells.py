"""Blank cells for ID numbers, cards and mobiles in the user's own workbook get the text format, each with the look it has.

The one thing to know: Excel keeps 15 digits of a number that is typed into a cell of numbers, so whoever fills in a missing
card there would damage it. Only blank cells beside people change, in one attribute; a filled cell keeps its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from batchverify.model import Record
from batchverify.tables.sheet_xml import RowXml, column_letters, spans_of, whole_number

#: The built-in number of the format "@"; some writers spell it out under a number of their own.
_TEXT_FORMAT = b"49"
_SPELLED_OUT = re.compile(rb"""<numFmt\s(?=[^<>]*formatCode\s*=\s*["']@["'])[^<>]*numFmtId\s*=\s*["'](\d+)["']""")
#: A sheet has few looks. One that has more in these columns has been painted cell by cell; the rest stay as they are.
_MOST_LOOKS = 32
_LIST = re.compile(rb"<cellXfs(?:\s[^<>]*)?>(.*?)</cellXfs>", re.DOTALL)
_FORMAT = re.compile(rb"<xf(?:\s[^<>]*?)?(?:/>|>.*?</xf>)", re.DOTALL)
_NUMBER_FORMAT = re.compile(rb"""\snumFmtId\s*=\s*["'](\d*)["']""")
_APPLIED = re.compile(rb"""\sapplyNumberFormat\s*=\s*["'][^"']*["']""")
_COLUMN = re.compile(rb"<col\s[^<>]*?/?>")
_STYLE = re.compile(rb"""\s(?:s|style)\s*=\s*["'](\d+)["']""")
_BOUND = {name: re.compile(rb"""\s%b\s*=\s*["'](\d+)["']""" % name) for name in (b"min", b"max")}
_CUSTOM = re.compile(rb"""\scustomFormat\s*=\s*["'](?:1|true|on)["']""")
_BLANK_CELL = re.compile(rb"<c((?:\s[^<>]*?)?)\s*(?:/>|>\s*</c>)")
_ROW_TAG = re.compile(rb"""<row((?:[^<>"']|"[^"<]*"|'[^'<]*')*)>""")
_KIND = re.compile(rb"""\st\s*=\s*["'][^"']*["']""")


class TextLooks:
    """The user's cell formats, and those of ours that are one of theirs as text. Grows while rows are written."""

    def __init__(self, styles: bytes) -> None:
        self._styles = styles
        found = _LIST.search(styles)
        self._formats: list[bytes] = _FORMAT.findall(found[1]) if found else []
        self._texts = {_TEXT_FORMAT, *_SPELLED_OUT.findall(styles)}
        self._as_text: dict[int, int] = {}
        self._added: list[bytes] = []

    def as_text(self, style: int) -> int:
        """Give the number of the format that looks like `style` and keeps what is typed as text."""
        if style not in self._as_text:
            self._as_text[style] = self._find(style)
        return self._as_text[style]

    def part(self) -> bytes:
        """Give the styles part with the formats that were needed."""
        found = _LIST.search(self._styles)
        if not found or not self._added:
            return self._styles
        count = b' count="%d"' % (len(self._formats) + len(self._added))
        tag = re.sub(rb"""\scount\s*=\s*["']\d*["']""", count, self._styles[found.start() : found.start(1)])
        return self._styles[: found.start()] + tag + found[1] + b"".join(self._added) + self._styles[found.end(1) :]

    def _find(self, style: int) -> int:
        if style >= len(self._formats):  # a cell that points at nothing; Excel mends it, and we do not
            return style
        theirs = self._formats[style]
        number = _NUMBER_FORMAT.search(theirs)
        if number and number[1] in self._texts:
            return style
        bare = _APPLIED.sub(b"", _NUMBER_FORMAT.sub(b"", theirs, count=1), count=1)
        text = b'<xf numFmtId="49" applyNumberFormat="1"' + bare.removeprefix(b"<xf")
        if text in self._formats:  # of an earlier result
            return self._formats.index(text)
        if text not in self._added:
            if len(self._added) == _MOST_LOOKS:
                return style
            self._added.append(text)
        return len(self._formats) + self._added.index(text)


class TextCells:
    """Makes text cells of the blank ones in some columns. `head` is the sheet's XML before its rows, with its column formats."""

    def __init__(self, columns: Iterable[int], looks: TextLooks, *, head: bytes) -> None:
        self._columns = tuple(sorted(columns))
        self._looks = looks
        self._of_column = {column: _style_of_column(head, column) for column in self._columns}

    def applied(self, row: RowXml, record: Record) -> RowXml:
        """Give the row with its blank cells as text; the row itself where it has none."""
        cells = record.cells
        blank = [column for column in self._columns if column >= len(cells) or cells[column] == ""]
        return row if not blank else row._replace(xml=self._with(row, blank))

    def _with(self, row: RowXml, blank: Sequence[int]) -> bytes:
        xml = row.xml
        spans = {column: (start, end) for column, start, end in spans_of(xml)}
        # From the last to the first, so that what stands before keeps its place.
        for column in reversed(blank):
            if column in spans:
                start, end = spans[column]
                xml = xml[:start] + self._as_text(xml[start:end]) + xml[end:]
                continue
            default = self._default(xml, column)
            style = self._looks.as_text(default)
            if style != default:
                place = min((start for other, (start, _) in spans.items() if other > column), default=None)
                if place is None:
                    xml, place = _opened_at_end(xml)
                cell = b'<c r="%b%d" s="%d"/>' % (column_letters(column).encode(), row.number, style)
                xml = xml[:place] + cell + xml[place:]
                spans[column] = (place, place + len(cell))  # the next one to the left goes before it
        return xml

    def _as_text(self, cell: bytes) -> bytes:
        found = _BLANK_CELL.fullmatch(cell)
        if not found:  # a formula whose value is an empty text, or a text that is empty: no blank
            return cell
        style = whole_number(spelled[1].decode()) if (spelled := _STYLE.search(found[1])) else 0
        text = self._looks.as_text(style)
        if text == style:
            return cell
        return b'<c%b s="%d"/>' % (_KIND.sub(b"", _STYLE.sub(b"", found[1])).rstrip(), text)

    def _default(self, xml: bytes, column: int) -> int:
        """Give the format of a cell that is not there: its row's own, else its column's."""
        found = _ROW_TAG.match(xml)
        if found and _CUSTOM.search(found[1]) and (style := _STYLE.search(found[1])):
            return whole_number(style[1].decode())
        return self._of_column[column]


def _opened_at_end(xml: bytes) -> tuple[bytes, int]:
    """Give a row with a start and an end tag, and the place behind its last cell."""
    if xml.endswith(b"/>"):
        opened = xml[:-2].rstrip() + b">"
        return opened + b"</row>", len(opened)
    spans = spans_of(xml)
    tag = _ROW_TAG.match(xml)
    return xml, spans[-1][2] if spans else tag.end() if tag else len(xml)


def _style_of_column(head: bytes, column: int) -> int:
    """Give the format that a sheet's `<cols>` name for a column, 0 where they name none.

    >>> head = b'<worksheet><cols><col min="2" max="3" width="9" style="5"/></cols><sheetData>'
    >>> _style_of_column(head, 1), _style_of_column(head, 3)
    (5, 0)
    """
    for entry in _COLUMN.findall(head):
        low, high = (whole_number(found[1].decode()) if (found := _BOUND[name].search(entry)) else 0 for name in (b"min", b"max"))
        if low <= column + 1 <= high:
            found = _STYLE.search(entry)
            return whole_number(found[1].decode()) if found else 0
    return 0
