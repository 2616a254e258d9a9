"""An audit report with something in every part of it, signed with a key of the tests.

The one thing to know: its figures cross-add, so each test may break exactly one of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from batchverify.model import AttemptState, Billed, Field, Outcome, Product, RowSource, RowStatus
from batchverify.report.audit import (
    AskClass,
    AuditReport,
    Doubt,
    Evidence,
    Mandate,
    RunFacts,
    SampleRow,
    UsageStatement,
    signed_bytes,
)
from batchverify.report.summary import Bill, Ending, InputFacts, Output, Quota, Summary, Tally, WindowBill, summarize
from batchverify.rules.busiest import Busiest
from batchverify.rules.leaves import row_facts
from batchverify.store.signing import Signer, fingerprint

AT = datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC)
END = AT + timedelta(minutes=17, seconds=3)
SIGNER = Signer(bytes(range(32)))
STATUSES = {RowStatus.MATCHED: 5, RowStatus.MISMATCHED: 1, RowStatus.BLOCKED: 1, RowStatus.IN_DOUBT: 1}


def a_summary(**changes: Any) -> Summary:
    first = WindowBill(start=AT, end=AT + timedelta(minutes=10), asks=4, billed=3)
    second = WindowBill(start=AT + timedelta(minutes=10), end=AT + timedelta(minutes=20), asks=2, billed=1)
    facts: dict[str, Any] = {
        "job": "j-abcdefgh",
        "run": "j-abcdefgh.2",
        "simulated": False,
        "ending": Ending.OPEN_ROWS,
        "input": InputFacts(name="名单.xlsx", sha256="ab" * 32, sheet="名单", encoding=""),
        "product": Product.BANK3,
        "endpoint_host": "bcard3and4.market.alicloudapi.com",
        "tally": Tally(status=STATUSES, unique=6, duplicate=1, reused=1, blocked=1),
        "bill": Bill(
            billed=4,
            not_billed=1,
            in_doubt=1,
            windows=(first, second),
            by_status={RowStatus.MATCHED: 3, RowStatus.MISMATCHED: 1},
        ),
        "unit_price": Decimal("0.19"),
        "quota": Quota(total=100, left_before=96, left_after=95),
        "started_at": AT,
        "ended_at": END,
        "ledger_head": "cd" * 32,
    }
    return summarize(**(facts | changes))


def a_sample() -> tuple[SampleRow, ...]:
    asked = {
        "source": RowSource.ASKED,
        "billed": Billed.YES,
        "request_id": "8F3C1D6E-0C6B-5B2A-9D3E-7A1B2C3D4E5F",
        "asked_at": AT,
    }
    rows = (
        (4, Outcome(status=RowStatus.MATCHED, code="01", attempt=1, row_tag="j-abcdefgh/4/0011aabb", **asked), "王*", "7081"),
        (5, Outcome(status=RowStatus.MISMATCHED, code="02", attempt=2, row_tag="j-abcdefgh/5/0011aabc", **asked), "䶮*", "0311"),
        (
            6,
            Outcome(status=RowStatus.BLOCKED, code="id_checksum", source=RowSource.LOCAL, row_tag="j-abcdefgh/6/-"),
            "𬭎*",
            "0319",
        ),
    )
    return tuple(
        SampleRow(
            facts=row_facts(row, outcome),
            masked={Field.NAME: name, Field.ID_CARD: f"110***********{last}", Field.ACCOUNT_NO: f"621700*********{last}"},
        )
        for row, outcome, name, last in rows
    )


def a_run(number: int, **changes: Any) -> RunFacts:
    facts: dict[str, Any] = {
        "run": f"j-abcdefgh.{number}",
        "kind": "first" if number == 1 else "rerun",
        "started_at": AT,
        "ended_at": END,
        "reason": "" if number > 1 else "budget",
        "cap_asks": 4 if number == 1 else None,
        "qps": 500.0,
        "asks_per_card": 4,
        "unit_price": Decimal("0.19"),
        "asks": 4 if number == 1 else 2,
        "spent": 4 if number == 1 else 1,
        "package_total": 100,
        "left_before": 100 if number == 1 else 96,
        "events": 8 if number == 1 else 4,
        "head": ("ef" if number == 1 else "cd") * 32,
    }
    return RunFacts(**(facts | changes))


def a_report(**changes: Any) -> AuditReport:
    doubt = Doubt(attempt=5, run="j-abcdefgh.2", asked_at=AT, code="timeout", billed=Billed.UNKNOWN, request_id="")
    facts: dict[str, Any] = {
        "tool_version": "0.1.0",
        "summary": a_summary(),
        "size_bytes": 12_345,
        "mapping": {Field.NAME: "姓名", Field.ID_CARD: "身份证号", Field.ACCOUNT_NO: "银行卡号"},
        "settings": {"checks": "block", "upgrade_15": False, "reuse_days_matched": "30", "low_balance_percent": 20},
        "mandate": Mandate(operator="李四", purpose="工资卡核对", authorization="HR-2026-11"),
        "runs": (a_run(1), a_run(2)),
        "ask_classes": (
            AskClass(product=Product.BANK3, state=AttemptState.ANSWERED, code="01", billed=Billed.YES, asks=3),
            AskClass(product=Product.BANK3, state=AttemptState.ANSWERED, code="02", billed=Billed.YES, asks=1),
            AskClass(product=Product.BANK3, state=AttemptState.NOT_BILLED, code="connect", billed=Billed.NO, asks=1),
            AskClass(product=Product.BANK3, state=AttemptState.IN_DOUBT, code="timeout", billed=Billed.UNKNOWN, asks=1),
        ),
        "outcomes": {
            (RowStatus.MATCHED, "01"): 5,
            (RowStatus.MISMATCHED, "02"): 1,
            (RowStatus.BLOCKED, "id_checksum"): 1,
            (RowStatus.IN_DOUBT, "timeout"): 1,
        },
        "busiest": Busiest(in_one_second=3, in_flight=2),
        "reconciled": {},
        "statements": (UsageStatement(start=AT, vendor=5, certain=4, doubt=1, finding="billed", sha256="78" * 32, noted_at=END),),
        "evidence": Evidence(attempts=6, first=1, last=6, request_ids=4, sha256="12" * 32, in_doubt=1, listed=(doubt,)),
        "sample": a_sample(),
        "outputs": (Output(path="名单.verified.xlsx", sha256="34" * 32),),
        "root": "56" * 32,
        "leaves": 10,
        "public_key": SIGNER.public_key,
        "fingerprint": fingerprint(SIGNER.public_key),
    }
    return AuditReport(**(facts | changes))


def a_document(**changes: Any) -> dict[str, Any]:
    """Give a signed document."""
    document = a_report(**changes).as_json()
    return document | {"signature": SIGNER.sign(signed_bytes(document))}
