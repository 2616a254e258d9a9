"""The switch between the languages: a cookie, and back to the page one came from."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from batchverify.web.drawing import LANGUAGE_COOKIE
from batchverify.words import Lang

_A_YEAR_SECONDS = 31_536_000


def place_on_this_page(wanted: str) -> str:
    """A path of this server, or its first page: whoever makes the link must not choose another host.

    >>> place_on_this_page("/jobs"), place_on_this_page("//elsewhere.example/"), place_on_this_page("https://elsewhere.example")
    ('/jobs', '/', '/')
    """
    is_path = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if is_path else "/"


async def choose_language(request: Request) -> RedirectResponse:
    """Remember the reader's language for a year."""
    lang = request.path_params["lang"]
    answer = RedirectResponse(place_on_this_page(request.query_params.get("back", "/")), status_code=303)
    if lang in frozenset(Lang):
        answer.set_cookie(
            LANGUAGE_COOKIE, lang, max_age=_A_YEAR_SECONDS, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
    return answer


ROUTES = [Route("/language/{lang}", choose_language)]
