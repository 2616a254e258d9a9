"""Where the cases of a desk stand: one document each on the disk, changed by one thread at a time, and told to whoever waits.

The one thing to know: nothing is remembered that the disk does not have. A case is read when it is wanted, so what another
process has erased is gone here at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from batchverify.desk.case_file import case_of, document_of
from batchverify.desk.shapes import Case
from batchverify.errors import HomeError, InputError
from batchverify.store.cases import CaseFolder, CaseFolders


class Shelf:
    """The cases of one realm. `turn` is held by whoever changes one, and waited on by whoever wants to know."""

    def __init__(self, folders: CaseFolders, *, now: Callable[[], datetime]) -> None:
        self.folders = folders
        self.turn = threading.Condition(threading.RLock())
        self._now = now
        self._ticks: dict[str, int] = {}
        self._told: list[Callable[[str], None]] = []

    def folder(self, name: str) -> CaseFolder:
        """The folder of a case. Raises InputError where there is no such case."""
        folder = self.folders.find(name)
        if folder is None:
            raise InputError("There is no such job here. It may have been removed; the list of jobs shows those that are left.")
        return folder

    def case(self, name: str) -> Case:
        """A case as it stands now. Raises InputError where there is none."""
        folder = self.folder(name)
        try:
            return case_of(folder.read())
        except HomeError:
            if not folder.exists:  # taken away in this very moment
                return self.case(name)
            raise

    def cases(self) -> list[Case]:
        """All cases that can be read, newest first. `doctor` names the others."""
        found = []
        for folder in self.folders:
            try:
                found.append(case_of(folder.read()))
            except HomeError:
                continue
        return sorted(found, key=lambda case: (case.received_at, case.id), reverse=True)

    def add(self, case: Case) -> Case:
        """Put a new case on the shelf; its folder is there already."""
        with self.turn:
            CaseFolder(path=self.folders.path / case.id).write(document_of(case))
            self.tell(case.id)
        return case

    def change(self, name: str, update: Callable[[Case], Case]) -> Case:
        """Change a case as it stands then. What `update` raises leaves it as it was; the same case back is no change."""
        with self.turn:
            before = self.case(name)
            after = update(before)
            if after == before:
                return before
            after = replace(after, version=before.version + 1, changed_at=self._now())
            self.folder(name).write(document_of(after))
            self.tell(name)
            return after

    def remove(self, name: str) -> None:
        """Take a case away, with all its files."""
        with self.turn:
            self.folder(name).remove()
            self.tell(name)

    def version(self, name: str) -> int:
        """A number that is another one after each change of a case, and of how it goes."""
        return self._ticks.get(name, 0) + 1

    def tell(self, name: str) -> None:
        """Say that something about a case is new."""
        with self.turn:
            self._ticks[name] = self._ticks.get(name, 0) + 1
            self.turn.notify_all()
            told = list(self._told)
        for callback in told:
            callback(name)

    def wait(self, name: str, after_version: int, timeout_seconds: float) -> None:
        """Wait until something about a case is new, or the time is up."""
        with self.turn:
            self.turn.wait_for(lambda: self.version(name) != after_version, timeout_seconds)

    def subscribe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Have somebody told of each change, in whatever thread it happens; gives what ends that."""
        with self.turn:
            self._told.append(callback)

        def end() -> None:
            with self.turn:
                if callback in self._told:
                    self._told.remove(callback)

        return end
