"""Usage as a table and as a chart: the rows of the export, the words of a group, the columns over time.

The one thing to know: the table has the console's own columns and spelling, so that it can be laid beside the vendor's
export line by line; what is in doubt stands in a column of its own and is never added to what is certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from batchverify.job.usage import NO_ROW, Usage, UsageLine
from batchverify.model import RowStatus
from batchverify.report.chart import Bar, columns
from batchverify.rules.windows import Window
from batchverify.tables.placing import Placed
from batchverify.tables.usage_sheet import write_usage
from batchverify.words import Lang, label_of_status

# The console's own words come first in either language: the file lies beside the vendor's.
_COLUMNS: Mapping[str, tuple[str, str]] = {
    "number": ("流水编号 Number", "流水编号"),
    "window": ("处理时间 Time", "处理时间"),
    "remark": ("备注 Remark", "备注"),
    "used": ("消耗 Used", "消耗"),
    "doubt": ("存疑 In doubt", "存疑"),
    "day": ("日期 Day", "日期"),
    "job": ("任务 Job", "任务"),
    "file": ("文件 File", "文件"),
    "status": ("核验结果 Status", "核验结果"),
    "product": ("产品 Product", "产品"),
}
_SPECIAL: Mapping[str, tuple[str, str]] = {"": ("(blank)", "（空）"), NO_ROW: ("(no row any more)", "（已无对应行）")}
_CHART: Mapping[Lang, tuple[str, str, str]] = {
    Lang.EN: ("Asks by 10-minute window, Beijing time", "billed", "in doubt"),
    Lang.ZH: ("按 10 分钟时段的调用（北京时间）", "已计费", "存疑"),
}
_REMARK = "套餐包消耗"
_TITLE = "使用明细"


def window_text(first: Window, last: Window | None = None) -> str:
    """Spell a window, or the time from one to another, as the console does."""
    return f"{first.start:%Y-%m-%d %H:%M:%S} - {(last or first).end:%Y-%m-%d %H:%M:%S}"


def group_text(line: UsageLine, by: str, lang: Lang) -> str:
    """Say what a line is about: a time, a status, a job with its file, a cell."""
    if line.window is not None:
        return window_text(line.window)
    if by == "status":
        return label_of_status(RowStatus(line.group), lang)
    if line.group in _SPECIAL:
        return _SPECIAL[line.group][lang is Lang.ZH]
    return f"{line.group}  {line.file}" if line.file else line.group


def usage_table(found: Usage, lang: Lang) -> tuple[list[str], list[list[str | int]]]:
    """Give the header and the rows of the export."""
    names = ["number", "window", "remark"] if found.by == "window" else ["job", "file"] if found.by == "job" else [found.by]
    rows: list[list[str | int]] = []
    for line in found.lines:
        if line.window is not None:
            about = [f"{line.window.start:%Y%m%d%H%M%S}", window_text(line.window), _REMARK]
        elif found.by == "job":
            about = [line.group, line.file]
        else:
            about = [group_text(line, found.by, lang)]
        rows.append([*about, f"{line.certain}次", f"{line.doubt}次"])
    return [_COLUMNS[name][lang is Lang.ZH] if name in _COLUMNS else name for name in (*names, "used", "doubt")], rows


def export_usage(found: Usage, target: Path, lang: Lang) -> Placed:
    """Write the table as csv or xlsx, by the suffix of the target.

    Raises:
        InputError: The target is of another kind, or its folder cannot be written.
    """
    return write_usage(target, *usage_table(found, lang), title=_TITLE)


def usage_chart(found: Usage, lang: Lang) -> str:
    """Draw usage by window as columns over time, the oldest on the left, as an SVG without a script or a style."""
    title, billed, doubt = _CHART[lang]
    rows = [
        Bar(label=f"{line.window.start:%m-%d %H:%M}", value=line.certain, more=line.doubt)
        for line in reversed(found.lines)
        if line.window is not None
    ]
    return columns(rows, title=title, words=(billed, doubt))
