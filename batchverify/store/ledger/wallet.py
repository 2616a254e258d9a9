"""What was bought, how far it is used up, and what the vendor says is left of it (VENDOR §5).

The one thing to know: every ask that may have been billed is laid on a package in the transaction that settles it, on one
that is valid then. So what an expired package had left is lost, and nothing is ever laid on it afterwards. The vendor
tells nobody in which order packages are used up; the one that expires first is taken to go first, then the one bought
first. `left` is what is sure: asks in doubt count as spent, those in flight as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal

from batchverify.errors import InputError
from batchverify.store.ledger.reading import Fetch
from batchverify.store.ledger.rows import Row, micros, micros_or_none, moment, moment_or_none
from batchverify.store.ledger.shapes import NewPackage, Package, Purchase, Reading, ReadingSource, Wallet

#: For `SCHEMA`. Money is whole fen; a package that was used cannot be taken away, for its rows in `laying` refer to it.
TABLES = """
CREATE TABLE purchase (
  number INTEGER PRIMARY KEY,
  order_number TEXT NOT NULL CHECK (order_number <> ''), product TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('order', 'refund')),
  paid_at INTEGER NOT NULL, paid_fen INTEGER NOT NULL, voucher_fen INTEGER NOT NULL,
  UNIQUE (order_number, kind),
  CHECK (CASE kind WHEN 'order' THEN paid_fen >= 0 AND voucher_fen >= 0 ELSE paid_fen <= 0 AND voucher_fen <= 0 END)
) STRICT;

CREATE TABLE package (
  number INTEGER PRIMARY KEY,
  label TEXT NOT NULL, vendor_id TEXT UNIQUE CHECK (vendor_id <> ''), purchase INTEGER REFERENCES purchase,
  total INTEGER NOT NULL CHECK (total > 0), used INTEGER NOT NULL CHECK (used >= 0),
  spent INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
  added_at INTEGER NOT NULL, bought_at INTEGER NOT NULL, expires_at INTEGER, price_fen INTEGER CHECK (price_fen >= 0),
  CHECK (used + spent <= total),
  CHECK (expires_at > bought_at)
) STRICT;

CREATE TABLE laying (
  window INTEGER NOT NULL, package INTEGER NOT NULL REFERENCES package, asks INTEGER NOT NULL CHECK (asks >= 0),
  PRIMARY KEY (window, package)
) STRICT, WITHOUT ROWID;

CREATE TABLE reading (
  number INTEGER PRIMARY KEY,
  at INTEGER NOT NULL, source TEXT NOT NULL CHECK (source IN ('typed', 'vendor')),
  remaining INTEGER NOT NULL CHECK (remaining >= 0), total INTEGER CHECK (total >= remaining),
  counted INTEGER, spent INTEGER NOT NULL, newest_attempt INTEGER NOT NULL
) STRICT;
"""

_NEVER = datetime.max.replace(tzinfo=UTC)
_PACKAGES = """
SELECT package.number, label, coalesce(vendor_id, ''), coalesce(order_number, ''), total, used + spent, added_at, bought_at, expires_at, price_fen
FROM package LEFT JOIN purchase ON purchase.number = package.purchase ORDER BY package.number
"""
_VALID = "(expires_at IS NULL OR expires_at > ?)"
_LEFT = f"SELECT count(*), coalesce(sum((total - used - spent) * {_VALID}), 0) FROM package"
_IN_ORDER_OF_USE = f"""
SELECT number, total - used - spent FROM package WHERE used + spent < total AND {_VALID}
ORDER BY expires_at IS NULL, expires_at, bought_at, number
"""
_LAY = "INSERT INTO laying VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET asks = asks + ?3"
# The one used last in that window gives back first.
_LAST_LAID = """
SELECT package FROM laying JOIN package ON package.number = laying.package WHERE window = ? AND asks > 0
ORDER BY expires_at IS NULL DESC, expires_at DESC, bought_at DESC, number DESC LIMIT 1
"""
_READINGS = "SELECT at, source, remaining, total, counted, spent, newest_attempt FROM reading ORDER BY number"


class WalletBook:
    """What was bought and what the vendor says is left of it; made by `Ledger.bought`."""

    __slots__ = ("_fetch", "_writing")

    def __init__(self, fetch: Fetch, writing: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._fetch = fetch
        self._writing = writing

    def enter(self, packages: Sequence[NewPackage], *, purchase: Purchase | None = None, now: datetime) -> list[Package] | None:
        """Enter what was bought together, with its order; None where that order was entered before: then nothing is changed."""
        with self._writing() as con:
            return _enter(con, packages, purchase=purchase, now=now)

    def enter_orders(
        self, orders: Sequence[tuple[Purchase, Sequence[NewPackage]]], *, now: datetime
    ) -> list[list[Package] | None]:
        """Enter many orders, all of them or none; None for each that was entered before."""
        with self._writing() as con:
            return [_enter(con, packages, purchase=purchase, now=now) for purchase, packages in orders]

    def drop_package(self, number: int) -> None:
        """Forget a package that was entered by mistake. Raises InputError where it was used."""
        with self._writing() as con:
            _drop(con, number)

    def packages(self) -> list[Package]:
        """List the packages in the order they were entered."""
        return packages_of(self._fetch)

    def purchases(self) -> list[Purchase]:
        """List the orders and refunds by the time of payment."""
        return purchases_of(self._fetch)

    def note_reading(self, *, left: int, total: int | None = None, source: ReadingSource, now: datetime) -> Reading:
        """Keep what the vendor says is left, beside our own count."""
        with self._writing() as con:
            return _note_reading(con, left=left, total=total, source=source, now=now)

    def readings(self) -> list[Reading]:
        """List the vendor's balances that were read, oldest first."""
        return readings_of(self._fetch)

    def asks_between(self, *, after: int, until: int) -> dict[str, int]:
        """Count attempts by code, "" for those without an answer; `after` and `until` are numbers of attempts."""
        return asks_between(self._fetch, after=after, until=until)


def order_of_use(packages: Iterable[Package]) -> list[Package]:
    """Sort packages as they are taken to be used up: by expiry, then by purchase."""
    return sorted(packages, key=lambda package: (package.expires_at or _NEVER, package.bought_at, package.number))


def wallet_of(packages: Iterable[Package], *, in_flight: int, now: datetime) -> Wallet:
    """Add up the packages that are valid now; without any that was ever entered nobody knows the total.

    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> wallet_of([Package(number=1, label="100", total=100, used=40, added_at=at, bought_at=at)], in_flight=10, now=at)
    Wallet(total=100, used=50, left=50)
    >>> wallet_of([], in_flight=10, now=at)
    Wallet(total=None, used=10, left=None)
    """
    known = list(packages)
    if not known:
        return Wallet(total=None, used=in_flight, left=None)
    valid = [package for package in known if package.is_valid(now)]
    total = sum(package.total for package in valid)
    left = max(0, sum(package.left for package in valid) - in_flight)
    return Wallet(total=total, used=total - left, left=left)


def left_of(con: sqlite3.Connection, *, now: int) -> int | None:
    """Count what the valid packages hold, asks in flight not yet taken off; None while no package is known."""
    known, left = con.execute(_LEFT, (now,)).fetchone()
    return int(left) if known else None


def lay(con: sqlite3.Connection, asks: int, *, now: int) -> None:
    """Lay asks that may have been billed on the packages valid now. What no package has room for is laid on none."""
    for number, room in con.execute(_IN_ORDER_OF_USE, (now,)).fetchall():
        if not asks:
            return
        taken = min(asks, room)
        asks -= taken
        con.execute("UPDATE package SET spent = spent + ? WHERE number = ?", (taken, number))
        con.execute(_LAY, (_window(now), number, taken))


def give_back(con: sqlite3.Connection, *, settled_at: int) -> None:
    """Take an ask that was settled then, and was not billed after all, off the package it was laid on."""
    found = con.execute(_LAST_LAID, (_window(settled_at),)).fetchone()
    if found is not None:
        con.execute("UPDATE package SET spent = spent - 1 WHERE number = ?", found)
        con.execute("UPDATE laying SET asks = asks - 1 WHERE window = ? AND package = ?", (_window(settled_at), *found))


def packages_of(fetch: Fetch) -> list[Package]:
    """List the packages in the order they were entered."""
    return [_package(row) for row in fetch(_PACKAGES, ())]


def wallet_now(con: sqlite3.Connection, *, now: datetime) -> Wallet:
    """Say what was bought, may have been used and is left.

    Without packages, the newest reading that names a total stands for them, less what was asked since.
    """
    spent, reserved = con.execute("SELECT spent, reserved FROM purse").fetchone()
    wallet = wallet_of(packages_of(_fetching(con)), in_flight=reserved, now=now)
    if wallet.total is not None:
        return wallet
    known = next((one for one in reversed(readings_of(_fetching(con))) if one.total is not None), None)
    if known is None or known.total is None:
        return Wallet(total=None, used=spent + reserved, left=None)
    left = max(0, known.left - (spent + reserved - known.spent))
    return Wallet(total=known.total, used=known.total - left, left=left)


def _enter(
    con: sqlite3.Connection, packages: Sequence[NewPackage], *, purchase: Purchase | None, now: datetime
) -> list[Package] | None:
    """Enter what was bought together; None where its order is entered already, and then nothing is changed.

    Raises InputError for odd numbers or a package ID that is taken.
    """
    bought = None
    if purchase is not None:
        bought = _enter_purchase(con, purchase)
        if bought is None:
            return None
    numbers = {_enter_package(con, package, bought=bought, now=now) for package in packages}
    return [package for package in packages_of(_fetching(con)) if package.number in numbers]


def _enter_purchase(con: sqlite3.Connection, purchase: Purchase) -> int | None:
    found = con.execute(
        "INSERT INTO purchase (order_number, product, kind, paid_at, paid_fen, voucher_fen) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING RETURNING number",
        (
            *(purchase.order, purchase.product, "refund" if purchase.is_refund else "order", micros(purchase.paid_at)),
            *(_fen(purchase.paid), _fen(purchase.voucher)),
        ),
    ).fetchone()
    return None if found is None else int(found[0])


def _enter_package(con: sqlite3.Connection, package: NewPackage, *, bought: int | None, now: datetime) -> int:
    if not 0 <= package.used <= package.total or package.total < 1:
        raise InputError(
            f"A package of {package.total} asks with {package.used} used cannot be. Give the numbers as the vendor shows them."
        )
    bought_at = package.bought_at or now
    if package.expires_at is not None and package.expires_at <= bought_at:
        raise InputError("A package cannot expire before it was bought. Look at both days again.")
    found = con.execute(
        "INSERT INTO package (label, vendor_id, purchase, total, used, added_at, bought_at, expires_at, price_fen) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING number",
        (
            *(package.label, package.vendor_id or None, bought, package.total, package.used, micros(now), micros(bought_at)),
            *(micros_or_none(package.expires_at), None if package.price is None else _fen(package.price)),
        ),
    ).fetchone()
    if found is None:
        raise InputError(f"The package ID {package.vendor_id!r} is entered already. `batchverify quota list` shows it.")
    return int(found[0])


def _drop(con: sqlite3.Connection, number: int) -> None:
    """Forget a package that was entered by mistake. Raises InputError where asks were laid on it, or where there is none."""
    if con.execute("SELECT 1 FROM laying WHERE package = ?", (number,)).fetchone():
        raise InputError(
            f"Asks of this home were laid on the package {number}, so it stays: the bill rests on it. Only an unused one can be taken out."
        )
    if not con.execute("DELETE FROM package WHERE number = ? RETURNING number", (number,)).fetchone():
        raise InputError(f"There is no package {number}. `batchverify quota list` shows them.")


def purchases_of(fetch: Fetch) -> list[Purchase]:
    """List the orders and refunds by the time of payment."""
    query = "SELECT order_number, product, kind, paid_at, paid_fen, voucher_fen FROM purchase ORDER BY paid_at, number"
    return [
        Purchase(
            order=order,
            product=product,
            is_refund=kind == "refund",
            paid_at=moment(paid_at),
            paid=_yuan(paid),
            voucher=_yuan(voucher),
        )
        for order, product, kind, paid_at, paid, voucher in fetch(query, ())
    ]


def _note_reading(con: sqlite3.Connection, *, left: int, total: int | None, source: ReadingSource, now: datetime) -> Reading:
    """Keep what the vendor says is left, beside our own count of that moment."""
    if left < 0 or (total is not None and total < left):
        raise InputError("The balance cannot be: less than 0, or more left than there was. Give it as the vendor shows it.")
    spent, reserved = con.execute("SELECT spent, reserved FROM purse").fetchone()
    counted = wallet_of(packages_of(_fetching(con)), in_flight=reserved, now=now).left
    (newest,) = con.execute("SELECT coalesce(max(number), 0) FROM attempt").fetchone()
    con.execute(
        "INSERT INTO reading (at, source, remaining, total, counted, spent, newest_attempt) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (micros(now), source.value, left, total, counted, spent + reserved, newest),
    )
    return readings_of(_fetching(con))[-1]


def readings_of(fetch: Fetch) -> list[Reading]:
    """List the vendor's balances that were read, oldest first."""
    return [
        Reading(
            at=moment(at),
            source=ReadingSource(source),
            left=left,
            total=total,
            counted=counted,
            spent=spent,
            newest_attempt=newest,
        )
        for at, source, left, total, counted, spent, newest in fetch(_READINGS, ())
    ]


def asks_between(fetch: Fetch, *, after: int, until: int) -> dict[str, int]:
    """Count the attempts with numbers in (after, until] that are no known refusals, by code; "" for those without an answer."""
    found = fetch(
        "SELECT CASE state WHEN 'answered' THEN code ELSE '' END, count(*) FROM attempt "
        "WHERE number > ? AND number <= ? AND state <> 'not_billed' GROUP BY 1 ORDER BY 1",
        (after, until),
    )
    return dict(found)


def _fetching(con: sqlite3.Connection) -> Fetch:
    """Look within the transaction that is open."""
    return lambda query, values: con.execute(query, values).fetchall()


def _package(row: Row) -> Package:
    number, label, vendor_id, order, total, used, added_at, bought_at, expires_at, price = row
    return Package(
        number=number,
        label=label,
        vendor_id=vendor_id,
        order=order,
        total=total,
        used=used,
        added_at=moment(added_at),
        bought_at=moment(bought_at),
        expires_at=moment_or_none(expires_at),
        price=None if price is None else _yuan(price),
    )


def _window(at: int) -> int:
    """Number the vendor's 10-minute window of an instant, as `reading` does."""
    return (at - 1_000_000) // 600_000_000


def _fen(amount: Decimal) -> int:
    fen = amount * 100
    if fen != fen.to_integral_value():
        raise InputError(f"{amount} yuan has a part of a fen, and nobody pays that. Give two decimals.")
    return int(fen)


def _yuan(fen: int) -> Decimal:
    return Decimal(fen) / 100
