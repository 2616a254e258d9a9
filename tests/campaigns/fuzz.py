"""Inputs without end for every place where a stranger's bytes come in: none may crash, hang, fill the memory, tell or send anything.

    python -m tests.campaigns.fuzz --target all --minutes 30 --seed 1
    python -m tests.campaigns.fuzz --target answer --runs 1000000 --keep findings

The one thing to know: each target runs in a process of its own with bounded memory, guided by coverage where `atheris` is
installed (`pip install atheris`, which has wheels for Linux), else by seeded mutations of files of our own writers, which find
less for each execution and need nothing. `--keep FOLDER` keeps the inputs of findings, each with its traceback beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.campaigns.fuzz_homes import TARGETS

#: How much longer than it was given a process may take to come up and to end its last input, in seconds.
_GRACE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far a target came: `died` is how the process ended before its time, "" for not at all."""

    target: str
    executions: int
    seconds: float
    slowest_seconds: float
    memory_bytes: int
    findings: Mapping[str, str] = field(default_factory=dict)
    died: str = ""

    @property
    def is_clean(self) -> bool:
        return not (self.findings or self.died)

    def __str__(self) -> str:
        figures = (
            f"{self.target:9} {self.executions:>9,} executions in {self.seconds:6,.0f} s, the slowest {self.slowest_seconds:.2f} s, "
            f"{self.memory_bytes >> 20} MiB"
        )
        found = [f"  {place}: {name}" for place, name in self.findings.items()]
        return "\n".join(
            [f"{figures}: {'clean' if self.is_clean else 'NOT CLEAN'}", *([f"  {self.died}"] if self.died else []), *found]
        )


def engine() -> str:
    """The best engine that is installed."""
    return "mutations" if find_spec("atheris") is None else "atheris"


def fuzz(targets: Sequence[str], folder: Path, *, runs: int, seconds: float, seed: int, by: str) -> list[Report]:
    """Fuzz targets in one process, each until so many executions or seconds are over. `folder` keeps what they find."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [",".join(targets), by, str(runs), str(seconds), str(seed), str(folder)]
    with (folder / "out").open("wb") as out:
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "tests.campaigns.fuzz_process", *words],
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=len(targets) * seconds + _GRACE_SECONDS,
            )
            died = "" if ended.returncode == 0 else f"the process ended with {ended.returncode}; its last input is kept as 'last'"
        except subprocess.TimeoutExpired:
            died = "an input never ended; it is kept as 'last'"
    return [_report(target, folder / target, died) for target in targets]


def _report(target: str, folder: Path, died: str) -> Report:
    state: dict[str, Any] = {"executions": 0, "seconds": 0.0, "slowest": 0.0, "memory": 0, "findings": {}}
    if (folder / "state.json").exists():
        state = json.loads((folder / "state.json").read_text("utf-8"))
    return Report(
        target=target,
        executions=state["executions"],
        seconds=state["seconds"],
        slowest_seconds=state["slowest"],
        memory_bytes=state["memory"],
        findings=state["findings"],
        died=died,
    )


def campaign(
    targets: Sequence[str],
    folder: Path,
    *,
    runs: int,
    seconds: float,
    seed: int,
    by: str,
    on_each: Callable[[Report], None] = lambda _: None,
) -> list[Report]:
    """Fuzz several targets one after the other, each in a process of its own."""
    reports = []
    for target in targets:
        reports += fuzz([target], folder, runs=runs, seconds=seconds, seed=seed, by=by)
        on_each(reports[-1])
    return reports


def _show(report: Report) -> None:
    sys.stdout.write(f"{report}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print how far each target came; 1 where anything was found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.fuzz", description="Fuzz whatever a stranger's bytes come into."
    )
    parser.add_argument("--target", action="append", choices=["all", *TARGETS], help="Repeatable. Default: all.")
    parser.add_argument("--runs", type=int, default=1_000_000, metavar="N", help="Executions of each. Default: 1,000,000.")
    parser.add_argument("--minutes", type=float, default=30.0, metavar="M", help="At most so long for each. Default: 30.")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--engine", choices=["atheris", "mutations"], default=engine())
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="Keep findings and what was learned there.")
    given = parser.parse_args(arguments)
    words = [word for word in dict.fromkeys(given.target or ["all"]) if word != "all"] or list(TARGETS)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        reports = campaign(
            words,
            given.keep or Path(folder),
            runs=given.runs,
            seconds=60 * given.minutes,
            seed=given.seed,
            by=given.engine,
            on_each=_show,
        )
    return 0 if all(report.is_clean for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
