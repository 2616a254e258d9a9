"""The pages beside the jobs: quota, usage, reconciliation, invoice, settings, doctor, activity. What they do, the command line does."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from html import unescape
from itertools import count
from pathlib import Path

import pytest

from batchverify.desk import Desk
from batchverify.model import CheckLevel, Field
from batchverify.rules.windows import BEIJING, window_of
from batchverify.sandbox import Fault, Rule
from batchverify.settings import load_settings
from batchverify.web.people import Role
from tests.builders import a_sheet, rows
from tests.desk import Desk as CommandDesk
from tests.threats import guards
from tests.web.reader import Reader, settings_of

SECRET = "c0ffee5e3d1234567890abcdefab7788"
TODAY = f"{datetime.now(UTC):%Y-%m}"


@pytest.fixture
def office(sandbox, home) -> Desk:
    with Desk.open(settings_of(home, sandbox.endpoint)) as desk:
        yield desk


@pytest.fixture
def reader(office) -> Reader:
    return Reader(office)


@pytest.fixture
def verified(sandbox, home, tmp_path, within_a_window):
    """Verify people at the command line, on the same home: `verified(5, True, False)` loses two answers, of which one was billed."""
    desk, first = CommandDesk(folder=tmp_path, home=home, endpoint=sandbox.endpoint), count(1, 100)

    def verify(number: int, *billed: bool, lost: bool = False):
        rules = [Rule(fault=Fault.RESET_AFTER, at=(at,), billed=one) for at, one in enumerate(billed, 2)]
        sandbox.vendor.script_faults(*([Rule(fault=Fault.RESET_AFTER, billed=False)] if lost else rules))
        result = desk.verify(rows(number, first=next(first)))
        sandbox.vendor.script_faults()
        return result

    return verify


@pytest.fixture
def export(sandbox, tmp_path):
    """Write the usage as the vendor's console exports it."""

    def write(*, more: int = 0) -> Path:
        windows = {window.starts_at: window.billed + more for window in sandbox.bill.windows()}
        lines = ["处理时间,消耗"]
        for at, used in windows.items():
            window = window_of(datetime.fromtimestamp(at, UTC))
            lines.append(f"{window.start:%Y-%m-%d %H:%M:%S} - {window.end:%Y-%m-%d %H:%M:%S},{used}次")
        path = tmp_path / "使用明细.csv"
        path.write_text("\n".join(lines), "utf-8")
        return path

    return write


def text_of(page) -> str:
    """A page as its words, one blank between them."""
    main = re.search(r"<main.*</main>", page.text, re.DOTALL)[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", main))).strip()


def cell_rows(page) -> list[list[str]]:
    """The cells of the first table's body and foot."""
    found = re.findall(r"<tr>(.*?)</tr>", page.text.split("<tbody>")[1], re.DOTALL)
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in found
    ]


def send(reader: Reader, path: str, fields: dict[str, str], *files: Path, name: str = "files"):
    """Send a form with files, the mark of the session first."""
    parts = [("csrf", (None, reader.csrf))] + [(key, (None, value)) for key, value in fields.items()]
    return reader._asked("POST", path, files=[*parts, *[(name, (file.name, file.read_bytes())) for file in files]], headers={})


def test_a_package_is_entered_counted_down_and_taken_out(reader, verified):
    assert "No package is entered yet" in text_of(reader.get("/quota"))

    done = reader.post("/quota/packages", {"size": "1000", "order": "2026-1", "voucher": "30", "count": "2"})
    assert done.headers["location"] == "/quota?entered=2"
    verified(3)
    page = reader.get("/quota?entered=2")

    assert "Entered: 2 packages." in text_of(page)
    assert "Left by our count 1,997 of 2,000 Used 3" in text_of(page)
    newest, first = cell_rows(page)
    assert newest[2:6] == ["0 / 1,000", newest[3], "¥180.00", "active"]
    assert first[2] == "3 / 1,000"

    assert "so it stays" in text_of(reader.post("/quota/take-out", {"package": first[0]}))
    assert reader.post("/quota/take-out", {"package": newest[0]}).headers["location"] == "/quota?taken_out=1"
    assert len(cell_rows(reader.get("/quota"))) == 1
    acts = [act.act for act in reader.desk.acts()]
    assert acts[:2] == ["package_removed", "package_entered"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"asks": "many"}, "'many' is no size of a package"),
        ({"size": "123"}, "'123' is no package of the price list"),
        ({"size": "1000", "used": "-1"}, "Used before: write a whole number."),
        ({"size": "1000", "price": "free"}, "Write an amount in yuan"),
        ({"size": "1000", "bought_at": "yesterday"}, "Write a day such as 2026-11-24."),
        ({"size": "1000", "bought_at": "2126-01-01"}, "The day of purchase is in the future."),
        ({"size": "1000", "count": "1001"}, "How many of it: write a whole number."),
    ],
)
def test_what_cannot_have_been_bought_is_refused_and_nothing_is_entered(reader, fields, sentence):
    reader.get("/quota")
    refused = reader.post("/quota/packages", {"size": "1000", **fields})

    assert refused.status_code == 422
    assert sentence in text_of(refused)
    assert "No package is entered yet" in text_of(reader.get("/quota"))


def test_orders_come_in_as_a_file_and_go_out_as_a_statement(reader, tmp_path):
    orders = tmp_path / "订单.csv"
    orders.write_text(
        "订单号,产品,支付时间,实付金额,代金券\n"
        "2026-7,银行卡三要素 180元/1000次,2026-01-05 10:00:00,150,30\n"
        "2026-8,云服务器,2026-01-06 10:00:00,99,0\n",
        "utf-8",
    )
    reader.get("/quota")
    done = send(reader, "/quota/orders", {}, orders, name="file")
    assert done.headers["location"] == "/quota?entered=1&orders_only=1"
    again = send(reader, "/quota/orders", {}, orders, name="file")
    assert again.headers["location"] == "/quota?known=2"

    page = reader.get("/quota/invoice?first=2026-01&last=2026-03")
    assert [line[2] for line in cell_rows(page)] == ["2026-7", "2026-8"]
    assert "To be invoiced in all: ¥249.00" in text_of(page)
    book = reader.get("/quota/invoice.xlsx?first=2026-01&last=2026-03")
    plain = reader.get("/quota/invoice.csv?first=2026-01")
    assert book.content.startswith(b"PK")
    assert book.headers["content-disposition"] == 'attachment; filename="invoice-2026-01-2026-03.xlsx"'
    assert "2026-7" in plain.content.decode("utf-8-sig")
    assert "No order was paid in these months" in text_of(reader.get("/quota/invoice?last=2025-12"))
    assert "Write a month such as 2026-01" in text_of(reader.get("/quota/invoice?first=soon"))
    assert reader.get("/quota/invoice.pdf").status_code == 422
    assert "Choose a file first" in text_of(send(reader, "/quota/orders", {}))


@guards("modes")
def test_a_large_file_that_comes_with_a_form_lies_nowhere_but_in_the_home(reader, tmp_path, monkeypatch):
    """Somebody may have chosen the sheet of people: in the machine's folder for temporary files it would stay in its blocks."""
    spooled = []
    monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", lambda _: spooled.append(True))
    large = tmp_path / "people.csv"
    large.write_text("姓名,身份证号\n" + "测试甲,110101199001010011\n" * 200_000, "utf-8")
    reader.get("/quota")

    refused = send(reader, "/quota/orders", {}, large, name="file")

    assert large.stat().st_size > 5 << 20
    assert refused.status_code == 422
    assert spooled == []
    assert list((reader.desk.home / "tmp").iterdir()) == []


def test_a_balance_that_was_read_stands_beside_our_count(reader):
    reader.get("/quota")
    reader.post("/quota/packages", {"size": "100"})
    assert reader.post("/quota/balance", {"left": "90", "total": "100"}).headers["location"] == "/quota?noted=1"

    page = text_of(reader.get("/quota?noted=1"))
    assert "Left as the vendor says 90" in page
    assert "The vendor counts 10 fewer left than we do" in page
    assert "Left: write a whole number" in text_of(reader.post("/quota/balance", {"left": ""}))
    assert "The sandbox has no account to be asked" in text_of(reader.post("/quota/balance", {"ask": "1"}))
    for left, word in (("100", "Both counts agree."), ("150", "50 more left than we do")):
        reader.post("/quota/balance", {"left": left})
        assert word in text_of(reader.get("/quota"))


def test_the_cheapest_packages_are_found_beside_the_naive_choice(reader):
    page = text_of(reader.get("/quota?needed=4,000"))
    assert "Cheapest 4 × 1,000 ¥720.00 ¥0.18 0" in page
    assert "One package that fits 1 × 5,000 ¥850.00 ¥0.17 1,000" in page
    assert "Cheaper by ¥130.00." in page

    reader.post("/quota/packages", {"size": "5"})
    page = text_of(reader.get("/quota?needed=4&trial=1"))
    assert "The wallet holds enough." in page
    assert "one was entered before" in page


def test_ten_packages_fill_a_page_and_a_low_balance_is_told(reader, verified):
    reader.get("/quota")
    reader.post("/quota/packages", {"asks": "1", "count": "12"})
    verified(11)
    first, last = reader.get("/quota"), reader.get("/quota?page=9")

    assert (len(cell_rows(first)), len(cell_rows(last))) == (10, 2)
    assert "Page 1 of 2 Older" in text_of(first)
    assert "Newer Page 2 of 2" in text_of(last)
    assert "Less than 20 % of the packages is left." in text_of(first)


def test_usage_is_shown_and_exported_as_the_command_line_does(reader, verified, tmp_path):
    assert "Nothing was used in this time." in text_of(reader.get("/quota/usage"))
    result = verified(5, True)

    page = reader.get("/quota/usage")
    assert cell_rows(page)[-1] == ["In all", "4", "1"]
    assert "<svg" in page.text
    for by, group in (("day", r"\d{4}-\d\d-\d\d"), ("job", result.job), ("status", "matched"), ("product", "bank3")):
        page = reader.get(f"/quota/usage?by={by}&since={datetime.now(UTC):%Y}-01-01")
        assert re.match(group, cell_rows(page)[0][0]), by
        assert "<svg" not in page.text
    assert "Nothing was used" in text_of(reader.get("/quota/usage?until=2020-01-01"))
    table = reader.get("/quota/usage.csv?by=status", accept_language="zh").content.decode("utf-8-sig")
    assert table.splitlines() == ["核验结果,消耗,存疑", "一致,4次,0次", "结果未知·可能已计费,0次,1次"]
    assert reader.get("/quota/usage.xlsx").content.startswith(b"PK")
    assert reader.get("/quota/usage.exe").status_code == 422


def test_the_table_goes_on_where_it_ended(reader, verified):
    verified(3, True)
    whole = cell_rows(reader.get("/quota/usage?by=status"))
    rest = reader.get("/quota/usage?by=status&at=1")

    assert [line[0] for line in whole] == ["matched", "in_doubt", "In all"]
    assert cell_rows(rest) == whole[1:]
    assert 'href="/quota/usage?by=status&amp;at=0"' in rest.text
    assert cell_rows(reader.get("/quota/usage?by=status&at=999999999999")) == whole


def test_where_only_the_number_is_known_nothing_is_decided(reader, verified, export):
    verified(5, True, False)
    reader.get("/quota/reconcile")
    shown = send(reader, "/quota/reconcile", {"saved_at": "2026-11-24T10:50"}, export())

    assert "Still in doubt 2" in text_of(shown)
    assert "How many of those in doubt were billed is known, but not which." in text_of(shown)
    assert "comparison" not in reader.form_of(shown)
    assert cell_rows(reader.get("/quota/usage"))[-1][1:3] == ["3", "2"]


def test_asks_that_were_all_free_are_freed_on_the_page_and_the_job_goes_on(reader, verified, export):
    job = verified(5, False, False).job
    reader.get("/quota/reconcile")
    shown = send(reader, "/quota/reconcile", {"saved_at": "2026-11-24T10:50"}, export())

    assert "Decided: not billed 2" in text_of(shown)
    assert "Write it down: 0 billed, 2 free to be asked again" in text_of(shown)
    assert cell_rows(reader.get("/quota/usage"))[-1][1:3] == ["3", "2"]
    written = reader.post("/quota/reconcile/write", {"comparison": reader.form_of(shown)["comparison"]})

    assert "Written into the ledger." in text_of(written)
    assert f"batchverify resume {job}" in text_of(written)
    usage = reader.get("/quota/usage")
    assert cell_rows(usage)[-1][1:3] == ["3", "0"]
    assert "Nothing in doubt was billed." in text_of(usage)


def test_what_has_changed_since_it_was_shown_is_not_written(reader, verified, export, sandbox):
    verified(5, False)
    reader.get("/quota/reconcile")
    shown = send(reader, "/quota/reconcile", {"saved_at": "2026-11-24T10:50"}, export())
    verified(1, lost=True)
    refused = reader.post("/quota/reconcile/write", {"comparison": reader.form_of(shown)["comparison"]})

    assert "The ledger has changed since this was shown" in text_of(refused)
    assert cell_rows(reader.get("/quota/usage"))[-1][1:3] == ["4", "2"]


def test_what_was_written_already_is_written_once(reader, verified, export):
    verified(5, False)
    reader.get("/quota/reconcile")
    first, *others = (send(reader, "/quota/reconcile", {"saved_at": "2026-11-24T10:50"}, export()) for _ in range(9))
    oldest = reader.post("/quota/reconcile/write", {"comparison": reader.form_of(first)["comparison"]})
    assert "no longer kept" in text_of(oldest)
    kept = list((reader.desk.home / "tmp").rglob("*.csv"))
    assert len(kept) == 8
    # As a file of this machine has it, by which a count that was still growing is told from one that is final.
    assert {path.stat().st_mtime for path in kept} == {datetime(2026, 11, 24, 10, 50, tzinfo=BEIJING).timestamp()}

    for page, freed in zip(others[:2], ("1", "0"), strict=True):
        written = reader.post("/quota/reconcile/write", {"comparison": reader.form_of(page)["comparison"]})
        assert f"Decided: not billed {freed}" in text_of(written)
    assert cell_rows(reader.get("/quota/usage"))[-1][1:3] == ["4", "0"]


def test_an_export_is_refused_where_its_time_or_the_export_itself_is_missing(reader, verified, export, tmp_path):
    verified(2)
    reader.get("/quota/reconcile")
    assert "Say when the usage was exported" in text_of(send(reader, "/quota/reconcile", {"saved_at": ""}, export()))
    assert "Choose at least one usage export" in text_of(send(reader, "/quota/reconcile", {"saved_at": "2026-11-24 10:50"}))
    wrong = tmp_path / "people.csv"
    wrong.write_text("姓名,身份证号\n张三,11010119900101001X\n", "utf-8")
    refused = send(reader, "/quota/reconcile", {"saved_at": "2026-11-24 10:50"}, wrong)
    assert "people.csv has no columns 处理时间 and 消耗" in text_of(refused)
    assert list((reader.desk.home / "tmp").rglob("*.csv")) == []


def test_somebody_elses_asks_are_an_alarm(reader, verified, export):
    verified(3)
    reader.get("/quota/reconcile")
    shown = send(reader, "/quota/reconcile", {"saved_at": "2026-11-24T10:50"}, export(more=7))

    assert "ALARM: the vendor counted more than all that was asked from here." in text_of(shown)
    assert "7 more than this home can have asked" in text_of(shown)
    again = send(reader, "/quota/reconcile", {"saved_at": "2026-11-24T10:50"}, export(more=9))
    assert "an earlier export said 10" in text_of(again)


def test_settings_are_kept_in_the_home_and_hold_at_once(reader, home, office):
    form = reader.form_of(reader.get("/settings")) | {"checks": "warn", "lang": "zh"}
    done = reader.post(
        "/settings",
        form
        | {"operator": "李雷", "qps": "7.5", "asks_per_operator_per_day": "500", "unit_price": "0.1600", "allow_minors": "1"},
    )

    assert done.headers["location"] == "/settings?done=saved"
    assert "Saved." in text_of(reader.get("/settings?done=saved"))
    now = office.settings
    assert (now.checks, now.qps, str(now.unit_price), now.operator) == (CheckLevel.WARN, 7.5, "0.1600", "李雷")
    assert now.allow_minors
    kept = load_settings(home=home)
    assert (kept.checks, kept.lang, kept.concurrency) == (CheckLevel.WARN, "zh", 50)
    assert sorted((home / "config.toml").read_text("utf-8").splitlines()) == [
        "allow_minors = true",
        "asks_per_operator_per_day = 500",
        'checks = "warn"',
        'lang = "zh"',
        'operator = "李雷"',
        "qps = 7.5",
        'unit_price = "0.1600"',
    ]
    assert office.acts()[0].note == "lang, operator, checks, allow_minors, unit_price, qps, asks_per_operator_per_day"

    reader.post(
        "/settings", reader.form_of(reader.get("/settings")) | {"checks": "warn", "lang": "auto", "asks_per_operator_per_day": ""}
    )
    assert office.settings.lang is None
    assert office.settings.asks_per_operator_per_day is None
    assert not office.settings.allow_minors


def test_settings_that_do_not_fit_are_refused_and_none_is_saved(reader, home):
    form = reader.form_of(reader.get("/settings")) | {"checks": "block", "lang": "auto"}

    assert "Asks a second, at most: this is no number." in text_of(reader.post("/settings", form | {"qps": "fast"}))
    assert "The setting 'concurrency' does not fit" in text_of(
        reader.post("/settings", form | {"qps": "5", "concurrency": "9999"})
    )
    assert not (home / "config.toml").exists()


def test_what_the_environment_says_is_shown_and_cannot_be_changed(reader, home, office, monkeypatch):
    monkeypatch.setenv("BATCHVERIFY_QPS", "3")
    page = reader.get("/settings")
    assert "Set by BATCHVERIFY_QPS" in text_of(page)
    assert re.search(r'<input id="qps"[^>]* disabled', page.text)
    reader.post("/settings", reader.form_of(page) | {"checks": "block", "lang": "auto", "qps": "99", "concurrency": "9"})

    assert (home / "config.toml").read_text() == "concurrency = 9\n"


def test_the_app_code_comes_in_by_a_form_and_never_goes_out_again(sandbox, home, monkeypatch):
    with Desk.open(settings_of(home, sandbox.endpoint, app_code=None)) as desk:
        reader = Reader(desk)
        assert "There is none. The sandbox needs none." in text_of(reader.get("/settings"))
        assert reader.post("/settings/app-code", {"app_code": f" {SECRET} "}).headers["location"].endswith("app_code_kept")
        page = reader.get("/settings?done=app_code_kept")

        assert "There is one, ending in …7788." in text_of(page)
        assert SECRET not in page.text
        assert (home / "appcode").read_text() == SECRET
        if os.name == "posix":
            assert (home / "appcode").stat().st_mode & 0o777 == 0o600
        assert "That is no AppCode" in text_of(reader.post("/settings/app-code", {"app_code": "no code!"}))
        reader.post("/settings/app-code/forget")
        assert not (home / "appcode").exists()
        assert [act.act for act in desk.acts()[:2]] == ["app_code_cleared", "app_code_set"]
        monkeypatch.setenv("BATCHVERIFY_APPCODE", SECRET)
        assert "Set by BATCHVERIFY_APPCODE" in text_of(reader.get("/settings"))


def test_the_doctor_says_what_is_well_and_what_to_do_in_the_readers_language(reader, home):
    assert "Everything is well." in text_of(reader.get("/doctor"))
    assert "台账 任务 0 个，未发现损坏。" in text_of(reader.get("/doctor", accept_language="zh"))

    (home / "appcode").write_text(SECRET)
    (home / "appcode").chmod(0o644)
    reader.desk.use(reader.desk.settings.model_copy(update={"app_code": None}))
    ill = reader.get("/doctor")

    assert re.search(r"\d things need attention\.", text_of(ill))
    assert cell_rows(ill)[-1 if os.name == "nt" else 0][0] == "needs attention"
    assert "chmod 600" in text_of(ill)
    assert SECRET not in ill.text


def test_activity_is_listed_filtered_and_exported(reader, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("姓名,身份证号,银行卡号\n张三,110101199001010015,6217000000000006\n", "utf-8")
    case = reader.case(path, name="=<b>名单.csv")
    for number in range(101):
        reader.desk.note(reader.desk.settings.operator, "package_entered", note=str(number))

    newest = reader.get("/acts")
    assert len(cell_rows(newest)) == 100
    older = reader.get(re.search(r'href="(/acts\?before=\d+)"', newest.text)[1])
    assert "=_b_名单.csv" in text_of(older)
    of_one = reader.get(f"/acts?job={case}")
    assert {line[3] for line in cell_rows(of_one)} == {"=_b_名单.csv"}
    table = reader.get(f"/acts.csv?job={case}").content.decode("utf-8-sig")
    assert '"\'=<b>名单.csv"' in table or "'=_b_名单.csv" in table
    assert reader.get("/acts.xlsx").content.startswith(b"PK")
    assert reader.get("/acts.pdf").status_code == 422


def test_what_an_act_was_about_is_told_in_the_readers_words(reader, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("姓名,身份证号,银行卡号\n张三,110101199001010015,6217000000000006\n", "utf-8")
    case = reader.ended(path)
    reader.desk.unmask(case, row=2, field=Field.ID_CARD, operator="王芳")

    newest = cell_rows(reader.get("/acts", accept_language="zh"))
    assert newest[0][1:] == ["王芳", "查看单个明文", "people.csv", "第 2 行, 身份证号"]
    ended, confirmed, planned = (next(line[-1] for line in newest if line[2] == act) for act in ("结束", "确认", "生成计划"))
    assert ended.startswith("已完成")
    assert re.fullmatch("计划 [0-9a-f]+，最多 1 次", confirmed)
    assert re.fullmatch("计划 [0-9a-f]+，1 次", planned)
    assert "服务器" in [line[1] for line in newest]


def test_every_act_has_words():
    from batchverify.words.page import PAGE

    package = Path(__file__).parents[2] / "batchverify"
    source = "\n".join(path.read_text() for part in ("web/pages", "web", "desk") for path in (package / part).glob("*.py"))
    words = set(re.findall(r'note[(,][^"\n]*"(\w+)"', source))
    assert words >= {"package_entered", "settings_changed", "app_code_set", "reconciled", "logged_in", "uploaded"}
    assert {f"act.{word}" for word in words} <= set(PAGE)


def test_who_only_views_sees_and_changes_nothing(office, verified):
    reader = Reader(office, roles=frozenset({Role.VIEW}))
    verified(2)
    assert '<form method="post"' not in re.search(r"<main.*</main>", reader.get("/quota").text, re.DOTALL)[0]
    assert "Only an administrator changes settings." in text_of(reader.get("/settings"))
    assert cell_rows(reader.get("/quota/usage"))[-1] == ["In all", "2", "0"]
    assert reader.get("/doctor").status_code == 403
    for place in (
        "/quota/packages",
        "/quota/take-out",
        "/quota/balance",
        "/settings",
        "/settings/app-code",
        "/quota/reconcile/write",
    ):
        assert reader.post(place, {"size": "1000"}).status_code == 403, place
    for place in ("/quota/orders", "/quota/reconcile"):
        assert send(reader, place, {}).status_code == 403, place
    assert "No package is entered yet" in text_of(reader.get("/quota"))


def test_what_was_freed_on_the_page_is_run_again_from_its_job(reader, sandbox, export, tmp_path):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(2, 3), billed=False))
    case = reader.ended(a_sheet(tmp_path, rows(5)))
    sandbox.vendor.script_faults()
    reader.get("/quota/reconcile")
    shown = send(reader, "/quota/reconcile", {"saved_at": "2026-11-24T10:50"}, export())
    written = reader.post("/quota/reconcile/write", {"comparison": reader.form_of(shown)["comparison"]})
    assert f'href="/jobs/{case}"' in written.text

    page = text_of(reader.get(f"/jobs/{case}/result"))
    assert "Rows in doubt" not in page
    assert "Run only the failed rows (at most ¥0.38)" in page
    plan = reader.get(f"/jobs/{case}/rerun")
    reader.post(f"/jobs/{case}/rerun", reader.form_of(plan))
    reader.wait(case)
    assert "5 / 5" in text_of(reader.get(f"/jobs/{case}/result"))
    assert sandbox.bill.billed() == 5


def test_the_stream_of_a_page_that_outlived_its_session_ends_and_does_not_come_back(reader):
    reader.cookies.clear()

    assert reader.get("/jobs/c-any/events", accept="text/event-stream").status_code == 204
    assert reader.get("/jobs/c-any/progress").headers["location"] == "/login?next=/jobs/c-any/progress"
