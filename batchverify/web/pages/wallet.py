"""The quota page: what is left, the packages and how they are entered, what to buy.

The one thing to know: all of it is what `batchverify quota` does, by the same functions; the page only asks and shows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.errors import InputError
from batchverify.job import Session
from batchverify.job.buying import Bought, package_and_order
from batchverify.job.clock import SystemClock
from batchverify.job.wallet import (
    Holdings,
    Purchasing,
    drop_package,
    enter_orders,
    enter_packages,
    fetch_balance,
    holdings,
    note_balance,
    plan_purchase,
    state_of,
)
from batchverify.rules.balance import BalanceWarning
from batchverify.rules.orders import moment_in, yuan_in
from batchverify.rules.packages import PACKAGES, TRIAL
from batchverify.web.drawing import page, when_text
from batchverify.web.pages.doors import Form, desk_of, door, say, see
from batchverify.web.pages.files import files_door

#: As many as the vendor's console shows.
_SHOWN: Final = 10
_LARGEST: Final = 10**12
_MOST_AT_ONCE: Final = 1_000
_FINE: Final = Decimal("0.0001")
_DONE: Final = ("entered", "orders_only", "known", "refunded", "taken_out", "noted")


class Nobody:
    """Watches nothing: the passes of these pages only look."""

    def approve(self, plan: Any, *, cap_asks: int | None) -> None:
        """See `Watcher`."""

    def asking(self, *, total: int, cap_asks: int | None) -> None:
        """See `Watcher`."""

    def progress(self, progress: Any) -> None:
        """See `Watcher`."""

    def sampled(self, statuses: Mapping[Any, int]) -> None:
        """See `Watcher`."""


def session_of(request: Request) -> Session:
    """What the functions of `job` need to look at this server's wallet."""
    desk = desk_of(request)
    settings = desk.settings.model_copy(update={"home": desk.home})
    return Session(settings=settings, watcher=Nobody(), built_in=desk.simulated)


def number_in(request: Request, text: str, *, label: str, most: int = _LARGEST) -> int | None:
    """A whole number as people write it, None where nothing is written.

    Raises:
        InputError: It is none, or too large.
    """
    plain = "".join(text.replace(",", "").replace("，", "").split())
    if not plain:
        return None
    if not (plain.isascii() and plain.isdecimal()) or len(plain) > len(str(most)) or int(plain) > most:
        raise InputError(say(request, "quota.no_number", label=say(request, label)))
    return int(plain)


def day_in(request: Request, text: str) -> datetime | None:
    """A day of Beijing, None where nothing is written.

    Raises:
        InputError: It is none.
    """
    if not text.strip():
        return None
    if (day := moment_in(text)) is None:
        raise InputError(say(request, "quota.no_day"))
    return day


def show(request: Request, form: Form) -> Response:
    """What is left, the packages, and what to buy where a number is asked about."""
    del form
    session = session_of(request)
    held = holdings(session)
    pages = max(1, -(-len(held.packages) // _SHOWN))
    number = min(number_in(request, request.query_params.get("page", ""), label="quota.page") or 1, pages)
    shown = held.packages[(number - 1) * _SHOWN : number * _SHOWN]
    return page(
        request,
        "quota.html",
        section="quota",
        part="packages",
        facts=_facts(request, held),
        difference=_difference(request, held),
        low=session.settings.low_balance_percent if BalanceWarning.LOW in held.warnings else None,
        packages=[(package, state_of(package, now=held.now)) for package in shown],
        page_number=number,
        pages=pages,
        price_list=(TRIAL, *PACKAGES),
        may_prepare=request.state.person.may("prepare"),
        may_ask=not session.simulated and bool(os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID")),
        done=_done(request),
        needed=request.query_params.get("needed", ""),
        with_trial=bool(request.query_params.get("trial")),
        planned=_planned(request, session),
    )


def enter(request: Request, form: Form) -> Response:
    """Enter a package."""
    session = session_of(request)
    listed = form.get("size", "")
    given = form.get("asks", "").strip()
    bought = Bought(
        size=given or listed,
        is_listed=not given,
        price=_yuan(request, form.get("price", "")),
        voucher=_yuan(request, form.get("voucher", "")) or Decimal(0),
        order=form.get("order", "").strip() or None,
        bought_at=day_in(request, form.get("bought_at", "")),
        expires_at=day_in(request, form.get("until", "")),
        used=number_in(request, form.get("used", ""), label="quota.gone") or 0,
        count=number_in(request, form.get("count", ""), label="quota.count", most=_MOST_AT_ONCE) or 1,
        vendor_id=form.get("vendor_id", ""),
    )
    package, purchase = package_and_order(bought, now=SystemClock().now())
    enter_packages(session, [package] * bought.count, purchase=purchase)
    _note(request, "package_entered", note=f"{bought.count} × {package.total}")
    return see(f"/quota?entered={bought.count}")


def enter_all(request: Request, form: Form, files: Sequence[Path]) -> Response:
    """Enter the orders of a file."""
    del form
    if not files:
        raise InputError(say(request, "quota.no_file"))
    entered = enter_orders(session_of(request), files[0])
    _note(request, "orders_entered", note=f"{len(entered.packages)} + {len(entered.orders_only)}")
    told = {
        "entered": len(entered.packages),
        "orders_only": len(entered.orders_only),
        "known": len(entered.known),
        "refunded": len(entered.refunded),
    }
    return see("/quota?" + "&".join(f"{word}={number}" for word, number in told.items() if number))


def take_out(request: Request, form: Form) -> Response:
    """Take out a package that was entered by mistake."""
    drop_package(session_of(request), form.get("package", ""))
    _note(request, "package_removed")
    return see("/quota?taken_out=1")


def balance(request: Request, form: Form) -> Response:
    """Keep what the vendor's console says is left, or ask the vendor's account."""
    session = session_of(request)
    if form.get("ask"):
        fetch_balance(session)
    else:
        left = number_in(request, form.get("left", ""), label="quota.balance_left")
        if left is None:
            raise InputError(say(request, "quota.no_number", label=say(request, "quota.balance_left")))
        note_balance(session, left=left, total=number_in(request, form.get("total", ""), label="quota.balance_total"))
    _note(request, "balance_noted")
    return see("/quota?noted=1")


def _note(request: Request, act: str, *, note: str = "") -> None:
    desk_of(request).note(request.state.person.name, act, note=note)


def _yuan(request: Request, text: str) -> Decimal | None:
    if not text.strip():
        return None
    amount = yuan_in(text)
    if amount is None or amount < 0:
        raise InputError(say(request, "quota.no_yuan"))
    return amount


def _done(request: Request) -> list[str]:
    """What was just done, from the figures in the address."""
    told = []
    for word in _DONE:
        figure = request.query_params.get(word, "")
        if figure.isascii() and figure.isdecimal() and len(figure) <= len(str(_LARGEST)):
            told.append(say(request, f"quota.{word}", number=f"{int(figure):,}"))
    return told


def _facts(request: Request, held: Holdings) -> list[tuple[str, str, str]]:
    wallet, reading = held.wallet, held.reading
    if wallet.left is None:
        facts = [(say(request, "quota.left"), say(request, "quota.unknown"), "")]
    else:
        of_all = say(request, "quota.of", total=f"{wallet.total:,}")
        facts = [(say(request, "quota.left"), f"{wallet.left:,}", of_all)]
    facts.append((say(request, "quota.used"), f"{wallet.used:,}", ""))
    if reading is not None:
        source = say(request, f"quota.{reading.source.value}")
        as_of = say(request, "quota.as_of", when=when_text(reading.at), source=source)
        facts.append((say(request, "quota.vendor_left"), f"{reading.left:,}", as_of))
    return facts


def _difference(request: Request, held: Holdings) -> str:
    if held.difference is None:
        return ""
    if not held.difference:
        return say(request, "quota.same")
    return say(request, "quota.more" if held.difference > 0 else "quota.fewer", number=f"{abs(held.difference):,}")


def _planned(request: Request, session: Session) -> dict[str, Any] | None:
    needed = number_in(request, request.query_params.get("needed", ""), label="quota.needed")
    if needed is None:
        return None
    wants_trial = bool(request.query_params.get("trial"))
    plan: Purchasing = plan_purchase(session, needed, trial=wants_trial)
    naive = "naive" if sum(count for _, count in plan.naive.packages) == 1 else "naive_many"
    choices = [("cheapest", plan.cheapest), (naive, plan.naive)] if plan.to_buy else []
    return {
        "plan": plan,
        "no_trial": wants_trial and not plan.with_trial,
        "choices": [
            {
                "word": f"quota.{word}",
                "mix": mix,
                "per_ask": mix.price_per_ask.quantize(_FINE),
                "over": mix.asks - plan.to_buy,
            }
            for word, mix in choices
        ],
    }


ROUTES = [
    Route("/quota", door(show, role="view"), methods=["GET"]),
    Route("/quota/packages", door(enter, role="prepare"), methods=["POST"]),
    Route("/quota/orders", files_door(enter_all, role="prepare"), methods=["POST"]),
    Route("/quota/take-out", door(take_out, role="prepare"), methods=["POST"]),
    Route("/quota/balance", door(balance, role="prepare"), methods=["POST"]),
]
