"""`run` and what follows it, each as a real process: exit codes, stdout, the command that goes on."""

from __future__ import annotations

import json
import stat

from tests.campaigns.people import people, person, read_result, write_sheet
from tests.campaigns.processes import APP_CODE, Desk


def test_a_run_whose_rows_are_all_final_ends_with_0_and_says_what_it_cost(desk, vendor):
    write_sheet(desk.folder / "people.csv", [*people(3), person(3, "02"), person(0)])

    ended = desk.run("run", "people.csv", "--yes", "--lang", "en")

    assert ended.code == 0
    assert ended.out.splitlines()[:2] == [
        "Rows: 5 · matched 4 · mismatched 1",
        "Bill: ¥0.76 · 4 asks · 4 billed · saved ¥0.19",
    ]
    assert "SIMULATED by the sandbox: these answers mean nothing." in ended.out
    assert "Go on with" not in ended.out
    assert [row["bv_status"] for row in read_result(desk.folder / "people.verified.csv")] == [
        *["matched"] * 3,
        "mismatched",
        "matched",
    ]
    assert vendor.bill()["billed"] == 4


def test_json_puts_the_summary_on_stdout_and_nothing_else_there(desk):
    write_sheet(desk.folder / "people.csv", people(3))

    ended = desk.run("run", "people.csv", "--yes", "--json")

    assert ended.code == 0
    assert ended.json == json.loads((desk.folder / "people.summary.json").read_text("utf-8"))
    assert (ended.json["schema"], ended.json["ending"], ended.json["next"]) == (1, "complete", None)
    assert "Rows: 3" in ended.err


def test_chinese_is_spoken_on_demand_and_by_setting(desk):
    write_sheet(desk.folder / "people.csv", people(2))

    asked = desk.run("run", "people.csv", "--yes", "--lang", "zh")
    (desk.folder / "batchverify.toml").write_text('lang = "zh"\n')
    planned = desk.run("plan", "people.csv")

    assert (asked.code, planned.code) == (0, 0)
    assert asked.out.startswith("行数: 2 · 一致 2\n账单: ¥0.38 · 2 次调用 · 2 已计费")
    assert "沙箱模拟结果，不具任何效力。" in asked.out
    assert "行数: 2 · 2 不同查询 · 2 历史复用" in planned.out
    assert list(read_result(desk.folder / "people.verified.csv")[0])[3] == "核验结果"


def test_a_cap_is_kept_exactly_and_the_command_that_goes_on_works_when_pasted(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(100))

    first = desk.run("run", "people.csv", "--max-asks", "10")

    assert first.code == 3
    assert vendor.total() == 10
    assert "matched 10 · not_run 90" in first.out

    # Pasted elsewhere, where only the AppCode is known: home and endpoint stand in it.
    folder = desk.folder / "elsewhere"
    folder.mkdir()
    elsewhere = Desk(folder=folder, environment={"BATCHVERIFY_APPCODE": APP_CODE})
    second = elsewhere.run(*first.next_arguments, "--max-yuan", "1.90", "--json")

    assert second.code == 3
    assert vendor.total() == 20
    assert second.json["asks"]["billed"] == 20

    third = elsewhere.run(*second.next_arguments, "--yes")

    assert third.code == 0
    assert vendor.total() == 100
    assert set(vendor.bill()["per_question"].values()) == {1}


def test_a_home_with_a_space_in_its_name_survives_the_paste(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(3))
    first = desk.run("run", "people.csv", "--max-asks", "1", "--home", "my home", "--endpoint", vendor.endpoint)

    assert first.code == 3
    assert desk.run(*first.next_arguments, "--yes").code == 0
    assert vendor.total() == 3


def test_going_on_replaces_the_summary_of_an_input_that_was_named_by_a_relative_path(desk):
    write_sheet(desk.folder / "people.csv", people(3))
    first = desk.run("run", "people.csv", "--max-asks", "1")
    assert desk.run(*first.next_arguments, "--yes").code == 0

    assert sorted(path.name for path in desk.folder.glob("*.json")) == ["people.summary.json"]
    assert json.loads((desk.folder / "people.summary.json").read_text("utf-8"))["status"]["matched"] == 3


def test_the_same_file_again_costs_nothing_and_leaves_the_first_result_alone(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(3))
    first, second = (desk.run("run", "people.csv", "--yes", "--json") for _ in range(2))

    assert (first.code, second.code) == (0, 0)
    assert vendor.total() == 3
    assert second.json["asks"]["sent"] == 0
    assert second.json["rows"]["reused"] == 3
    assert second.json["outputs"][0]["path"] != first.json["outputs"][0]["path"]


def test_several_files_share_answers_and_give_one_document_each(desk, vendor):
    write_sheet(desk.folder / "a.csv", people(3))
    write_sheet(desk.folder / "b.csv", people(3, first=2))

    ended = desk.run("run", "a.csv", "b.csv", "--yes", "--json")

    assert ended.code == 0
    assert [summary["input"]["name"] for summary in ended.json] == ["a.csv", "b.csv"]
    assert vendor.total() == 5


def test_the_worst_of_several_files_gives_the_exit_code(desk, vendor):
    write_sheet(desk.folder / "a.csv", people(3))
    write_sheet(desk.folder / "b.csv", people(3, first=10))
    vendor.post("faults", [{"fault": "reset_after", "at": [1]}])

    assert desk.run("run", "a.csv", "b.csv", "--yes").code == 3


def test_a_quota_that_runs_out_ends_with_4_and_after_a_top_up_resume_asks_the_rest(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(40))
    vendor.post("quota", {"set": 15})

    first = desk.run("run", "people.csv", "--yes")

    assert first.code == 4
    assert vendor.bill()["billed"] == 15
    assert [row["bv_status"] for row in read_result(desk.folder / "people.verified.csv")].count("matched") == 15

    vendor.post("quota", {"top_up": 100})
    second = desk.run(*first.next_arguments, "--yes")

    assert second.code == 0
    assert set(vendor.bill()["per_question"].values()) == {1}
    assert len(vendor.bill()["per_question"]) == 40


def test_a_wrong_app_code_ends_with_4_and_costs_nothing(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(40))
    vendor.post("appcode", {"standing": "revoked"})

    ended = desk.run("run", "people.csv", "--yes", "--concurrency", "6", "--json")

    assert ended.code == 4
    assert ended.json["ending"] == "vendor_stop"
    assert ended.json["status"]["not_run"] == 40
    assert (vendor.bill()["billed"], vendor.total() <= 6) == (0, True)


def test_an_answer_that_is_lost_is_in_doubt_held_and_named(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(5))
    vendor.post("faults", [{"fault": "reset_after", "at": [2]}])

    first = desk.run("run", "people.csv", "--yes")
    again = desk.run("run", "people.csv", "--yes")

    assert (first.code, again.code) == (3, 3)
    assert vendor.total() == 5
    assert first.next_arguments[:1] == ["rerun"]
    assert first.next_arguments[-3:] == ["--what", "in_doubt", "--accept-double-charge"]
    assert desk.run(*first.next_arguments, "--yes").code == 0
    assert sorted(vendor.bill()["per_question"].values()) == [1, 1, 1, 1, 2]


def test_render_asks_nothing_and_gives_the_same_bytes(desk, vendor):
    write_sheet(desk.folder / "people.csv", people(5))
    job = desk.run("run", "people.csv", "--yes", "--json").json["job"]
    result = desk.folder / "people.verified.csv"
    before = result.read_bytes()
    result.unlink()

    ended = desk.run("render", job)

    assert ended.code == 0
    assert result.read_bytes() == before
    assert vendor.total() == 5


def test_output_goes_where_it_is_told_and_what_is_ours_is_private(desk):
    write_sheet(desk.folder / "people.csv", people(2))

    ended = desk.run("run", "people.csv", "--yes", "-o", "out.xlsx", "--json")

    assert ended.code == 0
    assert (desk.folder / "out.xlsx").is_file()
    assert (desk.folder / "out.summary.json").is_file()
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in desk.home.rglob("*")}
    assert {path for path, mode in modes.items() if mode & 0o077} == set()


def test_the_built_in_sandbox_needs_nothing_and_marks_everything(desk):
    write_sheet(desk.folder / "people.csv", people(2))

    ended = desk.run("run", "people.csv", "--sandbox", "--yes", "--json", asks=False)

    assert ended.code == 0
    assert ended.json["simulated"] is True
    assert {row["bv_source"] for row in read_result(desk.folder / "people.verified.csv")} == {"asked-simulated"}
