"""A desk: cases come in, are planned, confirmed and asked one after another, and go home again. The page and programs call only this.

The one thing to know: what a person has confirmed is durable before anything of it is asked, and each run is before its first ask.
So a server may die at any instant: the next one goes on with what is left of the cap, and asks nothing twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from batchverify.desk import confirming, looking, redrawing, rows
from batchverify.desk.passing import PAUSE, STOP
from batchverify.desk.receiving import Receipt, check_key
from batchverify.desk.room import Bystander, Room
from batchverify.desk.shapes import Case, Download, Live, RowPage, Stage
from batchverify.desk.shelf import Shelf
from batchverify.desk.turns import Turns
from batchverify.errors import HomeError, InputError
from batchverify.job import Inspection, Mandate, Options, Plan, Reading
from batchverify.job.clock import SystemClock
from batchverify.job.options import first_options
from batchverify.job.partly import cell_of
from batchverify.job.realm import open_realm
from batchverify.job.session import Session
from batchverify.job.uploads import SERVER_LOCK
from batchverify.model import Field, RowStatus, Secret
from batchverify.settings import Settings
from batchverify.store.cases import CaseFolder, CaseFolders
from batchverify.store.home import Home
from batchverify.store.ledger import Ledger
from batchverify.store.ledger.acting import Act
from batchverify.words import Lang

_PLANS_KEPT = 20
#: How long a server waits for whoever only looks whether there is one.
_PROBE_SECONDS = 1.0


class Desk:
    """One desk on one home. Every method may be called from any thread; one thread of its own asks, one case after another.

    Raises of all methods: InputError and SettingsError mean that nothing was sent, HomeError that no ask leaves any more.
    """

    def __init__(self, room: Room, stack: ExitStack) -> None:
        self._room = room
        self._shelf = room.shelf
        self._stack = stack
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._turns = Turns(room)

    @classmethod
    def open(
        cls, settings: Settings, *, built_in: bool = False, home: Path | None = None, clock: SystemClock | None = None
    ) -> Self:
        """Open the desk of a home, and go on with what was confirmed and not done. `built_in` asks the sandbox of this package.

        Raises:
            HomeError: Another server works on this home, or it cannot be used. Nothing was sent.
        """
        clock = clock or SystemClock()
        if home is not None:
            settings = settings.model_copy(update={"home": home})
        plain = Session(settings=settings, watcher=Bystander(), built_in=built_in, clock=clock)
        with ExitStack() as stack:
            place = Home.open(plain.home)
            try:
                stack.callback(place.hold_lock(SERVER_LOCK, patience_seconds=_PROBE_SECONDS).release)
            except HomeError as error:
                if place.is_dead(SERVER_LOCK):
                    raise
                raise HomeError(
                    f"Another server works on the home {str(plain.home)!r}. Use that one, or end it; the command line may be used "
                    "beside it."
                ) from error
            # Made and recovered here, so that a case goes on from what the ledger says in the end.
            with open_realm(plain.home, simulated=plain.simulated, clock=clock) as realm:
                there = realm.home.realm(simulated=plain.simulated)
            ledger = stack.enter_context(Ledger.open(there.ledger, create=False, simulated=plain.simulated))
            folders = CaseFolders.of(there)
            folders.sweep()
            shelf = Shelf(folders, now=clock.now)
            room = Room(settings=settings, built_in=built_in, simulated=plain.simulated, clock=clock, shelf=shelf, ledger=ledger)
            for case in shelf.cases():
                if case.stage is Stage.ASKING:
                    shelf.change(case.id, lambda now: replace(now, stage=Stage.QUEUED))
            desk = cls(room, stack.pop_all())
        desk._turns.start()
        return desk

    def close(self) -> None:
        """Drain what is in flight, and end. What was not done goes on when the desk is opened again."""
        self._turns.close()
        self._stack.close()

    def leave(self) -> None:
        """Do not wait for what is in flight any more: it is in doubt. For a vendor who does not answer."""
        self._turns.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def settings(self) -> Settings:
        return self._room.settings

    @property
    def simulated(self) -> bool:
        return self._room.simulated

    @property
    def home(self) -> Path:
        return self._room.home

    def use(self, settings: Settings) -> None:
        """Take other settings from now on, for whatever begins now. The home and whom it asks stay what they are."""
        self._room.settings = settings.model_copy(
            update={"home": self._room.settings.home, "endpoint": self._room.settings.endpoint}
        )

    # What comes in -------------------------------------------------------------------------------------------------

    def receive(self, name: str, *, owner: str, idempotency_key: str = "", origin: str = "", notify: str = "") -> Receipt:
        """Take a spreadsheet in. The same key with the same bytes by the same owner is the same case; `origin` is one that it corrects."""
        key = check_key(idempotency_key)
        before = self.case(origin) if origin else None
        options = self.first_options() if before is None else confirming.options_after(before, self.first_options())

        def made(folder: CaseFolder, kept_name: str, sha256: str, size_bytes: int) -> Case:
            now = self._room.clock.now()
            case = Case(
                id=folder.id,
                name=kept_name,
                size_bytes=size_bytes,
                sha256=sha256,
                owner=owner,
                received_at=now,
                changed_at=now,
                stage=Stage.RECEIVED,
                options=options,
                simulated=self.simulated,
                origin=origin,
                origin_job=before.job or "" if before is not None else "",
                notify=notify,
                idempotency_key=key,
            )
            with self._shelf.turn:
                same = confirming.same_upload(self._shelf.cases(), case)
                if same is not None:
                    return same
                self._shelf.add(case)
            self._room.note("uploaded", operator=owner, case=case)
            return case

        return Receipt(
            name, self._shelf.folders, token=self._room.new_token(), most_bytes=self.settings.upload_mib << 20, made=made
        )

    def cases(self, owner: str | None = None) -> list[Case]:
        """All cases, or those of one owner, newest first."""
        return [case for case in self._shelf.cases() if owner is None or case.owner == owner]

    def case(self, name: str) -> Case:
        """A case by its id. Raises InputError where there is none."""
        return self._shelf.case(name)

    def remove(self, name: str, *, operator: str) -> None:
        """Take a case away: what was uploaded, and what came out. The ledger keeps its record."""
        with self._shelf.turn:
            case = self.case(name)
            if case.stage is Stage.ASKING:
                raise InputError(f"{case.name} is being asked. Stop it first; then it can be removed.")
            self._room.note("removed", operator=operator, case=case)
            self._shelf.remove(name)
            self._plans.pop(name, None)
            self._room.forget_password(name)

    def give_password(self, name: str, password: Secret) -> None:
        """Keep the password of a protected sheet, or of its result, for as long as the server lives."""
        self._room.give_password(self.case(name).id, password)

    # Looking and choosing ------------------------------------------------------------------------------------------

    def first_options(self) -> Options:
        """What is chosen where nobody has chosen otherwise."""
        return first_options(self.settings)

    def inspect(self, name: str, reading: Reading | None = None) -> Inspection:
        """What is in the sheet: masked examples, columns and how sure they are."""
        return looking.inspect(self._room, self.case(name), reading)

    def choose(self, name: str, options: Options, *, operator: str = "") -> Case:
        """Choose how it is read, what is asked and what comes out. A plan that was shown is forgotten."""
        case = self._shelf.change(name, lambda now: confirming.chosen(now, options))
        self._plans.pop(name, None)
        self._room.note("chose", operator=operator or case.owner, case=case)
        return case

    def plan(self, name: str, *, operator: str = "") -> Plan:
        """What it would ask and cost: free."""
        return self._planned(name, what=(), is_rerun=False, accepts_double=False, operator=operator)

    def planned(self, name: str) -> Plan | None:
        """The plan that was shown last, while the server remembers it and it still stands."""
        plan, case = self._plans.get(name), self.case(name)
        return plan if plan is not None and plan.digest in confirming.digests_of(case) else None

    def problems_file(self, name: str, lang: Lang = Lang.ZH) -> Path:
        """What is wrong with the sheet as csv: by row and reason, without values."""
        return looking.problems_file(self._room, self.case(name), lang)

    # Confirming and asking -----------------------------------------------------------------------------------------

    def confirm(
        self, name: str, *, digest: str, cap_asks: int, mandate: Mandate, approved: str | None = None, operator: str = ""
    ) -> Case:
        """Have the plan that was shown asked, up to `cap_asks` billed asks. The same call twice is one run."""
        return self._confirm(
            name,
            digest=digest,
            cap_asks=cap_asks,
            mandate=mandate,
            approved=approved,
            accepts_double=False,
            what=None,
            operator=operator,
        )

    def approve(self, name: str, *, operator: str) -> Case:
        """Approve the plan of a case as another person than whoever prepared it; one that is confirmed is asked then."""
        case = self.case(name)
        confirming.approve(self._room, case, operator=operator)
        self._room.note("approved", operator=operator, case=case, note=", ".join(confirming.digests_of(case)))
        return self._shelf.change(name, confirming.released)

    def rerun_plan(
        self, name: str, what: str | Sequence[str] = (), *, accept_double_charge: bool = False, operator: str = ""
    ) -> Plan:
        """What asking the rows that `what` names would ask and cost; without a word, those that failed or are locked and due."""
        return self._planned(
            name, what=confirming.words_of(what), is_rerun=True, accepts_double=accept_double_charge, operator=operator
        )

    def rerun(
        self,
        name: str,
        what: str | Sequence[str] = (),
        *,
        digest: str,
        cap_asks: int,
        accept_double_charge: bool = False,
        mandate: Mandate | None = None,
        operator: str = "",
    ) -> Case:
        """Have the plan of a rerun asked that was shown for the same words. The same call twice is one run."""
        return self._confirm(
            name,
            digest=digest,
            cap_asks=cap_asks,
            mandate=mandate,
            approved=None,
            accepts_double=accept_double_charge,
            operator=operator,
            what=confirming.words_of(what),
        )

    def pause(self, name: str, *, operator: str = "") -> Case:
        """Send nothing more until somebody lets it go on. What is in flight is awaited."""
        return self._halt(name, PAUSE, "paused", operator)

    def stop(self, name: str, *, operator: str = "") -> Case:
        """Send nothing more, and draw the result as it is then. What is in flight is awaited."""
        return self._halt(name, STOP, "stopped", operator)

    def go_on(self, name: str, *, operator: str = "") -> Case:
        """Go on within what is left of what was confirmed."""
        case = self._shelf.change(name, lambda now: confirming.going_on(self._room, now))
        self._room.note("continued", operator=operator or case.owner, case=case)
        return case

    # How it goes ---------------------------------------------------------------------------------------------------

    def live(self, name: str) -> Live:
        """How a case goes at this instant."""
        with self._shelf.turn:
            passing = self._turns.passing(name)
            return confirming.standing(self._room, self.case(name)) if passing is None else passing.live()

    def wait(self, name: str, after_version: int, timeout_seconds: float) -> Live:
        """Wait until something is new since `after_version`, or the time is up, and say how it goes then."""
        self._shelf.wait(name, after_version, timeout_seconds)
        return self.live(name)

    def subscribe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Have `callback` told the id of a case at each change, in whatever thread that happens; gives what ends it."""
        return self._shelf.subscribe(callback)

    # What comes out ------------------------------------------------------------------------------------------------

    def partial(self, name: str, *, operator: str = "") -> Path:
        """The result as it stands at this second, also while asking goes on."""
        return looking.partial(self._room, self.case(name), operator=operator)

    def rows(
        self,
        name: str,
        *,
        status: RowStatus | None = None,
        row: int | None = None,
        offset: int = 0,
        limit: int = 50,
        lang: Lang = Lang.ZH,
    ) -> RowPage:
        """Some rows of the result that was drawn last, masked: all, those of a status, or the one of a row number."""
        return rows.page_of(self._room, self.case(name), status=status, row=row, offset=offset, limit=limit, lang=lang)

    def unmask(self, name: str, *, row: int, field: Field, operator: str) -> str:
        """What stands in one cell. That somebody looked is written down before it is shown."""
        case = self.case(name)
        options = self._room.options_of(case)
        text = cell_of(self._room.path_of(case), options, self._room.session(case), row=row, field=field)
        self._room.note("unmasked", operator=operator, case=case, note=f"row {row}, {field}")
        return text

    def downloads(self, name: str) -> list[Download]:
        """The files that can be had of the result that was drawn last."""
        return looking.downloads(self._room, self.case(name))

    def download(self, name: str, word: str, *, operator: str = "", lang: Lang | None = None) -> Path:
        """One of them by its word; parts of the result in another language than its own, if so wished."""
        return looking.download(self._room, self.case(name), word, lang, operator=operator)

    def redraw(self, name: str) -> Case:
        """Draw a result again, after something was decided of which it speaks. Asks nothing."""
        return redrawing.redraw(self._room, self.case(name))

    def report(self, name: str, form: str, lang: Lang = Lang.ZH, *, operator: str = "") -> Path:
        """The audit report: html, pdf, xlsx or json."""
        return looking.report(self._room, self.case(name), form, lang, operator=operator)

    # Who did what --------------------------------------------------------------------------------------------------

    def acts(self, case: str | None = None, *, limit: int = 1_000, before: int | None = None) -> list[Act]:
        """Who did what, newest first: with one case, or with all."""
        return self._room.ledger.acts().acts(case, limit=limit, before=before)

    def note(self, operator: str, act: str, *, case: str = "", note: str = "") -> None:
        """Write down an act of the page's own. No person of a row may be in it."""
        self._room.note(act, operator=operator, case=self.case(case) if case else None, note=note)

    def told(self, name: str) -> Case:
        """Say that the end of a case was told to whoever is to be notified."""
        return self._shelf.change(name, lambda now: replace(now, is_told=True))

    # How it is done ------------------------------------------------------------------------------------------------

    def _planned(self, name: str, *, what: tuple[str, ...], is_rerun: bool, accepts_double: bool, operator: str) -> Plan:
        case = self.case(name)
        confirming.refuse_plan(self._room, case, is_rerun=is_rerun)
        by = operator or case.owner
        plan = looking.plan(self._room, case, what=what, is_rerun=is_rerun, accepts_double=accepts_double, operator=by)
        shown = confirming.shown_of(plan, what=what, is_rerun=is_rerun, by=by, room=self._room)
        with self._shelf.turn:
            case = self._shelf.change(name, lambda now: confirming.with_plan(now, shown, of=case))
            self._plans[name] = plan
            self._plans.move_to_end(name)
            while len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        self._room.note("planned", operator=by, case=case, note=f"{plan.digest}, {plan.asks} asks")
        return plan

    def _confirm(self, name: str, *, operator: str, **words: Any) -> Case:
        def update(now: Case) -> Case:
            by = operator or now.owner
            after = confirming.confirmed(now, self._room, by=by, **words)
            if after is not now:
                # Before the case says so: nothing is ever asked of which the record does not know who has confirmed it.
                note = f"{words['digest']}, at most {words['cap_asks']} asks"
                self._room.note("confirmed", operator=by, case=after, note=note)
            return after

        return self._shelf.change(name, update)

    def _halt(self, name: str, why: str, act: str, operator: str) -> Case:
        case = self._turns.halt(name, why)
        self._room.note(act, operator=operator or case.owner, case=case)
        return case
