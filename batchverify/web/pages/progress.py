"""The fifth step: how it goes, live, and how it is held.

The one thing to know: what the page shows at first and what it is told later come from the same words, so a reader without
scripts, who loads the page anew, sees the same.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.desk import Live, Stage
from batchverify.model import RowStatus
from batchverify.web.drawing import language_of, money, page, when_text
from batchverify.web.events import live_stream
from batchverify.web.pages.doors import Form, case_of, desk_of, door, see
from batchverify.web.sending import file_sent
from batchverify.words import Lang
from batchverify.words.page import page_text

if TYPE_CHECKING:
    from batchverify.desk import Case

_MINUTE, _HOUR = 60, 3600
_WHOLE = 1000
_FINAL = frozenset({Stage.ENDED, Stage.STOPPED, Stage.REFUSED})


def step_of(case: Case) -> str:
    """The step at which a case stands, as the end of its address."""
    match case.stage:
        case Stage.RECEIVED:
            return "columns"
        case Stage.PLANNED:
            return "plan"
        case Stage.WAITING:
            return "confirm"
        case Stage.ENDED | Stage.STOPPED if case.summary:
            return "result"
        case _:
            return "progress"


def go(request: Request, form: Form) -> Response:
    """To the step at which the case stands."""
    del form
    case = case_of(request)
    step = step_of(case)
    if step == "columns" and not request.state.person.may("prepare"):
        step = "progress"
    return see(f"/jobs/{case.id}/{step}")


def show(request: Request, form: Form) -> Response:
    """How it goes."""
    del form
    case = case_of(request)
    may_prepare = request.state.person.may("prepare")
    if case.stage is Stage.REFUSED:
        return page(request, "refused.html", section="jobs", case=case, may_prepare=may_prepare)
    if case.stage is Stage.ENDED or (case.stage.is_before_asking and may_prepare):
        return see(f"/jobs/{case.id}")
    return page(
        request,
        "progress.html",
        section="jobs",
        case=case,
        live=live_words(desk_of(request).live(case.id), case, language_of(request)),
        statuses=[str(one) for one in RowStatus],
        # It pauses by itself for one reason only.
        wants_password=case.stage is Stage.PAUSED and bool(case.problem),
        may_prepare=may_prepare,
    )


async def events(request: Request) -> Response:
    """The same, at each change, for as long as somebody looks."""
    case = await run_in_threadpool(case_of, request)
    desk, lang, case_id = desk_of(request), language_of(request), case.id
    return await live_stream(request, desk, case_id, shape=lambda live: live_words(live, desk.case(case_id), lang))


def pause(request: Request, form: Form) -> Response:
    """Send nothing more for now."""
    del form
    desk_of(request).pause(case_of(request).id, operator=request.state.person.name)
    return _back(request)


def go_on(request: Request, form: Form) -> Response:
    """Go on within what is left of the cap."""
    del form
    desk_of(request).go_on(case_of(request).id, operator=request.state.person.name)
    return _back(request)


def stop(request: Request, form: Form) -> Response:
    """Send nothing more, and write the result of what there is."""
    del form
    desk_of(request).stop(case_of(request).id, operator=request.state.person.name)
    return _back(request)


def partial(request: Request, form: Form) -> Response:
    """The whole sheet as of this second."""
    del form
    return file_sent(desk_of(request).partial(case_of(request).id, operator=request.state.person.name))


def live_words(live: Live, case: Case, lang: Lang) -> dict[str, Any]:
    """How a case goes, in the reader's words: what the page shows, and which of its buttons can be pressed."""

    def t(key: str, **figures: object) -> str:
        return page_text(f"progress.{key}", lang, **figures)

    price = case.confirmed.plan.unit_price if case.confirmed is not None else Decimal(0)
    cap = live.cap_asks or 0
    is_asking = live.stage is Stage.ASKING and not live.halting and not live.is_drawing
    return {
        "version": live.version,
        "stage": str(live.stage),
        "is_over": live.stage in _FINAL,
        # One that was stopped before its first ask has no result to go to, and stays here.
        "leads_on": live.stage is Stage.REFUSED or step_of(case) != "progress",
        "moves": live.stage.is_under_way,
        "state": _state(live, lang),
        "permille": min(live.done * _WHOLE // live.total, _WHOLE) if live.total else 0,
        "announce": t("percent", percent=live.done * 100 // live.total if live.total else 0),
        "done": t("of", done=f"{live.done:,}", total=f"{live.total:,}"),
        "spent": money(live.billed * price),
        "billed": t("billed_of", billed=f"{live.billed:,}", cap=f"{cap:,}", price=money(cap * price)),
        "in_flight": f"{live.in_flight:,}",
        "eta": eta_text(live.eta_seconds, lang) if live.stage.is_under_way else t("none_left"),
        "statuses": {str(one): f"{number:,}" for one, number in live.statuses.items() if number},
        "stop_hint": t("stop_hint", number=f"{live.in_flight:,}") if live.in_flight else t("stop_hint_none"),
        "go_on": t("go_on", price=money(max(cap - live.billed, 0) * price)),
        "can_pause": is_asking or live.stage is Stage.QUEUED,
        "can_stop": is_asking or live.stage in {Stage.QUEUED, Stage.PAUSED},
        "can_go_on": live.stage in {Stage.PAUSED, Stage.STOPPED} and case.confirmed is not None,
        "has_partial": case.job is not None,
    }


def eta_text(seconds: float | None, lang: Lang) -> str:
    """Spell how long it may take.

    >>> eta_text(None, Lang.EN), eta_text(12.2, Lang.EN), eta_text(200, Lang.ZH), eta_text(9_000, Lang.EN)
    ('not known yet', '13 s', '约 4 分钟', 'about 2.5 h')
    """
    if seconds is None:
        return page_text("progress.eta_unknown", lang)
    if seconds < _MINUTE:
        return page_text("progress.seconds", lang, number=-int(-seconds // 1))
    if seconds < _HOUR:
        return page_text("progress.minutes", lang, number=-int(-seconds // _MINUTE))
    return page_text("progress.hours", lang, number=f"{seconds / _HOUR:.1f}")


def _state(live: Live, lang: Lang) -> str:
    """What is going on, in a sentence."""
    if live.is_drawing:
        return page_text("progress.state_drawing", lang)
    if live.halting:
        return page_text(f"progress.state_{live.halting}", lang, number=f"{live.in_flight:,}")
    if live.stage is Stage.ASKING and live.waits_until is not None:
        return page_text("progress.state_waits", lang, at=when_text(live.waits_until))
    if live.stage.is_before_asking and live.stage is not Stage.REFUSED:
        return page_text(f"stage.{live.stage}", lang)
    return page_text(f"progress.state_{live.stage}", lang)


def _back(request: Request) -> Response:
    """To the page of progress; a script is told that it was done, and sees the rest."""
    if request.headers.get("accept", "").startswith("application/json"):
        return Response(status_code=204)
    return see(f"/jobs/{request.path_params['id']}/progress")


ROUTES = [
    Route("/jobs/{id}", door(go, role="view"), methods=["GET"]),
    Route("/jobs/{id}/progress", door(show, role="view"), methods=["GET"]),
    Route("/jobs/{id}/events", events, methods=["GET"]),
    Route("/jobs/{id}/pause", door(pause, role="prepare"), methods=["POST"]),
    Route("/jobs/{id}/continue", door(go_on, role="prepare"), methods=["POST"]),
    Route("/jobs/{id}/stop", door(stop, role="prepare"), methods=["POST"]),
    Route("/jobs/{id}/partial", door(partial, role="prepare"), methods=["GET"]),
]
