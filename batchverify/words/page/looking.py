"""Words of the pages that only look: doctor and activity."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "doctor.title": ("Doctor", "诊断"),
    "doctor.lead": (
        "Everything that a run needs, looked at just now. Nothing is sent.",
        "逐项检查核验所需的一切，不会发送任何请求。",
    ),
    "doctor.well": ("Everything is well.", "一切正常。"),
    "doctor.ill": ("{number} things need attention.", "有 {number} 项需要处理。"),
    "doctor.table": ("Findings", "检查结果"),
    "doctor.state": ("State", "状态"),
    "doctor.what": ("What", "项目"),
    "doctor.detail": ("What was seen, or what to do", "情况或处理办法"),
    "doctor.good": ("well", "正常"),
    "doctor.bad": ("needs attention", "需处理"),
    "doctor.again": ("Look again", "重新检查"),
    # What the doctor looks at, by its words.
    "doctor.home": ("Home", "工作目录"),
    "doctor.ledger": ("Ledger", "台账"),
    "doctor.ledger_chains": ("Ledger, its chains", "台账记录链"),
    "doctor.ledger_key": ("Ledger, its key", "台账密钥"),
    "doctor.ledger_report_key": ("Key that signs reports", "报告签名密钥"),
    "doctor.sandbox_ledger": ("Sandbox, its ledger", "沙箱台账"),
    "doctor.sandbox_ledger_chains": ("Sandbox, its chains", "沙箱台账记录链"),
    "doctor.sandbox_ledger_key": ("Sandbox, its key", "沙箱台账密钥"),
    "doctor.sandbox_ledger_report_key": ("Sandbox, key that signs reports", "沙箱报告签名密钥"),
    "doctor.appcode": ("AppCode", "AppCode"),
    "acts.title": ("Activity", "操作记录"),
    "acts.lead": (
        "Who did what and when. It is only ever added to, and holds nobody's name or number but those of the operators.",
        "谁在何时做了什么。只增不改，除操作人外不含任何人的姓名或号码。",
    ),
    "acts.none": ("Nothing was done yet.", "尚无操作。"),
    "acts.table": ("Activity", "操作记录"),
    "acts.at": ("Time", "时间"),
    "acts.who": ("Operator", "操作人"),
    "acts.act": ("Act", "操作"),
    "acts.file": ("Job", "任务"),
    "acts.note": ("Note", "说明"),
    "acts.job_id": ("Ledger's job", "台账任务编号"),
    "acts.filter": ("Only of one job", "按任务筛选"),
    "acts.all": ("All jobs", "全部任务"),
    "acts.show": ("Show", "查看"),
    "acts.export": ("Export", "导出"),
    "acts.older": ("Older", "更早"),
    "acts.newest": ("Newest", "最新"),
    "acts.removed": ("(removed)", "（已删除）"),
}
