"""The parts that tie a workbook together (workbook, relationships, content types): made for ours, edited as bytes for theirs.

The one thing to know: each sheet of ours is marked by a hidden defined name (`bv_sheet_1` …), which Excel carries along
through renaming and saving. So our own result, dropped in again, gets its old sheets replaced and not a second set.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import count, islice
from xml.sax.saxutils import escape, quoteattr, unescape
from zipfile import ZipFile

from batchverify.tables.sheet_xml import NotPlain, whole_number
from batchverify.tables.styles import MAIN_NAMESPACE
from batchverify.tables.workbook import ZIP_ERRORS

_RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_WORKBOOK_TYPE = f"{_TYPE}.sheet.main+xml".encode()
_MACRO_TYPE = b"application/vnd.ms-excel.sheet.macroEnabled.main+xml"
_QUOTES = {"&quot;": '"', "&apos;": "'"}
_MARK = "bv_sheet_"
_MAX_TITLE = 31

_ATTRIBUTE = re.compile(r"""([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_SHEETS = re.compile(rb"<sheets>(.*?)</sheets>", re.DOTALL)
_SHEET = re.compile(rb"<sheet\s[^<>]*?/>")
_NAMES = re.compile(rb"<definedNames(?:\s[^<>]*[^<>/])?\s*>(.*?)</definedNames>", re.DOTALL)
#: What openpyxl writes where there are none. A second list beside it would be a damaged workbook.
_NO_NAMES = re.compile(rb"<definedNames(?:\s[^<>]*)?/>")
_NAME = re.compile(rb"<definedName\s[^<>]*>[^<]*</definedName>")
_RELATIONSHIP = re.compile(rb"<Relationship\s[^<>]*?/>")
# What the schema lets follow the defined names; a new list of them goes before the first of these.
_AFTER_NAMES = re.compile(
    rb"<(?:calcPr|oleSize|customWorkbookViews|pivotCaches|smartTagPr|smartTagTypes|webPublishing|fileRecoveryPr|webPublishObjects|extLst|mc:)[\s>/]|</workbook>"
)
_MARKED = re.compile(r"'((?:[^']|'')+)'!|([^'!]+)!")


@dataclass(frozen=True, slots=True, kw_only=True)
class OurSheet:
    """A sheet of ours in a workbook. `filtered` is the range of its filter, or ""."""

    title: str
    part: str
    filtered: str = ""


def sheet_title(wanted: str, *, taken: Collection[str]) -> str:
    """Give a title that Excel accepts and that no other sheet has; it compares without regard to case.

    >>> sheet_title("2026/11 names", taken=()), sheet_title("Summary", taken=["summary"])
    ('2026_11 names', 'Summary (2)')
    """
    clean = re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", wanted)[:_MAX_TITLE].strip("' ") or "Sheet1"
    lowered = {title.lower() for title in taken} | {"history"}  # Excel keeps that one for itself
    title, number = clean, 1
    while title.lower() in lowered:
        number += 1
        suffix = f" ({number})"
        title = clean[: _MAX_TITLE - len(suffix)] + suffix
    return title


def own_workbook_parts(sheets: Sequence[OurSheet], *, marked_from: int) -> dict[str, bytes]:
    """Give the parts around the sheets and styles of a workbook of ours. Sheets from `marked_from` on are marked as ours."""
    entries = "".join(
        f'<sheet name={quoteattr(sheet.title)} sheetId="{n}" r:id="rId{n}"/>' for n, sheet in enumerate(sheets, start=1)
    )
    names = "".join(_marks(sheets[marked_from:]) + _filters(sheets, first=0))
    workbook = (
        f'{_DECLARATION}<workbook xmlns="{MAIN_NAMESPACE}" xmlns:r="{_RELATIONSHIPS}"><bookViews><workbookView activeTab="0" tabRatio="800"/></bookViews>'
        f"<sheets>{entries}</sheets><definedNames>{names}</definedNames></workbook>"
    )
    links = [
        f'<Relationship Id="rId{n}" Type="{_RELATIONSHIPS}/worksheet" Target="/{sheet.part}"/>'
        for n, sheet in enumerate(sheets, start=1)
    ]
    links.append(f'<Relationship Id="rId{len(sheets) + 1}" Type="{_RELATIONSHIPS}/styles" Target="/xl/styles.xml"/>')
    types = "".join(_override(sheet.part, "worksheet") for sheet in sheets)
    return {
        "[Content_Types].xml": (
            f'{_DECLARATION}<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>{_override("xl/workbook.xml", "sheet.main")}'
            f"{_override('xl/styles.xml', 'styles')}{types}</Types>"
        ).encode(),
        "_rels/.rels": (
            f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships">'
            f'<Relationship Id="rId1" Type="{_RELATIONSHIPS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ).encode(),
        "xl/workbook.xml": workbook.encode(),
        "xl/_rels/workbook.xml.rels": f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships">{"".join(links)}</Relationships>'.encode(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class TheirSheet:
    """A sheet in the user's workbook: title, part, the bytes of its entry, its relationship, and whether it is marked as ours."""

    title: str
    part: str
    entry: bytes
    link: str
    marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TheirWorkbook:
    """The parts of the user's workbook that must change when sheets are added."""

    part: str
    xml: bytes
    links_part: str
    links: bytes
    types: bytes
    styles_part: str
    sheets: tuple[TheirSheet, ...]
    part_names: frozenset[str]

    @classmethod
    def read(cls, source: ZipFile) -> TheirWorkbook:
        """Read them. Raises `NotPlain`, with the reason, for a workbook that cannot be added to and kept as it is."""
        names = frozenset(source.namelist())
        if any(name.startswith("_xmlsignatures/") for name in names):
            raise NotPlain("The workbook is signed, and any change would break the signature.")
        part = _target_of(_read(source, "_rels/.rels"), "/officeDocument", base="")
        folder, file = posixpath.split(part)
        links_part = f"{folder}/_rels/{file}.rels"
        xml, links = _read(source, part), _read(source, links_part)
        if MAIN_NAMESPACE.encode() not in xml or b"<!" in xml + links:
            raise NotPlain("The workbook is written in a dialect (strict Open XML, or with comments) that cannot be added to.")
        found = _SHEETS.search(xml)
        if not found:
            raise NotPlain("The workbook's list of sheets is not plainly written.")
        targets = {
            entry["Id"]: _resolve(folder, entry["Target"])
            for entry in map(_attributes, _RELATIONSHIP.findall(links))
            if "Id" in entry and "Target" in entry
        }
        marked = _marked_titles(xml)
        sheets = []
        for entry in _SHEET.findall(found[1]):
            attributes = _attributes(entry)
            link = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            title = attributes.get("name", "")
            sheets.append(TheirSheet(title=title, part=targets.get(link, ""), entry=entry, link=link, marked=title in marked))
        return cls(
            part=part,
            xml=xml,
            links_part=links_part,
            links=links,
            types=_read(source, "[Content_Types].xml"),
            styles_part=_target_of(links, "/styles", base=folder),
            sheets=tuple(sheets),
            part_names=names,
        )

    @property
    def has_macros(self) -> bool:
        return _MACRO_TYPE in self.types


def _read(source: ZipFile, name: str) -> bytes:
    try:
        return source.read(name)
    except KeyError:
        raise NotPlain(f"The workbook has no part {name!r}.") from None
    except ZIP_ERRORS:
        raise NotPlain("A part of the workbook is damaged.") from None


def _attributes(tag: bytes) -> dict[str, str]:
    return {
        key: unescape(double or single, _QUOTES) for key, double, single in _ATTRIBUTE.findall(tag.decode("utf-8", "replace"))
    }


def _resolve(folder: str, target: str) -> str:
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


def _target_of(links: bytes, kind: str, *, base: str) -> str:
    for tag in _RELATIONSHIP.findall(links):
        attributes = _attributes(tag)
        if attributes.get("Type", "").endswith(kind) and "Target" in attributes:
            return _resolve(base, attributes["Target"])
    raise NotPlain(f"The workbook has no relationship of the kind {kind.strip('/')!r}.")


def _marked_titles(xml: bytes) -> set[str]:
    titles = set()
    found = _NAMES.search(xml)
    for name in _NAME.findall(found[1] if found else b""):
        if _attributes(name[: name.index(b">")]).get("name", "").startswith(_MARK):
            content = unescape(name[name.index(b">") + 1 : name.rindex(b"<")].decode("utf-8", "replace"), _QUOTES)
            if target := _MARKED.match(content):
                titles.add((target[1] or target[2]).replace("''", "'"))
    return titles


def _override(part: str, kind: str) -> str:
    return f'<Override PartName="/{part}" ContentType="{_TYPE}.{kind}+xml"/>'


def _quoted(title: str) -> str:
    return escape("'" + title.replace("'", "''") + "'")


def _marks(sheets: Sequence[OurSheet]) -> list[str]:
    return [
        f'<definedName name="{_MARK}{n}" hidden="1">{_quoted(sheet.title)}!$A$1</definedName>'
        for n, sheet in enumerate(sheets, start=1)
    ]


def _filters(sheets: Sequence[OurSheet], *, first: int) -> list[str]:
    # Excel makes this name itself on the first filtering; LibreOffice goes by it.
    return [
        f'<definedName name="_xlnm._FilterDatabase" localSheetId="{index}" hidden="1">{_quoted(sheet.title)}!{_absolute(sheet.filtered)}</definedName>'
        for index, sheet in enumerate(sheets, start=first)
        if sheet.filtered
    ]


def _absolute(area: str) -> str:
    return re.sub(r"([A-Z]+)(\d+)", r"$\1$\2", area)


def extended_workbook(
    theirs: TheirWorkbook, ours: Sequence[OurSheet], *, dropped: Collection[TheirSheet], keep_macros: bool
) -> dict[str, bytes]:
    """Give the changed workbook, relationships and content types: `dropped` sheets out, `ours` at the end, the rest as it was."""
    kept = [sheet for sheet in theirs.sheets if sheet not in dropped]
    ids = [whole_number(_attributes(sheet.entry).get("sheetId", "0")) for sheet in theirs.sheets]
    gone = {sheet.link for sheet in dropped}
    used = {sheet.link for sheet in kept}
    links = list(islice((link for link in map("rIdBv{}".format, count(1)) if link not in used), len(ours)))
    added = "".join(
        f'<sheet xmlns:r="{_RELATIONSHIPS}" name={quoteattr(sheet.title)} sheetId="{max(ids) + number}" r:id="{link}"/>'
        for number, (link, sheet) in enumerate(zip(links, ours, strict=True), start=1)
    )
    xml = theirs.xml
    found = _SHEETS.search(xml)
    assert found is not None  # noqa: S101  (read() has seen it)
    entries = found[1]
    for sheet in dropped:
        entries = entries.replace(sheet.entry, b"")
    xml = xml[: found.start(1)] + entries + added.encode() + xml[found.end(1) :]
    xml = _renamed(xml, theirs, kept, "".join(_marks(ours) + _filters(ours, first=len(kept))))
    if dropped:
        # The tab that was open may be gone or have another number; the first sheet is always there.
        xml = re.sub(rb"""\s(?:activeTab|firstSheet)\s*=\s*["']\d+["']""", b"", xml)
    relationships = theirs.links
    types = theirs.types
    for tag in _RELATIONSHIP.findall(relationships):
        entry = _attributes(tag)
        if entry.get("Id") in gone or (not keep_macros and entry.get("Type", "").endswith("/vbaProject")):
            relationships = relationships.replace(tag, b"")
    new_links = "".join(
        f'<Relationship Id="{link}" Type="{_RELATIONSHIPS}/worksheet" Target="/{sheet.part}"/>'
        for link, sheet in zip(links, ours, strict=True)
    )
    for sheet in dropped:
        types = re.sub(rb"""<Override\s[^<>]*PartName=["']/%b["'][^<>]*/>""" % re.escape(sheet.part.encode()), b"", types)
    if not keep_macros:
        types = types.replace(_MACRO_TYPE, _WORKBOOK_TYPE)
        types = re.sub(rb"<Override\s[^<>]*vbaProject[^<>]*/>", b"", types)
    overrides = "".join(_override(sheet.part, "worksheet") for sheet in ours)
    return {
        theirs.part: xml,
        theirs.links_part: _before(relationships, b"</Relationships>", new_links),
        "[Content_Types].xml": _before(types, b"</Types>", overrides),
    }


def _renamed(xml: bytes, theirs: TheirWorkbook, kept: Sequence[TheirSheet], ours: str) -> bytes:
    """Give the workbook part with our marks renewed and every local name pointing at the same sheet as before."""
    moved = {theirs.sheets.index(sheet): index for index, sheet in enumerate(kept)}

    def keep(found: re.Match[bytes]) -> bytes:
        name = found[0]
        attributes = _attributes(name[: name.index(b">")])
        if attributes.get("name", "").startswith(_MARK):
            return b""
        if "localSheetId" not in attributes:
            return name
        local = moved.get(whole_number(attributes["localSheetId"]))
        if local is None:
            return b""
        return re.sub(rb"""localSheetId\s*=\s*["']\d+["']""", b'localSheetId="%d"' % local, name, count=1)

    if found := _NAMES.search(xml):
        return xml[: found.start(1)] + _NAME.sub(keep, found[1]) + ours.encode() + xml[found.end(1) :]
    xml = _NO_NAMES.sub(b"", xml)
    place = _AFTER_NAMES.search(xml, xml.index(b"</sheets>"))
    if not place:
        raise NotPlain("The workbook part has no end.")
    return xml[: place.start()] + b"<definedNames>" + ours.encode() + b"</definedNames>" + xml[place.start() :]


def _before(xml: bytes, end: bytes, added: str) -> bytes:
    position = xml.rfind(end)
    if position < 0:
        raise NotPlain(f"The workbook's {end.decode()} is not plainly written.")
    return xml[:position] + added.encode() + xml[position:]
