"""Files that are handed on, searched as the canaries are: nobody in a protected one, no whole number in a masked one or a report."""

from __future__ import annotations

import pytest

from batchverify.job import Delivery, Options
from batchverify.job.reporting import report_job
from batchverify.model import Secret
from batchverify.tables.passwords import Passwords
from batchverify.words import Lang
from tests.builders import a_sheet
from tests.campaigns.canary import search_for
from tests.campaigns.canary_acts import APP_CODE, canaries
from tests.protected import PASSWORD, plain_copy
from tests.threats import guards

PEOPLE = canaries(12, first=300)


@pytest.fixture
def sheet(desk):
    cells = [{"name": one.name, "idCard": one.id_card, "accountNo": one.account_no} for one in PEOPLE]
    return a_sheet(desk.folder, cells, name="people.xlsx")


def found(path) -> list[str]:
    search = search_for(PEOPLE, APP_CODE)
    search.look(path.name, path.read_bytes())
    return search.hits


@guards("passwords")
def test_a_protected_result_shows_nobody_to_whoever_looks_at_its_bytes(desk, sheet):
    desk.passwords = lambda: Passwords(ask_new=lambda *_: Secret(PASSWORD))

    result = desk.verify(sheet, options=Options(delivery=Delivery(protect=True, split=True)))

    parts = sorted(desk.folder.glob("people.verified*.xlsx"))
    assert len(parts) > 1
    assert [found(path) for path in parts] == [[] for _ in parts]
    assert "a name in" in " ".join(found(plain_copy(result.path)))


@guards("masks")
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_a_masked_result_has_no_name_and_no_number_anywhere_in_it(desk, sheet, kind):
    target = desk.folder / f"masked.{kind}"

    desk.verify(sheet, options=Options(delivery=Delivery(mask=True, output=target)))

    assert found(target) == []


@guards("masks")
def test_no_form_of_a_report_has_a_name_or_a_number(desk, sheet):
    job = desk.verify(sheet).job
    reports = [
        report_job(job, desk.folder / f"r.{form}", desk.session(), lang=Lang.ZH) for form in ("html", "pdf", "xlsx", "json")
    ]

    assert [found(report) for report in reports] == [[]] * 4
    assert found(sheet) != []
