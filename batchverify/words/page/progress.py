"""Words of the fifth step: how it goes, and how it is held."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "progress.title": ("Progress", "进度"),
    "progress.lead": (
        "You may close this tab. The job goes on, and this page finds it again.",
        "可以关闭此页面，任务会继续运行，稍后再打开即可查看。",
    ),
    "progress.done": ("Questions done", "已完成查询"),
    "progress.of": ("{done} of {total}", "{done} / {total}"),
    "progress.spent": ("Spent", "已花费"),
    "progress.billed_of": ("{billed} of {cap} asks, at most {price}", "{billed} / {cap} 次，最多 {price}"),
    "progress.in_flight": ("In flight", "在途"),
    "progress.eta": ("Time left", "预计剩余"),
    "progress.eta_unknown": ("not known yet", "估算中"),
    "progress.seconds": ("{number} s", "{number} 秒"),
    "progress.minutes": ("about {number} min", "约 {number} 分钟"),
    "progress.hours": ("about {number} h", "约 {number} 小时"),
    "progress.none_left": ("–", "–"),
    "progress.statuses": ("Answers so far", "目前的结果"),
    "progress.no_statuses": ("No answer yet.", "尚无结果。"),
    "progress.state_queued": ("Another job is being asked. This one is next in its turn.", "正在处理其他任务，本任务排队中。"),
    "progress.state_asking": ("The vendor is being asked.", "正在核验。"),
    "progress.state_waits": ("The vendor wants a pause. It goes on by itself at {at}.", "供应商要求暂停，将于 {at} 自动继续。"),
    "progress.state_pause": (
        "Pausing. What is in flight ({number}) is awaited; nothing new is sent.",
        "正在暂停：{number} 次调用在途，等待答复；不再发送新的调用。",
    ),
    "progress.state_stop": (
        "Stopping. What is in flight ({number}) is awaited; nothing new is sent.",
        "正在停止：{number} 次调用在途，等待答复；不再发送新的调用。",
    ),
    "progress.state_drawing": ("Every ask is answered. The result is being written.", "全部调用已完成，正在生成结果。"),
    "progress.state_paused": ("Paused. Nothing is sent until you go on.", "已暂停，继续之前不会发送任何调用。"),
    "progress.state_stopped": ("Stopped. What was answered is in the result.", "已停止，已有的答复在结果中。"),
    "progress.state_ended": ("Ended. The result is ready.", "已结束，结果已生成。"),
    "progress.state_refused": ("Nothing was sent.", "未发送任何调用。"),
    "progress.pause": ("Pause", "暂停"),
    "progress.go_on": ("Go on (at most {price} more)", "继续（最多再花 {price}）"),
    "progress.stop": ("Stop", "停止"),
    "progress.stop_hint": (
        "Stop sends nothing more. What is in flight now ({number}) is awaited, and may be billed.",
        "停止后不再发送新的调用。当前有 {number} 次调用在途，会等待其答复，可能计费。",
    ),
    "progress.stop_hint_none": (
        "Stop sends nothing more. Nothing is in flight now.",
        "停止后不再发送新的调用。当前没有在途的调用。",
    ),
    "progress.partial": ("Download what is there so far", "下载目前的结果"),
    "progress.result": ("See the result so far", "查看目前的结果"),
    "progress.reconnecting": ("The connection is lost. Trying again…", "连接中断，正在重试…"),
    "progress.percent": ("{percent} % done", "已完成 {percent}%"),
    "progress.refreshes": (
        "Without scripts this page loads itself anew every five seconds.",
        "浏览器未启用脚本，本页每 5 秒自动刷新。",
    ),
    "progress.password": ("Enter the password", "输入密码"),
    "progress.change": ("Change columns or choices", "修改列或选项"),
    "progress.refused_title": ("This job could not be started", "任务未能开始"),
}
