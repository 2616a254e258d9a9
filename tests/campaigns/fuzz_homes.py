"""The targets that need a home with a job in it: files that come back, exports, lists of orders, reports.

The one thing to know: the sandbox is asked once, while the target is set up, and is gone after it. No plan is ever
approved, so whatever an input brings about, it sends nothing and enters nothing; a socket would be a finding.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from batchverify.errors import InputError
from batchverify.job.checking import check_report
from batchverify.job.passes import Session
from batchverify.job.reconciling import reconcile_exports
from batchverify.job.reporting import FORMS, prove_row, report_job, write_proof
from batchverify.report.audit import signed_bytes
from batchverify.rules.canonical import canonical, parse
from batchverify.sandbox import running
from batchverify.store.signing import Signer, fingerprint
from batchverify.tables.order_list import read_orders
from batchverify.words import Lang
from tests.builders import a_row, rows
from tests.campaigns.fuzz_page import TARGETS as PAGE
from tests.campaigns.fuzz_targets import TARGETS as PLAIN
from tests.campaigns.fuzz_targets import Book, Fuzzed, Target, refused
from tests.desk import Desk

_STRANGER = Signer(b"\x07" * 32)
_USAGE = (
    ("处理时间", "流水编号", "备注", "消耗"),
    ("2026-11-24 10:50:01 - 2026-11-24 11:00:00", "L1", "", "3"),
    ("2026-11-24 11:00:01 - 2026-11-24 11:10:00", "L2", "", "1,000"),
    ("合计", "", "", "1003"),
)
_ORDERS = (
    ("订单编号", "商品", "套餐版本", "购买个数", "实付金额", "代金券", "支付时间", "到期时间"),
    ("235417", "银行卡四要素", "500次", "2", "￥80.00", "0", "2026-11-02 10:00:00", "2027-11-02"),
    ("235418", "银行卡四要素", "1000次", "1", "170.00", "10.00", "2026-11-03 10:00:00", "2027-11-03 00:00:00"),
)


def _csv(lines: tuple[tuple[str, ...], ...]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue().encode()


def _desk(folder: Path) -> tuple[Desk, str]:
    """A desk whose sandbox is gone, and the job that it had asked."""
    with running() as vendor:
        desk = Desk(folder=folder, home=folder / "home", endpoint=vendor.endpoint)
        done = desk.verify(desk.sheet([*rows(3), a_row(9, verdict="02"), a_row(10) | {"name": ""}], kind="xlsx"))
    return desk, done.job


class _Refusing:
    """Approves nothing: a plan is the furthest that an input gets."""

    def approve(self, plan: object, *, cap_asks: int | None) -> None:  # noqa: ARG002 - the names are those of a watcher
        raise InputError("The plan was not approved.")

    def asking(self, *, total: int, cap_asks: int | None) -> None: ...
    def progress(self, progress: object) -> None: ...
    def sampled(self, statuses: object) -> None: ...


def _session(desk: Desk) -> Session:
    return Session(settings=desk.settings(), watcher=_Refusing())


def _spelled(data: bytes, book: Book, folder: Path, stem: str) -> Path:
    """Half of the inputs are texts, the others workbooks by their parts."""
    if data[:1] == b"\xfe":
        path, content = folder / f"{stem}.csv", data[1:]
    else:
        path, content = folder / f"{stem}.xlsx", book.file(data)
    path.write_bytes(content)
    return path


def _build_returned(folder: Path) -> Fuzzed:
    from batchverify.job.rerunning import rerun_file

    desk, job = _desk(folder)
    (result,) = folder.glob("*.verified.xlsx")
    book = Book.of(result.read_bytes())
    session = _session(desk)

    def run(data: bytes) -> None:
        path = _spelled(data, book, folder, "returned")
        named = job if len(data) % 2 else None
        refused(lambda: rerun_file(path, desk.bounds(session), session, job=named))

    return run


def _returned_seeds() -> Iterator[bytes]:
    yield (
        b"\xfe"
        + "姓名,身份证号,银行卡号,bv_status,bv_row\n张三,110101199001010012,6217000000000001003,failed,s-1/2/0a0b0c0d\n".encode()
    )
    yield b"\xfe" + "姓名;身份证号;银行卡号;核验结果;行标识\n'=1;x;y;一致;s-1/2/ffffffff\n".encode()
    with_parts = _book_of((("姓名", "身份证号", "银行卡号"), ("张三", "110101199001010012", "6217000000000001003")))
    yield from with_parts.seeds()


def _book_of(lines: tuple[tuple[str, ...], ...]) -> Book:
    from batchverify.model import Sheet
    from batchverify.tables.our_book import book_bytes

    return Book.of(book_bytes([Sheet(title="a", rows=lines, widths=(10,) * len(lines[0]))]))


def _build_usage(folder: Path) -> Fuzzed:
    desk, _ = _desk(folder)
    session, book = _session(desk), _book_of(_USAGE)

    def run(data: bytes) -> None:
        path = _spelled(data, book, folder, "usage")
        refused(lambda: reconcile_exports([path], session, approve=lambda _: False))

    return run


def _build_orders(folder: Path) -> Fuzzed:
    book = _book_of(_ORDERS)

    def run(data: bytes) -> None:
        path = _spelled(data, book, folder, "orders")

        def read() -> None:
            for line in read_orders(path, temporary=folder):
                # Whatever is read must be something that a ledger can hold and a machine can add up.
                if not (0 <= (line.asks or 0) < 1 << 63 and 0 <= line.count < 1 << 20 and abs(line.paid) < 10**15):
                    raise AssertionError("an order without measure")
                line.price.quantize(line.paid)

        refused(read)

    return run


def _list_seeds(lines: tuple[tuple[str, ...], ...]) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        yield b"\xfe" + _csv(lines)
        yield b"\xfe" + _csv(lines).decode().encode("gb18030")
        yield from _book_of(lines).seeds()

    return seeds


def _reports(folder: Path) -> tuple[Desk, list[Path]]:
    desk, job = _desk(folder)
    made = [report_job(job, folder / f"report{form}", desk.session(), lang=Lang.EN) for form in FORMS]
    return desk, [*made, write_proof(prove_row(job, 2, desk.session()), folder / "proof.json")]


def _build_report(folder: Path) -> Fuzzed:
    """A report in any form, changed, as an auditor elsewhere checks it: there is a key, and no home."""
    desk, _ = _reports(folder)
    nowhere = Session(settings=desk.settings(home=folder / "nowhere"), watcher=_Refusing())
    book = Book.of((folder / "report.xlsx").read_bytes())
    path = folder / "checked"

    def run(data: bytes) -> None:
        path.write_bytes(book.file(data[1:]) if data[:1] == b"\xfd" else data)
        refused(lambda: check_report(path, nowhere, key=_STRANGER.public_key))

    return run


def _report_seeds() -> Iterator[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        for path in _reports(Path(place))[1]:
            yield path.read_bytes()
        yield from (b"\xfd" + seed for seed in Book.of((Path(place) / "report.xlsx").read_bytes()).seeds())


def _build_signed(folder: Path) -> Fuzzed:
    """A document of any form that a stranger has signed, whose key the auditor takes. The job may be one of the home."""
    desk, _ = _reports(folder)
    session = _session(desk)
    page = (folder / "report.html").read_text("utf-8")
    head, _, rest = page.partition('<pre id="')
    tag, _, rest = rest.partition(">")
    tail = rest[rest.index("</pre>") :]
    path = folder / "checked"

    def run(data: bytes) -> None:
        try:
            document = parse(data[1:].decode("utf-8", "replace"))
            text = _signed(document)
        except (ValueError, RecursionError, TypeError):
            return  # nothing that anybody could have signed
        from html import escape

        path.write_text(text if not data[0] % 2 else f'{head}<pre id="{tag}>{escape(text)}{tail}', "utf-8", "replace")
        refused(lambda: check_report(path, session, key=_STRANGER.public_key))

    return run


def _signed(document: Any) -> str:
    if not isinstance(document, Mapping):
        raise TypeError
    signer = {"algorithm": "Ed25519", "public_key": _STRANGER.public_key, "fingerprint": fingerprint(_STRANGER.public_key)}
    whole = {**document, "signer": signer}
    whole.pop("signature", None)
    whole["signature"] = _STRANGER.sign(signed_bytes(whole) if "kind" in whole else canonical(whole))
    return canonical(whole).decode()


def _signed_seeds() -> Iterator[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        for path in _reports(Path(place))[1]:
            if path.suffix == ".json":
                with suppress(ValueError):
                    yield from (form + path.read_bytes() for form in (b"\0", b"\1"))
    yield b"\0" + json.dumps({"certificate": "c", "schema": 1, "at": "x"}).encode()


_LIST_WORDS = (
    "处理时间",
    "消耗",
    "流水编号",
    "合计",
    "订单编号",
    "实付金额",
    "支付时间",
    "套餐版本",
    "次",
    "万",
    "￥",
    "e99",
    "-",
    "9" * 30,
)
_REPORT_WORDS = (
    '"kind":',
    '"runs":',
    '"path":',
    '"row":',
    '"settings":',
    "null",
    "[]",
    "{}",
    "-1",
    "9" * 40,
    '"',
    "&quot;",
    "endstream",
)

TARGETS: dict[str, Target] = (
    PLAIN
    | PAGE
    | {
        "returned": Target(
            what="a file that comes back: rerun, up to its plan",
            seeds=_returned_seeds,
            build=_build_returned,
            dictionary=("bv_row", "bv_status", "行标识", "s-", "/2/"),
            size=8_192,
        ),
        "usage": Target(
            what="usage exports laid beside the ledger",
            seeds=_list_seeds(_USAGE),
            build=_build_usage,
            dictionary=_LIST_WORDS,
            size=4_096,
        ),
        "orders": Target(
            what="lists of orders", seeds=_list_seeds(_ORDERS), build=_build_orders, dictionary=_LIST_WORDS, size=4_096
        ),
        "report": Target(
            what="reports and proofs, changed, in every form",
            seeds=_report_seeds,
            build=_build_report,
            dictionary=_REPORT_WORDS,
            size=65_536,
        ),
        "signed": Target(
            what="whatever a stranger signs, with a job of the home",
            seeds=_signed_seeds,
            build=_build_signed,
            dictionary=_REPORT_WORDS,
            size=16_384,
        ),
    }
)
