"""Packages, balance, what to buy, calibration, invoice: the commands of `quota` as their user has them."""

from __future__ import annotations

import csv
import json
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from batchverify.cli.main import cli
from batchverify.errors import BatchVerifyError
from batchverify.model import Billed
from batchverify.settings import load_settings
from tests.builders import a_row, rows
from tests.desk import Desk
from tests.vendor.account import KEY_ID, SECRET, a_subscription, an_account

ORDERS = """\
云市场订单
订单编号,产品名称,类型,套餐版本,订单支付时间,代金券抵扣,订单实付金额,到期时间
A1,银行卡3元素实名认证,订单,180元/1000次,2026-01-12 10:46:41,20.00,160.00,
A2,银行卡3元素实名认证,订单,19元/100次,2026-02-03 09:00:00,,19.00,2027-02-03
A3,全国快递物流查询,订单,100次,2026-03-02 09:00:00,,200.00,
A1,银行卡3元素实名认证,退款订单,,2026-04-03 09:00:00,,-160.00,
A5,银行卡4元素实名认证,订单,1600元/10000次,2026-05-07 09:00:00,0,1600.00,
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def desk(sandbox, home, tmp_path) -> Desk:
    """Verify in this process, on the home whose wallet the commands look at."""
    return Desk(folder=tmp_path, home=home, endpoint=sandbox.endpoint)


@pytest.fixture
def quota(home):
    """Run `batchverify quota …` in this process, on the home of the test."""

    def run(*arguments: object) -> Ended:
        ended = CliRunner().invoke(cli, ["quota", *map(str, arguments), "--home", str(home)], standalone_mode=False)
        match ended.exception:
            case None:
                return Ended(code=int(ended.return_value or 0), out=ended.stdout, err=ended.stderr)
            case BatchVerifyError() as error:
                return Ended(code=error.exit_code, out=ended.stdout, err=str(error))
            case error if hasattr(error, "format_message"):
                return Ended(code=2, out=ended.stdout, err=error.format_message())
            case error:
                raise error

    return run


@pytest.fixture
def orders(tmp_path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_bytes(ORDERS.encode("gb18030"))
    return path


# Entering and listing ------------------------------------------------------------------------------------------------


def test_a_package_of_the_price_list_is_entered_with_its_price_and_listed_like_the_console(quota):
    entered = quota("add", "--from-list", 1000, "--bought-at", "2026-01-05", "--until", "2099-01-05", "--id", "12254205")
    listed, chinese = quota("list", "--lang", "en"), quota("list", "--lang", "zh")

    assert (entered.code, listed.code) == (0, 0)
    assert entered.out == "Entered: 12254205 · 使用次数套餐包 · 0/1000 · ¥180.00 · 2026-01-05 – 2099-01-05\n"
    assert listed.out == (
        "ID        Name            Used/total  Valid                    Yuan    State\n"
        "12254205  使用次数套餐包  0/1000      2026-01-05 – 2099-01-05  180.00  active\n"
        "1 in all, 10 a page, page 1 of 1\n"
        "Left by our count: 1,000 / 1,000\n"
    )
    assert "套餐包ID  套餐包名称      使用状况 (使用/总量)" in chinese.out
    assert "已开通" in chinese.out


def test_a_package_is_active_used_up_or_expired(quota):
    quota("add", 10, "--used", 10, "--name", "full")
    quota("add", 20, "--bought-at", "2019-05-24", "--until", "2020-05-25", "--name", "old")
    quota("add", 30, "--name", "new")

    listed = quota("list", "--json").json

    assert [(one["name"], one["state"]) for one in listed["packages"]] == [
        ("new", "active"),
        ("full", "used_up"),
        ("old", "expired"),
    ]
    assert (listed["total"], listed["left"]) == (40, 30)
    assert [word for word in ("已用完", "已过期") if word not in quota("list", "--lang", "zh").out] == []


def test_used_goes_up_with_the_asks_of_the_sandbox_and_the_real_wallet_stays(quota, desk):
    desk.verify(rows(1))
    quota("add", 1000, "--used", 5, "--sandbox")
    quota("add", 100)
    desk.verify(rows(3, first=10))

    assert [one["used"] for one in quota("list", "--json", "--sandbox").json["packages"]] == [8]
    assert [one["used"] for one in quota("list", "--json").json["packages"]] == [0]


@pytest.mark.parametrize(
    ("arguments", "yuan"),
    [
        (["180元/1000次"], "180.00"),
        (["1,000"], None),
        (["1000", "--price", "150.5"], "150.50"),
        (["--from-list", "1000", "--price", "150"], "150.00"),
        (["--from-list", "0元/5次"], "0.00"),
    ],
)
def test_a_price_is_the_lists_where_the_list_is_named_and_else_what_was_given(quota, arguments, yuan):
    assert [one["yuan"] for one in quota("add", *arguments, "--json").json["packages"]] == [yuan]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Say what was bought"),
        (["100", "--from-list", "100"], "one of them only"),
        (["--from-list", "123"], "'123' is no package of the price list"),
        (["many"], "'many' is no size of a package"),
        (["0"], "A package of 0 asks with 0 used cannot be"),
        (["10", "--used", "11"], "with 11 used cannot be"),
        (["10", "--order", "A1"], "needs its price"),
        (["10", "--order", "A1", "--price", "19", "--voucher", "20"], "no less than the voucher"),
        (["10", "--count", "2", "--id", "1"], "An ID is that of one package"),
        (["10", "--bought-at", "2099-01-01"], "The day of purchase is in the future"),
        (["10", "--bought-at", "2026-01-02", "--until", "2026-01-01"], "cannot expire before it was bought"),
        (["10", "--bought-at", "soon"], "'soon' is no day such as 2026-11-24."),
        (["10", "--used", "few"], "'few' is no number of asks."),
        (["10", "--price", "0.001"], "part of a fen"),
        (["--orders", "gone.csv"], "gone.csv"),
    ],
)
def test_what_cannot_have_been_bought_is_refused_and_nothing_is_entered(quota, arguments, says):
    refused = quota("add", *arguments)

    assert refused.code == 2
    assert says in refused.err
    assert quota("list", "--json").json["count"] == 0


def test_without_packages_the_list_says_how_to_enter_one(quota):
    assert "quota add --from-list 1000" in quota("list", "--lang", "en").out
    assert quota("list", "--lang", "zh").out.startswith("尚未登记套餐包")
    assert quota("list", "--json").json == {
        "count": 0,
        "packages": [],
        "total": None,
        "used": 0,
        "left": None,
        "low": False,
        "low_percent": 20,
        "vendor": None,
    }


def test_an_order_is_entered_once(quota):
    arguments = ("add", "--from-list", 1000, "--order", "A1")

    assert quota(*arguments).code == 0
    again = quota(*arguments)

    assert (again.code, again.err) == (
        2,
        "The order 'A1' was entered before. `batchverify quota list` shows what is there.",
    )
    assert quota("list", "--json").json["count"] == 1


def test_orders_copied_from_the_vendors_page_are_entered_once_with_their_packages(quota, orders):
    first, again = quota("add", "--orders", orders, "--json"), quota("add", "--orders", orders, "--lang", "en")

    assert [(one["total"], one["yuan"], one["order"]) for one in first.json["packages"]] == [
        (1000, "180.00", "A1"),
        (100, "19.00", "A2"),
        (10_000, "1600.00", "A5"),
    ]
    assert (first.json["orders_only"], first.json["known"]) == (["A3", "A1"], [])
    assert again.out == "Entered before, left as they are: A1, A2, A3, A1, A5\n"
    assert quota("list", "--json").json["count"] == 3


def test_several_packages_of_one_order_are_entered_together(quota):
    entered = quota(
        "add", "--from-list", 100, "--count", 3, "--order", "C1", "--voucher", "7", "--bought-at", "2026-03-05", "--json"
    )

    assert [(one["total"], one["yuan"], one["order"]) for one in entered.json["packages"]] == [(100, "19.00", "C1")] * 3
    (march,) = quota("invoice", "--from", "2026-03", "--json").json["applications"]
    assert (march["amount"], march["vouchers"]) == ("50.00", "7.00")


def test_a_refunded_package_is_named_until_somebody_takes_it_out(quota, orders):
    entered = quota("add", "--orders", orders, "--lang", "en")

    assert entered.out.splitlines()[-1] == (
        "Refunded and still counted; take it out with `quota remove` if the vendor has taken it back: 1"
    )
    assert quota("remove", "1").code == 0
    assert [one["order"] for one in quota("list", "--json").json["packages"]] == ["A5", "A2"]
    assert "Refunded" not in quota("add", "--orders", orders, "--lang", "en").out


def test_an_order_that_looks_like_a_formula_is_none_on_the_statement(quota, orders, tmp_path):
    orders.write_text(ORDERS.splitlines()[1] + "\n=1+1,=HYPERLINK(1),订单,,2026-01-12,,19.00,\n", "utf-8")
    quota("add", "--orders", orders)

    for name in ("invoice.csv", "invoice.xlsx"):
        assert quota("invoice", "--from", "2026-01", "-o", tmp_path / name).code == 0

    assert "'=1+1,'=HYPERLINK(1)," in (tmp_path / "invoice.csv").read_text("utf-8-sig")
    (sheet,) = load_workbook(tmp_path / "invoice.xlsx").worksheets
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s", "n"}


def test_a_line_that_is_not_understood_leaves_all_orders_out(quota, orders):
    orders.write_text(ORDERS + "A6,银行卡,订单,100次,2026-06-01,,free,\n", "utf-8")

    refused = quota("add", "--orders", orders)

    assert refused.code == 2
    assert refused.err.startswith("Row 8 of orders.csv has an amount that is not understood")
    assert quota("list", "--json").json["count"] == 0


def test_the_list_has_ten_packages_a_page_the_newest_first(quota):
    for number in range(1, 13):
        quota("add", 100, "--id", f"ID{number}", "--bought-at", f"2026-01-{number:02d}")

    assert [one["id"] for one in quota("list", "--json").json["packages"]] == [f"ID{number}" for number in range(12, 2, -1)]
    assert [one["id"] for one in quota("list", "--page", 2, "--json").json["packages"]] == ["ID2", "ID1"]
    assert "共有 12 条，每页显示 10 条，第 2/2 页" in quota("list", "--page", 2, "--lang", "zh").out
    assert quota("list", "--page", 3).err == "There is no page 3: the packages fill 2."


def test_what_was_entered_by_mistake_is_taken_out_unless_it_was_used(quota, desk):
    desk.verify(rows(1))
    quota("add", 100, "--id", "12254205", "--sandbox")
    quota("add", 200, "--sandbox")
    desk.verify(rows(1, first=10))

    removed, used, unknown = (quota("remove", name, "--sandbox", "--lang", "en") for name in ("2", "12254205", "1"))

    assert (removed.code, removed.err) == (0, "The package 2 is taken out.\n")
    assert (used.code, unknown.code) == (2, 2)
    assert "so it stays: the bill rests on it" in used.err
    assert unknown.err == "There is no package '1'. `batchverify quota list` shows them."
    assert [one["id"] for one in quota("list", "--json", "--sandbox").json["packages"]] == ["12254205"]


# The balance ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "difference", "says"),
    [
        (100, 0, "Both counts agree."),
        (93, -7, "The vendor counts 7 fewer left than we do: somebody else uses the AppCode"),
        (102, 2, "The vendor counts 2 more left than we do: some statuses may be free"),
    ],
)
def test_a_balance_that_is_typed_in_stands_beside_our_count(quota, left, difference, says):
    quota("add", 100)

    shown, told = quota("balance", "--left", left, "--lang", "en"), quota("balance", "--left", left, "--json")

    assert shown.out.splitlines()[:1] == ["Left by our count: 100 / 100"]
    assert f"Left as the vendor says: {left} (as of 20" in shown.out
    assert says in shown.out
    assert (told.json["vendor"]["difference"], told.json["vendor"]["our_count_then"]) == (difference, 100)
    assert quota("list", "--json").json["vendor"]["left"] == left


def test_a_low_balance_is_said(quota, home):
    quota("add", 100, "--used", 81)

    assert "Less than 20 % of the packages is left. Time to buy." in quota("balance", "--left", 19, "--lang", "en").out
    (home / "config.toml").write_text("low_balance_percent = 10\n")
    assert "Time to buy" not in quota("balance", "--left", 19, "--lang", "en").out


def test_without_packages_there_is_no_count_of_ours_to_compare(quota):
    shown = quota("balance", "--left", 7, "--lang", "en")

    assert shown.out.startswith("Left by our count: not known\nLeft as the vendor says: 7 (as of ")
    assert shown.out.count("\n") == 2


def test_the_vendors_account_is_asked_with_the_access_key_of_the_environment(quota, monkeypatch):
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
    with an_account() as account:
        monkeypatch.setenv("BATCHVERIFY_BALANCE_ENDPOINT", account.endpoint)
        account.subscriptions = [a_subscription(6922, 13818, 20740)]
        told = quota("balance", "--json")

    assert told.code == 0
    assert {name: told.json["vendor"][name] for name in ("source", "left", "total")} == {
        "source": "vendor",
        "left": 6922,
        "total": 20740,
    }
    assert (told.json["left"], told.json["total"]) == (6922, 20740)  # no package is entered: the vendor's word stands
    assert SECRET not in told.out + told.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "There is no AccessKey. Set ALIBABA_CLOUD_ACCESS_KEY_ID"),
        (["--sandbox"], "The sandbox has no account to be asked"),
        (["--total", "5"], "--total goes with --left N"),
        (["--left", "6", "--total", "5"], "The balance cannot be"),
    ],
)
def test_a_balance_that_cannot_be_read_is_refused(quota, monkeypatch, arguments, says):
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID", raising=False)

    refused = quota("balance", *arguments)

    assert refused.code == 2
    assert says in refused.err


def test_a_stranger_in_the_current_folder_cannot_say_where_the_account_is_asked(quota, tmp_path):
    (tmp_path / "batchverify.toml").write_text('balance_endpoint = "https://example.com"\n')

    assert "names 'balance_endpoint'" in quota("balance").err


# What to buy ---------------------------------------------------------------------------------------------------------


def test_the_cheapest_packages_stand_beside_the_naive_choice(quota):
    shown, told = quota("plan", "4,000", "--lang", "en"), quota("plan", 4000, "--json")

    assert shown.out == (
        "Asks needed: 4,000\n"
        "Cheapest: 4 × 1,000 = ¥720.00 · ¥0.18 an ask · 0 left over\n"
        "One package that fits: 1 × 5,000 = ¥850.00 · ¥0.17 an ask · 1,000 left over\n"
        "Cheaper by ¥130.00\n"
    )
    assert told.json["cheapest"] == {
        "packages": [{"asks": 1000, "yuan": "180.00", "count": 4}],
        "asks": 4000,
        "yuan": "720.00",
        "per_ask": "0.18",
        "left_over": 0,
    }
    assert (told.json["naive"]["yuan"], told.json["saved"]) == ("850.00", "130.00")


def test_what_the_wallet_holds_is_used_first(quota):
    quota("add", 1000, "--used", 900)

    assert quota("plan", 150, "--lang", "en").out.splitlines()[0] == "Asks needed: 150 · left in the wallet 100 · to buy 50"
    assert quota("plan", 150, "--json").json["cheapest"]["yuan"] == "19.00"
    assert "Nothing to buy." in quota("plan", 100, "--lang", "en").out
    assert "无需购买" in quota("plan", 100, "--lang", "zh").out


def test_the_free_package_counts_once_per_account(quota):
    assert quota("plan", 105, "--trial", "--json").json["cheapest"]["yuan"] == "19.00"
    assert quota("plan", 105, "--json").json["cheapest"]["yuan"] == "38.00"
    quota("add", "--from-list", "0元/5次", "--used", 5)

    assert quota("plan", 105, "--trial", "--json").json["cheapest"]["yuan"] == "38.00"
    assert "counts once per account" in quota("plan", 105, "--trial", "--lang", "en").out


def test_more_than_the_biggest_package_is_bought_in_several(quota):
    assert "Only the biggest package: 3 × 1,000,000 = ¥300000.00" in quota("plan", 2_500_000, "--lang", "en").out


def test_a_file_needs_what_its_plan_would_ask(quota, desk, sandbox):
    path = desk.sheet([a_row(1), a_row(2), a_row(1), a_row(3, idCard="")])

    assert quota("plan", path, "--sandbox", "--json").json["needed"] == 2
    assert sandbox.bill.total() == 0


@pytest.mark.parametrize("needed", ["gone.xlsx", "1000000000000000"])
def test_what_is_neither_a_number_nor_a_file_is_refused(quota, needed):
    assert quota("plan", needed).code == 2


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        (
            "en",
            [
                "Left in the wallet: 3 · 2 more are needed than are left · less than 20 % of the packages is left, time to buy",
                "Cheapest to buy: 1 × 100 = ¥19.00",
            ],
        ),
        ("zh", ["剩余额度: 3 · 还差 2 次 · 套餐余量不足 20%，请及时续费", "最省的购买方式: 1 × 100 = ¥19.00"]),
    ],
)
def test_a_plan_says_what_the_wallet_lacks_and_what_to_buy(quota, desk, home, lang, lines):
    quota("add", 100, "--used", 97, "--sandbox")

    planned = CliRunner().invoke(
        cli, ["plan", str(desk.sheet(rows(5))), "--sandbox", "--home", str(home), "--lang", lang], standalone_mode=False
    )

    assert [line for line in planned.stdout.splitlines() if line in lines] == lines


def test_the_bill_is_split_by_the_column_that_run_and_render_name(desk, home):
    path = desk.sheet([a_row(1, 部门="甲", 项目="X"), a_row(2, 部门="乙", 项目="X")])

    def split(*arguments: str) -> tuple[str, dict[str, int], str]:
        ended = CliRunner().invoke(cli, [*arguments, "--json", "--home", str(home)], standalone_mode=False)
        document = json.loads(ended.stdout)
        return (
            document["cost_by"]["column"],
            {one["value"]: one["asks"] for one in document["cost_by"]["groups"]},
            document["job"],
        )

    column, groups, job = split("run", str(path), "--sandbox", "--yes", "--cost-by", "部门")
    assert (column, groups) == ("部门", {"甲": 1, "乙": 1})
    assert split("render", job)[:2] == (column, groups)
    assert split("render", job, "--cost-by", "项目")[:2] == ("项目", {"X": 2})
    assert split("resume", job, "--yes", "--cost-by", "E")[:2] == ("项目", {"X": 2})
    whole = CliRunner().invoke(cli, ["render", job, "--json", "--home", str(home), "--cost-by", ""], standalone_mode=False)
    assert "cost_by" not in json.loads(whole.stdout)


# Which statuses are billed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "says", "billed"),
    [
        (["--before", 5, "--after", 4], "Status 202 is billed: 1 asks used up 1.", "1"),
        (["--before", 5, "--after", 5, "--asks", 3], "Status 202 is free: 3 asks used up 0.", "0"),
        (["--before", 5, "--after", 4, "--asks", 3], "Status 202 is sometimes billed: 3 asks used up 1.", "?"),
    ],
)
def test_two_balances_tell_whether_a_status_is_billed(quota, numbers, says, billed):
    shown = quota("calibrate", "--status", 202, *numbers, "--lang", "en")

    assert shown.out == (
        f"{says}{' It counts as unknown.' if billed == '?' else ''}\n"
        f'Write this into config.toml in the home, or add --save:\n\n[billed]\n"202" = "{billed}"\n'
    )
    assert quota("calibrate", "--status", 202, *numbers, "--json").json["billed"] == billed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--before", 5, "--after", 4], "Say which status the asks had: --status 202."),
        (["--status", 202, "--before", 5], "Give both --before and --after, or neither"),
        (["--status", 202, "--before", 5, "--after", 3], "1 asks cannot have used up 2"),
        (["--status", 202, "--before", 5, "--after", 6], "1 asks cannot have used up -1"),
        ([], "There are no two balances yet."),
    ],
)
def test_numbers_that_tell_nothing_are_refused(quota, arguments, says):
    refused = quota("calibrate", *arguments)

    assert refused.code == 2
    assert says in refused.err


def test_between_two_balances_the_ledger_knows_what_was_asked(quota, desk):
    desk.verify([a_row(9)])
    quota("balance", "--left", 5, "--sandbox")
    desk.verify([a_row(1, verdict="02"), a_row(2, verdict="02")])
    quota("balance", "--left", 3, "--sandbox")

    found = quota("calibrate", "--sandbox", "--json")

    assert (found.json["status"], found.json["asks"], found.json["used"], found.json["billed"]) == ("02", 2, 2, "1")
    assert "says nothing about the vendor" in quota("calibrate", "--sandbox", "--save").err
    assert "there is 2 × 02; that does not tell" in quota("calibrate", "--sandbox", "--status", "203").err


def test_several_statuses_between_two_balances_do_not_tell_what_one_costs(quota, desk):
    desk.verify([a_row(9)])
    quota("balance", "--left", 5, "--sandbox")
    desk.verify([a_row(1), a_row(2, verdict="02")])
    quota("balance", "--left", 3, "--sandbox")

    assert "there is 1 × 01, 1 × 02; that does not tell" in quota("calibrate", "--sandbox").err


def test_nothing_is_written_unless_saving_is_asked_for_and_then_the_rest_stays(quota, home):
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.write_text('# ours\nqps = 20.0\n\n[billed] # measured\n"203" = "0"\n"202" = "?"\n')
    before = config.read_text()
    quota("calibrate", "--status", 202, "--before", 5, "--after", 4)
    assert config.read_text() == before

    saved = quota("calibrate", "--status", 202, "--before", 5, "--after", 4, "--save", "--lang", "en")

    assert saved.out.splitlines()[-1] == f"Saved in {config}."
    assert config.read_text() == '# ours\nqps = 20.0\n\n[billed] # measured\n"202" = "1"\n"203" = "0"\n'
    assert load_settings(home=home).billed == {"202": Billed.YES, "203": Billed.NO}


def test_saving_makes_the_file_where_there_is_none(quota, home):
    quota("calibrate", "--status", 204, "--before", 5, "--after", 5, "--save")

    assert tomllib.loads((home / "config.toml").read_text()) == {"billed": {"204": "0"}}
    assert (home / "config.toml").stat().st_mode & 0o777 == 0o600
    quota("calibrate", "--status", 203, "--before", 5, "--after", 4, "--save")
    assert load_settings(home=home).billed == {"204": Billed.NO, "203": Billed.YES}


def test_a_table_that_stands_in_one_line_is_left_to_its_owner(quota, home):
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text('billed = { "203" = "0" }\n')

    refused = quota("calibrate", "--status", 202, "--before", 5, "--after", 4, "--save")

    assert refused.code == 2
    assert 'Write "202" = "1" into its table [billed] yourself.' in refused.err
    assert (home / "config.toml").read_text() == 'billed = { "203" = "0" }\n'


def test_a_status_that_is_free_costs_a_later_job_nothing(quota, desk, sandbox):
    (desk.home).mkdir(mode=0o700, exist_ok=True)
    quota("calibrate", "--status", "02", "--before", 5, "--after", 5, "--save")

    result = desk.verify([a_row(1), a_row(2, verdict="02")])

    assert (result.json["asks"]["billed"], result.json["asks"]["free"]) == (1, 1)
    assert result.json["cost"]["max"] == "0.19"


# The invoice ---------------------------------------------------------------------------------------------------------


def test_the_invoice_statement_is_a_sheet_for_the_finance_desk(quota, orders, tmp_path):
    quota("add", "--orders", orders)

    written = quota("invoice", "--from", "2026-01", "--to", "2026-06", "-o", tmp_path / "invoice.xlsx", "--lang", "zh")

    assert written.code == 0
    assert "第 4 次申请（2026-04 + 2026-05） · 合并申请：当月可索取总额小于零，需与下月合并: ¥1440.00" in written.out
    (sheet,) = load_workbook(tmp_path / "invoice.xlsx").worksheets
    table = list(sheet.iter_rows(values_only=True))
    assert sheet.title == "发票申请明细"
    assert ("A1", "银行卡3元素实名认证", "订单", "2026-01-12 10:46:41", 160, 20) in table
    assert ("A1", "银行卡3元素实名认证", "退款", "2026-04-03 09:00:00", -160, 0) in table
    assert table[-1][:5] == ("可开票金额合计", None, None, None, 1819)
    assert {cell.number_format for cell in sheet["E"] if isinstance(cell.value, int | float)} == {"#,##0.00"}


def test_the_statement_as_csv_and_json_has_the_same_orders(quota, orders, tmp_path):
    quota("add", "--orders", orders)

    told = quota("invoice", "--from", "2026-01", "--to", "2026-06", "-o", tmp_path / "invoice.csv", "--json", "--lang", "en")

    with (tmp_path / "invoice.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    listed = [order for one in told.json["applications"] for order in one["orders"]]
    assert [line["Order number"] for line in lines] == [order["order"] for order in listed] == ["A1", "A2", "A3", "A1", "A5"]
    assert [line["Paid (yuan)"] for line in lines] == [order["paid"] for order in listed]
    assert told.json["total"] == "1819.00"
    assert told.err == f"{tmp_path / 'invoice.csv'}\n"


def test_an_order_that_was_entered_by_hand_is_on_the_statement_without_its_voucher(quota):
    quota("add", "--from-list", 1000, "--order", "B1", "--voucher", "30", "--bought-at", "2026-03-31 23:59:59")
    quota("add", 50, "--price", 9, "--order", "B2")

    (march,) = quota("invoice", "--from", "2026-03", "--json").json["applications"]
    today = datetime.now(UTC) + timedelta(hours=8)
    (now,) = quota("invoice", "--from", f"{today:%Y-%m}", "--json").json["applications"]

    assert (march["amount"], march["vouchers"], march["orders"][0]["order"]) == ("150.00", "30.00", "B1")
    assert (now["amount"], now["buyer_pays_postage"]) == ("9.00", True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "2026-02", "--to", "2026-01"], "2026-01 comes before 2026-02. Give the earlier month as --from."),
        (["--from", "2026-13"], "'2026-13' is no month such as 2026-01."),
        (["--from", "spring"], "'spring' is no month such as 2026-01."),
        (["--from", "2026-01", "-o", "invoice.pdf"], "A statement cannot be written to 'invoice.pdf'."),
        (["--from", "2026-01", "-o", "nowhere/invoice.csv"], "There is no folder 'nowhere'"),
    ],
)
def test_a_statement_that_cannot_be_is_refused(quota, arguments, says):
    refused = quota("invoice", *arguments)

    assert refused.code == 2
    assert says in refused.err
