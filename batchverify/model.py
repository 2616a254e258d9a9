"""The types that the floors above share: rows, queries, attempts, outcomes.

The one thing to know: times are aware UTC, and a value that must not be printed (`Query`, `Answer`, `Secret`) has a
repr without it, so that no traceback, log or failed assertion can show a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Product(StrEnum):
    """What is asked of the vendor; the value is the word used on the command line."""

    BANK3 = "bank3"
    BANK3_DETAIL = "bank3-detail"
    BANK4 = "bank4"
    BANK4_DETAIL = "bank4-detail"
    ID2 = "id2"


class Field(StrEnum):
    """A field of a query, by the vendor's parameter name."""

    NAME = "name"
    ID_CARD = "idCard"
    ACCOUNT_NO = "accountNo"
    MOBILE = "mobile"


class RowStatus(StrEnum):
    """What is written beside a row (`bv_status`)."""

    MATCHED = "matched"
    MISMATCHED = "mismatched"
    CARD_PROBLEM = "card_problem"
    UNVERIFIABLE = "unverifiable"
    LOCKED = "locked"
    INVALID = "invalid"
    BLOCKED = "blocked"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    NOT_RUN = "not_run"

    @property
    def is_open(self) -> bool:
        """True where a later run may still bring an answer."""
        return self in _OPEN_STATUSES


_OPEN_STATUSES = frozenset({RowStatus.LOCKED, RowStatus.FAILED, RowStatus.IN_DOUBT, RowStatus.NOT_RUN})


class RowSource(StrEnum):
    """Where an outcome comes from (`bv_source`)."""

    ASKED = "asked"
    REUSED = "reused"
    DUPLICATE = "duplicate"
    LOCAL = "local"


class AttemptState(StrEnum):
    """The states of RELIABILITY: an attempt is reserved as open and ends in exactly one of the others."""

    OPEN = "open"
    ANSWERED = "answered"
    NOT_BILLED = "not_billed"
    IN_DOUBT = "in_doubt"


class Billed(StrEnum):
    """What an ask costs: one call of the package, none, or nobody knows (shown as an interval)."""

    YES = "1"
    NO = "0"
    UNKNOWN = "?"


class CheckLevel(StrEnum):
    """How local checks act: `strict` blocks on a wrong Luhn digit too, `warn` sends all the same, `off` looks at nothing."""

    STRICT = "strict"
    BLOCK = "block"
    WARN = "warn"
    OFF = "off"


class Secret:
    """A text that no repr, str, format or pickle shows. `reveal` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("A secret cannot be pickled.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberCell:
    """A numeric cell of a workbook. `literal` is the number as the file spells it: the type decides whether it can be trusted."""

    literal: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OddCell:
    """A cell that is neither text nor number: `kind` is one of date, boolean, error, formula (one without a cached value)."""

    kind: str
    text: str = field(repr=False, default="")


#: A cell as read. Text is a plain `str` ("" when empty); a workbook's other cells keep their type.
CellValue = str | NumberCell | OddCell


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the user's sheet below the header, numbered as the spreadsheet shows it."""

    number: int
    cells: tuple[CellValue, ...] = field(repr=False)
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Product and the exact fields that would be sent. Fields a product does not take are "".

    `notes` say how the sent text differs from the cell ("idCard:lowercase_x"), `warnings` what looked odd and was sent
    all the same ("accountNo:luhn").
    """

    product: Product
    name: str = field(repr=False)
    id_card: str = field(repr=False)
    account_no: str = field(repr=False, default="")
    mobile: str = field(repr=False, default="")
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A row that is never sent. `code` is its `bv_code`, `at` the field to look at, or None for the row as a whole."""

    code: str
    at: Field | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the vendor said: `status` as it came, `details` by the vendor's names, only those that were not empty."""

    status: str
    message: str = field(repr=False)
    details: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer with the gateway's request id and the vendor's own `Date`, which decides the window of the bill."""

    answer: Answer
    request_id: str
    vendor_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The ledger's record of one ask. `code` is the vendor's status, or a word of ours once it ended without one."""

    number: int
    job: str
    run: str
    key: bytes
    product: Product
    state: AttemptState
    reserved_at: datetime
    settled_at: datetime | None = None
    code: str = ""
    billed: Billed = Billed.NO
    request_id: str = ""
    vendor_at: datetime | None = None
    holds: bool = True
    sealed: bytes | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that stands beside a row; `words.RESULT_COLUMNS` gives the order and labels."""

    status: RowStatus
    code: str
    source: RowSource
    message: str = ""
    billed: Billed = Billed.NO
    details: Mapping[str, str] = field(repr=False, default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    at: Field | None = None
    duplicate_of: int | None = None
    asked_at: datetime | None = None
    retry_at: datetime | None = None
    request_id: str = ""
    attempt: int | None = None
    row_tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet of ours, ready to draw: cells are text, int where a number is meant, or Decimal for yuan. `widths` are in characters."""

    title: str
    rows: tuple[tuple[str | int | Decimal, ...], ...] = field(repr=False)
    widths: tuple[int, ...]
    heading_rows: tuple[int, ...] = ()
