"""Resume, rerun and the plan: what is asked again, what never is, and what is refused."""

import csv
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from batchverify.errors import HomeError, InputError
from batchverify.job import Asking, Bounds, Options, all_jobs, statuses_to_rerun
from batchverify.job.passes import OPEN_WITHOUT_DOUBT
from batchverify.model import RowStatus
from batchverify.sandbox import Fault, Rule
from tests.builders import a_card, a_row, read_rows, rows


def rewrite(path, change):
    """Change the rows of a csv result as a person does in a spreadsheet program."""
    table = read_rows(path)
    for number, row in enumerate(table):
        change(number, row)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)


def test_an_unknown_job_is_an_input_error(desk):
    for act in (desk.resume, desk.rerun, desk.render):
        with pytest.raises(InputError, match=r"^There is no job 'j-77777777' in this home. `batchverify jobs` lists them.$"):
            act("j-77777777")


def test_a_job_may_be_named_by_the_beginning_of_its_id_in_any_case(desk):
    first = desk.verify(rows(3), bounds=Bounds(max_asks=1))

    assert desk.resume(first.job[:5].upper()).counts() == {"matched": 3}


def test_a_missing_input_is_named(desk, sandbox):
    path = desk.sheet(rows(3))
    first = desk.verify(path, bounds=Bounds(max_asks=1))
    path.unlink()

    with pytest.raises(InputError) as caught:
        desk.resume(first.job)

    assert str(caught.value) == f"The input of the job {first.job}, {str(path)!r}, is gone. Put it back there; nothing was sent."
    assert sandbox.bill.total() == 1


def test_a_changed_input_is_refused_and_verified_anew_by_run(desk, sandbox):
    path = desk.sheet(rows(3))
    first = desk.verify(path, bounds=Bounds(max_asks=2))
    text = path.read_text("utf-8-sig").splitlines()
    path.write_text("\n".join(text[:-1]), "utf-8")

    with pytest.raises(InputError) as caught:
        desk.resume(first.job)

    assert str(caught.value) == (
        f"{str(path)!r} was changed since the job {first.job} began. Verify it as it is now with `batchverify run`: "
        "what was answered is reused. Nothing was sent."
    )
    assert desk.verify(path).json["rows"]["reused"] == 2
    assert sandbox.bill.total() == 2


def test_resume_of_a_finished_job_asks_nothing(desk, sandbox):
    first = desk.verify(rows(3))

    again = desk.resume(first.job)

    assert again.json["ending"] == "complete"
    assert sandbox.bill.total() == 3


def test_what_is_in_doubt_is_held_until_a_second_bill_is_accepted(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(1,)))
    path = desk.sheet(rows(3))
    first = desk.verify(path, concurrency=1)

    for again in (desk.resume(first.job), desk.rerun(first.job), desk.verify(path), desk.verify(rows(2))):
        assert again.statuses[0] == "in_doubt"
    assert sandbox.bill.total() == 3
    assert again.json["ending"] == "open_rows"
    assert (
        first.json["next"]
        == f"batchverify rerun {first.job} --home {desk.home} --endpoint {desk.endpoint} --what in_doubt --accept-double-charge"
    )

    accepted = desk.rerun(first.job, what=frozenset({RowStatus.IN_DOUBT}))

    assert accepted.statuses == ["matched"] * 3
    assert sandbox.bill.total() == 4
    assert accepted.json["asks"] | {"saved": 0} == {
        "sent": 4, "billed": 3, "free": 0, "not_billed": 0, "in_doubt": 1, "saved": 0,
    }  # fmt: skip
    assert accepted.json["ending"] == "complete"


def test_a_doubt_that_was_accepted_and_failed_again_is_in_doubt_again(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER))
    first = desk.verify(rows(1))

    again = desk.rerun(first.job, what=frozenset({RowStatus.IN_DOUBT}))

    assert again.statuses == ["in_doubt"]
    assert again.json["asks"]["in_doubt"] == 2
    assert desk.resume(first.job).json["asks"]["sent"] == 2


def test_a_doubt_that_was_accepted_and_is_locked_by_its_second_answer_is_locked(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.NUMBER_FOR_STRING, at=(1,)))
    first = desk.verify([a_row(1, verdict="53")])
    assert first.statuses == ["in_doubt"]

    again = desk.rerun(first.job, what=frozenset({RowStatus.IN_DOUBT}))

    assert (again.statuses, again.column("bv_code"), again.column("bv_billed")) == (["locked"], ["203"], ["1"])
    assert all(again.column("bv_retry_at"))
    assert again.json["asks"]["in_doubt"] == 1


def test_rerun_asks_what_failed_and_nothing_else(desk, sandbox):
    first = desk.verify(rows(4), bounds=Bounds(max_asks=2))
    assert first.counts() == {"matched": 2, "not_run": 2}

    again = desk.rerun(first.job)

    assert sandbox.bill.total() == 2
    assert again.counts() == {"matched": 2, "not_run": 2}
    assert desk.rerun(first.job, what=OPEN_WITHOUT_DOUBT).counts() == {"matched": 4}


def test_what_never_left_is_failed_and_rerun_asks_it(desk, home, sandbox):
    """Nobody listens at the endpoint: five tries, nothing billed, and the same job goes on when somebody does."""
    good, desk.endpoint = desk.endpoint, "http://127.0.0.1:9"
    first = desk.verify(rows(1))

    assert first.counts() == {"failed": 1}
    assert first.column("bv_code") == ["connect"]
    assert first.json["asks"]["not_billed"] == 5
    assert first.json["ending"] == "open_rows"
    assert first.json["next"] == f"batchverify rerun {first.job} --home {home} --endpoint http://127.0.0.1:9"

    desk.endpoint = good
    assert desk.rerun(first.job).counts() == {"matched": 1}
    assert sandbox.bill.total() == 1


def test_of_a_result_that_comes_back_only_edited_and_new_rows_are_asked(desk, sandbox):
    first = desk.verify([a_row(1), a_row(2, idCard="11010119900101"), a_row(3, verdict="02"), a_row(4)])
    assert first.statuses == ["matched", "blocked", "mismatched", "matched"]

    def mend(number, row):
        if number == 1:
            row["身份证号"] = a_row(2)["idCard"]
        if number == 2:
            row["银行卡号"] = a_card(33)

    rewrite(first.path, mend)
    again = desk.rerun(first.path)

    assert again.statuses == ["matched"] * 4
    assert sandbox.bill.total() == 3 + 2
    assert again.job != first.job
    assert again.column("bv_source") == ["reused-simulated", "asked-simulated", "asked-simulated", "reused-simulated"]
    assert again.path.name == "people-1.verified-2.csv"
    assert again.json["rows"]["reused"] == 2


def test_of_a_workbook_that_comes_back_nothing_is_asked_twice(desk, sandbox):
    first = desk.verify(desk.sheet(rows(3), kind="xlsx"))

    again = desk.rerun(first.path)

    assert again.json["asks"]["sent"] == 0
    assert again.statuses == ["matched"] * 3
    assert list(again.rows[0]) == list(first.rows[0])
    assert sandbox.bill.total() == 3


def test_an_answer_of_a_returning_result_counts_whatever_its_age(desk, sandbox):
    none = Options(asking=Asking(reuse_days_matched=0, reuse_days_other=0))
    first = desk.verify(rows(2), options=none)

    assert desk.rerun(first.path).json["asks"]["sent"] == 0
    assert sandbox.bill.total() == 2


def test_a_file_without_our_mark_is_no_result(desk):
    path = desk.sheet(rows(1))

    with pytest.raises(InputError) as caught:
        desk.rerun(path)

    assert str(caught.value) == (
        f"{path.name} has no column bv_row 行标识, so it is no result of ours. Verify it with `batchverify run`, "
        "or name the job that it corrects: `batchverify rerun JOB --from FILE`."
    )


def test_a_result_of_another_home_is_refused(desk):
    first = desk.verify(rows(1))
    desk.home = desk.folder / "elsewhere"

    with pytest.raises(InputError) as caught:
        desk.rerun(first.path)

    assert str(caught.value) == (
        f"{first.path.name} came from a job that this home does not know. Name the home with --home, or verify it with "
        "`batchverify run`."
    )


def test_a_simulated_result_goes_on_in_the_built_in_sandbox_where_no_endpoint_is_named(desk, sandbox):
    first = desk.verify(rows(2), bounds=Bounds(max_asks=1))
    settings = desk.settings(endpoint="https://bcard3and4.market.alicloudapi.com")

    by_file = desk.rerun(first.path, endpoint=settings.endpoint)
    by_job = desk.resume(first.job, endpoint=settings.endpoint)

    assert by_file.json["simulated"]
    assert by_job.counts() == by_file.counts() == {"matched": 2}
    assert sandbox.bill.total() == 1


def test_in_doubt_rows_need_an_acceptance_by_name():
    with pytest.raises(InputError) as caught:
        statuses_to_rerun(["in_doubt"], accept_double_charge=False)

    assert str(caught.value) == (
        "Rows in doubt may have been billed already, and asking again may be a second bill. "
        "Reconcile with the vendor's usage first, or add --accept-double-charge. Nothing was sent."
    )
    assert statuses_to_rerun(["in_doubt"], accept_double_charge=True) == {RowStatus.IN_DOUBT}
    assert statuses_to_rerun([], accept_double_charge=False) == {RowStatus.FAILED, RowStatus.LOCKED}
    assert statuses_to_rerun(["all-open"], accept_double_charge=False) == OPEN_WITHOUT_DOUBT


def test_a_plan_counts_what_the_run_then_asks(desk, sandbox):
    desk.verify([a_row(1), a_row(9, verdict="53")])
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, times=1))
    desk.verify([a_row(2)])
    before = sandbox.bill.total()
    path = desk.sheet([a_row(1), a_row(2), a_row(3), a_row(3), a_row(4, idCard=""), a_row(5), a_row(9, accountNo=a_card(90))])

    plan = desk.plan(path)
    result = desk.verify(path)

    assert (plan.total, plan.unique, plan.duplicate, plan.blocked) == (7, 5, 1, 1)
    assert (plan.reused, plan.in_doubt, plan.locked, plan.asks) == (1, 1, 1, 2)
    assert str(plan.worst_price) == "0.38"
    assert sandbox.bill.total() - before == plan.asks
    assert result.json["rows"] == {
        "total": plan.total, "unique": plan.unique, "duplicate": plan.duplicate, "reused": plan.reused, "blocked": plan.blocked,
    }  # fmt: skip
    assert set(plan.problems) == {"duplicate", "id_locked", "in_doubt", "missing_field", "reused"}
    assert plan.problems["duplicate"].rows == (5,)


def test_a_plan_asks_nothing_and_its_hash_changes_with_the_price(desk, sandbox):
    path = desk.sheet(rows(3))

    plan = desk.plan(path)

    assert sandbox.bill.total() == 0
    assert desk.plan(path).digest == plan.digest
    assert replace(plan, asks=2).digest != plan.digest
    assert plan.as_json()["hash"] == plan.digest
    assert plan.as_json()["cheapest_packages"]["left_over"] == plan.mix.asks - 3
    assert not list(desk.folder.glob("*.verified*"))


def test_what_looks_odd_and_is_sent_all_the_same_is_a_problem_with_its_rows(desk):
    odd = a_card(1)[:-1] + ("1" if a_card(1)[-1] != "1" else "2")

    plan = desk.plan(desk.sheet([a_row(2), a_row(1, accountNo=odd), a_row(3, accountNo=odd)]))

    assert (plan.problems["accountNo:luhn"].count, plan.problems["accountNo:luhn"].rows) == (2, (3, 4))
    assert plan.asks == 3


def test_of_many_problem_rows_the_first_twenty_are_named(desk):
    plan = desk.plan(desk.sheet([a_row(person, idCard="") for person in range(30)]))

    assert (plan.problems["missing_field"].count, plan.problems["missing_field"].rows) == (30, tuple(range(2, 22)))


def test_a_plan_of_an_unfinished_job_counts_what_is_left(desk):
    path = desk.sheet(rows(5))
    desk.verify(path, bounds=Bounds(max_asks=2))

    plan = desk.plan(path)

    assert (plan.reused, plan.asks) == (2, 3)


def test_a_refused_plan_sends_nothing_and_begins_no_job(desk, sandbox):
    def refuse():
        raise InputError("Not today.")

    desk.onlooker.on_approve = refuse
    with pytest.raises(InputError, match="Not today"):
        desk.verify(rows(2))

    assert sandbox.bill.total() == 0
    assert all_jobs(desk.session()) == []


def test_the_jobs_of_a_home_are_listed_newest_first(desk):
    first, second = desk.verify(rows(1)), desk.verify(rows(2), bounds=Bounds(max_asks=0))

    listed = all_jobs(desk.session())

    assert [job.id for job, _ in listed] == [second.job, first.job]
    assert [job.finished_at is None for job, _ in listed] == [True, False]
    assert [len(runs) for _, runs in listed] == [1, 1]


def test_fresh_asks_what_was_answered_before(desk, sandbox):
    path = desk.sheet(rows(2))
    desk.verify(path)

    fresh = desk.verify(path, options=Options(asking=Asking(reuse_days_matched=0, reuse_days_other=0)))

    assert sandbox.bill.total() == 4
    assert fresh.json["rows"]["reused"] == 0


def test_a_mismatch_is_reused_for_a_shorter_time_than_a_match(desk, sandbox):
    people = [a_row(1), a_row(2, verdict="02")]
    desk.verify(people)

    again = desk.verify(people, options=Options(asking=Asking(reuse_days_matched=1, reuse_days_other=0)))

    assert again.column("bv_source") == ["reused-simulated", "asked-simulated"]
    assert sandbox.bill.total() == 3


def test_a_ledger_that_fails_in_the_middle_stops_the_run_and_nothing_is_lost(desk, sandbox):
    """A table of it goes away under the run: exit 5, no further ask, and what was in flight will be in doubt."""
    sandbox.vendor.latency_seconds = 0.02
    spoiled = []

    def spoil(progress):
        if progress.done and not spoiled:
            spoiled.append(progress.done)
            with closing(sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite")) as con:
                con.execute("ALTER TABLE event RENAME TO elsewhere")

    desk.onlooker.on_progress = spoil
    with pytest.raises(HomeError, match="No further ask leaves"):
        desk.verify(rows(200), qps=100.0)

    asked = sandbox.bill.total()
    assert spoiled
    assert asked < 200
    assert not list(desk.folder.glob("*.verified*"))
    with pytest.raises(HomeError):
        desk.verify(rows(2))
    assert sandbox.bill.total() == asked
