"""The simulated month, in short enough a time for the gate."""

from __future__ import annotations

import pytest

from tests.campaigns.month import JOBS, play


@pytest.mark.slow
def test_a_month_adds_up_window_by_window_and_the_other_user_is_noticed(tmp_path):
    figures = play(tmp_path, seed=5)

    assert figures.broken == []
    assert figures.jobs == JOBS == 20
    assert figures.contained == figures.windows - figures.foreign
    assert figures.clean == figures.clean_exact >= 4
    assert figures.alarms == figures.foreign >= 5
    assert figures.joined >= 4
    assert min(figures.billed, figures.not_billed) >= 9
    assert figures.billed + figures.not_billed + figures.undecided == figures.doubts == 45
    assert figures.asked_again == figures.not_billed
