"""The doctor's page: what every run needs, looked at when the page is opened."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.job import examine
from batchverify.web.drawing import language_of, page
from batchverify.web.pages.doors import Form, desk_of, door, say
from batchverify.words import Lang
from batchverify.words.page import PAGE


def show(request: Request, form: Form) -> Response:
    """Look, and say what to do."""
    del form
    desk = desk_of(request)
    findings = sorted(examine(desk.home, desk.settings), key=lambda finding: finding.is_well)
    is_chinese = language_of(request) is Lang.ZH
    return page(
        request,
        "doctor.html",
        section="doctor",
        findings=[
            (finding.is_well, _name(request, finding.what), (is_chinese and finding.zh) or finding.detail) for finding in findings
        ],
        ill=sum(not finding.is_well for finding in findings),
    )


def _name(request: Request, what: str) -> str:
    key = f"doctor.{what.lower().replace(' ', '_')}"
    return say(request, key) if key in PAGE else what


ROUTES = [Route("/doctor", door(show, role="prepare"), methods=["GET"])]
