"""The parts of README.md and SECURITY.md that follow from the code, for cog: commands, options, settings, statuses, what the sample gives.

The one thing to know: options come from the commands themselves and the sample's table from a real run in the sandbox,
so that neither can say what is not so. Each function gives Markdown.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import openpyxl

from batchverify.cli.main import cli
from batchverify.model import RowStatus
from batchverify.report.legend import legend_sheet
from batchverify.settings import Settings
from batchverify.words import Lang, label_of_status

SAMPLE = Path(__file__).parent.parent / "samples" / "名单.xlsx"
# cog has only this folder on the path; what the tests say of themselves is read from theirs.
sys.path.insert(0, str(Path(__file__).parent.parent))
_EVERYWHERE = ("home", "log_level", "log_file", "help")


def commands() -> str:
    """Every command, with the first sentence of its help."""
    lines = ["| command | what it does |", "|---|---|"]
    lines += [f"| `batchverify {name}` | {_cell(command.help)} |" for name, command in _commands(cli)]
    return "\n".join(lines)


def options() -> str:
    """Every option, its help, and the commands that take it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name, command in _commands(cli):
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden and option.name not in _EVERYWHERE:
                found.setdefault(_spelled(option), (_cell(option.help), []))[1].append(name.split()[0])
    lines = ["| option | what it does | commands |", "|---|---|---|"]
    lines += [f"| `{spelled}` | {text} | {', '.join(dict.fromkeys(names))} |" for spelled, (text, names) in found.items()]
    return "\n".join(lines)


def settings() -> str:
    """Every setting with its default."""
    lines = ["| setting | default |", "|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "" if default in (None, "", {}, ()) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        lines.append(f"| `{name}` | {shown} |")
    return "\n".join(lines)


def statuses() -> str:
    """Every status, its Chinese word, what it means, and whether it is final."""
    meanings = {row[0]: row[2] for row in legend_sheet(Lang.EN).rows if row[2:]}
    lines = ["| `bv_status` | 中文 | what it means | final |", "|---|---|---|---|"]
    for status in RowStatus:
        final = "no" if status.is_open else "yes"
        lines.append(f"| `{status}` | {label_of_status(status, Lang.ZH)} | {meanings[status]} | {final} |")
    return "\n".join(lines)


def sample() -> str:
    """What the Chinese sample gives, row by row, by bank3 and by bank3-detail."""
    with tempfile.TemporaryDirectory() as folder:
        plain, detail = (_outcomes(Path(folder), product) for product in ("bank3", "bank3-detail"))
        lines = ["| row | 姓名 | what is odd about it | `bank3` | `bank3-detail` |", "|---|---|---|---|---|"]
        for (row, name, remark, outcome), (_, _, _, other) in zip(plain[0], detail[0], strict=True):
            lines.append(f"| {row} | {name} | {remark} | {outcome} | {'the same' if other == outcome else other} |")
        lines.append(f"| | | **in all** | {plain[1]} | {detail[1]} |")
    return "\n".join(lines)


def fault_matrix() -> str:
    """Every fault, what comes of it, and the tests that prove it: read from the marks of the tests."""
    from tests.faults import Danger, proofs  # noqa: PLC0415 - they are on the path only from here on

    found = proofs()
    lines = ["| fault | outcome | proven by |", "|---|---|---|"]
    for danger in Danger:
        names = "<br>".join(f"`{name}`" for name in dict.fromkeys(proof.name for proof in found[danger]))
        lines.append(f"| {danger.fault} | {danger.outcome} | {names} |")
    return "\n".join(lines)


def threats() -> str:
    """Every threat with what is held against it and the tests that attack it, by what it aims at."""
    from tests.threats import Area, Threat, guarded  # noqa: PLC0415 - as above

    found = guarded()
    lines = ["| threat | control | attacked by |", "|---|---|---|"]
    for area in Area:
        rows = [threat for threat in Threat if threat.area is area]
        lines += [f"| **{area.value}** | | |"] if rows else []
        for threat in rows:
            names = "<br>".join(f"`{name}`" for name in dict.fromkeys(proof.name for proof in found[threat]))
            lines.append(f"| {_cell(threat.threat)} | {_cell(threat.control)} | {names} |")
    return "\n".join(lines)


def planted_bugs() -> str:
    """Every planted bug and the test that must catch it, from the campaign's own list."""
    from tests.campaigns.bugs import BUGS  # noqa: PLC0415 - as above

    lines = ["| planted bug | caught by |", "|---|---|"]
    lines += [f"| {_cell(bug.what)} | `{bug.caught_by.rpartition('::')[2]}` |" for bug in BUGS]
    return "\n".join(lines)


def _outcomes(folder: Path, product: str) -> tuple[list[tuple[int, str, str, str]], str]:
    target = folder / f"{product}.xlsx"
    # A home for each, so that the lock of the first run does not reach the second.
    told = [
        "--sandbox",
        "--yes",
        "--json",
        "--lang",
        "en",
        "--product",
        product,
        "-o",
        str(target),
        "--home",
        str(folder / product),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "batchverify", "run", str(SAMPLE), *told],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    summary = json.loads(done.stdout)
    sheet = openpyxl.load_workbook(target)["名单"]
    rows = []
    for number, row in enumerate(sheet.iter_rows(min_row=4, values_only=True), start=4):
        name, remark, status, code, source = row[1], row[8], row[9], row[10], row[13]
        if status:
            origin = "" if str(source).startswith(("asked", "local")) else f" ({str(source).partition('-')[0]})"
            rows.append((number, str(name), str(remark), f"`{status}` {code}{origin}"))
    counts = " · ".join(f"{count} {status}" for status, count in summary["status"].items() if count)
    asks, cost = summary["asks"], summary["cost"]
    price = f"¥{cost['min']}" if cost["min"] == cost["max"] else f"¥{cost['min']} to {cost['max']}"
    spent = f"{asks['sent']} asks, {asks['billed']} billed, {price}, saved ¥{cost['saved']}"
    return rows, f"{summary['rows']['total']} rows: {counts} · {spent} · exit code {done.returncode}"


def _commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    # Groups last: what an option does is told as the commands of every day tell it.
    for name, command in sorted(group.commands.items(), key=lambda item: isinstance(item[1], click.Group)):
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _spelled(option: click.Option) -> str:
    spelled = ", ".join(option.opts)
    if option.is_flag:
        return spelled
    if isinstance(option.type, click.Choice):
        return f"{spelled} {_cell('|'.join(option.type.choices))}"
    return f"{spelled} {_cell(option.type.name.upper().replace(' RANGE', '').replace('TEXT', 'WORD'))}"


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
