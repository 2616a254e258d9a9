"""The same over HTTP, for other programs: a file comes in, its plan goes out, and nothing is asked before that plan is confirmed.

The one thing to know: a plan is confirmed by its hash and with a cap, so a program that repeats a request after a broken
connection starts nothing twice, and an upload that is repeated with the same Idempotency-Key is one job.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, cast

from fastapi import FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from batchverify.desk import PasswordNeeded
from batchverify.errors import BatchVerifyError, HomeError, SettingsError
from batchverify.web import http_acts, http_coming_in, http_looking
from batchverify.web.guard import problem_of
from batchverify.web.http_doors import REFUSALS
from batchverify.web.shapes import Choices, Problem

#: What routing says by itself, in a sentence.
_SENTENCES = {
    "Not Found": "There is no such path. `openapi.json` lists them. Nothing was sent.",
    "Method Not Allowed": "This path has no such method. `openapi.json` lists them. Nothing was sent.",
    "There was an error parsing the body": "The body is not what it says it is. Nothing was sent.",
}
_CODES = {
    400: "malformed",
    403: "role",
    404: "unknown",
    405: "method",
    409: "conflict",
    415: "kind",
    422: "input",
}


@cache
def _bearer() -> HTTPBearer:
    return HTTPBearer(auto_error=False, description="A token of `batchverify people token`.")


def build_api() -> FastAPI:
    """The API of one server; `state.desk` is put to it by whoever mounts it."""
    api = FastAPI(
        title="batchverify",
        version=version("batchverify"),
        description="Verify spreadsheets of people: upload, look at the plan and its price, confirm it with a cap, take the result home.",
        openapi_url="/openapi.json",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        servers=[{"url": "/api"}],
        root_path_in_servers=False,
        redirect_slashes=False,
        responses=dict(REFUSALS),
        dependencies=[Security(_bearer())],
        exception_handlers={
            HTTPException: _told,
            BatchVerifyError: _told_of_ours,
            RequestValidationError: _told_of_form,
            Exception: _told_of_bug,
        },
    )
    for part in (http_looking, http_coming_in, http_acts):
        api.include_router(part.ROUTES)
    made = api.openapi

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            schemas = made().setdefault("components", {}).setdefault("schemas", {})
            for shape in (Problem, Choices):
                schemas.setdefault(shape.__name__, shape.model_json_schema(ref_template="#/components/schemas/{model}"))
                for name, below in schemas[shape.__name__].pop("$defs", {}).items():
                    schemas.setdefault(name, below)
        return made()

    api.openapi = document  # type: ignore[method-assign]
    return api


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return build_api().openapi()


def _answer(status: int, code: str, sentence: str, **more: Any) -> JSONResponse:
    told = problem_of(status, code, sentence) | more
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004 - as HTTP has it
    return JSONResponse(told, status_code=status, media_type="application/problem+json", headers=headers)


async def _told(_request: Request, error: Exception) -> JSONResponse:
    refused = cast("HTTPException", error)
    code = getattr(refused, "code", _CODES.get(refused.status_code, "refused"))
    answer = _answer(refused.status_code, str(code), _SENTENCES.get(refused.detail, refused.detail))
    answer.headers.update(refused.headers or {})
    return answer


async def _told_of_ours(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, HomeError):
        return _answer(503, "home", str(error))
    if isinstance(error, PasswordNeeded):
        return _answer(409, "password_needed", str(error))
    return _answer(422, "settings" if isinstance(error, SettingsError) else "input", str(error))


async def _told_of_form(_request: Request, error: Exception) -> JSONResponse:
    problems = cast("RequestValidationError", error).errors()
    # What was sent is not sent back: it may be a cell.
    errors = [{"at": [str(part) for part in one["loc"]], "problem": one["msg"]} for one in problems]
    return _answer(422, "malformed", "The request is not of the form that is described. Nothing was sent.", errors=errors)


async def _told_of_bug(_request: Request, _bug: Exception) -> JSONResponse:
    sentence = "This is a bug in batchverify. Where it happened stands in the server's log. What was paid is in the ledger."
    return _answer(500, "bug", sentence)
