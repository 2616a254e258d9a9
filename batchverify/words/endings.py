"""What is said about asks that brought no answer, and about rows that were not asked.

The one thing to know: "not billed", "perhaps billed" and "not asked" are told apart in every text, since they decide
whether another try costs money.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchverify.words.sayings import Saying

_RERUN = "Run the failed rows again with `rerun`; this try cost nothing."
_RERUN_ZH = "本次未计费，请用 rerun 重跑失败行。"
_HELD = (
    "It is held and not sent again by itself. Compare with the vendor's usage (`quota reconcile`), "
    "or accept that it may be paid twice: `rerun --what in_doubt --accept-double-charge`."
)
_HELD_ZH = "程序已暂存，不会自动重发。请用 quota reconcile 与供应商明细对账；或接受可能重复计费：rerun --what in_doubt --accept-double-charge。"
_RESUME = "Go on with `resume`; what is answered is not bought again."
_RESUME_ZH = "请用 resume 继续，已有结果的行不会重复计费。"
_CONNECTION = f"Check the network of this machine. {_RERUN}"
_CONNECTION_ZH = f"请检查本机网络。{_RERUN_ZH}"

_NOT_ASKED: Mapping[str, Saying] = {
    "budget": Saying(
        "The cap of this run was reached before this row's turn. It was not asked.",
        "Raise --max-asks or --max-yuan and go on with `resume`.",
        "已达到本次上限，此行未核验。",
        "请提高 --max-asks 或 --max-yuan 后用 resume 继续。",
    ),
    "quota": Saying(
        "The package is used up, so this row has no answer. Nothing was billed for it.",
        f"Buy a package in the vendor's console; where you keep count here, enter it with `quota add`. {_RESUME}",
        "套餐包已用完，此行未核验、未计费。",
        f"请在供应商控制台购买套餐包；如在本机登记额度，请用 quota add 录入。{_RESUME_ZH}",
    ),
    "quota_expired": Saying(
        "The package has expired, so this row has no answer. Nothing was billed for it.",
        f"Renew or buy a package in the vendor's console. {_RESUME}",
        "套餐包已过期，此行未核验、未计费。",
        f"请在供应商控制台续订或购买套餐包。{_RESUME_ZH}",
    ),
    "app_code": Saying(
        "The vendor does not accept the AppCode, so this row has no answer. Nothing was billed for it.",
        f"Copy the AppCode from the vendor's console and store it with `key set`. {_RESUME}",
        "供应商不接受此 AppCode，此行未核验、未计费。",
        f"请从供应商控制台复制 AppCode，并用 key set 保存。{_RESUME_ZH}",
    ),
    "overdue": Saying(
        "An account at the vendor is in arrears, so this row has no answer. Nothing was billed for it.",
        f"Settle the account in the vendor's console. {_RESUME}",
        "云市场账户欠费，此行未核验、未计费。",
        f"请在控制台结清欠费。{_RESUME_ZH}",
    ),
    "bad_request": Saying(
        "The gateway does not know the address or misses a parameter. Nothing was billed for this row.",
        "Check --endpoint and --product. If both are right, report this as a fault of this program.",
        "网关不认识请求地址或缺少参数，此行未核验、未计费。",
        "请检查 --endpoint 和 --product；如均无误，请作为程序缺陷反馈。",
    ),
    "interrupted": Saying(
        "The run was stopped before this row's turn. It was not asked.", _RESUME, "批次被中止，此行未核验。", _RESUME_ZH
    ),
    "lost": Saying(
        "The process that ran this job ended before this row's turn. It was not asked.",
        _RESUME,
        "程序意外终止，此行未核验。",
        _RESUME_ZH,
    ),
    "not_run": Saying("This row was not asked in any run so far.", _RESUME, "此行尚未核验。", _RESUME_ZH),
    "sample": Saying(
        "The run ended after its sample, before this row's turn. It was not asked.",
        f"Look at the rates of the sample. {_RESUME}",
        "抽样之后批次已结束，此行未核验。",
        f"请查看抽样结果。{_RESUME_ZH}",
    ),
    "doubt_limit": Saying(
        "Too many asks ended in doubt, so the run stopped before this row's turn. It was not asked.",
        f"Wait until the vendor is well again. {_RESUME}",
        "结果未知的行过多，批次已停止，此行未核验。",
        f"请等供应商恢复正常。{_RESUME_ZH}",
    ),
    "breaker": Saying(
        "The vendor failed again and again, so the run stopped before this row's turn. It was not asked.",
        f"Wait until the vendor is well again. {_RESUME}",
        "供应商连续故障，批次已停止，此行未核验。",
        f"请等供应商恢复正常。{_RESUME_ZH}",
    ),
    "home_error": Saying(
        "The ledger could not be written, so nothing more was sent. This row was not asked.",
        f"Free some disk space and run `doctor`. {_RESUME}",
        "台账无法写入，已停止发送，此行未核验。",
        f"请清理磁盘空间并运行 doctor 检查。{_RESUME_ZH}",
    ),
    "lease_lost": Saying(
        "The run paused for too long and gave up its claim. This row was not asked.",
        _RESUME,
        "批次暂停过久，已失去占用，此行未核验。",
        _RESUME_ZH,
    ),
    "in_flight": Saying(
        "Another run is asking about this person or card right now. It was not asked twice.",
        "Wait until the other run has ended, then use `resume`.",
        "另一批次正在核验同一人或同一张卡，未重复发送。",
        "请等另一批次结束后用 resume 继续。",
    ),
    "not_reached": Saying(
        "The run ended before this row's turn. It was not asked.", _RESUME, "批次结束时尚未轮到此行，未核验。", _RESUME_ZH
    ),
    "id_locked": Saying(
        "The vendor has locked this ID number for 12 hours. The row was not asked.",
        "Wait until the time shown, then rerun. Asking earlier would prolong the lock.",
        "该身份证号被供应商锁定 12 小时，此行未发送。",
        "请在所示时间之后重跑；提前重试会延长锁定。",
    ),
    "card_limit": Saying(
        "This card was asked about as often as is safe in 24 hours. The row was not asked.",
        "Wait until the time shown, then rerun. More asks could lock the card.",
        "此卡 24 小时内核验次数已达安全上限，此行未发送。",
        "请在所示时间之后重跑；继续核验可能导致卡被锁定。",
    ),
    "id_limit": Saying(
        "This ID number was asked about as often as is right in 24 hours, with one card, name or mobile after the other. The row was not asked.",
        "Find out at the source which of the rows is right. What is left may be rerun at the time shown.",
        "该身份证号 24 小时内已用不同卡号、姓名或手机号核验多次，达到上限，此行未发送。",
        "请先向来源核实哪一行正确；其余可在所示时间之后重跑。",
    ),
    "released": Saying(
        "The ask was in doubt, and a person has released it to be asked again.",
        "Run it again with `rerun`; it may be paid twice.",
        "结果未知的行已由人工放行，可再次核验。",
        "请用 rerun 重跑；可能重复计费。",
    ),
}

_NOT_BILLED: Mapping[str, Saying] = {
    "dns": Saying(
        "The vendor's name could not be resolved. Nothing was sent or billed.",
        _CONNECTION,
        "无法解析供应商域名，未发送、未计费。",
        _CONNECTION_ZH,
    ),
    "connect": Saying(
        "The vendor could not be reached. Nothing was sent or billed.",
        _CONNECTION,
        "无法连接供应商，未发送、未计费。",
        _CONNECTION_ZH,
    ),
    "tls": Saying(
        "No secure connection to the vendor could be made. Nothing was sent or billed.",
        f"Check this machine's clock and whether a proxy replaces certificates. {_RERUN}",
        "无法与供应商建立安全连接，未发送、未计费。",
        f"请检查本机时间，以及代理是否替换了证书。{_RERUN_ZH}",
    ),
    "late": Saying(
        "The ask's turn came too late, so it was not sent. Nothing was billed.",
        _RERUN,
        "发送时机已过，未发送、未计费。",
        _RERUN_ZH,
    ),
    "throttled": Saying(
        "The vendor turned the ask away again and again, since too many came at once. It was not billed.",
        f"Lower --qps. {_RERUN}",
        "供应商多次限流，未计费。",
        f"请调低 --qps。{_RERUN_ZH}",
    ),
    "unavailable": Saying(
        "The vendor's service was not available. The ask was not billed.", _RERUN, "供应商服务暂不可用，未计费。", _RERUN_ZH
    ),
    "too_long": Saying(
        "The fields of the row are too long to be sent. Nothing was billed.",
        "Shorten them to what the documents say and run this row again.",
        "字段内容过长，未发送、未计费。",
        "请按证件更正后重跑此行。",
    ),
}

_IN_DOUBT: Mapping[str, Saying] = {
    "timeout": Saying(
        "The ask left, and no answer came in time. It may have been billed.",
        _HELD,
        "已发送但超时未收到答复，可能已计费。",
        _HELD_ZH,
    ),
    "reset": Saying(
        "The connection broke after the ask had left. It may have been billed.", _HELD, "发送后连接中断，可能已计费。", _HELD_ZH
    ),
    "truncated": Saying(
        "The answer broke off in the middle. The ask may have been billed.", _HELD, "答复不完整，可能已计费。", _HELD_ZH
    ),
    "not_json": Saying(
        "The answer could not be read. The ask may have been billed.", _HELD, "答复无法解析，可能已计费。", _HELD_ZH
    ),
    "html": Saying(
        "A web page came instead of an answer. The ask may have been billed.",
        _HELD,
        "收到的是网页而不是答复，可能已计费。",
        _HELD_ZH,
    ),
    "redirect": Saying(
        "The vendor pointed to another address, which is never followed. The ask may have been billed.",
        _HELD,
        "供应商要求跳转到其他地址，程序不会跟随，可能已计费。",
        _HELD_ZH,
    ),
    "wrong_encoding": Saying(
        "The answer came in a form that was not asked for. The ask may have been billed.",
        _HELD,
        "答复的编码不符合要求，可能已计费。",
        _HELD_ZH,
    ),
    "too_large": Saying(
        "The answer was far too large to be one. The ask may have been billed.",
        _HELD,
        "答复过大，未予采用，可能已计费。",
        _HELD_ZH,
    ),
    "bad_echo": Saying(
        "The answer spoke of another person, so it was not used and the run stopped. The ask may have been billed.",
        f"Report this to the vendor with the request id. {_HELD}",
        "答复内容与所问的人不符，未予采用，批次已停止，可能已计费。",
        f"请凭请求编号联系供应商。{_HELD_ZH}",
    ),
    "unknown_status": Saying(
        "The vendor answered with a status that this version does not know. The ask may have been billed.",
        _HELD,
        "供应商返回了未知状态，可能已计费。",
        _HELD_ZH,
    ),
    "service_error": Saying(
        "The vendor reports a fault of its own service. The ask may have been billed.",
        _HELD,
        "供应商返回服务异常，可能已计费。",
        _HELD_ZH,
    ),
    "server_error": Saying(
        "The vendor's server failed on this ask. It may have been billed.", _HELD, "供应商服务器出错，可能已计费。", _HELD_ZH
    ),
    "gateway_timeout": Saying(
        "The vendor's gateway waited in vain for its own service. The ask may have been billed.",
        _HELD,
        "供应商网关超时，可能已计费。",
        _HELD_ZH,
    ),
    "process_died": Saying(
        "This program ended while the ask was under way. It may have been billed.",
        _HELD,
        "程序在等待答复时退出，可能已计费。",
        _HELD_ZH,
    ),
}

_RECONCILED: Mapping[str, Saying] = {
    "answer_lost": Saying(
        "The answer was lost, and the vendor's usage shows that the ask was billed.",
        "To have an answer all the same, pay a second time: `rerun --what in_doubt --accept-double-charge`.",
        "答复已丢失，供应商的消耗明细显示该次调用已计费。",
        "如仍需答复，须再次付费：rerun --what in_doubt --accept-double-charge。",
    ),
    "not_counted": Saying(
        "No answer came, and the vendor's usage shows that the ask was not billed.",
        _RERUN,
        "未收到答复，供应商的消耗明细显示该次调用未计费。",
        _RERUN_ZH,
    ),
}

#: Under these an ask is in doubt until the vendor's usage has decided it.
DOUBTS = frozenset(_IN_DOUBT)
ENDINGS: Mapping[str, Saying] = {**_NOT_ASKED, **_NOT_BILLED, **_IN_DOUBT, **_RECONCILED}
