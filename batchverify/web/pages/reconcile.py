"""Reconciliation on the page: upload the vendor's usage, look at what it says, write it down.

The one thing to know: what is written down is what was shown. The files are kept between the two steps, and compared again
in the second: where the ledger has moved on and they say something else by now, nothing is written. And a file that is sent
by a form loses the time at which it was saved, so that is asked for: what was counted after it is not in the export.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.errors import InputError
from batchverify.job.reconciling import Reconciliation, reconcile_exports
from batchverify.job.usage_table import window_text
from batchverify.rules.reconcile import Finding, Judgment
from batchverify.store.home import Home
from batchverify.web.drawing import language_of, page, when_text
from batchverify.web.pages.doors import Form, desk_of, door, say
from batchverify.web.pages.files import files_door
from batchverify.web.pages.usage import until_in
from batchverify.web.pages.wallet import day_in, session_of
from batchverify.words.findings import finding_text

_MOST_KEPT: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Exports that were compared, with the time that was named, and what they decided when they were shown."""

    paths: tuple[Path, ...]
    since: datetime | None
    until: datetime | None
    billed: tuple[int, ...]
    not_billed: tuple[int, ...]
    folder: ExitStack


class Kept:
    """The last few comparisons that wait for a word, by a name that nobody can guess."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, Comparison] = OrderedDict()

    def keep(self, comparison: Comparison) -> str:
        """Keep one, and let the oldest go where there are too many."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._waiting[name] = comparison
            old = [self._waiting.popitem(last=False)[1] for _ in range(len(self._waiting) - _MOST_KEPT)]
        for one in old:
            one.folder.close()
        return name

    def take(self, name: str) -> Comparison | None:
        """Give one out, once."""
        with self._lock:
            return self._waiting.pop(name, None)


def show(request: Request, form: Form) -> Response:
    """The form alone."""
    del form
    return _page(request)


def compare(request: Request, form: Form, files: Sequence[Path]) -> Response:
    """Lay exports beside the ledger. Where they decide nothing, what they say of the windows is noted at once."""
    if not files:
        raise InputError(say(request, "reconcile.no_file"))
    since, until = day_in(request, form.get("since", "")), until_in(request, form.get("until", ""))
    saved_at = day_in(request, form.get("saved_at", ""))
    if saved_at is None:
        raise InputError(say(request, "reconcile.no_time"))
    for path in files:
        os.utime(path, (saved_at.timestamp(), saved_at.timestamp()))
    found = reconcile_exports(files, session_of(request), since=since, until=until, approve=lambda _: False)
    if found.applied:
        desk_of(request).note(request.state.person.name, "reconciled")
        return _page(request, found)
    with ExitStack() as stack:
        folder = stack.enter_context(Home.open(desk_of(request).home).private_folder())
        paths = []
        for path in files:
            place = folder / path.parent.name
            place.mkdir()
            paths.append(Path(shutil.copy2(path, place)))  # with its time: it says until when the export may be whole
        kept = _kept(request).keep(
            Comparison(
                paths=tuple(paths),
                since=since,
                until=until,
                billed=found.billed,
                not_billed=found.not_billed,
                folder=stack.pop_all(),
            )
        )
    return _page(request, found, waiting=kept)


def write(request: Request, form: Form) -> Response:
    """Write down what was shown."""
    waiting = _kept(request).take(form.get("comparison", ""))
    if waiting is None:
        raise InputError(say(request, "reconcile.gone"))

    def is_as_shown(found: Reconciliation) -> bool:
        return (found.billed, found.not_billed) == (waiting.billed, waiting.not_billed)

    with waiting.folder:
        found = reconcile_exports(
            waiting.paths, session_of(request), since=waiting.since, until=waiting.until, approve=is_as_shown
        )
    if not found.applied:
        raise InputError(say(request, "reconcile.other"))
    desk, decided = desk_of(request), found.jobs_of((*found.billed, *found.not_billed))
    for case in desk.cases():
        if case.job in decided:
            desk.redraw(case.id)
    note = f"{len(found.billed)} + {len(found.not_billed)}"
    desk_of(request).note(request.state.person.name, "reconciled", note=note)
    return _page(request, found)


def _page(request: Request, found: Reconciliation | None = None, *, waiting: str = "") -> Response:
    values: dict[str, Any] = {"found": None, "waiting": waiting, "jobs": [], "elsewhere": []}
    if found is not None:
        freed = found.jobs_of(found.not_billed) if found.applied else []
        here = {case.job: case for case in desk_of(request).cases() if case.job is not None}
        values |= {
            "found": found,
            "first": when_text(found.first.start),
            "last": when_text(found.last.end),
            "agreed": found.count(Finding.AGREES),
            "judged": [_judged(request, one, found) for one in found.judgments if one.finding is not Finding.AGREES],
            "jobs": [here[job] for job in freed if job in here],
            "elsewhere": [job for job in freed if job not in here],
        }
    return page(
        request,
        "reconcile.html",
        section="quota",
        part="reconcile",
        is_wide=True,
        may_prepare=request.state.person.may("prepare"),
        **values,
    )


def _judged(request: Request, one: Judgment, found: Reconciliation) -> dict[str, Any]:
    notes = [
        say(request, f"reconcile.{word}", number=f"{number:,}")
        for word, number in (("above", one.above), ("below", one.below))
        if number
    ]
    told = [found.earlier[window] for window in one.windows if window in found.earlier]
    notes += [say(request, "reconcile.earlier", number=f"{number:,}") for number in told]
    if one.above and any(found.earlier.get(window, count) < count for window, count in zip(one.windows, one.counts, strict=True)):
        notes.append(say(request, "reconcile.grown"))
    return {
        "window": window_text(one.windows[0], one.windows[-1]),
        "vendor": one.vendor,
        "certain": one.certain,
        "doubt": one.doubt,
        "is_alarm": one.finding.is_alarm,
        "finding": finding_text(one.finding, language_of(request)),
        "notes": notes,
    }


def _kept(request: Request) -> Kept:
    state = request.app.state
    with _MAKING:
        if not hasattr(state, "comparisons"):
            state.comparisons = Kept()
    kept: Kept = state.comparisons
    return kept


_MAKING = threading.Lock()

ROUTES = [
    Route("/quota/reconcile", door(show, role="view"), methods=["GET"]),
    Route("/quota/reconcile", files_door(compare, role="prepare"), methods=["POST"]),
    Route("/quota/reconcile/write", door(write, role="prepare"), methods=["POST"]),
]
