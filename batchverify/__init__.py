"""Verify spreadsheets of people against a paid bank-card and ID-card API.

The one thing to know: each different question is asked, and paid, once. `verify_file`, `verify_frame` and `plan_file`
take the options of the command line as keyword arguments, print nothing, and raise a `BatchVerifyError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batchverify.errors import BatchVerifyError, HomeError, InputError, SettingsError

if TYPE_CHECKING:
    from batchverify.api import plan_file, report_file, verify_file, verify_frame
    from batchverify.job import Plan
    from batchverify.report.summary import Summary

__all__ = [
    "BatchVerifyError",
    "HomeError",
    "InputError",
    "Plan",
    "SettingsError",
    "Summary",
    "plan_file",
    "report_file",
    "verify_file",
    "verify_frame",
]

_WHERE = {
    "Plan": "batchverify.job",
    "Summary": "batchverify.report.summary",
    "plan_file": "batchverify.api",
    "report_file": "batchverify.api",
    "verify_file": "batchverify.api",
    "verify_frame": "batchverify.api",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `batchverify --help` needs none of it."""
    from importlib import import_module  # noqa: PLC0415

    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
