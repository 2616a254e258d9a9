"""The routes by which a spreadsheet comes in, is read as it should be, and is planned. Nothing is asked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from batchverify.desk import Case, Desk, PasswordNeeded, Stage
from batchverify.errors import InputError
from batchverify.model import Secret
from batchverify.web.hooks import check_address
from batchverify.web.http_doors import ACT, JSON, Known, Preparer, Refusal, acting, desk_of
from batchverify.web.people import Person
from batchverify.web.shapes import Choices, Job, Opened, Password
from batchverify.web.uploads import Receipt, receive_upload

_UPLOAD: Mapping[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "options": {"allOf": [{"$ref": "#/components/schemas/Choices"}], "description": "As JSON."},
                        "password": {"type": "string", "maxLength": 255, "description": "Of a protected workbook."},
                        "origin": {"type": "string", "description": "The id of the job whose corrected file this is."},
                        "notify": {"type": "string", "description": "Where the end is told (setting webhook_hosts)."},
                        "file": {"type": "string", "format": "binary"},
                    },
                },
                "encoding": {"options": {"contentType": "application/json"}},
            }
        },
    }
}

ROUTES = APIRouter()


@ROUTES.post("/jobs", status_code=201, responses={**ACT}, openapi_extra=dict(_UPLOAD))
async def upload(request: Request, person: Preparer, idempotency_key: Annotated[str, Header(max_length=200)] = "") -> Opened:
    """Upload a spreadsheet; gives its plan, or what has to be chosen first. Nothing is asked."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal(415, "kind", "An upload is multipart/form-data with a part `file`. Nothing was kept.")
    desk = desk_of(request)
    before: dict[str, str] = {}

    def opens(name: str, fields: Mapping[str, str]) -> Receipt:
        before.update(fields)
        _choices(fields)
        notify = fields.get("notify", "")
        if notify:
            check_address(notify, desk.settings)
        return desk.receive(
            name, owner=person.name, idempotency_key=idempotency_key, origin=fields.get("origin", ""), notify=notify
        )

    case, fields = await receive_upload(request, opens=opens)
    if any(fields.get(name) != before.get(name) for name in ("origin", "notify")):
        await run_in_threadpool(desk.remove, case.id, operator=person.name)
        raise InputError("The fields `origin` and `notify` stand before the file. Nothing was kept.")
    return await run_in_threadpool(_after_upload, desk, case, fields, person)


@ROUTES.patch("/jobs/{job}", responses={**ACT}, dependencies=JSON)
def choose(request: Request, person: Preparer, case: Known, choices: Choices) -> Opened:
    """Choose how the file is read, what is asked and what comes out; gives the new plan."""
    desk = desk_of(request)
    options = choices.on(case.options, desk.first_options())
    with suppress(PasswordNeeded):
        desk.inspect(case.id, options.reading)  # read before it is kept: what cannot be read must not stay
    with acting():
        desk.choose(case.id, options, operator=person.name)
    return _opened(desk, case.id, person)


@ROUTES.post("/jobs/{job}/password", responses={**ACT}, dependencies=JSON)
def password(request: Request, person: Preparer, case: Known, given: Password) -> Opened:
    """Give the password of a protected workbook; gives the plan."""
    desk = desk_of(request)
    desk.give_password(case.id, Secret(given.password))
    return _opened(desk, case.id, person)


@ROUTES.post("/jobs/{job}/plan", responses={**ACT})
def plan(request: Request, person: Preparer, case: Known) -> Opened:
    """Plan anew: what would be asked now, and what it would cost."""
    with acting():
        made = desk_of(request).plan(case.id, operator=person.name)
    now = desk_of(request).case(case.id)
    return Opened(job=Job.of(now), needs=None, problem="", inspection=None, plan=made.as_json())


def _choices(fields: Mapping[str, str]) -> Choices:
    try:
        return Choices.model_validate_json(fields.get("options") or "{}")
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise InputError(f"The field `options` does not fit{f' at {where!r}' if where else ''}. Nothing was kept.") from None


def _after_upload(desk: Desk, case: Case, fields: Mapping[str, str], person: Person) -> Opened:
    if case.stage is not Stage.RECEIVED:  # the same upload once more
        plan = desk.planned(case.id)
        return Opened(job=Job.of(case), needs=None, problem=case.problem, inspection=None, plan=plan.as_json() if plan else None)
    try:
        choices = _choices(fields)
        if fields.get("password"):
            desk.give_password(case.id, Secret(fields["password"]))
        if choices.model_fields_set:
            desk.choose(case.id, choices.on(case.options, desk.first_options()), operator=person.name)
        return _opened(desk, case.id, person)
    except InputError:
        with suppress(InputError):  # the same upload once more may have been quicker
            desk.remove(case.id, operator=person.name)
        raise


def _opened(desk: Desk, case_id: str, person: Person) -> Opened:
    """A job with its plan, or with what it needs first. Raises InputError where the file cannot be read at all."""
    try:
        inspection = desk.inspect(case_id).as_json()
    except PasswordNeeded as error:
        return Opened(job=Job.of(desk.case(case_id)), needs="password", problem=str(error), inspection=None, plan=None)
    try:
        plan = desk.plan(case_id, operator=person.name).as_json()
    except InputError as error:
        now, planned = desk.case(case_id), desk.planned(case_id)
        if planned is not None:  # the same upload once more was planned meanwhile
            return Opened(job=Job.of(now), needs=None, problem="", inspection=inspection, plan=planned.as_json())
        if not now.stage.is_before_asking:
            raise Refusal(409, "conflict", str(error)) from None
        return Opened(job=Job.of(now), needs="columns", problem=str(error), inspection=inspection, plan=None)
    return Opened(job=Job.of(desk.case(case_id)), needs=None, problem="", inspection=inspection, plan=plan)
