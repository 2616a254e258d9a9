"""The whole of the page and the HTTP API as one ASGI application: routes and layers in their order, nothing else.

The one thing to know: from outside in, a request passes the guard (whose name, which site, how big, how slow), then whoever
looks who is asking, and only then a route.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from batchverify.settings import Settings
from batchverify.web.access import Access
from batchverify.web.drawing import STATIC
from batchverify.web.guard import Guard, Limits, Names
from batchverify.web.http_api import build_api
from batchverify.web.pages import (
    acts,
    columns,
    doctor,
    entering,
    history,
    invoice,
    language,
    plan,
    progress,
    reconcile,
    rerun,
    result,
    settings,
    upload,
    usage,
    wallet,
)
from batchverify.web.pages.doors import refusal, say
from batchverify.web.visiting import Visiting

if TYPE_CHECKING:
    from batchverify.desk import Desk

#: Where files come in: as large as the setting says, and everything else is small.
UPLOAD_PATHS = frozenset({"/upload", "/api/jobs"})
#: Where lists and exports of the vendor's come in.
FILE_PATHS = frozenset({"/quota/orders", "/quota/reconcile"})
_NOT_FOUND = 404


def build_app(desk: Desk, access: Access, *, names: Names, limits: Limits | None = None) -> ASGIApp:
    """The application of one server. `names` are those it may be called by."""
    routes: list[BaseRoute] = [
        Mount("/static", StaticFiles(directory=STATIC)),
        Mount("/api", api := build_api()),
        *entering.ROUTES,
        *language.ROUTES,
        *(route for part in (upload, columns, plan, progress, result, rerun, history) for route in part.ROUTES),
        *(route for part in (wallet, usage, reconcile, invoice, settings, doctor, acts) for route in part.ROUTES),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _told, Exception: _bug})
    api.state.desk, api.state.access = desk, access
    app.state.desk, app.state.access, app.state.simulated = desk, access, desk.simulated
    inner = Visiting(app, access=access)
    return Guard(inner, names=names, limits=limits or limits_of(desk.settings))


def limits_of(settings: Settings) -> Limits:
    """How large a file may be, and the form around it."""
    return Limits(upload_bytes=(settings.upload_mib + 1) << 20, upload_paths=UPLOAD_PATHS, file_paths=FILE_PATHS)


async def _told(request: Request, error: Exception) -> Response:
    """A page with the sentence of what was refused."""
    refused = cast("HTTPException", error)
    is_nowhere = refused.status_code == _NOT_FOUND and refused.detail == "Not Found"
    sentence = say(request, "entering.nowhere") if is_nowhere else refused.detail
    answer = refusal(request, sentence, status=refused.status_code)
    answer.headers.update(refused.headers or {})
    return answer


async def _bug(request: Request, _bug: Exception) -> Response:
    """A page that shows nothing of a bug: its words could hold a cell. The guard logs where it happened."""
    return refusal(request, say(request, "entering.bug"), status=500)
