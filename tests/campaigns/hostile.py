"""A hundred files that mean harm or are broken: each ends in a sentence or is read, in bounded time and memory.

    python -m tests.campaigns.hostile

The one thing to know: all of them are opened in one process whose memory has a bound, as the command line opens a file;
so one that crashes the reader or fills the memory fails the campaign, whatever the others do.
"""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.campaigns.people import card_number, id_number
from tests.campaigns.writers import WRITERS

MAX_SECONDS = 10.0
MAX_MEMORY_BYTES = 512 << 20
_HEADER = ("姓名", "身份证号", "银行卡号")
_LINES = [_HEADER, *(("张三", id_number(number), card_number(number)) for number in range(30))]
_SHEET = "xl/worksheets/sheet1.xml"
_DOCTYPE = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{}<!ENTITY e SYSTEM "file:///etc/hostname">]>'
_BILLION = "".join(f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">' for at in range(8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How opening a file ended: the error's class and words, or "" where its rows could be read."""

    name: str
    ended: str
    seconds: float


def _workbook() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.xlsx"
        WRITERS["xlsxwriter"].write(path, _LINES)
        with zipfile.ZipFile(path) as whole:
            return {name: whole.read(name) for name in whole.namelist()}


def _zipped(parts: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return out.getvalue()


def _replaced(parts: Mapping[str, bytes], part: str, old: bytes, new: bytes) -> bytes:
    assert old in parts[part]
    return _zipped({**parts, part: parts[part].replace(old, new, 1)})


def _xml_attacks(parts: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Entities, document types and broken marks in every part that is parsed."""
    for part in ("xl/workbook.xml", _SHEET, "xl/sharedStrings.xml", "xl/styles.xml", "_rels/.rels", "xl/_rels/workbook.xml.rels"):
        name = part.rpartition("/")[2]
        head, _, rest = parts[part].partition(b"?>")
        for kind, doctype in (("external entity", _DOCTYPE.format("")), ("billion laughs", _DOCTYPE.format(_BILLION))):
            yield f"{kind} in {name}", _zipped({**parts, part: head + b"?>" + doctype.encode() + rest})
        yield f"no end in {name}", _zipped({**parts, part: parts[part][:-20]})
        yield f"nothing in {name}", _zipped({**parts, part: b""})
        yield f"rubbish in {name}", _zipped({**parts, part: b"\x00\xff" * 500})


def _sheet_attacks(parts: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    sheet = parts[_SHEET]
    yield "a cell beyond the last column", _replaced(parts, _SHEET, b'r="A2"', b'r="ZZZ2"')
    yield "a row beyond the last", _replaced(parts, _SHEET, b'<row r="3"', b'<row r="9999999"')
    yield "a row number of five thousand digits", _replaced(parts, _SHEET, b'<row r="3"', b'<row r="' + b"9" * 5000 + b'"')
    yield "a text of five thousand digits", _replaced(parts, _SHEET, b"<v>0</v>", b"<v>" + b"9" * 5000 + b"</v>")
    yield "rows in disorder", _replaced(parts, _SHEET, b'<row r="3"', b'<row r="1"')
    yield "a text that is not there", _replaced(parts, _SHEET, b"<v>0</v>", b"<v>99999999</v>")
    yield "a negative text", _replaced(parts, _SHEET, b"<v>0</v>", b"<v>-1</v>")
    yield "an unknown type of cell", _replaced(parts, _SHEET, b't="s"', b't="zz"')
    yield "a row that never ends", _zipped({**parts, _SHEET: sheet.partition(b"</row>")[0] + b"<c/>" * 3_000_000})
    yield (
        "a hundred megabytes of blanks",
        _zipped({**parts, _SHEET: sheet.replace(b"<sheetData>", b"<sheetData>" + b" " * (100 << 20))}),
    )
    yield "a bomb of a sheet", _zipped({**parts, _SHEET: sheet.replace(b"<sheetData>", b"<sheetData>" + b"<row/>" * (40 << 20))})
    yield (
        "a text of fifty megabytes",
        _zipped({**parts, "xl/sharedStrings.xml": parts["xl/sharedStrings.xml"].replace(b"<t>", b"<t>" + b"a" * (50 << 20), 1)}),
    )
    yield (
        "a bomb of texts",
        _zipped(
            {
                **parts,
                "xl/sharedStrings.xml": parts["xl/sharedStrings.xml"].replace(
                    b"</sst>", b"<si><t>a</t></si>" * (12 << 20) + b"</sst>"
                ),
            }
        ),
    )
    yield (
        "deep nesting",
        _zipped({**parts, "xl/workbook.xml": b"<workbook>" + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</workbook>"}),
    )


def _zip_attacks(parts: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    whole = _zipped(parts)
    yield "thirty thousand parts", _zipped({**parts, **{f"x/{number}": b"" for number in range(30_000)}})
    yield "a part outside of the file", _zipped({**parts, "../../../../tmp/out.xml": b"x"})
    target = b'Target="worksheets/sheet1.xml"'
    rels = "xl/_rels/workbook.xml.rels"
    yield "a sheet outside of the file", _replaced(parts, rels, target, b'Target="../../../../etc/passwd"')
    yield "a sheet at an address", _replaced(parts, rels, target, b'Target="http://127.0.0.1/x" TargetMode="External"')
    yield "a workbook that is its own sheet", _replaced(parts, rels, target, b'Target="workbook.xml"')
    flagged = bytearray(whole)
    for at in range(len(flagged) - 4):
        if flagged[at : at + 4] == b"PK\x01\x02":
            flagged[at + 8] |= 1
    yield "parts that say they are encrypted", bytes(flagged)
    bomb = b"\0" * (1 << 30)
    yield "a gigabyte of nothing beside the sheet", _zipped({**parts, "xl/media/image1.png": bomb})
    for share in (10, 30, 50, 70, 90, 99):
        yield f"cut off at {share} %", whole[: len(whole) * share // 100]


def _other_kinds() -> Iterator[tuple[str, bytes]]:
    yield "an old workbook of rubbish", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(random.Random(1).randbytes(4_000))
    yield "a text of zeros", b"\0" * 100_000
    yield "a text of one line without an end", b"a" * (64 << 20)
    yield "a quote that never ends", "姓名,身份证号\n".encode() + b'"' + b"x,1\n" * 200_000
    yield "a million columns", b"a," * 1_000_000 + b"\n"
    yield "half a character", "姓名,身份证号\n张三".encode()[:-1]
    yield "half of a pair in UTF-16", b"\xff\xfe" + "姓名,身份证号\n".encode("utf-16-le") + b"\x00\xd8"
    yield "an odd number of bytes in UTF-16", b"\xff\xfe" + "姓名,身份证号\n".encode("utf-16-le") + b"\x31"
    yield "a page", b"<html><table><tr><td>x</td></tr></table></html>"
    yield "a PDF and a zip at once", b"%PDF-1.7\n" + _zipped({"a": b"b"})
    yield "a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 100
    yield "nothing at all", b""


def _parquet_attacks(whole: bytes) -> Iterator[tuple[str, bytes]]:
    yield "a parquet file cut off", whole[: len(whole) // 2]
    yield "a parquet file without its middle", whole[:100] + whole[-1000:]
    yield "a parquet file that says it has more", whole[:-8] + (2**31 - 1).to_bytes(4, "little") + whole[-4:]
    nothing = pa.table({"姓名": pa.nulls(1_000_000), "身份证号": pa.nulls(1_000_000)})
    out = io.BytesIO()
    with pq.ParquetWriter(out, nothing.schema) as writer:
        for _ in range(100):
            writer.write_table(nothing)
    yield "a hundred million rows of nothing in parquet", out.getvalue()
    large, out = pa.array(["a" * (4 << 20)]), io.BytesIO()
    pq.write_table(pa.table({"姓名": pa.DictionaryArray.from_arrays(pa.array([0] * 50_000), large)}), out)
    yield "one text of four megabytes fifty thousand times in parquet", out.getvalue()
    yield from _mutations(whole, count=6, word="parquet")


def _mutations(whole: bytes, *, count: int, word: str) -> Iterator[tuple[str, bytes]]:
    """Change some bytes at random; such a file may be read, if what changed does not matter."""
    draw = random.Random(7)
    for number in range(count):
        changed = bytearray(whole)
        for _ in range(draw.randint(1, 12)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        yield f"{word} with bytes changed, {number}", bytes(changed)


def _in(writer: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"whole.{WRITERS[writer].suffix}"
        WRITERS[writer].write(path, _LINES)
        return path.read_bytes()


def files() -> Iterator[tuple[str, bytes]]:
    """Give every hostile file with its name."""
    parts = _workbook()
    yield from _xml_attacks(parts)
    yield from _sheet_attacks(parts)
    yield from _zip_attacks(parts)
    yield from _other_kinds()
    yield from _mutations(_zipped(parts), count=12, word="xlsx")
    yield from _mutations(_zipped(parts, stored=True), count=12, word="uncompressed xlsx")
    yield from _mutations(_in("xls by xlwt"), count=6, word="xls")
    yield from _mutations(_in("ods by odfpy"), count=6, word="ods")
    yield from _parquet_attacks(_in("parquet by pandas"))


#: What the process that opens them does with each line of its input, a path.
_OPENER = """
import json, re, resource, sys, time
from pathlib import Path
from batchverify.errors import InputError
from batchverify.model import Field
from batchverify.tables.columns import choose_columns
from batchverify.tables.reader import open_table
folder, most = Path(sys.argv[1]), int(sys.argv[2])
# Room for the libraries and threads themselves; what is resident is measured beside it.
resource.setrlimit(resource.RLIMIT_AS, (3 * most, 3 * most))
for line in sys.stdin:
    began, ended = time.monotonic(), ""
    try:
        with open_table(Path(line.strip()), temporary=folder) as table:
            choose_columns(table, wanted=(Field.NAME,))
            for _ in table.records():
                pass
    except InputError as error:
        ended = "InputError: " + str(error)
    print(json.dumps([ended, time.monotonic() - began]), flush=True)
# Not getrusage: its own figure begins with the memory of whoever started this process.
own = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024), flush=True)
"""


def open_all(folder: Path, *, on_each: Callable[[Verdict], None] = lambda _: None) -> tuple[list[Verdict], int]:
    """Open all of them in one bounded process; returns how each ended, and the most memory that one process took, in bytes.

    Raises RuntimeError naming the file that the process did not survive.
    """
    verdicts = []
    command = [sys.executable, "-c", _OPENER, str(folder), str(MAX_MEMORY_BYTES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as opener:
        assert opener.stdin is not None
        assert opener.stdout is not None
        for number, (name, content) in enumerate(files()):
            path = folder / f"{number}.xlsx"
            path.write_bytes(content)
            opener.stdin.write(f"{path}\n")
            opener.stdin.flush()
            line = opener.stdout.readline()
            if not line:
                raise RuntimeError(f"The process did not survive {name!r}.")
            ended, seconds = json.loads(line)
            verdicts.append(Verdict(name=name, ended=ended, seconds=seconds))
            on_each(verdicts[-1])
            path.unlink()
        opener.stdin.close()
        most = int(json.loads(opener.stdout.readline()))
        opener.wait()
    return verdicts, most


def _show(one: Verdict) -> None:
    sys.stdout.write(f"{one.seconds:5.1f} s  {one.name}: {one.ended or 'read'}\n")


def main() -> int:
    """Open them all and print how each ended; 1 where one took too long or too much."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        verdicts, most = open_all(Path(folder), on_each=_show)
    slow = [one.name for one in verdicts if one.seconds > MAX_SECONDS]
    refused = sum(bool(one.ended) for one in verdicts)
    sys.stdout.write(
        f"{len(verdicts)} files in {time.monotonic() - began:.0f} s: {refused} refused, {len(verdicts) - refused} read\n"
        f"slowest {max(one.seconds for one in verdicts):.1f} s, most memory {most >> 20} MB; too slow: {slow or 'none'}\n"
    )
    return 1 if slow or most > MAX_MEMORY_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
