"""A worksheet part of an xlsx file as bytes: head, rows, tail. The reader reads cells from it, the writer splices into it.

The one thing to know: the concatenation of `head`, every row's `gap + xml`, and `tail()` is the part, byte for byte. So a
writer that changes three cells of a row leaves all the rest of the user's sheet as it was.

    scan = SheetScan(zipped.open("xl/worksheets/sheet1.xml"), name="xl/worksheets/sheet1.xml")
    out.write(scan.head)                      # up to and including `<sheetData>` (or `<sheetData/>`: then there are no rows)
    for row in scan.rows():                   # RowXml(number, gap, xml, hidden); memory is bounded by one row and one block
        out.write(row.gap + row.xml)          # xml is `<row …>…</row>` or `<row …/>`, gap the white space before it
    for block in scan.tail():                 # `</sheetData>` and what follows; only once the rows are exhausted
        out.write(block)

`cells_of(row.xml)` gives `(column, type, style, text)` per cell; `spans_of(row.xml)` gives `(column, start, end)` per cell,
byte offsets into the row. Columns count from 0. Only plainly written XML is understood (UTF-8, no prefixes, no comments,
no CDATA; so do Excel, WPS, LibreOffice, openpyxl, xlsxwriter and pandas write). Anything else raises `NotPlain` and must be
read by a real XML parser; nothing is ever skipped in silence. A DOCTYPE is refused with `InputError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from batchverify.errors import InputError

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
#: No honest row comes near: 16,384 cells of 4 KB. Without a bound, one unclosed row would fill the memory.
MAX_ROW_BYTES = 64 << 20
_BLOCK_BYTES = 256 << 10

#: (column from 0, type, style index as spelled, text). The type is the file's own ("s", "str", "inlineStr", "b", "e", "n", "d"), or ""
#: for a cell without content, or "f" for a formula without a cached value. The text has its entities and runs resolved; for
#: "s" it is the index into the shared strings; a number keeps its literal spelling.
Cell = tuple[int, str, str, str]


class NotPlain(InputError):  # a signal to choose the other way in
    """The part is XML that this scanner does not understand; a real XML parser may. Nothing was sent, nothing was written."""


class Readable(Protocol):
    """Anything that gives bytes: a file, or a part of a zip."""

    def read(self, size: int = -1, /) -> bytes: ...


class RowXml(NamedTuple):
    """One row element: its number as shown, the white space before it, its bytes, and whether it is hidden."""

    number: int
    gap: bytes
    xml: bytes
    hidden: bool


# Attribute values cannot hold "<" in well-formed XML, so every "<" below starts a tag. They may hold ">" and "/".
_ATTRIBUTE = r"""\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*')"""
_ROW_START = re.compile(rf'\s*(<row(?: r="(\d+)")?((?:{_ATTRIBUTE})*)\s*(/?)>)'.encode())
_ROW_NUMBER = re.compile(rb"""\sr\s*=\s*["'](\d+)["']""")
_HIDDEN = re.compile(rb"""\shidden\s*=\s*["'](?:1|true|on)["']""")
_SHEET_DATA = re.compile(rb"<sheetData\s*(/?)>")
_ROOT = re.compile(rb"\s*<worksheet[\s>]")
_DECLARATION = re.compile(rb"""<\?xml\s[^>]*?(?:encoding\s*=\s*["']([^"']*)["'][^>]*?)?\?>""")

# What is between `<c …>` and `</c>` when it is neither a bare value nor a bare inline text.
_OTHER_CONTENT = "[^<]*(?:<(?!/c>)[^<]*)*"
_CONTENT = rf'(?:/>|>(?:<v>([^<]*)</v>|<is><t(?: xml:space="preserve")?>([^<]*)</t></is>|({_OTHER_CONTENT}))</c>)'
# The spelling of every common writer, and the general one. Both give 6 groups a cell: column, style, type, value, inline, other.
_CELL = re.compile(rf'<c(?: r="([A-Z]{{1,3}})\d+")?(?: s="(\d+)")?(?: t="(\w+)")?{_CONTENT}')
_ANY_CELL = re.compile(rf"<c((?:{_ATTRIBUTE})*)()()\s*{_CONTENT}")
_STRIDE = 7  # what `split` gives for each cell: 6 groups and the gap behind it
_CELL_SPAN = re.compile(rf"<c((?:{_ATTRIBUTE})*)\s*(?:/>|>{_OTHER_CONTENT}</c>)".encode())
_CELL_ATTRIBUTE = re.compile(r"""\s+([A-Za-z_][\w.:-]*)\s*=\s*["']([^"']*)["']""")
_REFERENCE = re.compile(r"([A-Z]{1,3})[1-9]\d*")

_VALUE = re.compile(r"<v(?:\s[^<>]*)?(?:/>|>([^<]*)</v>)")
_FORMULA = re.compile(r"<f[\s>/]")
_INLINE = re.compile(r"<is(?:\s[^<>]*)?(?:/>|>(.*)</is>)", re.DOTALL)
_PHONETIC = re.compile(r"<rPh[\s>].*?</rPh>|<phoneticPr(?:\s[^<>]*)?/>", re.DOTALL)
_RUN_TEXT = re.compile(r"<t(?:\s[^<>]*)?>([^<]*)</t>")
_ENTITY = re.compile(r"&([^;&<]{0,12});?")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NAMED_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class _ColumnIndexes(dict[str, int]):
    """Letters to index, filled as letters are met: a sheet has few columns and many cells."""

    def __missing__(self, letters: str) -> int:
        index = 0
        for letter in letters:
            index = index * 26 + ord(letter) - 64
        if index > MAX_COLUMNS:
            raise InputError(
                f"The workbook has a cell in column {letters!r}, and no sheet reaches that far. Save it again in Excel."
            )
        self[letters] = index - 1
        return index - 1


COLUMN_INDEXES = _ColumnIndexes()


def column_letters(index: int) -> str:
    """Give the letters over a column, from its index.

    >>> column_letters(0), column_letters(27), column_letters(16383)
    ('A', 'AB', 'XFD')
    """
    letters, rest = "", index + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def whole_number(digits: str) -> int:
    """Read a whole number of the file; one of more digits than any that a workbook can hold stays too large, -1 is none.

    >>> whole_number("12"), whole_number("9" * 5000), whole_number("x")
    (12, 999999999, -1)
    """
    return int(digits[:9]) if digits.isdecimal() else -1


class SheetScan:
    """One pass over a worksheet part. Raises `NotPlain` or `InputError` where the bytes are not what they should be."""

    def __init__(self, part: Readable, *, name: str) -> None:
        self._part = part
        self._name = name
        self._rest = b""
        self._number = 0
        self.head = self._read_head()

    def rows(self) -> Iterator[RowXml]:
        """Give every row element in the order of the file, which must be the order of their numbers."""
        for block in self.blocks():
            yield from self.rows_in(block)

    def blocks(self) -> Iterator[bytes]:
        """Give the rows undivided, some hundred at a time; each block but the last ends with an end tag. Instead of `rows`."""
        ended = self.head.endswith(b"/>")
        while not ended:
            block, ended = self._next_block()
            if b"<!" in block or b"<?" in block:
                raise NotPlain(f"{self._name} has a comment, CDATA or processing instruction between its rows.")
            yield block

    def rows_in(self, block: bytes) -> list[RowXml]:
        """Divide a block, or a stretch of one that begins and ends between rows."""
        *closed, last = block.split(b"</row>")
        rows: list[RowXml] = []
        for piece in closed:
            self._take_rows(piece, rows, closed=True)
        self._take_rows(last, rows, closed=False)
        return rows

    def advance_to(self, number: int) -> None:
        """Note a row that was read without `rows_in`."""
        if not self._number < number <= MAX_ROWS:
            raise InputError(
                f"{self._name} is damaged at row {number}: it comes after row {self._number}. Save it again in Excel."
            )
        self._number = number

    def _take_rows(self, piece: bytes, rows: list[RowXml], *, closed: bool) -> None:
        """Append the self-closed rows of a piece, and the one whose end tag was split off."""
        position = 0
        while start := _ROW_START.match(piece, position):
            tag, digits, attributes, slash = start.groups()
            if not digits and (spelled := _ROW_NUMBER.search(attributes)):
                digits = spelled[1]
            self.advance_to(whole_number(digits.decode()) if digits else self._number + 1)
            begin = start.start(1)
            gap = piece[position:begin]
            position = start.end()
            if not slash and closed:
                rows.append(RowXml(self._number, gap, piece[begin:] + b"</row>", is_hidden(attributes)))
                return
            if not slash:
                break
            rows.append(RowXml(self._number, gap, tag, is_hidden(attributes)))
        rest = piece[position:]
        if closed or rest.strip():
            raise NotPlain(f"{self._name} has something other than rows between its rows.")
        # White space before `</sheetData>`; any other block ends with its last end tag.
        self._rest = rest + self._rest

    def tail(self) -> Iterator[bytes]:
        """Give `</sheetData>` and all that follows, in blocks."""
        yield self._rest
        while block := self._part.read(_BLOCK_BYTES):
            yield block

    def _read_head(self) -> bytes:
        head = b""
        while not (found := _SHEET_DATA.search(head)):
            block = self._part.read(_BLOCK_BYTES)
            if not block or len(head) > MAX_ROW_BYTES:
                _refuse_entities(head, self._name)
                raise NotPlain(f"{self._name} has no <sheetData> that can be found.")
            head += block
        head, self._rest = head[: found.end()], head[found.end() :]
        _refuse_entities(head, self._name)
        start = head.removeprefix(b"\xef\xbb\xbf")
        if declared := _DECLARATION.match(start):
            start = start[declared.end() :]
            if (declared[1] or b"utf-8").lower() not in (b"utf-8", b"us-ascii"):
                raise NotPlain(f"{self._name} is not written in UTF-8.")
        if not _ROOT.match(start) or b"<!" in head:
            raise NotPlain(f"{self._name} is not plainly written before its rows.")
        return head

    def _next_block(self) -> tuple[bytes, bool]:
        """Give bytes that end after a row's end tag, and whether they are the last; the last ones end before `</sheetData>`."""
        held = self._rest
        while True:
            end_of_rows = held.find(b"</sheetData")
            if end_of_rows >= 0:
                self._rest = held[end_of_rows:]
                return held[:end_of_rows], True
            end_of_row = held.rfind(b"</row>") + len(b"</row>")
            if end_of_row >= len(b"</row>"):
                self._rest = held[end_of_row:]
                return held[:end_of_row], False
            block = self._part.read(_BLOCK_BYTES)
            if not block:
                raise InputError(f"{self._name} ends in the middle of its rows: the workbook is cut off. Fetch or save it again.")
            held += block
            if len(held) > MAX_ROW_BYTES:
                raise InputError(
                    f"{self._name} has a row of more than {MAX_ROW_BYTES >> 20} MB. Delete what does not belong there."
                )


def is_hidden(row_attributes: bytes) -> bool:
    """Tell whether a row's start tag hides it: by hand or by a filter, the file does not say which."""
    return b"hidden" in row_attributes and _HIDDEN.search(row_attributes) is not None


def cells_of(row_xml: bytes) -> list[Cell]:
    """Give the cells of a row in the order of the file.

    >>> cells_of(b'<row r="2"><c r="B2" t="s"><v>7</v></c><c t="inlineStr"><is><t>a &amp; b</t></is></c></row>')
    [(1, 's', '0', '7'), (2, 'inlineStr', '0', 'a & b')]

    Raises `NotPlain` when a part of the row is not understood, so that no cell is passed over.
    """
    try:
        row = row_xml.decode()
    except UnicodeDecodeError:
        raise InputError("The workbook has text that is not UTF-8: it is damaged. Open it in Excel and save it again.") from None
    parts = _CELL.split(row)
    if _is_all_understood(parts):
        references, styles, kinds = parts[1::_STRIDE], parts[2::_STRIDE], parts[3::_STRIDE]
    else:
        parts = _ANY_CELL.split(row)
        if not _is_all_understood(parts):
            raise NotPlain("A row of the workbook is not plainly written.")
        references, styles, kinds = _attributes_of(parts[1::_STRIDE])
    cells: list[Cell] = []
    following = 0
    contents = zip(parts[4::_STRIDE], parts[5::_STRIDE], parts[6::_STRIDE], strict=True)
    for letters, style, kind, (value, inline, other) in zip(references, styles, kinds, contents, strict=True):
        column = COLUMN_INDEXES[letters] if letters else following
        if column < following:
            raise InputError(
                f"The workbook is damaged: a row has column {column_letters(column)} out of order. Save it again in Excel."
            )
        following = column + 1
        if value and kind == "s":
            cells.append((column, "s", style or "0", value))
        elif inline is not None:
            cells.append((column, "inlineStr", style or "0", text_of(inline)))
        else:
            known, text = _content(kind or "n", value, other)
            cells.append((column, known, style or "0", text))
    return cells


def spans_of(row_xml: bytes) -> list[tuple[int, int, int]]:
    """Give column, start and end of each cell element of a row, in bytes from the start of the row.

    >>> row = b'<row r="2"><c r="B2"/><c><v>1</v></c></row>'
    >>> [(column, row[start:end]) for column, start, end in spans_of(row)]
    [(1, b'<c r="B2"/>'), (2, b'<c><v>1</v></c>')]
    """
    spans = []
    following = 0
    for found in _CELL_SPAN.finditer(row_xml):
        letters = _reference_in(dict(_CELL_ATTRIBUTE.findall(found[1].decode())))
        column = COLUMN_INDEXES[letters] if letters else following
        following = column + 1
        spans.append((column, *found.span()))
    return spans


def text_of(raw: str) -> str:
    r"""Resolve what XML and Excel escape in a text: entities, `_x000D_`, and bare carriage returns, which XML reads as line ends.

    >>> text_of("a &lt; b&#10;_x005F_x000D_ &#x5f20;")
    'a < b\n_x000D_ 张'
    """
    if "\r" in raw:
        raw = raw.replace("\r\n", "\n").replace("\r", "\n")
    if "&" in raw:
        raw = _ENTITY.sub(_resolve_entity, raw)
    if "_x" in raw:
        raw = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), raw)
        # Excel escapes a character beyond the BMP as its two surrogates; one without its partner is no character at all.
        raw = raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return raw


def runs_of(rich: str) -> str:
    """Join the texts of a string item's runs; the phonetic guide that Excel keeps beside them is no part of the text.

    >>> runs_of("<r><t>张</t></r><r><rPr><b/></rPr><t>三</t></r><rPh sb='0' eb='1'><t>zhang</t></rPh>")
    '张三'
    """
    if "<rPh" in rich or "<phoneticPr" in rich:
        rich = _PHONETIC.sub("", rich)
    return text_of("".join(_RUN_TEXT.findall(rich)))


def _is_all_understood(parts: list[str | None]) -> bool:
    """Tell whether `split` left nothing between the cells but the row's own tags and white space."""
    first, last = parts[0] or "", parts[-1] or ""
    if len(parts) == 1:
        first, last = first.removesuffix("</row>"), "</row>"
    between = any(gap and not gap.isspace() for gap in parts[_STRIDE:-1:_STRIDE])
    return not between and first.rfind("<") == 0 and first.rstrip().endswith(">") and last.lstrip() == "</row>"


def _attributes_of(spelled: list[str]) -> tuple[list[str], list[str], list[str]]:
    each = [dict(_CELL_ATTRIBUTE.findall(attributes)) for attributes in spelled]
    return [_reference_in(one) for one in each], [one.get("s", "") for one in each], [one.get("t", "") for one in each]


def _reference_in(attributes: dict[str, str]) -> str:
    """Give the letters of a cell's reference, "" where it has none and simply follows the cell before it."""
    if "r" not in attributes:
        return ""
    if not (found := _REFERENCE.fullmatch(attributes["r"])):
        raise NotPlain("A cell of the workbook has a reference that is none.")
    return found[1]


def _content(kind: str, value: str | None, other: str | None) -> tuple[str, str]:
    """Give type and text of a cell that is neither a plain index nor a plain inline text."""
    has_formula = False
    if value is None:
        if not other:
            return "", ""
        if found := _INLINE.search(other):
            return "inlineStr", runs_of(found[1] or "")
        has_formula = _FORMULA.search(other) is not None
        if not (found := _VALUE.search(other)):
            if not has_formula and not other.isspace():
                raise NotPlain("A cell of the workbook is not plainly written.")
            return ("f" if has_formula else ""), ""
        value = found[1] or ""
    if kind in ("str", "inlineStr"):
        return "str", text_of(value)
    if not value.strip():
        # A formula whose result is an empty text says so by t="str"; without it, nobody has calculated it yet.
        return ("f" if has_formula else ""), ""
    return kind, text_of(value).strip()


def _resolve_entity(found: re.Match[str]) -> str:
    name = found[1]
    try:
        if name.startswith("#"):
            return chr(int(name.replace("#x", "0x"), 0) if name.startswith("#x") else int(name[1:]))
        return _NAMED_ENTITIES[name]
    except (KeyError, ValueError, OverflowError):
        raise InputError("The workbook has an entity that XML does not know: it is damaged. Save it again in Excel.") from None


def _refuse_entities(head: bytes, name: str) -> None:
    # UTF-16 spells it with zero bytes between; such a part is not read here, and the XML parser behind refuses it too.
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise InputError(f"{name} declares a document type, which no spreadsheet program writes: it is refused as hostile.")
