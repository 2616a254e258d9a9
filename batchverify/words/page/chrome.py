"""What stands around every page: sections, steps, stages of a job, the sandbox's mark."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "chrome.product": ("Verify spreadsheets", "表格批量核验"),
    "chrome.skip": ("Skip to the content", "跳到正文"),
    "chrome.pages": ("Pages", "页面"),
    "chrome.new": ("New job", "新建任务"),
    "chrome.jobs": ("Jobs", "任务"),
    "chrome.quota": ("Quota", "额度"),
    "chrome.settings": ("Settings", "设置"),
    "chrome.doctor": ("Doctor", "诊断"),
    "chrome.acts": ("Activity", "操作记录"),
    "chrome.other_language": ("中文", "English"),
    "chrome.signed_in": ("Signed in as", "当前用户"),
    "chrome.log_in": ("Log in", "登录"),
    "chrome.leave": ("Log out", "退出"),
    "chrome.name": ("Name", "用户名"),
    "chrome.password": ("Password", "密码"),
    "chrome.back": ("Back", "返回"),
    "chrome.foot": (
        "batchverify {version}. Each different question is paid once. Everything stays on this machine but the questions to the vendor.",
        "batchverify {version} · 每个不同的查询只计费一次 · 除发送给供应商的查询外，数据不离开本机",
    ),
    "chrome.simulated": (
        "Sandbox: every answer here is simulated, costs nothing and says nothing about a real person.",
        "沙箱模式：此处所有结果均为模拟，不计费，不代表任何真实核验。",
    ),
    "chrome.steps": ("Steps of the job", "任务步骤"),
    "chrome.step_done": ("(done)", "（已完成）"),
    "chrome.step_upload": ("Upload", "上传"),
    "chrome.step_columns": ("Columns", "核对列"),
    "chrome.step_plan": ("Plan", "计划与费用"),
    "chrome.step_confirm": ("Confirm", "确认"),
    "chrome.step_progress": ("Progress", "进度"),
    "chrome.step_result": ("Result", "结果"),
    "chrome.not_yours": (
        "Your role does not allow this. Ask whoever keeps the users of this server.",
        "您的角色无权进行此操作，请联系本服务器的用户管理员。",
    ),
    "chrome.refused": ("That did not work", "未能完成"),
    # As in the result file, and readable: what is open says what it means for the bill.
    "status.matched": ("Matched", "一致"),
    "status.mismatched": ("Mismatched", "不一致"),
    "status.card_problem": ("Card problem", "卡状态异常"),
    "status.unverifiable": ("Unverifiable", "无法验证"),
    "status.locked": ("Locked", "频次受限"),
    "status.invalid": ("Invalid", "输入有误"),
    "status.blocked": ("Blocked", "本地拦截"),
    "status.failed": ("Failed · not billed", "技术失败·未计费"),
    "status.in_doubt": ("In doubt · perhaps billed", "结果未知·可能已计费"),
    "status.not_run": ("Not run", "未处理"),
    # The stages of a job, as a list or a heading shows them.
    "stage.received": ("Uploaded", "已上传"),
    "stage.planned": ("Planned", "已生成计划"),
    "stage.waiting": ("Waiting for approval", "待审批"),
    "stage.queued": ("Queued", "排队中"),
    "stage.asking": ("Asking", "核验中"),
    "stage.paused": ("Paused", "已暂停"),
    "stage.stopped": ("Stopped", "已停止"),
    "stage.ended": ("Ended", "已结束"),
    "stage.refused": ("Refused", "未能受理"),
    # How a run ended, by the summary's word.
    "ending.complete": ("Complete: every row has its final result", "已完成：每一行都有最终结果"),
    "ending.open_rows": ("Ended, and some rows are still open", "已结束，部分行尚无结果"),
    "ending.vendor_stop": ("The vendor stopped the job", "供应商中止了任务"),
    "ending.interrupted": ("Stopped before the end", "中途停止"),
    "ending.home_error": ("The home failed; no ask left after that", "工作目录出错，此后未再调用"),
}
