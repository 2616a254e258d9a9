"""What a run would ask, what it would cost, and what is wrong with the sheet: all of it free.

The one thing to know: only questions that a plan has marked are ever asked. What is answered, in doubt or damaged never
reaches the pool.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from batchverify.job.lines import Line, Lines
from batchverify.job.options import Asking
from batchverify.job.realm import Realm
from batchverify.job.standing import Origin, Standing, standings
from batchverify.model import Blocked, Field, Query, RowStatus
from batchverify.rules.balance import BalanceWarning, shortfall, warnings_of
from batchverify.rules.outcomes import ANY_NUMBER, Scope
from batchverify.rules.packages import Mix, cheapest_mix
from batchverify.rules.prices import price_of_asks, yuan
from batchverify.rules.windows import BEIJING, beijing_time
from batchverify.settings import Settings
from batchverify.store.ledger.wallet import order_of_use
from batchverify.store.plan_index import CONFLICTS, PlanIndex

#: The mark of a question that a plan lets through to the gate.
ASK = "ask"
#: What a corrected file brings that its origin did not have: no status, for nobody has asked it yet.
EDITED = "edited"
#: The kinds of questions that a plan asks, by the words of `--what`.
KINDS = (EDITED, RowStatus.NOT_RUN, RowStatus.FAILED, RowStatus.LOCKED, RowStatus.IN_DOUBT)
_SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Rows that will not be asked, or look odd: `rows` are the first twenty, `count` is all of them.

    Of rows that contradict each other, `groups` says which: those that share an ID number, a card or a mobile. Of locked rows,
    `earliest` and `latest` are the ends of their locks; of reused ones, when their answers came.
    """

    count: int
    rows: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...] = ()
    earliest: datetime | None = None
    latest: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """The problem for scripts."""
        told: dict[str, Any] = {"count": self.count, "rows": list(self.rows)}
        if self.groups:
            told["groups"] = [list(group) for group in self.groups]
        if self.earliest is not None and self.latest is not None:
            told |= {"earliest": beijing_time(self.earliest), "latest": beijing_time(self.latest)}
        return told


@dataclass(slots=True)
class _Tally:
    """What one pass over the sheet has counted."""

    total: int = 0
    blocked: int = 0
    reused: int = 0
    in_doubt: int = 0
    locked: int = 0
    asks: int = 0
    asks_of: Counter[str] = field(default_factory=Counter)
    not_due: int = 0
    not_before: datetime | None = None
    release: dict[bytes, int] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _rows: dict[str, list[int]] = field(default_factory=dict)
    _firsts: dict[str, list[int]] = field(default_factory=dict)
    _spans: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    def note(self, code: str, row: int, *, at: datetime | None = None, group: int | None = None) -> None:
        self._counts[code] = self._counts.get(code, 0) + 1
        shown = self._rows.setdefault(code, [])
        if len(shown) < _SHOWN_ROWS:
            shown.append(row)
            if group is not None:
                self._firsts.setdefault(code, []).append(group)
        if at is not None:
            earliest, latest = self._spans.get(code, (at, at))
            self._spans[code] = min(earliest, at), max(latest, at)

    def look_at(self, batch: list[Line]) -> None:
        for line in batch:
            match line.question:
                case Blocked(code=code):
                    self.total += 1
                    self.blocked += 1
                    self.note(code, line.record.number)
                case Query(warnings=warnings):
                    self.total += 1
                    for warning in warnings:
                        self.note(warning, line.record.number)

    def place(self, line: Line, standing: Standing, *, what: frozenset[RowStatus], asks_edited: bool) -> bool:
        """Count a question by how it stands; True if it is to go to the gate."""
        status = standing.status
        if status is None:
            self.reused += 1
            answer = standing.attempt
            self.note("reused", line.record.number, at=None if answer is None else answer.settled_at or answer.reserved_at)
            return False
        if status is RowStatus.IN_DOUBT:
            self.in_doubt += 1
            self.note("in_doubt", line.record.number)
        is_wanted = asks_edited if standing.is_edited else status in what
        if standing.until is not None:
            if is_wanted and (self.not_before is None or standing.until < self.not_before):
                self.not_before = standing.until
            if status is RowStatus.IN_DOUBT:
                self.not_due += is_wanted
                return False
            # It goes to the gate all the same, which knows whether the lock still holds and writes down until when.
            self.locked += 1
            self.not_due += is_wanted
            self.note(standing.code, line.record.number, at=standing.until)
            return is_wanted
        if not is_wanted:
            return False
        if status is RowStatus.IN_DOUBT and standing.attempt is not None and line.key is not None:
            self.release[line.key] = standing.attempt.number
        self.asks += 1
        self.asks_of[EDITED if standing.is_edited else status] += 1
        return True

    def problems(self) -> dict[str, Problem]:
        return {code: self._problem(code, count) for code, count in sorted(self._counts.items())}

    def _problem(self, code: str, count: int) -> Problem:
        rows, firsts = self._rows[code], self._firsts.get(code, [])
        groups: dict[int, list[int]] = {}
        for row, first in zip(rows, firsts, strict=bool(firsts)):
            groups.setdefault(first, []).append(row)
        earliest, latest = self._spans.get(code, (None, None))
        return Problem(count=count, rows=tuple(rows), groups=tuple(map(tuple, groups.values())), earliest=earliest, latest=latest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Counts of one input.

    Rows: `total` = `unique` + `duplicate` + `blocked`. Of the unique questions, `reused` have an answer, `in_doubt` are
    held, `locked` wait, and `asks` is the most that would be asked now: `asks_of` says of which kind, by the words of
    `--what`. `identity` stands for the input and all choices that change what is asked of it. Of what is wanted, `not_due` must be left alone for now, the earliest of it until `not_before`.
    """

    name: str
    sha256: str
    sheet: str
    encoding: str
    product: str
    columns: Mapping[Field, str]
    identity: str = ""
    total: int
    unique: int
    duplicate: int
    blocked: int
    reused: int
    in_doubt: int
    locked: int
    asks: int
    asks_of: Mapping[str, int] = field(default_factory=dict)
    not_due: int = 0
    not_before: datetime | None = None
    problems: Mapping[str, Problem]
    release: Mapping[bytes, int] = field(repr=False)
    unit_price: Decimal
    wallet_total: int | None = None
    left: int | None
    low_percent: int = 20
    erasures: str | None = None
    spent: int = 0
    as_last_time: bool = False

    @property
    def worst_price(self) -> Decimal:
        """Yuan if every ask is billed."""
        return self.asks * self.unit_price

    @property
    def saved(self) -> Decimal:
        """Yuan that duplicates, reuse and local checks save."""
        return (self.duplicate + self.reused + self.blocked) * self.unit_price

    @property
    def mix(self) -> Mix:
        """The cheapest packages that cover the asks which the wallet does not hold; all of them where nobody knows what it holds."""
        return cheapest_mix(self.to_buy)

    @property
    def to_buy(self) -> int:
        """Asks beyond what is left in the wallet."""
        return self.asks if self.left is None else shortfall(left=self.left, needed=self.asks)

    @property
    def warnings(self) -> frozenset[BalanceWarning]:
        """What is to be said about the wallet before this plan is carried out."""
        return warnings_of(total=self.wallet_total, left=self.left, low_percent=self.low_percent, needed=self.asks)

    @property
    def digest(self) -> str:
        """A hash of everything a person approves: input, host, how it is asked, how many asks, how many again, the price of one.

        What the job has spent is in it, too: what was locked or failed, and is approved once more, is another plan.
        """
        approved = [self.identity, self.asks, str(self.unit_price), len(self.release), self.spent]
        return hashlib.sha256(json.dumps(approved).encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """The plan for scripts."""
        return {
            **self._facts(),
            "problems": {code: problem.as_json() for code, problem in self.problems.items()},
            "cheapest_packages": {
                "yuan": yuan(self.mix.price),
                "packages": [
                    {"asks": package.asks, "yuan": yuan(package.price), "count": count} for package, count in self.mix.packages
                ],
                "left_over": self.mix.asks - self.to_buy,
            },
            "left_in_wallet": self.left,
            "to_buy": self.to_buy,
            "warnings": sorted(self.warnings),
            "asks_of": dict(self.asks_of),
            "not_due": {
                "count": self.not_due,
                "earliest": None if self.not_before is None else beijing_time(self.not_before),
            },
            "hash": self.digest,
        }

    def _facts(self) -> dict[str, Any]:
        return {
            "input": {"name": self.name, "sha256": self.sha256, "sheet": self.sheet, "encoding": self.encoding},
            "product": self.product,
            "columns": {str(name): header for name, header in self.columns.items()},
            "columns_as_last_time": self.as_last_time,
            "rows": {
                "total": self.total,
                "unique": self.unique,
                "duplicate": self.duplicate,
                "reused": self.reused,
                "blocked": self.blocked,
            },
            "asks": self.asks,
            "in_doubt": self.in_doubt,
            "locked": self.locked,
            "cost": {
                "currency": "CNY",
                "unit_price": yuan(self.unit_price),
                "max": yuan(self.worst_price),
                "saved": yuan(self.saved),
            },
        }


def scope_of(asking: Asking, *, job: str, began: datetime, as_of: datetime, newest: int = ANY_NUMBER) -> Scope:
    """What a job that began then may reuse. The limits count from its beginning, so what it has reused stays reused.

    `newest` bounds by their numbers the attempts that count; a plan counts all that there are.
    """
    since = datetime.fromisoformat(asking.reuse_since) if asking.reuse_since else began
    return Scope(
        job=job,
        matched_after=since - timedelta(days=asking.reuse_days_matched),
        other_after=since - timedelta(days=asking.reuse_days_other),
        as_of=as_of,
        newest=newest,
    )


def day_of(instant: datetime) -> date:
    """The calendar day in Beijing, where the people and the vendor are."""
    return instant.astimezone(BEIJING).date()


def make_plan(
    lines: Lines,
    index: PlanIndex,
    realm: Realm,
    scope: Scope,
    *,
    settings: Settings,
    what: frozenset[RowStatus],
    origin: Origin | None = None,
) -> Plan:
    """Read the whole sheet once, and mark in `index` the questions to ask.

    `scope.as_of` is now; `what` are the statuses that are asked. Costs nothing and sends nothing.
    """
    tally = _Tally()
    asks_edited = origin is not None and origin.asks_edited
    for batch in lines.batches():
        tally.look_at(batch)
        fresh = _new_questions([line for line in batch if isinstance(line.question, Query)], index, tally)
        index.add_people((line.record.number, line.question) for line in fresh if isinstance(line.question, Query))
        found = standings(fresh, realm, scope, asks_per_card=settings.asks_per_card_per_day, origin=origin)
        index.mark(
            {
                line.key: ASK
                for line in fresh
                if line.key is not None and tally.place(line, found[line.key], what=what, asks_edited=asks_edited)
            }
        )
    _note_contradictions(index, tally)
    wallet = realm.ledger.wallet(now=scope.as_of)
    return Plan(
        name=lines.table.path.name,
        sha256=lines.table.sha256,
        sheet=lines.table.sheet or "",
        encoding=lines.table.encoding or "",
        product=lines.asking.product_word,
        columns={name: lines.table.header[column] for name, column in lines.columns.fields.items()},
        identity=_identity(lines, host="" if realm.simulated else urlsplit(settings.endpoint).netloc.lower()),
        total=tally.total,
        unique=index.unique,
        duplicate=index.duplicates,
        blocked=tally.blocked,
        reused=tally.reused,
        in_doubt=tally.in_doubt,
        locked=tally.locked,
        asks=tally.asks,
        asks_of={word: tally.asks_of[word] for word in KINDS if tally.asks_of[word]},
        not_due=tally.not_due,
        not_before=tally.not_before,
        problems=tally.problems(),
        release=tally.release,
        unit_price=price_now(realm, asks=tally.asks, settings=settings, now=scope.as_of),
        wallet_total=wallet.total,
        left=wallet.left,
        low_percent=settings.low_balance_percent,
        erasures=lines.erasures,
        spent=realm.ledger.approvals().spent(scope.job),
    )


def contradictions(index: PlanIndex) -> dict[str, Problem]:
    """Rows that contradict each other, by the word for it, of the people that were added to an index."""
    tally = _Tally()
    _note_contradictions(index, tally)
    return tally.problems()


def _note_contradictions(index: PlanIndex, tally: _Tally) -> None:
    for word in CONFLICTS:
        for row, first in index.conflicts(word):
            tally.note(word, row, group=first)


def _identity(lines: Lines, *, host: str) -> str:
    """Stand for an input and how it is read and asked: what a person looks at before they approve."""
    facts = {
        "input": lines.table.sha256,
        "sheet": lines.table.sheet or "",
        "header_row": lines.table.header_row,
        "skip_hidden": lines.table.skip_hidden,
        "columns": {str(name): column for name, column in lines.columns.fields.items()},
        "asking": asdict(lines.asking),
        "host": host,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def price_now(realm: Realm, *, asks: int, settings: Settings, now: datetime) -> Decimal:
    """The price of one of so many asks, in yuan: what the packages that would be used have cost, else the setting's."""
    offers = [
        (package.price, package.total, package.left)
        for package in order_of_use(realm.ledger.bought().packages())
        if package.is_valid(now)
    ]
    return price_of_asks(offers, asks=asks, otherwise=settings.unit_price)


def _new_questions(asked: list[Line], index: PlanIndex, tally: _Tally) -> list[Line]:
    """The lines whose question was not met before, in this batch or earlier; the others are duplicates."""
    index.add([(line.record.number, line.key) for line in asked if line.key is not None])
    first = index.first_rows([line.key for line in asked if line.key is not None])
    fresh = []
    for line in asked:
        if line.key is not None and first[line.key] == line.record.number:
            fresh.append(line)
        else:
            tally.note("duplicate", line.record.number)
    return fresh
