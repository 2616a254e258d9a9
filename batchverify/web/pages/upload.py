"""The first page: a file comes in, and the latest jobs are in sight."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batchverify.errors import BatchVerifyError
from batchverify.tables.template import write_template
from batchverify.web.drawing import language_of, page
from batchverify.web.pages.doors import Form, case_of, desk_of, door, refusal, say, see, status_of
from batchverify.web.pages.files import file_answer
from batchverify.web.pages.history import lines_of
from batchverify.web.uploads import Receipt, receive_upload

_RECENT = 5
_CREATED, _FORBIDDEN = 201, 403


def show(request: Request, form: Form) -> Response:
    """Where a file is dropped or chosen."""
    del form
    return _drawn(request)


def show_correction(request: Request, form: Form) -> Response:
    """The same, for the corrected file of an earlier job."""
    del form
    return _drawn(request, origin=case_of(request).id)


def template(request: Request, form: Form) -> Response:
    """A blank workbook to fill in, for whoever has no sheet yet."""
    del form
    lang = language_of(request)
    return file_answer(request, "template.xlsx", lambda path: write_template(path, lang=lang))


async def take(request: Request) -> Response:
    """Take a file, and go on with its columns. A script is told where; a form is sent there."""
    is_script = request.headers.get("accept", "").startswith("application/json")
    if not request.state.person.may("prepare"):
        return _refused(request, say(request, "chrome.not_yours"), status=_FORBIDDEN, is_script=is_script)
    owner = request.state.person.name

    def opens(name: str, fields: Mapping[str, str]) -> Receipt:
        return desk_of(request).receive(name, owner=owner, origin=fields.get("origin", ""))

    try:
        case, _ = await receive_upload(request, opens=opens)
    except BatchVerifyError as error:
        if is_script:
            return _refused(request, str(error), status=status_of(error), is_script=True)
        return await run_in_threadpool(_drawn, request, problem=str(error), status=status_of(error))
    place = f"/jobs/{case.id}/columns"
    return JSONResponse({"see": place}, status_code=_CREATED) if is_script else see(place)


def _refused(request: Request, sentence: str, *, status: int, is_script: bool) -> Response:
    if is_script:
        return JSONResponse({"problem": sentence}, status_code=status)
    return refusal(request, sentence, status=status)


def _drawn(request: Request, *, origin: str = "", problem: str = "", status: int = 200) -> Response:
    desk = desk_of(request)
    return page(
        request,
        "upload.html",
        status=status,
        section="new",
        here=f"/jobs/{origin}/correct" if origin else "/",
        problem=problem,
        origin=desk.case(origin) if origin else None,
        cases=lines_of(desk.cases()[:_RECENT]),
        may_prepare=request.state.person.may("prepare"),
        limit_mib=desk.settings.upload_mib,
        keep_days=f"{desk.settings.keep_uploads_days:g}",
    )


ROUTES = [
    Route("/", door(show, role="view"), methods=["GET"]),
    Route("/template.xlsx", door(template, role="view"), methods=["GET"]),
    Route("/upload", take, methods=["POST"]),
    Route("/jobs/{id}/correct", door(show_correction, role="prepare"), methods=["GET"]),
]
