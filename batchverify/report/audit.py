"""The audit report as a document: the summary, and everything beside it that an auditor asks for (RELIABILITY §7).

The one thing to know: the document is the report. What is signed is its canonical spelling without the signature, and
page, PDF and workbook are drawn from it alone, so each of them can be drawn again and compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from batchverify.model import AttemptState, Billed, Field, Product, RowStatus
from batchverify.report.summary import Output, Summary
from batchverify.rules.busiest import Busiest
from batchverify.rules.canonical import canonical
from batchverify.rules.prices import yuan
from batchverify.rules.windows import beijing_time

KIND = "batchverify audit report"
SCHEMA = 1
#: Asks in doubt that are listed one by one; their count is always whole.
LISTED_DOUBTS = 100
#: What a report and the summary of the same job have in common, key by key. `next` is not among them: a report looks back.
SHARED = (
    *("job", "run", "simulated", "ending", "product", "endpoint_host", "rows", "status", "asks", "cost", "quota", "windows"),
    *("started_at", "ended_at", "ledger_head", "cost_by"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A run as the ledger has it. `events` and `head` say where its chain stood; `asks` are attempts, `spent` those perhaps billed."""

    run: str
    kind: str
    started_at: datetime
    ended_at: datetime
    reason: str
    cap_asks: int | None
    qps: float | None
    asks_per_card: int
    unit_price: Decimal | None
    asks: int
    spent: int
    package_total: int | None
    left_before: int | None
    events: int
    head: str

    def as_json(self) -> dict[str, Any]:
        """Give the run for the document."""
        return {
            "run": self.run,
            "kind": self.kind,
            "started_at": beijing_time(self.started_at),
            "ended_at": beijing_time(self.ended_at),
            "reason": self.reason,
            "cap_asks": self.cap_asks,
            "qps": None if self.qps is None else spelled(self.qps),
            "asks_per_card": self.asks_per_card,
            "unit_price": None if self.unit_price is None else yuan(self.unit_price),
            "asks": self.asks,
            "spent": self.spent,
            "package_total": self.package_total,
            "left_before": self.left_before,
            "left_after": None if self.left_before is None else self.left_before - self.spent,
            "events": self.events,
            "head": self.head,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AskClass:
    """Attempts that ended alike."""

    product: Product
    state: AttemptState
    code: str
    billed: Billed
    asks: int

    def as_json(self) -> dict[str, Any]:
        """Give the class for the document."""
        return {
            "product": self.product.value,
            "state": self.state.value,
            "code": self.code,
            "billed": self.billed.value,
            "asks": self.asks,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An ask in doubt, for showing to the vendor."""

    attempt: int
    run: str
    asked_at: datetime
    code: str
    billed: Billed
    request_id: str

    def as_json(self) -> dict[str, Any]:
        """Give the ask for the document."""
        return {
            "attempt": self.attempt,
            "run": self.run,
            "asked_at": beijing_time(self.asked_at),
            "code": self.code,
            "billed": self.billed.value,
            "request_id": self.request_id,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All attempts of the job: how many, from which number to which, how many with a request id, and one hash over them.

    `sha256` is over a line for each, in their order: number, state, code, billed and request id, with tabs between.
    """

    attempts: int
    first: int | None
    last: int | None
    request_ids: int
    sha256: str
    in_doubt: int
    listed: tuple[Doubt, ...]

    def as_json(self) -> dict[str, Any]:
        """Give the evidence for the document."""
        return {
            "attempts": self.attempts,
            "first": self.first,
            "last": self.last,
            "request_ids": self.request_ids,
            "sha256": self.sha256,
            "in_doubt": self.in_doubt,
            "listed": [doubt.as_json() for doubt in self.listed],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageStatement:
    """What an export of the vendor's usage said of a window, over all jobs: `asks` billed by the vendor, ours certain and in doubt."""

    start: datetime
    vendor: int
    certain: int
    doubt: int
    finding: str
    sha256: str
    noted_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Give the statement for the document."""
        return {
            "from": beijing_time(self.start),
            "vendor": self.vendor,
            "certain": self.certain,
            "doubt": self.doubt,
            "finding": self.finding,
            "sha256": self.sha256,
            "noted_at": beijing_time(self.noted_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """A row that is shown: what the report vouches for beside it, and its fields, masked."""

    facts: Mapping[str, Any]
    masked: Mapping[Field, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """Who had these people verified, why, and on what permission; "" where nobody said."""

    operator: str
    purpose: str
    authorization: str
    approved_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """Everything in the report but the signature. `outcomes` counts rows by status and code, `reconciled` attempts by what was found.

    `leaves` is how many stand under `root`: one for each run and each row.
    """

    tool_version: str
    summary: Summary
    size_bytes: int
    mapping: Mapping[Field, str]
    settings: Mapping[str, str | int | bool]
    mandate: Mandate
    runs: tuple[RunFacts, ...]
    ask_classes: tuple[AskClass, ...]
    outcomes: Mapping[tuple[RowStatus, str], int]
    busiest: Busiest
    reconciled: Mapping[Billed, int]
    statements: tuple[UsageStatement, ...] = ()
    evidence: Evidence
    sample: tuple[SampleRow, ...]
    outputs: tuple[Output, ...]
    erased_attempts: int = 0
    forgotten_rows: int = 0
    root: str
    leaves: int
    public_key: str
    fingerprint: str

    def as_json(self) -> dict[str, Any]:
        """Give the document, unsigned."""
        summary = self.summary.as_json()
        price = self.summary.cost.unit_price
        return {
            "kind": KIND,
            "schema": SCHEMA,
            "tool": {"name": "batchverify", "version": self.tool_version},
            **{key: summary[key] for key in SHARED if key in summary},
            "input": summary["input"] | {"size_bytes": self.size_bytes},
            "started_at_utc": utc_time(self.summary.started_at),
            "ended_at_utc": utc_time(self.summary.ended_at),
            "mapping": {field.value: header for field, header in self.mapping.items()},
            "settings": dict(self.settings),
            "mandate": {
                "operator": self.mandate.operator,
                "purpose": self.mandate.purpose,
                "authorization": self.mandate.authorization,
                "approved_by": self.mandate.approved_by,
            },
            "runs": [run.as_json() for run in self.runs],
            "ask_classes": [one.as_json() for one in self.ask_classes],
            "billed_by_status": [
                {"status": status.value, "asks": asks, "yuan": yuan(price * asks)}
                for status in RowStatus
                if (asks := self.summary.bill.by_status.get(status, 0))
            ],
            "outcomes": [
                {"status": status.value, "code": code, "rows": rows} for (status, code), rows in sorted(self.outcomes.items())
            ],
            "rate": {"most_in_one_second": self.busiest.in_one_second, "most_in_flight": self.busiest.in_flight},
            "reconciliation": self._reconciliation(),
            "evidence": self.evidence.as_json(),
            "sample": [{**row.facts, "masked": {field.value: text for field, text in row.masked.items()}} for row in self.sample],
            "outputs": [{"name": output.path, "sha256": output.sha256} for output in self.outputs],
            "erased": {"attempts": self.erased_attempts, "rows": self.forgotten_rows},
            "merkle": {"hash": "SHA-256", "root": self.root, "leaves": self.leaves},
            "signer": {"algorithm": "Ed25519", "public_key": self.public_key, "fingerprint": self.fingerprint},
        }

    def _reconciliation(self) -> dict[str, Any]:
        billed, not_billed = self.reconciled.get(Billed.YES, 0), self.reconciled.get(Billed.NO, 0)
        return {
            "found_billed": billed,
            "found_not_billed": not_billed,
            "left_in_doubt": self.evidence.in_doubt - billed,
            "statements": [one.as_json() for one in self.statements],
        }


def signed_bytes(document: Mapping[str, Any]) -> bytes:
    """Give what the signature is over: the canonical spelling of the document without its signature.

    >>> signed_bytes({"rows": 3, "signature": "ab"})
    b'{"rows":3}'
    """
    return canonical({key: value for key, value in document.items() if key != "signature"})


def document_text(document: Mapping[str, Any]) -> str:
    """Give a document as it stands in a file: for people to read, the same each time."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def utc_time(at: datetime) -> str:
    """Spell an aware instant in UTC, in seconds.

    >>> utc_time(datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC))
    '2026-11-24T02:50:01Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def spelled(number: float) -> str:
    """Spell a number that need not be whole, exactly and without an exponent: a document has whole numbers only.

    >>> spelled(500.0), spelled(0.5), spelled(1e-2)
    ('500', '0.5', '0.01')
    """
    return f"{Decimal(repr(number)).normalize():f}"
