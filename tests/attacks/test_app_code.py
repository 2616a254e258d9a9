"""An AppCode that no header can carry: found before a plan is made, and shown nowhere."""

import pytest

from batchverify.errors import SettingsError
from batchverify.model import Secret
from batchverify.settings import app_code, load_settings, store_app_code
from batchverify.store.ledger import Ledger
from tests.builders import rows
from tests.threats import guards

ODD = ["", " ", "a b", "CANARY\r\nX-Evil: 1", "CANARY\x00", "甲CANARY", "CANARY\x7f"]


@guards("app-code")
@pytest.mark.parametrize("code", ODD)
def test_it_is_refused_before_anything_is_written_or_sent(desk, sandbox, code):
    onlooker = desk.onlooker
    with pytest.raises(SettingsError, match=r"^The AppCode is empty or holds a space or a character") as caught:
        desk.verify(rows(1), app_code=code)

    assert "CANARY" not in str(caught.value)
    assert sandbox.bill.total() == 0
    assert onlooker.plan is None
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", create=False, simulated=True) as ledger:
        assert ledger.jobs() == []


@pytest.mark.parametrize("code", [code for code in ODD if code.strip()])
def test_one_that_was_kept_is_refused_too(home, code):
    store_app_code(Secret(code), home)

    with pytest.raises(SettingsError, match=r"^The AppCode is empty or holds a space or a character"):
        app_code(load_settings(home=home), home)


@guards("app-code")
def test_settings_show_no_app_code(home, monkeypatch):
    monkeypatch.setenv("BATCHVERIFY_APPCODE", "CANARY")
    settings = load_settings(home=home)

    assert app_code(settings, home).reveal() == "CANARY"
    for shown in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        repr(settings.model_dump()),
        repr(app_code(settings, home)),
    ):
        assert "CANARY" not in shown
