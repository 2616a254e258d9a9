"""`batchverify quota usage` and `batchverify quota reconcile`: our count of the bill, and the vendor's beside it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchverify.cli import options as given_options
from batchverify.cli.terminal import Terminal, print_out, say, session_of, start
from batchverify.errors import InputError

if TYPE_CHECKING:
    from batchverify.job.reconciling import Reconciliation
    from batchverify.job.usage import Usage
    from batchverify.rules.reconcile import Judgment
    from batchverify.settings import Settings

_DATE_ONLY = len("2026-11-24")
_OPEN_ROWS = 3
_BY = ("window", "day", "job", "status", "product")

_WORDS: Mapping[str, tuple[str, str]] = {
    "none": ("Nothing was used.", "没有消耗。"),
    "times": ("{:,}", "{:,}次"),
    "in_doubt": ("+ {:,} in doubt", "＋存疑 {:,}次"),
    "total": ("In all", "合计"),
    "vendor": ("the vendor says {:,}", "供应商 {:,}次"),
    "counts": ("vendor {:,} · certain {:,} · in doubt {:,}", "供应商 {:,}次 · 确定 {:,}次 · 存疑 {:,}次"),
    "range": ("From {} to {}, Beijing time", "北京时间 {} 至 {}"),
    "agreed": ("Windows that agree: {:,}", "双方一致的时段：{:,}"),
    "above": ("{:,} more than this home can have asked", "比本工作目录可能的调用多 {:,}次"),
    "below": ("{:,} fewer than were surely answered", "比确定的调用少 {:,}次"),
    "earlier": ("an earlier export said {:,}", "此前导出为 {:,}次"),
    "grown": (
        "The count has grown since an earlier export: what was found not billed then may have been billed after all.",
        "此后计数又有增加：当时判定未计费的调用可能其实已计费。",
    ),
    "decides": ("Decided: {:,} billed, {:,} not billed", "查明：已计费 {:,}次，未计费 {:,}次"),
    "undecided": ("Still in doubt: {:,}", "仍存疑：{:,}次"),
    "outside": ("In doubt at other times, not judged: {:,}", "其他时间存疑、未判定：{:,}次"),
    "kept": ("Nothing was changed.", "未作任何更改。"),
    "next": ("Go on with", "继续执行"),
    "question": ("Write this down? What was not billed can be asked again.", "是否写入台账？未计费的将可重新核验。"),
    "written": ("Written", "已写入"),
    "simulated": ("SIMULATED by the sandbox: this bill means nothing.", "沙箱模拟结果，不具任何效力。"),
}


class Moment(click.ParamType[datetime]):
    """A day or an instant of Beijing time. `is_end` makes a day its whole length."""

    name = "DAY|TIME"

    def __init__(self, *, is_end: bool = False) -> None:
        self.is_end = is_end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from batchverify.rules.windows import BEIJING

        if isinstance(value, datetime):
            return value
        text = str(value).strip().replace("/", "-")
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r} is no day such as 2026-11-24 and no time such as '2026-11-24 10:50'.", param, ctx)
        if self.is_end and len(text) <= _DATE_ONLY:
            at += timedelta(days=1)
        return at if at.tzinfo else at.replace(tzinfo=BEIJING)


_from_option = click.option("--from", "since", type=Moment(), help="From this day or time on, Beijing time.")
_to_option = click.option("--to", "until", type=Moment(is_end=True), help="Up to this day, included, or this time.")
_sandbox_option = click.option("--sandbox", is_flag=True, help="Of the sandbox's asks instead of the real ones.")


@click.command()
@_from_option
@_to_option
@click.option(
    "--by", default="window", show_default=True, help=f"Add up by {', '.join(_BY)}; with --job also by a column of its sheet."
)
@click.option("--job", help="Of this job only.")
@click.option(
    "--export", type=click.Path(dir_okay=False, path_type=Path), help="Write a .csv or .xlsx with the columns of the vendor's."
)
@_sandbox_option
@given_options.password_option
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def usage(since: datetime | None, until: datetime | None, by: str, job: str | None, export: Path | None, **given: Any) -> int:
    """Show what was used, by 10-minute windows as the vendor's console does, newest first. Free."""
    from batchverify.job.usage import UsageBy, usage_by_column, usage_of

    settings = start(given)
    lang = given_options.lang_of(settings)
    session = session_of(settings, given, Terminal(given, settings))
    if by in _BY:
        found = usage_of(session, since=since, until=until, by=UsageBy(by), job=job)
    elif job is None or since is not None or until is not None:
        raise InputError(
            f"{by!r} is none of {', '.join(_BY)}. A column of a sheet splits the whole bill of one job: "
            "add --job JOB, without --from and --to. `batchverify jobs` lists them."
        )
    else:
        found = usage_by_column(session, job, by)
    if export is not None:
        from batchverify.job.usage_table import export_usage

        placed = export_usage(found, export, lang)
        say(f"{_word('written', lang)}: {placed.path}", err=True)
    print_out(found.as_json() if given["as_json"] else _usage_text(found, lang))
    return 0


@click.command()
@click.argument("exports", metavar="EXPORT...", type=click.Path(path_type=Path), nargs=-1, required=True)
@_from_option
@_to_option
@click.option("--yes", is_flag=True, help="Write down what is decided without asking.")
@_sandbox_option
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def reconcile(exports: tuple[Path, ...], since: datetime | None, until: datetime | None, **given: Any) -> int:
    """Lay the vendor's usage beside ours: what in doubt was billed, what is free to be asked again, who else asked.

    EXPORT is 使用明细 as exported from the vendor's console, csv or xlsx; name those of all packages that were in use. Windows
    from the first to the last of them are judged, or those between --from and --to, as chosen in the console: what is absent
    there was counted 0. Nothing is sent.
    """
    from batchverify.job.reconciling import reconcile_exports

    settings = start(given)
    lang = given_options.lang_of(settings)
    shown: list[Reconciliation] = []

    def approve(found: Reconciliation) -> bool:
        shown.append(found)
        if not given["as_json"]:
            say(_reconciliation_text(found, lang))
        return _approved(found, given, lang)

    session = session_of(settings, given, Terminal(given, settings))
    found = reconcile_exports(exports, session, since=since, until=until, approve=approve)
    if given["as_json"]:
        print_out(found.as_json())
    elif text := _next_text(found, settings, lang):
        say(text)
    return 0 if found.is_explained and found.applied else _OPEN_ROWS


def _approved(found: Reconciliation, given: Mapping[str, Any], lang: Any) -> bool:
    if given["yes"] or not (found.billed or found.not_billed):
        return True
    if not sys.stdin.isatty():
        raise InputError("Nothing was changed: there is no terminal to confirm it. Add --yes to write down what is decided.")
    return click.confirm(_word("question", lang), err=True)


def _word(name: str, lang: Any, *values: Any) -> str:
    from batchverify.words import Lang

    return _WORDS[name][lang is Lang.ZH].format(*values)


def _usage_text(found: Usage, lang: Any) -> str:
    if not found.lines:
        return _word("none", lang)
    from batchverify.job.usage_table import group_text

    lines = [f"{group_text(line, found.by, lang)}  {_used_text(line.certain, line.doubt, lang)}" for line in found.lines]
    lines = [
        text if line.vendor is None else f"{text}  ({_word('vendor', lang, line.vendor)})"
        for text, line in zip(lines, found.lines, strict=True)
    ]
    lines.append(f"{_word('total', lang)}: {_used_text(found.certain, found.doubt, lang)}")
    if found.simulated:
        lines.append(_word("simulated", lang))
    return "\n".join(lines)


def _used_text(certain: int, doubt: int, lang: Any) -> str:
    used = _word("times", lang, certain)
    return f"{used} {_word('in_doubt', lang, doubt)}" if doubt else used


def _reconciliation_text(found: Reconciliation, lang: Any) -> str:
    from batchverify.rules.reconcile import Finding

    lines = [_word("range", lang, f"{found.first.start:%Y-%m-%d %H:%M:%S}", f"{found.last.end:%Y-%m-%d %H:%M:%S}")]
    lines += [text for one in found.judgments if one.finding is not Finding.AGREES for text in _judgment_text(one, found, lang)]
    lines.append(_word("agreed", lang, found.count(Finding.AGREES)))
    if found.billed or found.not_billed:
        lines.append(_word("decides", lang, len(found.billed), len(found.not_billed)))
    if found.undecided:
        lines.append(_word("undecided", lang, len(found.undecided)))
    if found.outside:
        lines.append(_word("outside", lang, found.outside))
    if found.simulated:
        lines.append(_word("simulated", lang))
    return "\n".join(lines)


def _judgment_text(one: Judgment, found: Reconciliation, lang: Any) -> list[str]:
    from batchverify.job.usage_table import window_text
    from batchverify.words.findings import finding_text

    counts = _word("counts", lang, one.vendor, one.certain, one.doubt)
    notes = [_word(name, lang, number) for name, number in (("above", one.above), ("below", one.below)) if number]
    notes += [_word("earlier", lang, found.earlier[window]) for window in one.windows if window in found.earlier]
    told = f"{window_text(one.windows[0], one.windows[-1])}  {' · '.join([counts, *notes])}"
    lines = [told, f"    {finding_text(one.finding, lang)}"]
    if one.above and any(found.earlier.get(window, count) < count for window, count in zip(one.windows, one.counts, strict=True)):
        lines.append(f"    {_word('grown', lang)}")
    return lines


def _next_text(found: Reconciliation, settings: Settings, lang: Any) -> str:
    """The commands that go on, which may be pasted into a shell of any folder."""
    from batchverify.settings import VENDOR_ENDPOINT

    if not found.applied:
        return _word("kept", lang)
    where = [] if settings.home is None else ["--home", str(settings.home.absolute())]
    asked = [] if settings.endpoint == VENDOR_ENDPOINT else ["--endpoint", settings.endpoint]
    resumed = found.jobs_of(found.not_billed)
    rendered = [job for job in found.jobs_of(found.billed) if job not in resumed]
    commands = [["resume", job, *where, *asked] for job in resumed] + [["render", job, *where] for job in rendered]
    return "\n".join(f"{_word('next', lang)}: {shlex.join(['batchverify', *command])}" for command in commands)
