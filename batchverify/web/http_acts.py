"""The routes by which a plan is confirmed, approved, held up and run again: after these, something may be asked."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from batchverify.job import Mandate
from batchverify.web.http_doors import ACT, JSON, Approver, Known, Preparer, acting, desk_of
from batchverify.web.shapes import Confirmation, ConfirmedRerun, Job, Opened, Rerun

ROUTES = APIRouter()


@ROUTES.post("/jobs/{job}/confirm", responses={**ACT}, dependencies=JSON)
def confirm(request: Request, person: Preparer, case: Known, given: Confirmation) -> Job:
    """Have the plan asked that was looked at. The same confirmation twice is one run."""
    with acting():
        return Job.of(
            desk_of(request).confirm(
                case.id,
                digest=given.digest,
                cap_asks=given.max_asks,
                mandate=Mandate(purpose=given.purpose, authorization=given.authorization, operator=person.name),
                operator=person.name,
            )
        )


@ROUTES.post("/jobs/{job}/approve", responses={**ACT})
def approve(request: Request, person: Approver, case: Known) -> Job:
    """Approve the plan that another person has prepared."""
    with acting():
        return Job.of(desk_of(request).approve(case.id, operator=person.name))


@ROUTES.post("/jobs/{job}/pause", responses={**ACT})
def pause(request: Request, person: Preparer, case: Known) -> Job:
    """Send nothing more until it is continued."""
    with acting():
        return Job.of(desk_of(request).pause(case.id, operator=person.name))


@ROUTES.post("/jobs/{job}/continue", responses={**ACT})
def go_on(request: Request, person: Preparer, case: Known) -> Job:
    """Go on within what is left of the cap."""
    with acting():
        return Job.of(desk_of(request).go_on(case.id, operator=person.name))


@ROUTES.post("/jobs/{job}/stop", responses={**ACT})
def stop(request: Request, person: Preparer, case: Known) -> Job:
    """Send nothing more, and draw the result as it is then."""
    with acting():
        return Job.of(desk_of(request).stop(case.id, operator=person.name))


@ROUTES.post("/jobs/{job}/rerun/plan", responses={**ACT}, dependencies=JSON)
def rerun_plan(request: Request, person: Preparer, case: Known, given: Rerun) -> Opened:
    """Say what running rows again would ask and cost."""
    with acting():
        made = desk_of(request).rerun_plan(
            case.id, given.what, accept_double_charge=given.accept_double_charge, operator=person.name
        )
    now = desk_of(request).case(case.id)
    return Opened(job=Job.of(now), needs=None, problem="", inspection=None, plan=made.as_json())


@ROUTES.post("/jobs/{job}/rerun", responses={**ACT}, dependencies=JSON)
def rerun(request: Request, person: Preparer, case: Known, given: ConfirmedRerun) -> Job:
    """Run rows again whose plan was looked at: what is answered is never asked again."""
    mandate = Mandate(purpose=given.purpose, authorization=given.authorization, operator=person.name)
    with acting():
        return Job.of(
            desk_of(request).rerun(
                case.id,
                given.what,
                digest=given.digest,
                cap_asks=given.max_asks,
                accept_double_charge=given.accept_double_charge,
                mandate=mandate if given.purpose or given.authorization else None,
                operator=person.name,
            )
        )


@ROUTES.delete("/jobs/{job}", status_code=204, responses={**ACT})
def remove(request: Request, person: Preparer, case: Known) -> Response:
    """Take away what was uploaded and what came out. The ledger keeps its record."""
    with acting():
        desk_of(request).remove(case.id, operator=person.name)
    return Response(status_code=204)
