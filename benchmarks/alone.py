"""The rooms alone, one act per process: gate, reader, writer, plan, and the libraries they are compared with."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

_NO_LIMIT = 100_000.0
_RECOVERY_BATCH = 1_000
_REQUEST_ID = "0B0C6A5E-0000-4000-8000-000000000001"


def gate_cost(*, folder: str, batch: int, asks: int) -> dict[str, Any]:
    """Settle a batch and reserve the next in one durable transaction, over and over."""
    from batchverify.store.ledger import Granted

    with _a_run(Path(folder)) as (realm, run):
        open_asks: list[int] = []
        commits: list[float] = []
        cpu = time.process_time()
        for _ in range(asks // batch):
            now = datetime.now(UTC)
            wants, settlements = _wants(batch), _answers(open_asks, now)
            with realm.ledger.transaction(now=now, monotonic=time.monotonic()) as gate:
                gate.settle(settlements)
                grants = gate.reserve(run, wants)
                before = time.perf_counter()
            commits.append(time.perf_counter() - before)
            open_asks = [grant.attempt for grant in grants if isinstance(grant, Granted)]
            assert len(open_asks) == batch
        cpu = time.process_time() - cpu
    return {"cpu_us": cpu / len(commits) / batch * 1e6, "commit_ms": fmean(commits) * 1e3}


def recovery(*, folder: str, asks: int) -> dict[str, Any]:
    """What opening a home costs after a run died: half of its asks were settled, half were open."""
    from batchverify.store.ledger import Granted

    with _a_run(Path(folder)) as (realm, run):
        for start in range(0, asks, _RECOVERY_BATCH):
            now, wants = datetime.now(UTC), _wants(min(_RECOVERY_BATCH, asks - start))
            with realm.ledger.transaction(now=now, monotonic=time.monotonic()) as gate:
                granted = [grant.attempt for grant in gate.reserve(run, wants) if isinstance(grant, Granted)]
                if start < asks // 2:
                    gate.settle(_answers(granted, now))
        started = time.perf_counter()
        found = realm.ledger.recover(now=datetime.now(UTC), monotonic=time.monotonic(), boot="", is_dead=lambda _: True)
        wall = time.perf_counter() - started
    assert found == asks - asks // 2
    return {"wall_seconds": wall, "in_doubt": found}


def gate_wait(*, folder: str, asks: int, slower_ms: float, concurrency: int = 200) -> dict[str, Any]:
    """A crew with a vendor that sleeps 50 ms, and a disk that takes `slower_ms` more for each commit."""
    import uvloop

    from batchverify.job.clock import SystemClock
    from batchverify.model import Answer, Billed, Product, Query, Reply
    from batchverify.pool import Crew, Item, Limits, StopSwitch
    from batchverify.rules.key import key_material
    from benchmarks.people import person

    waits: list[float] = []

    class Sleeper:
        def __init__(self) -> None:
            self.ended: dict[Any, float] = {}

        async def ask(self, query: Query, *, send_before: float | None = None) -> Reply:
            del query, send_before
            worker, begun = asyncio.current_task(), time.perf_counter()
            if worker in self.ended:
                waits.append(begun - self.ended[worker])
            await asyncio.sleep(0.05)
            self.ended[worker] = time.perf_counter()
            return Reply(
                answer=Answer(status="01", message="验证通过", details={}), request_id=_REQUEST_ID, vendor_at=datetime.now(UTC)
            )

    with _a_run(Path(folder)) as (realm, run):
        ledger = _SlowDisk(realm.ledger, slower_ms / 1_000)

        items = []
        for number in range(asks):
            asked, vault = person(number), realm.vault
            query = Query(product=Product.BANK3, name=asked.name, id_card=asked.id_number, account_no=asked.card)
            tags = vault.id_tag(asked.id_number), vault.card_tag(asked.card)
            items.append(Item(query=query, key=vault.key(key_material(query)), id_tag=tags[0], card_tag=tags[1]))
        crew = Crew(
            ledger=ledger,  # type: ignore[arg-type]
            run=run,
            vault=realm.vault,
            client=Sleeper(),
            clock=SystemClock(),
            limits=Limits(concurrency=concurrency, lock=timedelta(hours=12)),
            billed=lambda _: Billed.YES,
            is_dead=lambda _: False,
            jitter=lambda longest: longest,
            remember=realm.remember,
            report=lambda _: None,
            stop=StopSwitch(),
        )
        started = time.perf_counter()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(crew.ask_all(iter(items)))
        wall = time.perf_counter() - started
    # The first rounds are few asks at once, by rule; the last ones have nothing to wait for.
    steady = sorted(waits[asks // 5 :])
    return {
        "rate": asks / wall,
        "wait_ms_p50": steady[len(steady) // 2] * 1e3,
        "wait_ms_p99": steady[int(len(steady) * 0.99)] * 1e3,
        "commit_ms": fmean(ledger.commits) * 1e3,
    }


class _SlowDisk:
    """A ledger whose transactions take longer to end, as on a desk's disk, and are timed."""

    def __init__(self, ledger: Any, seconds: float) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self.commits: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    @contextmanager
    def transaction(self, **instants: Any) -> Iterator[Any]:
        started = time.perf_counter()
        with self._ledger.transaction(**instants) as gate:
            yield gate
            time.sleep(self._seconds)
        self.commits.append(time.perf_counter() - started)


def _wants(count: int) -> list[Any]:
    """Questions that nobody asked before."""
    from batchverify.model import Product
    from batchverify.store.ledger import Want

    tags = iter(lambda: secrets.token_bytes(16), b"")
    return [Want(key=next(tags), id_tag=next(tags), card_tag=next(tags), product=Product.BANK3) for _ in range(count)]


def _answers(attempts: list[int], now: datetime) -> list[Any]:
    """A match for each attempt."""
    from batchverify.model import AttemptState, Billed
    from batchverify.store.ledger import Settlement

    answered = {"state": AttemptState.ANSWERED, "code": "01", "billed": Billed.YES, "request_id": _REQUEST_ID}
    return [Settlement(attempt=number, vendor_at=now, sealed=bytes(150), **answered) for number in attempts]


@contextmanager
def _a_run(folder: Path) -> Iterator[tuple[Any, Any]]:
    from batchverify.job.clock import SystemClock
    from batchverify.job.realm import open_realm
    from batchverify.store.ledger import JobSpec, Reuse, RunKind, RunSpec

    clock, now = SystemClock(), datetime.now(UTC)
    with open_realm(folder, simulated=True, clock=clock) as realm:
        spec = JobSpec(
            path="people.csv", sha256="0" * 64, size_bytes=1, sheet="", encoding="", product="bank3", identity="", options="{}"
        )
        job = realm.ledger.create_job(spec, now=now, token=secrets.token_bytes(5))
        yield (
            realm,
            realm.ledger.start_run(
                job.id,
                RunSpec(
                    kind=RunKind.FIRST,
                    reuse=Reuse(matched_after=now, other_after=now),
                    lock="benchmark",
                    boot=clock.boot,
                    cap_asks=None,
                    qps=_NO_LIMIT,
                    asks_per_card=4,
                ),
                now=now,
                monotonic=clock.monotonic(),
            ),
        )


def read_ours(*, source: str, folder: str) -> dict[str, Any]:
    """Open a table and walk its rows, as every pass does."""
    from batchverify.tables.reader import open_table

    started = time.perf_counter()
    with open_table(Path(source), temporary=Path(folder)) as table:
        rows = sum(1 for _ in table.records())
    return {"wall_seconds": time.perf_counter() - started, "rows": rows}


def read_calamine(*, source: str) -> dict[str, Any]:
    import python_calamine

    started = time.perf_counter()
    rows = sum(1 for _ in python_calamine.load_workbook(source).get_sheet_by_index(0).iter_rows())
    return {"wall_seconds": time.perf_counter() - started, "rows": rows}


def write_ours(*, source: str, folder: str) -> dict[str, Any]:
    """A csv becomes a workbook of ours: colours, filter, text cells; outcomes are at hand."""
    from batchverify.model import Billed, Outcome, RowSource, RowStatus
    from batchverify.tables.columns import choose_columns
    from batchverify.tables.reader import open_table
    from batchverify.tables.writer import write_result
    from batchverify.vendor.products import ROUTES
    from batchverify.words import Lang

    details = {"bank": "中国建设银行", "cardName": "龙卡储蓄卡", "cardType": "借记卡", "sex": "男", "area": "北京市东城区"}
    outcome = Outcome(
        status=RowStatus.MATCHED,
        code="01",
        source=RowSource.ASKED,
        billed=Billed.YES,
        details=details | {"province": "北京市", "city": "北京市", "prefecture": "东城区", "birthday": "1990-03-07"},
        asked_at=datetime.now(UTC),
        request_id=_REQUEST_ID,
        row_tag="s-00000000/1/00000000",
    )
    with open_table(Path(source), temporary=Path(folder)) as table:
        columns = choose_columns(table, wanted=next(iter(ROUTES.values()))[1])
        started = time.perf_counter()
        write_result(
            table,
            ((record, outcome) for record in table.records()),
            Path(folder) / f"written-{secrets.token_hex(4)}.xlsx",
            lang=Lang.ZH,
            simulated=False,
            sheets=tuple,
            columns=columns,
            mask=False,
        )
        return {"wall_seconds": time.perf_counter() - started}


def write_xlsxwriter(*, rows: int, folder: str) -> dict[str, Any]:
    """As many cells of like text, as its documentation advises for large files."""
    import xlsxwriter  # type: ignore[import-untyped]

    from benchmarks.people import rows as people

    ours = [
        "一致",
        "01",
        "各项信息一致。",
        "无需处理。",
        "实时",
        "1",
        "中国建设银行",
        "龙卡储蓄卡",
        "借记卡",
        "男",
        "北京市东城区",
    ]
    ours += ["北京市", "北京市", "东城区", "1990-03-07", "", "", "", "", "2026-11-24T10:50:01+08:00", "", _REQUEST_ID, "s-0/1/0"]
    started = time.perf_counter()
    book = xlsxwriter.Workbook(Path(folder) / f"theirs-{secrets.token_hex(4)}.xlsx", {"constant_memory": True})
    sheet = book.add_worksheet()
    for at, row in enumerate(people(rows)):
        for column, text in enumerate((*row, *ours)):
            sheet.write_string(at, column, text)
    book.close()
    return {"wall_seconds": time.perf_counter() - started}


def plan(*, source: str, endpoint: str, home: str) -> dict[str, Any]:
    os.environ["BATCHVERIFY_APPCODE"] = "sandbox"
    from batchverify import plan_file

    started = time.perf_counter()
    made = plan_file(source, endpoint=endpoint, home=home)
    return {"wall_seconds": time.perf_counter() - started, "asks": made.asks}
