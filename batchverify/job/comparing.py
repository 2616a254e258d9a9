"""A report or a proof beside what input and ledger give now: what differs, and what may differ for a reason that is no fault.

The one thing to know: the ledger goes on after a report. What it has erased or decided since changes what rows show, and never
runs, asks and money; so then these alone are compared, and it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from batchverify.rules.canonical import differences

_MOST_NAMED = 12
_ERASED_SINCE = "Somebody was forgotten, or old codes were purged, after the report: what depends on rows was not compared."
_DECIDED_SINCE = (
    "Asks of other jobs in doubt were decided or asked again after the report, and rows of this one may stand on them: what depends on rows "
    "was not compared."
)
#: What is read off the rows.
_OF_ROWS = frozenset({"rows", "status", "outcomes", "sample", "merkle", "ending", "cost_by", "erased"})
#: What may differ between a report and the same report made again: the program, and result files that were written since.
_MAY_DIFFER = frozenset({"tool", "outputs", "signature"})


@dataclass(slots=True)
class Checked:
    """What was looked at and found well, what is wrong, and what could not be looked at. Genuine is what has nothing wrong."""

    name: str
    well: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_genuine(self) -> bool:
        return not self.wrong

    def as_json(self) -> dict[str, Any]:
        """Give the findings for scripts."""
        return {"file": self.name, "genuine": self.is_genuine, "well": self.well, "wrong": self.wrong, "notes": self.notes}


def compare_report(
    document: dict[str, Any], expected: dict[str, Any], checked: Checked, was_decided_elsewhere: Callable[[], bool]
) -> None:
    """Compare a report with the one that would be made now."""
    if document.get("outputs") != expected["outputs"]:
        checked.notes.append("A result file was written after the report: it has another SHA-256 than the report names.")
    if _has_later_statements(document, expected):
        checked.notes.append("The vendor's usage was laid beside the ledger after the report, which does not show what it said.")
    compared = "All rows and every figure"
    if _was_erased_since(document, expected):
        checked.notes.append(_ERASED_SINCE)
        document, expected = _without_rows(document), _without_rows(expected)
        compared = "Runs, asks and money"
    differing = _differing(document, expected, _MAY_DIFFER)
    if differing and was_decided_elsewhere():
        checked.notes.append(_DECIDED_SINCE)
        compared = "Runs, asks and money"
        differing = _differing(_without_rows(document), _without_rows(expected), _MAY_DIFFER)
    if differing:
        checked.wrong.append(f"Input and ledger say otherwise about {named_places(differing)}.")
    else:
        checked.well.append(f"{compared} come out of input and ledger the same ({expected['input']['rows']:,} rows).")


def compare_proof(
    proof: dict[str, Any], expected: dict[str, Any], checked: Checked, was_decided_elsewhere: Callable[[], bool]
) -> None:
    """Compare the proof of a row with the one that would be made now."""
    if expected["run"] != proof["run"]:
        checked.notes.append("The job has been run again since: the row was not compared. Prove it again to compare it.")
    elif _was_erased_since(proof, expected):
        checked.notes.append(_ERASED_SINCE)
    elif differing := _differing(proof, expected, {*_MAY_DIFFER, "report_sha256"}):
        if was_decided_elsewhere():
            checked.notes.append(_DECIDED_SINCE)
        else:
            checked.wrong.append(f"Input and ledger say otherwise about {named_places(differing)}.")
    else:
        checked.well.append("The row comes out of input and ledger the same.")


def _differing(document: Mapping[str, Any], expected: Mapping[str, Any], ignored: Collection[str]) -> list[str]:
    pair = ({name: value for name, value in one.items() if name not in ignored} for one in (document, expected))
    return list(differences(*pair))


def _was_erased_since(document: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Tell whether the ledger has erased more by now; nothing that was erased comes back."""
    try:
        pairs = [(document["erased"][kind], expected["erased"][kind]) for kind in ("attempts", "rows")]
        return all(then <= now for then, now in pairs) and any(then < now for then, now in pairs)
    except (LookupError, TypeError):
        return False


def _without_rows(document: Mapping[str, Any]) -> dict[str, Any]:
    """What erasing a question cannot change: runs, chains, attempts, money; not which row had which answer."""
    kept = {name: value for name, value in document.items() if name not in _OF_ROWS}
    for name in ("asks", "cost"):
        if isinstance(kept.get(name), dict):
            kept[name] = {key: value for key, value in kept[name].items() if key != "saved"}
    return kept


def _has_later_statements(document: Mapping[str, Any], expected: dict[str, Any]) -> bool:
    """Take those statements out of `expected` that were noted since: statements are only ever added."""
    now = expected["reconciliation"]["statements"]
    try:
        known = document["reconciliation"]["statements"]
        kept = [one for one in now if one in known]
    except (LookupError, TypeError):
        return False
    expected["reconciliation"]["statements"] = kept
    return len(kept) < len(now)


def named_places(places: list[str]) -> str:
    """Name places, the first dozen of them."""
    more = len(places) - _MOST_NAMED
    return ", ".join(places[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
