"""The one way into every page: who may, in a thread of its own, and an error as a page that says what to do.

The one thing to know: what is shown of an error is its sentence, which holds no cell's content. Any other exception is a
bug, and shows nothing of itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from batchverify.desk import PasswordNeeded
from batchverify.errors import BatchVerifyError, HomeError, InputError
from batchverify.web.drawing import language_of, page
from batchverify.words.page import page_text

if TYPE_CHECKING:
    from batchverify.desk import Case, Desk

_UNPROCESSABLE, _UNAVAILABLE, _FORBIDDEN, _NOT_FOUND = 422, 503, 403, 404
_SEE_OTHER = 303
#: Pages that are a way back by themselves.
_SECTIONS = frozenset({"jobs", "quota", "settings", "doctor", "acts"})

#: A form as it came: the last value of each name, and all of them.
Form = Mapping[str, str]


def door(handler: Callable[[Request, Form], Response], *, role: str) -> Callable[[Request], Awaitable[Response]]:
    """Let in whoever has the role, and turn what goes wrong into a page."""

    async def opened(request: Request) -> Response:
        if not request.state.person.may(role):
            return refusal(request, say(request, "chrome.not_yours"), status=_FORBIDDEN)
        form: dict[str, str] = {}
        if request.method == "POST":
            form = {name: str(value) for name, value in (await request.form(max_files=0)).multi_items()}
        try:
            return await run_in_threadpool(handler, request, form)
        except PasswordNeeded as error:
            # Known no more, for the server was started anew: asked for again, wherever one wanted to go on.
            case = request.path_params.get("id")
            return see(f"/jobs/{case}/password") if case else refusal(request, str(error), status=_UNPROCESSABLE)
        except BatchVerifyError as error:
            return refusal(request, str(error), status=status_of(error))

    return opened


def status_of(error: BatchVerifyError) -> int:
    """What an error is over HTTP: a home that cannot be used is nobody's mistake at the other end."""
    return _UNAVAILABLE if isinstance(error, HomeError) else _UNPROCESSABLE


def refusal(request: Request, sentence: str, *, status: int, back: str = "") -> Response:
    """A page with a sentence on it, and the way back."""
    back = back or _back(request)
    title = say(request, "chrome.refused")
    return page(request, "error.html", status=status, title=title, text=sentence, back=back, here=back)


def say(request: Request, key: str, **figures: object) -> str:
    """A text in the reader's language."""
    return page_text(key, language_of(request), **figures)


def desk_of(request: Request) -> Desk:
    """The desk of this server."""
    desk: Desk = request.app.state.desk
    return desk


def case_of(request: Request) -> Case:
    """The case that the address names. Raises HTTPException 404 where there is none."""
    try:
        return desk_of(request).case(request.path_params["id"])
    except InputError as error:
        raise HTTPException(_NOT_FOUND, str(error)) from None


def see(place: str) -> RedirectResponse:
    """Go on at another page; the browser does not send the form again when it is loaded anew."""
    return RedirectResponse(place, status_code=_SEE_OTHER)


def _back(request: Request) -> str:
    case = request.path_params.get("id")
    section = request.url.path.split("/")[1].partition(".")[0]
    return f"/jobs/{case}" if case else f"/{section}" if section in _SECTIONS else "/"
