"""The routes by which a program sees how jobs go, takes results home, and looks at the quota. Nothing is changed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from sse_starlette import EventSourceResponse

from batchverify.desk import Stage
from batchverify.job.usage import UsageBy, usage_of
from batchverify.job.wallet import holdings, state_of
from batchverify.model import RowStatus
from batchverify.rules.prices import yuan
from batchverify.rules.windows import beijing_time
from batchverify.web.events import live_stream
from batchverify.web.http_doors import ACT, FILES, Known, Looker, Preparer, Refusal, acting, desk_of
from batchverify.web.pages.wallet import session_of
from batchverify.web.sending import file_sent
from batchverify.web.shapes import (
    Downloads,
    DownloadShape,
    Job,
    Jobs,
    LiveState,
    PackageShape,
    Quota,
    ReportForm,
    Rows,
    Usage,
    Word,
)
from batchverify.words import Lang

ROUTES = APIRouter()
_FILES: dict[int | str, Any] = {200: dict(FILES), 409: ACT[409]}


@ROUTES.get("/jobs")
def jobs(request: Request, _person: Looker, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Jobs:
    """List the jobs, newest first."""
    return Jobs(jobs=[Job.of(case) for case in desk_of(request).cases()[:limit]])


@ROUTES.get("/jobs/{job}")
def job(_person: Looker, case: Known) -> Job:
    """Say how a job stands."""
    return Job.of(case)


@ROUTES.get("/jobs/{job}/live")
def live(request: Request, _person: Looker, case: Known) -> LiveState:
    """Say how a job goes at this instant."""
    return LiveState.of(desk_of(request).live(case.id))


@ROUTES.get(
    "/jobs/{job}/events",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def events(request: Request, _person: Looker, case: Known) -> EventSourceResponse:
    """Stream how a job goes: events `live`, each the whole state, until the job is over."""
    return await live_stream(request, desk_of(request), case.id, shape=lambda now: LiveState.of(now).model_dump(mode="json"))


@ROUTES.get("/jobs/{job}/inspection")
def inspection(request: Request, _person: Preparer, case: Known) -> dict[str, Any]:
    """Show what was found in the file, masked."""
    with acting():
        return desk_of(request).inspect(case.id).as_json()


@ROUTES.get("/jobs/{job}/rows")
def rows(
    request: Request,
    _person: Looker,
    case: Known,
    status: RowStatus | None = None,
    row: Annotated[int | None, Query(ge=1, le=10_000_000)] = None,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
    lang: Lang = Lang.EN,
) -> Rows:
    """Give rows of the result that was drawn last, masked."""
    return Rows.of(desk_of(request).rows(case.id, status=status, row=row, offset=offset, limit=limit, lang=lang))


@ROUTES.get("/jobs/{job}/result", response_class=FileResponse, responses=_FILES)
def result(request: Request, person: Preparer, case: Known) -> FileResponse:
    """Give the annotated sheet: as it was drawn last, or as of now while asking goes on."""
    desk = desk_of(request)
    with acting():
        if case.stage.is_under_way or case.stage is Stage.PAUSED:
            return file_sent(desk.partial(case.id, operator=person.name))
        return file_sent(desk.download(case.id, "all", operator=person.name))


@ROUTES.get("/jobs/{job}/problems", response_class=FileResponse, responses=_FILES)
def problems(request: Request, _person: Preparer, case: Known, lang: Lang = Lang.EN) -> FileResponse:
    """Give what is wrong with the sheet, by row and reason, without values."""
    with acting():
        return file_sent(desk_of(request).problems_file(case.id, lang))


@ROUTES.get("/jobs/{job}/downloads")
def downloads(request: Request, _person: Looker, case: Known) -> Downloads:
    """List the files that can be had."""
    found = desk_of(request).downloads(case.id)
    return Downloads(downloads=[DownloadShape(word=one.word, name=one.name, rows=one.rows) for one in found])


@ROUTES.get("/jobs/{job}/downloads/{word}", response_class=FileResponse, responses=_FILES)
def download(request: Request, person: Preparer, case: Known, word: Word) -> FileResponse:
    """Give one of them."""
    desk = desk_of(request)
    if all(one.word != word for one in desk.downloads(case.id)):
        raise Refusal(404, "unknown", f"There is no download of that word of {case.name}. `downloads` lists them.")
    with acting():
        return file_sent(desk.download(case.id, word, operator=person.name))


@ROUTES.get("/jobs/{job}/report", response_class=FileResponse, responses=_FILES)
def report(request: Request, person: Looker, case: Known, form: ReportForm = "pdf", lang: Lang = Lang.EN) -> FileResponse:
    """Give the audit report."""
    with acting():
        return file_sent(desk_of(request).report(case.id, form, lang, operator=person.name))


@ROUTES.get("/quota")
def quota(request: Request, _person: Looker) -> Quota:
    """Say what is left, as far as it is known."""
    found = holdings(session_of(request))
    return Quota(
        simulated=desk_of(request).simulated,
        left=found.wallet.left,
        total=found.wallet.total,
        warnings=sorted(found.warnings),
        packages=[
            PackageShape(
                name=package.label,
                total=package.total,
                left=package.left,
                yuan="" if package.price is None else yuan(package.price),
                state=state_of(package, now=found.now),
                expires_at=None if package.expires_at is None else beijing_time(package.expires_at),
            )
            for package in found.packages
        ],
    )


@ROUTES.get("/quota/usage")
def usage(
    request: Request,
    _person: Looker,
    since: datetime | None = None,
    until: datetime | None = None,
    by: UsageBy = UsageBy.WINDOW,
) -> Usage:
    """Add up what was billed, by 10-minute window as the vendor's console has it."""
    if any(at is not None and at.tzinfo is None for at in (since, until)):
        raise Refusal(422, "malformed", "A time has its offset: 2026-11-24T10:50:01+08:00.")
    return Usage.model_validate(usage_of(session_of(request), since=since, until=until, by=by).as_json())
