"""What is measured, one act per process: our job, and what people write instead. Each tells its figures as JSON on stdout.

The one thing to know: nothing heavy is imported before its act, so that "the whole process" is what a user waits for.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import alone

_PATH = "/bank3Check"
_HEADERS = {"Authorization": "APPCODE sandbox"}
_NO_LIMIT = 100_000.0


def job(*, source: str, endpoint: str, home: str, concurrency: int, output: str) -> dict[str, Any]:
    """Our whole job, as Python users call it."""
    os.environ["BATCHVERIFY_APPCODE"] = "sandbox"
    from batchverify import verify_file

    asking: list[float] = []
    started, cpu = time.perf_counter(), time.process_time()
    summary = verify_file(
        source,
        output=output,
        endpoint=endpoint,
        home=home,
        yes=True,
        qps=_NO_LIMIT,
        concurrency=concurrency,
        progress=lambda _: asking.append(time.perf_counter()),
    )
    return {
        "job": summary.job,
        "wall_seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "asking_seconds": asking[-1] - asking[0] if asking else 0.0,
        "asks": summary.as_json()["asks"]["sent"],
        "rows": summary.as_json()["rows"]["total"],
        "status": summary.as_json()["status"],
    }


def report(*, job: str, home: str, output: str) -> dict[str, Any]:
    """An audit report, as Python users call it."""
    from batchverify import report_file

    started, cpu = time.perf_counter(), time.process_time()
    report_file(job, output, home=home)
    return {"wall_seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu, "asks": 0}


def check(*, job: str, home: str, output: str) -> dict[str, Any]:
    """Its check against input and ledger, by the command."""
    from batchverify.cli.main import cli

    started, cpu = time.perf_counter(), time.process_time()
    sys.stdout, told = sys.stderr, sys.stdout  # what is told on stdout is the figures alone
    code = cli.main(["report", "--check", output, "--home", home], standalone_mode=False)
    sys.stdout = told
    if code != 0:
        raise SystemExit(f"The report of {job} is not genuine.")
    return {"wall_seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu, "asks": 0}


def httpx_client(*, endpoint: str, concurrency: int, rows: int, keep_alive: bool) -> dict[str, Any]:
    """Stock httpx.AsyncClient, its limits as they are or its keep-alive raised to the number of asks at once."""
    import httpx

    from benchmarks.people import person

    limits = {"limits": httpx.Limits(max_connections=None, max_keepalive_connections=concurrency)} if keep_alive else {}
    numbers = iter(range(rows))

    async def ask(client: httpx.AsyncClient) -> None:
        for number in numbers:
            asked = person(number)
            answer = await client.get(_PATH, params={"accountNo": asked.card, "idCard": asked.id_number, "name": asked.name})
            assert answer.json()["status"] == "01"

    async def main() -> float:
        async with httpx.AsyncClient(base_url=endpoint, headers=_HEADERS, timeout=60, **limits) as client:  # type: ignore[arg-type]
            started = time.perf_counter()
            await asyncio.gather(*(ask(client) for _ in range(concurrency)))
            return time.perf_counter() - started

    cpu = time.process_time()
    wall = asyncio.run(main())
    return {"wall_seconds": wall, "cpu_seconds": time.process_time() - cpu, "asks": rows}


def bare_client(*, endpoint: str, concurrency: int, rows: int) -> dict[str, Any]:
    """Our client alone: no sheet, no gate, no ledger."""
    import uvloop

    from batchverify.model import Product, Query, Secret
    from batchverify.vendor.client import Client
    from batchverify.vendor.products import parse_endpoint
    from benchmarks.people import person

    numbers = iter(range(rows))

    async def ask(client: Client) -> None:
        for number in numbers:
            asked = person(number)
            query = Query(product=Product.BANK3, name=asked.name, id_card=asked.id_number, account_no=asked.card)
            assert (await client.ask(query)).answer.status == "01"

    async def main() -> float:
        async with Client(parse_endpoint(endpoint), Secret("sandbox"), connections=concurrency) as client:
            started = time.perf_counter()
            await asyncio.gather(*(ask(client) for _ in range(concurrency)))
            return time.perf_counter() - started

    cpu = time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        wall = runner.run(main())
    return {"wall_seconds": wall, "cpu_seconds": time.process_time() - cpu, "asks": rows}


def script(*, source: str, endpoint: str, threads: int, output: str) -> dict[str, Any]:
    """The script a user would write: pandas, requests in threads, to_excel. No ledger: a crash loses all that was paid."""
    started, cpu = time.perf_counter(), time.process_time()
    import pandas as pd
    import requests

    local = threading.local()

    def ask(row: tuple[str, str, str]) -> str:
        session = getattr(local, "session", None)
        if session is None:
            session = local.session = requests.Session()
        name, id_number, card = row
        answer = session.get(
            endpoint + _PATH, params={"accountNo": card, "idCard": id_number, "name": name}, headers=_HEADERS, timeout=60
        )
        return str(answer.json()["status"])

    is_workbook = Path(source).suffix == ".xlsx"
    frame = pd.read_excel(source, dtype=str, engine="openpyxl") if is_workbook else pd.read_csv(source, dtype=str)
    with ThreadPoolExecutor(threads) as pool:
        frame["status"] = list(pool.map(ask, zip(frame["姓名"], frame["身份证号"], frame["银行卡号"], strict=True)))
    if Path(output).suffix == ".xlsx":
        frame.to_excel(output, index=False)
    else:
        frame.to_csv(output, index=False)
    return {"wall_seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu, "asks": len(frame)}


ACTS: dict[str, Callable[..., dict[str, Any]]] = {
    act.__name__: act
    for act in (
        *(job, report, check, httpx_client, bare_client, script),
        *(alone.gate_cost, alone.gate_wait, alone.recovery, alone.plan),
        *(alone.read_ours, alone.read_calamine, alone.write_ours, alone.write_xlsxwriter),
    )
}


if __name__ == "__main__":
    print(json.dumps(ACTS[sys.argv[1]](**json.loads(sys.argv[2]))))
