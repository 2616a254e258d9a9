from datetime import timedelta

import pytest

from batchverify.errors import InputError
from batchverify.model import AttemptState, Billed
from batchverify.store.ledger import JobSpec, Ledger, Spent


def test_a_job_is_found_by_its_id_or_its_beginning(desk):
    job = desk.new_job(token=b"\xff" * 5)

    assert job.id == "j-77777777"
    assert desk.ledger.job("j-77777777") == desk.ledger.job("J-7777") == job
    assert desk.ledger.jobs() == [job, desk.job]


def test_a_job_that_is_unknown_or_ambiguous_is_an_input_error(desk):
    desk.new_job(token=b"\xff" * 5)
    desk.new_job(token=b"\xff\xff\xff\xff\xfe")

    with pytest.raises(InputError, match=r"There is no job 'j-zz' in this home\. `batchverify jobs` lists them\."):
        desk.ledger.job("j-zz")
    with pytest.raises(InputError, match=r"'j-77' fits 2 jobs: j-77777777, j-77777776\. Give more of the id\."):
        desk.ledger.job("j-77")


def test_a_job_of_the_sandbox_says_so_in_its_id(tmp_path, make):
    with Ledger.open(tmp_path / "s.sqlite", simulated=True) as ledger:
        job = ledger.create_job(JobSpec(path="p", sha256="0", size_bytes=1, product="id2"), now=make.START, token=bytes(5))

    assert job.id == "s-aaaaaaaa"


def test_the_newest_unfinished_job_of_the_same_input_is_found(desk):
    old, new = desk.new_job("a" * 64, identity="m1"), desk.new_job("a" * 64, identity="m1")
    assert desk.ledger.unfinished_job(new.spec) == new

    desk.ledger.finish_job(new.id, at=desk.now)
    assert desk.ledger.job(new.id).finished_at == desk.now
    assert desk.ledger.unfinished_job(new.spec) == old

    desk.ledger.finish_job(new.id, at=None)
    assert desk.ledger.unfinished_job(new.spec) == new
    assert desk.ledger.unfinished_job(desk.new_job("b" * 64, identity="m2").spec).id not in {old.id, new.id}
    assert desk.ledger.unfinished_job(JobSpec(path="x", sha256="a" * 64, size_bytes=1, product="bank3", identity="m3")) is None


def test_runs_are_numbered_within_their_job_and_keep_their_bounds(desk):
    run = desk.start(cap_asks=7, qps=2.5, asks_per_card=3)

    assert run.id == f"{desk.job.id}.2"
    assert desk.ledger.runs(desk.job.id) == [desk.run, run]
    assert desk.ledger.runs("j-none") == []


def test_a_run_of_an_unknown_job_is_an_input_error(desk):
    with pytest.raises(InputError, match="There is no job 'j-none'"):
        desk.ledger.start_run("j-none", desk.run.spec, now=desk.now, monotonic=desk.monotonic)


def test_an_ended_run_leaves_nothing_open_and_ends_once(desk, make):
    done, flying = desk.granted(make.want("a"), make.want("b"))
    desk.settle(make.answered(done))

    def end(reason):
        return desk.ledger.end_run(desk.run, reason=reason, now=desk.now, monotonic=desk.monotonic)

    assert end("interrupted") == 1
    desk.pass_time(9)
    assert end("complete") == 0

    (run,) = desk.ledger.runs(desk.job.id)
    assert (run.reason, run.ended_at, run.spent, run.reserved) == ("interrupted", make.START, 2, 0)
    (attempt,) = desk.ledger.attempts([make.want("b").key])[make.want("b").key]
    assert (attempt.number, attempt.state, attempt.code, attempt.billed) == (
        flying,
        AttemptState.IN_DOUBT,
        "interrupted",
        Billed.UNKNOWN,
    )
    assert desk.reserve(make.want("c")) == [Spent(code="lease_lost")]


def test_a_lease_lapses_after_thirty_seconds_without_a_sign(desk, make):
    (number,) = desk.granted(make.want())
    desk.pass_time(29)
    assert desk.recover() == 0
    desk.ledger.heartbeat(desk.run, monotonic=desk.monotonic)
    desk.pass_time(29)
    assert desk.recover() == 0
    assert desk.reserve() == []
    desk.pass_time(30)
    assert desk.recover() == 0

    desk.pass_time(0.5)

    assert desk.recover() == 1
    assert desk.recover() == 0
    (run,) = desk.ledger.runs(desk.job.id)
    assert (run.reason, run.ended_at) == ("lost", desk.now)
    assert desk.settle(make.answered(number)) == [number]


def test_a_heartbeat_does_not_bring_a_lost_run_back(desk, make):
    desk.pass_time(31)
    desk.recover()

    desk.ledger.heartbeat(desk.run, monotonic=desk.monotonic)

    assert desk.reserve(make.want()) == [Spent(code="lease_lost")]


def test_a_dead_process_loses_its_run_at_once_and_a_living_one_of_another_boot_does_not(desk, make):
    desk.granted(make.want())
    desk.boot, desk.monotonic = "boot-2", desk.monotonic + 1e6

    assert desk.recover(dead=False) == 0
    assert desk.recover(dead=True) == 1


def test_a_hundred_processes_recovering_one_run_call_it_in_doubt_once(desk, make):
    desk.granted(make.want("a"), make.want("b"))

    assert [desk.recover(dead=True) for _ in range(5)] == [2, 0, 0, 0, 0]
    assert [event.transition for event in desk.ledger.audit().events(desk.run.id)] == ["reserved"] * 2 + ["in_doubt"] * 2


def test_outputs_are_recorded_once_for_each_path(desk):
    desk.ledger.record_output(desk.job.id, path="a.csv", sha256="1", now=desk.now)
    desk.ledger.record_output(desk.job.id, path="b.csv", sha256="2", now=desk.now + timedelta(seconds=1))
    desk.ledger.record_output(desk.job.id, path="a.csv", sha256="3", now=desk.now + timedelta(seconds=2))

    assert [(output.path, output.sha256) for output in desk.ledger.outputs(desk.job.id)] == [("b.csv", "2"), ("a.csv", "3")]
    assert desk.ledger.outputs("j-none") == []
