"""One true time for a whole world, and event loops that live in it: when nobody has anything to do, it jumps.

The one thing to know: nothing here waits and nothing here is random. A loop runs one callback at a time, when whoever owns
it says so, so that between any two callbacks its process may die, sleep, or see another process come first.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from itertools import count
from typing import Any

_TICK = 1e-6


class Timeline:
    """What happens when. `now` is in seconds since the world began."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()

    def at(self, instant: float, act: Callable[..., None], *arguments: Any) -> None:
        """Have something happen at an instant; one that has passed means at once."""
        heapq.heappush(self._due, (max(instant, self.now), next(self._order), act, arguments))

    def after(self, seconds: float, act: Callable[..., None], *arguments: Any) -> None:
        """Have something happen so much later."""
        self.at(self.now + seconds, act, *arguments)

    def advance(self, *, until: float = float("inf")) -> bool:
        """Let the next thing happen, if it is due by `until`; False where none is."""
        if not self._due or self._due[0][0] > until:
            return False
        self.now, _, act, arguments = heapq.heappop(self._due)
        act(*arguments)
        return True

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass, with all that is due in it."""
        until = self.now + seconds
        while self.advance(until=until):
            pass
        self.now = until


class SimulatedLoop(asyncio.AbstractEventLoop):
    """The event loop of one simulated process.

    `connect` opens its connections. What it runs in a thread is done inline, one job after the other: `job_seconds` draws
    how long a job is waited for and how long its result takes to come back; `ran` is told of each job that has run and
    `came_back` of what came of it, at the instants at which that was so.
    """

    def __init__(
        self,
        timeline: Timeline,
        *,
        connect: Callable[[SimulatedLoop, asyncio.Protocol], Awaitable[asyncio.Transport]],
        job_seconds: Callable[[], tuple[float, float]],
        ran: Callable[[], None],
        came_back: Callable[[BaseException | None], None],
        failed: Callable[[str], None],
    ) -> None:
        self._timeline = timeline
        self._connect = connect
        self._job_seconds = job_seconds
        self._ran = ran
        self._came_back = came_back
        self._failed = failed
        self._thread_free_at = 0.0
        self._tasks: list[asyncio.Task[Any]] = []
        self.ready: deque[asyncio.Handle] = deque()
        self.is_gone = False

    def step(self) -> None:
        """Run the next callback."""
        handle = self.ready.popleft()
        if not handle.cancelled():
            asyncio._set_running_loop(self)
            try:
                handle._run()
            finally:
                asyncio._set_running_loop(None)

    def leave(self) -> None:
        """Never run anything again, as at a death: nothing of it is told to anybody."""
        self.is_gone = True
        self.ready.clear()

    def bury(self) -> None:
        """Let go of what a death has left. To be called when nothing that a dead process still does can be seen."""
        self.leave()
        for task in self._tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                # Twice: the first one is answered by whatever still wants to wait for its own end.
                for _ in range(2):
                    with suppress(RuntimeError):
                        task.get_coro().close()  # type: ignore[union-attr]

    # What asyncio and our code want of a loop

    def time(self) -> float:
        return self._timeline.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> asyncio.Handle:  # type: ignore[override]
        handle = asyncio.Handle(callback, args, self, context)
        if not self.is_gone:
            self.ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        # No timer of this world is early, not even by the rounding of a sum of seconds.
        self._timeline.at(when + _TICK, self._is_due, timer)
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._timeline.now + delay, callback, *args, context=context)

    def _is_due(self, timer: asyncio.TimerHandle) -> None:
        if not (self.is_gone or timer.cancelled()):
            self.ready.append(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Asked for by asyncio; a cancelled timer is passed over when it is due."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # noqa: ARG002
        """Run a job in the one thread there is: when those before it are through, and then all of it at one instant."""
        future = self.create_future()
        waits, takes = self._job_seconds()
        starts = max(self._timeline.now, self._thread_free_at) + waits
        self._thread_free_at = starts + takes

        def run() -> None:
            result: Any = None
            error: BaseException | None = None
            try:
                result = func(*args)
            except BaseException as raised:  # noqa: BLE001 - as a thread does: whoever waits for the job is told
                error = raised
            if not self.is_gone:
                self._ran()
                self._timeline.after(takes, self.call_soon, come_back, result, error)

        def come_back(result: Any, error: BaseException | None) -> None:
            self._came_back(error)
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._timeline.at(starts, self.call_soon, run)
        return future

    async def create_connection(self, protocol_factory: Callable[[], asyncio.Protocol], *_: Any, **__: Any) -> Any:  # type: ignore[override]
        protocol = protocol_factory()
        return await self._connect(self, protocol), protocol

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.is_gone:
            self._failed(f"{context.get('message')}: {context.get('exception')!r}")
