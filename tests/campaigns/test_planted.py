"""Each planted bug is caught by the test that the list names, and a bug that cannot be planted or is not caught is told."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.campaigns.bugs import BUGS, change
from tests.campaigns.planted import NotPlanted, copy_of_the_tree, escaped, imported_from, main, plant, planted_texts
from tests.campaigns.system_trace import why_not

_FIRST_LINE = "from __future__ import annotations\n"


# In the gate a machine that cannot trace is a failure, not an excuse.
_NEEDS_STRACE = pytest.mark.skipif(bool(why_not()) and not os.environ.get("CI"), reason=why_not() or "strace is here")


@pytest.mark.slow
@pytest.mark.parametrize(
    "bug",
    [pytest.param(bug, id=bug.word, marks=_NEEDS_STRACE if "power_cut" in bug.caught_by else ()) for bug in BUGS],
)
def test_a_planted_bug_is_caught_by_its_test(bug, tmp_path):
    assert escaped(bug, tmp_path / "tree") == ""


def test_every_bug_has_a_word_of_its_own():
    assert len({bug.word for bug in BUGS}) == len(BUGS) >= 14


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.word)
def test_every_bug_still_has_its_place_in_the_code(bug):
    assert planted_texts(bug)


def test_a_bug_that_leaves_no_python_is_told():
    broken = replace(BUGS[0], changes=(change("settings.py", _FIRST_LINE, "def ("),))

    with pytest.raises(NotPlanted, match=r"no_intent: settings\.py is no Python any more \(.*, line \d+\)"):
        planted_texts(broken)


def test_a_bug_whose_place_is_gone_is_told(tmp_path):
    tree = copy_of_the_tree(tmp_path)
    moved = replace(BUGS[0], changes=(change("settings.py", "a text that nobody has written", ""),))

    with pytest.raises(NotPlanted, match=r"no_intent: settings\.py has 'a text that nobody has written' 0 times, not once\."):
        plant(moved, tree)
    assert escaped(moved, tmp_path / "tree").startswith("no_intent: settings.py has")


@pytest.mark.slow
def test_a_change_that_breaks_nothing_or_breaks_everything_does_not_count_as_caught(tmp_path):
    bug = next(bug for bug in BUGS if bug.word == "no_id_lock")
    harmless = replace(bug, changes=(change("settings.py", _FIRST_LINE, f"{_FIRST_LINE}\n"),))
    broken = replace(bug, changes=(change("store/ledger/schema.py", _FIRST_LINE, "import nowhere\n"),))

    assert escaped(harmless, tmp_path / "harmless") == f"{harmless.caught_by} passes all the same."
    assert "broke without its claim failing" in escaped(broken, tmp_path / "broken")


@pytest.mark.slow
def test_the_command_prints_which_test_caught_which_bug(capsys):
    assert main(["no_id_lock"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["no_id_lock", "test_one_id_number_with_many_cards_is_asked_one_at_a_time"]
    assert last.startswith("1 of 1 planted bugs caught in ")

    with pytest.raises(SystemExit):
        main(["no_such_bug"])


def test_what_is_tried_is_the_copy(tmp_path):
    tree = copy_of_the_tree(tmp_path / "tree")

    assert imported_from(tree).is_relative_to(tree)
