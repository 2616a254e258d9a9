"""Plans, summaries and inspections in words for a terminal. Text in, text out; prints nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from batchverify.model import RowStatus
from batchverify.rules.balance import BalanceWarning
from batchverify.rules.prices import yuan
from batchverify.rules.sampling import interval
from batchverify.rules.windows import beijing_time
from batchverify.words import Lang, action, label_of_field, label_of_status, label_of_warning, message
from batchverify.words.planning import PLANNING, planning_text, rows_text

if TYPE_CHECKING:
    from batchverify.job import Inspection, Plan
    from batchverify.job.plan import Problem
    from batchverify.rules.packages import Mix

_WORDS: Mapping[str, tuple[str, str]] = {
    "file": ("File", "文件"),
    "sheet": ("sheet", "工作表"),
    "rows": ("Rows", "行数"),
    "questions": ("different questions", "不同查询"),
    "duplicates": ("duplicates", "重复行"),
    "blocked": ("never sent", "本地拦截"),
    "reused": ("reused", "历史复用"),
    "held": ("in doubt, held", "结果未知，暂不重查"),
    "locked": ("locked", "频次受限"),
    "asks": ("To ask", "将调用"),
    "of_which": ("of which", "其中"),
    "edited": ("edited or added", "更正或新增"),
    "not_due": ("Not yet due", "尚未到可重试时间"),
    "plan": ("Plan", "计划编号"),
    "approve": ("to have it approved by somebody else", "由他人审批"),
    "earliest": ("the earliest at", "最早可重试时间"),
    "at_most": ("at most", "最多"),
    "saved": ("saved", "节省"),
    "packages": ("Cheapest packages", "最省套餐"),
    "left": ("Left in the wallet", "剩余额度"),
    "problems": ("Look at these rows", "请检查这些行"),
    "row": ("row", "行"),
    "rows_shown": ("rows", "行"),
    "until": ("Until", "可重试时间"),
    "answered_at": ("Answered at", "核验时间"),
    "header_row": ("Header row", "表头行"),
    "hidden_sheet": ("hidden", "隐藏"),
    "named": ("named", "已指定"),
    "as_last_time": ("as last time", "沿用上次"),
    "sure": ("sure", "确定"),
    "likely": ("likely", "较可能"),
    "unsure": ("unsure", "不确定"),
    "ambiguous": ("ambiguous", "有歧义"),
    "rivals": ("or {}: where it is asked, name one, as in {}", "或 {}：需要此项时请指定一列，例如 {}"),
    "missing": ("No column for", "未找到"),
    "others": ("Other columns", "其他列"),
    "last_time": (
        "Columns as last time, for this header. --map FIELD=COLUMN names others; inspect FILE --forget-mapping forgets them.",
        "表头与上次相同，沿用上次指定的列。可用 --map 字段=列 另行指定，或用 inspect 文件 --forget-mapping 忘记。",
    ),
    "forgotten": ("The columns that were named for this header are forgotten.", "已忘记为此表头指定的列。"),
    "not_remembered": ("No columns are remembered for this header.", "此表头没有已记住的列。"),
    "hidden": ("hidden or filtered", "隐藏或被筛选"),
    "result": ("Result", "结果文件"),
    "bill": ("Bill", "账单"),
    "sent": ("asks", "次调用"),
    "sent_one": ("ask", "次调用"),
    "billed": ("billed", "已计费"),
    "in_doubt": ("in doubt", "可能已计费"),
    "free": ("free", "免费"),
    "not_billed": ("not billed", "未计费"),
    "simulated": ("SIMULATED by the sandbox: these answers mean nothing.", "沙箱模拟结果，不具任何效力。"),
    "sample": ("Sample", "抽样"),
    "next": ("Go on with", "继续执行"),
    "low": ("less than {} % of the packages is left, time to buy", "套餐余量不足 {}%，请及时续费"),
    "short": ("{} more are needed than are left", "还差 {} 次"),
    "buy": ("Cheapest to buy", "最省的购买方式"),
}


#: Rows named of each problem; --json names more.
_SHOWN_ROWS = 10
# All that steers a terminal, and the signs that turn the reading direction: a file or a sheet may be named so.
_STEERING = {
    code: f"\\u{code:04x}"
    for code in (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def visible(text: str) -> str:
    r"""The text with everything that would steer a terminal spelled out, as JSON spells it, too.

    >>> visible("a\x1b[2Jb")
    'a\\u001b[2Jb'
    """
    return text.translate(_STEERING)


def say(word: str, lang: Lang) -> str:
    """One of the words above.

    >>> say("rows", Lang.EN)
    'Rows'
    """
    return _WORDS[word][lang is Lang.ZH]


def plan_text(plan: Plan, lang: Lang) -> str:
    """What a run would do, before it does it."""
    sheet = f" ({say('sheet', lang)} {plan.sheet})" if plan.sheet else ""
    columns = ", ".join(f"{label_of_field(name, lang)} ← {_one_line(header)!r}" for name, header in plan.columns.items())
    counts = [
        (plan.duplicate, "duplicates"),
        (plan.blocked, "blocked"),
        (plan.reused, "reused"),
        (plan.in_doubt - plan.asks_of.get(RowStatus.IN_DOUBT, 0), "held"),
        (plan.locked, "locked"),
    ]
    lines = [
        f"{say('file', lang)}: {plan.name}{sheet}",
        f"  {columns}",
        *([f"  {say('last_time', lang)}"] if plan.as_last_time else []),
        f"{say('rows', lang)}: {plan.total:,} · {plan.unique:,} {say('questions', lang)}"
        + "".join(f" · {count:,} {say(word, lang)}" for count, word in counts if count),
        (
            f"{say('asks', lang)}: {plan.asks:,} · {say('at_most', lang)} ¥{yuan(plan.worst_price)} (¥{yuan(plan.unit_price)} × {plan.asks:,})"
            f" · {say('saved', lang)} ¥{yuan(plan.saved)}"
        ),
    ]
    if set(plan.asks_of) - {RowStatus.NOT_RUN}:
        kinds = (f"{count:,} {_kind(word, lang)}" for word, count in plan.asks_of.items())
        lines.append(f"  {say('of_which', lang)} {' · '.join(kinds)}")
    if plan.not_before is not None:
        lines.append(f"{say('not_due', lang)}: {plan.not_due:,} · {say('earliest', lang)} {beijing_time(plan.not_before)}")
    if plan.left is not None:
        lines.append(f"{say('left', lang)}: {plan.left:,}{warnings_text(plan, lang)}")
    if plan.to_buy:
        lines.append(f"{say('packages' if plan.left is None else 'buy', lang)}: {mix_text(plan.mix)}")
    if plan.problems:
        lines.append(f"{say('problems', lang)}:")
        # What is reused needs nobody's eyes, and comes last.
        lines += [
            f"  {_rows(problem, lang)}: {problem_text(code, lang)}{_span(code, problem, lang)}"
            for code, problem in sorted(plan.problems.items(), key=lambda item: (item[0] == "reused", item[1].rows))
        ]
    return "\n".join(lines)


def hash_text(plan: Plan, lang: Lang) -> str:
    """The hash by which another person approves a plan."""
    return f"{say('plan', lang)}: {plan.digest} · {say('approve', lang)}: batchverify approve {plan.digest} --operator NAME"


def _kind(word: str, lang: Lang) -> str:
    return label_of_status(RowStatus(word), lang) if word in frozenset(RowStatus) else say(word, lang)


def warnings_text(plan: Plan, lang: Lang) -> str:
    """What is to be said about the wallet before so many asks."""
    sayings = []
    if BalanceWarning.SHORT in plan.warnings:
        sayings.append(say("short", lang).format(f"{plan.to_buy:,}"))
    if BalanceWarning.LOW in plan.warnings:
        sayings.append(say("low", lang).format(plan.low_percent))
    return "".join(f" · {saying}" for saying in sayings)


def mix_text(mix: Mix) -> str:
    """Packages to buy and what they cost.

    >>> from batchverify.rules.packages import cheapest_mix
    >>> mix_text(cheapest_mix(5_100))
    '1 × 5,000 + 1 × 100 = ¥869.00'
    """
    parts = " + ".join(f"{count:,} × {package.asks:,}" for package, count in mix.packages)
    return f"{parts} = ¥{yuan(mix.price)}"


def problem_text(code: str, lang: Lang) -> str:
    """What is odd about rows, and what to do about it, in one line. A warning names its field: "accountNo:luhn"."""
    if code in PLANNING:
        return planning_text(code, lang)
    if ":" in code:
        return label_of_warning(code, lang)
    return ("" if lang is Lang.ZH else " ").join(filter(None, (message(code, lang), action(code, lang))))


def _one_line(header: str) -> str:
    return " ".join(header.split())


def _rows(problem: Problem, lang: Lang) -> str:
    """The first rows, and how many more: those that belong together as 5+9."""
    shown = rows_text(problem.rows, problem.count, lang, groups=problem.groups, most=_SHOWN_ROWS)
    return f"{say('row' if problem.count == 1 else 'rows_shown', lang)} {shown}"


def _span(code: str, problem: Problem, lang: Lang) -> str:
    """Until when rows are locked, or from when the answers are that are reused."""
    if problem.earliest is None or problem.latest is None:
        return ""
    ends = dict.fromkeys(map(beijing_time, (problem.earliest, problem.latest)))
    return f" {say('answered_at' if code == 'reused' else 'until', lang)} {' – '.join(ends)}"


def summary_text(summary: Mapping[str, Any], lang: Lang, *, low_percent: int, reason: str = "", note: str = "") -> str:
    """What a run did and cost, from the summary's JSON; `reason` is the word for why it stopped early."""
    asks, cost, quota = summary["asks"], summary["cost"], summary["quota"]
    statuses = " · ".join(
        f"{label_of_status(RowStatus(name), lang)} {count:,}" for name, count in summary["status"].items() if count
    )
    price = f"¥{cost['min']}" if cost["min"] == cost["max"] else f"¥{cost['min']} – ¥{cost['max']}"
    kinds = [(asks[word], word) for word in ("billed", "free", "not_billed", "in_doubt") if asks[word]]
    lines = [
        f"{say('rows', lang)}: {summary['rows']['total']:,} · {statuses}",
        f"{say('bill', lang)}: {price} · {asks['sent']:,} {say('sent_one' if asks['sent'] == 1 else 'sent', lang)}"
        + "".join(f" · {count:,} {say(word, lang)}" for count, word in kinds)
        + f" · {say('saved', lang)} ¥{cost['saved']}",
    ]
    if quota["known"]:
        lines.append(
            f"{say('left', lang)}: {quota['left_after']:,} / {quota['total']:,}"
            + (f" · {say('low', lang).format(low_percent)}" if quota["low"] else "")
        )
    lines += [f"{say('result', lang)}: {output['path']}" for output in summary["outputs"]]
    if note:
        lines.append(note)
    if reason:
        lines.append(f"{message(reason, lang)} {action(reason, lang)}".strip())
    if summary["simulated"]:
        lines.append(say("simulated", lang))
    if summary["next"] is not None:
        lines.append(f"{say('next', lang)}: {summary['next']}")
    return "\n".join(lines)


def sample_text(statuses: Mapping[RowStatus, int], lang: Lang) -> str:
    """The rates of a first sample, each with its 95 % interval."""
    total = sum(statuses.values())
    rates = []
    for status, count in sorted(statuses.items()):
        low, high = interval(count, total)
        rates.append(f"{label_of_status(status, lang)} {count / total:.0%} ({low:.0%}–{high:.0%})")
    return f"{say('sample', lang)} ({total}): {', '.join(rates)}"


def inspection_text(inspection: Inspection, lang: Lang) -> str:
    """What is in a file: sheets, columns with masked examples, and what is not clear."""
    lines = [
        f"{say('file', lang)}: {inspection.name} ({inspection.kind}{', ' + inspection.encoding if inspection.encoding else ''})"
    ]
    for sheet in inspection.sheets:
        size = "" if sheet.rows is None else f" ({sheet.rows:,})"
        hidden = f" [{say('hidden_sheet', lang)}]" if sheet.hidden else ""
        lines.append(f"  {say('sheet', lang)}: {sheet.name}{size}{hidden}{' ←' if sheet.name == inspection.sheet else ''}")
    lines.append(f"{say('header_row', lang)}: {inspection.header_row}")
    for column in inspection.columns:
        score = "" if column.score is None else f" {column.score:.1f}"
        lines.append(
            f"  {column.letters} {_one_line(column.header)!r} → {label_of_field(column.field, lang)}"
            f" [{say(column.confidence, lang)}{score}]: {', '.join(column.examples)}"
        )
        if column.rivals:
            rivals = ", ".join(f"{letters} {_one_line(header)!r}" for letters, header in column.rivals)
            lines.append(f"      {say('rivals', lang).format(rivals, f'--map {column.field}={column.letters}')}")
    if any(column.confidence == "as_last_time" for column in inspection.columns):
        lines.append(f"  {say('last_time', lang)}")
    if inspection.missing:
        lines.append(f"  {say('missing', lang)}: {', '.join(label_of_field(one, lang) for one in inspection.missing)}")
    if inspection.others:
        others = ", ".join(f"{letters} {_one_line(header)!r}" for letters, header in inspection.others)
        lines.append(f"  {say('others', lang)}: {others}")
    hidden = f" · {inspection.hidden_rows:,} {say('hidden', lang)}" if inspection.hidden_rows else ""
    lines.append(f"{say('rows', lang)}: {inspection.rows:,}{hidden}")
    return "\n".join(lines)
