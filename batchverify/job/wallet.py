"""The wallet from outside: entering what was bought, listing it, what the vendor says is left, what to buy next, the invoice.

The one thing to know: the real wallet and the sandbox's are two, each in the ledger of its realm; `simulated` says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from batchverify.errors import InputError
from batchverify.job.realm import Realm, open_realm
from batchverify.job.session import Session
from batchverify.model import Billed
from batchverify.report.invoice import invoice_rows, invoice_sheet
from batchverify.rules.balance import BalanceWarning, shortfall, warnings_of
from batchverify.rules.calibrate import billed_by_balance
from batchverify.rules.invoice import Application, Month, Order, applications
from batchverify.rules.orders import OrderLine
from batchverify.rules.packages import TRIAL, Mix, cheapest_mix, naive_choice
from batchverify.settings import access_key
from batchverify.store.ledger import NewPackage, Package, Purchase, Reading, ReadingSource, Wallet
from batchverify.tables.order_list import read_orders
from batchverify.tables.placing import Placed
from batchverify.tables.statement_file import write_statement
from batchverify.vendor.balance import AccessKey, read_balance
from batchverify.words import Lang

#: How the vendor's console names a package.
USUAL_NAME = "使用次数套餐包"
#: A clock may be a little off; more than this, and a day was mistyped.
_TOLERANCE = timedelta(days=1)


class PackageState(StrEnum):
    """How a package stands."""

    ACTIVE = "active"
    USED_UP = "used_up"
    EXPIRED = "expired"


def state_of(package: Package, *, now: datetime) -> PackageState:
    """Say how a package stands: one that expired with asks left is expired, not used up."""
    if not package.left:
        return PackageState.USED_UP
    return PackageState.ACTIVE if package.is_valid(now) else PackageState.EXPIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a wallet holds now: packages, the newest bought first, and the vendor's last word on the balance."""

    packages: tuple[Package, ...]
    wallet: Wallet
    reading: Reading | None
    warnings: frozenset[BalanceWarning]
    now: datetime

    @property
    def difference(self) -> int | None:
        """What the vendor counted less than we did, as of the newest reading; None where one of both is not known."""
        if self.reading is None or self.reading.counted is None:
            return None
        return self.reading.left - self.reading.counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What was entered: packages, orders that came without one, orders that were known already.

    `refunded` are packages whose order was taken back; they are counted until somebody takes them out, since a refund may
    be of a part only.
    """

    packages: tuple[Package, ...] = ()
    orders_only: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    refunded: tuple[Package, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchasing:
    """What to buy for `needed` asks: the cheapest packages, and what a hurried buyer would take."""

    needed: int
    left: int | None
    with_trial: bool

    @property
    def to_buy(self) -> int:
        return self.needed if self.left is None else shortfall(left=self.left, needed=self.needed)

    @property
    def cheapest(self) -> Mix:
        return cheapest_mix(self.to_buy, with_trial=self.with_trial)

    @property
    def naive(self) -> Mix:
        return naive_choice(self.to_buy)

    @property
    def saved(self) -> Decimal:
        return self.naive.price - self.cheapest.price


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Whether a status is billed, and what that rests on: `asks` of it, and `used` by the vendor's count."""

    status: str
    asks: int
    used: int
    billed: Billed


@contextmanager
def _wallet(session: Session) -> Iterator[Realm]:
    with open_realm(session.home, simulated=session.simulated, clock=session.clock) as realm:
        yield realm


def enter_packages(session: Session, packages: Sequence[NewPackage], *, purchase: Purchase | None) -> Entered:
    """Enter packages, with their order where it is named.

    Raises:
        InputError: A number or a day cannot be, or the order was entered before. Nothing was entered.
    """
    now = session.clock.now()
    for at in [package.bought_at for package in packages] + [purchase.paid_at if purchase else None]:
        if at is not None and at > now + _TOLERANCE:
            raise InputError("The day of purchase is in the future. Look at it again; nothing was entered.")
    with _wallet(session) as realm:
        entered = realm.ledger.bought().enter(packages, purchase=purchase, now=now)
    if entered is None:
        number = purchase.order if purchase is not None else ""
        raise InputError(f"The order {number!r} was entered before. `batchverify quota list` shows what is there.")
    return Entered(packages=tuple(entered))


def enter_orders(session: Session, path: Path) -> Entered:
    """Enter all orders of a file; those that were entered before are left as they are.

    Raises:
        InputError: The file, or a line of it, is not understood. Nothing was entered.
    """
    now = session.clock.now()
    packages: list[Package] = []
    only: list[str] = []
    known: list[str] = []
    with _wallet(session) as realm:
        lines = read_orders(path, temporary=realm.home.tmp)
        orders = [
            (_purchase_of(line), [_package_of(line, line.asks)] * line.count if line.asks is not None else []) for line in lines
        ]
        for line, entered in zip(lines, realm.ledger.bought().enter_orders(orders, now=now), strict=True):
            if entered is None:
                known.append(line.order)
            elif entered:
                packages += entered
            else:
                only.append(line.order)
        taken_back = {line.order for line in lines if line.is_refund} - set(known)
        refunded = tuple(package for package in realm.ledger.bought().packages() if package.order in taken_back)
    return Entered(packages=tuple(packages), orders_only=tuple(only), known=tuple(known), refunded=refunded)


def _package_of(line: OrderLine, asks: int) -> NewPackage:
    return NewPackage(
        label=USUAL_NAME,
        total=asks,
        used=line.used,
        bought_at=line.paid_at,
        expires_at=line.expires_at,
        price=line.price.quantize(Decimal("0.01")),
        vendor_id=line.vendor_id if line.count == 1 else "",
    )


def _purchase_of(line: OrderLine) -> Purchase:
    return Purchase(
        order=line.order,
        product=line.product or USUAL_NAME,
        is_refund=line.is_refund,
        paid_at=line.paid_at,
        paid=line.paid,
        voucher=line.voucher,
    )


def holdings(session: Session) -> Holdings:
    """Look at the wallet."""
    now = session.clock.now()
    with _wallet(session) as realm:
        packages, wallet, readings = (
            realm.ledger.bought().packages(),
            realm.ledger.wallet(now=now),
            realm.ledger.bought().readings(),
        )
    return Holdings(
        packages=tuple(sorted(packages, key=lambda package: (package.bought_at, package.number), reverse=True)),
        wallet=wallet,
        reading=readings[-1] if readings else None,
        warnings=warnings_of(total=wallet.total, left=wallet.left, low_percent=session.settings.low_balance_percent),
        now=now,
    )


def drop_package(session: Session, name: str) -> None:
    """Take out a package that was entered by mistake, by the vendor's ID or by our number.

    Raises:
        InputError: It was used, or there is none.
    """
    with _wallet(session) as realm:
        names = {package.vendor_id or str(package.number): package.number for package in realm.ledger.bought().packages()}
        if name not in names:
            raise InputError(f"There is no package {name!r}. `batchverify quota list` shows them.")
        realm.ledger.bought().drop_package(names[name])


def note_balance(session: Session, *, left: int, total: int | None) -> Holdings:
    """Keep a balance that somebody read in the vendor's console."""
    with _wallet(session) as realm:
        realm.ledger.bought().note_reading(left=left, total=total, source=ReadingSource.TYPED, now=session.clock.now())
    return holdings(session)


def fetch_balance(session: Session) -> Holdings:
    """Ask the vendor's account what is left, and keep it. Costs no ask.

    Raises:
        InputError, SettingsError: No AccessKey, no such product, no answer, or the extra is not installed.
    """
    if session.simulated:
        raise InputError("The sandbox has no account to be asked. Type the balance in: `quota balance --left N --sandbox`.")
    key_id, secret, token = access_key()
    metered = read_balance(session.settings.balance_endpoint, AccessKey(id=key_id, secret=secret, token=token))
    with _wallet(session) as realm:
        realm.ledger.bought().note_reading(
            left=metered.left, total=metered.total, source=ReadingSource.VENDOR, now=session.clock.now()
        )
    return holdings(session)


def plan_purchase(session: Session, needed: int, *, trial: bool) -> Purchasing:
    """Find out what to buy for so many asks. What the wallet holds is used first; the free package counts once per account."""
    now = session.clock.now()
    with _wallet(session) as realm:
        left = realm.ledger.wallet(now=now).left
        had_trial = any(package.total == TRIAL.asks and package.price == 0 for package in realm.ledger.bought().packages())
    return Purchasing(needed=needed, left=left, with_trial=trial and not had_trial)


def calibrate(session: Session, *, status: str | None, before: int | None, after: int | None, asks: int | None) -> Calibration:
    """Find out whether a status is billed, from the balance before and after asks that all had that status.

    Without numbers, the two newest balances that were read are taken, and the asks of this home between them.

    Raises:
        InputError: There are no two balances, or what lies between them does not tell.
    """
    if before is not None and after is not None:
        if status is None:
            raise InputError("Say which status the asks had: --status 202.")
        return _calibrated(status, asks=1 if asks is None else asks, used=before - after)
    if before is not None or after is not None or asks is not None:
        raise InputError("Give both --before and --after, or neither: then the two newest balances that were read are taken.")
    with _wallet(session) as realm:
        readings = realm.ledger.bought().readings()
        if len(readings) < 2:  # noqa: PLR2004  (one before, one after)
            raise InputError(
                "There are no two balances yet. Read one with `quota balance`, ask a few rows of one status, read it again."
            )
        first, last = readings[-2:]
        between = realm.ledger.bought().asks_between(after=first.newest_attempt, until=last.newest_attempt)
    known = {code: count for code, count in between.items() if code}
    if "" in between or len(known) != 1 or (status is not None and status not in known):
        told = ", ".join(f"{count} × {code or 'without an answer'}" for code, count in between.items()) or "no ask"
        raise InputError(
            f"Between the two newest balances there is {told}; that does not tell what one status costs. "
            "Read the balance, ask a few rows that all get the same status, and read it again."
        )
    ((found, count),) = known.items()
    return _calibrated(found, asks=count, used=first.left - last.left)


def _calibrated(status: str, *, asks: int, used: int) -> Calibration:
    billed = billed_by_balance(asks=asks, used=used)
    if billed is None:
        raise InputError(
            f"{asks} asks cannot have used up {used}: somebody else uses the package, one was bought in between, or the usage is "
            "posted late. Wait ten minutes and read the balance again."
        )
    return Calibration(status=status, asks=asks, used=used, billed=billed)


def invoice(session: Session, *, first: Month, last: Month) -> tuple[Application, ...]:
    """Sort the orders that were paid in these months into applications for invoices.

    Raises:
        InputError: The months are the wrong way round.
    """
    if last < first:
        raise InputError(f"{last} comes before {first}. Give the earlier month as --from.")
    with _wallet(session) as realm:
        bought = realm.ledger.bought().purchases()
    orders = [
        Order(
            number=one.order,
            product=one.product,
            is_refund=one.is_refund,
            paid_at=one.paid_at,
            paid=one.paid,
            voucher=one.voucher,
        )
        for one in bought
    ]
    return applications(orders, first=first, last=last)


def write_invoice(found: Sequence[Application], target: Path, *, first: Month, last: Month, lang: Lang) -> Placed:
    """Write the statement as a workbook or a csv, by the suffix of the target."""
    return write_statement(target, sheet=invoice_sheet(found, first=first, last=last, lang=lang), rows=invoice_rows(found, lang))
