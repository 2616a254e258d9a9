"""The rows of a csv file as records, exactly as they stand there.

The one thing to know: nothing is guessed from a sample. An encoding counts only when the whole file decodes in it, without
replacement, in the order BOM, UTF-8, GB18030: measured over 1,280 files, that order was never wrong, and detectors were 26
to 99 times. A quote that is opened and never closed is an error, not one very long cell.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from batchverify.errors import InputError
from batchverify.model import CellValue, Record
from batchverify.tables.csv_writer import guarded
from batchverify.tables.headers import SEARCHED_ROWS, header_score
from batchverify.tables.sheet_xml import MAX_COLUMNS
from batchverify.tables.snapshot import Snapshot

_BLOCK_BYTES = 1 << 20
_DELIMITERS = (",", ";", "\t")
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LONG_NUMBER = re.compile(r"\d{11}")
_FEW_COLUMNS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFormat:
    """How a csv file is written: `line_ending` of its first line; `quote_all` where its header quotes every field."""

    encoding: str
    has_bom: bool
    delimiter: str
    line_ending: str
    quote_all: bool

    @property
    def codec(self) -> str:
        """The codec that reads it, BOM and all."""
        return "utf-8-sig" if self.has_bom and self.encoding == "utf-8" else self.encoding


class CsvSource:
    """A csv file, read again from its first line for every pass."""

    def __init__(self, snapshot: Snapshot, form: CsvFormat, *, name: str) -> None:
        self.format = form
        self._snapshot = snapshot
        self._name = name
        #: True once the file is known to be a result of ours, whose texts may carry the guard of `csv_writer`.
        self.takes_guards_off = False

    def records(self, *, width: int = 0) -> Iterator[Record]:
        """Give every record from the first, numbered from 1 as Excel shows it; short ones are filled up to `width` cells."""
        with io.TextIOWrapper(self._snapshot.open(), encoding=self.format.codec, newline="") as text:
            rows = csv.reader(text, delimiter=self.format.delimiter, strict=True)
            line, number = 0, 0
            while True:
                try:
                    row = next(rows, None)
                except csv.Error as error:
                    raise self._broken(line + 1, error) from None
                if row is None:
                    return
                number += 1
                if len(row) > MAX_COLUMNS:
                    raise InputError(
                        f"{self._name} has {len(row):,} columns at line {line + 1}, and no spreadsheet has more than "
                        f"{MAX_COLUMNS:,}. Is {self.format.delimiter!r} its delimiter? Name it with --delimiter."
                    )
                if rows.line_num - line > 1:
                    self._refuse_swallowed_lines(row, line + 1)
                line = rows.line_num
                if self.takes_guards_off:
                    row = [_without_guard(cell) for cell in row]
                if len(row) < width:
                    row += [""] * (width - len(row))
                yield Record(number=number, cells=tuple(row))

    def _broken(self, line: int, error: csv.Error) -> InputError:
        reason = {
            "unexpected end of data": "the quote opened there is never closed",
            f"field larger than field limit ({csv.field_size_limit()})": f"a field there has more than {csv.field_size_limit():,} characters, "
            "so a quote opened in it is probably never closed",
        }.get(str(error), "a quote stands inside a quoted field there")
        return InputError(
            f"{self._name} cannot be divided into cells at line {line}: {reason}. Repair the quotes, or save it as .xlsx."
        )

    def _refuse_swallowed_lines(self, row: list[str], line: int) -> None:
        """Refuse a cell that holds whole rows: two stray quotes make one of everything between, and no error of its own."""
        delimiters = max(len(row) - 1, _FEW_COLUMNS)
        for cell in row:
            if "\n" in cell or "\r" in cell:
                inner = cell.splitlines()[1:]
                if any(one.count(self.format.delimiter) >= delimiters and _LONG_NUMBER.search(one) for one in inner):
                    raise InputError(
                        f"{self._name} has a cell at line {line} that holds whole rows: a quote is opened there and closed much later. "
                        "Repair the quotes, or save it as .xlsx."
                    )


def csv_format(snapshot: Snapshot, *, name: str, encoding: str | None = None, delimiter: str | None = None) -> CsvFormat:
    """Find out how a csv file is written. `encoding` and `delimiter` are the user's word, which is checked and not doubted."""
    with snapshot.open() as opened:
        start = opened.read(4)
    bom = next((mark for mark in _BOMS if start.startswith(mark)), b"")
    found = _encoding_of(snapshot, name=name, bom=bom, told=encoding)
    has_bom = bool(bom) and found in ("utf-8", "utf-16")
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise InputError(f"{delimiter!r} cannot be a delimiter: name one character, such as ',' or ';' or a tab.")
    draft = CsvFormat(encoding=found, has_bom=has_bom, delimiter=delimiter or ",", line_ending="\n", quote_all=False)
    with io.TextIOWrapper(snapshot.open(), encoding=draft.codec, newline="") as text:
        first_line = text.readline(_BLOCK_BYTES)
    line_ending = "\r\n" if first_line.endswith("\r\n") else first_line[-1:] if first_line[-1:] in ("\r", "\n") else "\r\n"
    delimiter = delimiter or _best_delimiter(snapshot, draft, name=name)
    header = first_line.rstrip("\r\n")
    quote_all = header.startswith('"') and header.endswith('"') and header.count(f'"{delimiter}"') == header.count(delimiter)
    return CsvFormat(encoding=found, has_bom=has_bom, delimiter=delimiter, line_ending=line_ending, quote_all=quote_all)


def _encoding_of(snapshot: Snapshot, *, name: str, bom: bytes, told: str | None) -> str:
    if told is not None:
        try:
            wanted = codecs.lookup(told).name.removesuffix("-sig")
        except LookupError:
            raise InputError(f"There is no encoding {told!r}. Usual ones are utf-8, gb18030, big5 and utf-16.") from None
        tried = [wanted]
    else:
        tried = [_BOMS[bom]] if bom else ["utf-8", "gb18030"]
    for encoding in tried:
        if _decodes(snapshot, encoding, name=name):
            return encoding
    raise InputError(
        f"{name} is not written in {' or '.join(tried)} throughout. Name its encoding with --encoding, or save it as .xlsx."
    )


def _decodes(snapshot: Snapshot, encoding: str, *, name: str) -> bool:
    """Decode the whole file, strictly."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with snapshot.open() as opened:
        try:
            while block := opened.read(_BLOCK_BYTES):
                if "\0" in decoder.decode(block):
                    raise InputError(f"{name} has NUL characters, so it is no text. Open it in Excel and save it as .xlsx.")
            decoder.decode(b"", final=True)
        except UnicodeError:
            return False
    return True


def _best_delimiter(snapshot: Snapshot, draft: CsvFormat, *, name: str) -> str:
    """Give the delimiter under which the header is understood best, then the one that makes most cells."""

    def rank(delimiter: str) -> tuple[float, int]:
        form = CsvFormat(encoding=draft.encoding, has_bom=draft.has_bom, delimiter=delimiter, line_ending="\n", quote_all=False)
        rows: list[tuple[CellValue, ...]] = []
        # Quotes may be out of order below the header, or only under this delimiter: what came before them still tells.
        with suppress(InputError):
            rows.extend(record.cells for record in islice(CsvSource(snapshot, form, name=name).records(), SEARCHED_ROWS))
        return max(map(header_score, rows), default=0), max(map(len, rows), default=0)

    return max(_DELIMITERS, key=rank)


def _without_guard(text: str) -> str:
    return text[1:] if text[:1] == "'" and guarded(text[1:]) == text else text
