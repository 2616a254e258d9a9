"""Between the ledger's columns and the model's types.

The one thing to know: a wall time is kept as whole microseconds since 1970 UTC, so that no rounding and no time zone
can come between writing and reading.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from batchverify.model import Attempt, AttemptState, Billed, Product
from batchverify.store.ledger.shapes import Job, JobSpec, Reuse, Run, RunKind, RunSpec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

#: The columns of `attempt_of`, in its order.
ATTEMPT_COLUMNS = (
    "number, run, key, product, state, reserved_at, settled_at, code, billed, request_id, vendor_at, released, sealed"
)
#: The same without the answer, which is most of a row.
BARE_ATTEMPT_COLUMNS = ATTEMPT_COLUMNS.replace("sealed", "NULL")
JOB_COLUMNS = "id, path, sha256, size_bytes, sheet, encoding, product, identity, options, created_at, finished_at, closed_at"
RUN_COLUMNS = (
    "run.number, run.id, job.id, kind, matched_after, other_after, lock, boot, cap_asks, qps, asks_per_card, "
    "wallet_total, wallet_left, unit_price, terms, approval, last_attempt, started_at, ended_at, reason, spent, reserved"
)

_STATES = {state.value: state for state in AttemptState}
_BILLED = {billed.value: billed for billed in Billed}
_PRODUCTS = {product.value: product for product in Product}

Row = tuple[Any, ...]
T = TypeVar("T")


def micros(at: datetime) -> int:
    """Count the microseconds since 1970 UTC of an aware time; a naive one raises TypeError, for it names no instant.

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (at - EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """Undo `micros`.

    >>> moment(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return EPOCH + timedelta(microseconds=microseconds)


def moment_or_none(microseconds: int | None) -> datetime | None:
    """Undo `micros` where a column may be NULL."""
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)


def micros_or_none(at: datetime | None) -> int | None:
    """Count microseconds where a time may be missing."""
    return None if at is None else micros(at)


def billed_of(word: str) -> Billed:
    """Read the `billed` column."""
    return _BILLED[word]


def state_of(word: str) -> AttemptState:
    """Read the `state` column."""
    return _STATES[word]


def product_of(word: str) -> Product:
    """Read the `product` column of an attempt."""
    return _PRODUCTS[word]


class RunNames:
    """The ids behind run numbers, remembered: they never change, and a join for each attempt costs more than the attempt."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[str, str]] = {}

    def of(self, con: sqlite3.Connection, run: int) -> tuple[str, str]:
        """Give the run's id and its job's."""
        known = self._known.get(run)
        if known is None:
            found = con.execute("SELECT run.id, job.id FROM run JOIN job ON job.number = run.job WHERE run.number = ?", (run,))
            known = self._known[run] = found.fetchone()
        return known


def attempt_of(row: Row, names: tuple[str, str]) -> Attempt:
    """Read a row of ATTEMPT_COLUMNS; `names` are the run's id and its job's."""
    number, _, key, product, state, reserved_at, settled_at, code, billed, request_id, vendor_at, released, sealed = row
    return Attempt(
        number=number,
        job=names[1],
        run=names[0],
        key=key,
        product=_PRODUCTS[product],
        state=_STATES[state],
        reserved_at=moment(reserved_at),
        settled_at=moment_or_none(settled_at),
        code=code,
        billed=_BILLED[billed],
        request_id=request_id,
        vendor_at=moment_or_none(vendor_at),
        holds=not released,
        sealed=sealed,
    )


def job_of(row: Row) -> Job:
    """Read a row of JOB_COLUMNS."""
    job_id, path, sha256, size_bytes, sheet, encoding, product, identity, options, created_at, *ends = row
    finished_at, closed_at = (moment_or_none(end) for end in ends)
    spec = JobSpec(
        path=path,
        sha256=sha256,
        size_bytes=size_bytes,
        sheet=sheet,
        encoding=encoding,
        product=product,
        identity=identity,
        options=options,
    )
    return Job(id=job_id, spec=spec, created_at=moment(created_at), finished_at=finished_at, closed_at=closed_at)


def run_of(row: Row) -> Run:
    """Read a row of RUN_COLUMNS."""
    number, run_id, job_id, kind, matched_after, other_after, lock, boot, cap_asks, qps, asks_per_card, *rest = row
    wallet_total, wallet_left, unit_price, terms, approval, last_attempt, started_at, ended_at, reason, spent, reserved = rest
    spec = RunSpec(
        kind=RunKind(kind),
        reuse=Reuse(matched_after=moment(matched_after), other_after=moment(other_after)),
        lock=lock,
        boot=boot,
        cap_asks=cap_asks,
        qps=qps,
        asks_per_card=asks_per_card,
        wallet_total=wallet_total,
        wallet_left=wallet_left,
        unit_price=None if unit_price is None else Decimal(unit_price),
        terms=terms,
        approval=approval,
    )
    return Run(
        number=number,
        id=run_id,
        job=job_id,
        spec=spec,
        started_at=moment(started_at),
        ended_at=moment_or_none(ended_at),
        reason=reason,
        spent=spent,
        reserved=reserved,
        last_attempt=last_attempt,
    )


def padded_batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut into batches of exactly `size`, the last filled with its own last value: one prepared `IN` serves them all.

    >>> list(padded_batches([1, 2, 3], 2))
    [[1, 2], [3, 3]]
    """
    batch: list[T] = []
    for value in values:
        batch.append(value)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch + [batch[-1]] * (size - len(batch))
