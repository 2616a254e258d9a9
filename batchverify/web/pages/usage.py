"""The usage page: what was used when and for what, as a chart, a table and a file with the vendor's columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.errors import InputError
from batchverify.job.usage import Usage, UsageBy, usage_of
from batchverify.job.usage_table import export_usage, group_text, usage_chart
from batchverify.web.drawing import drawing, language_of, page
from batchverify.web.pages.doors import Form, door, say
from batchverify.web.pages.files import file_answer
from batchverify.web.pages.wallet import day_in, session_of
from batchverify.words.findings import finding_text

_SHOWN: Final = 100
_FORMS: Final = ("csv", "xlsx")


def show(request: Request, form: Form) -> Response:
    """What was used between two days."""
    del form
    found = _found(request)
    lang = language_of(request)
    chosen = {word: request.query_params.get(word, "") for word in ("since", "until", "by")}
    first = _first(request, found)
    shown = [
        {
            "group": group_text(line, found.by, lang),
            "certain": line.certain,
            "doubt": line.doubt,
            "vendor": line.vendor,
            "finding": None if line.finding is None else finding_text(line.finding, lang),
        }
        for line in found.lines[first : first + _SHOWN]
    ]
    return page(
        request,
        "usage.html",
        section="quota",
        part="usage",
        is_wide=True,
        ways=[way.value for way in UsageBy],
        chosen=chosen | {"by": found.by},
        found=found,
        lines=shown,
        has_vendor=any(line.vendor is not None for line in found.lines),
        chart=drawing(usage_chart(found, lang)) if found.by == UsageBy.WINDOW and found.lines else None,
        query=urlencode({word: value for word, value in chosen.items() if value}),
        older=first + _SHOWN if first + _SHOWN < len(found.lines) else None,
        newer=max(first - _SHOWN, 0) if first else None,
    )


def export(request: Request, form: Form) -> Response:
    """The same as a file."""
    del form
    kind = request.path_params["kind"]
    if kind not in _FORMS:
        raise InputError(say(request, "usage.no_kind"))
    found, lang = _found(request), language_of(request)

    def write(path: Path) -> None:
        export_usage(found, path, lang)

    return file_answer(request, f"usage-by-{found.by}.{kind}", write)


def until_in(request: Request, text: str) -> datetime | None:
    """The end of a day of Beijing."""
    day = day_in(request, text)
    return None if day is None else day + timedelta(days=1)


def _found(request: Request) -> Usage:
    asked: Sequence[str] = [request.query_params.get(word, "") for word in ("since", "until", "by")]
    by = UsageBy(asked[2]) if asked[2] in frozenset(UsageBy) else UsageBy.WINDOW
    return usage_of(session_of(request), since=day_in(request, asked[0]), until=until_in(request, asked[1]), by=by)


def _first(request: Request, found: Usage) -> int:
    given = request.query_params.get("at", "0")
    wanted = int(given) if given.isascii() and given.isdecimal() and len(given) < 9 else 0  # noqa: PLR2004
    return wanted if wanted < len(found.lines) else 0


ROUTES = [
    Route("/quota/usage", door(show, role="view"), methods=["GET"]),
    Route("/quota/usage.{kind}", door(export, role="view"), methods=["GET"]),
]
