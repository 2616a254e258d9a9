"""Plant a bug, run the test that must catch it, and do so for every kind of bug that would cost money or leak.

    python -m tests.campaigns.planted

The one thing to know: a test that cannot fail proves nothing. Each bug is a small change of the text of a copy, and when
that text is not there any more, planting fails and says so, so that the list cannot rot.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
_COPIED = ("batchverify", "tests", "samples", "pyproject.toml", "README.md")
_PATIENCE_SECONDS = 120
_SOME_FAILED = 1
#: How pytest begins the message of a claim that did not hold, as opposed to code that broke.
_CLAIMS = ("AssertionError", "assert ", "Failed: DID NOT RAISE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One exact text of a file below the package, which stands there once, and what takes its place."""

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A bug by its word, what it would do, how it is planted, and the test that must catch it."""

    word: str
    what: str
    changes: tuple[Change, ...]
    caught_by: str


def change(file: str, before: str, after: str) -> Change:
    return Change(file=file, before=before, after=after)


def bug(word: str, what: str, caught_by: str, *changes: Change) -> Bug:
    return Bug(word=word, what=what, changes=changes, caught_by=f"tests/{caught_by}")


_GATE, _BOUNDS, _SCHEMA = "store/ledger/gate.py", "store/ledger/bounds.py", "store/ledger/schema.py"
_LEDGER, _JOBS, _CREW = "store/ledger/ledger.py", "store/ledger/jobs.py", "pool/crew.py"
_WIRE, _CLIENT, _ANSWERS, _STEPS = "vendor/wire.py", "vendor/client.py", "vendor/answers.py", "rules/steps.py"
_EVERY_FAULT = "job/test_every_fault.py::test_each_attempt_is_one_ask_and_a_doubt_is_held"
_POINTS, _GATE_TESTS = "campaigns/test_kill_points.py::", "store/ledger/test_gate.py::"
_LIMITS = "job/test_limits.py::"

BUGS: tuple[Bug, ...] = (
    bug(
        "no_intent",
        "An ask leaves that nobody has written down",
        "pool/test_crew.py::test_an_intent_is_durable_before_its_ask_leaves",
        change(_GATE, "if books.con.executemany(_INSERT, rows).rowcount < len(rows):", "if not rows:"),
    ),
    bug(
        "intent_after_send",
        "An ask leaves before its intent is committed",
        "pool/test_crew.py::test_an_intent_is_durable_before_its_ask_leaves",
        change(
            _LEDGER,
            'con.execute("BEGIN IMMEDIATE")\n',
            'con.in_transaction and con.execute("COMMIT")\n            con.execute("BEGIN IMMEDIATE")\n',
        ),
        change(_LEDGER, 'yield con\n                con.execute("COMMIT")\n', "yield con\n"),
    ),
    bug(
        "normal_for_full",
        "A commit does not wait for the disk (NORMAL for FULL)",
        "campaigns/test_power_cut.py::test_a_power_cut_at_any_instant_forgets_no_ask_and_lets_none_be_paid_twice[first]",
        change(
            _SCHEMA,
            'second bill.\n    con.execute("PRAGMA synchronous = FULL")',
            'second bill.\n    con.execute("PRAGMA synchronous = NORMAL")',
        ),
    ),
    bug(
        "asked_twice",
        "The same question may be in flight or answered twice",
        _GATE_TESTS + "test_a_question_in_flight_is_busy_and_an_answered_one_is_held",
        change(_SCHEMA, "CREATE UNIQUE INDEX attempt_key ON", "CREATE INDEX attempt_key ON"),
    ),
    bug(
        "no_id_lock",
        "Two asks about one ID number are in flight",
        _GATE_TESTS + "test_one_id_number_with_many_cards_is_asked_one_at_a_time",
        change(_SCHEMA, "CREATE UNIQUE INDEX attempt_id_open ON", "CREATE INDEX attempt_id_open ON"),
    ),
    bug(
        "no_card_lock",
        "Two asks about one card are in flight",
        _GATE_TESTS + "test_one_card_with_many_names_is_asked_one_at_a_time",
        change(_SCHEMA, "CREATE UNIQUE INDEX attempt_card_open ON", "CREATE INDEX attempt_card_open ON"),
    ),
    bug(
        "203_is_no_lock",
        "After a 203 the ID number is asked about again",
        "job/test_statuses.py::test_after_a_203_other_rows_with_the_id_are_locked_and_not_asked",
        change(_GATE, "if lock_until is not None:\n            until", "if not lock_until:\n            until"),
        change(_GATE, "until = micros(lock_until)", "until = books.now"),
    ),
    bug(
        "lock_shortened_by_clock",
        "A clock set forward ends a lock",
        _LIMITS + "test_a_wall_clock_that_is_set_does_not_shorten_a_lock[forward]",
        change("store/ledger/limits.py", "THEN ?1 + CAST((mono_until", "THEN 0 * CAST((mono_until"),
    ),
    bug(
        "lock_shortened_by_restart",
        "A restart of the machine ends a lock",
        _LIMITS + "test_a_restart_of_the_machine_does_not_shorten_a_lock",
        change("store/ledger/limits.py", "SELECT id_tag, max(until,", "SELECT id_tag, max(until * (boot = ?2),"),
    ),
    bug(
        "budget_off_by_one",
        "A cap lets one ask more through",
        "job/test_bounds.py::test_a_cap_of_ten_on_a_hundred_rows_asks_ten_exactly",
        change(
            _BOUNDS,
            "account.cap_asks - account.spent - account.reserved",
            "account.cap_asks - account.spent - account.reserved + 1",
        ),
        change(_SCHEMA, "spent + reserved <= cap_asks)", "spent + reserved <= cap_asks + 1)"),
    ),
    bug(
        "rate_of_its_own",
        "Each run keeps a rate of its own",
        _GATE_TESTS + "test_the_rate_is_shared_by_all_runs_and_can_be_lowered_for_a_batch",
        change(_BOUNDS, "self._tat = 0.0 if qps is None else self._shared_tat()", "self._tat = _OWN.get(account.number, 0.0)"),
        change(_BOUNDS, "class Bounds:", "_OWN: dict[int, float] = {}\n\n\nclass Bounds:"),
        change(
            _BOUNDS,
            '            self._books.con.execute(\n                "UPDATE rate',
            '            _OWN[self._account.number] = self._tat\n            self._books.con.execute(\n                "UPDATE rate',
        ),
    ),
    bug(
        "doubt_is_let_go",
        "A question in doubt is asked again though nobody accepted a second bill",
        _GATE_TESTS + "test_what_is_in_doubt_is_held_until_a_person_releases_that_very_attempt",
        change(_GATE, "return None if want.release == attempt.number else Held(attempt=attempt)", "return None"),
    ),
    bug(
        "rerun_needs_no_acceptance",
        "`rerun --what in_doubt` runs without --accept-double-charge",
        "job/test_going_on.py::test_in_doubt_rows_need_an_acceptance_by_name",
        change("job/rerunning.py", "RowStatus.IN_DOUBT in chosen and not accept_double_charge", "accept_double_charge is None"),
    ),
    bug(
        "lapse_frees",
        "What a dead process had in flight is asked again",
        _POINTS + "test_what_was_killed_while_its_ask_was_under_way_is_in_doubt_and_never_sent_again_by_itself",
        change(
            _JOBS,
            "SET state = 'in_doubt', settled_at = ?, code = ? WHERE",
            "SET state = 'not_billed', billed = '0', released = number, settled_at = ?, code = ? WHERE",
        ),
    ),
    bug(
        "late_send",
        "A process that slept through its lease sends when it wakes",
        _POINTS + "test_a_process_stopped_for_longer_than_its_lease_sends_nothing_after_it_wakes",
        change(_WIRE, "if send_before is not None and self._monotonic() > send_before:", "if send_before == 0:"),
    ),
    bug(
        "cache_before_ledger",
        "An answer is cached before the ledger has it",
        "pool/test_crew.py::test_an_answer_that_comes_after_the_lease_was_lost_is_not_attached_and_not_cached",
        change(
            _CREW,
            "        refused, grants = await asyncio",
            "        self._settled(ended, [], now)\n        refused, grants = await asyncio",
        ),
    ),
    bug(
        "retry_on_timeout",
        "An ask that timed out is sent again",
        f"{_EVERY_FAULT}[never]",
        change(
            _STEPS,
            '        case NotSent(code="too_long"):\n',
            '        case AskError(code="timeout") if attempts < _TRIES_NOT_SENT:\n'
            "            return AskAgain(after_seconds_max=0.0)\n"
            '        case NotSent(code="too_long"):\n',
        ),
    ),
    bug(
        "redirect_followed",
        "A redirect is followed, with name and numbers",
        f"{_EVERY_FAULT}[redirect]",
        change(
            _CLIENT,
            "        if raw.status != _OK:\n",
            "        if raw.status == 302:\n"
            '            (place,) = [value for name, value in raw.headers if name.lower() == b"location"]\n'
            "            raw = await self._transport.exchange(place, self._fields)\n"
            "        if raw.status != _OK:\n",
        ),
    ),
    bug(
        "resent_on_dead_connection",
        "The transport sends again when a kept connection dies",
        "vendor/test_client_connections.py::"
        "test_an_ask_written_into_a_connection_that_just_died_is_in_doubt_and_never_sent_again",
        change(
            _WIRE,
            "            answer = await connection.exchange(message, deadline_seconds=self._deadline_seconds)\n",
            "            try:\n"
            "                answer = await connection.exchange(message, deadline_seconds=self._deadline_seconds)\n"
            "            except Left:\n"
            "                connection = await self._connect()\n"
            "                answer = await connection.exchange(message, deadline_seconds=self._deadline_seconds)\n",
        ),
    ),
    bug(
        "never_left_though_it_did",
        "An ask that left is said to have never left",
        f"{_EVERY_FAULT}[reset_after]",
        change(
            _WIRE,
            'self._end(Left("truncated" if self._received else "reset"))',
            'self._end(Left("truncated") if self._received else NeverLeft("connect"))',
        ),
        change(
            _WIRE,
            "if isinstance(ended, Left):\n            raise ended",
            "if isinstance(ended, WireError):\n            raise ended",
        ),
    ),
    bug(
        "truncated_is_whole",
        "A body that was cut off is taken for a whole answer",
        "vendor/test_client.py::test_under_every_fault_an_ask_is_one_request_and_its_error_says_what_it_means_for_the_bill"
        "[asyncio-whole body without length]",
        change(
            _WIRE,
            "        self._open.discard(self)\n        self._end(",
            "        self._open.discard(self)\n"
            "        if self._head_read:\n"
            '            self._end(RawAnswer(status=self._status, headers=self._headers, body=b"".join(self._body)))\n'
            "        self._end(",
        ),
    ),
    bug(
        "no_echo_check",
        "An answer about another person is written beside the row",
        "job/test_statuses.py::test_a_wrong_echo_is_attached_to_no_row_and_stops_the_run",
        change(_ANSWERS, "if any(echo != asked for echo, asked in echoes):", "if not isinstance(echoes, list):"),
    ),
    bug(
        "breaker_never_opens",
        "A vendor that is down is asked on and on",
        "job/test_stopping.py::test_of_a_vendor_that_is_down_five_asks_know_before_the_breaker_opens[error_500_plain]",
        change("rules/pace.py", "return in_a_row or sum(self.recent) * 2 >= _WINDOW", "return False"),
        change("rules/pace.py", "return max(1, _FAILURES_IN_A_ROW - in_a_row) if in_a_row else None", "return None"),
    ),
    bug(
        "failure_is_forgotten",
        "After the ledger failed once, asks go on",
        _GATE_TESTS + "test_an_error_of_the_file_is_sticky",
        change(_LEDGER, "if self._failure is not None:", "if self._failure == 0:"),
    ),
    bug(
        "plain_text_at_rest",
        "The ledger holds ID numbers as they are",
        "job/test_results.py::test_the_home_holds_no_person_and_no_app_code",
        change(
            "store/vault.py", 'return hmac.digest(self._id, id_card.encode(), "sha256")[:TAG_BYTES]', "return id_card.encode()"
        ),
    ),
    bug(
        "result_onto_input",
        "The result is written onto the input",
        "job/test_results.py::test_the_result_never_goes_onto_the_input_and_nothing_is_paid_to_find_out[same]",
        change("tables/placing.py", "target.samefile(source):", "target.samefile(source) is None:"),
    ),
)


class NotPlanted(Exception):
    """The text that a bug changes is not there, or not once: the list must follow the code."""


def copy_of_the_tree(folder: Path) -> Path:
    """Copy package and tests, so that nothing is ever planted where it could stay."""
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.verified*"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


def plant(bug: Bug, tree: Path) -> None:
    """Put a bug into a copy. Raises NotPlanted where the code has moved on."""
    for change in bug.changes:
        path = tree / "batchverify" / change.file
        text = path.read_text("utf-8")
        if text.count(change.before) != 1:
            raise NotPlanted(f"{bug.word}: {change.file} has {change.before!r} {text.count(change.before)} times, not once.")
        path.write_text(text.replace(change.before, change.after), "utf-8")


def environment_of(tree: Path) -> dict[str, str]:
    """Give an environment in which every process imports the copy, and none is measured or told what to do by a test around it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST", "BATCHVERIFY"))}
    # No compiled files: two texts of one size within one second would be taken for each other.
    return kept | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


def imported_from(tree: Path) -> Path:
    """Tell from where a process in that environment imports the package."""
    program = "import batchverify; print(batchverify.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tree, env=environment_of(tree)
    )
    return Path(found.stdout.strip())


def outcome_of(tree: Path, tests: Iterable[str], *, patience_seconds: float = _PATIENCE_SECONDS) -> tuple[int, str, list[str]]:
    """Run tests in a copy; pytest's exit code, what it printed, and the first line of each failure's message."""
    told = tree / "told.xml"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--junitxml={told}", *tests],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=patience_seconds,
        cwd=tree,
        env=environment_of(tree),
    )
    failures = ET.parse(told).iter("failure") if told.exists() else ()
    return ended.returncode, ended.stdout + ended.stderr, [failure.get("message", "").partition("\n")[0] for failure in failures]


def escaped(bug: Bug, folder: Path) -> str:
    """Plant a bug and run its test: "" when the test's claim failed, else why the bug counts as not caught."""
    tree = copy_of_the_tree(folder)
    try:
        plant(bug, tree)
    except NotPlanted as error:
        return str(error)
    found = imported_from(tree)
    if not found.is_relative_to(tree):
        return f"The package was imported from {found.parent}, not from the copy."
    try:
        code, printed, failures = outcome_of(tree, [bug.caught_by])
    except subprocess.TimeoutExpired:
        return f"{bug.caught_by} does not end."
    if code == 0:
        return f"{bug.caught_by} passes all the same."
    if code != _SOME_FAILED or not any(message.startswith(_CLAIMS) for message in failures):
        return f"{bug.caught_by} broke without its claim failing (exit code {code}): {failures}\n{printed[-2000:]}"
    return ""


def unplanted(bugs: Iterable[Bug], folder: Path) -> str:
    """Run the tests that must catch these bugs on a copy without any: "" when all pass."""
    tests = sorted({bug.caught_by for bug in bugs})
    code, printed, _ = outcome_of(copy_of_the_tree(folder), tests, patience_seconds=_PATIENCE_SECONDS * len(tests))
    return "" if code == 0 else printed[-4000:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print which test caught which bug; 1 where one got away."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.planted", description="Plant bugs and see them caught.")
    parser.add_argument("words", nargs="*", metavar="BUG", help="Only these, by their word. Default: all.")
    chosen = parser.parse_args(arguments).words
    by_word: Mapping[str, Bug] = {bug.word: bug for bug in BUGS}
    if unknown := [word for word in chosen if word not in by_word]:
        parser.error(f"There is no bug {', '.join(unknown)}. There are: {', '.join(by_word)}.")
    bugs = [by_word[word] for word in chosen] or BUGS
    began, free = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        if complaint := unplanted(bugs, Path(folder) / "as-it-is"):
            sys.stdout.write(f"Without a bug the tests do not pass:\n{complaint}\n")
            return 1
        for bug in bugs:
            complaint = escaped(bug, Path(folder) / bug.word)
            free += [bug.word] if complaint else []
            sys.stdout.write(f"{bug.word:26}  {complaint or bug.caught_by.rpartition('::')[2]}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(bugs) - len(free)} of {len(bugs)} planted bugs caught in {time.monotonic() - began:.0f} s\n")
    return 1 if free else 0


if __name__ == "__main__":
    sys.exit(main())
