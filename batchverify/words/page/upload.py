"""Words of the first step: a file comes in."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "upload.title": ("Verify a spreadsheet", "核验一份表格"),
    "upload.lead": (
        "Choose a file with one person per row: name, ID number, bank card and, where you have it, mobile number. Nothing is asked, and nothing costs anything, until you have seen the price and confirmed it.",
        "请选择每行一人的表格：姓名、身份证号、银行卡号，以及手机号（如有）。在您看到价格并确认之前，不会调用，也不会产生任何费用。",
    ),
    "upload.corrects": ("Upload the corrected file", "上传更正后的文件"),
    "upload.corrects_lead": (
        "The rows that were answered are taken from the earlier job. Only what you changed or added is asked, at the price you see before you confirm.",
        "已有结果的行沿用原任务的答复；只有您更正或新增的行才会调用，费用在确认前显示。",
    ),
    "upload.of_job": ("Corrects the job", "更正自任务"),
    "upload.file": ("Spreadsheet", "表格文件"),
    "upload.drop": ("Drop the file here", "将文件拖到此处"),
    "upload.or": ("or choose it:", "或选择文件："),
    "upload.limits": (
        "xlsx, xlsm, xls, et, xlsb, ods, csv, tsv, txt or parquet, at most {mib} MiB and about a million rows. Protected workbooks are asked for their password.",
        "支持 xlsx、xlsm、xls、et、xlsb、ods、csv、tsv、txt、parquet；不超过 {mib} MiB，约一百万行。加密的工作簿会在下一步询问密码。",
    ),
    "upload.go": ("Upload and look at the columns", "上传并核对列"),
    "upload.sending": ("Uploading… {percent} %", "正在上传… {percent}%"),
    "upload.reading": ("Uploaded. Reading the file…", "已上传，正在读取文件…"),
    "upload.failed": (
        "The upload was broken off. Look at the connection and try again; nothing was kept.",
        "上传中断，请检查连接后重试；服务器未保留任何内容。",
    ),
    "upload.stays": ("What happens to the file", "文件如何保存"),
    "upload.stays_text": (
        "It stays on this machine, in a folder that only this program's user can open, and is deleted {days} days after the last thing done with it. You can remove it earlier in the list of jobs.",
        "文件只保存在本机，仅运行本程序的用户可以打开；最后一次操作 {days} 天后自动删除，也可在任务列表中提前删除。",
    ),
    "upload.template": ("Get an empty template", "下载空白模板"),
    "upload.recent": ("Latest jobs", "最近的任务"),
    "upload.all_jobs": ("All jobs", "全部任务"),
    "upload.view_only": (
        "Your role lets you look at jobs, and not begin one. Ask whoever keeps the users of this server.",
        "您的角色只能查看任务，不能新建任务。请联系本服务器的用户管理员。",
    ),
}
