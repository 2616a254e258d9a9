"""Pages drawn: the templates, the reader's language, and how figures are spelled.

The one thing to know: everything is escaped, without an exception by file name, and a name that a template does not have
is an error rather than an empty place. What is `safe` is only a drawing of ours (`report.chart`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from batchverify.model import Field, RowSource, RowStatus
from batchverify.rules.prices import yuan
from batchverify.rules.windows import beijing_time
from batchverify.words import Lang, label_of_field, label_of_source
from batchverify.words.page import page_text
from batchverify.words.page.actions import page_action

#: What lies beside this module for the browser.
STATIC = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"

LANGUAGE_COOKIE = "lang"
_TAGS = {Lang.EN: "en", Lang.ZH: "zh-CN"}
_OTHER = {Lang.EN: Lang.ZH, Lang.ZH: Lang.EN}
_SECTIONS = (
    ("new", "/"),
    ("jobs", "/jobs"),
    ("quota", "/quota"),
    ("settings", "/settings"),
    ("doctor", "/doctor"),
    ("acts", "/acts"),
)
_KIB = 1024
#: A sign beside each status, for those who see no color: an answer, none yet, and never sent do not look alike.
_SIGNS: Mapping[RowStatus, str] = {
    RowStatus.MATCHED: "✓",
    RowStatus.MISMATCHED: "✕",
    RowStatus.CARD_PROBLEM: "!",
    RowStatus.UNVERIFIABLE: "~",
    RowStatus.INVALID: "✎",
    RowStatus.BLOCKED: "⊘",
    RowStatus.LOCKED: "‖",
    RowStatus.FAILED: "↻",
    RowStatus.IN_DOUBT: "?",
    RowStatus.NOT_RUN: "…",
}


def language_of(request: Request) -> Lang:
    """The reader's language: what was chosen with the switch, else the first that the browser wants and we have.

    >>> from starlette.requests import Request
    >>> request = Request({"type": "http", "headers": [(b"accept-language", b"fr, en;q=0.4, zh-CN;q=0.9")]})
    >>> language_of(request)
    <Lang.ZH: 'zh'>
    """
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in frozenset(Lang):
        return Lang(chosen)
    wanted = (_wanted(part) for part in request.headers.get("accept-language", "").split(","))
    known = [(-weight, place, Lang(tag)) for place, (tag, weight) in enumerate(wanted) if tag in frozenset(Lang) and weight > 0]
    return min(known)[2] if known else Lang.EN


def page(request: Request, template: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Draw a page in the reader's language. It is never kept by the browser: it may show a person, masked or not."""
    lang = language_of(request)
    text = (
        _templates(lang)
        .get_template(template)
        .render(
            {
                "person": getattr(request.state, "person", None),
                "csrf": getattr(request.state, "csrf", ""),
                "can_leave": getattr(request.state, "can_leave", False),
                "simulated": getattr(request.app.state, "simulated", False),
                "here": request.url.path,
                "section": "",
                "is_wide": False,
                **values,
            }
        )
    )
    return HTMLResponse(
        text,
        status_code=status,
        headers={"Content-Language": _TAGS[lang], "Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"},
    )


def drawing(svg: str) -> Markup:
    """A drawing of ours, whose texts are escaped already."""
    return Markup(svg)  # noqa: S704


def size_text(size_bytes: int) -> str:
    """Spell a size.

    >>> size_text(900), size_text(20_500), size_text(5 * 1024 * 1024)
    ('900 B', '20 KB', '5.0 MB')
    """
    if size_bytes < _KIB:
        return f"{size_bytes} B"
    if size_bytes < _KIB * _KIB:
        return f"{size_bytes / _KIB:.0f} KB"
    return f"{size_bytes / _KIB / _KIB:.1f} MB"


def when_text(instant: datetime | None) -> str:
    """Beijing time as a person reads it.

    >>> from datetime import UTC
    >>> when_text(datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC)), when_text(None)
    ('2026-11-24 10:50:01', '')
    """
    return "" if instant is None else beijing_time(instant)[:19].replace("T", " ")


def money(amount: Decimal) -> str:
    """Spell yuan.

    >>> money(Decimal("1234.5"))
    '¥1,234.50'
    """
    whole, _, cents = yuan(amount).partition(".")
    return f"¥{int(whole):,}.{cents}" if cents else f"¥{int(whole):,}"


@cache
def _templates(lang: Lang) -> Environment:
    """The templates with the words of one language."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    def t(key: str, **figures: object) -> str:
        return page_text(key, lang, **figures)

    other = _OTHER[lang]
    templates.globals.update(
        t=t,
        lang=str(lang),
        lang_tag=_TAGS[lang],
        other_lang=str(other),
        other_tag=_TAGS[other],
        sections=_SECTIONS,
        version=version("batchverify"),
    )
    filters: Mapping[str, Callable[..., Any]] = {
        "count": "{:,}".format,
        "yuan": money,
        "when": when_text,
        "size": size_text,
        "status": lambda word: t(f"status.{RowStatus(word)}"),
        "is_open": lambda word: RowStatus(word).is_open,
        "sign": lambda word: _SIGNS[RowStatus(word)],
        "source": lambda word: label_of_source(RowSource(word), lang),
        "field_label": lambda word: _as_heading(label_of_field(Field(word), lang)),
        "page_action": lambda code: page_action(code, lang),
        "stage": lambda case: t(f"stage.{case.stage}"),
        "stage_tone": _stage_tone,
    }
    templates.filters.update(filters)
    return templates


def _as_heading(label: str) -> str:
    """A label with a capital, where its script has any."""
    return label[:1].upper() + label[1:]


def _wanted(part: str) -> tuple[str, float]:
    """One part of Accept-Language: the language without its region, and how much it is wanted."""
    tag, _, weight = part.strip().partition(";q=")
    try:
        return tag.split("-")[0].lower(), float(weight or 1)
    except ValueError:
        return "", 0.0


def _stage_tone(case: Any) -> str:
    """How the mark beside a stage looks. The word beside it says the same."""
    match case.stage:
        case "queued" | "asking":
            return "is-live"
        case "paused" | "stopped" | "waiting":
            return "is-held"
        case "refused":
            return "is-bad"
        case "ended":
            return "is-good" if case.ending == "complete" else "is-held"
        case _:
            return ""
