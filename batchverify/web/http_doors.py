"""What the routes of the HTTP API share: whose token may do what, how a refusal is told, and how both stand in the document.

The one thing to know: an act that the job's standing does not allow is a conflict (409), for the same may be right at another time;
what is wrong in itself is 422.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from batchverify.desk import Case, Desk, PasswordNeeded
from batchverify.errors import InputError, SettingsError
from batchverify.web.people import Person, Role
from batchverify.web.shapes import JobId, openapi_problem

FILES: Mapping[str, Any] = {
    "content": {
        kind: {"schema": {"type": "object"} if kind == "application/json" else {"type": "string", "format": "binary"}}
        for kind in (
            "text/csv; charset=utf-8",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.ms-excel.sheet.macroEnabled.12",
            "application/json",
            "application/zip",
            "text/html; charset=utf-8",
            "application/pdf",
            "application/octet-stream",
        )
    }
}
REFUSALS: Mapping[int | str, Any] = {
    401: openapi_problem("Nobody is known by this token."),
    403: openapi_problem("The token's roles do not allow this."),
    404: openapi_problem("There is no such job, or none such for this one."),
    405: openapi_problem("This method is not known here."),
    413: openapi_problem("The body is too large."),
    422: openapi_problem("It cannot be done, and the sentence says why. Nothing was sent."),
    503: openapi_problem("The home cannot be used."),
}
ACT: Mapping[int | str, Any] = {
    400: openapi_problem("The body is not what it says it is."),
    409: openapi_problem("The job does not stand where this can be done."),
    415: openapi_problem("The body is no JSON."),
}


class Refusal(HTTPException):
    """A refusal with its stable code."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(status, sentence)
        self.code = code


def desk_of(request: Request) -> Desk:
    """The desk of this server."""
    desk: Desk = request.app.state.desk
    return desk


def _case(request: Request, job: JobId) -> Case:
    try:
        return desk_of(request).case(job)
    except InputError as error:
        raise Refusal(404, "unknown", str(error)) from None


def _needs(role: Role) -> Callable[[Request], Person]:
    def person(request: Request) -> Person:
        found: Person = request.state.person
        if not found.may(role):
            raise Refusal(403, "role", f"This needs the role {role.value!r}, and the token has another. Nothing was sent.")
        return found

    return person


async def _is_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and await request.body():
        raise Refusal(415, "kind", "The body is no JSON: send it as `Content-Type: application/json`. Nothing was sent.")


Looker = Annotated[Person, Depends(_needs(Role.VIEW))]
Preparer = Annotated[Person, Depends(_needs(Role.PREPARE))]
Approver = Annotated[Person, Depends(_needs(Role.APPROVE))]
Known = Annotated[Case, Depends(_case)]
JSON = [Depends(_is_json)]


@contextmanager
def acting() -> Iterator[None]:
    """An act that the job's standing does not allow is a conflict: the same may be right at another time."""
    try:
        yield
    except PasswordNeeded as error:
        raise Refusal(409, "password_needed", str(error)) from None
    except InputError as error:
        raise Refusal(409, "conflict", str(error)) from None
    except SettingsError as error:
        raise Refusal(409, "settings", str(error)) from None
