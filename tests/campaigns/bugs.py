"""The bugs that are planted: what each would do, the text it changes, and the test that must catch it.

The one thing to know: a text must stand once in its file, exactly, so that whoever changes the code is told which bug to
follow; and each bug is one that somebody could make, not one that breaks everything.
"""

from __future__ import annotations

from dataclasses import dataclass


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
        "Each run, and so each process, keeps a rate of its own",
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
            "            raw = await self._transport.exchange(target, self._fields, send_before=send_before)\n",
            "            raw = await self._transport.exchange(target, self._fields, send_before=send_before)\n"
            "            if raw.status == 302:\n"
            '                (place,) = [value for name, value in raw.headers if name.lower() == b"location"]\n'
            "                raw = await self._transport.exchange(place, self._fields)\n",
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
        "read_without_bound",
        "An answer of any size is read to its end",
        f"{_EVERY_FAULT}[huge_body]",
        change(_WIRE, "if self._received > MAX_ANSWER_BYTES:", "if self._received < 0:"),
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
        "ledger_made_anew",
        "A ledger that is gone is made anew, and what was paid is forgotten",
        "attacks/test_lost_files.py::test_a_ledger_that_is_gone_is_not_made_anew_beside_its_key",
        change("job/realm.py", "if place.key_file.exists() and not place.ledger.exists():", "if place.key_file.is_dir():"),
    ),
    bug(
        "living_called_lost",
        "A run that is alive is called lost",
        "store/ledger/test_jobs.py::test_a_lease_lapses_after_thirty_seconds_without_a_sign",
        change(_JOBS, "(run_boot == boot and lease_until < books.monotonic)", "(run_boot == boot and lease_until > 0)"),
    ),
    bug(
        "old_key",
        "Whoever looked at a plan while the key was renewed takes every question for a new one",
        "job/test_renewing.py::test_whoever_looks_at_a_plan_meanwhile_buys_nothing",
        change(_LEDGER, "refuse_another_key(con, self._mark)", "self._mark"),
        change(_LEDGER, "refuse_another_key(self._reader, self._mark)", "self._mark"),
    ),
    bug(
        "plain_text_at_rest",
        "The ledger holds ID numbers as they are",
        "job/test_results.py::test_the_home_holds_no_person_and_no_app_code",
        change(
            "store/vault.py",
            'return self._wrapped("id", hmac.digest(self._id, id_card.encode(), "sha256")[:TAG_BYTES])',
            "return id_card.encode()",
        ),
    ),
    bug(
        "result_onto_input",
        "The result is written onto the input",
        "job/test_results.py::test_the_result_never_goes_onto_the_input_and_nothing_is_paid_to_find_out[same]",
        change("tables/placing.py", "target.samefile(source):", "target.samefile(source) is None:"),
    ),
)
