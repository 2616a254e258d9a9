"""Words of the pages about the vendor's bill: reconciliation and invoice."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "reconcile.lead": (
        "Lay the vendor's usage export beside our ledger: which asks in doubt were billed, which are free to be asked again, and whether somebody else asks with your AppCode. Nothing is sent.",
        "将供应商导出的使用明细与本机台账对照：哪些存疑的调用已计费，哪些可免费重新核验，是否有他人在使用您的 AppCode。不会发送任何请求。",
    ),
    "reconcile.files": (
        "Usage exports (.csv, .xlsx), of every package that was in use",
        "使用明细导出文件（.csv、.xlsx），请包含全部在用套餐包",
    ),
    "reconcile.saved_at": ("When it was exported, Beijing time", "导出时间（北京时间）"),
    "reconcile.saved_hint": (
        "Filled in from the file where the browser tells it. What was used later is not in the export and decides nothing.",
        "浏览器可读取时将按文件自动填写。此时间之后的消耗不在导出文件中，不作判定。",
    ),
    "reconcile.no_time": (
        "Say when the usage was exported, for what was used later is not in it. Nothing was changed.",
        "请填写导出时间：之后的消耗不在文件中。未作任何更改。",
    ),
    "reconcile.range": (
        "Time as it was chosen in the console; leave it empty for the first to the last line.",
        "请填写在控制台选择的起止时间；留空则按文件首行至末行。",
    ),
    "reconcile.since": ("From", "起始日期"),
    "reconcile.until": ("To, included", "截止日期（含）"),
    "reconcile.go": ("Compare", "开始对账"),
    "reconcile.found": ("What was found", "对账结果"),
    "reconcile.time": ("From {first} to {last}, Beijing time", "北京时间 {first} 至 {last}"),
    "reconcile.agreed": ("Windows that agree", "双方一致的时段"),
    "reconcile.billed": ("Decided: billed", "查明：已计费"),
    "reconcile.not_billed": ("Decided: not billed", "查明：未计费"),
    "reconcile.undecided": ("Still in doubt", "仍存疑"),
    "reconcile.outside": ("In doubt at other times, not judged", "其他时间存疑、未判定"),
    "reconcile.window": ("Windows", "时段"),
    "reconcile.vendor": ("Vendor", "供应商"),
    "reconcile.certain": ("Certain", "确定"),
    "reconcile.doubt": ("In doubt", "存疑"),
    "reconcile.finding": ("What it means", "说明"),
    "reconcile.above": ("{number} more than this home can have asked", "比本工作目录可能的调用多 {number} 次"),
    "reconcile.below": ("{number} fewer than were surely answered", "比确定的调用少 {number} 次"),
    "reconcile.earlier": ("an earlier export said {number}", "此前导出为 {number} 次"),
    "reconcile.grown": (
        "The count has grown since an earlier export: what was found not billed then may have been billed after all.",
        "此后计数又有增加：当时判定未计费的调用可能其实已计费。",
    ),
    "reconcile.all_agree": ("Every window agrees with our count.", "全部时段均与本机计数一致。"),
    "reconcile.kept": ("Nothing is changed yet.", "尚未作任何更改。"),
    "reconcile.write": (
        "Write it down: {billed} billed, {not_billed} free to be asked again",
        "写入台账：{billed} 次已计费，{not_billed} 次可重新核验",
    ),
    "reconcile.written": ("Written into the ledger.", "已写入台账。"),
    "reconcile.other": (
        "The ledger has changed since this was shown, and the result is another one now. Nothing was written. Look at it again.",
        "显示之后台账又有变化，结果已不同。未作任何更改，请重新核对。",
    ),
    "reconcile.gone": (
        "The files of this comparison are no longer kept. Upload them again. Nothing was changed.",
        "本次对账的文件已不再保留，请重新上传。未作任何更改。",
    ),
    "reconcile.no_file": ("Choose at least one usage export. Nothing was changed.", "请至少选择一个使用明细文件。未作任何更改。"),
    "reconcile.jobs": ("Jobs with rows that are free to be asked again", "有行可免费重新核验的任务"),
    "reconcile.to_job": ("Go on with", "继续"),
    "reconcile.elsewhere": (
        "{job} was not begun on this page: `batchverify resume {job}`.",
        "{job} 不是在此页面创建的：请用 batchverify resume {job}。",
    ),
    "invoice.lead": (
        "Which orders to tick on the vendor's 发票管理 page, and for how much. It is what to apply for, and no invoice.",
        "在供应商“发票管理”页应勾选哪些订单、金额多少。此为申请明细，不是发票。",
    ),
    "invoice.first": ("First month", "起始月份"),
    "invoice.last": ("Last month", "截止月份"),
    "invoice.show": ("Show", "查看"),
    "invoice.none": (
        "No order was paid in these months. Enter orders under Packages.",
        "这些月份没有已付款的订单。请在“套餐包”中录入订单。",
    ),
    "invoice.table": ("Orders to apply with", "申请订单"),
    "invoice.summary": ("In short", "汇总"),
    "invoice.xlsx": ("Statement as a workbook", "下载明细（xlsx）"),
    "invoice.csv": ("Statement as csv", "下载明细（csv）"),
    "invoice.no_month": ("Write a month such as 2026-01.", "请填写月份，例如 2026-01。"),
}
