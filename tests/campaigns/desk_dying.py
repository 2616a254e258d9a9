"""A server's desk in a process of its own, dying at one exact place: `python -m tests.campaigns.desk_dying POINT HOME ENDPOINT SHEET CAP`.

The one thing to know: it takes the sheet in, plans and confirms it as the page does, and goes its way as ever; before or after one step
the process kills itself with the signal that no handler survives. So what is on the disk is what a crash of the server leaves.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tests.campaigns.dying import die

CONCURRENCY = 4
_ANSWERED = 7


def after_confirmation() -> None:
    """Die when the confirmation is durable and nobody has begun to ask."""
    from batchverify.desk.turns import Turns

    Turns._first_of = lambda _, cases: die() if any(one.confirmed for one in cases) else None  # type: ignore[method-assign,func-returns-value]


def after_run_row() -> None:
    """Die when a run is written down and the case does not know of it."""
    from batchverify.desk import passing
    from batchverify.desk.room import Room

    session = Room.session

    def dying(self: Room, case: Any, **words: Any) -> Any:
        return session(self, case, **(words | ({"began": lambda _: die()} if "began" in words else {})))

    assert passing.carry_out
    Room.session = dying  # type: ignore[method-assign]


def in_the_middle() -> None:
    """Die when some questions are answered and others are in flight."""
    from batchverify.desk.passing import Passing

    progress = Passing.progress

    def told(self: Passing, now: Any) -> None:
        progress(self, now)
        if self.done >= _ANSWERED:
            die()

    Passing.progress = told  # type: ignore[method-assign]


def before_drawing() -> None:
    """Die when all is asked and the first row of the result is to be written."""
    from batchverify.desk.passing import Passing

    Passing.drawing = lambda _: die()  # type: ignore[method-assign]


def before_standing() -> None:
    """Die when the result is written and the case does not say so."""
    from batchverify.desk import passing

    passing._ended = lambda *_: die()


POINTS = {step.__name__: step for step in (after_confirmation, after_run_row, in_the_middle, before_drawing, before_standing)}


def main(arguments: list[str]) -> None:
    """Open the desk, have the sheet asked, and die."""
    from batchverify.desk import Desk
    from batchverify.job import Mandate
    from batchverify.settings import load_settings

    point, home, endpoint, sheet, cap = arguments
    settings = load_settings(endpoint=endpoint, app_code="sandbox", home=Path(home), qps=5000.0, concurrency=CONCURRENCY)
    POINTS[point]()
    with Desk.open(settings) as desk:
        with desk.receive(Path(sheet).name, owner="王芳") as receipt:
            receipt.write(Path(sheet).read_bytes())
            case = receipt.finish()
        plan = desk.plan(case.id)
        desk.confirm(case.id, digest=plan.digest, cap_asks=int(cap), mandate=Mandate(purpose="核验"))
        time.sleep(60)
    sys.exit("It should have died.")


if __name__ == "__main__":
    main(sys.argv[1:])
