"""`--sheet all`: each sheet of people of each file in turn, and a word about every sheet that is passed over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchverify.cli.terminal import Terminal, say, session_of

if TYPE_CHECKING:
    from batchverify.job import Options
    from batchverify.job.sheets import SheetLook
    from batchverify.settings import Settings
    from batchverify.tables.passwords import Passwords

#: The word of `--sheet`, as in `job.sheets`, which is not imported for other commands.
ALL = "all"

_WHY = {
    "hidden": ("it is hidden. Name it with --sheet to have it verified", "该表已隐藏，如需核验请用 --sheet 指定"),
    "ours": ("it is of an earlier result", "属于以往的核验结果"),
    "empty": ("it has no rows", "没有数据行"),
    "no_column": ("no column for {}", "未找到：{}"),
}


def readings_of(
    files: Sequence[Path], options: Options, settings: Settings, given: dict[str, Any], passwords: Passwords
) -> list[tuple[Path, Options]]:
    """Give each file with the choices for it: one for each sheet of people where all are wanted, else one."""
    if given["sheet"] != ALL:
        return [(file, options) for file in files]
    from dataclasses import replace

    from batchverify.job.sheets import look_at_sheets, one_sheet

    session = session_of(settings, given, Terminal(given, settings), passwords)
    without = replace(options, reading=replace(options.reading, sheet=None))
    found: list[tuple[Path, Options]] = []
    for file in files:
        looks = look_at_sheets(file, without, session)
        for look in looks:
            if look.why is not None:
                say(_passed_over(file, look, options), err=True)
        names = [look.name for look in looks if look.why is None]
        found += [(file, one_sheet(options, name)) for name in names] if looks else [(file, without)]
    return found


def _passed_over(file: Path, look: SheetLook, options: Options) -> str:
    from batchverify.words import Lang, label_of_field

    lang = options.delivery.lang
    is_chinese = lang is Lang.ZH
    fields = ("、" if is_chinese else ", ").join(label_of_field(one, lang) for one in look.missing)
    why = _WHY[str(look.why)][is_chinese].format(fields)
    if is_chinese:
        return f"{file.name} 的工作表 {look.name!r} 已跳过：{why}。"
    return f"The sheet {look.name!r} of {file.name} is passed over: {why}."


def inspected_readings(file: Path, options: Options, given: dict[str, Any], home: Path, passwords: Passwords) -> list[Options]:
    """Give the choices for each sheet that is to be shown: the one, or all, whatever is in them."""
    from dataclasses import replace

    from batchverify.job import inspect_file

    if given["sheet"] != ALL:
        return [options]
    without = replace(options, reading=replace(options.reading, sheet=None))
    sheets = inspect_file(file, without.reading, home=home, passwords=passwords, recalls=True).sheets
    if not sheets:
        return [without]
    names = [sheet.name for sheet in sheets]
    shown = [ALL] if ALL in names else names
    return [replace(options, reading=replace(options.reading, sheet=name)) for name in shown]
