"""Running again: only the failed rows, those that are left, or, with somebody's word for it, those in doubt.

The one thing to know: it is confirmed as the first time was, with a plan, a cap and a price on the button. Rows in doubt need
one word more, for the vendor may bill them twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.desk import PasswordNeeded
from batchverify.errors import InputError
from batchverify.job import Plan
from batchverify.rules.balance import BalanceWarning
from batchverify.rules.prices import yuan
from batchverify.web.drawing import page
from batchverify.web.pages.doors import Form, case_of, desk_of, door, say, see
from batchverify.web.pages.plan import cap_of

if TYPE_CHECKING:
    from batchverify.desk import Case

#: What may be run again, by the word of the page: the words of the desk.
_WHAT = {"failed": (), "open": ("all-open",), "in_doubt": ("in_doubt",)}
_DOUBT = "in_doubt"
_UNPROCESSABLE = 422


def show(request: Request, form: Form) -> Response:
    """What would be asked again, and what it costs."""
    del form
    case, what = case_of(request), _what(request.query_params.get("what", ""))
    return _asked(request, case, what, _plan(request, case, what))


def rerun(request: Request, form: Form) -> Response:
    """Start it, as it was shown."""
    case, desk, what = case_of(request), desk_of(request), _what(form.get("what", ""))
    if case.stage.is_under_way:
        return see(f"/jobs/{case.id}/progress")  # the same button pressed twice
    cap = cap_of(form)
    problem = ""
    if cap is None:
        problem = say(request, "confirm.bad_cap")
    elif what == _DOUBT and "double" not in form:
        problem = say(request, "rerun.needs_double")
    else:
        try:
            desk.rerun(
                case.id,
                _WHAT[what],
                digest=form.get("digest", ""),
                cap_asks=cap,
                accept_double_charge=what == _DOUBT,
                mandate=replace(case.options.mandate, operator=request.state.person.name),
                operator=request.state.person.name,
            )
        except PasswordNeeded:
            raise
        except InputError as error:
            problem = str(error)
        else:
            return see(f"/jobs/{case.id}")
    return _asked(request, case, what, _plan(request, case, what), problem=problem, cap=cap)


def _what(word: str) -> str:
    return word if word in _WHAT else "failed"


def _plan(request: Request, case: Case, what: str) -> Plan:
    return desk_of(request).rerun_plan(
        case.id, _WHAT[what], accept_double_charge=what == _DOUBT, operator=request.state.person.name
    )


def _asked(request: Request, case: Case, what: str, plan: Plan, *, problem: str = "", cap: int | None = None) -> Response:
    return page(
        request,
        "rerun.html",
        status=_UNPROCESSABLE if problem else 200,
        section="jobs",
        case=case,
        what=what,
        plan=plan,
        price=yuan(plan.unit_price),
        cap=plan.asks if cap is None else cap,
        problem=problem,
        go_word="confirm.go_approval" if desk_of(request).settings.approval else "rerun.go",
        is_short=BalanceWarning.SHORT in plan.warnings,
    )


ROUTES = [
    Route("/jobs/{id}/rerun", door(show, role="prepare"), methods=["GET"]),
    Route("/jobs/{id}/rerun", door(rerun, role="prepare"), methods=["POST"]),
]
