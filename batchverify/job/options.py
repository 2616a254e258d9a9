"""What a person chose for one input. Kept with the job as JSON, so that `resume` and `render` read the same way again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from batchverify.errors import InputError
from batchverify.model import CheckLevel, Field, Product
from batchverify.settings import Settings
from batchverify.words import Lang

#: A hundred years: older than any answer, and no date before the calendar begins.
_LONGEST_DAYS = 36_500
#: More than any package holds, and a number that the ledger can hold.
_LARGEST_CAP = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the spreadsheet is read. `mapping` names a column for a field by header, letter or number."""

    mapping: Mapping[Field, str] = field(default_factory=dict)
    sheet: str | None = None
    header_row: int | None = None
    encoding: str | None = None
    delimiter: str | None = None
    skip_hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What is asked, and what never is. `product` None takes for each row what its fields allow.

    The days of reuse count back from when the job began; where it goes on from the result of another, from when that one
    did (`reuse_since`, ISO 8601): what that one got or reused stays answered.
    """

    product: Product | None = Product.BANK3
    checks: CheckLevel = CheckLevel.BLOCK
    upgrade_15: bool = False
    allow_minors: bool = False
    reuse_days_matched: float = 30
    reuse_days_other: float = 1
    reuse_since: str = ""

    def __post_init__(self) -> None:
        if min(self.reuse_days_matched, self.reuse_days_other) < 0:
            raise InputError("Answers of the future cannot be reused. Give 0 days or more; nothing was sent.")
        if not all(days <= _LONGEST_DAYS for days in (self.reuse_days_matched, self.reuse_days_other)):
            raise InputError(f"Answers are reused for {_LONGEST_DAYS:,} days at most. Give fewer; nothing was sent.")

    @property
    def product_word(self) -> str:
        """The word of `--product`."""
        return self.product or "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What comes out, and in whose words. `cost_by` names the column that splits the bill.

    `split` writes one more file per status, `protect` puts a password on them all: which one is nowhere kept.
    `is_one_of_sheets`: several sheets of a workbook are verified, and the result of each carries the name of its sheet.
    """

    output: Path | None = None
    lang: Lang = Lang.EN
    mask: bool = False
    cost_by: str | None = None
    split: bool = False
    protect: bool = False
    is_one_of_sheets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """Why these people are asked about, and by whom (PIPL 28: a purpose and a separate consent)."""

    purpose: str = ""
    authorization: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All choices that belong to the job. Bounds of a single run (caps, rate) are in `Bounds`.

    `origin` is the job whose result or corrected input this one goes on from, "" where there is none.
    """

    reading: Reading = Reading()
    asking: Asking = Asking()
    delivery: Delivery = Delivery()
    mandate: Mandate = Mandate()
    endpoint_host: str = ""
    origin: str = ""

    def as_json(self) -> str:
        """The options as the ledger keeps them.

        >>> Options.from_json(Options(reading=Reading(sheet="名单")).as_json()).reading.sheet
        '名单'
        """
        return json.dumps(asdict(self), ensure_ascii=False, default=str, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Options:
        """The options as they were when the job began."""
        kept: dict[str, Any] = json.loads(text)
        reading, asking, delivery = kept["reading"], kept["asking"], kept["delivery"]
        return cls(
            reading=replace(Reading(**reading), mapping={Field(name): column for name, column in reading["mapping"].items()}),
            asking=replace(
                Asking(**asking),
                product=Product(asking["product"]) if asking["product"] else None,
                checks=CheckLevel(asking["checks"]),
            ),
            delivery=replace(
                Delivery(**delivery),
                output=Path(delivery["output"]) if delivery["output"] else None,
                lang=Lang(delivery["lang"]),
            ),
            mandate=Mandate(**kept["mandate"]),
            endpoint_host=str(kept["endpoint_host"]),
            origin=str(kept.get("origin", "")),
        )


def first_options(settings: Settings, *, lang: Lang | None = None) -> Options:
    """What is chosen where nobody has chosen otherwise: what the settings say. Labels are Chinese unless somebody names a language."""
    return Options(
        asking=Asking(
            checks=settings.checks,
            allow_minors=settings.allow_minors,
            reuse_days_matched=settings.reuse_days_matched,
            reuse_days_other=settings.reuse_days_other,
        ),
        delivery=Delivery(lang=lang or Lang(settings.lang or "zh")),
        mandate=Mandate(operator=settings.operator),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one run may spend and how fast. `max_yuan` becomes asks by the unit price, rounded down.

    With `sample`, that many questions are asked first, and the rest only if their answers look sane. `approved` is the hash of the
    plan that another person has approved: the run keeps within it.
    """

    max_asks: int | None = None
    max_yuan: Decimal | None = None
    qps: float | None = None
    concurrency: int = 50
    sample: int | None = None
    approved: str | None = None

    def __post_init__(self) -> None:
        for name in ("max_asks", "max_yuan", "sample"):
            bound = getattr(self, name)
            if bound is not None and bound < 0:
                raise InputError(f"The bound {name} is {bound}. Give 0 or more; nothing was sent.")

    def cap_asks(self, unit_price: Decimal) -> int | None:
        """The number of asks that may be billed in this run; None is no cap.

        >>> Bounds(max_asks=10, max_yuan=Decimal("1")).cap_asks(Decimal("0.19"))
        5
        """
        caps = [] if self.max_asks is None else [min(self.max_asks, _LARGEST_CAP)]
        if self.max_yuan is not None and unit_price > 0:
            caps.append(int(min(self.max_yuan, _LARGEST_CAP * unit_price) // unit_price))
        return min(caps, default=None)

    def within(self, asks: int, *, unit_price: Decimal) -> int:
        """The number of so many asks that may be billed.

        >>> Bounds(max_asks=3).within(5, unit_price=Decimal("0.19")), Bounds().within(5, unit_price=Decimal("0.19"))
        (3, 5)
        """
        cap = self.cap_asks(unit_price)
        return asks if cap is None else min(cap, asks)

    def after(self, billed: int, *, unit_price: Decimal) -> Bounds:
        """The bounds for what follows in the same command, of whose caps so many asks are used.

        >>> Bounds(max_asks=10, max_yuan=Decimal("1")).after(3, unit_price=Decimal("0.19")).max_yuan
        Decimal('0.43')
        """
        return replace(
            self,
            max_asks=None if self.max_asks is None else max(self.max_asks - billed, 0),
            max_yuan=None if self.max_yuan is None else max(self.max_yuan - billed * unit_price, Decimal(0)),
        )
