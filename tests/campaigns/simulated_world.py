"""One world: what is drawn from its seed, what happens in it, and how it is judged.

The one thing to know: everything is drawn from one stream of numbers, in the order in which it happens, and nothing else is
random. So the same seed is the same world, to the last callback.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from batchverify.model import AttemptState, Billed, RowStatus
from batchverify.sandbox import console
from batchverify.sandbox.vendor import Settings as VendorSettings
from batchverify.sandbox.vendor import Vendor
from batchverify.sandbox.wallet import Standing
from batchverify.store.ledger import Job, JobSpec, Ledger, RunKind
from batchverify.store.ledger.books import LEASE_SECONDS
from batchverify.store.vault import Vault
from batchverify.vendor.client import Client
from batchverify.vendor.products import request_target
from tests.builders import enter_package
from tests.campaigns.invariants import Findings, check_ledger
from tests.campaigns.referee import Clocks, Referee
from tests.campaigns.simulated_machine import Disk, Machine
from tests.campaigns.simulated_process import Errand, Fate, Process, scope_of, standing
from tests.campaigns.simulated_questions import Question, draw_questions
from tests.campaigns.simulated_time import Timeline
from tests.campaigns.simulated_vendor import Network, Trouble, draw_rules

_DAY = 86_400.0
_OPEN = frozenset({RowStatus.LOCKED, RowStatus.FAILED, RowStatus.NOT_RUN})
_ALL_OPEN = _OPEN | {RowStatus.IN_DOUBT}
_REQUEST_IDS = "00000000-0000-4000-8000-"
#: Far more than any world needs that comes to an end.
_MOST_STEPS = 300_000
_PASSES = 8


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was seen in some worlds. `broken` are sentences, each with its seed."""

    seeds: int = 0
    crashes: int = 0
    excused: int = 0
    crowded: int = 0
    findings: Findings = field(default_factory=Findings)

    def add(self, other: Tally) -> None:
        """Put other worlds beside these."""
        self.seeds += other.seeds
        self.crashes += other.crashes
        self.excused += other.excused
        self.crowded += other.crowded
        self.findings.add(other.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a world is built of; a test that plants a bug gives a part that has one."""

    make_ledger: type[Ledger] = Ledger
    make_client: type[Client] = Client
    #: What is done to the tables before anybody uses them.
    tables: str = ""


class World:
    """One seed."""

    def __init__(
        self, seed: int, folder: Path, template: Path, *, parts: Parts, say: Callable[[str], None] | None = None
    ) -> None:
        self.seed = seed
        self._parts = parts
        self._say = say
        self._draw = draw = random.Random(seed)
        self._disk = Disk(folder / f"{seed}.sqlite")
        shutil.copyfile(template, self._disk.path)
        self.timeline = Timeline()
        self.machine = Machine(self.timeline, knows_its_boots=draw.random() < 0.8)
        self.machine.locks_tell = draw.random() < 0.8
        self._sets_clock_while_written = draw.random() < 0.1
        self._vendor = Vendor(
            VendorSettings(
                quota=draw.choice((1_000_000, 1_000_000, 1_000_000, draw.randint(1, 12))),
                risk_limit=draw.choice((None, None, 2, 3)),
                qps_limit=draw.choice((None, None, None, None, None, None, None, 3)),
            ),
            wall=lambda: 1_795_488_601.0 + self.timeline.now,
            monotonic=lambda: self.timeline.now,
            request_ids=_REQUEST_IDS,
        )
        self._network = Network(self.timeline, self._vendor, draw)
        self._vault = Vault(b"\x07" * 32, random=draw.randbytes)
        self._questions = draw_questions(draw, self._vault)
        desk = self._disk.connect()
        self.referee = Referee(
            con=desk,
            keys={request_target(question.query).encode(): question.key for question in self._questions},
            clocks=lambda: Clocks(
                boots=self.machine.boots, wall_offset=self.machine.wall_offset, monotonic=self.machine.monotonic()
            ),
        )
        # The desk's own hand on the ledger: it enters jobs and packages and reconciles, and never dies.
        self._ledger = Ledger(
            self._disk.path,
            simulated=True,
            writer=desk,
            reader=desk,
            stopwatch=lambda: 0.0,
            random=draw.randbytes,
        )
        self._jobs: list[tuple[Job, Sequence[Question]]] = []
        self._processes: list[Process] = []
        self._starting = self._rounds = 0
        self._qps = draw.choice((None, None, 5.0, 20.0))
        self._most_in_flight = 1

    def live(self) -> Tally:
        """Let everything happen and judge it."""
        draw = self._draw
        for _ in range(draw.choice((1, 1, 2, 3))):
            self._new_job()
        if draw.random() < 0.15:
            enter_package(self._ledger, "small", total=draw.randint(1, 20), now=self.machine.now())
        for _ in range(draw.choice((1, 1, 2, 2, 3))):
            self._round()
            self._between()
            if self.referee.broken:
                break
        if not self.referee.broken:
            self._calm()
        return self._judged()

    def close(self) -> None:
        """Let go of files and of what the dead have left."""
        for process in self._processes:
            process.die()
            process.loop.bury()
        self._disk.destroy()

    # What happens

    def _new_job(self) -> None:
        draw = self._draw
        questions = draw.sample(self._questions, k=draw.randint(max(1, len(self._questions) // 2), len(self._questions)))
        spec = JobSpec(path="people.csv", sha256=f"{len(self._jobs):064d}", size_bytes=1, product="auto")
        self._jobs.append((self._ledger.create_job(spec, now=self.machine.now(), token=draw.randbytes(5)), questions))

    def _round(self) -> None:
        """Some processes at once, with all the trouble that is drawn for them."""
        draw = self._draw
        self._vendor.script_faults(*draw_rules(draw))
        self._network.trouble = Trouble(
            no_connection=draw.choice((0.0, 0.0, 0.1, 0.5)),
            slow_connection=draw.choice((0.0, 0.0, 0.0, 0.2)),
            lost_on_the_way=draw.choice((0.0, 0.0, 0.05, 0.2)),
            vendor_seconds=draw.choice((0.02, 0.02, 0.2, 0.2, 0.2, 0.2, 2.0, 2.0, 20.0)),
        )
        for _ in range(draw.choice((1, 1, 2, 2, 3))):
            errand, fate, after = self._errand(), self._fate(), draw.choice((0.0, 0.1, 2.0, 60.0)) * draw.random()
            self._starts(after, errand, fate)
            if fate.sleeps_seconds > LEASE_SECONDS and draw.random() < 0.7:
                # Somebody is there when its lease lapses.
                self._starts(after + LEASE_SECONDS + draw.random() * (fate.sleeps_seconds - LEASE_SECONDS), errand, Fate())
        if draw.random() < 0.2:
            by_seconds = draw.choice((-1, 1)) * draw.choice((0.5, 30.0, 3_600.0, 2 * _DAY))
            self._within_round(draw.random() * 5, self._set_clock, by_seconds)
        if draw.random() < 0.08:
            self._within_round(draw.random() * 3, self.machine.restart)
        if draw.random() < 0.12:
            other = draw.choice((Standing.REVOKED, Standing.UNAUTHORIZED, Standing.ARREARS))
            self._within_round(draw.random() * 3, self._vendor.set_standing, other)
        self._run()
        self._rounds += 1

    def _starts(self, after: float, errand: Errand, fate: Fate) -> None:
        self._starting += 1
        self.timeline.after(after, self._start, errand, fate)

    def _within_round(self, after: float, act: Callable[..., None], *arguments: object) -> None:
        number = self._rounds
        self.timeline.after(after, lambda: act(*arguments) if self._rounds == number else None)

    def _between(self) -> None:
        """Time passes; somebody looks after the account, the machine, the clock, and what is in doubt."""
        draw = self._draw
        self.timeline.pass_time(1 + draw.choice((0.0, 0.5, 20.0, 45.0, 4_000.0, 47_000.0, 90_000.0, 32 * _DAY)))
        self._vendor.set_standing(Standing.VALID)
        if draw.random() < 0.5:
            self._vendor.top_up(draw.randint(1, 30))
        if draw.random() < 0.15:
            self.machine.restart()
        if draw.random() < 0.2:
            self._set_clock(-self.machine.wall_offset)
        if draw.random() < 0.2:
            self._reconcile()

    def _calm(self) -> None:
        """All trouble is over: every question must come to its end, by the commands that go on (invariant 13)."""
        self._vendor.script_faults()
        self._vendor.top_up(1_000)
        self._network.trouble = Trouble()
        if self._ledger.bought().packages():
            enter_package(self._ledger, "large", total=1_000, now=self.machine.now())
        errands = [
            Errand(job=job, questions=questions, what=_OPEN, kind=RunKind.RESUME, qps=self._qps) for job, questions in self._jobs
        ]
        left = {errand.job: list(self._open_of(errand)) for errand in errands}
        for number in range(_PASSES):
            # After the first pass beyond every lock and every day of a card, even where the clock was set back.
            self.timeline.pass_time(5 * _DAY if number else 0)
            for errand in errands:
                if not left[errand.job]:
                    continue
                # At first by the command that accepts no second bill.
                process = self._start(replace(errand, what=_OPEN if number == 0 else _ALL_OPEN), Fate())
                self._run()
                if process.ended_for != "":
                    self.referee.broken.append(f"With all faults off, a run ended for {process.ended_for!r}.")
                left[errand.job] = list(self._open_of(errand))
            if self.referee.broken or not any(left.values()):
                return
        self.referee.broken += [what for still in left.values() for what in still]

    def _open_of(self, errand: Errand) -> Iterator[str]:
        scope = scope_of(errand, as_of=self.machine.now())
        for _, status, attempt in standing(self._ledger, errand, scope):
            if status is not None:
                number = attempt.number if attempt is not None else None
                yield f"With all faults off, a question of {errand.job.id} is {status}, attempt {number}."

    # How

    def _errand(self) -> Errand:
        draw = self._draw
        job, questions = draw.choice(self._jobs)
        return Errand(
            job=job,
            questions=questions if draw.random() < 0.7 else draw.sample(questions, k=len(questions)),
            what=_ALL_OPEN if draw.random() < 0.15 else _OPEN,
            kind=draw.choice((RunKind.FIRST, RunKind.RESUME, RunKind.RERUN)),
            fresh=draw.random() < 0.1,
            cap=draw.choice((None, None, None, draw.randint(1, 8))),
            qps=self._qps,
            concurrency=draw.choice((1, 2, 4, 4, 8)),
            asks_per_card=draw.choice((4, 4, 1, 2)),
            look_ahead=draw.choice((10_000, 10_000, 2)),
        )

    def _fate(self) -> Fate:
        draw = self._draw
        fate = Fate(after_the_fact=draw.random() < 0.5)
        match draw.randrange(12):
            case 0 | 1 | 2 | 3:
                # Early deaths more often: many a process has little to do.
                fate.dies_at_callback = int(draw.random() ** 2 * 600) + 1
            case 4:
                fate.dies_at_statement = int(draw.random() ** 2 * 200) + 1
            case 5:
                fate.fails_at_statement = int(draw.random() ** 2 * 200) + 1
            case _:
                pass
        if draw.random() < 0.2:
            first = draw.random() * draw.choice((0.1, 1.0, 10.0))
            fate.stops_after = (first, first + draw.random() * 2)[: draw.choice((1, 2))]
        if draw.random() < 0.2:
            if draw.random() < 0.5:
                fate.sleeps_at_callback = int(draw.random() ** 2 * 400) + 1
            else:
                fate.sleeps_after_write = int(draw.random() ** 2 * 20) + 1
            fate.sleeps_seconds = draw.choice((0.3, 3.0, 8.0, 40.0, 40.0, 100.0, 4_000.0))
        return fate

    def _start(self, errand: Errand, fate: Fate) -> Process:
        self._starting -= self._starting > 0
        process = Process(
            name=f"process-{len(self._processes) + 1}",
            errand=errand,
            fate=fate,
            machine=self.machine,
            timeline=self.timeline,
            network=self._network,
            referee=self.referee,
            vault=self._vault,
            draw=self._draw,
            disk=self._disk,
            make_ledger=self._parts.make_ledger,
            make_client=self._parts.make_client,
            say=self.say,
            writes=self._writes,
        )
        self._processes.append(process)
        if self._say is not None:
            self.say(f"{process.name} starts for {errand.job.id}: {fate}")
        process.start()
        self._most_in_flight = max(self._most_in_flight, errand.concurrency)
        return process

    def say(self, what: str) -> None:
        """Tell whoever looks on."""
        if self._say is not None:
            self._say(f"{self.timeline.now:14.4f} {what}")

    def _run(self) -> None:
        """Let all processes come to their ends."""
        processes, timeline = self.machine.processes, self.timeline
        for _ in range(_MOST_STEPS):
            if not (processes or self._starting):
                return
            moved = False
            for process in list(processes.values()):
                if process.is_ready:
                    process.step()
                    moved = True
            if not moved and not timeline.advance():
                self.referee.broken.append(f"{', '.join(processes)} waits for nothing.")
                return
            if self.referee.broken:
                return
        self.referee.broken.append(f"{', '.join(processes)} does not come to an end.")

    def _set_clock(self, by_seconds: float) -> None:
        if by_seconds:
            self.say(f"the clock is set by {by_seconds} s")
            self.machine.set_clock(by_seconds)

    def _writes(self, takes: float) -> None:
        """Something is being written. In some worlds that is when the clock is set."""
        if self._sets_clock_while_written and self._draw.random() < 0.1:
            by_seconds = self._draw.choice((-1, 1)) * self._draw.choice((0.5, 3_600.0, 2 * _DAY))
            self._within_round(self._draw.random() * takes, self._set_clock, by_seconds)

    def _reconcile(self) -> None:
        """Do with what is in doubt as the vendor's usage says; some of it."""
        clocks = {"now": self.machine.now(), "monotonic": self.machine.monotonic()}
        for job, _ in self._jobs:
            for attempt in list(self._ledger.asks_of(job.id)):
                if attempt.state is AttemptState.IN_DOUBT and self._draw.random() < 0.7:
                    billed = Billed.YES if self.referee.sent.get(attempt.number) else Billed.NO
                    self._ledger.reconcile([attempt.number], billed=billed, **clocks)

    def _judged(self) -> Tally:
        referee = self.referee
        for process in self._processes:
            process.die()
        self._ledger.recover(
            now=self.machine.now(), monotonic=self.machine.monotonic(), boot=self.machine.boot, is_dead=lambda _: True
        )
        self.timeline.pass_time(60)
        bill = console.summary(self._vendor.bill, with_asks=True)
        # Judged by the referee: at the vendor an ask of a sleeping process may be in flight beside the next one.
        bill |= {"max_in_flight_per_id": 1, "max_in_flight_per_card": 1, "asked_while_locked": 0}
        referee.judge_ends()
        crowded = referee.judge_rate(self._qps) if self._qps is not None else 0
        findings = check_ledger(
            self._ledger,
            self._vault,
            [question.query for question in self._questions],
            bill,
            in_flight=self._most_in_flight,
            # A process that sleeps between looking at the clock and its transaction writes an instant of long ago.
            clocks_agree=not self.machine.was_set and not any(process.has_slept for process in self._processes),
        )
        findings.broken = [f"Seed {self.seed}: {fault}" for fault in (*referee.broken, *findings.broken)]
        crashes = sum(process.is_dead_by_fate for process in self._processes)
        return Tally(seeds=1, crashes=crashes, excused=referee.excused, crowded=crowded, findings=findings)
