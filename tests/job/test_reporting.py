"""The audit report of real jobs: complete, equal to the summary, the same each time, and of every form what was signed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

import pytest

from batchverify.errors import HomeError, InputError
from batchverify.job import Bounds, Delivery, Mandate, Options
from batchverify.job.checking import check_report
from batchverify.job.reporting import FORMS, prove_row, report_job
from batchverify.report.audit import SHARED
from batchverify.rules.leaves import row_leaf, run_leaf
from batchverify.rules.merkle import Tree
from batchverify.rules.sums import check_sums
from batchverify.sandbox import Fault, Rule
from batchverify.store.ledger import Ledger
from batchverify.store.ledger.usage import Statement
from batchverify.words import Lang
from tests.builders import a_card, a_row, an_id, rows

MANDATE = Mandate(operator="李四", purpose="工资卡核对", authorization="HR-2026-11")


@pytest.fixture
def mixed(desk, sandbox):
    """A job with a match, a mismatch, a duplicate, a blocked row, one in doubt, and rows that a cap left for the second run."""
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(3,)))
    people = [a_row(1), a_row(2, verdict="02"), a_row(1), a_row(3, idCard="110101199001010000"), a_row(4), *rows(2, first=5)]
    settings = desk.settings()
    first = desk.verify(
        people, options=Options(mandate=MANDATE), bounds=Bounds(max_asks=3, qps=settings.qps, concurrency=1), concurrency=1
    )
    desk.resume(first.job)
    return first.job


def report(desk, job, name="report.json", *, lang=Lang.EN):
    written = report_job(job, desk.folder / name, desk.session(), lang=lang)
    assert written == desk.folder / name
    return json.loads(written.read_bytes()) if written.suffix == ".json" else written.read_bytes()


def test_it_says_what_the_summary_says(desk, mixed):
    summary = desk.render(mixed).json

    document = report(desk, mixed)

    assert {key: document[key] for key in SHARED if key in summary} == {key: summary[key] for key in SHARED if key in summary}
    assert document["input"] == summary["input"] | {"size_bytes": (desk.folder / summary["input"]["name"]).stat().st_size}
    assert check_sums(document) == []
    assert document["simulated"] is True


def test_every_field_of_an_audit_is_there(desk, mixed):
    document = report(desk, mixed)

    assert document["tool"] == {"name": "batchverify", "version": "0.1.0"}
    assert document["mapping"] == {"name": "姓名", "idCard": "身份证号", "accountNo": "银行卡号"}
    assert document["mandate"] == {"operator": "李四", "purpose": "工资卡核对", "authorization": "HR-2026-11", "approved_by": ""}
    assert document["settings"]["checks"] == "block"
    assert document["started_at_utc"].endswith("Z")
    assert [run["kind"] for run in document["runs"]] == ["first", "resume"]
    assert document["runs"][0]["cap_asks"] == 3
    assert sum(run["asks"] for run in document["runs"]) == document["asks"]["sent"] == document["evidence"]["attempts"]
    assert document["rate"]["most_in_flight"] >= 1
    assert document["reconciliation"] == {"found_billed": 0, "found_not_billed": 0, "left_in_doubt": 1, "statements": []}
    assert document["evidence"]["in_doubt"] == document["asks"]["in_doubt"] == 1
    assert len(document["evidence"]["listed"]) == 1
    assert {one["code"] for one in document["outcomes"] if one["status"] == "blocked"} == {"id_checksum"}
    assert [output["name"] for output in document["outputs"]] == ["people-1.verified.csv"]
    assert document["ledger_head"] == document["runs"][-1]["head"]
    assert len(document["signature"]) == 128


def test_nobody_can_be_read_in_it(desk, mixed):
    people = [an_id(person) for person in range(1, 7)] + [a_card(person) for person in range(1, 7)] + ["张三", "李四A", "王小明"]
    for suffix in FORMS:
        report(desk, mixed, f"report{suffix}")
        content = (desk.folder / f"report{suffix}").read_text("utf-8", errors="replace")
        assert [one for one in people if one in content] == []

    sample = report(desk, mixed)["sample"]
    assert [one["row"] for one in sample] == list(range(2, 9))
    assert sample[0]["masked"] == {
        "name": "李*",
        "idCard": f"110***********{an_id(1)[-4:]}",
        "accountNo": f"621700*********{a_card(1)[-4:]}",
    }


@pytest.mark.parametrize("lang", list(Lang))
@pytest.mark.parametrize("suffix", FORMS)
def test_the_same_job_twice_gives_the_same_bytes_and_is_genuine(desk, mixed, suffix, lang):
    """A second run of the program, with another job between: only the end of its own last run counts."""
    first = report(desk, mixed, f"first{suffix}", lang=lang)
    desk.verify(rows(2, first=60))

    assert report(desk, mixed, f"second{suffix}", lang=lang) == first
    checked = check_report(desk.folder / f"second{suffix}", desk.session(), key=None)
    assert (checked.wrong, checked.notes) == ([], [])
    assert len(checked.well) == (4 if suffix == ".json" else 5)


def test_reporting_asks_nothing(desk, sandbox, mixed):
    before = sandbox.bill.total()

    report(desk, mixed)

    assert sandbox.bill.total() == before


def test_the_root_is_over_every_row_and_run(desk, mixed):
    """Built again from the proofs of all rows, each of which shows its own salt and no other."""
    document = report(desk, mixed)
    proofs = [prove_row(mixed, row, desk.session()) for row in range(2, 9)]
    tree = Tree()
    for run in document["runs"]:
        tree.add(run_leaf(run["run"], events=run["events"], head=run["head"]))
    for proof in proofs:
        tree.add(row_leaf(proof["row"], bytes.fromhex(proof["salt"])))

    assert tree.root().hex() == document["merkle"]["root"]
    assert tree.size == document["merkle"]["leaves"] == 9
    assert len({proof["salt"] for proof in proofs}) == 7
    assert Counter(proof["row"]["status"] for proof in proofs) == Counter(
        {word: count for word, count in document["status"].items() if count}
    )


def test_a_proof_tells_nothing_of_other_rows(desk, mixed):
    proof = json.dumps(prove_row(mixed, 2, desk.session()))

    others = [prove_row(mixed, row, desk.session()) for row in range(3, 9)]
    assert [one["row"]["mark"] for one in others if one["row"]["mark"] in proof] == []
    assert [one["salt"] for one in others if one["salt"] in proof] == []


def test_a_row_that_was_not_verified_has_no_proof(desk, mixed):
    with pytest.raises(InputError, match=r"Row 99 of people-1\.csv was not verified in the job s-.*: it has no outcome\."):
        prove_row(mixed, 99, desk.session())


def test_a_job_without_a_question_has_a_report(desk):
    job = desk.verify([a_row(1, idCard="1")]).job

    document = report(desk, job)
    for suffix in FORMS:
        report(desk, job, f"report{suffix}")
        assert check_report(desk.folder / f"report{suffix}", desk.session(), key=None).is_genuine

    assert document["asks"]["sent"] == 0
    assert (document["evidence"]["first"], document["rate"]["most_in_flight"], document["windows"]) == (None, 0, [])


def test_the_bill_split_by_a_column_is_part_of_it(desk):
    people = [a_row(1, 部门="总部"), a_row(2, 部门="<script>alert(1)</script>")]
    job = desk.verify(people, options=Options(delivery=Delivery(cost_by="部门"))).job

    document = report(desk, job)

    assert {one["value"] for one in document["cost_by"]["groups"]} == {one["部门"] for one in people}
    assert check_sums(document) == []


def test_a_form_that_does_not_exist_is_refused(desk, mixed):
    with pytest.raises(
        InputError, match=r"The report cannot be 'report\.doc'\. Name a file that ends in \.html, \.pdf, \.xlsx, \.json\."
    ):
        report(desk, mixed, "report.doc")


def test_it_is_never_written_onto_the_input(desk, mixed):
    source = next(desk.folder.glob("people-1.csv"))
    link = desk.folder / "link.json"
    link.hardlink_to(source)

    with pytest.raises(InputError, match="is the input itself"):
        report(desk, mixed, "link.json")


def test_a_job_whose_input_was_changed_has_no_report(desk, mixed):
    with (desk.folder / "people-1.csv").open("a", encoding="utf-8") as file:
        file.write("\n")

    with pytest.raises(InputError, match="was changed since the job"):
        report(desk, mixed)


def test_a_changed_ledger_is_reported_on_to_nobody(desk, mixed, changed_ledger):
    changed_ledger("UPDATE event SET code = '02' WHERE seq = 2")
    with pytest.raises(HomeError, match="was changed after it was written, so no report can vouch for it"):
        report(desk, mixed)


def test_an_attempt_that_is_not_what_its_record_says_is_reported_on_to_nobody(desk, mixed, changed_ledger):
    changed_ledger("UPDATE attempt SET code = '02' WHERE code = '01'")
    with pytest.raises(HomeError, match=r"has \d attempts that are not what its record says of them \(the first is number \d\)"):
        report(desk, mixed)


def test_what_the_vendors_usage_says_later_is_told_and_changes_no_older_report(desk, home):
    job = desk.verify(rows(2)).job
    old = report(desk, job, "old.json")
    start = datetime.fromisoformat(old["windows"][0]["from"])
    with Ledger.open(home / "sandbox" / "ledger.sqlite", simulated=True) as ledger:
        ledger.usage().note(
            [
                Statement(
                    starts_at=start,
                    joined=start,
                    vendor=2,
                    certain=2,
                    doubt=0,
                    billed=0,
                    not_billed=0,
                    finding="agrees",
                    sha256="ab" * 32,
                    noted_at=start,
                )
            ]
        )

    checked = check_report(desk.folder / "old.json", desk.session(), key=None)
    new = report(desk, job, "new.json")

    assert (old["reconciliation"]["statements"], checked.wrong) == ([], [])
    assert checked.notes == ["The vendor's usage was laid beside the ledger after the report, which does not show what it said."]
    assert [(one["from"], one["vendor"], one["finding"]) for one in new["reconciliation"]["statements"]] == [
        (old["windows"][0]["from"], 2, "agrees")
    ]
    assert check_report(desk.folder / "new.json", desk.session(), key=None).notes == []
    new["reconciliation"]["statements"][0]["vendor"] = 3
    (desk.folder / "new.json").write_text(json.dumps(new), "utf-8")
    assert (
        "Input and ledger say otherwise about reconciliation.statements."
        in check_report(desk.folder / "new.json", desk.session(), key=None).wrong
    )
