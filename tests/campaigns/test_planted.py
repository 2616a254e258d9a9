"""Each planted bug is caught by the test that the list names, and a bug that cannot be planted or is not caught is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.campaigns.planted import BUGS, NotPlanted, change, copy_of_the_tree, escaped, imported_from, main, plant, unplanted

_FIRST_LINE = "from __future__ import annotations\n"


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.word)
def test_a_planted_bug_is_caught_by_its_test(bug, tmp_path):
    assert escaped(bug, tmp_path / "tree") == ""


@pytest.mark.slow
def test_without_a_bug_all_those_tests_pass(tmp_path):
    assert unplanted(BUGS, tmp_path / "tree") == ""


def test_every_bug_has_a_word_of_its_own():
    assert len({bug.word for bug in BUGS}) == len(BUGS) >= 14


def test_a_bug_whose_place_is_gone_is_told(tmp_path):
    tree = copy_of_the_tree(tmp_path)
    moved = replace(BUGS[0], changes=(change("settings.py", "a text that nobody has written", ""),))

    with pytest.raises(NotPlanted, match=r"no_intent: settings\.py has 'a text that nobody has written' 0 times, not once\."):
        plant(moved, tree)
    assert escaped(moved, tmp_path / "tree").startswith("no_intent: settings.py has")


@pytest.mark.slow
def test_a_change_that_breaks_nothing_or_breaks_everything_does_not_count_as_caught(tmp_path):
    bug = next(bug for bug in BUGS if bug.word == "normal_for_full")
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
