"""Progress as server-sent events, for the page and for programs alike.

The one thing to know: each event is the whole state, so whoever was cut off has missed nothing: they come back with the number
of the last one they saw, and get the next.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from batchverify.desk import Live, Stage

if TYPE_CHECKING:
    from batchverify.desk import Desk

#: Nobody reads faster.
_LEAST_SECONDS = 0.25
#: A change that nobody told of is seen after this long.
_MOST_SECONDS = 2.0
_HEARTBEAT_SECONDS = 15
_OVER = frozenset({Stage.ENDED, Stage.STOPPED, Stage.REFUSED})


async def live_stream(
    request: Request, desk: Desk, case_id: str, *, shape: Callable[[Live], Mapping[str, Any]]
) -> EventSourceResponse:
    """Stream how a case goes, as events `live`, until it is over. `shape` says it in the words of whoever reads."""
    seen = request.headers.get("last-event-id", "")
    return EventSourceResponse(_events(request, desk, case_id, shape, seen=seen), ping=_HEARTBEAT_SECONDS)


async def _events(
    request: Request, desk: Desk, case_id: str, shape: Callable[[Live], Mapping[str, Any]], *, seen: str
) -> AsyncIterator[ServerSentEvent]:
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def told(changed_id: str) -> None:
        if changed_id == case_id:
            with suppress(RuntimeError):  # the server has ended meanwhile
                loop.call_soon_threadsafe(changed.set)

    end = desk.subscribe(told)
    try:
        # Whoever was taken out, or has logged out elsewhere, is told nothing more.
        while not request.app.state.access.closing.is_set() and await run_in_threadpool(request.state.is_still_in):
            changed.clear()
            live = await run_in_threadpool(desk.live, case_id)
            if str(live.version) != seen:
                seen = str(live.version)
                told_of = await run_in_threadpool(shape, live)
                yield ServerSentEvent(event="live", id=seen, data=json.dumps(dict(told_of), ensure_ascii=False))
            if live.stage in _OVER:
                return
            await asyncio.sleep(_LEAST_SECONDS)
            try:
                async with asyncio.timeout(_MOST_SECONDS):
                    await changed.wait()
            except TimeoutError:
                continue
    finally:
        end()
