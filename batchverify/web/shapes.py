"""What the HTTP API takes and gives, in pydantic: the OpenAPI document is made of these.

The one thing to know: names are those of the command line and its `--json`; money is a text of yuan, and times are Beijing time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from batchverify.desk import Case, Live, RowPage, Stage
from batchverify.job import Options
from batchverify.model import CheckLevel, Product, RowSource, RowStatus
from batchverify.model import Field as PersonField
from batchverify.rules.windows import beijing_time
from batchverify.words import Lang

_MOST_ASKS = 10**12
Word = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=1_000)]
JobId = Annotated[str, StringConstraints(pattern=r"^c-[a-z2-7]{26}$")]
ReportForm = Literal["html", "pdf", "xlsx", "json"]
Again = Literal["failed", "locked", "in_doubt", "all-open"]


class _Given(BaseModel):
    """What a program sends: a name that is not known is a slip, and is told."""

    model_config = ConfigDict(extra="forbid")


class _Told(BaseModel):
    """What a program gets."""


class Choices(_Given):
    """What may be chosen for a job. What is left out stays as it is; null goes back to what is found or set."""

    product: Literal["bank3", "bank3-detail", "bank4", "bank4-detail", "id2", "auto"] | None = None
    mapping: dict[PersonField, Word] | None = Field(None, description="Column by field: header, letters or number.")
    sheet: Word | None = None
    header_row: int | None = Field(None, ge=1, le=1_048_576)
    encoding: Word | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=3)] | None = None
    skip_hidden: bool | None = None
    checks: CheckLevel | None = None
    upgrade_15: bool | None = None
    reuse_days: float | None = Field(None, ge=0, le=36_500, description="0 asks, and pays, again.")
    mask: bool | None = None
    split: bool | None = None
    protect: bool | None = None
    cost_by: Word | None = None
    lang: Lang | None = None

    def on(self, options: Options, first: Options) -> Options:
        """Options with these choices on top; `first` are what nobody has chosen."""
        given = self.model_fields_set
        reading, asking, delivery = options.reading, options.asking, options.delivery
        for name in given & {"sheet", "header_row", "encoding", "delimiter", "skip_hidden", "mapping"}:
            value = getattr(self, name)
            reading = replace(reading, **{name: getattr(first.reading, name) if value is None else value})
        for name in given & {"checks", "upgrade_15"}:
            value = getattr(self, name)
            asking = replace(asking, **{name: getattr(first.asking, name) if value is None else value})
        if "product" in given:
            word = self.product or first.asking.product_word
            asking = replace(asking, product=None if word == "auto" else Product(word))
        if "reuse_days" in given:
            days = self.reuse_days
            matched = first.asking.reuse_days_matched if days is None else days
            asking = replace(
                asking, reuse_days_matched=matched, reuse_days_other=first.asking.reuse_days_other if days is None else days
            )
        for name in given & {"mask", "split", "protect", "cost_by", "lang"}:
            value = getattr(self, name)
            delivery = replace(delivery, **{name: getattr(first.delivery, name) if value is None else value})
        return replace(options, reading=reading, asking=asking, delivery=delivery)


class Confirmation(_Given):
    """What turns a plan into asks. `digest` is the plan's `hash`; never more than `max_asks` are billed."""

    digest: Word
    max_asks: int = Field(ge=0, le=_MOST_ASKS)
    purpose: Text = ""
    authorization: Text = ""


class Rerun(_Given):
    """Which rows are run again. Without a word: those that failed, and those that are locked and due."""

    what: list[Again] = Field(default_factory=list, max_length=4)
    accept_double_charge: bool = Field(default=False, description="Rows in doubt may have been billed already.")


class ConfirmedRerun(Rerun, Confirmation):
    """A rerun whose plan was looked at."""


class Password(_Given):
    """The password of a protected workbook. It is kept in memory only."""

    password: Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Job(_Told):
    """An upload and all that is done with it."""

    id: str
    name: str
    size_bytes: int
    sha256: str
    owner: str
    received_at: str
    stage: Stage
    simulated: bool
    product: str
    ledger_job: str | None
    max_asks: int | None
    ending: str
    problem: str
    corrects: str | None
    summary: dict[str, Any] | None = Field(description="The summary of the command line, without paths.")
    version: int

    @classmethod
    def of(cls, case: Case) -> Self:
        """A case as a program sees it."""
        return cls(
            id=case.id,
            name=case.name,
            size_bytes=case.size_bytes,
            sha256=case.sha256,
            owner=case.owner,
            received_at=beijing_time(case.received_at),
            stage=case.stage,
            simulated=case.simulated,
            product=case.options.asking.product_word,
            ledger_job=case.job,
            max_asks=case.cap_asks,
            ending=case.ending,
            problem=case.problem,
            corrects=case.origin or None,
            summary=None if case.summary is None else dict(case.summary),
            version=case.version,
        )


class Jobs(_Told):
    """The jobs of this server, newest first."""

    jobs: list[Job]


class Opened(_Told):
    """An upload, with its plan; or with what has to be chosen first.

    `needs` is "password" (post it), "columns" (name them, see `inspection` and `problem`), or null where there is a plan.
    """

    job: Job
    needs: Literal["password", "columns"] | None
    problem: str
    inspection: dict[str, Any] | None = Field(description="As `batchverify inspect --json`: masked examples.")
    plan: dict[str, Any] | None = Field(description="As `batchverify plan --json`; its `hash` is what is confirmed.")


class LiveState(_Told):
    """How a job goes."""

    stage: Stage
    version: int
    done: int
    total: int
    billed: int
    max_asks: int | None
    in_flight: int
    statuses: dict[RowStatus, int]
    waits_until: str | None
    seconds: float
    eta_seconds: float | None
    halting: str
    is_drawing: bool

    @classmethod
    def of(cls, live: Live) -> Self:
        """Progress as a program sees it."""
        return cls(
            stage=live.stage,
            version=live.version,
            done=live.done,
            total=live.total,
            billed=live.billed,
            max_asks=live.cap_asks,
            in_flight=live.in_flight,
            statuses=dict(live.statuses),
            waits_until=None if live.waits_until is None else beijing_time(live.waits_until),
            seconds=round(live.seconds, 3),
            eta_seconds=None if live.eta_seconds is None else round(live.eta_seconds, 3),
            halting=live.halting,
            is_drawing=live.is_drawing,
        )


class RowShape(_Told):
    """A row of a result, masked."""

    row: int
    status: RowStatus
    code: str
    message: str
    action: str
    source: RowSource
    billed: str
    fields: dict[PersonField, str]
    duplicate_of: int | None
    asked_at: str | None
    retry_at: str | None
    request_id: str


class Rows(_Told):
    """Some rows of the result that was drawn last."""

    total: int
    counts: dict[RowStatus, int]
    as_of: str | None
    rows: list[RowShape]

    @classmethod
    def of(cls, page: RowPage) -> Self:
        """Rows as a program sees them."""
        return cls(
            total=page.total,
            counts=dict(page.counts),
            as_of=None if page.as_of is None else beijing_time(page.as_of),
            rows=[
                RowShape(
                    row=row.number,
                    status=row.status,
                    code=row.code,
                    message=row.message,
                    action=row.action,
                    source=row.source,
                    billed=row.billed.value,
                    fields=dict(row.fields),
                    duplicate_of=row.duplicate_of,
                    asked_at=None if row.asked_at is None else beijing_time(row.asked_at),
                    retry_at=None if row.retry_at is None else beijing_time(row.retry_at),
                    request_id=row.request_id,
                )
                for row in page.rows
            ],
        )


class DownloadShape(_Told):
    """A file that can be had."""

    word: str
    name: str
    rows: int | None


class Downloads(_Told):
    """The files that can be had of a result."""

    downloads: list[DownloadShape]


class PackageShape(_Told):
    """A package that was bought."""

    name: str
    total: int
    left: int
    yuan: str
    state: str
    expires_at: str | None


class Quota(_Told):
    """What is left, as far as it is known, and what is to be said about it."""

    simulated: bool
    left: int | None
    total: int | None
    warnings: list[str]
    packages: list[PackageShape]


class Usage(_Told):
    """Asks that were billed, or may have been, by 10-minute window or another word."""

    by: str
    simulated: bool
    certain: int
    in_doubt: int
    lines: list[dict[str, Any]]


class Problem(_Told):
    """What went wrong, as RFC 9457 has it. `billed` says what it means for the bill; `code` is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    billed: Literal["nothing", "see_ledger"]
    errors: list[dict[str, Any]] | None = None


def openapi_problem(description: str) -> Mapping[str, Any]:
    """A refusal, for the document."""
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
