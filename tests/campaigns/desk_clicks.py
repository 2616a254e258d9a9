"""Several people click on one desk at once, in no order that anybody has thought of, while the server is closed and opened.

    python -m tests.campaigns.desk_clicks --clicks 2000 --seed 1

The one thing to know: every click may be refused with a sentence, and nothing else. The vendor's bill is the referee: no question is
paid twice, and no more is asked than was confirmed.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from batchverify.desk import Case, Desk, Stage
from batchverify.errors import InputError
from batchverify.job import Mandate
from batchverify.sandbox import Running, running
from batchverify.settings import Settings, load_settings
from tests.builders import HEADERS, a_row

TABS, CASES, ROWS = 4, 5, 18
_PATIENCE_SECONDS = 60
_AGAIN = ((), ("all-open",), ("failed", "locked"))


@dataclass(slots=True, kw_only=True)
class Clicks:
    """What was clicked and what came of it. `caps` are the asks that were confirmed, `runs` what was begun for each confirmation."""

    draw: random.Random
    clicks: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    caps: dict[tuple[str, object], int] = field(default_factory=dict)
    runs: dict[tuple[str, object], set[str]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def done(self, word: str, refusal: str = "") -> None:
        with self._lock:
            self.clicks[word] += 1
            if refusal:
                self.refused[word] += 1

    def look(self, desk: Desk, name: str) -> None:
        """Take down what a case says of its confirmation: once, however many tabs have sent it."""
        case = desk.case(name)
        if case.confirmed is not None:
            with self._lock:
                which = (case.id, case.confirmed.at)
                self.caps[which] = case.confirmed.cap_asks
                self.runs.setdefault(which, set()).update(case.confirmed.runs)


def campaign(folder: Path, *, clicks: int, seed: int) -> Clicks:
    """Click that often, let everything come to its end, and judge by the bill."""
    told = Clicks(draw=random.Random(seed))
    with running() as sandbox:
        sandbox.vendor.latency_seconds = 0.03
        settings = load_settings(
            endpoint=sandbox.endpoint, app_code="sandbox", home=folder / "home", qps=5000.0, concurrency=6, back_off_seconds=0.01
        )
        names: list[str] = []
        for _ in range(3):
            with Desk.open(settings) as desk:
                while len(names) < CASES:
                    names.append(_uploaded(desk, len(names)).id)
                desk.subscribe(partial(told.look, desk))
                tabs = [random.Random(told.draw.random()) for _ in range(TABS)]
                with ThreadPoolExecutor(TABS) as people:
                    list(people.map(lambda tab: _click(desk, names, tab, clicks // 3 // TABS, told), tabs))
        asked = sandbox.bill.total()
        _finish(settings, names, told)
        _judge(settings, names, sandbox, told)
        told.clicks["asked while clicked"] = asked
    return told


def _uploaded(desk: Desk, number: int) -> Case:
    """Upload people, some of whom stand in other files, too."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([HEADERS[name] for name in ("name", "idCard", "accountNo")])
    for person in range(number * ROWS * 2 // 3, number * ROWS * 2 // 3 + ROWS):
        writer.writerow([a_row(person + 1)[name] for name in ("name", "idCard", "accountNo")])
    with desk.receive(f"名单-{number}.csv", owner="王芳") as receipt:
        receipt.write(text.getvalue().encode("utf-8-sig"))
        return receipt.finish()


def _click(desk: Desk, names: Sequence[str], draw: random.Random, clicks: int, told: Clicks) -> None:
    for _ in range(clicks):
        word = draw.choices(list(_BUTTONS), _OFTEN)[0]
        try:
            _BUTTONS[word](desk, draw.choice(names), draw, told)
        except InputError as refusal:
            told.done(word, str(refusal))
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is what this looks for
            told.broken.append(f"{word}: {type(fault).__name__}: {fault}")
        else:
            told.done(word)


def _confirm(desk: Desk, name: str, draw: random.Random, _: Clicks) -> None:
    shown = desk.case(name).shown
    if shown is None or shown.is_rerun:
        plan = desk.plan(name)
        digest, asks = plan.digest, plan.asks
    else:
        digest, asks = shown.digest, shown.asks
    cap = draw.choice([asks, asks // 2, 3])
    desk.confirm(name, digest=digest, cap_asks=cap, mandate=Mandate(purpose="核验"))


def _rerun(desk: Desk, name: str, draw: random.Random, _: Clicks) -> None:
    what = draw.choice(_AGAIN)
    plan = desk.rerun_plan(name, what)
    desk.rerun(name, what, digest=plan.digest, cap_asks=draw.choice([plan.asks, 2]))


def _take_home(desk: Desk, name: str, draw: random.Random, _: Clicks) -> None:
    known = desk.downloads(name)
    if known:
        assert desk.download(name, draw.choice(known).word).is_file()


def _look(desk: Desk, name: str, draw: random.Random, _: Clicks) -> None:
    live = desk.wait(name, desk.live(name).version, 0.03)
    assert live.billed <= (live.cap_asks or 0), live
    page = desk.rows(name, offset=draw.randrange(10), limit=5)
    assert page.total in {0, ROWS}, page.total


_BUTTONS: dict[str, Callable[[Desk, str, random.Random, Clicks], Any]] = {
    "plan": lambda desk, name, *_: desk.plan(name),
    "confirm": _confirm,
    "pause": lambda desk, name, *_: desk.pause(name),
    "stop": lambda desk, name, *_: desk.stop(name),
    "go on": lambda desk, name, *_: desk.go_on(name),
    "rerun": _rerun,
    "look": _look,
    "take home": _take_home,
    "partial": lambda desk, name, *_: desk.partial(name).is_file(),
}


#: How often each is clicked, beside the others.
_OFTEN = (2, 5, 1, 1, 6, 4, 8, 2, 1)


def _finish(settings: Settings, names: Sequence[str], told: Clicks) -> None:
    """Have whatever is open asked to its end, as patient people would."""
    with Desk.open(settings) as desk:
        desk.subscribe(partial(told.look, desk))
        for name in names:
            ends = time.monotonic() + _PATIENCE_SECONDS
            while (case := _rested(desk, name)).ending != "complete" and time.monotonic() < ends:
                if case.job is None:
                    plan = desk.plan(name)
                    desk.confirm(name, digest=plan.digest, cap_asks=plan.asks, mandate=Mandate())
                elif desk._room.is_finished(case):
                    desk.go_on(name)  # by another case, which has asked the same people
                else:
                    plan = desk.rerun_plan(name, "all-open")
                    desk.rerun(name, "all-open", digest=plan.digest, cap_asks=plan.asks)
            if case.stage is not Stage.ENDED:
                told.broken.append(f"{case.name} did not come to its end: {case.stage}, {case.problem}")


def _rested(desk: Desk, name: str) -> Case:
    live = desk.live(name)
    while live.stage.is_under_way:
        live = desk.wait(name, live.version, 1)
    return desk.case(name)


def _judge(settings: Settings, names: Sequence[str], sandbox: Running, told: Clicks) -> None:
    twice = {question: count for question, count in sandbox.bill.per_question().items() if count > 1}
    if twice:
        told.broken.append(f"{len(twice)} questions were asked more than once.")
    with Desk.open(settings) as desk:
        for name in names:
            counts = desk.rows(name).counts
            if sum(counts.values()) != ROWS or set(counts) != {"matched"}:
                told.broken.append(f"{desk.case(name).name} ended with {dict(counts)}.")
        confirmed = [act for act in desk.acts(limit=100_000) if act.act == "confirmed"]
        if len(confirmed) != len(told.caps):
            told.broken.append(f"{len(told.caps)} confirmations, and the record knows {len(confirmed)}.")
        spent = {run.id: run.spent for name in names for run in desk._room.ledger.runs(desk.case(name).job or "")}
        for which, cap in told.caps.items():
            if (asked := sum(spent[run] for run in told.runs[which])) > cap:
                told.broken.append(f"{asked} were asked where {cap} were confirmed.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print what was seen; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.desk_clicks", description="Click on a desk from all sides.")
    parser.add_argument("--clicks", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clicks-") as folder:
        told = campaign(Path(folder), clicks=options.clicks, seed=options.seed)
    lines = [
        f"seed {options.seed}: {options.clicks} clicks by {TABS} people in {time.monotonic() - began:.0f} s",
        ", ".join(f"{word} {count} ({told.refused[word]} refused)" for word, count in sorted(told.clicks.items())),
        f"confirmed {sum(told.caps.values())} asks in {len(told.caps)} confirmations, for which {sum(map(len, told.runs.values()))} runs were begun",
        *(told.broken or ["nothing asked twice, nothing beyond what was confirmed"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if told.broken else 0


if __name__ == "__main__":
    sys.exit(main())
