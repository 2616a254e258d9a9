"""Words of the list of jobs."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "history.title": ("Jobs", "任务"),
    "history.lead": ("Everything that was uploaded here, the newest first.", "在此上传的全部任务，最新的在前。"),
    "history.none": ("No job yet. Upload a spreadsheet to begin.", "还没有任务。请上传一份表格。"),
    "history.file": ("File", "文件"),
    "history.state": ("State", "状态"),
    "history.rows": ("Rows", "行数"),
    "history.matched": ("Matched", "一致"),
    "history.cost": ("Cost", "费用"),
    "history.who": ("Uploaded by", "上传人"),
    "history.when": ("Uploaded at", "上传时间"),
    "history.remove_title": ("Remove this job's files?", "删除此任务的文件？"),
    "history.remove_text": (
        "The uploaded file and its results are deleted from this machine. What was paid stays on record in the ledger, without any name or number. This cannot be undone.",
        "将从本机删除上传的文件及其结果。计费记录保留在台账中，不含任何姓名或号码。此操作无法撤销。",
    ),
    "history.remove_go": ("Delete the file and its results", "删除文件及结果"),
    "history.keep": ("Keep them", "保留"),
    "history.more": ("Older jobs", "更早的任务"),
    "history.newer": ("Newer jobs", "较新的任务"),
    "history.list": ("List of jobs", "任务列表"),
}
