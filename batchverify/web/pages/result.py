"""The sixth step: what came out, row by row and in figures, and what to do with it.

The one thing to know: a number is shown masked unless a person asks for that one, by a form and never by an address; it is
recorded before it is shown, and the page with it is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from batchverify.desk import Stage
from batchverify.errors import InputError
from batchverify.model import Field, RowStatus
from batchverify.report.chart import Bar, bars, columns
from batchverify.web.drawing import drawing, language_of, page
from batchverify.web.pages.doors import Form, case_of, desk_of, door, say, see
from batchverify.web.pages.history import cost_text
from batchverify.web.sending import file_sent
from batchverify.words import Lang, message
from batchverify.words.page import PAGE, page_text
from batchverify.words.page.actions import page_action

if TYPE_CHECKING:
    from batchverify.desk import Case, Download

_SHOWN = 50
_FORMS = frozenset({"html", "pdf", "xlsx", "json"})
_LONGEST_NUMBER = 9
_TONES: Mapping[str, str] = {"complete": "good", "home_error": "bad"}
#: As the result workbook has them; the style sheet turns each into its color of the dark mode.
_COLORS: Mapping[RowStatus, str] = {
    RowStatus.MATCHED: "#005a20",
    RowStatus.MISMATCHED: "#9c0006",
    RowStatus.CARD_PROBLEM: "#7a3e00",
    RowStatus.UNVERIFIABLE: "#4a3269",
    RowStatus.LOCKED: "#1f4e78",
    RowStatus.INVALID: "#6b5200",
    RowStatus.BLOCKED: "#6b5200",
    RowStatus.FAILED: "#404040",
    RowStatus.IN_DOUBT: "#7b2c00",
    RowStatus.NOT_RUN: "#595959",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InClear:
    """The one cell that is shown in clear."""

    row: int
    which: Field
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLine:
    """A window of the bill, as the table has it."""

    span: str
    asks: int
    billed: int
    cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What of the table is looked for."""

    status: RowStatus | None
    row: int | None
    first: int

    @classmethod
    def of(cls, given: Mapping[str, str]) -> _Looked:
        status = given.get("status", "")
        return cls(
            status=RowStatus(status) if status in frozenset(RowStatus) else None,
            row=_number(given.get("row", "")),
            first=_number(given.get("from", "")) or 0,
        )


def show(request: Request, form: Form) -> Response:
    """The result."""
    del form
    return _drawn(request, _Looked.of(request.query_params))


def unmask(request: Request, form: Form) -> Response:
    """One cell in clear: to a script as its text, else the page with it."""
    case = case_of(request)
    number, _, name = form.get("cell", "").partition(":")
    row = _number(number)
    if row is None or name not in frozenset(Field):
        raise InputError("No cell was named. Load the page again.")
    text = desk_of(request).unmask(case.id, row=row, field=Field(name), operator=request.state.person.name)
    if request.headers.get("accept", "").startswith("text/plain"):
        return PlainTextResponse(text)
    return _drawn(request, _Looked.of(form), clear=InClear(row=row, which=Field(name), text=text))


def download(request: Request, form: Form) -> Response:
    """A file of the result."""
    del form
    case = case_of(request)
    return file_sent(desk_of(request).download(case.id, request.path_params["word"], operator=request.state.person.name))


def report(request: Request, form: Form) -> Response:
    """The audit report in one of its forms. It shows a masked sample and nobody in clear."""
    del form
    case = case_of(request)
    wanted = request.query_params.get("form", "")
    if wanted not in _FORMS:
        raise InputError("A report is had as html, pdf, xlsx or json.")
    return file_sent(desk_of(request).report(case.id, wanted, language_of(request), operator=request.state.person.name))


def _drawn(request: Request, looked: _Looked, *, clear: InClear | None = None) -> Response:
    case, desk, lang = case_of(request), desk_of(request), language_of(request)
    summary = case.summary
    if not summary:
        return see(f"/jobs/{case.id}")
    rows = desk.rows(case.id, status=looked.status, row=looked.row, offset=looked.first, limit=_SHOWN, lang=lang)
    counts = {status: rows.counts.get(status, 0) for status in RowStatus}
    may_prepare = request.state.person.may("prepare")
    unit_price = Decimal(summary["cost"]["unit_price"])
    failed = counts[RowStatus.FAILED] + counts[RowStatus.LOCKED]
    windows = windows_of(summary)
    return page(
        request,
        "result.html",
        section="jobs",
        is_wide=True,
        here=f"/jobs/{case.id}/result",
        case=case,
        tone=_TONES.get(case.ending, "warn"),
        reason=_reason(case, lang),
        facts=_facts(request, summary),
        low=bool(summary["quota"]["low"]),
        low_percent=desk.settings.low_balance_percent,
        status_chart=drawing(status_bars(counts, lang, title=say(request, "result.statuses"))),
        windows=windows,
        window_chart=drawing(_window_columns(windows, lang)),
        groups=_groups(summary),
        group_column=summary.get("cost_by", {}).get("column", ""),
        counts={str(status): number for status, number in counts.items()},
        filters=filters_of(counts),
        chosen="" if looked.status is None else str(looked.status),
        wanted=looked.row,
        rows=rows,
        fields=[one for one in Field if any(row.fields.get(one) for row in rows.rows)],
        clear=clear,
        first=looked.first,
        earlier=max(looked.first - _SHOWN, 0),
        later=looked.first + _SHOWN,
        query="" if looked.status is None else f"status={looked.status}&",
        doubt=counts[RowStatus.IN_DOUBT],
        doubt_price=counts[RowStatus.IN_DOUBT] * unit_price,
        failed=failed,
        failed_price=failed * unit_price,
        left=counts[RowStatus.NOT_RUN],
        left_price=counts[RowStatus.NOT_RUN] * unit_price,
        may_prepare=may_prepare,
        can_rerun=case.stage in {Stage.ENDED, Stage.STOPPED},
        downloads=_downloads(request, desk.downloads(case.id)) if may_prepare else (),
        product=summary["product"],
        ended_at=summary["ended_at"][:19].replace("T", " "),
    )


def filters_of(counts: Mapping[RowStatus, int]) -> list[tuple[str, list[str]]]:
    """The statuses that occur, those with an answer apart from those without.

    >>> filters_of({RowStatus.MATCHED: 2, RowStatus.FAILED: 1, RowStatus.LOCKED: 0})
    [('final', ['matched']), ('open', ['failed'])]
    """
    there = [status for status, number in counts.items() if number]
    return [
        ("final", [str(status) for status in there if not status.is_open]),
        ("open", [str(status) for status in there if status.is_open]),
    ]


def status_bars(counts: Mapping[RowStatus, int], lang: Lang, *, title: str) -> str:
    """The statuses as a drawing."""
    drawn = [
        Bar(label=page_text(f"status.{status}", lang), value=number, color=_COLORS[status])
        for status, number in counts.items()
        if number
    ]
    return bars(drawn, title=title)


def windows_of(summary: Mapping[str, Any]) -> list[WindowLine]:
    """The windows of the bill with what they cost."""
    price = Decimal(summary["cost"]["unit_price"])
    return [
        WindowLine(
            span=f"{one['from'][:16].replace('T', ' ')}–{one['to'][11:16]}",
            asks=one["asks"],
            billed=one["billed"],
            cost=one["billed"] * price,
        )
        for one in summary["windows"]
    ]


def _window_columns(windows: Sequence[WindowLine], lang: Lang) -> str:
    drawn = [Bar(label=one.span[5:16], value=one.billed, more=one.asks - one.billed) for one in windows]
    words = page_text("result.billed", lang), page_text("result.others", lang)
    return columns(drawn, title=page_text("result.windows", lang), words=words)


def _groups(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The bill by a column of the sheet, where it was split."""
    split = summary.get("cost_by")
    if not split:
        return []
    return [{"name": one["value"], "asks": one["asks"], "cost": cost_text({"cost": one})} for one in split["groups"]]


def _facts(request: Request, summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows, asks, quota = summary["rows"], summary["asks"], summary["quota"]
    matched, total = summary["status"]["matched"], rows["total"]
    sent = say(request, "result.asks", billed=f"{asks['billed']:,}", sent=f"{asks['sent']:,}")
    if asks["in_doubt"]:
        sent += " · " + say(request, "result.in_doubt_asks", number=f"{asks['in_doubt']:,}")
    spared = rows["duplicate"] + rows["reused"] + rows["blocked"]
    facts = [
        (
            say(request, "result.matched"),
            f"{matched:,} / {total:,}",
            say(request, "result.of_rows", percent=f"{matched / total:.0%}".rstrip("%") if total else "0"),
        ),
        (say(request, "result.cost"), cost_text(summary), sent),
        (say(request, "result.saved"), f"¥{summary['cost']['saved']}", say(request, "result.saved_by", rows=f"{spared:,}")),
    ]
    if quota["known"]:
        facts.append((say(request, "result.left"), f"{quota['left_after']:,}", f"/ {quota['total']:,}"))
    return facts


def _reason(case: Case, lang: Lang) -> str:
    """Why the run stopped early, and what to do."""
    if not case.reason:
        return ""
    key = f"reason.{case.reason}"
    said = page_text(key, lang) if key in PAGE else message(case.reason, lang)
    return ("" if lang is Lang.ZH else " ").join(filter(None, (said, page_action(case.reason, lang))))


def _downloads(request: Request, offered: Sequence[Download]) -> list[Mapping[str, Any]]:
    """The files that can be had, in words."""
    return [
        {
            "word": one.word,
            "is_status": one.word in frozenset(RowStatus),
            "rows": one.rows,
            "label": say(request, f"status.{one.word}")
            if one.word in frozenset(RowStatus)
            else say(request, "result.download" if one.word == "all" else f"result.download_{one.word}"),
        }
        for one in offered
    ]


def _number(text: str) -> int | None:
    """A row number or a place in the table; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


ROUTES = [
    Route("/jobs/{id}/result", door(show, role="view"), methods=["GET"]),
    Route("/jobs/{id}/unmask", door(unmask, role="prepare"), methods=["POST"]),
    Route("/jobs/{id}/downloads/{word}", door(download, role="prepare"), methods=["GET"]),
    Route("/jobs/{id}/report", door(report, role="view"), methods=["GET"]),
]
