"""What is fuzzed: every place where bytes of a stranger come in, each as a function of one input.

The one thing to know: a target lets nothing out but errors of ours whose message shows nothing of the content. Whatever else
comes out of it is a finding: another error, a person in a message, a byte that leaves, code that runs, time without end.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import httpx

from batchverify.cli.keeping import _numbers
from batchverify.errors import AskError, BatchVerifyError, InputError
from batchverify.model import Billed, Field, NumberCell, OddCell, Outcome, Product, Query, Record, RowSource, RowStatus
from batchverify.rules.masks import mask
from batchverify.rules.prepare import CheckPolicy, auto_product, prepare
from batchverify.rules.subject import numbers_of
from batchverify.settings import Settings, load_settings
from batchverify.tables.columns import choose_columns, is_asked, is_other_certificate, values_of
from batchverify.tables.foreign import ForeignSource, _sheets
from batchverify.tables.headers import find_header, header_score
from batchverify.tables.reader import Table, open_table
from batchverify.tables.snapshot import Snapshot, unnamed_file
from batchverify.tables.writer import write_result
from batchverify.vendor import gateway
from batchverify.vendor.answers import parse_answer
from batchverify.vendor.client import _two_headers
from batchverify.vendor.wire import MAX_ANSWER_BYTES, Left, RawAnswer, _Connection
from batchverify.words import Lang, result_columns
from tests.campaigns.people import HEADER, people
from tests.campaigns.writers import CSV_FORMS, WRITERS, write_csv
from tests.protected import protect

#: Takes one input. Raises for a finding.
Fuzzed = Callable[[bytes], None]

_TODAY = date(2026, 11, 24)
_NOW = datetime(2026, 11, 24, tzinfo=UTC)
#: No message of ours holds so many digits in a row: an ID number, a card or a mobile would have to be in it.
_NUMBER = re.compile(r"\d{11}")
#: A message is a sentence or two. Headers and sheets of the file may be listed in it, but no file is.
_LONGEST_MESSAGE = 4_000
_LINES = [HEADER, *(one.cells for one in people(4)), ("合计", "", "")]
_QUERY = Query(product=Product.BANK3_DETAIL, name="王一", id_card="110101199003070011", account_no="6217000000000000003")


class Finding(Exception):
    """Something that must not be. The text says what, and shows nothing of the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One of them: what it is, inputs to begin with, and how it is set up in a folder of its own.

    `seconds` is the processor time that one input may take, `size` how large an input grows. `dictionary` are words that belong to
    its language; `is_slow` one in which each input costs a process.
    """

    what: str
    seeds: Callable[[], Iterable[bytes]]
    build: Callable[[Path], Fuzzed]
    dictionary: Sequence[str] = ()
    seconds: float = 5.0
    size: int = 4_096
    is_slow: bool = False


def refused(act: Callable[[], object]) -> None:
    """Do it; an error of ours is an answer like any other, if its message is one for people and shows nobody."""
    try:
        act()
    except BatchVerifyError as error:
        check_message(error)


def check_message(error: BatchVerifyError) -> None:
    """Raise a finding where a message shows a number, has no end, or brings along an error that may hold a value."""
    text = str(error)
    if _NUMBER.search(text):
        raise Finding(f"{type(error).__name__} shows a number")
    if len(text) > _LONGEST_MESSAGE:
        raise Finding(f"{type(error).__name__} has a message without end")
    if not text.strip():
        raise Finding(f"{type(error).__name__} says nothing")
    if error.__cause__ is not None:
        raise Finding(f"{type(error).__name__} brings its cause along")


# Spreadsheets


def _outcome(number: int) -> Outcome:
    return Outcome(
        status=list(RowStatus)[number % len(RowStatus)],
        code="01",
        source=RowSource.ASKED,
        billed=Billed.YES,
        details={"bank": "测试银行"},
        asked_at=_NOW,
        row_tag=f"{number:08x}",
    )


def _read(path: Path, folder: Path, *, target: str | None) -> None:
    """Go the way of a sheet: open, choose columns, make questions, write the result, open that."""
    with open_table(path, temporary=folder) as table:
        columns = choose_columns(table, wanted=(Field.NAME,), optional=(Field.ID_CARD, Field.ACCOUNT_NO, Field.MOBILE))
        policy = CheckPolicy()

        def annotated() -> Iterator[tuple[Record, Outcome | None]]:
            for record in table.records():
                asked = is_asked(record, columns)
                if asked:
                    values = values_of(record, columns)
                    if columns.certificate_type is not None:
                        is_other_certificate(record.cells[columns.certificate_type])
                    prepare(values, product=auto_product(values), policy=policy, today=_TODAY)
                yield record, _outcome(record.number) if asked else None

        for _ in annotated():  # as a plan does, before anything is paid
            pass
        if target is None:
            return
        _write(table, annotated, folder / target, columns)
    with open_table(folder / target, temporary=folder) as again:
        if "bv_status" not in result_columns(again.header):
            raise Finding("a result is not known again")
        for _ in again.records():
            pass


def _write(table: Table, annotated: Callable[[], Iterator[tuple[Record, Outcome | None]]], target: Path, columns) -> None:
    # Whatever could be read can be written: a refusal here would come after the money is spent.
    try:
        write_result(table, annotated(), target, lang=Lang.EN, simulated=True, sheets=list, columns=columns)
    except InputError:
        raise Finding("what was read cannot be written") from None


def _texts() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as place:
        for form in CSV_FORMS.values():
            yield write_csv(Path(place) / "seed.csv", _LINES, form).read_bytes()
    yield '名单\n\n姓名（必填）;证件类型;身份证号;有效\n张三;护照;"a\nb";1E5\n'.encode()
    yield "姓名,身份证号,bv_status,bv_row\n'=1+1,x,matched,s-1/2/0a0b0c0d\n".encode()


def _workbooks(*kinds: str) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as place:
        for name in kinds:
            path = Path(place) / f"seed.{WRITERS[name].suffix}"
            WRITERS[name].write(path, _LINES)
            yield path.read_bytes()


@dataclass(frozen=True, slots=True)
class Book:
    """A workbook by its parts. The first byte of an input says which part its rest is; 255, that it is the whole file."""

    parts: Mapping[str, bytes]

    @classmethod
    def of(cls, content: bytes) -> Book:
        with zipfile.ZipFile(io.BytesIO(content)) as whole:
            return cls({name: whole.read(name) for name in whole.namelist()})

    def seeds(self) -> Iterator[bytes]:
        yield from (bytes([place]) + content for place, content in enumerate(self.parts.values()))
        yield b"\xff" + self.with_part(0, next(iter(self.parts.values())))

    def file(self, data: bytes) -> bytes:
        place, rest = data[:1], data[1:]
        return rest if not place or place == b"\xff" else self.with_part(place[0] % len(self.parts), rest)

    def with_part(self, place: int, content: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as target:
            for number, (name, own) in enumerate(self.parts.items()):
                target.writestr(name, content if number == place else own)
        return out.getvalue()


def _build_text(folder: Path) -> Fuzzed:
    path = folder / "people.csv"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        refused(lambda: _read(path, folder, target="result.csv"))

    return run


def _build_book(writer: str) -> Callable[[Path], Fuzzed]:
    def build(folder: Path) -> Fuzzed:
        (whole,) = _workbooks(writer)
        book, path = Book.of(whole), folder / "people.xlsx"

        def run(data: bytes) -> None:
            path.write_bytes(book.file(data))
            refused(lambda: _read(path, folder, target="result.xlsx"))

        return run

    return build


def _book_seeds(writer: str) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        (whole,) = _workbooks(writer)
        yield from Book.of(whole).seeds()

    return seeds


def _build_foreign(folder: Path) -> Fuzzed:
    path = folder / "people.xls"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        refused(lambda: _read(path, folder, target=None))

    return run


def _foreign_seeds() -> Iterator[bytes]:
    yield from _workbooks("xls by xlwt", "ods by odfpy")
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "seed.xlsx"
        WRITERS["openpyxl"].write(path, _LINES)
        yield protect(path, rounds=1).read_bytes()


def _build_cells(folder: Path) -> Fuzzed:
    """What the child of a foreign workbook writes, as if a stranger's file had taken it over."""

    def run(data: bytes) -> None:
        copy = unnamed_file(folder)
        copy.write(data)
        copy.flush()
        cells = Snapshot(copy, sha256="", size_bytes=len(data))
        try:
            refused(lambda: [list(ForeignSource(cells, one).records(width=3)) for one in _sheets(cells)])
        finally:
            cells.close()

    return run


def _cell_seeds() -> Iterator[bytes]:
    yield (
        '{"sheet": "名单", "hidden": false}\n[1, "姓名", {"n": "12"}, {"b": "TRUE"}, {"d": "2026-11-24"}]\n{"sheet": "b", "hidden": true}\n'
    ).encode()


# Rules


_CELLS: Sequence[Callable[[str], object]] = (
    str,
    lambda text: NumberCell(literal=text),
    lambda text: OddCell(kind="date", text=text),
    lambda text: OddCell(kind="formula", text=text),
)


def _build_rules(_folder: Path) -> Fuzzed:
    policies = [CheckPolicy(upgrade_15=True, allow_minors=False), CheckPolicy()]

    def run(data: bytes) -> None:
        kinds, texts = data[:4].ljust(4, b"\0"), data[4:].decode("utf-8", "replace").split("\n")
        values = {
            field: _CELLS[kind % len(_CELLS)](text)
            for field, kind, text in zip(Field, kinds, [*texts, "", "", "", ""], strict=False)
        }
        product = list(Product)[data[0] % len(Product)] if data else auto_product(values)
        question = prepare(values, product=product, policy=policies[len(data) % 2], today=_TODAY)
        if isinstance(question, Query) and any(ord(one) < 32 for one in question.name + question.id_card + question.account_no):
            raise Finding("a control character would be sent")
        for text in texts:
            numbers_of(text)
            for field in Field:
                shown = mask(field, text)
                if len(text) > 10 and text.isascii() and text.isdigit() and text in shown:
                    raise Finding(f"the mask of {field} hides nothing")

    return run


def _rule_seeds() -> Iterator[bytes]:
    for one in people(3):
        yield b"\0\0\0\0" + "\n".join([*one.cells, "13800138000"]).encode()
    yield b"\x01\x01\x01\x01" + "张·三\n6.21412E+17\n6217000000000000000\n+86 138-0013-8000".encode()


def _build_headers(_folder: Path) -> Fuzzed:
    def run(data: bytes) -> None:
        rows = [
            Record(number=number, cells=tuple(line.split("\t")))
            for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1)
        ]
        found = find_header(rows)
        if found is not None and not 1 <= found.number <= len(rows):
            raise Finding("the header is a row that is not there")
        for row in rows:
            header_score(row.cells)
            result_columns(tuple(str(cell) for cell in row.cells))

    return run


def _header_seeds() -> Iterator[bytes]:
    yield "付款名单\n\t个人信息\t\n姓名（必填）\t身份证号码\t银行卡号\tbv_status\n张三\t1\t2\tmatched".encode()
    yield "户名\t预留手机号\t联系电话\tcardID\tcardno\t证件类型\t核验结果".encode()


# The vendor


def _build_answer(_folder: Path) -> Fuzzed:
    queries = (_QUERY, Query(product=Product.ID2, name="王一", id_card="110101199003070011"))

    def run(data: bytes) -> None:
        for query in queries:
            try:
                answer = parse_answer(data, query=query, request_id="r")
            except AskError as error:
                check_message(error)
                continue
            for text in (answer.status, answer.message, *answer.details.values()):
                text.encode()  # half a character would break whatever writes it down

    return run


_ANSWER = {
    "status": "01",
    "msg": "验证通过",
    "name": "王一",
    "idCard": "110101199003070011",
    "accountNo": "6217000000000000003",
    "bank": "测试银行",
    "sex": "男",
    "traceId": "t",
}


def _answer_seeds() -> Iterator[bytes]:
    yield json.dumps(_ANSWER, ensure_ascii=False).encode()
    yield json.dumps(_ANSWER | {"status": "203"}).encode()
    yield json.dumps({"status": "9999", "msg": "x", "more": [{"a": 1.5e10}, None, True]}).encode()
    yield b"<html><body>502</body></html>"


class _Line(asyncio.Transport):
    """The socket under a connection: counts what is written, and hears of nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: object) -> None:
        self.written.append(bytes(data))  # type: ignore[call-overload]

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


def _build_wire(_folder: Path) -> Fuzzed:
    loop = asyncio.new_event_loop()

    async def exchange(chunks: Sequence[bytes]) -> RawAnswer | None:
        connection, line = _Connection(loop, set()), _Line()
        connection.connection_made(line)
        asking = asyncio.ensure_future(connection.exchange(b"GET / HTTP/1.1\r\n\r\n", deadline_seconds=3_600))
        await asyncio.sleep(0)
        for chunk in chunks:
            if not line.closed:
                connection.data_received(chunk)
        connection.connection_lost(None)
        try:
            raw = await asking
        except Left:
            raw = None
        if line.written != [b"GET / HTTP/1.1\r\n\r\n"]:
            raise Finding("an ask is written more than once")
        return raw

    def run(data: bytes) -> None:
        # The first byte is into how many pieces it is cut.
        cut = max(1, len(data) // (1 + data[0] % 8)) if data else 1
        raw = loop.run_until_complete(exchange([data[at : at + cut] for at in range(1, len(data), cut)]))
        if raw is None:
            return
        if len(raw.body) > MAX_ANSWER_BYTES:
            raise Finding("an answer has no bound")
        date_text, request_id = _two_headers(raw.headers)
        gateway.request_id_of({"x-ca-request-id": request_id})
        gateway.http_date(date_text)
        check_message(gateway.refusal(raw.status, httpx.Response(raw.status, headers=raw.headers).headers))

    return run


def _wire_seeds() -> Iterator[bytes]:
    body = json.dumps(_ANSWER).encode()
    head = b"HTTP/1.1 %b\r\nDate: Tue, 24 Nov 2026 02:50:01 GMT\r\nX-Ca-Request-Id: 0A1B\r\nKeep-Alive: timeout=25\r\n"
    yield b"\0" + head % b"200 OK" + b"Content-Length: %d\r\n\r\n" % len(body) + body
    yield b"\3" + head % b"200 OK" + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nA: b\r\n\r\n" % (len(body), body)
    yield b"\5HTTP/1.1 100 Continue\r\n\r\n" + head % b"200 OK" + b"Connection: close\r\n\r\n" + body
    for status in (b"403 Forbidden", b"429 Too Many Requests", b"503 Service Unavailable"):
        yield (
            b"\1"
            + head % status
            + b"X-Ca-Error-Code: B403MQ\r\nRetry-After: 3\r\nX-Ca-Error-Message: x\r\nContent-Length: 0\r\n\r\n"
        )


# Settings


def _build_settings(folder: Path) -> Fuzzed:
    home, here = folder / "home", folder / "here"
    home.mkdir(mode=0o700)
    here.mkdir()
    os.chdir(here)
    names = [f"BATCHVERIFY_{name.upper()}" for name in Settings.model_fields]

    def run(data: bytes) -> None:
        place, rest = data[0] if data else 0, data[1:]
        try:
            if place % 4 == 3:
                os.environ[names[place // 4 % len(names)]] = rest.replace(b"\0", b"").decode("utf-8", "surrogateescape")
            else:
                (here / "batchverify.toml" if place % 4 else home / "config.toml").write_bytes(rest)
            refused(lambda: load_settings(home=home))
        finally:
            for name in names:
                os.environ.pop(name, None)
            (home / "config.toml").unlink(missing_ok=True)
            (here / "batchverify.toml").unlink(missing_ok=True)

    return run


def _settings_seeds() -> Iterator[bytes]:
    whole = 'endpoint = "https://vendor.example"\nqps = 7.5\nconcurrency = 8\nlang = "zh"\nchecks = "warn"\nunit_price = "0.19"\n'
    table = 'strict = true\nkeep_audit_days = 1095\nalert_urls = ["json://x"]\n\n[billed]\n"203" = "0"\n02 = "?"\n'
    for place in range(3):
        yield bytes([place]) + (whole + table).encode()
    yield from (
        bytes([4 * number + 3]) + value
        for number, value in enumerate([b"1", b"true", b'{"203": "0"}', b"zh", b"https://a.b"] * 6)
    )


# Lists


def _build_numbers(_folder: Path) -> Fuzzed:
    def run(data: bytes) -> None:
        refused(lambda: _numbers(data.decode("utf-8", "replace").splitlines()))

    return run


def _number_seeds() -> Iterator[bytes]:
    yield "\n".join(["证件号码", *(cell for one in people(3) for cell in one.cells[1:])]).encode()


_XML = (
    "<c r=",
    "<row r=",
    "<v>",
    "</v>",
    't="s"',
    't="inlineStr"',
    "<is><t>",
    "<f>",
    "&#10;",
    "_x0041_",
    "<!DOCTYPE x [",
    "<!ENTITY",
)
_TOML = ("[billed]", "qps = ", "endpoint = ", "'''", '"""', "= [", "inf", "nan", "1979-05-27T07:32:00Z", "\\u0000", "{a = 1}")
_HTTP = ("HTTP/1.1 ", "Content-Length: ", "Transfer-Encoding: chunked", "\r\n\r\n", "Content-Encoding: gzip", "X-Ca-Error-Code: ")
_WORDS = (
    "姓名",
    "身份证号",
    "银行卡号",
    "手机号",
    "证件类型",
    "合计",
    "bv_status",
    "核验结果",
    "CVN",
    '"',
    ";",
    "\t",
    "=1+1",
    "'",
)
_JSON = ('"status":', '"name":', '"idCard":', "\\ud800", "NaN", "1e999", "[[[[", "{}", "null", "\\u0000")

TARGETS: dict[str, Target] = {
    "text": Target(what="csv and tsv, read, asked, written and read again", seeds=_texts, build=_build_text, dictionary=_WORDS),
    "workbook": Target(
        what="the parts of an xlsx, read, asked, written and read again",
        seeds=_book_seeds("xlsxwriter"),
        build=_build_book("xlsxwriter"),
        dictionary=_XML,
    ),
    "openpyxl": Target(
        what="the same of a workbook that openpyxl wrote",
        seeds=_book_seeds("openpyxl"),
        build=_build_book("openpyxl"),
        dictionary=_XML,
    ),
    "foreign": Target(
        what="xls, ods and protected workbooks, through the children that read them",
        seeds=_foreign_seeds,
        build=_build_foreign,
        size=32_768,
        is_slow=True,
    ),
    "cells": Target(what="what such a child writes, were it taken over", seeds=_cell_seeds, build=_build_cells, dictionary=_JSON),
    "rules": Target(what="cells to questions, masks, numbers of a person", seeds=_rule_seeds, build=_build_rules, size=512),
    "headers": Target(what="which row is the header", seeds=_header_seeds, build=_build_headers, dictionary=_WORDS, size=1_024),
    "answer": Target(what="the body of an answer", seeds=_answer_seeds, build=_build_answer, dictionary=_JSON, size=2_048),
    "wire": Target(
        what="the bytes of an answer, head and all, in pieces", seeds=_wire_seeds, build=_build_wire, dictionary=_HTTP
    ),
    "settings": Target(
        what="settings files and the environment", seeds=_settings_seeds, build=_build_settings, dictionary=_TOML, size=1_024
    ),
    "numbers": Target(what="the list of who is to be forgotten", seeds=_number_seeds, build=_build_numbers, size=1_024),
}
