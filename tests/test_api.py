"""The door for Python: the same job by keywords, frames in and out, nothing printed."""

import inspect
from decimal import Decimal
from zipfile import ZipFile

import pandas as pd
import pytest

import batchverify as bv
from batchverify.errors import HomeError, InputError, SettingsError
from batchverify.model import Secret
from batchverify.rules.sums import check_sums
from batchverify.tables.frame import written_for
from batchverify.words import RESULT_COLUMNS
from tests.builders import a_row, a_sheet, an_id, read_rows, rows
from tests.protected import PASSWORD, plain_copy, protect

KEYS = [key for key, _ in RESULT_COLUMNS]


@pytest.fixture
def ask(sandbox, home, monkeypatch):
    """Give the keywords that every ask here has."""
    monkeypatch.setenv("BATCHVERIFY_APPCODE", "sandbox")
    return {"endpoint": sandbox.endpoint, "home": home}


def test_a_file_is_verified_and_its_summary_given_back(ask, sandbox, tmp_path, capfd):
    path = a_sheet(tmp_path, [a_row(1), a_row(2, verdict="02"), a_row(1)])
    told = []

    summary = bv.verify_file(path, yes=True, progress=told.append, **ask)

    assert check_sums(summary.as_json()) == []
    assert summary.as_json()["status"] | {"matched": 2, "mismatched": 1} == summary.as_json()["status"]
    assert sandbox.bill.total() == 2
    assert told[-1].done == 2
    assert [row["bv_status"] for row in read_rows(tmp_path / "people.verified.csv")] == ["matched", "mismatched", "matched"]
    assert capfd.readouterr() == ("", "")


def test_the_built_in_sandbox_needs_no_app_code(home, tmp_path):
    summary = bv.verify_file(a_sheet(tmp_path, rows(2)), sandbox=True, yes=True, home=home)

    assert summary.simulated
    assert summary.ending == "complete"


def test_a_plan_tells_what_a_run_would_ask(ask, sandbox, tmp_path):
    path = a_sheet(tmp_path, [a_row(1), a_row(1), a_row(2)])

    plan = bv.plan_file(path, **ask)

    assert (plan.asks, plan.duplicate, plan.worst_price) == (2, 1, Decimal("0.38"))
    assert sandbox.bill.total() == 0
    assert bv.verify_file(path, yes=True, **ask).bill.billed == plan.asks
    assert bv.plan_file(path, **ask).asks == 0
    assert bv.plan_file(path, fresh=True, **ask).asks == 2


def test_without_yes_or_a_cap_nothing_is_asked(ask, sandbox, tmp_path):
    path = a_sheet(tmp_path, rows(3))

    with pytest.raises(InputError) as caught:
        bv.verify_file(path, **ask)

    assert str(caught.value) == (
        "Nothing was asked: the plan would ask 3 questions for at most 0.57 yuan. Pass yes=True, max_asks or max_yuan."
    )
    assert sandbox.bill.total() == 0
    assert bv.verify_file(path, max_asks=1, **ask).bill.sent == 1
    assert bv.verify_file(path, max_yuan=Decimal("0.38"), **ask).ending == "complete"
    assert bv.verify_file(path, **ask).bill.sent == 0  # all is answered: nothing to confirm


def test_a_sample_comes_first(ask, sandbox, tmp_path):
    path = a_sheet(tmp_path, [a_row(person, verdict="02") for person in range(40)])

    assert bv.verify_file(path, yes=True, sample=20, **ask).ending == "open_rows"
    assert sandbox.bill.total() == 20


def test_columns_product_and_place_are_keywords(ask, tmp_path):
    path = a_sheet(tmp_path, [{"甲": row["name"], "乙": row["idCard"]} for row in rows(2, first=5)])
    target = tmp_path / "out.xlsx"

    summary = bv.verify_file(
        path, output=target, product="id2", mapping={"name": "甲", "idCard": "乙"}, yes=True, lang="zh", mask=True, **ask
    )

    assert (summary.product, summary.ending) == ("id2", "complete")
    assert read_rows(target)[0]["核验结果"] == "一致"
    assert an_id(5) not in str(read_rows(target))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"product": "bank5"},
            r"^product knows no 'bank5'. It takes bank3, bank3-detail, bank4, bank4-detail, id2. Nothing was sent.$",
        ),
        ({"mapping": {"card": "B"}}, r"^mapping knows no 'card'. It takes name, idCard, accountNo, mobile. Nothing was sent.$"),
        ({"lang": "fr"}, r"^lang knows no 'fr'. It takes en, zh. Nothing was sent.$"),
        ({"max_asks": -1}, r"^The bound max_asks is -1. Give 0 or more; nothing was sent.$"),
        ({"reuse_days": -1}, r"^Answers of the future cannot be reused. Give 0 days or more; nothing was sent.$"),
        ({"reuse_days": 1e9}, r"^Answers are reused for [\d,]+ days at most. Give fewer; nothing was sent.$"),
        ({"sheet": "名单"}, "名单"),
    ],
)
def test_a_wrong_keyword_is_an_input_error(ask, sandbox, tmp_path, wrong, message):
    path = a_sheet(tmp_path, rows(1), name="people.xlsx")

    with pytest.raises(InputError, match=message):
        bv.verify_file(path, yes=True, **(ask | wrong))

    assert sandbox.bill.total() == 0


@pytest.mark.parametrize("wrong", [{"checks": "hard"}, {"qps": 0}, {"concurrency": 0}, {"endpoint": "http://example.org"}])
def test_a_wrong_setting_is_a_settings_error(ask, tmp_path, wrong):
    with pytest.raises(SettingsError):
        bv.verify_file(a_sheet(tmp_path, rows(1)), yes=True, **(ask | wrong))


def test_a_missing_file_and_a_missing_column_are_input_errors(ask, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv"):
        bv.verify_file(tmp_path / "nowhere.csv", yes=True, **ask)
    with pytest.raises(InputError, match="--map"):
        bv.verify_file(a_sheet(tmp_path, [{"x": "1"}]), yes=True, **ask)


def test_a_home_that_others_may_enter_is_refused(ask, home, tmp_path):
    home.mkdir(mode=0o755)
    home.chmod(0o755)

    with pytest.raises(HomeError, match="Others may enter"):
        bv.verify_file(a_sheet(tmp_path, rows(1)), yes=True, **ask)


def test_a_frame_keeps_its_index_and_its_columns(ask, sandbox):
    frame = pd.DataFrame(
        [a_row(1), a_row(2, verdict="02"), dict.fromkeys(a_row(), ""), a_row(1)], index=pd.Index([40, 7, 7, -1], name="工号")
    ).rename(columns={"name": "姓名"})
    frame["分"] = [1.5, 2.0, None, 3.0]
    before = frame.copy(deep=True)

    answered = bv.verify_frame(frame, yes=True, **ask)

    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(answered[frame.columns], frame)
    assert list(answered.columns) == [*frame.columns, *KEYS]
    assert list(answered["bv_status"]) == ["matched", "mismatched", "", "matched"]
    assert sandbox.bill.total() == 2

    again = bv.verify_frame(answered, yes=True, **ask)

    assert list(again.columns) == list(answered.columns)
    assert sandbox.bill.total() == 2


def test_a_long_number_in_a_numeric_column_is_blocked_and_not_sent(ask, sandbox):
    frame = pd.DataFrame([a_row(1)])
    frame["accountNo"] = frame["accountNo"].astype(float)

    answered = bv.verify_frame(frame, yes=True, **ask)

    assert list(answered["bv_code"]) == ["precision_lost"]
    assert sandbox.bill.total() == 0


def test_the_same_frame_is_the_same_input(tmp_path):
    frame = pd.DataFrame([a_row(1), a_row(2)])
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()

    one, other = (written_for(frame.copy(), folder) for folder in folders)

    assert one.read_bytes() == other.read_bytes()
    assert [path.name for path in one.parent.iterdir()] == ["frame.xlsx"]
    with ZipFile(one) as book:
        assert {part.date_time for part in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"dcterms:" not in book.read("docProps/core.xml")
    assert pd.read_excel(one, dtype=str, engine="openpyxl").to_dict("records") == [a_row(1), a_row(2)]


def test_a_frame_that_is_asked_afresh_and_stopped_goes_on_and_pays_nothing_twice(ask, sandbox):
    class Gone(Exception):
        pass

    def fall_over(progress):
        if progress.done >= 5:
            raise Gone

    sandbox.vendor.latency_seconds = 0.02
    frame = pd.DataFrame(rows(60))
    bv.verify_frame(frame, yes=True, **ask)
    assert sandbox.bill.total() == 60

    with pytest.raises(Gone):
        bv.verify_frame(frame, yes=True, fresh=True, progress=fall_over, **ask)
    assert 65 <= sandbox.bill.total() < 120
    answered = bv.verify_frame(frame, yes=True, fresh=True, **ask)

    assert sandbox.bill.total() == 120
    assert set(answered["bv_source"]) == {"asked-simulated"}


def test_a_frame_leaves_no_file_behind(ask, home):
    bv.verify_frame(pd.DataFrame(rows(1)), yes=True, lang="zh", **ask)

    assert not [path for path in home.rglob("*") if path.suffix in {".xlsx", ".csv", ".json"} or "frame" in path.name]


def test_a_frame_is_not_asked_without_yes_either(ask, sandbox):
    with pytest.raises(InputError, match="Pass yes=True"):
        bv.verify_frame(pd.DataFrame(rows(1)), **ask)

    assert sandbox.bill.total() == 0


def test_what_is_promised_is_what_can_be_imported():
    assert {"verify_file", "verify_frame", "plan_file"} <= set(bv.__all__)
    for name in bv.__all__:
        assert hasattr(bv, name)
    assert "sandbox" in inspect.signature(bv.verify_file).parameters


def test_an_audit_report_is_written_and_where_it_lies_given_back(ask, sandbox, tmp_path, capfd):
    summary = bv.verify_file(a_sheet(tmp_path, rows(2)), yes=True, **ask)

    written = bv.report_file(summary.job, tmp_path / "report.html", home=ask["home"], lang="zh")

    assert written == tmp_path / "report.html"
    assert "审计报告" in written.read_text("utf-8")
    assert sandbox.bill.total() == 2
    assert capfd.readouterr() == ("", "")
    with pytest.raises(InputError, match="lang knows no 'fr'"):
        bv.report_file(summary.job, tmp_path / "report.html", home=ask["home"], lang="fr")


@pytest.mark.parametrize("way", ["a text", "a secret", "a callable"])
def test_a_password_is_a_keyword_and_a_callable_is_asked_once_and_only_when_one_is_needed(ask, sandbox, tmp_path, way):
    path = protect(a_sheet(tmp_path, [a_row(1), a_row(2, verdict="02")], name="people.xlsx"), rounds=50)
    asked = []
    password = {"a text": PASSWORD, "a secret": Secret(PASSWORD), "a callable": lambda: asked.append(1) or PASSWORD}[way]

    bv.verify_file(a_sheet(tmp_path, rows(1), name="plain.xlsx"), yes=True, password=password, **ask)
    assert asked == []
    assert bv.plan_file(path, password=password, **ask).asks == 1
    summary = bv.verify_file(path, yes=True, protect=True, split=True, password=password, **ask)
    bv.report_file(summary.job, tmp_path / "report.html", home=ask["home"], password=password)

    assert len(asked) == (3 if way == "a callable" else 0)
    first, *others = [tmp_path / output["path"] for output in summary.as_json()["outputs"]]
    assert [row["bv_status"] for row in read_rows(plain_copy(first))] == ["matched", "mismatched"]
    assert [path.name for path in others] == ["people.verified.matched.xlsx", "people.verified.mismatched.xlsx"]
    assert sandbox.bill.total() == 2


def test_a_protected_file_without_a_password_or_with_a_wrong_one_is_an_input_error(ask, sandbox, tmp_path):
    path = protect(a_sheet(tmp_path, rows(1), name="people.xlsx"), rounds=50)

    with pytest.raises(InputError, match=r"is protected with a password, .* \(in Python: password=\)"):
        bv.verify_file(path, yes=True, **ask)
    with pytest.raises(
        InputError, match=r"^people\.xlsx is protected, and the password from the argument password does not open it"
    ):
        bv.verify_file(path, yes=True, password="wrong", **ask)

    assert sandbox.bill.total() == 0
