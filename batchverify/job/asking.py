"""One run: the marked questions of a plan go through the pool to the vendor.

The one thing to know: the run holds a lock file for as long as its process lives, so that another process can tell at
once whether what is open here may still be answered.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from batchverify.errors import InputError
from batchverify.job.lines import Lines
from batchverify.job.options import Bounds
from batchverify.job.plan import ASK, Plan
from batchverify.job.realm import Realm
from batchverify.job.terms import Terms
from batchverify.model import Billed, Query, RowStatus, Secret
from batchverify.pool import Crew, Item, Limits, Progress, StopSwitch
from batchverify.rules.outcomes import Scope
from batchverify.rules.prices import PriceTable
from batchverify.rules.sampling import looks_sane
from batchverify.settings import Settings, app_code
from batchverify.store.ledger import Reuse, Run, RunKind, RunSpec
from batchverify.store.ledger.shapes import OperatorDay
from batchverify.store.plan_index import PlanIndex
from batchverify.vendor.client import Client
from batchverify.vendor.products import Endpoint, parse_endpoint

_SANDBOX_CODE = "sandbox"
#: Rows read between two looks at the answers: while rows are read, none is.
_STRETCH = 100
#: How long the loop may keep the interpreter from the gate when it comes back from the disk. With Python's own 5 ms a
#: commit of 0.5 ms took 3 ms, and every ask waits for one.
_SWITCH_SECONDS = 0.0005
_NO_MORE = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Whom to ask, and with which AppCode."""

    endpoint: Endpoint
    app_code: Secret


def endpoint_of(settings: Settings) -> Endpoint:
    """The endpoint that the settings name.

    Raises:
        SettingsError: It may not be asked. Nothing was sent.
    """
    return parse_endpoint(settings.endpoint, named_hosts=(named_host(settings.endpoint),))


def named_host(endpoint: str) -> str:
    """The host in a setting: naming it there is the permission to ask it."""
    try:
        return urlsplit(endpoint).hostname or ""
    except ValueError:
        return ""  # no URL at all: whoever reads the endpoint says so


@contextmanager
def open_vendor(settings: Settings, realm: Realm, *, built_in: bool) -> Iterator[Vendor]:
    """The vendor of a realm: the real one, a loopback endpoint, or the built-in sandbox for as long as the block runs.

    Raises:
        SettingsError: No AppCode, or an endpoint that may not be asked. Nothing was sent.
    """
    if built_in:
        if not realm.simulated:
            raise InputError("The job is a real one, and made-up answers must not stand among its own. Leave out --sandbox.")
        from batchverify import sandbox  # noqa: PLC0415 - a real run has no use for it

        with sandbox.running(sandbox.Settings(app_code=_SANDBOX_CODE)) as running:
            yield Vendor(endpoint=parse_endpoint(running.endpoint), app_code=Secret(_SANDBOX_CODE))
        return
    endpoint = endpoint_of(settings)
    if endpoint.is_loopback is not realm.simulated:
        kind = "the sandbox's" if realm.simulated else "a real one"
        raise InputError(f"The job is {kind}, and the endpoint {str(endpoint)!r} is not. Name the endpoint it was begun with.")
    yield Vendor(endpoint=endpoint, app_code=app_code(settings, realm.home.path))


def begin_run(
    realm: Realm,
    job: str,
    kind: RunKind,
    scope: Scope,
    bounds: Bounds,
    settings: Settings,
    *,
    plan: Plan,
    day: OperatorDay | None = None,
    endpoint_host: str = "",
) -> tuple[Run, Callable[[], None]]:
    """Write down a run and hold its lock; the second value lets go of it.

    No run bills more asks than were planned: what was locked while the plan was looked at may be free by the time it is approved.
    """
    lock = realm.home.hold_lock(secrets.token_hex(8))
    try:
        wallet = realm.ledger.wallet(now=realm.clock.now())
        spec = RunSpec(
            kind=kind,
            reuse=Reuse(matched_after=scope.matched_after, other_after=scope.other_after),
            lock=lock.name,
            boot=realm.clock.boot,
            cap_asks=bounds.within(plan.asks, unit_price=plan.unit_price),
            qps=bounds.qps,
            asks_per_card=settings.asks_per_card_per_day,
            wallet_total=wallet.total,
            wallet_left=wallet.left,
            unit_price=plan.unit_price,
            terms=Terms.now(settings, endpoint_host=endpoint_host).as_json(),
            approval=bounds.approved,
            day=day,
        )
        now, monotonic = realm.clock.now(), realm.clock.monotonic()
        return realm.ledger.start_run(job, spec, now=now, monotonic=monotonic, erasures=plan.erasures), lock.release
    except BaseException:
        lock.release()
        raise


def ask_marked(
    lines: Lines,
    index: PlanIndex,
    realm: Realm,
    run: Run,
    vendor: Vendor,
    *,
    bounds: Bounds,
    settings: Settings,
    release: Mapping[bytes, int],
    stop: StopSwitch,
    report: Callable[[Progress], None],
    sampled: Callable[[Mapping[RowStatus, int]], None],
) -> str:
    """Ask what the plan has marked; "" or the word for why the run stopped early.

    Raises:
        HomeError: The ledger failed. Nothing was sent after that.
    """

    async def ask() -> str:
        async with Client(
            vendor.endpoint,
            vendor.app_code,
            connections=bounds.concurrency,
            deadline_seconds=settings.deadline_seconds,
            monotonic=realm.clock.monotonic,
        ) as client:
            crew = Crew(
                ledger=realm.ledger,
                run=run,
                vault=realm.vault,
                client=client,
                clock=realm.clock,
                limits=Limits(
                    concurrency=bounds.concurrency,
                    lock=timedelta(minutes=settings.lock_minutes),
                    breaker_pause_seconds=settings.breaker_pause_seconds,
                    back_off_seconds=settings.back_off_seconds,
                ),
                billed=_billing(settings),
                is_dead=realm.home.is_dead,
                jitter=lambda longest: random.uniform(0, longest),  # noqa: S311 - a pause, not a secret
                remember=realm.remember,
                report=report,
                stop=stop,
            )
            items = _items(lines, index, realm, release)
            if bounds.sample is not None:
                reason = await crew.ask_all(_first(items, bounds.sample))
                if reason:
                    return reason
                sampled(crew.statuses)
                if not looks_sane(crew.statuses):
                    return "sample"
            return await crew.ask_all(items)

    with _quick_switches(), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(ask())


@contextmanager
def _quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _SWITCH_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _items(lines: Lines, index: PlanIndex, realm: Realm, release: Mapping[bytes, int]) -> Iterator[Item | None]:
    vault = realm.vault
    for batch in lines.batches(_STRETCH):
        keys = [line.key for line in batch if line.key is not None]
        marks, first = index.marks(keys), index.first_rows(keys)
        for line in batch:
            if line.key is None or not isinstance(line.question, Query):
                continue
            if marks.get(line.key) != ASK or first[line.key] != line.record.number:
                continue
            yield Item(
                query=line.question,
                key=line.key,
                id_tag=vault.id_tag(line.question.id_card),
                card_tag=vault.card_tag(line.question.account_no) if line.question.account_no else None,
                release=release.get(line.key),
            )
        yield None


def _first(items: Iterator[Item | None], count: int) -> Iterator[Item | None]:
    while count > 0 and (item := next(items, _NO_MORE)) is not _NO_MORE:
        if isinstance(item, Item):
            count -= 1
            yield item
        else:
            yield None


def _billing(settings: Settings) -> Callable[[str], Billed]:
    return PriceTable(unit_price=settings.unit_price, exceptions=settings.billed).billed


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":  # pragma: no cover - uvloop has no Windows
        return None
    import uvloop  # noqa: PLC0415 - not on Windows

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
