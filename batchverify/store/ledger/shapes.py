"""What goes into the ledger and what comes out of it: jobs, runs, wants, grants, settlements.

The one thing to know: a `Grant` is an answer to a `Want`, and only `Granted` allows an ask to leave. Everything else
is a reason why it must not, and writes no attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from batchverify.model import Attempt, AttemptState, Billed, Product


class RunKind(StrEnum):
    """Why a pass of asks began."""

    FIRST = "first"
    RESUME = "resume"
    RERUN = "rerun"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """One input and how it is read. `identity` is the caller's digest of mapping, checks and whatever else changes the queries.

    `product` is a product's word or `auto`; `options` is a JSON object without secrets, kept as it came.
    """

    path: str
    sha256: str
    size_bytes: int
    sheet: str = ""
    encoding: str = ""
    product: str
    identity: str = ""
    options: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One input by its SHA-256 and all that was done for it. `id` begins with `j-`, in the sandbox's realm with `s-`.

    It was closed when codes of its questions were erased and its rows can no longer be told: it is neither drawn nor gone on with.
    """

    id: str
    spec: JobSpec
    created_at: datetime
    finished_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """An answer settled before its instant no longer holds its key. `--fresh` is both instants at the start of the job."""

    matched_after: datetime
    other_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDay:
    """How much somebody may ask since midnight, over all runs. `is_of` tells whether a name is another spelling of theirs."""

    operator: str
    most: int
    since: datetime
    is_of: Callable[[str], bool] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """The bounds of one pass. `lock` names the held file under `locks/`; `boot` is `home.boot_id()`, "" where unknown.

    `cap_asks` None is no cap, `qps` None no rate. `asks_per_card` counts over 24 h and all runs (VENDOR §3).
    `wallet_total` and `wallet_left` are what the packages held as the run began, so that its summary can be drawn again;
    so is `unit_price`, in yuan. `terms` is a JSON object of the caller's for the same purpose, kept as it came. `approval` is the
    hash of the approved plan that the run keeps within. `day` bounds what may begin, and is not kept.
    """

    kind: RunKind
    reuse: Reuse
    lock: str
    boot: str
    cap_asks: int | None = None
    qps: float | None = None
    asks_per_card: int = 4
    wallet_total: int | None = None
    wallet_left: int | None = None
    unit_price: Decimal | None = None
    terms: str = "{}"
    approval: str | None = None
    day: OperatorDay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pass of asks. `spent` may have been billed (answered and not free, or in doubt), `reserved` is in flight.

    `reason` says how it ended; `lost` means that its lease lapsed or its process died, and bars every further reserve.
    `last_attempt` is the newest attempt of all jobs when it ended.
    """

    number: int
    id: str
    job: str
    spec: RunSpec
    started_at: datetime
    ended_at: datetime | None = None
    reason: str = ""
    spent: int = 0
    reserved: int = 0
    last_attempt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A query that would be asked now. `release` names the in-doubt attempt whose second bill a person has accepted."""

    key: bytes
    id_tag: bytes
    card_tag: bytes | None
    product: Product
    release: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """The attempt is written down. It may leave until `send_before` (monotonic seconds), and never after."""

    attempt: int
    send_before: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The key has a valid answer, or an ask in doubt: the attempt says which."""

    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """The key, the ID number or the card is in flight, here or in another process. Want it again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """Not before `until`: `id_locked` after a 203, `id_limit` and `card_limit` after too many asks in 24 h. The hold is on record."""

    code: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The shared rate has no slot for this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """No ask of this run may leave any more: `budget` (its cap), `quota` (the wallet) or `lease_lost` (it was ended)."""

    code: str


Grant = Granted | Held | Busy | Locked | Wait | Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How an open attempt ended. `lock_until` (a 203) locks its ID number and lets go of the key.

    `billed` may be left out for `not_billed` (it is NO) and `in_doubt` (it is UNKNOWN).
    """

    attempt: int
    state: AttemptState
    code: str
    billed: Billed | None = None
    request_id: str = ""
    vendor_at: datetime | None = None
    sealed: bytes | None = field(repr=False, default=None)
    lock_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why the gate did not ask a key of a job, and until when."""

    code: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRow:
    """`asks` attempts alike in all of the rest. `at` is the vendor's time (else ours) of the first of them in its window."""

    run: str
    product: Product
    state: AttemptState
    code: str
    billed: Billed
    at: datetime
    asks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPackage:
    """A package to enter: `used` are the asks that were gone from it before. `price` is in yuan, None where nobody knows it."""

    label: str
    total: int
    used: int = 0
    bought_at: datetime | None = None
    expires_at: datetime | None = None
    price: Decimal | None = None
    vendor_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A bought package: `total` asks, of which `used` are gone by our count. `expires_at` None is never.

    `vendor_id` is the vendor's 套餐包ID and `order` the number of the order, "" where they were not given.
    """

    number: int
    label: str
    total: int
    used: int
    added_at: datetime
    bought_at: datetime
    expires_at: datetime | None = None
    price: Decimal | None = None
    vendor_id: str = ""
    order: str = ""

    @property
    def left(self) -> int:
        """Asks that are not used, whether they still can be or not."""
        return self.total - self.used

    def is_valid(self, now: datetime) -> bool:
        """Say whether it has not expired."""
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """An order or a refund, in yuan: `paid` in cash or stored value, which goes on the invoice, and `voucher`, which does not.

    Both are negative, or 0, in a refund.
    """

    order: str
    product: str
    is_refund: bool = False
    paid_at: datetime
    paid: Decimal
    voucher: Decimal = Decimal(0)


class ReadingSource(StrEnum):
    """Who said what is left: somebody who read it in the console, or the vendor's own answer."""

    TYPED = "typed"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the vendor said was left, and what we had `counted` then (None without packages).

    `spent` is what this home may have spent by then, `newest_attempt` its last attempt.
    """

    at: datetime
    source: ReadingSource
    left: int
    total: int | None
    counted: int | None
    spent: int
    newest_attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What was bought, what may have been used, what is surely left. `total` and `left` are None while no package is known."""

    total: int | None
    used: int
    left: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A link of a run's hash chain. `transition` is reserved, answered, not_billed, in_doubt, released, superseded, reconciled or priced."""

    seq: int
    at: datetime
    attempt: int
    tag: str
    transition: str
    code: str
    billed: Billed
    request_id: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file that was written for a job."""

    path: str
    sha256: str
    written_at: datetime
