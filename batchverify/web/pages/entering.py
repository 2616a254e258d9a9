"""The door: the one-time link, the login, the way out.

The one thing to know: whoever opens the link gets a page of ours that leads on, not a redirect. A browser that was sent here by
another program would follow a redirect without the cookie, for to it the chain began elsewhere (SameSite=Strict).
"""

from __future__ import annotations

import math
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.model import Secret
from batchverify.web.access import Access, TooManyTriesError
from batchverify.web.drawing import page
from batchverify.web.pages.doors import desk_of, say, see
from batchverify.web.pages.language import place_on_this_page

_GONE, _WRONG, _TOO_MANY = 410, 403, 429


def access_of(request: Request) -> Access:
    """The doors of this server."""
    return cast("Access", request.app.state.access)


async def enter(request: Request) -> Response:
    """Let in whoever has the link, once."""
    if request.method == "HEAD":  # what looks at links in advance must not use one up
        return Response()
    access = access_of(request)
    cookie = access.enter(request.path_params["link"])
    if cookie is None:
        return _door(request, status=_GONE, problem=say(request, "entering.link_used"), is_about_link=access.local is not None)
    if access.local is not None:
        await run_in_threadpool(desk_of(request).note, access.local.name, "entered")
    return _with_cookie(page(request, "entered.html", here="/"), access, cookie)


async def show_login(request: Request) -> Response:
    """Ask who it is."""
    return _door(request)


async def log_in(request: Request) -> Response:
    """Let in a user with their password."""
    access, desk = access_of(request), desk_of(request)
    form = await request.form(max_files=0, max_fields=10)
    name, password = str(form.get("name", "")), Secret(str(form.get("password", "")))
    place = request.client.host if request.client is not None else ""
    try:
        came = await run_in_threadpool(access.log_in, name, password, place=place)
    except TooManyTriesError as error:
        seconds = math.ceil(error.seconds)
        answer = _door(request, status=_TOO_MANY, problem=say(request, "entering.too_many", seconds=seconds))
        answer.headers["retry-after"] = str(seconds)
        return answer
    if came is None:
        # Whoever was typed is named only where it is a user: a password typed into the wrong field must not be kept.
        user = await run_in_threadpool(access.people.user, name)
        await run_in_threadpool(desk.note, user.name if user is not None else "", "login_failed")
        return _door(request, status=_WRONG, problem=say(request, "entering.wrong"))
    cookie, person = came
    await run_in_threadpool(desk.note, person.name, "logged_in")
    return _with_cookie(see(place_on_this_page(str(form.get("next", "/")) or "/")), access, cookie)


async def log_out(request: Request) -> Response:
    """End the session of this browser."""
    access = access_of(request)
    access.end(request.cookies.get(access.cookie, ""))
    await run_in_threadpool(desk_of(request).note, request.state.person.name, "logged_out")
    answer = see("/login")
    answer.delete_cookie(access.cookie, secure=access.is_secure, httponly=True, samesite="strict")
    return answer


async def print_link(request: Request) -> Response:
    """Have a new link printed where the server runs: whoever sees that terminal may come in anyway."""
    is_printed = access_of(request).print_link()
    if is_printed:
        return _door(request, notice=say(request, "entering.link_printed"))
    return _door(request, status=_TOO_MANY, problem=say(request, "entering.link_too_soon"), is_about_link=True)


def _door(request: Request, *, status: int = 200, problem: str = "", notice: str = "", is_about_link: bool = False) -> Response:
    access = access_of(request)
    wanted = place_on_this_page(request.query_params.get("next", "/"))
    given: dict[str, Any] = {
        "problem": problem,
        "notice": notice,
        "next": wanted,
        "is_about_link": is_about_link,
        "here": "/login",
    }
    return page(
        request,
        "login.html",
        status=status,
        has_link=access.local is not None,
        has_users=bool(access.people.users()),
        **given,
    )


def _with_cookie(answer: Response, access: Access, cookie: str) -> Response:
    answer.set_cookie(access.cookie, cookie, httponly=True, samesite="strict", secure=access.is_secure, path="/")
    return answer


ROUTES = [
    Route("/enter/{link}", enter),
    Route("/login", show_login, methods=["GET"]),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
    Route("/link", print_link, methods=["POST"]),
]
