"""The sandbox's answers and the vendor's never meet. No ask to the vendor itself leaves a test: its cap is nothing."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from batchverify.errors import HomeError, InputError, SettingsError
from batchverify.job import Bounds, Delivery, Options, render_job, resume_job, run_file
from batchverify.job.asking import named_host
from batchverify.job.realm import open_realm
from batchverify.settings import VENDOR_ENDPOINT
from batchverify.store.ledger import JobSpec, Ledger
from tests.builders import a_row, rows

NOTHING = Bounds(max_asks=0)


@pytest.fixture
def real(desk):
    """Give a job of the vendor's own realm that has asked nothing."""
    return desk.verify(rows(2), bounds=NOTHING, endpoint=VENDOR_ENDPOINT)


def test_a_job_of_the_vendors_is_not_marked_simulated(desk, real, sandbox):
    assert real.job.startswith("j-")
    assert not real.json["simulated"]
    assert real.json["endpoint_host"] == "bcard3and4.market.alicloudapi.com"
    assert set(real.column("bv_source")) == {"local"}
    assert sandbox.bill.total() == 0


def test_a_simulated_answer_serves_no_real_row(desk):
    path = desk.sheet(rows(2))
    desk.verify(path)

    assert desk.plan(path).reused == 2
    assert desk.plan(path, endpoint=VENDOR_ENDPOINT).reused == 0


def test_a_real_job_is_not_gone_on_with_in_the_sandbox(desk, real, sandbox):
    with pytest.raises(InputError) as caught:
        desk.resume(real.job)

    assert str(caught.value) == (
        f"The job is a real one, and the endpoint {sandbox.endpoint!r} is not. Name the endpoint it was begun with."
    )
    with pytest.raises(InputError) as caught:
        desk.rerun(real.path)
    assert str(caught.value) == (
        f"The job {real.job} asked the vendor itself, and the endpoint named now is the sandbox. Leave out --endpoint."
    )
    assert sandbox.bill.total() == 0


def test_a_real_job_is_not_gone_on_with_in_the_built_in_sandbox_either(desk, real):
    session = replace(desk.session(endpoint=VENDOR_ENDPOINT), built_in=True)

    with pytest.raises(InputError) as caught:
        resume_job(real.job, NOTHING, session)

    assert str(caught.value) == "The job is a real one, and made-up answers must not stand among its own. Leave out --sandbox."


def test_the_built_in_sandbox_runs_as_long_as_its_run(desk, sandbox):
    path = desk.sheet([a_row(1), a_row(2, verdict="02")])
    session = replace(desk.session(endpoint=VENDOR_ENDPOINT), built_in=True)

    first = run_file(path, Options(), Bounds(max_asks=1), session)
    second = resume_job(first.summary.job, Bounds(), session)

    assert second.summary.simulated
    assert second.summary.as_json()["status"] | {"matched": 1, "mismatched": 1} == second.summary.as_json()["status"]
    assert sandbox.bill.total() == 0


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("https://vendor.example:8443/x", "vendor.example"),
        ("https://a@vendor.example", "vendor.example"),
        ("http://[::1]:80", "::1"),
        ("https://[", ""),
        ("vendor.example", ""),
    ],
)
def test_naming_a_host_in_the_endpoint_permits_it(endpoint, host):
    assert named_host(endpoint) == host


def test_a_host_that_is_named_is_asked_and_plain_http_is_not(desk):
    assert desk.plan(desk.sheet(rows(1)), endpoint="https://vendor.example").asks == 1
    with pytest.raises(SettingsError, match="plain http"):
        desk.plan(desk.sheet(rows(1)), endpoint="http://vendor.example")


def test_a_job_that_was_not_run_has_no_result(desk):
    path = desk.sheet(rows(1))
    desk.plan(path)
    with open_realm(desk.home, simulated=True, clock=desk.session().clock) as realm:
        spec = JobSpec(
            path=str(path),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            size_bytes=1,
            product="bank3",
            options=Options().as_json(),
        )
        job = realm.ledger.create_job(spec, now=realm.clock.now(), token=b"12345")

    with pytest.raises(InputError) as caught:
        render_job(job.id, desk.session())

    assert str(caught.value) == f"The job {job.id!r} has not been run. Start it with `batchverify run`."


def test_a_result_that_cannot_be_written_after_the_asks_loses_no_answer(desk, sandbox):
    folder = desk.folder / "out"
    folder.mkdir()
    desk.onlooker.on_asking = lambda: shutil.rmtree(folder)
    path = desk.sheet(rows(3))

    with pytest.raises(HomeError, match=r"Every answer is kept: `batchverify render s-\w+ -o FILE` writes the result") as caught:
        desk.verify(path, options=Options(delivery=Delivery(output=folder / "result.csv")))

    job = str(caught.value).partition("render ")[2].split()[0]
    target = desk.folder / "result.csv"
    drawn = desk.render(job, change=lambda kept: replace(kept, delivery=Delivery(output=target)))
    assert drawn.counts() == {"matched": 3}
    assert sandbox.bill.total() == 3


def test_a_run_that_cannot_be_written_down_leaves_no_lock_and_sends_nothing(desk, sandbox):
    def spoil():
        with closing(sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite")) as con:
            con.execute("ALTER TABLE run RENAME TO elsewhere")

    desk.onlooker.on_approve = spoil
    with pytest.raises(HomeError):
        desk.verify(rows(2))

    assert sandbox.bill.total() == 0
    assert list((desk.home / "locks").iterdir()) == []


def test_a_ledger_that_is_gone_beside_its_key_is_not_made_anew(desk, sandbox):
    desk.verify(rows(1))
    for file in (desk.home / "sandbox").glob("ledger.sqlite*"):
        file.unlink()

    with pytest.raises(HomeError, match=r"is gone, and its key is still there\. Nothing was sent"):
        desk.verify(rows(1))

    assert sandbox.bill.total() == 1


def test_what_a_price_table_calls_free_or_unknown_is_counted_so(desk, sandbox):
    people = [a_row(1), a_row(2, verdict="02"), a_row(3, verdict="53")]

    result = desk.verify(people, billed={"02": "?", "203": "0"})

    assert result.json["asks"] | {"saved": 0} == {
        "sent": 3, "billed": 1, "free": 1, "not_billed": 0, "in_doubt": 1, "saved": 0,
    }  # fmt: skip
    assert result.column("bv_billed") == ["1", "?", "0"]
    assert (result.json["cost"]["min"], result.json["cost"]["max"]) == ("0.19", "0.38")


def test_a_long_stretch_of_answered_rows_is_passed_over_to_the_new_ones(desk, sandbox):
    desk.verify(rows(1200))

    result = desk.verify(rows(1205))

    assert result.json["asks"]["sent"] == 5
    assert result.counts() == {"matched": 1205}
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", simulated=True) as ledger:
        assert all(ledger.audit().verify_chain(run.id) for job in ledger.jobs() for run in ledger.runs(job.id))
