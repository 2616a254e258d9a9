"""What comes in: streamed, counted, hashed, under a name that is no path."""

import hashlib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from batchverify.desk import PasswordNeeded, Stage
from batchverify.desk.receiving import safe_name
from batchverify.errors import HomeError, InputError
from batchverify.model import Secret
from tests.builders import a_sheet, rows
from tests.protected import PASSWORD, protect
from tests.threats import guards


def test_an_upload_is_kept_as_it_came(office):
    content = a_sheet(office.folder, rows(50), name="x.xlsx").read_bytes()

    case = office.upload(content, name="员工 名单 (终版).xlsx", notify="https://hr.example/end")

    kept = office.desk._room.path_of(case)
    assert kept.read_bytes() == content
    assert (case.sha256, case.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (kept.name, case.name, case.notify) == ("员工 名单 (终版).xlsx",) * 2 + ("https://hr.example/end",)
    assert case.id.startswith("c-")
    assert len(case.id) == 28
    assert "员工" not in case.id


@guards("links")
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/shadow", "shadow"),
        ("<script>alert(1)</script>.xlsx", "script_.xlsx"),
        ("a\r\nSet-Cookie: x=1.csv", "aSet-Cookie_ x=1.csv"),
        ("\u202exslx.csv", "xslx.csv"),
        ("NUL.xlsx", "_NUL.xlsx"),
        (".case.json", "case.json"),
        ("", "upload"),
        ("名" * 300 + ".xlsx", "名" * 58 + ".xlsx"),
        ("x." + "y" * 300, ("x." + "y" * 300)[:180]),
        ("\udcff\udcfe.csv", "csv"),
    ],
)
def test_a_name_is_kept_and_is_never_a_path(office, name, kept):
    case = office.upload(b"a\n", name=name)

    assert case.name == kept == safe_name(name)
    assert office.desk._room.path_of(case).parent == (office.home / "sandbox" / "desk" / case.id / "files").resolve()
    assert len(case.name.encode()) <= 180


def test_what_is_too_large_is_refused_and_nothing_of_it_stays(office):
    office.reopen(upload_mib=1)
    with office.desk.receive("big.csv", owner="王芳") as receipt:
        receipt.write(bytes(1 << 20))
        with pytest.raises(InputError, match=r"big\.csv is larger than the 1 MB that this server takes\. Split it"):
            receipt.write(b"x")
        with pytest.raises(InputError, match="is larger than"):
            receipt.write(b"x")
        with pytest.raises(InputError, match="has ended already"):
            receipt.finish()
    with office.desk.receive("empty.csv", owner="王芳") as receipt, pytest.raises(InputError, match=r"empty\.csv is empty"):
        receipt.finish()
    with office.desk.receive("left.csv", owner="王芳") as receipt:
        receipt.write(b"x")

    assert list((office.home / "sandbox" / "desk").iterdir()) == []
    assert office.desk.cases() == []


def test_20_mb_come_in_without_taking_memory(office):
    block = bytes(64 << 10)
    tracemalloc.start()
    with office.desk.receive("large.csv", owner="王芳") as receipt:
        for _ in range(320):
            receipt.write(block)
        case = receipt.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert case.size_bytes == 20 << 20
    assert peak < 1 << 20


def test_a_repeated_upload_with_the_same_key_is_one_case(office):
    first = office.upload(rows(3), idempotency_key="order-1")
    with ThreadPoolExecutor(4) as several:
        content = office.desk._room.path_of(first).read_bytes()
        again = list(several.map(lambda _: office.upload(content, idempotency_key="order-1"), range(4)))
    assert {case.id for case in again} == {first.id}
    assert office.upload(content, idempotency_key="order-1", owner="李雷").id != first.id
    assert office.upload(content).id != first.id
    with pytest.raises(InputError, match="This idempotency key came with another file before"):
        office.upload(rows(4), idempotency_key="order-1")
    with pytest.raises(InputError, match="at most 200 characters that can be printed"):
        office.upload(rows(4), idempotency_key="x" * 201)

    assert len(office.desk.cases()) == 3
    assert [case.id for case in office.desk.cases("王芳")][-1] == first.id
    assert len(list((office.home / "sandbox" / "desk").iterdir())) == 3


def test_a_disk_that_gives_up_is_told_and_leaves_nothing(office, monkeypatch):
    receipt = office.desk.receive("x.csv", owner="王芳")

    class Full:
        close = receipt._file.close

        def write(self, _):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(receipt, "_file", Full())
    with pytest.raises(HomeError, match="No space left on device"), receipt:
        receipt.write(b"x")
    assert list((office.home / "sandbox" / "desk").iterdir()) == []


def test_a_protected_sheet_waits_for_its_password_also_after_a_restart(office):
    sheet = protect(a_sheet(office.folder, rows(4), name="plain.xlsx"), rounds=50)
    case = office.upload(sheet.read_bytes(), name="密.xlsx")
    with pytest.raises(PasswordNeeded, match=r"密\.xlsx is protected with a password"):
        office.desk.inspect(case.id)
    office.desk.give_password(case.id, Secret("winter"))
    with pytest.raises(PasswordNeeded, match="the password from the page does not open it"):
        office.desk.inspect(case.id)

    office.desk.give_password(case.id, Secret(PASSWORD))
    plan = office.desk.plan(case.id)
    office.reopen()
    confirmed = office.desk.confirm(case.id, digest=plan.digest, cap_asks=plan.asks, mandate=case.options.mandate)
    assert confirmed.stage is Stage.QUEUED
    waiting = office.rest(case)
    assert waiting.stage is Stage.PAUSED
    assert waiting.problem.startswith("密.xlsx is protected with a password")
    assert office.sandbox.bill.total() == 0

    office.desk.give_password(case.id, Secret(PASSWORD))
    office.desk.go_on(case.id)
    assert office.rest(case).ending == "complete"
    assert office.sandbox.bill.total() == 4
    assert office.desk.unmask(case.id, row=2, field="name", operator="王芳") == rows(1)[0]["name"]
    stored = b"".join(path.read_bytes() for path in office.home.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in stored
