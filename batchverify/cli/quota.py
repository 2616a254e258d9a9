"""`batchverify quota`: packages, balance, what to buy, usage, reconciliation, invoice."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchverify.cli import options as given_options
from batchverify.cli.quota_usage import reconcile, usage
from batchverify.cli.terminal import Terminal, home_of, print_out, say, session_of, start
from batchverify.errors import InputError

if TYPE_CHECKING:
    from batchverify.job import Session
    from batchverify.job.buying import Bought
    from batchverify.rules.invoice import Month
    from batchverify.settings import Settings

_NUMBER = re.compile(r"\d[\d,_]*")
_LARGEST = 10**12


class Day(click.ParamType[datetime]):
    """A day or an instant of Beijing time."""

    name = "DAY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from batchverify.rules.orders import moment_in

        at = value if isinstance(value, datetime) else moment_in(str(value))
        if at is None:
            self.fail(f"{value!r} is no day such as 2026-11-24.", param, ctx)
        return at


class MonthOf(click.ParamType[Any]):
    """A calendar month."""

    name = "MONTH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from batchverify.rules.invoice import Month

        month = value if isinstance(value, Month) else Month.spelled(str(value))
        if month is None:
            self.fail(f"{value!r} is no month such as 2026-01.", param, ctx)
        return month


class Asks(click.ParamType[int]):
    """A number of asks, as people write it."""

    name = "INTEGER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).replace(",", "").replace("_", "")
        if not (text.isascii() and text.isdecimal()) or int(text) > _LARGEST:
            self.fail(f"{value!r} is no number of asks.", param, ctx)
        return int(text)


_sandbox_option = click.option("--sandbox", is_flag=True, help="The sandbox's wallet instead of the real one.")


@click.group()
def quota() -> None:
    """Packages, balance, what to buy, usage by window, reconciliation, invoice."""


quota.add_command(usage)
quota.add_command(reconcile)


@quota.command()
@click.argument("size", required=False)
@click.option(
    "--from-list", metavar="SIZE", help="A package of the vendor's price list, by its size or name: 1000, 180元/1000次."
)
@click.option(
    "--orders",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A csv or xlsx copied from the vendor's order page; columns by name.",
)
@click.option("--price", type=given_options.Yuan(), help="What the package cost, vouchers included.")
@click.option("--voucher", type=given_options.Yuan(), default="0", help="How much of that was paid by voucher: on no invoice.")
@click.option("--order", "order_number", metavar="NUMBER", help="Number of the order, for the invoice.")
@click.option("--bought-at", type=Day(), help="Day of purchase, Beijing time. Default: now.")
@click.option("--until", type=Day(), help="Day of expiry. Default: valid for ever.")
@click.option("--used", type=Asks(), default="0", help="Asks that were gone from it before.")
@click.option("--count", type=click.IntRange(1, 1000), default=1, help="How many of it. Default: 1.")
@click.option("--id", "vendor_id", default="", metavar="WORD", help="The vendor's 套餐包ID.")
@click.option("--name", metavar="WORD", help="What it is called. Default: as in the vendor's console.")
@_sandbox_option
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def add(size: str | None, from_list: str | None, orders: Path | None, **given: Any) -> int:
    """Enter a package of SIZE asks, one of the price list, or all orders of a file."""
    from batchverify.cli.quota_show import entered_text, package_json, shown_id
    from batchverify.job.buying import package_and_order
    from batchverify.job.wallet import enter_orders, enter_packages

    if sum(choice is not None for choice in (size, from_list, orders)) != 1:
        raise InputError("Say what was bought: a SIZE, --from-list SIZE or --orders FILE, and one of them only.")
    settings, session = _opened(given)
    if orders is not None:
        entered = enter_orders(session, orders)
    else:
        package, purchase = package_and_order(_bought(size, from_list, given), now=session.clock.now())
        entered = enter_packages(session, [package] * given["count"], purchase=purchase)
    if given["as_json"]:
        packages = [package_json(package) for package in entered.packages]
        refunded = [shown_id(package) for package in entered.refunded]
        print_out({"packages": packages, "orders_only": entered.orders_only, "known": entered.known, "refunded": refunded})
    else:
        print_out(entered_text(entered, given_options.lang_of(settings)))
    return 0


@quota.command("list")
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True, help="Ten packages a page.")
@_sandbox_option
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def list_packages(page: int, **given: Any) -> int:
    """List the packages, the newest first: used and total, validity, state."""
    from batchverify.cli.quota_show import PAGE, packages_json, packages_text
    from batchverify.job.wallet import holdings

    settings, session = _opened(given)
    held = holdings(session)
    pages = max(1, -(-len(held.packages) // PAGE))
    if page > pages:
        raise InputError(f"There is no page {page}: the packages fill {pages}.")
    if given["as_json"]:
        print_out(packages_json(held, page=page, low_percent=settings.low_balance_percent))
    else:
        print_out(packages_text(held, given_options.lang_of(settings), page=page))
    return 0


@quota.command()
@click.argument("package", metavar="ID")
@_sandbox_option
@given_options.lang_option
@given_options.home_options
def remove(package: str, **given: Any) -> int:
    """Take out a package by its ID, if no ask was laid on it: for what was entered by mistake."""
    from batchverify.cli.quota_show import word
    from batchverify.job.wallet import drop_package

    settings, session = _opened(given)
    drop_package(session, package)
    say(word("removed", given_options.lang_of(settings)).format(package), err=True)
    return 0


@quota.command()
@click.option("--left", type=Asks(), help="What the vendor's console says is left.")
@click.option("--total", type=Asks(), help="Of how many, as the console says.")
@_sandbox_option
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def balance(left: int | None, total: int | None, **given: Any) -> int:
    """Read the vendor's balance, by AccessKey from the environment or typed in, and show it beside our count. Free."""
    from batchverify.cli.quota_show import balance_json, balance_text
    from batchverify.job.wallet import fetch_balance, note_balance

    settings, session = _opened(given)
    if left is None and total is not None:
        raise InputError("--total goes with --left N. Leave both out to ask the vendor.")
    held = fetch_balance(session) if left is None else note_balance(session, left=left, total=total)
    percent = settings.low_balance_percent
    if given["as_json"]:
        print_out(balance_json(held, low_percent=percent))
    else:
        print_out(balance_text(held, given_options.lang_of(settings), low_percent=percent))
    return 0


@quota.command()
@click.argument("needed", metavar="N|FILE")
@click.option("--trial", is_flag=True, help="Count the free package, once per account.")
@given_options.reading_options
@given_options.asking_options
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def plan(needed: str, *, trial: bool, **given: Any) -> int:
    """Find the cheapest packages for N asks, or for what a run of FILE would ask, beside the naive choice. Free."""
    from batchverify.cli.quota_show import purchasing_json, purchasing_text
    from batchverify.cli.sheets import readings_of
    from batchverify.job import plan_file
    from batchverify.job.wallet import plan_purchase

    settings, session = _opened(given)
    if _NUMBER.fullmatch(needed) and not Path(needed).exists():
        asks = Asks().convert(needed, None, None)
    else:
        options = given_options.options_of(given, settings)
        work = readings_of([Path(needed)], options, settings, given, session.passwords)
        asks = sum(plan_file(file, one, session).asks for file, one in work)
    made = plan_purchase(session, asks, trial=trial)
    lang = given_options.lang_of(settings)
    print_out(purchasing_json(made) if given["as_json"] else purchasing_text(made, lang, trial=trial))
    return 0


@quota.command()
@click.option("--status", metavar="WORD", help="The status that all these asks had: 202.")
@click.option("--before", type=Asks(), help="What was left before them.")
@click.option("--after", type=Asks(), help="What was left after them.")
@click.option("--asks", type=Asks(), help="How many there were. Default: 1.")
@click.option("--save", is_flag=True, help="Write the line into config.toml in the home.")
@_sandbox_option
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def calibrate(status: str | None, before: int | None, after: int | None, asks: int | None, *, save: bool, **given: Any) -> int:
    """Find out whether a status is billed: read the balance, ask a few rows that all get it, read it again, run this.

    Without numbers, the two newest balances that were read are taken and the asks of this home between them.
    """
    from batchverify.cli.quota_show import calibration_text, word
    from batchverify.job.wallet import calibrate as measure
    from batchverify.settings import billed_line, keep_billed

    settings, session = _opened(given)
    found = measure(session, status=status, before=before, after=after, asks=asks)
    if save and session.simulated:
        raise InputError("What the sandbox bills says nothing about the vendor. Leave out --save.")
    saved_in = keep_billed(home_of(settings), found.status, found.billed) if save else None
    line = billed_line(found.status, found.billed)
    if given["as_json"]:
        told = {"status": found.status, "asks": found.asks, "used": found.used, "billed": found.billed.value, "line": line}
        print_out(told | {"saved": saved_in is not None})
        return 0
    lang = given_options.lang_of(settings)
    how = word("saved", lang).format(saved_in) if saved_in is not None else f"{word('line', lang)}\n\n[billed]\n{line}"
    print_out(f"{calibration_text(found, lang)}\n{how}")
    return 0


@quota.command()
@click.option("--from", "first", type=MonthOf(), required=True, help="First month: 2026-01.")
@click.option("--to", "last", type=MonthOf(), help="Last month. Default: the first.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the statement here, .xlsx or .csv.")
@_sandbox_option
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def invoice(first: Month, last: Month | None, output: Path | None, **given: Any) -> int:
    """State which orders to apply for an invoice with, by month: what was paid, vouchers left out, refunds merged."""
    from batchverify.job.wallet import invoice as statement
    from batchverify.job.wallet import write_invoice
    from batchverify.report.invoice import invoice_json, invoice_text

    settings, session = _opened(given)
    until = first if last is None else last
    found = statement(session, first=first, last=until)
    lang = given_options.lang_of(settings)
    if output is not None:
        placed = write_invoice(found, output, first=first, last=until, lang=lang)
        say(f"{placed.path}{f' ({placed.note})' if placed.note else ''}", err=True)
    if given["as_json"]:
        print_out(invoice_json(found, first=first, last=until))
    else:
        print_out(invoice_text(found, first=first, last=until, lang=lang))
    return 0


def _opened(given: dict[str, Any]) -> tuple[Settings, Session]:
    settings = start(given)
    return settings, session_of(settings, given, Terminal(given, settings))


def _bought(size: str | None, from_list: str | None, given: dict[str, Any]) -> Bought:
    """What the options say was bought."""
    from batchverify.job.buying import Bought

    return Bought(
        size=size or from_list or "",
        is_listed=from_list is not None,
        price=given["price"],
        voucher=given["voucher"],
        order=given["order_number"],
        bought_at=given["bought_at"],
        expires_at=given["until"],
        used=given["used"],
        count=given["count"],
        vendor_id=given["vendor_id"],
        name=given["name"] or "",
    )
