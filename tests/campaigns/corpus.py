"""Sheets as offices have them, made by the programs that offices have: every cell must be read as it was written.

    python -m tests.campaigns.corpus --files 300 --charsets 2000 --numbers 200000 --seed 1

The one thing to know: each file is generated from its truth, which says for every row what would be sent, or why nothing
may be; so nobody's reading of the file is trusted, ours included. With LibreOffice on the machine its files are tried, too.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from batchverify.model import Blocked, Field, NumberCell, Product, Query
from batchverify.rules.cells import PRECISION_LOST, PRECISION_SUSPECT
from batchverify.rules.prepare import CheckPolicy, prepare
from batchverify.tables.columns import choose_columns, is_asked, values_of
from batchverify.tables.reader import open_table
from tests.campaigns.people import card_number, id_number
from tests.campaigns.writers import CSV_FORMS, WRITERS, Cell, write_csv

TODAY = date(2026, 11, 24)
_FIELDS = (Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO)
_POLICY = CheckPolicy()

#: The words over the columns, as files of different houses have them, each with neighbors that must not be taken.
HEADERS: Sequence[tuple[str, ...]] = (
    ("序号", "姓名", "身份证号", "银行卡号", "备注"),
    ("部门", "*姓名（必填）", "身份证号码\n（18位）", "银行卡\n卡号", "备注"),
    ("No.", "name", "idCard", "accountNo", "remark"),
    ("xh", "xm", "sfzh", "yhkh", "bz"),
    ("工号", "持卡人姓名", "证件号码", "账号", "开户行"),
    ("ID", "real_name", "id_card_no", "bank_card", "dept"),
)
#: Cells that spreadsheet programs like to change.
_FOREIGN = ("NA", "00123", "1E5", "=1+1", "null", "", "2026-11-24", "TRUE", " x ", "a,b;c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A row of a generated file: its cells, what is sent of it, or the word for why nothing is."""

    cells: tuple[Cell, ...]
    sent: tuple[str, str, str] | None = None
    blocked: str = ""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was tried and what was wrong."""

    files: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    wrong: list[str] = field(default_factory=list)


def _damages(draw: random.Random, *, typed: bool, rare: bool) -> Mapping[str, Callable[[str, str, str], Written]]:
    """Ways in which a person's row is written. `typed` formats have numeric cells, others only text; `rare` can hold any Han."""
    no = ("", "")

    def row(name: Cell, id_card: Cell, card: Cell, *, sent: tuple[str, str, str] | None = None, blocked: str = "") -> Written:
        return Written(cells=(*no[:1], name, id_card, card, draw.choice(_FOREIGN)), sent=sent, blocked=blocked)

    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    ways: dict[str, Callable[[str, str, str], Written]] = {
        "plain": lambda n, i, c: row(n, i, c, sent=(n, i, c)),
        "full width": lambda n, i, c: row(n, i.translate(wide), c.translate(wide), sent=(n, i, c)),
        "grouped": lambda n, i, c: row(n, i, " ".join(c[at : at + 4] for at in range(0, len(c), 4)), sent=(n, i, c)),
        "dashes": lambda n, i, c: row(n, i, f"{c[:4]}-{c[4:8]}-{c[8:]}", sent=(n, i, c)),
        "spaces around": lambda n, i, c: row(f" {n}", f"{i} ", f"\t{c}\u00a0" if rare else f" {c} ", sent=(n, i, c)),
        "space in the name": lambda n, i, c: row(f"{n[0]} {n[1:]}", i, c, sent=(n, i, c)),
        "quote mark": lambda n, i, c: row(n, f"'{i}", f"'{c}", sent=(n, i, c)),
        "missing card": lambda n, i, _: row(n, i, "", blocked="missing_field"),
        "wrong check character": lambda n, i, c: row(n, i[:-1] + ("1" if i[-1] != "1" else "2"), c, blocked="id_checksum"),
        "too short": lambda n, i, c: row(n, i[:17], c, blocked="id_length"),
        "15 digits": lambda n, i, c: row(n, i[:6] + i[8:17], c, blocked="id_15_digits"),
        "exponent": lambda n, _, c: row(n, "1.10101E+17", c, blocked="scientific_text"),
    }
    if rare:
        ways["invisible"] = lambda n, i, c: row(n, f"\u202d{i}\u202c", f"{c}\u200b", sent=(n, i, c))
        ways["rare character"] = lambda n, i, c: row(f"{n}䶮", i, c, sent=(f"{n}䶮", i, c))
        ways["minority name"] = lambda n, i, c: row(f"{n}•{n}", i, c, sent=(f"{n}·{n}", i, c))
    if typed:
        ways["numeric ID"] = lambda n, i, c: row(n, int(i.replace("X", "0")), c, blocked=PRECISION_LOST)
        ways["numeric card"] = lambda n, i, c: row(n, i, int(c), blocked=PRECISION_LOST)
        ways["numeric card of 16"] = lambda n, i, c: row(n, i, int(c[:15] + "0"), blocked=PRECISION_SUSPECT)
        ways["numeric name"] = lambda _, i, c: row(12, i, c, blocked="name_characters")
    return ways


def sheet_of(draw: random.Random, *, typed: bool, rare: bool, rows: int = 24) -> tuple[list[tuple[Cell, ...]], list[Written]]:
    """Draw a sheet: what stands in it from the first line on, and its people with their truth."""
    headers = draw.choice(HEADERS)
    width = len(headers)
    above: list[tuple[Cell, ...]] = [
        *([("员工核验名单（2026年11月）",)] if draw.random() < 0.5 else []),
        *([("填表说明：请勿修改表头", "", "", "", "")] if draw.random() < 0.3 else []),
    ]
    ways = _damages(draw, typed=typed, rare=rare)
    people: list[Written] = []
    lines: list[tuple[Cell, ...]] = [*above, headers]
    # First every way once, then as it comes; the first rows are plain, as in any sheet that a person can recognize.
    words = ["plain", "plain", *ways, *draw.choices(["plain", *ways], k=rows)]
    for number, word in enumerate(words):
        name = "".join(draw.choices("王李张刘陈杨赵黄周吴徐孙", k=1)) + draw.choice(["伟", "秀英", "娜", "强", "磊"])
        person = ways[word](name, id_number(draw.randrange(12_000)), card_number(draw.randrange(10**6)))
        person = Written(cells=(str(number + 1), *person.cells[1:]), sent=person.sent, blocked=person.blocked)
        people.append(person)
        lines.append(person.cells)
        if draw.random() < 0.04:
            lines.append(("",) * width)
    lines.append(("合计", "", "", "", str(len(people))))
    return lines, people


def misread(path: Path, people: Sequence[Written], *, temporary: Path) -> Iterator[str]:
    """Read a file and compare each row with its truth; yields what differs, without a cell's content."""
    with open_table(path, temporary=temporary) as table:
        columns = choose_columns(table, wanted=_FIELDS)
        asked = [record for record in table.records() if is_asked(record, columns)]
        if len(asked) != len(people):
            yield f"{path.name}: {len(asked)} people are read, {len(people)} were written."
            return
        for record, person in zip(asked, people, strict=True):
            found = prepare(values_of(record, columns), product=Product.BANK3, policy=_POLICY, today=TODAY)
            match found:
                case Query(name=name, id_card=id_card, account_no=card):
                    if (name, id_card, card) != person.sent:
                        yield f"{path.name}, row {record.number}: another person is sent than was written ({person.blocked or 'sent'})."
                case Blocked(code=code) if code != person.blocked:
                    yield f"{path.name}, row {record.number}: blocked as {code!r}, not as {person.blocked!r}."
                case _:
                    pass
            foreign = [_text(cell) for cell in (record.cells[0], record.cells[4])]
            if foreign != [str(person.cells[0]), str(person.cells[4])]:
                yield f"{path.name}, row {record.number}: a cell beside the person changed."


def _text(cell: Any) -> str:
    return cell.literal if isinstance(cell, NumberCell) else cell if isinstance(cell, str) else cell.text


def read_files(folder: Path, *, files: int, seed: int) -> Seen:
    """Write and read that many files: every writer in turn, and every form of csv; then LibreOffice's copies of some."""
    draw, seen = random.Random(seed), Seen()
    kinds = [*WRITERS, *CSV_FORMS]
    soffice = shutil.which("soffice")
    for number in range(files):
        kind = kinds[number % len(kinds)]
        typed, rare = kind in WRITERS and WRITERS[kind].mixed, kind != "csv gbk"
        lines, people = sheet_of(draw, typed=typed, rare=rare)
        if kind in WRITERS:
            path = folder / f"{number}-{kind.partition(' ')[0]}.{WRITERS[kind].suffix}"
            WRITERS[kind].write(path, lines)
        else:
            path = write_csv(folder / f"{number}.{'tsv' if 'tab' in kind else 'csv'}", lines, CSV_FORMS[kind])
        _read_one(path, people, kind, seen, folder)
        if soffice is not None and kind == "xlsxwriter" and number < 4 * len(kinds):
            for suffix in ("xlsx", "xls", "ods"):
                copy = _converted(soffice, path, suffix, folder / "converted")
                _read_one(copy, people, f"LibreOffice {suffix}", seen, folder)
    return seen


def _read_one(path: Path, people: Sequence[Written], kind: str, seen: Seen, folder: Path) -> None:
    seen.files[kind] += 1
    seen.rows += len(people)
    seen.wrong += [f"{kind}: {fault}" for fault in misread(path, people, temporary=folder)]


def _converted(soffice: str, path: Path, suffix: str, folder: Path) -> Path:
    subprocess.run(
        [soffice, "--headless", "--convert-to", suffix, "--outdir", str(folder), str(path)], check=True, capture_output=True
    )
    return folder / f"{path.stem}.{suffix}"


def read_charsets(folder: Path, *, files: int, seed: int) -> Seen:
    """Write and read that many small csv files in every encoding, with characters that few fonts have."""
    draw, seen = random.Random(seed), Seen()
    forms = list(CSV_FORMS.items())
    for number in range(files):
        kind, form = forms[number % len(forms)]
        names = [_any_name(draw, form.encoding) for _ in range(draw.randint(1, 4))]
        lines: list[tuple[Cell, ...]] = [
            ("姓名", "身份证号", "银行卡号"),
            *((one, id_number(7), card_number(7)) for one in names),
        ]
        path = write_csv(folder / "one.csv", lines, form)
        seen.files[kind] += 1
        seen.rows += len(names)
        with open_table(path, temporary=folder) as table:
            read = [record.cells[0] for record in table.records()]
        if read != names:
            seen.wrong.append(f"{kind}, file {number}: a name came out as another.")
    return seen


def _any_name(draw: random.Random, encoding: str) -> str:
    """Draw a name of characters that the encoding has, of all planes where it has them."""
    wanted = draw.randint(2, 4)
    name = ""
    while len(name) < wanted:
        low, high = draw.choice([(0x4E00, 0x9FA5), (0x4E00, 0x9FA5), (0x3400, 0x4DB5), (0x20000, 0x2A6D6)])
        letter = chr(draw.randint(low, high))
        try:
            letter.encode(encoding)
        except UnicodeEncodeError:
            continue
        name += letter
    return name


def read_numbers(folder: Path, *, numbers: int, seed: int) -> tuple[int, int]:
    """Count the damaged numbers that would be sent and the sound ones that are blocked, of `numbers` each, in real workbooks."""
    draw = random.Random(seed)
    writer = WRITERS["xlsxwriter, rows as they come"]
    sent = blocked = 0
    people = [(id_number(draw.randrange(300_000)), card_number(draw.randrange(10**9))) for _ in range(numbers // 2)]
    header = ("姓名", "身份证号", "银行卡号")
    for damaged in (True, False):
        # Two numbers of a row: one row for each, so that neither hides behind the other.
        lines = [header, ("张三", id_number(1), card_number(1)), ("张三", id_number(2), card_number(2))]
        for id_card, card in people:
            if damaged:
                lines += [("张三", int(id_card[:15] + "000"), card), ("张三", id_card, int(card[:15] + "0000"))]
            else:
                lines.append(("张三", id_card, card))
        writer.write(folder / "numbers.xlsx", lines)
        with open_table(folder / "numbers.xlsx", temporary=folder) as table:
            columns = choose_columns(table, wanted=_FIELDS)
            for record in table.records():
                found = prepare(values_of(record, columns), product=Product.BANK3, policy=_POLICY, today=TODAY)
                if record.number <= 3:
                    continue
                if damaged:
                    sent += isinstance(found, Query)
                else:
                    blocked += 2 * isinstance(found, Blocked)
    return sent, blocked


def read_columns(folder: Path, *, numbers: int, seed: int) -> tuple[int, int]:
    """Count as `read_numbers` does, in parquet columns: damaged as pandas damages them in three ways, sound with a gap among them."""
    draw = random.Random(seed)
    sound = [int(one) for one in (id_number(draw.randrange(300_000)) for _ in range(numbers)) if one.isdecimal()]
    ways = {
        "floating": pd.array(sound, dtype="Int64").astype("Float64"),
        "floating, then whole": pd.array([int(float(one)) for one in sound], dtype="Int64"),
        "out of a workbook": pd.array([one // 1000 * 1000 for one in sound], dtype="Int64"),
        "sound": pd.array([*sound, None], dtype="Int64"),
    }
    sent = blocked = 0
    for way, column in ways.items():
        path = folder / "columns.parquet"
        pd.DataFrame({"姓名": "张三", "身份证号": column}).to_parquet(path)
        with open_table(path, temporary=folder) as table:
            columns = choose_columns(table, wanted=_FIELDS[:2])
            for record in islice(table.records(), len(sound)):
                found = prepare(values_of(record, columns), product=Product.ID2, policy=_POLICY, today=TODAY)
                sent += way != "sound" and isinstance(found, Query)
                blocked += way == "sound" and isinstance(found, Blocked)
    return sent, blocked


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all four and print what was seen; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.corpus", description="Generated sheets, read and compared.")
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--charsets", type=int, default=2_000)
    parser.add_argument("--numbers", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="corpus-") as name:
        folder = Path(name)
        files = read_files(folder, files=options.files, seed=options.seed)
        charsets = read_charsets(folder, files=options.charsets, seed=options.seed)
        sent, blocked = read_numbers(folder, numbers=options.numbers, seed=options.seed)
        sent_of_columns, blocked_of_columns = read_columns(folder, numbers=options.numbers, seed=options.seed)
    wrong = [*files.wrong, *charsets.wrong]
    lines = [
        f"seed {options.seed}, {time.monotonic() - began:.0f} s",
        f"{files.files.total()} files of {len(files.files)} kinds, {files.rows} rows: {len(files.wrong)} wrong",
        f"{charsets.files.total()} files of {len(charsets.files)} charsets, {charsets.rows} names: {len(charsets.wrong)} wrong",
        f"{options.numbers} damaged numbers: {sent} sent; {options.numbers} sound ones: {blocked} blocked",
        f"as many in columns of parquet, three times: {sent_of_columns} sent; sound ones: {blocked_of_columns} blocked",
        *wrong[:20],
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong or sent or blocked or sent_of_columns or blocked_of_columns else 0


if __name__ == "__main__":
    sys.exit(main())
