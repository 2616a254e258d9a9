"""What a job did and cost, as numbers: built from counts by one pure function, and spelled as the JSON of PRODUCT §3.

The one thing to know: every sum here can be checked by adding (`rules.sums.check_sums`). `in_doubt` counts every ask that
may or may not be on the bill, so the bill lies between `billed` and `billed + in_doubt`, and the cost between `min` and `max`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from batchverify.model import Product, RowStatus
from batchverify.rules.balance import is_low
from batchverify.rules.prices import PriceTable, yuan
from batchverify.rules.windows import beijing_time

SCHEMA = 1
_LOW_PERCENT = 20


class Ending(StrEnum):
    """How the last run ended."""

    COMPLETE = "complete"
    OPEN_ROWS = "open_rows"
    VENDOR_STOP = "vendor_stop"
    INTERRUPTED = "interrupted"
    HOME_ERROR = "home_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFacts:
    """The input: its name without folders, its SHA-256 in hex, the sheet and encoding read ("" where there is none)."""

    name: str
    sha256: str
    sheet: str = ""
    encoding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Rows counted. `total` = unique + duplicate + blocked; `reused` are the unique ones that an earlier answer served."""

    status: Mapping[RowStatus, int]
    unique: int
    duplicate: int
    reused: int
    blocked: int

    @property
    def total(self) -> int:
        return sum(self.status.values())

    @property
    def saved(self) -> int:
        """Rows that cost no ask."""
        return self.duplicate + self.reused + self.blocked


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowBill:
    """Asks of one 10-minute window of the vendor's bill, from `start` up to `end`."""

    start: datetime
    end: datetime
    asks: int
    billed: int


class BillKind(StrEnum):
    """What an ask costs, as far as that is known."""

    BILLED = "billed"
    FREE = "free"
    NOT_BILLED = "not_billed"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBill:
    """The asks of one value of the column that splits the bill. "" is the blank value, None asks that are in no row any more."""

    value: str | None
    billed: int = 0
    free: int = 0
    not_billed: int = 0
    in_doubt: int = 0
    saved: int = 0

    @property
    def asks(self) -> int:
        return self.billed + self.free + self.not_billed + self.in_doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Asks counted by what they cost. `by_status` has the billed asks under the status of their answer.

    `planned` is how many asks the plan named, None where there was none; `groups` split all of it by the values of the
    column `cost_by`, "" for no such column.
    """

    billed: int = 0
    free: int = 0
    not_billed: int = 0
    in_doubt: int = 0
    windows: tuple[WindowBill, ...] = ()
    by_status: Mapping[RowStatus, int] = field(default_factory=dict)
    planned: int | None = None
    cost_by: str = ""
    groups: tuple[GroupBill, ...] = ()

    @property
    def sent(self) -> int:
        return self.billed + self.free + self.not_billed + self.in_doubt

    def count(self, kind: BillKind) -> int:
        """Count the asks of one kind."""
        return {
            BillKind.BILLED: self.billed,
            BillKind.FREE: self.free,
            BillKind.NOT_BILLED: self.not_billed,
            BillKind.IN_DOUBT: self.in_doubt,
        }[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What the packages hold, in asks; all None where no package is known."""

    total: int | None = None
    left_before: int | None = None
    left_after: int | None = None
    low_percent: int = _LOW_PERCENT

    @property
    def is_known(self) -> bool:
        return self.total is not None

    @property
    def is_low(self) -> bool:
        """True where less is left than the warning level."""
        return is_low(total=self.total, left=self.left_after, low_percent=self.low_percent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file that was written, with its SHA-256 in hex."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Yuan: what is certain, what it may come to, what was saved by asking less often than there are rows."""

    unit_price: Decimal
    low: Decimal
    high: Decimal
    saved: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All of it. Times are aware; `next` is the command that goes on, or None when nothing is left to do.

    `origin` is the job whose result was corrected and gone on with, "" where there is none; the JSON has no key for it.
    """

    job: str
    run: str
    simulated: bool
    ending: Ending
    input: InputFacts
    product: Product | None
    endpoint_host: str
    tally: Tally
    bill: Bill
    cost: Cost
    quota: Quota
    outputs: tuple[Output, ...]
    started_at: datetime
    ended_at: datetime
    ledger_head: str
    next: str | None
    origin: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give the summary as PRODUCT §3 spells it, keys in its order. A `product` of None is "auto"."""
        tally, bill, cost, quota = self.tally, self.bill, self.cost, self.quota
        return {
            "schema": SCHEMA,
            "job": self.job,
            "run": self.run,
            "simulated": self.simulated,
            "ending": self.ending.value,
            "input": {
                "name": self.input.name,
                "sha256": self.input.sha256,
                "sheet": self.input.sheet,
                "encoding": self.input.encoding,
                "rows": tally.total,
            },
            "product": self.product.value if self.product is not None else "auto",
            "endpoint_host": self.endpoint_host,
            "rows": {
                "total": tally.total,
                "unique": tally.unique,
                "duplicate": tally.duplicate,
                "reused": tally.reused,
                "blocked": tally.blocked,
            },
            "status": {status.value: tally.status.get(status, 0) for status in RowStatus},
            "asks": {
                "sent": bill.sent,
                "billed": bill.billed,
                "free": bill.free,
                "not_billed": bill.not_billed,
                "in_doubt": bill.in_doubt,
                "saved": {"duplicate": tally.duplicate, "reused": tally.reused, "blocked": tally.blocked},
            },
            "cost": {
                "currency": "CNY",
                "unit_price": yuan(cost.unit_price),
                "min": yuan(cost.low),
                "max": yuan(cost.high),
                "saved": yuan(cost.saved),
            },
            "quota": {
                "total": quota.total,
                "left_before": quota.left_before,
                "left_after": quota.left_after,
                "low": quota.is_low,
                "known": quota.is_known,
            },
            "windows": [
                {"from": beijing_time(one.start), "to": beijing_time(one.end), "asks": one.asks, "billed": one.billed}
                for one in bill.windows
            ],
            **({"cost_by": _cost_by(bill, cost.unit_price)} if bill.cost_by else {}),
            "outputs": [{"path": output.path, "sha256": output.sha256} for output in self.outputs],
            "started_at": beijing_time(self.started_at),
            "ended_at": beijing_time(self.ended_at),
            "ledger_head": self.ledger_head,
            "next": self.next,
        }

    def as_text(self) -> str:
        """Give the JSON document as it stands in `NAME.summary.json` and on stdout."""
        return json.dumps(self.as_json(), ensure_ascii=False, indent=2) + "\n"


def _cost_by(bill: Bill, unit_price: Decimal) -> dict[str, Any]:
    """Spell the split bill. `value` is null for asks that are in no row any more."""
    return {
        "column": bill.cost_by,
        "groups": [
            {
                "value": one.value,
                "asks": one.asks,
                "billed": one.billed,
                "free": one.free,
                "not_billed": one.not_billed,
                "in_doubt": one.in_doubt,
                "saved": one.saved,
                "min": yuan(unit_price * one.billed),
                "max": yuan(unit_price * (one.billed + one.in_doubt)),
            }
            for one in bill.groups
        ],
    }


def summarize(
    *,
    job: str,
    run: str,
    simulated: bool,
    ending: Ending,
    input: InputFacts,  # noqa: A002  (the word of the schema)
    product: Product | None,
    endpoint_host: str,
    tally: Tally,
    bill: Bill,
    unit_price: Decimal,
    quota: Quota,
    started_at: datetime,
    ended_at: datetime,
    ledger_head: str,
    outputs: tuple[Output, ...] = (),
    next: str | None = None,  # noqa: A002  (the word of the schema)
    origin: str = "",
) -> Summary:
    """Put the counts together and work out the money, in yuan. `product` is None for a job whose rows had several.

    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 24, 2, 55, tzinfo=UTC)
    >>> one = summarize(job="j-1", run="r-1", simulated=False, ending=Ending.COMPLETE, input=InputFacts(name="a.csv", sha256=""),
    ...     product=Product.BANK3, endpoint_host="", tally=Tally(status={RowStatus.MATCHED: 4}, unique=3, duplicate=1, reused=0, blocked=0),
    ...     bill=Bill(billed=2, in_doubt=1), unit_price=Decimal("0.19"), quota=Quota(), started_at=at, ended_at=at, ledger_head="")
    >>> one.cost.low, one.cost.high, one.cost.saved
    (Decimal('0.38'), Decimal('0.57'), Decimal('0.19'))
    """
    asked = PriceTable(unit_price=unit_price).cost(billed=bill.billed, unknown=bill.in_doubt)
    cost = Cost(
        unit_price=unit_price,
        low=asked.min,
        high=asked.max,
        saved=unit_price * tally.saved,
    )
    return Summary(
        job=job,
        run=run,
        simulated=simulated,
        ending=ending,
        input=input,
        product=product,
        endpoint_host=endpoint_host,
        tally=tally,
        bill=bill,
        cost=cost,
        quota=quota,
        outputs=outputs,
        started_at=started_at,
        ended_at=ended_at,
        ledger_head=ledger_head,
        next=next,
        origin=origin,
    )
