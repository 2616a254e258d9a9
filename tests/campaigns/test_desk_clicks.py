import pytest

from tests.campaigns.desk_clicks import campaign


@pytest.mark.slow
def test_people_who_click_all_at_once_pay_nothing_twice_and_nothing_beyond_what_they_confirmed(tmp_path):
    told = campaign(tmp_path, clicks=240, seed=1)

    assert told.broken == []
    assert told.clicks["asked while clicked"] > 0
    assert len(told.caps) > 3
    assert 0 < sum(told.refused.values()) < 240
