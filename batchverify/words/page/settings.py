"""Words of the settings page."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "settings.title": ("Settings", "设置"),
    "settings.lead": (
        "For everybody who uses this home, and for the command line. They are kept in config.toml.",
        "对本工作目录的所有使用者及命令行生效，保存在 config.toml 中。",
    ),
    "settings.fixed": ("Set by {where}, which is stronger. Change it there.", "由 {where} 设定，优先级更高，请在该处修改。"),
    "settings.saved": ("Saved.", "已保存。"),
    "settings.save": ("Save the settings", "保存设置"),
    "settings.only_admin": ("Only an administrator changes settings.", "仅管理员可修改设置。"),
    "settings.general": ("In general", "常规"),
    "settings.checking": ("Checks and reuse", "检查与复用"),
    "settings.money": ("Money", "费用"),
    "settings.limits": ("Limits", "限制"),
    "settings.lang": ("Language of results and reports", "结果和报告的语言"),
    "settings.lang_auto": ("by the reader", "按使用者"),
    "settings.lang_en": ("English", "English"),
    "settings.lang_zh": ("Chinese", "中文"),
    "settings.operator": ("Operator: who runs this, where nobody is logged in", "操作人（未登录时记录）"),
    "settings.checks": ("Local checks", "本地检查"),
    "settings.checks_strict": ("strict: hold back whatever looks odd", "严格：可疑的一律拦截"),
    "settings.checks_block": ("block: hold back what cannot be right", "拦截：肯定有误的不发送"),
    "settings.checks_warn": ("warn: send all that can be sent", "提示：可发送的均发送"),
    "settings.checks_off": ("off: send all", "关闭：全部发送"),
    "settings.allow_minors": ("Allow people under 14", "允许未满 14 周岁的人员"),
    "settings.reuse_days_matched": ("Reuse matching answers for, days", "“一致”结果复用天数"),
    "settings.reuse_days_other": ("Reuse other answers for, days", "其他结果复用天数"),
    "settings.unit_price": ("Price of an ask, yuan, where no package says it", "每次调用单价（元），套餐未注明时使用"),
    "settings.low_balance_percent": ("Warn when less than this is left, %", "余量低于此百分比时提醒"),
    "settings.qps": ("Asks a second, at most", "每秒调用上限"),
    "settings.concurrency": ("Asks in flight, at most", "同时进行的调用上限"),
    "settings.asks_per_card_per_day": ("Asks of one card a day, at most", "同一张卡每日调用上限"),
    "settings.asks_per_operator_per_day": (
        "Asks of one operator a day, at most; empty for no limit",
        "每个操作人每日调用上限，留空为不限",
    ),
    "settings.no_number": ("{label}: this is no number. Nothing was saved.", "{label}：不是数字。未保存任何更改。"),
    "settings.app_code": ("AppCode", "AppCode"),
    "settings.app_code_lead": (
        "The key that the vendor gives to a buyer. It is kept in a file that only this server's user may read, and is never shown again.",
        "供应商提供给购买者的密钥。保存在仅本服务器用户可读的文件中，不会再次显示。",
    ),
    "settings.app_code_is": ("There is one, ending in {end}.", "已设置，末四位 {end}。"),
    "settings.app_code_short": ("There is one.", "已设置。"),
    "settings.app_code_none": ("There is none.", "尚未设置。"),
    "settings.app_code_sandbox": ("The sandbox needs none.", "沙箱模式无需 AppCode。"),
    "settings.app_code_new": ("New AppCode", "新的 AppCode"),
    "settings.app_code_keep": ("Keep this AppCode", "保存 AppCode"),
    "settings.app_code_kept": ("The AppCode is kept.", "AppCode 已保存。"),
    "settings.app_code_clear": ("Forget the AppCode", "清除 AppCode"),
    "settings.app_code_cleared": ("The AppCode is forgotten.", "AppCode 已清除。"),
}
