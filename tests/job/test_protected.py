"""A protected workbook is verified like any other, a result can be protected like it, and no password stays anywhere."""

import logging

import pytest
from openpyxl import load_workbook

from batchverify.errors import InputError
from batchverify.job import Bounds, Delivery, Options, Reading, inspect_file
from batchverify.job.checking import check_report
from batchverify.job.reporting import prove_row, report_job
from batchverify.model import Secret
from batchverify.tables import writer
from batchverify.tables.passwords import Passwords
from batchverify.words import Lang
from tests.builders import a_row, a_sheet, read_rows, rows
from tests.protected import PASSWORD, opened, plain_copy, protect
from tests.threats import guards

PROTECTED = Options(delivery=Delivery(protect=True))


class Owner:
    """Somebody who knows the password, and how often each file's was asked for."""

    def __init__(self, password=PASSWORD, new=None):
        self.asked, self.new_for = [], []
        self._password, self._new = password, new

    def __call__(self):
        return Passwords(ask=self._ask, ask_new=self._ask_new, origin="the keyboard")

    def _ask(self, name):
        self.asked.append(name)
        return Secret(self._password)

    def _ask_new(self, name, own):
        self.new_for.append((name, own.reveal() if own else None))
        return own if self._new is None else Secret(self._new)


@pytest.fixture
def owner(desk):
    desk.passwords = Owner()
    return desk.passwords


def a_protected_sheet(desk, people):
    return protect(desk.sheet(people, kind="xlsx"), rounds=50)


def test_a_protected_workbook_is_verified_and_its_password_asked_for_once(desk, sandbox, owner):
    path = a_protected_sheet(desk, [a_row(1), a_row(2, verdict="02"), a_row(1)])
    before = path.read_bytes()

    result = desk.verify(path)

    assert result.statuses == ["matched", "mismatched", "matched"]
    assert sandbox.bill.total() == 2
    assert owner.asked == [path.name]
    assert path.read_bytes() == before
    assert load_workbook(result.path).sheetnames[0] == "Sheet"


def test_the_plan_and_the_look_at_a_protected_workbook_ask_for_its_password(desk, sandbox, owner):
    path = a_protected_sheet(desk, rows(2))

    plan = desk.plan(path)
    looked = inspect_file(path, Reading(), home=desk.home, passwords=owner())

    assert (plan.asks, looked.rows) == (2, 2)
    assert owner.asked == [path.name] * 2
    assert sandbox.bill.total() == 0


def test_whoever_goes_on_with_a_protected_input_is_asked_again(desk, sandbox, owner, tmp_path):
    path = a_protected_sheet(desk, rows(3))
    first = desk.verify(path, bounds=Bounds(max_asks=1))

    desk.resume(first.job)
    desk.render(first.job)
    desk.rerun(first.job)
    report_job(first.job, tmp_path / "report.json", desk.session(), lang=Lang.EN)
    checked = check_report(tmp_path / "report.json", desk.session(), key=None)
    proof = prove_row(first.job, 2, desk.session())

    assert owner.asked == [path.name] * 7
    assert checked.is_genuine
    assert checked.notes == []
    assert sandbox.bill.total() == 3
    assert proof["job"] == first.job
    desk.passwords = Passwords
    for act in (desk.resume, desk.render, desk.rerun):
        with pytest.raises(InputError, match=r"is protected with a password, and there is no terminal to ask for it\."):
            act(first.job)


def test_a_wrong_password_sends_nothing_and_begins_no_job(desk, sandbox):
    desk.passwords = Owner("wrong")
    path = a_protected_sheet(desk, rows(2))

    with pytest.raises(InputError, match=r"the password from the keyboard does not open it"):
        desk.verify(path)

    assert sandbox.bill.total() == 0
    assert sorted(one.name for one in desk.folder.iterdir()) == ["home", path.name]


@pytest.mark.parametrize("output", [None, "out.xlsx"])
def test_a_protected_result_opens_with_its_password_only_and_is_a_whole_workbook(desk, owner, output):
    desk.passwords = Owner(new="another")
    path = desk.sheet([a_row(1), a_row(2, verdict="02")], kind="xlsx")
    options = Options(delivery=Delivery(protect=True, output=desk.folder / output if output else None))

    result = desk.verify(path, options=options)

    assert desk.passwords.new_for == [(output or f"{path.stem}.verified.xlsx", None)]
    book = load_workbook(opened(result.path, "another"))
    assert book.sheetnames == ["Sheet", "Summary", "To fix", "To retry", "Quota", "Legend"]
    assert [row["bv_status"] for row in read_rows(plain_copy(result.path, "another"))] == ["matched", "mismatched"]
    assert result.path.stat().st_mode & 0o777 == 0o600


def test_the_password_of_the_input_may_be_that_of_the_result(desk, owner):
    path = a_protected_sheet(desk, rows(1))

    result = desk.verify(path, options=PROTECTED)

    assert owner.new_for == [(f"{path.stem}.verified.xlsx", PASSWORD)]
    assert read_rows(plain_copy(result.path))[0]["bv_status"] == "matched"


def test_a_protected_result_of_a_csv_is_a_workbook(desk):
    desk.passwords = Owner(new=PASSWORD)

    result = desk.verify(desk.sheet(rows(1)), options=PROTECTED)

    assert result.path.name == "people-1.verified.xlsx"
    assert read_rows(plain_copy(result.path))[0]["bv_status"] == "matched"


def test_a_csv_cannot_be_protected_and_nothing_is_paid_or_asked_for_to_find_out(desk, sandbox):
    desk.passwords = Owner(new=PASSWORD)
    path = desk.sheet(rows(2), kind="xlsx")
    options = Options(delivery=Delivery(protect=True, output=desk.folder / "out.csv"))

    with pytest.raises(
        InputError, match=r"^'out\.csv' is text, and only a workbook can be protected\. Name it \.xlsx with --output\.$"
    ):
        desk.verify(path, options=options)
    done = desk.verify(path)
    with pytest.raises(InputError, match=r"^'out\.csv' is text"):
        desk.render(done.job, change=lambda _: options)

    assert desk.passwords.new_for == []
    assert sandbox.bill.total() == 2


def test_more_rows_than_a_workbook_holds_cannot_be_protected_and_nothing_is_paid_to_find_out(desk, sandbox, monkeypatch):
    desk.passwords = Owner(new=PASSWORD)
    monkeypatch.setattr(writer, "MAX_WORKBOOK_ROWS", 2)

    with pytest.raises(InputError, match=r"^3 rows are more than a workbook should hold, and a csv file cannot be protected\."):
        desk.verify(desk.sheet(rows(3)), options=PROTECTED)

    assert sandbox.bill.total() == 0


def test_where_nobody_can_give_a_password_nothing_is_paid(desk, sandbox):
    with pytest.raises(InputError, match=r"^people-1\.verified\.xlsx is to be protected, and there is no terminal"):
        desk.verify(desk.sheet(rows(2), kind="xlsx"), options=PROTECTED)

    assert sandbox.bill.total() == 0
    assert [one.name for one in desk.folder.iterdir() if one.is_file()] == ["people-1.xlsx"]


def test_a_protected_result_is_replaced_when_it_is_drawn_again_and_left_alone_when_it_was_edited(desk):
    """Its bytes are others each time, and the ledger knows which were ours."""
    desk.passwords = Owner(new=PASSWORD)
    path = desk.sheet(rows(2), kind="xlsx")
    result = desk.verify(path, options=PROTECTED)
    before = result.path.read_bytes()

    again = desk.render(result.job)

    assert again.path == result.path
    assert again.path.read_bytes() != before
    assert opened(again.path).getvalue() is not None
    protect(plain_copy(again.path), "theirs").replace(again.path)
    assert desk.render(result.job).path.name == "people-1.verified-2.xlsx"


def test_a_protected_result_dropped_in_again_asks_for_its_password_and_buys_nothing_twice(desk, sandbox):
    desk.passwords = Owner(new=PASSWORD)
    result = desk.verify(desk.sheet([a_row(1), a_row(2, verdict="02")], kind="xlsx"), options=PROTECTED)
    desk.passwords = Owner()

    again = desk.rerun(result.path)

    assert sandbox.bill.total() == 2
    assert desk.passwords.asked == [result.path.name]
    assert [row["bv_status"] for row in read_rows(plain_copy(again.path))] == ["matched", "mismatched"]


@guards("masks", "passwords")
def test_a_masked_and_protected_result_is_both(desk):
    desk.passwords = Owner(new=PASSWORD)

    result = desk.verify(desk.sheet(rows(1), kind="xlsx"), options=Options(delivery=Delivery(protect=True, mask=True)))

    (row,) = read_rows(plain_copy(result.path))
    assert (row["姓名"], row["bv_status"]) == ("李*", "matched")


def test_no_password_stays_in_the_home_the_summary_the_log_or_the_options(desk, caplog):
    caplog.set_level(logging.DEBUG)
    desk.passwords = Owner(new="in-new-7731")
    path = a_protected_sheet(desk, rows(2))

    result = desk.verify(path, options=Options(delivery=Delivery(protect=True, split=True)))

    kept = [one for one in [*desk.home.rglob("*"), *desk.folder.glob("*.json")] if one.is_file()]
    assert any(one.suffix == ".sqlite" for one in kept)
    for secret in (PASSWORD, "in-new-7731"):
        for encoding in ("utf-8", "utf-16-le", "unicode_escape"):
            assert [one.name for one in kept if secret.encode(encoding) in one.read_bytes()] == []
        assert secret not in caplog.text + repr(desk.session()) + result.note


def test_a_sheet_of_another_person_is_not_opened_with_a_password_that_was_for_this_one(desk, owner, sandbox):
    path = protect(a_sheet(desk.folder, rows(1), name="theirs.xlsx"), "theirs", rounds=50)

    with pytest.raises(InputError, match=r"^theirs\.xlsx is protected, and the password from the keyboard does not open it"):
        desk.verify(path)

    assert sandbox.bill.total() == 0
