"""What the door says: the one-time link, a login that failed, a form that came too late."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "entering.welcome": ("You are in", "已登录"),
    "entering.go_on": ("Go on to the page", "进入页面"),
    "entering.link_title": ("Open the link from the terminal", "请打开终端中的链接"),
    "entering.link_needed": (
        "This page opens by a one-time link. It stands in the terminal where the server was started.",
        "请使用一次性链接打开本页面。链接显示在启动本服务的终端中。",
    ),
    "entering.link_used": (
        "This link was used before, or is older than ten minutes. Get a new one.",
        "该链接已被使用，或已超过十分钟，请获取新的链接。",
    ),
    "entering.print_link": ("Show a new link in the terminal", "在终端中显示新的链接"),
    "entering.link_printed": ("A new link stands in the terminal.", "新的链接已显示在终端中。"),
    "entering.link_too_soon": (
        "A link was printed a moment ago. Look into the terminal, or wait ten seconds.",
        "刚刚已显示过链接，请查看终端，或等待十秒后再试。",
    ),
    "entering.users_too": ("Or log in as a user of this server", "或以本服务器的用户登录"),
    "entering.nowhere": ("There is no such page. Nothing was sent.", "没有这个页面，未发送任何查询。"),
    "entering.bug": (
        "This is a bug in batchverify. Where it happened stands in the server's log, without any value. What was paid is in the ledger.",
        "程序出现错误，出错位置已记入服务器日志（不含任何数据）。已计费的调用都记在台账中。",
    ),
    "entering.wrong": ("Name and password do not belong together.", "用户名或密码不正确。"),
    "entering.too_many": (
        "Too many passwords were wrong. Wait {seconds} seconds before the next.",
        "密码错误次数过多，请等待 {seconds} 秒后再试。",
    ),
}
