"""A case as the document that lies in its folder, and back.

The one thing to know: whatever is read back is checked by being made anew, so a document that somebody has edited is refused as
damaged, and never half believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from batchverify.desk.shapes import Case, Confirmed, Shown, Stage
from batchverify.errors import BatchVerifyError, HomeError
from batchverify.job import Options

_TIMES = ("received_at", "changed_at")
_PLAIN = tuple(one.name for one in fields(Case) if one.name not in {*_TIMES, "stage", "options", "shown", "confirmed"})


def document_of(case: Case) -> dict[str, Any]:
    """The case as JSON takes it."""
    return {
        **{name: getattr(case, name) for name in _PLAIN},
        **{name: getattr(case, name).isoformat() for name in _TIMES},
        "stage": case.stage.value,
        "options": json.loads(case.options.as_json()),
        "shown": None if case.shown is None else _shown_document(case.shown),
        "confirmed": None if case.confirmed is None else _confirmed_document(case.confirmed),
    }


def case_of(document: Mapping[str, Any]) -> Case:
    """The case that a document speaks of. Raises HomeError where it is no such document."""
    try:
        shown, confirmed = document["shown"], document["confirmed"]
        return Case(
            **{name: document[name] for name in _PLAIN},
            received_at=datetime.fromisoformat(document["received_at"]),
            changed_at=datetime.fromisoformat(document["changed_at"]),
            stage=Stage(document["stage"]),
            options=Options.from_json(json.dumps(document["options"])),
            shown=None if shown is None else _shown_of(shown),
            confirmed=None if confirmed is None else _confirmed_of(confirmed),
        )
    except (LookupError, TypeError, ValueError, ArithmeticError, BatchVerifyError) as error:
        raise HomeError(
            f"The document of the job {str(document.get('id'))!r} is damaged ({type(error).__name__}). Look with `batchverify doctor`."
        ) from None


def _shown_document(shown: Shown) -> dict[str, Any]:
    return {
        "digest": shown.digest,
        "identity": shown.identity,
        "asks": shown.asks,
        "unit_price": str(shown.unit_price),
        "what": list(shown.what),
        "is_rerun": shown.is_rerun,
        "by": shown.by,
        "at": shown.at.isoformat(),
    }


def _shown_of(document: Mapping[str, Any]) -> Shown:
    return Shown(
        **{name: document[name] for name in ("digest", "identity", "asks", "is_rerun", "by")},
        unit_price=Decimal(document["unit_price"]),
        what=tuple(document["what"]),
        at=datetime.fromisoformat(document["at"]),
    )


def _confirmed_document(confirmed: Confirmed) -> dict[str, Any]:
    return {
        "plan": _shown_document(confirmed.plan),
        "cap_asks": confirmed.cap_asks,
        "by": confirmed.by,
        "at": confirmed.at.isoformat(),
        "accepts_double": confirmed.accepts_double,
        "approved": confirmed.approved,
        "runs": list(confirmed.runs),
    }


def _confirmed_of(document: Mapping[str, Any]) -> Confirmed:
    return Confirmed(
        **{name: document[name] for name in ("cap_asks", "by", "accepts_double", "approved")},
        plan=_shown_of(document["plan"]),
        at=datetime.fromisoformat(document["at"]),
        runs=tuple(document["runs"]),
    )
