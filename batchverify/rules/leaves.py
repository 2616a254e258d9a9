"""What stands under an audit report's root: one leaf for each run's chain head, then one for each row's outcome.

The one thing to know: a row's leaf begins with 16 secret bytes of its own. Without them, whoever holds a proof of one
row could try the few outcomes that the row beside it can have, and read it off the path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchverify.model import Outcome
from batchverify.rules.canonical import canonical
from batchverify.rules.merkle import leaf_hash
from batchverify.rules.windows import beijing_time


def row_facts(row: int, outcome: Outcome) -> dict[str, Any]:
    """Give what a report vouches for beside a row. `mark` is the result's `bv_row`, which names job, row and question.

    >>> from batchverify.model import RowSource, RowStatus
    >>> row_facts(7, Outcome(status=RowStatus.BLOCKED, code="id_checksum", source=RowSource.LOCAL, row_tag="j-aaaa/7/-"))["code"]
    'id_checksum'
    """
    return {
        "row": row,
        "mark": outcome.row_tag,
        "status": outcome.status.value,
        "code": outcome.code,
        "source": outcome.source.value,
        "billed": outcome.billed.value,
        "attempt": outcome.attempt,
        "request_id": outcome.request_id,
        "asked_at": beijing_time(outcome.asked_at) if outcome.asked_at is not None else None,
    }


def row_leaf(facts: Mapping[str, Any], salt: bytes) -> bytes:
    """Hash a row's facts under its salt."""
    return leaf_hash(salt + canonical(facts))


def run_leaf(run: str, *, events: int, head: str) -> bytes:
    """Hash where a run's chain stood: how many events it had, and the last one's hash in hex.

    >>> run_leaf("j-aaaaaaaa.1", events=2, head="ab").hex()[:8] == run_leaf("j-aaaaaaaa.1", events=3, head="ab").hex()[:8]
    False
    """
    return leaf_hash(canonical({"run": run, "events": events, "head": head}))
