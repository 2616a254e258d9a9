"""The short form of the fuzzing: every target, blindly and with a seed, and the proof that it finds what there is to find."""

from __future__ import annotations

import json
import random

import pytest

from batchverify.errors import InputError
from tests.campaigns.fuzz import fuzz, main
from tests.campaigns.fuzz_homes import TARGETS
from tests.campaigns.fuzz_process import Watch, mutated
from tests.campaigns.fuzz_targets import Finding, check_message
from tests.threats import guards


@guards("hostile-files", "hostile-answers", "hostile-exports", "forged-report")
@pytest.mark.slow
def test_changed_inputs_of_each_kind_end_in_a_sentence_in_bounded_time_and_memory(tmp_path):
    """Thirty of each in one process; those in which each input costs a process of its own get three."""
    slow = [word for word, target in TARGETS.items() if target.is_slow]
    reports = fuzz(
        [word for word in TARGETS if word not in slow], tmp_path / "quick", runs=30, seconds=30, seed=7, by="mutations"
    )
    reports += fuzz(slow, tmp_path / "slow", runs=3, seconds=30, seed=7, by="mutations")

    assert [str(report) for report in reports if not report.is_clean] == []
    assert {report.target: report.executions for report in reports} == {word: 3 if word in slow else 30 for word in TARGETS}


def test_a_crash_a_number_in_a_message_and_a_long_time_are_found_once_each_and_kept(tmp_path):
    def run(data: bytes) -> None:
        match data:
            case b"crash":
                raise KeyError("a cell")
            case b"tell":
                check_message(InputError("110101199003070011 is wrong."))
            case b"hang":
                sum(range(3_000_000))
            case _:
                pass

    watch = Watch(run, tmp_path, seconds=0.02)
    for data in [b"well", b"crash", b"crash", b"tell", b"hang", b"well"]:
        watch.one(data)

    assert watch.executions == 6
    kept = {(tmp_path / name).read_bytes(): place.partition(" at ")[0] for place, name in watch.findings.items()}
    assert kept == {b"crash": "KeyError", b"tell": "Finding InputError shows a number", b"hang": "takes more than 0.02 s"}
    assert json.loads((tmp_path / "state.json").read_text("utf-8"))["findings"] == watch.findings


@pytest.mark.parametrize("text", ["", " ", "6217000000000000003 is no card.", "It has: " + "a, " * 3_000])
def test_a_message_that_says_nothing_tells_a_number_or_has_no_end_is_a_finding(text):
    with pytest.raises(Finding):
        check_message(InputError(text))


def test_the_same_seed_gives_the_same_inputs():
    def some(seed: int) -> list[bytes]:
        inputs = mutated([b"name,card\n", b"\xff\xfe"], [b'"'], size=64, draw=random.Random(seed))
        return [next(inputs) for _ in range(50)]

    assert some(1) == some(1) != some(2)


def test_the_command_says_how_far_each_target_came(capsys, tmp_path):
    code = main(["--target", "answer", "--runs", "50", "--engine", "mutations", "--keep", str(tmp_path / "kept")])

    assert code == 0
    assert "answer           50 executions in" in capsys.readouterr().out
    assert (tmp_path / "kept" / "answer" / "state.json").exists()
