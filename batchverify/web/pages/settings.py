"""The settings page: what the home's `config.toml` says, and the AppCode.

The one thing to know: a setting that something stronger gives (the environment, `batchverify.toml` where the server was
started) is shown as it holds and cannot be changed here, so nobody changes a line that has no effect.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchverify.errors import InputError, SettingsError
from batchverify.rules.orders import yuan_in
from batchverify.settings import (
    app_code,
    app_code_typed,
    clear_app_code,
    end_of,
    fixed_settings,
    keep_settings,
    load_settings,
    store_app_code,
)
from batchverify.web.drawing import page
from batchverify.web.pages.doors import Form, desk_of, door, say, see

_ONE_AT_A_TIME: Final = threading.Lock()
_DONE: Final = ("saved", "app_code_kept", "app_code_cleared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting of the form. `choices` are the values of a choice; `kind` is how else it is written."""

    name: str
    kind: str
    choices: tuple[str, ...] = ()


#: The form, in its groups. What says where people go, who approves and what is kept is not changed by a click.
GROUPS: Final[Mapping[str, Sequence[Entry]]] = {
    "general": (
        Entry(name="lang", kind="choice", choices=("auto", "en", "zh")),
        Entry(name="operator", kind="text"),
    ),
    "checking": (
        Entry(name="checks", kind="choice", choices=("strict", "block", "warn", "off")),
        Entry(name="allow_minors", kind="flag"),
        Entry(name="reuse_days_matched", kind="number"),
        Entry(name="reuse_days_other", kind="number"),
    ),
    "money": (
        Entry(name="unit_price", kind="yuan"),
        Entry(name="low_balance_percent", kind="whole"),
    ),
    "limits": (
        Entry(name="qps", kind="number"),
        Entry(name="concurrency", kind="whole"),
        Entry(name="asks_per_card_per_day", kind="whole"),
        Entry(name="asks_per_operator_per_day", kind="maybe"),
    ),
}


def show(request: Request, form: Form) -> Response:
    """The settings as they hold."""
    del form
    desk = desk_of(request)
    fixed = fixed_settings()
    try:
        end, problem = end_of(app_code(desk.settings, desk.home)), ""
    except SettingsError as error:
        end, problem = "", str(error)
    return page(
        request,
        "settings.html",
        section="settings",
        groups={group: [_shown(entry, desk.settings, fixed) for entry in entries] for group, entries in GROUPS.items()},
        done=[say(request, f"settings.{word}") for word in _DONE if request.query_params.get("done") == word],
        may_change=request.state.person.may("admin"),
        app_code=end,
        app_code_problem=problem,
        app_code_fixed=fixed.get("app_code", ""),
    )


def save(request: Request, form: Form) -> Response:
    """Write what was changed into `config.toml`, all of it or nothing."""
    desk = desk_of(request)
    with _ONE_AT_A_TIME:
        fixed = fixed_settings()
        changes: dict[str, Any] = {}
        for entry in (entry for entries in GROUPS.values() for entry in entries if entry.name not in fixed):
            told = _told(request, entry, form)
            if told != _value(entry, desk.settings):
                changes[entry.name] = told
        if changes:
            keep_settings(desk.home, changes)
            # Only these: what the server was started with, its endpoint above all, stays.
            now = load_settings(home=desk.home)
            desk.use(desk.settings.model_copy(update={name: getattr(now, name) for name in changes}))
            desk.note(request.state.person.name, "settings_changed", note=", ".join(changes))
    return see("/settings?done=saved")


def keep_app_code(request: Request, form: Form) -> Response:
    """Keep an AppCode. It is never sent back."""
    desk = desk_of(request)
    store_app_code(app_code_typed(form.get("app_code", "")), desk.home)
    desk.note(request.state.person.name, "app_code_set")
    return see("/settings?done=app_code_kept")


def forget_app_code(request: Request, form: Form) -> Response:
    """Take the AppCode away."""
    del form
    desk = desk_of(request)
    clear_app_code(desk.home)
    desk.note(request.state.person.name, "app_code_cleared")
    return see("/settings?done=app_code_cleared")


def _shown(entry: Entry, settings: Any, fixed: Mapping[str, str]) -> dict[str, Any]:
    value = _value(entry, settings)
    if value is None:
        value = "auto" if entry.kind == "choice" else ""
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    return {"entry": entry, "value": value, "fixed": fixed.get(entry.name, "")}


def _value(entry: Entry, settings: Any) -> Any:
    """A setting as it is written into the file."""
    value = getattr(settings, entry.name)
    return str(value) if isinstance(value, Decimal) else value.value if hasattr(value, "value") else value


def _told(request: Request, entry: Entry, form: Form) -> Any:
    """What the form says of a setting.

    Raises:
        InputError: It is no number. What a number may be, the settings themselves say.
    """
    text = form.get(entry.name, "").strip()
    match entry.kind:
        case "flag":
            return bool(text)
        case "choice":
            return None if text == "auto" else text
        case "text":
            return text
        case "yuan":
            if (amount := yuan_in(text)) is not None:
                return str(amount)
        case "maybe" if not text:
            return None
        case "whole" | "maybe" if text.isascii() and text.isdecimal():
            return int(text)
        case "number" if text.isascii() and text.replace(".", "", 1).isdecimal():
            return float(text)
        case _:
            pass
    raise InputError(say(request, "settings.no_number", label=say(request, f"settings.{entry.name}")))


ROUTES = [
    Route("/settings", door(show, role="view"), methods=["GET"]),
    Route("/settings", door(save, role="admin"), methods=["POST"]),
    Route("/settings/app-code", door(keep_app_code, role="admin"), methods=["POST"]),
    Route("/settings/app-code/forget", door(forget_app_code, role="admin"), methods=["POST"]),
]
