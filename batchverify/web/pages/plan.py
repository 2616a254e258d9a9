"""The third and the fourth step: what it will cost and what is wrong, and the word that starts it.

The one thing to know: what is confirmed is the plan that was shown, by its digest. Where it has become another one meanwhile,
nothing starts, and the new one is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.desk import Stage
from batchverify.errors import InputError
from batchverify.job import Mandate, Plan, Problem
from batchverify.model import Field, RowStatus
from batchverify.rules.balance import BalanceWarning
from batchverify.rules.prices import yuan
from batchverify.web.drawing import language_of, page, when_text
from batchverify.web.pages.doors import Form, case_of, desk_of, door, refusal, say, see
from batchverify.web.sending import file_sent
from batchverify.words import Lang, message
from batchverify.words.blocking import BLOCKING
from batchverify.words.page import page_text
from batchverify.words.page.actions import page_problem
from batchverify.words.planning import PLANNING, rows_text

if TYPE_CHECKING:
    from batchverify.desk import Case

_SAVES = frozenset({"duplicate", "reused"})
_KINDS = ("never", "held", "look", "saves")
_SHOWN_ROWS = 10
_UNPROCESSABLE, _FORBIDDEN = 422, 403
_LONGEST_CAP = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemLine:
    """Rows with one problem, in words. `span` is until when they are locked, or from when their answers are."""

    count: int
    reason: str
    to_do: str
    rows: str
    span: str


def plan_of(request: Request, case: Case) -> Plan:
    """The plan of a case; made again where the server was started anew since."""
    desk = desk_of(request)
    return desk.planned(case.id) or desk.plan(case.id, operator=request.state.person.name)


def show(request: Request, form: Form) -> Response:
    """What it will cost, and what is wrong."""
    del form
    case = case_of(request)
    if not case.stage.is_before_asking or case.stage is Stage.WAITING:
        return see(f"/jobs/{case.id}")
    plan, lang = plan_of(request, case), language_of(request)
    return page(
        request,
        "plan.html",
        section="jobs",
        case=case_of(request),
        plan=plan,
        price=yuan(plan.unit_price),
        counts=counts_of(plan),
        columns=[(one, plan.columns[one]) for one in Field if one in plan.columns],
        packages=plan.mix.packages if plan.to_buy else (),
        left_over=plan.mix.asks - plan.to_buy,
        groups=groups_of(plan, lang),
        is_short=BalanceWarning.SHORT in plan.warnings,
        is_low=BalanceWarning.LOW in plan.warnings,
        may_prepare=request.state.person.may("prepare"),
    )


def problems(request: Request, form: Form) -> Response:
    """The problems as a file, by row number and reason."""
    del form
    case = case_of(request)
    return file_sent(desk_of(request).problems_file(case.id, lang=language_of(request)))


def ask_to_confirm(request: Request, form: Form) -> Response:
    """The cap, the purpose, and the button with the price; or how far an approval is."""
    del form
    case = case_of(request)
    if case.stage is Stage.WAITING:
        return _waiting(request, case)
    if not case.stage.is_before_asking:
        return see(f"/jobs/{case.id}")
    if not request.state.person.may("prepare"):
        return see(f"/jobs/{case.id}/plan")
    return _asked(request, case, plan_of(request, case))


def confirm(request: Request, form: Form) -> Response:
    """Start what was shown, within its cap."""
    case, desk = case_of(request), desk_of(request)
    if not case.stage.is_before_asking:
        return see(f"/jobs/{case.id}")  # the same button pressed twice
    plan = plan_of(request, case)
    mandate = mandate_of(request, form)
    if form.get("digest") != plan.digest:
        return _asked(request, case, plan, mandate=mandate, problem=say(request, "confirm.stale"))
    cap = cap_of(form)
    if cap is None:
        return _asked(request, case, plan, mandate=mandate, problem=say(request, "confirm.bad_cap"))
    if desk.settings.strict and not (mandate.purpose and mandate.authorization):
        return _asked(request, case, plan, cap=cap, mandate=mandate, problem=say(request, "confirm.needs"))
    try:
        desk.confirm(case.id, digest=plan.digest, cap_asks=cap, mandate=mandate, operator=request.state.person.name)
    except InputError as error:
        return _asked(request, case, plan_of(request, case), cap=cap, mandate=mandate, problem=str(error))
    return see(f"/jobs/{case.id}")


def approve(request: Request, form: Form) -> Response:
    """Approve another person's plan, the one that was shown."""
    case, desk = case_of(request), desk_of(request)
    plan = case.shown if case.confirmed is None else case.confirmed.plan
    if plan is None or form.get("digest") != plan.digest:
        return refusal(request, say(request, "confirm.stale"), status=_UNPROCESSABLE)
    desk.approve(case.id, operator=request.state.person.name)
    return see(f"/jobs/{case.id}")


def cap_of(form: Form) -> int | None:
    """The cap of a form, None where it is no number."""
    text = form.get("cap", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_CAP else None


def mandate_of(request: Request, form: Form) -> Mandate:
    """Why these people are asked about, and by whom: whoever is logged in, whatever the form says."""
    return Mandate(
        purpose=form.get("purpose", "").strip(),
        authorization=form.get("authorization", "").strip(),
        operator=request.state.person.name,
    )


def counts_of(plan: Plan) -> list[tuple[str, int, str]]:
    """How the rows divide; what is not there is left out, and the sum is that of all rows."""
    held = plan.in_doubt - plan.asks_of.get(RowStatus.IN_DOUBT, 0)
    known = plan.asks + plan.duplicate + plan.reused + plan.blocked
    parts = [
        ("asks", plan.asks),
        ("duplicate", plan.duplicate),
        ("reused", plan.reused),
        ("blocked", plan.blocked),
        ("in_doubt", held),
        ("locked", plan.locked),
    ]
    others = plan.total - known - held - plan.locked
    return [(word, number, "") for word, number in (*parts, ("others", others)) if number > 0 or word == "asks"]


def groups_of(plan: Plan, lang: Lang) -> list[tuple[str, list[ProblemLine]]]:
    """The problems by what becomes of their rows: never sent, not asked now, sent all the same, no ask needed."""
    found: Mapping[str, list[ProblemLine]] = {kind: [] for kind in _KINDS}
    for code, problem in sorted(plan.problems.items(), key=lambda item: (-item[1].count, item[1].rows)):
        found[_kind(code)].append(_line(code, problem, lang))
    return [(kind, lines) for kind, lines in found.items() if lines]


def _kind(code: str) -> str:
    if code in BLOCKING:
        return "never"
    if code in _SAVES:
        return "saves"
    return "look" if ":" in code or code in PLANNING else "held"


def _line(code: str, problem: Problem, lang: Lang) -> ProblemLine:
    reason, to_do = page_problem(code, lang, message="" if ":" in code or code in PLANNING else message(code, lang))
    span = ""
    if problem.earliest is not None and problem.latest is not None:
        first, last = when_text(problem.earliest), when_text(problem.latest)
        key = "plan.answered" if code == "reused" else "plan.until"
        span = page_text(key, lang, at=f"{first} – {last}" if first != last else first)
    return ProblemLine(
        count=problem.count,
        reason=reason,
        to_do=to_do,
        rows=rows_text(problem.rows, problem.count, lang, groups=problem.groups, most=_SHOWN_ROWS),
        span=span,
    )


def _asked(
    request: Request, case: Case, plan: Plan, *, cap: int | None = None, mandate: Mandate | None = None, problem: str = ""
) -> Response:
    settings = desk_of(request).settings
    return page(
        request,
        "confirm.html",
        status=_UNPROCESSABLE if problem else 200,
        section="jobs",
        case=case,
        plan=plan,
        price=yuan(plan.unit_price),
        cap=plan.asks if cap is None else cap,
        mandate=mandate or case.options.mandate,
        strict=settings.strict,
        problem=problem,
        go_word="confirm.go_approval" if settings.approval else "confirm.go",
        is_short=BalanceWarning.SHORT in plan.warnings,
    )


def _waiting(request: Request, case: Case) -> Response:
    confirmed = case.confirmed
    if confirmed is None:
        return see(f"/jobs/{case.id}/plan")
    person = request.state.person
    return page(
        request,
        "waiting.html",
        section="jobs",
        case=case,
        shown=confirmed.plan,
        confirmed=confirmed,
        cap=confirmed.cap_asks,
        price=min(confirmed.cap_asks, confirmed.plan.asks) * confirmed.plan.unit_price,
        unit_price=yuan(confirmed.plan.unit_price),
        mandate=case.options.mandate,
        is_own=person.name in {confirmed.by, confirmed.plan.by},
        may_approve=person.may("approve"),
    )


ROUTES = [
    Route("/jobs/{id}/plan", door(show, role="view"), methods=["GET"]),
    Route("/jobs/{id}/problems", door(problems, role="view"), methods=["GET"]),
    Route("/jobs/{id}/confirm", door(ask_to_confirm, role="view"), methods=["GET"]),
    Route("/jobs/{id}/confirm", door(confirm, role="prepare"), methods=["POST"]),
    Route("/jobs/{id}/approve", door(approve, role="approve"), methods=["POST"]),
]
