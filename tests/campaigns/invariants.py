"""The one checker of RELIABILITY §3: a ledger, the vendor's bill and the result files, laid side by side.

The one thing to know: it is given the people that the sheets were made of, so it needs no reading of sheets to know which
question each ask was. What it returns are sentences; none is well. `check` judges a home with its result files,
`check_ledger` what has no files.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from batchverify.job.rendering import companion_of
from batchverify.model import Attempt, AttemptState, Billed, Product, Query, RowStatus
from batchverify.rules.key import key_material
from batchverify.rules.sums import check_sums
from batchverify.rules.verdicts import verdict
from batchverify.sandbox.bill import question_digest
from batchverify.sandbox.faults import Fault
from batchverify.sandbox.verdicts import PRODUCTS, verdict_on
from batchverify.store.home import Home
from batchverify.store.ledger import Ledger, Run
from batchverify.store.vault import Vault
from tests.campaigns.people import HEADER, Person, read_result

_DRAWN = {
    ("reserved",),
    ("reserved", "answered"),
    ("reserved", "not_billed"),
    ("reserved", "in_doubt"),
    ("reserved", "in_doubt", "released"),
    # The vendor's usage has told, before or after somebody asked again.
    ("reserved", "in_doubt", "reconciled"),
    ("reserved", "in_doubt", "reconciled", "released"),
    # Its age has passed, or a person wanted a fresh one.
    ("reserved", "answered", "superseded"),
}
_STATUSES = {"01": "matched", "02": "mismatched", "202": "unverifiable"}
# What looks like an answer and may be attached to no row.
_NO_ANSWERS = frozenset(
    {
        *(Fault.TRUNCATED_LENGTH, Fault.TRUNCATED_CHUNKED, Fault.WRONG_LENGTH, Fault.HTML, Fault.NOT_JSON, Fault.GZIP_BOMB),
        *(Fault.HUGE_BODY, Fault.WRONG_ECHO, Fault.NUMBER_FOR_STRING, Fault.NAN, Fault.DUPLICATE_KEYS, Fault.UNKNOWN_STATUS),
        Fault.STATUS_9999,
    }
)
# The vendor's clock and ours are one, but the bill has floats and the ledger microseconds.
_SLACK_SECONDS = 0.001
# A transaction's instant is that of its call; what it waited for others counts from 5 ms on only.
_TURN = timedelta(seconds=0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet that was verified, and who stood in it, row by row. `result` is what should have come of it."""

    rows: Sequence[Person]
    result: Path


@dataclass(slots=True, kw_only=True)
class Findings:
    """What was looked at and what is wrong. `in_doubt` and `in_flight` are counts, `broken` sentences."""

    asks: int = 0
    billed: int = 0
    certain: int = 0
    in_doubt: int = 0
    runs: int = 0
    lost_runs: int = 0
    rows: int = 0
    most_doubt_of_a_lost_run: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Put another home's findings beside these."""
        for name in ("asks", "billed", "certain", "in_doubt", "runs", "lost_runs", "rows"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.most_doubt_of_a_lost_run = max(self.most_doubt_of_a_lost_run, other.most_doubt_of_a_lost_run)
        self.broken += other.broken


def check(home: Path, bill: Mapping[str, Any], sheets: Sequence[Sheet], *, in_flight: int) -> Findings:
    """Check everything that must hold once no run is under way. `in_flight` is the most that one run may have had."""
    place = Home.open(home).realm(simulated=True)
    with Ledger.open(place.ledger, create=False, simulated=True) as ledger:
        ledger.recover(now=datetime.now(UTC), monotonic=time.monotonic(), boot="", is_dead=Home.open(home).is_dead)
        vault = Vault.open(place.key_file, ledger=ledger)
        people = {person.cells: person for sheet in sheets for person in sheet.rows}
        findings = check_ledger(ledger, vault, [_query(person) for person in people.values()], bill, in_flight=in_flight)
        keys = {cells: vault.key(key_material(_query(person))) for cells, person in people.items()}
        attempts = ledger.attempts(list(keys.values()))
        for sheet in sheets:
            findings.broken += _of_result(sheet, {cells: attempts.get(keys[cells], []) for cells in keys})
            findings.rows += len(sheet.rows)
    return findings


def check_ledger(
    ledger: Ledger,
    vault: Vault,
    queries: Iterable[Query],
    bill: Mapping[str, Any],
    *,
    in_flight: int,
    clocks_agree: bool = True,
) -> Findings:
    """Check a ledger in which every run has ended against the bill. `queries` are all questions anybody may have asked.

    `clocks_agree` False says that our wall clock was set by hand meanwhile, so that its instants order nothing.
    """
    findings = Findings()
    by_key = {vault.key(key_material(query)): query for query in queries}
    attempts = ledger.attempts(list(by_key))
    runs = {run.id: run for job in ledger.jobs() for run in ledger.runs(job.id)}
    findings.broken += _of_runs(ledger, list(runs.values()), findings, in_flight=in_flight)
    findings.broken += _of_bill(
        bill, {_digest(query): attempts.get(key, []) for key, query in by_key.items()}, findings, clocks_agree=clocks_agree
    )
    for made in attempts.values():
        findings.broken += _of_buying_again(made, runs)
    for key, query in by_key.items():
        findings.broken += _of_answers(attempts.get(key, []), key, query, vault)
    if clocks_agree:
        findings.broken += _of_flights(by_key, attempts)
    recorded = sum(row.asks for job in ledger.jobs() for row in ledger.bill(job.id))
    known = sum(len(found) for found in attempts.values())
    if recorded != known:
        findings.broken.append(f"The ledger has {recorded} attempts, and the people of the sheets {known}.")
    if findings.most_doubt_of_a_lost_run > in_flight:
        findings.broken.append(f"A lost run left {findings.most_doubt_of_a_lost_run} in doubt with {in_flight} in flight.")
    return findings


def _of_runs(ledger: Ledger, runs: Sequence[Run], findings: Findings, *, in_flight: int) -> Iterator[str]:
    """The file is whole, every run has ended, its chain holds, and every attempt went a way that RELIABILITY §2 draws."""
    yield from ledger.damages()
    ways: defaultdict[int, list[str]] = defaultdict(list)
    doubts = Counter(attempt.run for job in ledger.jobs() for attempt in ledger.asks_of(job.id) if attempt.code == "process_died")
    # By number: whoever lets go of an attempt began after the run that made it.
    for run in sorted(runs, key=lambda run: run.number):
        findings.runs += 1
        if run.ended_at is None:
            yield f"{run.id} has not ended."
        if run.reserved:
            yield f"{run.id} has {run.reserved} reserved after its end."
        if not ledger.audit().verify_chain(run.id):
            yield f"The chain of {run.id} does not hold."
        if run.spec.cap_asks is not None and run.spent > run.spec.cap_asks:
            yield f"{run.id} spent {run.spent} of {run.spec.cap_asks}."
        if run.reason == "lost":
            findings.lost_runs += 1
            findings.most_doubt_of_a_lost_run = max(findings.most_doubt_of_a_lost_run, doubts[run.id])
        yield from _of_history(ledger, run, ways, in_flight=in_flight)
    yield from (f"Attempt {number} went {' → '.join(way)}." for number, way in ways.items() if tuple(way) not in _DRAWN)
    for job in ledger.jobs():
        for attempt in ledger.asks_of(job.id):
            if attempt.state is AttemptState.IN_DOUBT and not attempt.holds and "released" not in ways[attempt.number]:
                yield f"Attempt {attempt.number} is in doubt, and nobody has let go of its question."


def _of_history(ledger: Ledger, run: Run, ways: defaultdict[int, list[str]], *, in_flight: int) -> Iterator[str]:
    """At each instant of a run spent + reserved was within its cap, and what was in flight within its limit."""
    spent = reserved = most_flying = 0
    most = 0
    for event in ledger.audit().events(run.id):
        ways[event.attempt].append(event.transition)
        match event.transition:
            case "reserved":
                reserved += 1
            case "answered" | "not_billed" | "in_doubt":
                reserved -= 1
                spent += event.billed is not Billed.NO
            case "reconciled":
                spent -= event.billed is Billed.NO
            case _:
                pass
        most, most_flying = max(most, spent + reserved), max(most_flying, reserved)
    if run.spec.cap_asks is not None and most > run.spec.cap_asks:
        yield f"{run.id} had spent or reserved {most} of {run.spec.cap_asks} at one time."
    if most_flying > in_flight:
        yield f"{run.id} had {most_flying} in flight, and its limit is {in_flight}."
    if (spent, reserved) != (run.spent, run.reserved):
        yield f"{run.id} counts {run.spent} spent and {run.reserved} reserved, its events {spent} and {reserved}."


def _of_bill(
    bill: Mapping[str, Any], attempts: Mapping[str, Sequence[Attempt]], findings: Findings, *, clocks_agree: bool
) -> Iterator[str]:
    """Each ask has its intent, none was paid twice without a flag, and the bill lies between certain and certain + in doubt."""
    asks: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for ask in bill["asks"]:
        asks[ask["question"]].append(ask)
    for question in asks.keys() - attempts.keys():
        yield f"The vendor was asked {len(asks[question])} times about a question of no sheet."
    for question, made in attempts.items():
        received = asks[question]
        certain, doubtful = _bounds(made)
        billed = sum(ask["billed"] for ask in received)
        findings.certain += certain
        findings.in_doubt += doubtful
        if len(received) > len(made):
            yield f"A question was asked {len(received)} times with {len(made)} intents."
        if not certain <= billed <= certain + doubtful:
            yield f"A question was billed {billed} times, and the ledger says {certain} to {certain + doubtful}."
        if clocks_agree and not all(
            attempt.reserved_at.timestamp() <= ask["received_at"] + _SLACK_SECONDS
            for attempt, ask in zip(made, received, strict=False)
        ):
            yield "An ask arrived before its intent was written."
        yield from _of_what_was_said(made, received)
    findings.asks, findings.billed = bill["total"], bill["billed"]
    yield from _of_totals(bill, findings)


def _of_what_was_said(made: Sequence[Attempt], received: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """An attempt has the answer that the vendor gave to its question, and nothing that only looks like one."""
    said = {ask["request_id"]: (ask["code"], ask["fault"]) for ask in received}
    for attempt in made:
        if attempt.state is AttemptState.ANSWERED:
            code, fault = said.get(attempt.request_id, ("", ""))
            if code != attempt.code:
                yield f"Attempt {attempt.number} has the answer to another question."
            if fault in _NO_ANSWERS:
                yield f"Attempt {attempt.number} takes for an answer what is none ({fault})."


def _of_totals(bill: Mapping[str, Any], findings: Findings) -> Iterator[str]:
    if not findings.certain <= bill["billed"] <= findings.certain + findings.in_doubt:
        yield f"The bill says {bill['billed']}, the ledger {findings.certain} to {findings.certain + findings.in_doubt}."
    if bill["max_in_flight_per_id"] > 1 or bill["max_in_flight_per_card"] > 1:
        yield "The same ID number or card was in flight twice."
    if bill["asked_while_locked"] or bill["redirects_followed"]:
        yield "A locked ID number was asked about, or a redirect was followed."


def _of_buying_again(made: Sequence[Attempt], runs: Mapping[str, Run]) -> Iterator[str]:
    """An answer is bought again only by a run for which it was too old; what is in doubt only where a person let go of it."""
    for place, attempt in enumerate(made):
        for later in made[place + 1 :]:
            if attempt.state in {AttemptState.IN_DOUBT, AttemptState.OPEN} and attempt.holds:
                yield f"Attempt {later.number} asks what attempt {attempt.number} holds as {attempt.state}."
            if attempt.state is not AttemptState.ANSWERED or verdict(attempt.product, attempt.code) is RowStatus.LOCKED:
                continue
            reuse = runs[later.run].spec.reuse
            limit = reuse.matched_after if attempt.code == "01" else reuse.other_after
            if attempt.settled_at is None or attempt.settled_at >= limit:
                yield f"Attempt {later.number} buys again what attempt {attempt.number} has answered."


def _of_answers(made: Sequence[Attempt], key: bytes, query: Query, vault: Vault) -> Iterator[str]:
    """A kept answer opens under its own question's key and says what the vendor was seen to say."""
    for attempt in made:
        if attempt.sealed is None:
            if attempt.state is AttemptState.ANSWERED:
                yield f"Attempt {attempt.number} was answered, and its answer is not kept."
            continue
        answer = vault.open_sealed(key, attempt.sealed)
        if answer.status != attempt.code:
            yield f"Attempt {attempt.number} keeps the answer {answer.status} under {attempt.code}."
        # The sandbox gives a match a person's last digit, which is of their own ID number.
        if answer.details.get("lastCode", query.id_card[-1:]) != query.id_card[-1:]:
            yield f"Attempt {attempt.number} keeps the answer about another person."


def _of_flights(queries: Mapping[bytes, Query], attempts: Mapping[bytes, Sequence[Attempt]]) -> Iterator[str]:
    """At no time was the same question, ID number or card in flight twice."""
    flights: defaultdict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for key, query in queries.items():
        flights["question", key.hex()] += attempts.get(key, [])
        flights["ID number", query.id_card] += attempts.get(key, [])
        if query.account_no:
            flights["card", query.account_no] += attempts.get(key, [])
    for (kind, _), made in flights.items():
        made.sort(key=lambda attempt: attempt.number)
        for earlier, later in pairwise(made):
            if earlier.settled_at is None or earlier.settled_at > later.reserved_at + _TURN:
                yield f"Attempts {earlier.number} and {later.number} had one {kind} in flight together."


def _of_result(sheet: Sheet, attempts: Mapping[tuple[str, ...], Sequence[Attempt]]) -> Iterator[str]:
    """Every row of the sheet is there, in its order, unchanged, with the outcome that the ledger and the vendor give it."""
    if not sheet.result.exists():
        yield f"{sheet.result.name} is not there."
        return
    rows = read_result(sheet.result)
    if [tuple(row[name] for name in HEADER) for row in rows] != [person.cells for person in sheet.rows]:
        yield f"{sheet.result.name} does not have the rows of its sheet."
        return
    first: dict[tuple[str, ...], int] = {}
    for number, (row, person) in enumerate(zip(rows, sheet.rows, strict=True), 2):
        earlier = first.setdefault(person.cells, number)
        yield from (f"Row {number}: {fault}" for fault in _of_row(row, person, attempts[person.cells]))
        if row["bv_duplicate_of"] != ("" if earlier == number else str(earlier)):
            yield f"Row {number} is said to be a duplicate of {row['bv_duplicate_of']!r}, not of {earlier}."
    yield from _of_summary(sheet, rows)


def _of_row(row: Mapping[str, str], person: Person, attempts: Sequence[Attempt]) -> Iterator[str]:
    status = RowStatus(row["bv_status"])
    answered = [attempt for attempt in attempts if attempt.state is AttemptState.ANSWERED]
    held = any(attempt.state is AttemptState.IN_DOUBT and attempt.holds for attempt in attempts)
    if answered:
        code = verdict_on(PRODUCTS[0], {"name": person.name, "idCard": person.id_card, "accountNo": person.account_no})
        if (row["bv_code"], status.value) != (code, _STATUSES[code]):
            yield f"it says {status}, and the vendor said {code}."
    elif (status is RowStatus.IN_DOUBT) is not held:
        yield f"it says {status}, and is {'' if held else 'not '}held as in doubt."
    if not row["bv_source"].endswith("-simulated"):
        yield f"its source {row['bv_source']!r} does not say that it is simulated."


def _of_summary(sheet: Sheet, rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    summary = json.loads(companion_of(sheet.result).read_text("utf-8"))
    yield from check_sums(summary)
    counted = Counter(row["bv_status"] for row in rows)
    if summary["status"] != {status.value: counted[status.value] for status in RowStatus}:
        yield f"The summary's statuses are not the rows': {summary['status']} and {dict(counted)}."


def _bounds(attempts: Sequence[Attempt]) -> tuple[int, int]:
    """What surely was billed, and what perhaps was."""
    landed = [attempt for attempt in attempts if attempt.state is not AttemptState.NOT_BILLED]
    # In doubt and surely billed: the vendor's usage has told, though not what the answer was.
    certain = sum(attempt.billed is Billed.YES for attempt in landed)
    doubtful = sum(attempt.billed is Billed.UNKNOWN for attempt in landed)
    return certain, doubtful


def _query(person: Person) -> Query:
    return Query(product=Product.BANK3, name=person.name, id_card=person.id_card, account_no=person.account_no)


def _digest(query: Query) -> str:
    return question_digest(
        query.product.value, name=query.name, id_card=query.id_card, account_no=query.account_no, mobile=query.mobile
    ).hex()
