"""The audit report of a job: gathered from its input and the ledger, signed, and written in one of four forms.

The one thing to know: it speaks of the end of the job's last run and of nothing later, so the same job gives the same
bytes. A ledger whose chains do not hold is reported on to nobody.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.metadata import version
from itertools import repeat
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from batchverify.errors import HomeError, InputError
from batchverify.job.annotate import Annotation
from batchverify.job.passes import EndedJob, ended_job
from batchverify.job.realm import Realm
from batchverify.job.rendering import summary_of
from batchverify.job.session import Session
from batchverify.model import AttemptState, Billed, Product, Record, RowStatus
from batchverify.report.audit import (
    LISTED_DOUBTS,
    AskClass,
    AuditReport,
    Doubt,
    Evidence,
    Mandate,
    RunFacts,
    SampleRow,
    UsageStatement,
    document_text,
    signed_bytes,
    spelled,
)
from batchverify.report.book import book_of
from batchverify.report.html import html_of
from batchverify.report.pdf import pdf_of
from batchverify.report.summary import Output, WindowBill
from batchverify.rules.busiest import busiest
from batchverify.rules.canonical import canonical
from batchverify.rules.leaves import row_facts, row_leaf, run_leaf
from batchverify.rules.masks import mask
from batchverify.rules.merkle import Tree, inclusion_path
from batchverify.rules.spot_check import SpotCheck
from batchverify.settings import Settings
from batchverify.store.ledger import BillRow, Run
from batchverify.store.ledger.auditing import AttemptLine
from batchverify.store.ledger.rows import moment
from batchverify.store.signing import fingerprint
from batchverify.tables.cell_xml import plain_text
from batchverify.tables.columns import values_of
from batchverify.tables.our_book import book_bytes
from batchverify.tables.placing import place
from batchverify.words import Lang

PROOF_KIND = "batchverify proof of a row"
#: The forms of a report by the end of a file's name.
FORMS: Mapping[str, Callable[[Mapping[str, Any], Lang], bytes]] = {
    ".html": lambda document, lang: html_of(document, lang).encode(),
    ".pdf": pdf_of,
    ".xlsx": lambda document, lang: book_bytes(book_of(document, lang)),
    ".json": lambda document, _: document_text(document).encode(),
}


@dataclass(slots=True)
class _Rows:
    """What one pass over the rows has gathered. `wanted` is a row to prove, found at leaf `place`."""

    tree: Tree = field(default_factory=Tree)
    outcomes: Counter[tuple[RowStatus, str]] = field(default_factory=Counter)
    leaves: list[bytes] = field(default_factory=list)
    wanted: int | None = None
    place: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    salt: bytes = b""


@dataclass(slots=True)
class _Attempts:
    """What one pass over the attempts has gathered."""

    digest: Any = field(default_factory=hashlib.sha256)
    first: int | None = None
    last: int | None = None
    count: int = 0
    request_ids: int = 0
    in_doubt: int = 0
    listed: list[Doubt] = field(default_factory=list)

    def spans(self, realm: Realm, runs: Sequence[Run]) -> Iterator[tuple[int, int]]:
        """Look at each attempt, in order of their numbers, and give from when until when it was in flight."""
        lines = heapq.merge(*(zip(realm.ledger.audit().attempt_lines(run.id), repeat(run.id)) for run in runs))
        for one, run in lines:
            self.digest.update(f"{one.number}\t{one.state}\t{one.code}\t{one.billed}\t{one.request_id}\n".encode())
            self.count += 1
            self.request_ids += one.request_id != ""
            self.first, self.last = self.first or one.number, one.number
            if one.state == AttemptState.IN_DOUBT:
                self.in_doubt += 1
                if len(self.listed) < LISTED_DOUBTS:
                    self.listed.append(_doubt(one, run))
            # Of an ended run every attempt is settled.
            yield one.reserved_at, one.settled_at or one.reserved_at

    def evidence(self) -> Evidence:
        return Evidence(
            attempts=self.count,
            first=self.first,
            last=self.last,
            request_ids=self.request_ids,
            sha256=self.digest.hexdigest(),
            in_doubt=self.in_doubt,
            listed=tuple(self.listed),
        )


def _doubt(line: AttemptLine, run: str) -> Doubt:
    return Doubt(
        attempt=line.number,
        run=run,
        asked_at=moment(line.reserved_at if line.vendor_at is None else line.vendor_at),
        code=line.code,
        billed=Billed(line.billed),
        request_id=line.request_id,
    )


def report_job(job_id: str, target: Path, session: Session, *, lang: Lang) -> Path:
    """Write the audit report of a job, by the end of the name: .html, .pdf, .xlsx or .json. Asks nothing.

    Raises:
        InputError: The job has not ended, its input is gone, or the place or the form cannot be. Nothing was written.
        HomeError: The ledger was changed by another hand: no report can vouch for it.
    """
    draw = FORMS.get(target.suffix.lower())
    if draw is None:
        raise InputError(f"The report cannot be {target.name!r}. Name a file that ends in {', '.join(FORMS)}.")
    with ended_job(job_id, session) as found:
        content = draw(signed_document(found, session.settings), lang)
        source = found.annotation.lines.table.path

        def write(file: BinaryIO) -> None:
            file.write(content)

        return place(target, write, source=source).path


def prove_row(job_id: str, row: int, session: Session) -> dict[str, Any]:
    """Give the proof that a row's outcome stands under the root of the job's report. It tells nothing of any other row.

    Raises:
        InputError: The row is none of the job's. HomeError as with `report_job`.
    """
    with ended_job(job_id, session) as found:
        rows = _Rows(wanted=row)
        document = _document(found, session.settings, rows)
        if rows.place is None:
            raise InputError(
                f"Row {row} of {document['input']['name']} was not verified in the job {document['job']}: it has no outcome."
            )
        proof = {
            "kind": PROOF_KIND,
            "schema": 1,
            "job": document["job"],
            "run": document["run"],
            "simulated": document["simulated"],
            "input": {"name": document["input"]["name"], "sha256": document["input"]["sha256"]},
            "report_sha256": hashlib.sha256(signed_bytes(document)).hexdigest(),
            "erased": document["erased"],
            "root": document["merkle"]["root"],
            "leaves": document["merkle"]["leaves"],
            "leaf": rows.place,
            "row": dict(rows.facts),
            "salt": rows.salt.hex(),
            "path": [one.hex() for one in inclusion_path(rows.leaves, rows.place)],
            "signer": document["signer"],
        }
        return proof | {"signature": found.annotation.realm.vault.signer.sign(canonical(proof))}


def write_proof(proof: Mapping[str, Any], target: Path) -> Path:
    """Write a proof down. Raises InputError for a place that cannot be."""
    content = document_text(proof).encode()

    def write(file: BinaryIO) -> None:
        file.write(content)

    return place(target, write).path


def _approver(realm: Realm, run: Run) -> str:
    """Who approved the plan that the run kept within; "" where nobody had to."""
    approved = realm.ledger.approvals().of_run(run.id)
    return "" if approved is None or approved.approved_by is None else approved.approved_by


def signed_document(found: EndedJob, settings: Settings) -> dict[str, Any]:
    """Gather the document of a job and sign it."""
    document = _document(found, settings, _Rows())
    return document | {"signature": found.annotation.realm.vault.signer.sign(signed_bytes(document))}


def _document(found: EndedJob, settings: Settings, rows: _Rows) -> dict[str, Any]:
    job, run = found.job, found.run
    annotation = replace(found.annotation, opens_answers=False)  # what the vendor said of a person is no part of it
    realm, table = annotation.realm, annotation.lines.table
    if run.ended_at is None:
        raise InputError(f"The job {job.id} is still running. Wait until it has ended, then report on it.")
    runs = realm.ledger.runs(job.id)
    refuse_changed(realm, runs)
    bill = realm.ledger.bill(job.id)
    run_facts = _run_facts(realm, bill, runs)
    sample = _read_rows(annotation, run, run_facts, rows)
    attempts = _Attempts()
    rate = busiest(attempts.spans(realm, runs))
    summary = summary_of(annotation, job, run, options=found.options, settings=settings)
    return AuditReport(
        tool_version=version("batchverify"),
        summary=summary,
        size_bytes=table.size_bytes,
        mapping={name: _speakable(table.header[column]) for name, column in annotation.lines.columns.fields.items()},
        settings=_settings(found, settings),
        mandate=Mandate(
            operator=_speakable(found.options.mandate.operator),
            purpose=_speakable(found.options.mandate.purpose),
            authorization=_speakable(found.options.mandate.authorization),
            approved_by=_speakable(_approver(realm, run)),
        ),
        runs=run_facts,
        ask_classes=_ask_classes(bill),
        outcomes=rows.outcomes,
        busiest=rate,
        reconciled=sum((Counter(realm.ledger.audit().reconciled(one.id)) for one in runs), Counter[Billed]()),
        statements=_statements(realm, summary.bill.windows),
        evidence=attempts.evidence(),
        sample=tuple(sample),
        outputs=tuple(Output(path=PurePath(one.path).name, sha256=one.sha256) for one in realm.ledger.outputs(job.id)),
        erased_attempts=sum(realm.ledger.audit().erased(one.id) for one in runs),
        forgotten_rows=len(annotation.lines.forgotten),
        root=rows.tree.root().hex(),
        leaves=rows.tree.size,
        public_key=realm.vault.signer.public_key,
        fingerprint=fingerprint(realm.vault.signer.public_key),
    ).as_json()


def refuse_changed(realm: Realm, runs: list[Run]) -> None:
    """Raise HomeError where a run's record does not follow from itself: what was changed cannot be vouched for."""
    for run in runs:
        if not realm.ledger.audit().verify_chain(run.id):
            raise HomeError(
                f"The record of the run {run.id} was changed after it was written, so no report can vouch for it. "
                "Look with `batchverify doctor`, and put back a copy of the ledger."
            )
        if misfits := realm.ledger.audit().misfits(run.id, realm.vault.before):
            raise HomeError(
                f"The run {run.id} has {len(misfits)} attempts that are not what its record says of them (the first is number {misfits[0]}), "
                "so no report can vouch for it. Look with `batchverify doctor`, and put back a copy of the ledger."
            )


def _run_facts(realm: Realm, bill: Sequence[BillRow], runs: Sequence[Run]) -> tuple[RunFacts, ...]:
    asks: Counter[str] = Counter()
    for one in bill:
        asks[one.run] += one.asks
    return tuple(
        RunFacts(
            run=run.id,
            kind=run.spec.kind.value,
            started_at=run.started_at,
            ended_at=run.ended_at or run.started_at,
            reason=run.reason,
            cap_asks=run.spec.cap_asks,
            qps=run.spec.qps,
            asks_per_card=run.spec.asks_per_card,
            unit_price=run.spec.unit_price,
            asks=asks[run.id],
            spent=run.spent,
            package_total=run.spec.wallet_total,
            left_before=run.spec.wallet_left,
            events=realm.ledger.audit().chain_length(run.id),
            head=realm.ledger.head(run.id),
        )
        for run in runs
    )


def _read_rows(annotation: Annotation, run: Run, runs: tuple[RunFacts, ...], rows: _Rows) -> list[SampleRow]:
    """Walk the rows once: their leaves under the root, their counts, and the few that are shown."""
    sample = SpotCheck[tuple[Record, Mapping[str, Any]]](input_sha256=annotation.lines.table.sha256, groups=len(RowStatus))
    for one in runs:
        _grow(rows, run_leaf(one.run, events=one.events, head=one.head))
    salt_of = annotation.realm.vault.leaf_salt
    for record, outcome in annotation:
        if outcome is None:
            continue
        facts = row_facts(record.number, outcome)
        salt = salt_of(f"{run.id} {record.number}".encode())
        if record.number == rows.wanted:
            rows.place, rows.facts, rows.salt = rows.tree.size, facts, salt
        _grow(rows, row_leaf(facts, salt))
        rows.outcomes[outcome.status, outcome.code] += 1
        sample.add(record.number, group=outcome.status, item=(record, facts))
    return [_shown(annotation, record, facts) for record, facts in sample.chosen()]


def _grow(rows: _Rows, leaf: bytes) -> None:
    rows.tree.add(leaf)
    if rows.wanted is not None:  # a path needs them all, a root does not
        rows.leaves.append(leaf)


def _shown(annotation: Annotation, record: Record, facts: Mapping[str, Any]) -> SampleRow:
    values = values_of(record, annotation.lines.columns)
    return SampleRow(facts=facts, masked={name: _speakable(mask(name, plain_text(value))) for name, value in values.items()})


def _ask_classes(bill: Sequence[BillRow]) -> tuple[AskClass, ...]:
    counted = Counter[tuple[Product, AttemptState, str, Billed]]()
    for one in bill:
        counted[one.product, one.state, one.code, one.billed] += one.asks
    return tuple(
        AskClass(product=product, state=state, code=code, billed=billed, asks=asks)
        for (product, state, code, billed), asks in sorted(counted.items())
    )


def _statements(realm: Realm, windows: Sequence[WindowBill]) -> tuple[UsageStatement, ...]:
    """What exports of the vendor's usage said of the job's windows."""
    if not windows:
        return ()
    starts = {one.start for one in windows}
    return tuple(
        UsageStatement(
            start=one.starts_at,
            vendor=one.vendor,
            certain=one.certain,
            doubt=one.doubt,
            finding=one.finding,
            sha256=one.sha256,
            noted_at=one.noted_at,
        )
        for one in realm.ledger.usage().statements(since=min(starts), until=max(starts) + timedelta(microseconds=1))
        if one.starts_at in starts
    )


def _settings(found: EndedJob, settings: Settings) -> dict[str, str | int | bool]:
    """What was chosen, without secrets. Bounds of a run stand with the run."""
    asking = found.options.asking
    return {
        "checks": asking.checks.value,
        "upgrade_15": asking.upgrade_15,
        "allow_minors": asking.allow_minors,
        "skip_hidden": found.options.reading.skip_hidden,
        "reuse_days_matched": spelled(asking.reuse_days_matched),
        "reuse_days_other": spelled(asking.reuse_days_other),
        "low_balance_percent": settings.low_balance_percent,
    }


def _speakable(text: str) -> str:
    """A text that UTF-8 can hold: a cell may spell half a character."""
    return text.encode(errors="replace").decode()
