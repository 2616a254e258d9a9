"""Whether a workbook is what the standard says, judged by others: schema and references, part by part.

The one thing to know: the schema is that of Microsoft's Open XML SDK, carried by `openxml-audit`. What a schema cannot say (a
format that is not there, rows in disorder, a part without a type) is looked for here, with a real XML parser and none of
our code. A workbook of the user's may have faults of its own, so a result is compared with its input.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring
from zipfile import ZipFile

from openxml_audit import FileFormat, OpenXmlValidator, ValidationSeverity

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
#: ECMA-376 Part 1, 18.3.1.73 and 18.3.1.4; extensions have a namespace of their own.
_ROW_WORDS = frozenset(
    {"r", "spans", "s", "customFormat", "ht", "hidden", "customHeight", "outlineLevel", "collapsed", "thickTop", "thickBot", "ph"}
)
_CELL_WORDS = frozenset({"r", "s", "t", "cm", "vm", "ph"})
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9]\d*)")
_MAX_TITLE = 31
_FIRST_OWN_FORMAT = 164
#: A theme is optional, and whoever has none gets the application's.
_NOT_A_FAULT = re.compile(r"^A required relationship type '[^']*/theme' is missing\.$")


@cache
def _validator() -> OpenXmlValidator:
    return OpenXmlValidator(FileFormat.MICROSOFT_365)


def faults(path: Path) -> list[str]:
    """Name what is wrong with a workbook, each fault once for each time it is there, without the place of a cell."""
    with ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist() if not name.endswith("/")}
        found = [f"{name} is there twice" for name, count in Counter(source.namelist()).items() if count > 1]
    parsed: dict[str, Element] = {}
    for name, content in parts.items():
        if name.endswith((".xml", ".rels", ".vml")):
            try:
                parsed[name] = fromstring(content)
            except ParseError as error:
                found.append(f"{name} is no XML: {error}")
    found += _typeless(parts, parsed["[Content_Types].xml"])
    found += [fault for name, root in parsed.items() if name.endswith(".rels") for fault in _dangling(name, root, parts)]
    found += _workbook_faults(parsed["xl/workbook.xml"])
    found += _style_faults(parsed["xl/styles.xml"])
    formats = len(parsed["xl/styles.xml"].findall(f"{_MAIN}cellXfs/{_MAIN}xf"))
    texts = len(parsed["xl/sharedStrings.xml"].findall(f"{_MAIN}si")) if "xl/sharedStrings.xml" in parsed else 0
    for name, root in parsed.items():
        if root.tag == f"{_MAIN}worksheet":
            found += [f"{name}: {fault}" for fault in _sheet_faults(root, formats=formats, texts=texts)]
    seen = _validator().validate(path)
    found += [
        f"{error.part_uri.lstrip('/')}: {error.description}"
        for error in seen.errors
        if error.severity is ValidationSeverity.ERROR and not _NOT_A_FAULT.match(error.description)
    ]
    return found


def new_faults(result: Path, source: Path) -> list[str]:
    """Name what is wrong with a result and was not with its input, an xlsx, too."""
    return list((Counter(faults(result)) - Counter(faults(source))).elements())


def _typeless(parts: Mapping[str, bytes], types: Element) -> Iterator[str]:
    defaults = [one.get("Extension", "").lower() for one in types.findall(f"{_TYPES}Default")]
    named = [one.get("PartName", "") for one in types.findall(f"{_TYPES}Override")]
    yield from (f"{name} has its type twice" for name, count in Counter([*defaults, *named]).items() if count > 1)
    for name in parts:
        if name != "[Content_Types].xml" and f"/{name}" not in named and name.rpartition(".")[2].lower() not in defaults:
            yield f"{name} has no type"
        if name.startswith("xl/worksheets/sheet") and f"/{name}" not in named:
            yield f"{name} has no type of its own"
    yield from (f"{name} has a type and is not there" for name in named if name.lstrip("/") not in parts)


def _dangling(name: str, links: Element, parts: Mapping[str, bytes]) -> Iterator[str]:
    folder = posixpath.dirname(posixpath.dirname(name))
    owner = posixpath.join(folder, posixpath.basename(name).removesuffix(".rels"))
    if owner != "" and posixpath.basename(name) != ".rels" and owner not in parts:
        yield f"{name} belongs to no part"
    yield from (f"{name} has {one} twice" for one, count in Counter(link.get("Id") for link in links).items() if count > 1)
    for link in links:
        target = posixpath.normpath(posixpath.join("/", folder, link.get("Target", ""))).lstrip("/")
        if link.get("TargetMode") != "External" and target not in parts:
            yield f"{name} leads to {target}, which is not there"


def _workbook_faults(book: Element) -> Iterator[str]:
    sheets = book.findall(f"{_MAIN}sheets/{_MAIN}sheet")
    titles = [sheet.get("name", "") for sheet in sheets]
    lowered = [title.lower() for title in titles]
    yield from (f"two sheets are called {title!r}" for title, count in Counter(lowered).items() if count > 1)
    yield from (
        f"{title!r} is no title" for title in titles if not 0 < len(title) <= _MAX_TITLE or re.search(r"[\[\]:*?/\\]", title)
    )
    for word in ("sheetId", f"{_REL}id"):
        yield from (
            f"two sheets have {word} {one}" for one, count in Counter(sheet.get(word) for sheet in sheets).items() if count > 1
        )
    names = [
        (one.get("name", "").lower(), one.get("localSheetId")) for one in book.findall(f"{_MAIN}definedNames/{_MAIN}definedName")
    ]
    yield from (f"the name {name} is defined twice" for name, count in Counter(names).items() if count > 1)
    places = [place for _, place in names if place is not None]
    places += [view.get("activeTab", "0") for view in book.findall(f"{_MAIN}bookViews/{_MAIN}workbookView")]
    yield from (f"there is no sheet {place}" for place in places if int(place) >= len(sheets))


def _style_faults(styles: Element) -> Iterator[str]:
    lists = {one.tag.removeprefix(_MAIN): list(one) for one in styles}
    for one in styles:
        if one.get("count") not in (None, str(len(one))):
            yield f"styles: {one.tag.removeprefix(_MAIN)} has {len(one)} entries and says {one.get('count')}"
    own = {one.get("numFmtId") for one in lists.get("numFmts", [])}
    for name in ("cellXfs", "cellStyleXfs"):
        for xf in lists.get(name, []):
            for word, target in (("fontId", "fonts"), ("fillId", "fills"), ("borderId", "borders"), ("xfId", "cellStyleXfs")):
                if int(xf.get(word, "0")) >= max(len(lists.get(target, [])), 1):
                    yield f"styles: {name} leads to {word} {xf.get(word)}, which is not there"
            number = xf.get("numFmtId", "0")
            if int(number) >= _FIRST_OWN_FORMAT and number not in own:
                yield f"styles: {name} leads to the number format {number}, which is not there"


def _sheet_faults(sheet: Element, *, formats: int, texts: int) -> Iterator[str]:
    last_row = last_column = 0
    for row in sheet.iterfind(f"{_MAIN}sheetData/{_MAIN}row"):
        number = int(row.get("r", last_row + 1))
        if number <= last_row:
            yield "a row is out of order"
        last_row = number
        yield from _unknown(row, _ROW_WORDS)
        column = 0
        for cell in row.iterfind(f"{_MAIN}c"):
            found = _REFERENCE.fullmatch(cell.get("r", ""))
            if cell.get("r") and (not found or int(found[2]) != number):
                yield "a cell has the reference of another row, or none"
            place = _column(found[1]) if found else column + 1
            if place <= column:
                yield "a cell is out of order"
            column, last_column = place, max(last_column, place)
            yield from _cell_faults(cell, formats=formats, texts=texts)
    yield from _frame_faults(sheet, last_row, last_column)


def _cell_faults(cell: Element, *, formats: int, texts: int) -> Iterator[str]:
    yield from _unknown(cell, _CELL_WORDS)
    if int(cell.get("s", "0")) >= formats:
        yield "a cell has a format that is not there"
    value = cell.findtext(f"{_MAIN}v")
    if cell.get("t") == "s" and not 0 <= int(value or -1) < texts:
        yield "a cell has a text that is not there"
    if cell.get("t", "n") == "n" and value and not _NUMBER.fullmatch(value.strip()):
        yield "a number is none"


def _frame_faults(sheet: Element, last_row: int, last_column: int) -> Iterator[str]:
    last = 0
    for col in sheet.iterfind(f"{_MAIN}cols/{_MAIN}col"):
        low, high = int(col.get("min", "0")), int(col.get("max", "0"))
        if not last < low <= high:
            yield "widths of columns overlap"
        last = high
    dimension = sheet.find(f"{_MAIN}dimension")
    reach = _REFERENCE.fullmatch(dimension.get("ref", "").rpartition(":")[2]) if dimension is not None else None
    if reach and last_row and (int(reach[2]) < last_row or _column(reach[1]) < last_column):
        yield "the dimension ends before its cells"


def _unknown(element: Element, known: frozenset[str]) -> Iterator[str]:
    name = element.tag.removeprefix(_MAIN)
    yield from (f"{name} has an attribute {word!r}" for word in element.attrib if not word.startswith("{") and word not in known)


def _column(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index
