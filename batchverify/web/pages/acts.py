"""The activity page: who did what and when, of all jobs or of one, and as a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.errors import InputError
from batchverify.model import Field
from batchverify.tables.usage_sheet import write_usage
from batchverify.web.drawing import language_of, page, when_text
from batchverify.web.pages.doors import Form, desk_of, door, say
from batchverify.web.pages.files import file_answer
from batchverify.words import label_of_field
from batchverify.words.page import PAGE, page_text

if TYPE_CHECKING:
    from batchverify.desk import Act

_SHOWN: Final = 100
_MOST_EXPORTED: Final = 100_000
_FORMS: Final = ("csv", "xlsx")
#: How the desk writes down a plan, and a cell.
_PLAN: Final = re.compile(r"(?P<plan>[0-9a-f]+), (?P<most>at most )?(?P<asks>\d+) asks")
_CELL: Final = re.compile(r"row (?P<row>\d+), (?P<field>\w+)")
_COLUMNS: Final = ("at", "who", "act", "file", "job_id", "note")


def show(request: Request, form: Form) -> Response:
    """The newest, or those before one."""
    del form
    desk, case = desk_of(request), request.query_params.get("job", "")
    acts = desk.acts(case or None, limit=_SHOWN + 1, before=_before(request))
    names = {one.id: one.name for one in desk.cases()}
    return page(
        request,
        "acts.html",
        section="acts",
        is_wide=True,
        acts=[(act, act_text(request, act.act), names.get(act.case, ""), note_text(request, act)) for act in acts[:_SHOWN]],
        older=acts[_SHOWN - 1].number if len(acts) > _SHOWN else None,
        is_older=_before(request) is not None,
        cases=names,
        chosen=case,
    )


def export(request: Request, form: Form) -> Response:
    """The same as a file."""
    del form
    kind = request.path_params["kind"]
    if kind not in _FORMS:
        raise InputError(say(request, "usage.no_kind"))
    desk = desk_of(request)
    acts = desk.acts(request.query_params.get("job") or None, limit=_MOST_EXPORTED)
    names = {one.id: one.name for one in desk.cases()}
    header = [say(request, f"acts.{word}") for word in _COLUMNS]
    rows = [_row(request, act, names.get(act.case, act.case)) for act in acts]

    def write(path: Path) -> None:
        write_usage(path, header, rows, title=say(request, "acts.title"))

    return file_answer(request, f"activity.{kind}", write)


def act_text(request: Request, word: str) -> str:
    """What was done, in the reader's words; a word that has none is shown as it is."""
    key = f"act.{word}"
    return page_text(key, language_of(request)) if key in PAGE else word


def note_text(request: Request, act: Act) -> str:
    """The note of an act, in the reader's words where it is one of the desk's; what it names stays as it is."""
    if act.act == "ended" and f"ending.{act.note}" in PAGE:
        return say(request, f"ending.{act.note}")
    if plan := _PLAN.fullmatch(act.note):
        return say(request, "acts.at_most" if plan["most"] else "acts.of_plan", plan=plan["plan"], asks=f"{int(plan['asks']):,}")
    if (cell := _CELL.fullmatch(act.note)) and cell["field"] in frozenset(Field):
        lang = language_of(request)
        return f"{say(request, 'acts.of_row', row=cell['row'])}, {label_of_field(Field(cell['field']), lang)}"
    return act.note


def _row(request: Request, act: Act, name: str) -> Sequence[str]:
    return (
        when_text(act.at),
        act.operator or say(request, "acts.itself"),
        act_text(request, act.act),
        name,
        act.job or "",
        note_text(request, act),
    )


def _before(request: Request) -> int | None:
    given = request.query_params.get("before", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else None  # noqa: PLR2004


ROUTES = [
    Route("/acts", door(show, role="view"), methods=["GET"]),
    Route("/acts.{kind}", door(export, role="view"), methods=["GET"]),
]
