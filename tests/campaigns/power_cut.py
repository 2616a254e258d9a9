"""Cut the power after every system call of a run, on a disk that keeps nothing unsynced, and look what the ledger still knows.

    python -m tests.campaigns.power_cut [--cuts N] [--resumes N] [--seed S]

The one thing to know: a real run is traced once (`system_trace`); then, for each place of a cut, the folder is built as a
disk would have it (`disk_model`) and opened with the real ledger. Every ask that had begun to leave by then must have its
intent there. From some of them a run goes on, against a vendor who remembers the asks before the cut and no later one.

Five runs are traced: a first one, whose home is new with the folders above it; one that goes on with a half-done job; one that
recovers what a killed one left in flight; one whose log is copied back every few pages, as a long run's is every 40 MB; one of
many questions.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import batchverify
from batchverify.errors import BatchVerifyError, HomeError
from batchverify.model import Product, Query, RowStatus
from batchverify.rules.key import key_material
from batchverify.sandbox.bill import question_digest
from batchverify.store.home import Home
from batchverify.store.ledger import Ledger
from batchverify.store.vault import Vault
from tests import desk as passes
from tests.campaigns.disk_faults import command_of, quick_folder
from tests.campaigns.disk_model import Disk, Loss, prefixes
from tests.campaigns.invariants import Sheet, check
from tests.campaigns.people import Person, person, read_result, write_sheet
from tests.campaigns.processes import Desk, VendorProcess, ended, wait_until
from tests.campaigns.system_trace import Step, question_of, record, steps_of

CONCURRENCY = 4
#: The home's own folder is new, too: its name must be as durable as what is in it.
HOME = Path("new") / "home"
RESULT = "people.verified.csv"
_COPIED_BACK = ("store/ledger/schema.py", "CHECKPOINT_PAGES = 10_000", "CHECKPOINT_PAGES = 12")
_OPEN_ROWS = 3
_LATENCY_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A run to trace, after another that stopped at its cap, or that was killed when so many had arrived.

    `changes` are made in a copy of the product: a file of it, what stands there, what shall.
    """

    name: str
    questions: int = 12
    capped_before: int = 0
    killed_before: int = 0
    changes: Sequence[tuple[str, str, str]] = ()


RECIPES = (
    Recipe(name="first"),
    Recipe(name="going on", capped_before=5),
    Recipe(name="recovering", killed_before=5),
    Recipe(name="copied back", questions=16, changes=[_COPIED_BACK]),
    Recipe(name="many", questions=60),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A traced run: its folder as it was before, what was done, and the vendor's whole bill."""

    recipe: Recipe
    desk: Desk
    rows: Sequence[Person]
    before: Path
    steps: list[Step]
    bill: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was tried and what was seen. `missing` counts asks that had left without an intent that survived."""

    cuts: int = 0
    asks: int = 0
    missing: int = 0
    resumes: int = 0
    opened: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Spell the figures."""
        yield f"homes built {self.cuts}: " + ", ".join(f"{count} {word}" for word, count in sorted(self.opened.items()))
        yield f"asks that had left by then {self.asks}, intents missing {self.missing}"
        yield f"gone on with {self.resumes}"
        yield from self.broken or ["nothing forgotten, nothing paid twice"]


def traced(recipe: Recipe, folder: Path, vendor: VendorProcess) -> Recorded:
    """Trace a run. Raises AssertionError when it is not what it should be."""
    folder = folder.resolve()
    vendor.post("reset", {})
    room = folder / "desk"
    room.mkdir(parents=True)
    environment = {"BATCHVERIFY_HOME": str(room / HOME), "TMPDIR": str(folder)}
    if recipe.changes:
        environment["PYTHONPATH"] = str(_changed_copy(folder / "copy", recipe.changes))
    desk = Desk(folder=room, vendor=vendor, environment=environment)
    rows = [person(number, "02" if number % 5 == 0 else "00") for number in range(recipe.questions)]
    write_sheet(room / "people.csv", rows)
    _run_before(recipe, desk, vendor)
    before = vendor.total()
    shutil.copytree(room, folder / "before")
    told = ("run", "people.csv", "--yes", "--json", "--concurrency", str(CONCURRENCY))
    command, whole = command_of(desk, *told)
    run = record(command, folder=room, environment=whole, trace=folder / "trace")
    assert run.returncode == (_OPEN_ROWS if recipe.killed_before else 0), run.stderr
    steps = steps_of(folder / "trace", below=room)
    bill = vendor.bill()
    sent = sum(step.name == "send" for step in steps)
    assert sent == bill["total"] - before > 0, "The trace missed an ask."
    return Recorded(recipe=recipe, desk=desk, rows=rows, before=folder / "before", steps=steps, bill=bill)


def _run_before(recipe: Recipe, desk: Desk, vendor: VendorProcess) -> None:
    told = ("run", "people.csv", "--yes", "--concurrency", str(CONCURRENCY))
    if recipe.capped_before:
        first = desk.run(*told, "--max-asks", str(recipe.capped_before))
        assert first.code == _OPEN_ROWS, first.err
    if recipe.killed_before:
        # Slow, so that something is in flight whenever it is killed.
        vendor.post("latency", {"seconds": 0.1})
        process = desk.begin(*told)
        wait_until(lambda: vendor.total() >= recipe.killed_before, process=process)
        process.kill()
        run = ended(process)
        assert run.code == -signal.SIGKILL, f"It was faster than we: {run.err}"
        vendor.post("latency", {"seconds": _LATENCY_SECONDS})


def _changed_copy(folder: Path, changes: Sequence[tuple[str, str, str]]) -> Path:
    """Copy the product and change a few words of it; returns the folder to import it from."""
    package = folder / "batchverify"
    shutil.copytree(Path(batchverify.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in changes:
        text = (package / name).read_text("utf-8")
        assert old in text, f"{name} has no {old!r} to change."
        (package / name).write_text(text.replace(old, new), "utf-8")
    return folder


def cut_everywhere(recorded: Recorded, tally: Tally, *, cuts: int, resumes: int, draw: random.Random) -> None:
    """Build what is left after a cut at every sync and every send, and at `cuts` places between; go on from `resumes` of them.

    At every sync and send all is lost that was not synced; the drawn places have each kind of loss in turn.
    """
    steps = recorded.steps
    plan: dict[int, list[Loss]] = {}
    for at in prefixes(steps):
        plan.setdefault(at, []).append(Loss.ALL)
    for number in range(cuts):
        plan.setdefault(draw.randint(0, len(steps)), []).append(list(Loss)[number % len(Loss)])
    whole = [(at, loss) for at, losses in sorted(plan.items()) for loss in losses]
    chosen = set(draw.sample(range(len(whole)), min(resumes, len(whole))))
    room = recorded.desk.folder
    _restore(recorded)
    disk, done = Disk(room), 0
    for number, (at, loss) in enumerate(whole):
        for step in steps[done:at]:
            disk.do(step)
        done = at
        disk.put_down(loss, draw)
        _scribble(room, loss, draw)
        sent = [step for step in steps[:at] if step.name == "send"]
        tally.broken += [f"{recorded.recipe.name}, {loss} at step {at}: {fault}" for fault in _judged(recorded, sent, tally)]
        if number in chosen:
            tally.resumes += 1
            faults = _gone_on(recorded, sent)
            tally.broken += [f"{recorded.recipe.name}, {loss} at step {at}, going on: {fault}" for fault in faults]


def _restore(recorded: Recorded) -> None:
    shutil.rmtree(recorded.desk.folder)
    shutil.copytree(recorded.before, recorded.desk.folder)


def _scribble(room: Path, loss: Loss, draw: random.Random) -> None:
    """The index of a log is shared memory: what a cut leaves of it may be anything."""
    if loss in {Loss.SOME, Loss.TORN}:
        for index in (room / HOME).rglob("*-shm"):
            index.write_bytes(draw.randbytes(draw.choice((0, 100, 32_768))))


def _judged(recorded: Recorded, sent: Sequence[Step], tally: Tally) -> Iterator[str]:
    """Open what is left and look for the intents of what had left; yields what is wrong."""
    tally.cuts += 1
    asked = Counter(question_of(step) for step in sent)
    for cells in _cells_before(recorded):
        asked[cells] += 1
    tally.asks += asked.total()
    yield from _of_result(recorded)
    home = recorded.desk.folder / HOME
    if not (home / "sandbox" / "ledger.sqlite").exists():
        tally.opened["without a ledger"] += 1
        missing = asked.total()
    else:
        try:
            found = _attempts(home, list(asked))
        except HomeError as error:
            tally.opened["refused"] += 1
            tally.missing += asked.total()
            yield f"the ledger does not open: {error}"
            return
        tally.opened["whole"] += 1
        yield from found.damages
        missing = sum(max(0, count - found.attempts[cells]) for cells, count in asked.items())
    tally.missing += missing
    if missing:
        yield f"{missing} of {asked.total()} asks had left and have no intent"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    attempts: Mapping[tuple[str, str, str], int]
    damages: Sequence[str]


def _attempts(home: Path, questions: Sequence[tuple[str, str, str]]) -> _Found:
    """How many attempts the ledger has of each question. Raises HomeError where it does not open."""
    place = Home.open(home).realm(simulated=True)
    with Ledger.open(place.ledger, create=False, simulated=True) as ledger:
        vault = Vault.open(place.key_file, ledger=ledger)
        keys = {cells: vault.key(key_material(_query(cells))) for cells in questions}
        found = ledger.attempts(list(keys.values()))
        return _Found(attempts={cells: len(found.get(key, ())) for cells, key in keys.items()}, damages=ledger.damages())


def _of_result(recorded: Recorded) -> Iterator[str]:
    """A result is absent or whole."""
    path = recorded.desk.folder / RESULT
    if path.exists() and not _is_before(recorded, path):
        rows = read_result(path)
        if len(rows) != len(recorded.rows) or not all(row["bv_status"] for row in rows):
            yield "half of a result lies in its place"


def _is_before(recorded: Recorded, path: Path) -> bool:
    earlier = recorded.before / path.name
    return earlier.exists() and earlier.read_bytes() == path.read_bytes()


def _cells_before(recorded: Recorded) -> Iterator[tuple[str, str, str]]:
    """The questions that were asked, or were about to be, before the trace began."""
    sent = {question_of(step) for step in recorded.steps if step.name == "send"}
    yield from (one.cells for one in recorded.rows if one.cells not in sent)


def _gone_on(recorded: Recorded, sent: Sequence[Step]) -> Iterator[str]:
    """Run the same file again after the cut until every row has ended, and check everything against the bill."""
    vendor, desk = recorded.desk.vendor, recorded.desk
    assert vendor is not None
    vendor.post("reset", {})
    remembered = _bill_of(recorded, [*(question_of(step) for step in sent), *_cells_before(recorded)])
    going_on = passes.Desk(folder=desk.folder, home=desk.folder / HOME, endpoint=vendor.endpoint)
    try:
        result = going_on.verify(desk.folder / "people.csv")
        yield from _checked(recorded, result, remembered)
        if result.counts().get("in_doubt"):
            result = going_on.rerun(result.job, what=frozenset({RowStatus.IN_DOUBT}))
            yield from _checked(recorded, result, remembered)
    except BatchVerifyError as error:
        yield f"{type(error).__name__}: {error}"
        return
    if not {"matched", "mismatched"}.issuperset(result.counts()):
        yield f"at the end the rows are {result.counts()}"


def _checked(recorded: Recorded, result: passes.Result, remembered: Mapping[str, Any]) -> list[str]:
    assert recorded.desk.vendor is not None
    bill = recorded.desk.vendor.bill()
    for name in ("asks", "total", "billed"):
        bill[name] = remembered[name] + bill[name]
    sheet = Sheet(rows=recorded.rows, result=result.path)
    return check(recorded.desk.folder / HOME, bill, [sheet], in_flight=max(CONCURRENCY, 50)).broken


def _bill_of(recorded: Recorded, questions: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """The vendor's bill as it was when only these had been asked."""
    digests = {question_digest("bank3", name=name, id_card=number, account_no=card).hex() for name, number, card in questions}
    asks = [ask for ask in recorded.bill["asks"] if ask["question"] in digests]
    return {"asks": asks, "total": len(asks), "billed": sum(ask["billed"] for ask in asks)}


def _query(cells: tuple[str, str, str]) -> Query:
    name, id_card, account_no = cells
    return Query(product=Product.BANK3, name=name, id_card=id_card, account_no=account_no)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print what was seen; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.power_cut", description="Cut the power anywhere and look what the ledger knows."
    )
    parser.add_argument("--cuts", type=int, default=2_000, help="drawn cuts of each run, beside those at every sync and send")
    parser.add_argument("--resumes", type=int, default=60, help="how many homes of each run are gone on with")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args(arguments)
    began, tally, seen = time.monotonic(), Tally(), []
    with quick_folder() as folder, VendorProcess("--latency-ms", "5") as vendor:
        for recipe in RECIPES:
            recorded = traced(recipe, folder / recipe.name, vendor)
            seen.append(f"{recipe.name}: {len(recorded.steps)} steps, {len(list(prefixes(recorded.steps)))} syncs and sends")
            draw = random.Random(f"{options.seed} {recipe.name}")
            cut_everywhere(recorded, tally, cuts=options.cuts, resumes=options.resumes, draw=draw)
            shutil.rmtree(folder / recipe.name)
    lines = [f"seed {options.seed}, {time.monotonic() - began:.0f} s", *seen, *tally.lines()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
