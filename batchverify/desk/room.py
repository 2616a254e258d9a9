"""What all that a desk does has in common: settings, the shelf, the ledger, the passwords; and a session for each pass.

The one thing to know: a pass of a desk is one of the command line. It gets the same session, with the case's own copy of the sheet
and somebody who looks on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from batchverify.desk.shapes import Case, Confirmed
from batchverify.desk.shelf import Shelf
from batchverify.errors import InputError
from batchverify.job import Bounds, Options, Plan, Session
from batchverify.job.clock import SystemClock
from batchverify.job.passes import OPEN_WITHOUT_DOUBT
from batchverify.job.rendering import NoteRow
from batchverify.job.rerunning import asks_edited, correction_of, statuses_to_rerun
from batchverify.job.session import Watcher
from batchverify.job.standing import Origin
from batchverify.model import RowStatus, Secret
from batchverify.pool import Progress, StopSwitch
from batchverify.settings import Settings, home_folder
from batchverify.store.ledger import Ledger, Run
from batchverify.tables.passwords import Passwords

_KEPT_PASSWORDS = 3


class Bystander:
    """Looks on, and has nothing to say."""

    def approve(self, plan: Plan, *, cap_asks: int | None) -> None:
        """Every plan is right."""

    def asking(self, *, total: int, cap_asks: int | None) -> None:
        """Nobody is told."""

    def progress(self, progress: Progress) -> None:
        """Nobody is told."""

    def sampled(self, statuses: Mapping[RowStatus, int]) -> None:
        """Nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How a case is planned and asked: its options, which statuses, what it goes on from, and in which session."""

    path: Path
    options: Options
    session: Session
    what: frozenset[RowStatus] = OPEN_WITHOUT_DOUBT
    origin: Origin | None = None


@dataclass(slots=True, kw_only=True)
class Room:
    """What a desk has. `settings` may be changed while it is open; a pass keeps those that it began with."""

    settings: Settings
    built_in: bool
    simulated: bool
    clock: SystemClock
    shelf: Shelf
    ledger: Ledger
    _passwords: dict[str, list[Secret]] = field(default_factory=dict, repr=False)

    @property
    def home(self) -> Path:
        return home_folder(self.settings.home)

    def options_of(self, case: Case) -> Options:
        """How a case was asked, once it was: a corrected file may be read by the columns of what it corrects."""
        if case.job is None:
            return case.options
        return Options.from_json(self.ledger.job(case.job).spec.options)

    def path_of(self, case: Case) -> Path:
        """Where the sheet of a case lies. Its name is resolved, for the ledger writes it down."""
        return (self.shelf.folder(case.id).files / case.name).resolve()

    def files_of(self, case: Case) -> Path:
        """The folder of a case's files."""
        return self.shelf.folder(case.id).files

    def give_password(self, case: str, password: Secret) -> None:
        """Keep a password of a case in memory: of its sheet, or, if the sheet has another one, of its protected result."""
        self._passwords[case] = [password, *self._passwords.get(case, [])][:_KEPT_PASSWORDS]

    def passwords_of(self, case: str) -> Passwords:
        """The passwords that were given for a case."""
        given = self._passwords.get(case)
        if not given:
            return Passwords()
        newest, *older = given
        passwords = Passwords(ask=lambda _: newest, ask_new=lambda _name, _own: newest, origin="the page")
        for number, password in enumerate(reversed(older)):
            passwords.keep(str(number), password)
        return passwords

    def forget_password(self, case: str) -> None:
        """Forget the password of a case."""
        self._passwords.pop(case, None)

    def session(
        self,
        case: Case,
        *,
        watcher: Watcher | None = None,
        stop: StopSwitch | None = None,
        began: Callable[[Run], None] = lambda _: None,
        note_row: NoteRow | None = None,
    ) -> Session:
        """A session for a pass of a case. Columns that a person has named are remembered, and recalled for the next sheet."""
        inputs = {case.sha256: self.path_of(case)}
        if case.origin and (origin := self._origin_of(case)) is not None:
            inputs.setdefault(origin.sha256, self.path_of(origin))
        return Session(
            settings=self.settings,
            watcher=watcher or Bystander(),
            built_in=self.built_in,
            clock=self.clock,
            stop=stop or StopSwitch(),
            passwords=self.passwords_of(case.id),
            remembers=True,
            inputs=inputs,
            began=began,
            note_row=note_row,
        )

    def work(self, case: Case, session: Session, *, what: tuple[str, ...] = (), is_rerun: bool, accepts_double: bool) -> Work:
        """How a case is planned and asked by the words of a rerun, or for the first time.

        Raises:
            InputError: Rows in doubt are named, and nobody has accepted that they may be billed twice.
        """
        path = self.path_of(case)
        statuses = OPEN_WITHOUT_DOUBT
        if is_rerun:
            statuses = statuses_to_rerun(what, accept_double_charge=accepts_double, from_file=bool(case.origin_job))
        if not case.origin_job:
            return Work(path=path, options=case.options, session=session, what=statuses)

        chosen = case.options

        def change(kept: Options) -> Options:
            # Columns that nobody has named for this file are those of its origin.
            reading = (
                chosen.reading
                if chosen.reading.mapping
                else replace(kept.reading, sheet=chosen.reading.sheet or kept.reading.sheet)
            )
            return replace(kept, reading=reading, delivery=chosen.delivery, mandate=chosen.mandate)

        found = correction_of(
            path, session, edited=asks_edited(what), job=case.origin_job, sheet=chosen.reading.sheet, change=change
        )
        return Work(path=path, options=found.options, session=found.session, what=statuses, origin=found.origin)

    def spent(self, confirmed: Confirmed) -> int:
        """Asks that were billed, or may have been, by the runs that were begun under a confirmation."""
        # By the run's own name, whichever job it is of: nothing that was spent is left out.
        jobs = {run.rpartition(".")[0] for run in confirmed.runs}
        return sum(run.spent + run.reserved for job in jobs for run in self.ledger.runs(job) if run.id in confirmed.runs)

    def is_finished(self, case: Case) -> bool:
        """Tell whether every row of a case's job has its final status: then there is nothing to ask, whatever grows old."""
        return case.job is not None and self.ledger.job(case.job).finished_at is not None

    def bounds(self, confirmed: Confirmed) -> Bounds:
        """What is left of what was confirmed, and how fast it may be asked."""
        return Bounds(
            max_asks=max(0, confirmed.cap_asks - self.spent(confirmed)),
            qps=self.settings.qps,
            concurrency=self.settings.concurrency,
            approved=confirmed.approved,
        )

    def note(self, act: str, *, operator: str, case: Case | None = None, note: str = "") -> None:
        """Write down who did what."""
        self.ledger.acts().note(
            act,
            operator=operator,
            now=self.clock.now(),
            case="" if case is None else case.id,
            job="" if case is None else case.job or "",
            note=note,
        )

    def new_token(self) -> bytes:
        """Random bytes for the id of a case."""
        return secrets.token_bytes(17)

    def _origin_of(self, case: Case) -> Case | None:
        try:
            return self.shelf.case(case.origin)
        except InputError:  # it was removed
            return None
