"""quota usage and quota reconcile as a finance desk types them, against a sandbox's console."""

from __future__ import annotations

import csv
import os
import urllib.request

import openpyxl
import pytest
from click.testing import CliRunner

from batchverify.cli.quota_usage import usage
from tests.campaigns.people import people, write_sheet
from tests.campaigns.processes import ended


@pytest.fixture
def verified(desk, vendor, within_a_window):
    """Verify five people; the answers of two are lost, of which `billed` were billed. Give the job."""

    def verify(*billed: bool) -> str:
        vendor.post("faults", [{"fault": "reset_after", "at": [at], "billed": one} for at, one in enumerate(billed, 2)])
        write_sheet(desk.folder / "people.csv", people(5))
        return str(desk.run("run", "people.csv", "--yes", "--json").json["job"])

    return verify


def export(desk, vendor, name="usage.csv", *, form="csv", more=0):
    """Download the usage as the console exports it; `more` asks of somebody else are made before."""
    if more:
        for number in range(more):
            request = f"{vendor.endpoint}/IDCard?idCard=51112619951111{number:04d}&name=x"
            with urllib.request.urlopen(urllib.request.Request(request, headers={"Authorization": "APPCODE sandbox"})) as answer:
                answer.read()
    with urllib.request.urlopen(f"{vendor.endpoint}/console/usage?format={form}") as answer:
        (desk.folder / name).write_bytes(answer.read())
    return name


def test_usage_looks_like_the_vendors_and_can_be_laid_beside_it(desk, vendor, verified):
    verified(True)

    shown = desk.run("quota", "usage", "--export", "ours.csv")
    chinese = desk.run("quota", "usage", "--lang", "zh", "--export", "ours.xlsx")

    assert (shown.code, chinese.code) == (0, 0)
    assert shown.out.splitlines()[-2:] == [
        "In all: 4 + 1 in doubt",
        "SIMULATED by the sandbox: this bill means nothing.",
    ]
    assert shown.err.startswith("Written: ")
    assert "4次 ＋存疑 1次" in chinese.out
    with (desk.folder / "ours.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["流水编号 Number", "处理时间 Time", "备注 Remark", "消耗 Used", "存疑 In doubt"]
    assert sum(int(line[3].removesuffix("次")) for line in lines) == 4
    rows = list(openpyxl.load_workbook(desk.folder / "ours.xlsx").active.iter_rows(values_only=True))
    assert rows[0] == ("流水编号", "处理时间", "备注", "消耗", "存疑")
    assert rows[1:] == [tuple(line) for line in lines]
    with urllib.request.urlopen(f"{vendor.endpoint}/console/usage?format=csv") as answer:
        theirs = answer.read().decode("gbk").splitlines()[1:]
    assert [line[1] for line in lines] == [line.split(",")[1] for line in theirs]


def test_usage_adds_up_by_what_is_asked_for(desk, verified):
    verified(True)

    status = desk.run("quota", "usage", "--by", "status", "--export", "ours.csv")
    job = desk.run("quota", "usage", "--by", "job", "--export", "jobs.csv")

    assert "matched  4\nin_doubt  0 + 1 in doubt\n" in status.out
    assert "people.csv  4 + 1 in doubt\n" in job.out
    for name, columns in (("ours.csv", ["核验结果 Status"]), ("jobs.csv", ["任务 Job", "文件 File"])):
        with (desk.folder / name).open(encoding="utf-8-sig", newline="") as file:
            assert next(csv.reader(file)) == [*columns, "消耗 Used", "存疑 In doubt"]


def test_usage_of_a_job_adds_up_by_a_column_of_its_sheet(desk, vendor):
    lines = [",".join((*person.cells, place)) for person, place in zip(people(3), ("财务", "", "财务"), strict=True)]
    (desk.folder / "people.csv").write_text("\n".join(["姓名,身份证号,银行卡号,部门", *lines]), encoding="utf-8")
    job = desk.run("run", "people.csv", "--yes", "--json").json["job"]

    found = desk.run("quota", "usage", "--job", job, "--by", "部门", "--export", "ours.csv")

    assert found.out.splitlines()[:3] == ["财务  2", "(blank)  1", "In all: 3"]
    with (desk.folder / "ours.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[:2] == [["部门", "消耗 Used", "存疑 In doubt"], ["财务", "2次", "0次"]]


def test_usage_in_json_between_two_days_of_beijing(desk, verified):
    verified(True)

    every = desk.run("quota", "usage", "--json").json
    long_ago = desk.run("quota", "usage", "--from", "2018-03-19 10:50", "--to", "2018/03/20", "--json").json
    empty = desk.run("quota", "usage", "--to", "2018-03-20")

    assert (every["by"], every["simulated"], every["certain"], every["in_doubt"]) == ("window", True, 4, 1)
    assert (long_ago["certain"], long_ago["lines"]) == (0, [])
    assert empty.out == "Nothing was used.\n"


def test_usage_of_the_real_asks_does_not_show_the_sandboxs(desk, verified):
    verified()

    assert desk.run("quota", "usage", asks=False).out == "Nothing was used.\n"
    assert "In all: 5" in desk.run("quota", "usage", "--sandbox", asks=False).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "部门"], "A column of a sheet splits the whole bill of one job: add --job JOB, without --from and --to."),
        (["--from", "2026-11-24", "--to", "2026-11-20"], "No 10-minute window begins between --from and --to"),
        (["--export", "ours.pdf"], "Usage cannot be written to 'ours.pdf'. Name a file that ends in .csv or .xlsx."),
    ],
)
def test_what_usage_cannot_do_is_said(desk, arguments, message):
    refused = desk.run("quota", "usage", *arguments, asks=False)

    assert refused.code == 2
    assert message in refused.err


def test_a_day_that_is_none_is_said():
    refused = CliRunner().invoke(usage, ["--from", "yesterday"])

    assert refused.exit_code == 2
    assert "'yesterday' is no day such as 2026-11-24" in refused.output


def test_reconciling_frees_what_was_not_billed_and_the_printed_command_asks_it(desk, vendor, verified):
    job = verified(False, False)

    found = desk.run("quota", "reconcile", export(desk, vendor, "usage.xlsx", form="xlsx"), "--yes")

    assert found.code == 0
    assert "vendor 3 · certain 3 · in doubt 2\n    Nothing in doubt was billed. It is free to be asked again." in found.out
    assert "Decided: 0 billed, 2 not billed" in found.out
    assert found.next_arguments[:2] == ["resume", job]
    again = desk.run(*found.next_arguments, "--yes", "--json")
    assert (again.code, again.json["status"]["matched"]) == (0, 5)
    assert vendor.bill()["billed"] == 5


def test_reconciling_makes_certain_what_was_billed(desk, vendor, verified):
    job = verified(True, True)

    found = desk.run("quota", "reconcile", export(desk, vendor), "--yes", "--lang", "zh")

    assert found.code == 0
    assert "供应商 5次 · 确定 3次 · 存疑 2次\n    结果未知的调用均已计费。" in found.out
    assert found.next_arguments[:2] == ["render", job]
    rendered = desk.run(*found.next_arguments, "--json").json
    assert (rendered["asks"]["billed"], rendered["asks"]["in_doubt"], rendered["cost"]["max"]) == (5, 0, "0.95")


def test_without_a_terminal_nothing_is_written_down_unless_yes_is_said(desk, vendor, verified):
    verified(False)
    name = export(desk, vendor)

    refused = desk.run("quota", "reconcile", name)
    looked = desk.run("quota", "reconcile", name, "--yes", "--json")

    assert (refused.code, looked.code) == (2, 0)
    assert refused.err.endswith("there is no terminal to confirm it. Add --yes to write down what is decided.\n")
    assert "1 not billed" in refused.out
    document = looked.json
    assert (document["applied"], document["not_billed"], document["explained"]) == (True, 1, True)
    assert document["windows"][0]["finding"] == "not_billed"
    again = desk.run("quota", "reconcile", name)
    assert again.code == 0
    assert "Windows that agree: " in again.out
    assert "Decided" not in again.out


def test_a_terminal_is_asked_and_no_means_no(desk, vendor, verified):
    job = verified(False)
    name = export(desk, vendor)

    def answered(typed: bytes):
        master, terminal = os.openpty()
        try:
            process = desk.begin("quota", "reconcile", name, stdin=terminal)
            os.write(master, typed)
            return ended(process)
        finally:
            os.close(terminal)
            os.close(master)

    no, yes = answered(b"n\n"), answered(b"y\n")

    assert (no.code, yes.code) == (3, 0)
    assert no.out.endswith("Nothing was changed.\n")
    assert "Write this down? What was not billed can be asked again. [y/N]" in no.err
    assert yes.next_arguments[:2] == ["resume", job]


def test_what_is_in_doubt_at_other_times_is_told(desk, verified):
    verified(True, False)
    window = "2018-03-19 10:50:01 - 2018-03-19 11:00:01"
    (desk.folder / "usage.csv").write_text(f"处理时间,消耗\n{window},0次\n", encoding="utf-8")

    found = desk.run("quota", "reconcile", "usage.csv")

    assert found.code == 0
    assert "In doubt at other times, not judged: 2" in found.out


def test_what_stays_undecided_ends_with_3(desk, vendor, verified):
    verified(True, False)

    found = desk.run("quota", "reconcile", export(desk, vendor))

    assert found.code == 3
    assert "How many of those in doubt were billed is known, but not which." in found.out
    assert "Still in doubt: 2" in found.out


def test_a_count_that_has_grown_since_is_told_beside_the_alarm(desk, vendor, verified):
    verified(False)
    name = export(desk, vendor)
    assert desk.run("quota", "reconcile", name, "--yes").code == 0
    later = (desk.folder / name).read_text("gbk").replace("4次", "5次")
    (desk.folder / "later.csv").write_text(later, "gbk")

    found = desk.run("quota", "reconcile", "later.csv")

    assert found.code == 3
    assert "1 more than this home can have asked · an earlier export said 4" in found.out
    assert "what was found not billed then may have been billed after all" in found.out


def test_another_user_of_the_app_code_is_an_alarm_that_ends_with_3(desk, vendor, verified):
    verified()

    found = desk.run("quota", "reconcile", export(desk, vendor, more=4))

    assert found.code == 3
    assert "4 more than this home can have asked" in found.out
    assert "ALARM: the vendor counted more than all that was asked from here. Somebody else asks with this AppCode" in found.out
    assert "reset the AppCode" in found.out


def test_what_is_no_export_is_refused(desk):
    write_sheet(desk.folder / "people.csv", people(1))

    refused = desk.run("quota", "reconcile", "people.csv", asks=False)

    assert refused.code == 2
    assert "people.csv has no columns 处理时间 and 消耗" in refused.err
