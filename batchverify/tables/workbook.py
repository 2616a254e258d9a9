"""What stands around the rows of an xlsx file: its parts, its sheets, its shared strings, which styles are dates.

The one thing to know: a zip is a hostile format. Sizes and counts are bounded before and while inflating, names of parts are
never used as paths, and the small parts go through defusedxml.
"""

from __future__ import annotations

import posixpath
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, Self, cast
from xml.etree.ElementTree import Element, ParseError
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from batchverify.errors import InputError
from batchverify.tables.sheet_xml import NotPlain, runs_of, text_of

#: What a damaged or hostile zip raises while a part of it is opened or inflated.
ZIP_ERRORS = (BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)
MAX_PARTS = 20_000
MAX_INFLATED_BYTES = 2 << 30
#: Sheets of offices shrink 5 to 40 times. Deflate reaches 1,032; a large part beyond this holds nothing but repetition.
MAX_RATIO = 500
_RATIO_COUNTS_FROM_BYTES = 100 << 20
_MAX_SMALL_PART_BYTES = 32 << 20
_BLOCK_BYTES = 256 << 10

# ECMA-376 18.8.30: the built-in formats that show a date or a time, with those of the Chinese locale (27-36, 50-58).
_BUILTIN_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
# Quoted text, escaped characters, colours and locales say nothing; an elapsed time such as [h] does.
_FORMAT_NOISE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)

_STRING_ITEM = re.compile(
    r'<si><t(?: xml:space="preserve")?>([^<]*)</t></si>|<si(?:\s[^<>]*)?(?:/>|>([^<]*(?:<(?!/si>)[^<]*)*)</si>)'
)
_STRINGS_START = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?\s*<sst(?:\s[^<>]*)?/?>")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPart:
    """A worksheet of a workbook: its name as shown, the part it is in, and whether it is hidden."""

    name: str
    part: str
    hidden: bool


class PartReader:
    """The bytes of one part. What zipfile raises while inflating comes out as `InputError`."""

    def __init__(self, opened: IO[bytes], *, workbook: str) -> None:
        self._opened = opened
        self._workbook = workbook

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._opened.read(size)
        except ZIP_ERRORS:
            raise InputError(
                f"{self._workbook} is cut off or damaged. Fetch it again, or open it in Excel and save it again."
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


class Workbook:
    """An open xlsx file. Raises `InputError` where it is damaged, hostile, or of another kind."""

    def __init__(self, source: BinaryIO, *, name: str) -> None:
        self.name = name
        try:
            self._zip = ZipFile(source)
        except ZIP_ERRORS:
            raise InputError(f"{name} is cut off or damaged: its zip directory cannot be read. Fetch or save it again.") from None
        self._parts = self._bounded_parts()
        self.workbook_part = self._find_workbook_part()
        root = self.parse(self.workbook_part)
        targets = self._targets_of(self.workbook_part)
        self.sheets = tuple(self._sheets(root, targets))
        self.uses_1904_dates = any(one.get("date1904") in ("1", "true") for one in _named(root, "workbookPr"))
        by_kind = {kind: part for kind, part in targets.values() if part in self._parts}
        self.strings_part = by_kind.get("sharedStrings", "")
        self.styles_part = by_kind.get("styles", "")

    def open(self, part: str) -> PartReader:
        """Open a part for reading, inflated. `part` is a name from this workbook."""
        try:
            return PartReader(self._zip.open(self._parts[part]), workbook=self.name)
        except KeyError:
            raise InputError(f"{self.name} is damaged: it has no part {part!r}. Open it in Excel and save it again.") from None
        except ZIP_ERRORS:
            raise InputError(f"{self.name} has an encrypted or damaged part. Open it in Excel and save it again.") from None

    def parse(self, part: str) -> Element:
        """Parse a small part. Entities and document types are refused."""
        with self.open(part) as opened:
            xml = opened.read(_MAX_SMALL_PART_BYTES + 1)
        if len(xml) > _MAX_SMALL_PART_BYTES:
            raise InputError(f"{self.name} has a part {part!r} of more than {_MAX_SMALL_PART_BYTES >> 20} MB: it is refused.")
        try:
            return cast("Element", fromstring(xml, forbid_dtd=True))
        except DefusedXmlException:
            raise InputError(
                f"{self.name} declares a document type, which no spreadsheet program writes: it is refused as hostile."
            ) from None
        except (ParseError, LookupError, ValueError):  # it may name an encoding that there is not
            raise InputError(f"{self.name} is damaged in {part!r}. Open it in Excel and save it again.") from None

    def shared_strings(self) -> list[str]:
        """Read the texts that cells point to, by their index."""
        if not self.strings_part:
            return []
        with self.open(self.strings_part) as opened:
            return [text for texts in _strings_in(opened, self.strings_part) for text in texts]

    def date_styles(self) -> frozenset[str]:
        """Give the style indexes, as cells spell them, whose number format shows a date or a time."""
        if not self.styles_part:
            return frozenset()
        root = self.parse(self.styles_part)
        dates = {str(number) for number in _BUILTIN_DATES}
        for one in _named(root, "numFmt"):
            (dates.add if shows_date(one.get("formatCode", "")) else dates.discard)(one.get("numFmtId", ""))
        formats = [xf.get("numFmtId", "0") for xfs in _named(root, "cellXfs") for xf in _named(xfs, "xf")]
        return frozenset(str(index) for index, number in enumerate(formats) if number in dates)

    def close(self) -> None:
        self._zip.close()

    def _bounded_parts(self) -> dict[str, ZipInfo]:
        entries = self._zip.infolist()
        if len(entries) > MAX_PARTS:
            raise InputError(f"{self.name} has {len(entries):,} parts; no workbook has so many. It is refused.")
        inflated = sum(entry.file_size for entry in entries)
        # zipfile inflates no more than the size that the directory gives, so bounding the sizes bounds the bytes.
        if inflated > MAX_INFLATED_BYTES:
            raise InputError(
                f"{self.name} would unpack to {inflated >> 20:,} MB; the limit is {MAX_INFLATED_BYTES >> 20:,} MB. Split it."
            )
        for entry in entries:
            if entry.file_size > max(_RATIO_COUNTS_FROM_BYTES, MAX_RATIO * entry.compress_size):
                raise InputError(
                    f"{self.name} has a part that unpacks to more than {MAX_RATIO} times its size: it is refused as hostile."
                )
            if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                # The others take as much memory to unpack as the file says, and no spreadsheet program uses them.
                raise InputError(f"{self.name} has a part that is packed as in no workbook. Open it in Excel and save it again.")
            if entry.flag_bits & 1:
                raise InputError(f"{self.name} has encrypted parts. Open it, remove the password and save it again.")
        return {entry.filename.removeprefix("/"): entry for entry in entries}

    def _find_workbook_part(self) -> str:
        if "_rels/.rels" not in self._parts:
            raise InputError(f"{self.name} is a zip file, but no workbook. Unpack it and name the spreadsheet in it.")
        for kind, part in self._targets_of("").values():
            if kind == "officeDocument" and part in self._parts and _local(self.parse(part)) == "workbook":
                return part
        raise InputError(f"{self.name} is an Office file, but no workbook. Save the table as .xlsx.")

    def _targets_of(self, part: str) -> dict[str, tuple[str, str]]:
        """Give the relationships of a part: id to (kind, part). What is outside of the file is left out."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if rels not in self._parts:
            return {}
        return {
            one.get("Id", ""): (
                one.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", folder, one.get("Target", ""))).lstrip("/"),
            )
            for one in self.parse(rels)
            if one.get("TargetMode") != "External"
        }

    def _sheets(self, root: Element, targets: dict[str, tuple[str, str]]) -> Iterator[SheetPart]:
        for one in _named(root, "sheet"):
            relation = next((value for key, value in one.items() if key.endswith("}id")), "")
            kind, part = targets.get(relation, ("", ""))
            if kind == "worksheet":  # chart sheets and dialogs have no rows
                yield SheetPart(name=one.get("name", ""), part=part, hidden=one.get("state", "visible") != "visible")


def shows_date(format_code: str) -> bool:
    """Tell whether a number format shows a date or a time.

    >>> shows_date("yyyy/m/d"), shows_date("[h]:mm"), shows_date('0"d"'), shows_date("[Red]0.00"), shows_date("General")
    (True, True, False, False, False)
    """
    return "general" not in format_code.lower() and _DATE_LETTERS.search(_FORMAT_NOISE.sub("", format_code)) is not None


def _strings_in(opened: PartReader, part: str) -> Iterator[list[str]]:
    """Give the string items block by block, so that only the texts themselves are ever held."""
    held = opened.read(_BLOCK_BYTES)
    start = _STRINGS_START.match(held.removeprefix(b"\xef\xbb\xbf"))
    if b"<!DOCTYPE" in held:
        raise InputError(f"{part} declares a document type, which no spreadsheet program writes: it is refused as hostile.")
    if not start:
        raise NotPlain(f"{part} is not plainly written.")
    if start[0].endswith(b"/>"):
        return
    held = held.removeprefix(b"\xef\xbb\xbf")[start.end() :]
    while True:
        end = held.rfind(b"</si>") + len(b"</si>")
        if end >= len(b"</si>"):
            yield _texts_of(held[:end], part)
            held = held[end:]
        block = opened.read(_BLOCK_BYTES)
        if not block:
            break
        held += block
        if len(held) > _MAX_SMALL_PART_BYTES:
            raise InputError(f"{part} has a text of more than {_MAX_SMALL_PART_BYTES >> 20} MB: it is refused.")
    items, found, _ = held.partition(b"</sst>")
    if not found:
        raise InputError(f"{part} ends in the middle: the workbook is cut off. Fetch or save it again.")
    yield _texts_of(items, part)


def _texts_of(items: bytes, part: str) -> list[str]:
    try:
        decoded = items.decode()
    except UnicodeDecodeError:
        raise NotPlain(f"{part} is not written in UTF-8.") from None
    pieces = _STRING_ITEM.split(decoded)
    if "".join(pieces[::3]).strip() or "<!" in decoded:
        raise NotPlain(f"{part} has something other than texts.")
    if "&" not in decoded and "_x" not in decoded and "\r" not in decoded and None not in pieces[1::3]:
        return pieces[1::3]
    return [
        runs_of(rich or "") if plain is None else text_of(plain) for plain, rich in zip(pieces[1::3], pieces[2::3], strict=True)
    ]


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _named(root: Element, name: str) -> Iterator[Element]:
    """Give the elements of that name in any namespace: strict workbooks use another one than Excel's usual."""
    return (one for one in root.iter() if _local(one) == name)
