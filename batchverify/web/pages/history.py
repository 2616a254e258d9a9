"""The list of jobs, and the way out of it: what was uploaded can be removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.web.drawing import money, page
from batchverify.web.pages.doors import Form, case_of, desk_of, door, see

if TYPE_CHECKING:
    from batchverify.desk import Case

_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A case as the list shows it; figures are "" until there are any."""

    case: Case
    rows: str
    matched: str
    cost: str

    @classmethod
    def of(cls, case: Case) -> JobLine:
        summary = case.summary
        if not summary:
            return cls(case=case, rows="", matched="", cost="")
        return cls(
            case=case,
            rows=f"{summary['rows']['total']:,}",
            matched=f"{summary['status']['matched']:,}",
            cost=cost_text(summary),
        )


def cost_text(summary: Mapping[str, Any]) -> str:
    """What a job cost: one figure, or an interval where something is in doubt.

    >>> cost_text({"cost": {"min": "0.57", "max": "0.57"}}), cost_text({"cost": {"min": "0.57", "max": "0.76"}})
    ('¥0.57', '¥0.57–0.76')
    """
    least, most = (money(Decimal(summary["cost"][end])) for end in ("min", "max"))
    return least if least == most else f"{least}–{most.removeprefix('¥')}"


def lines_of(cases: Iterable[Case]) -> list[JobLine]:
    """Cases as the list shows them."""
    return [JobLine.of(case) for case in cases]


def show(request: Request, form: Form) -> Response:
    """The list, fifty at a time."""
    del form
    cases = desk_of(request).cases()
    given = request.query_params.get("from", "0")
    first = min(int(given) if given.isascii() and given.isdecimal() and len(given) < 9 else 0, len(cases))  # noqa: PLR2004
    return page(
        request,
        "history.html",
        section="jobs",
        is_wide=True,
        cases=lines_of(cases[first : first + _SHOWN]),
        older=first + _SHOWN if first + _SHOWN < len(cases) else None,
        newer=max(first - _SHOWN, 0) if first else None,
        may_prepare=request.state.person.may("prepare"),
    )


def ask_to_remove(request: Request, form: Form) -> Response:
    """What is deleted, and what stays, before it is done."""
    del form
    return page(request, "remove.html", section="jobs", case=case_of(request))


def remove(request: Request, form: Form) -> Response:
    """Delete the files of a case."""
    del form
    desk_of(request).remove(case_of(request).id, operator=request.state.person.name)
    return see("/jobs")


ROUTES = [
    Route("/jobs", door(show, role="view"), methods=["GET"]),
    Route("/jobs/{id}/remove", door(ask_to_remove, role="prepare"), methods=["GET"]),
    Route("/jobs/{id}/remove", door(remove, role="prepare"), methods=["POST"]),
]
