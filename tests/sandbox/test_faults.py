from __future__ import annotations

import random

import pytest

from batchverify.sandbox.bill import digest
from batchverify.sandbox.faults import Fault, Rule, Script


def struck(*rules: Rule, asks: int = 10, questions=None) -> list[int]:
    script = Script(rules=rules)
    return [number for number in range(1, asks + 1) if script.strike(questions[number - 1] if questions else b"")]


def test_a_rule_without_a_condition_strikes_every_ask():
    assert struck(Rule(fault=Fault.NEVER), asks=3) == [1, 2, 3]


def test_rules_that_strike_once_strike_in_their_order():
    script = Script(rules=(Rule(fault=Fault.NAN, times=1), Rule(fault=Fault.HTML, times=1)))

    assert [rule.fault if (rule := script.strike(b"")) else None for _ in range(3)] == [Fault.NAN, Fault.HTML, None]


@pytest.mark.parametrize(
    ("rule", "asks"),
    [
        (Rule(fault=Fault.NEVER, at=(2, 5)), [2, 5]),
        (Rule(fault=Fault.NEVER, every=4), [4, 8]),
        (Rule(fault=Fault.NEVER, every=2, times=2), [2, 4]),
        (Rule(fault=Fault.NEVER, every=2, at=(4, 5)), [4]),
        (Rule(fault=Fault.NEVER, probability=0.0), []),
    ],
)
def test_all_conditions_of_a_rule_must_hold(rule, asks):
    assert struck(rule) == asks


def test_probability_is_repeatable_by_its_seed():
    rule = Rule(fault=Fault.NEVER, probability=0.3, seed=7)
    draws = random.Random(7)

    assert struck(rule, asks=200) == [number for number in range(1, 201) if draws.random() < 0.3]


def test_a_rule_can_wait_for_one_question():
    questions = [digest("a"), digest("b"), digest("a")]

    assert struck(Rule(fault=Fault.NEVER, question=digest("a").hex()), asks=3, questions=questions) == [1, 3]


def test_a_rule_may_overrule_the_bill():
    assert Rule(fault=Fault.RESET_AFTER).is_billed
    assert not Rule(fault=Fault.RESET_AFTER, billed=False).is_billed
    assert not Rule(fault=Fault.RESET_BEFORE).is_billed
    assert Rule(fault=Fault.RESET_BEFORE, billed=True).is_billed


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"every": 0}, "A fault cannot strike every 0 asks. Give 1 or more."),
        ({"probability": 1.5}, "1.5 is no probability. Give a number from 0 to 1."),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(conditions, message):
    with pytest.raises(ValueError) as error:
        Rule(fault=Fault.NEVER, **conditions)

    assert str(error.value) == message
