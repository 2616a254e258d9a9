"""The result of a case drawn again, after something was decided of which it speaks: what in doubt was billed, and what was not.

The one thing to know: nothing is asked, and where the case is under way nothing is drawn: its pass draws the result at its end.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from batchverify.desk.room import Room
from batchverify.desk.rows import RowNotes, index_of_rows
from batchverify.desk.shapes import Case
from batchverify.errors import InputError
from batchverify.job import Rendered, render_job


def redraw(room: Room, case: Case) -> Case:
    """Draw it again from the ledger. Where that cannot be (a password is needed, the file is gone), the case says why."""
    if case.job is None or case.summary is None or case.stage.is_under_way:
        return case
    try:
        rendered = _drawn(room, case, case.job)
    except InputError as error:
        changes: dict[str, object] = {"problem": str(error)}
    else:
        summary = rendered.summary
        changes = {
            "summary": {key: value for key, value in summary.as_json().items() if key not in {"outputs", "next"}},
            "ending": summary.ending.value,
            "result": Path(summary.outputs[0].path).name if summary.outputs else case.result,
        }
    return room.shelf.change(
        case.id,
        # Whoever let it go on meanwhile draws what is newer still.
        lambda now: now if now.stage.is_under_way else replace(now, **changes),  # type: ignore[arg-type]
    )


def _drawn(room: Room, case: Case, job: str) -> Rendered:
    with RowNotes.into(index_of_rows(room, case)) as notes:
        session = room.session(case, note_row=notes.note)
        rendered = render_job(job, session, change=lambda kept: replace(kept, delivery=case.options.delivery))
        notes.finish()
        return rendered
