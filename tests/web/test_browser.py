"""The way of a job in a real browser, against the sandbox as the referee: what it was asked is read from its own bill.

One server, one browser and one vendor for all of them; everybody in the sheets is somebody else, so nothing is reused.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import openpyxl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from batchverify.model import Secret
from batchverify.sandbox.bill import question_digest
from batchverify.web.people import People, Role
from batchverify.words import Lang
from tests.campaigns.people import Person, person, write_sheet
from tests.campaigns.processes import Desk, VendorProcess, wait_until
from tests.threats import guards
from tests.web.browsing import Server, Visit, a_browser, a_certificate, a_visit

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parents[2] / "samples" / "名单.xlsx"
#: What differs between two runs of one file: when it was, and what each called it.
_OF_A_RUN = frozenset({"核验时间", "可重试时间", "请求编号", "行标识"})
_LINES_OF_A_RUN = frozenset({"任务", "批次", "开始时间（北京时间）", "结束时间（北京时间）", "台账链头", "继续的命令"})
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def vendor() -> Iterator[VendorProcess]:
    with VendorProcess() as process:
        yield process


@pytest.fixture(scope="module")
def browser():
    with a_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(vendor, browser, tmp_path_factory) -> Iterator[Server]:
    quick = {"BATCHVERIFY_BACK_OFF_SECONDS": "0.01", "BATCHVERIFY_BREAKER_PAUSE_SECONDS": "0.1"}
    server = Server(Desk(folder=tmp_path_factory.mktemp("desk"), vendor=vendor, environment=quick))
    yield server
    assert server.close() in (0, 130)


@pytest.fixture(scope="module")
def let_in(server, browser, tmp_path_factory):
    """Come in once; the cookie is everybody's, for there is one person on this machine."""
    kept = tmp_path_factory.mktemp("cookie") / "state.json"

    def entered(visit: Visit) -> None:
        visit.enter()
        visit.context.storage_state(path=kept)

    with a_visit(browser, server) as visit:
        entered(visit)
    return kept, entered


@pytest.fixture
def visit(browser, server, vendor, let_in) -> Iterator[Visit]:
    vendor.post("reset", {})
    with a_visit(browser, server, state=let_in[0]) as visit:
        yield visit


@pytest.fixture
def sheet(tmp_path):
    """Write a sheet of that many people whom no other test has asked about."""

    def write(number: int) -> Path:
        return write_sheet(tmp_path / f"people-{number}.csv", strangers(number))

    return write


def strangers(number: int) -> list[Person]:
    """Make that many people whom nobody has asked about."""
    return [person(one) for one in islice(_NUMBERS, number)]


def cells_of(path: Path) -> list[list[str]]:
    """The cells of a sheet that `sheet` wrote."""
    return [line.split(",") for line in path.read_text("utf-8").splitlines()[1:]]


def asked(cells: Sequence[str]) -> str:
    """How the sandbox calls the question about somebody."""
    name, id_card, account_no = cells
    return question_digest("bank3", name=name, id_card=id_card, account_no=account_no).hex()


def cells(path: Path) -> dict[str, list[list[object]]]:
    """Every cell of every sheet, but for what tells two runs of one file apart."""
    book = openpyxl.load_workbook(path)
    found = {sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book.worksheets}
    for rows in found.values():
        header = next((row for row in rows if _OF_A_RUN & set(row)), [])
        for place, word in enumerate(header):
            if word in _OF_A_RUN:
                for row in rows:
                    row[place] = None
    return found


def test_the_sample_comes_back_as_the_command_line_gives_it(visit, server, vendor, browser, let_in, tmp_path):
    with a_visit(browser, server, lang=Lang.ZH, state=let_in[0]) as reader:
        reader.begin(SAMPLE)
        reader.finish()
        mine = reader.download("result.download", tmp_path)
        report = reader.download("result.report_html", tmp_path)
    asked = vendor.total()
    other = Desk(folder=tmp_path, vendor=vendor)
    ran = other.run("run", SAMPLE, "--yes", "--lang", "zh", "-o", "theirs.xlsx")
    checked = server.desk.run("report", "--check", report)

    assert ran.code == 3, ran.err  # a row is locked
    assert checked.code == 0, checked.out + checked.err
    assert mine.name == "名单.verified.xlsx"
    assert 0 < asked * 2 == vendor.total()
    ours, theirs = cells(mine), cells(tmp_path / "theirs.xlsx")
    assert list(ours) == list(theirs)
    for title, rows in ours.items():
        differ = {str(mine[0]) for mine, hers in zip(rows, theirs[title], strict=True) if mine != hers}
        assert differ <= (_LINES_OF_A_RUN if title == "汇总" else set()), title


def test_two_thousand_rows_go_on_while_nobody_looks_and_wait_while_they_are_paused(visit, vendor, sheet):
    vendor.post("latency", {"seconds": 0.5})
    case = visit.begin(sheet(2_000))
    visit.arrive("progress")
    expect(visit.page.get_by_role("status").first).to_be_attached()
    wait_until(lambda: vendor.total() > 200, process=visit.server.process)
    visit.new_tab()
    before = vendor.total()
    wait_until(lambda: vendor.total() > before + 100, process=visit.server.process)

    visit.go(f"/jobs/{case}")
    visit.arrive("progress")
    visit.press("progress.pause")
    expect(visit.button("progress.go_on")).to_be_visible()
    held = vendor.total()
    assert held < 2_000
    time.sleep(0.5)
    assert vendor.total() == held
    assert visit.figure("done") == visit.figure("billed") == held

    vendor.post("latency", {"seconds": 0})
    visit.press("progress.go_on")
    visit.finish()

    assert set(vendor.bill()["per_question"].values()) == {1}
    assert vendor.total() == 2_000
    expect(visit.page.locator(".facts").first).to_contain_text("2,000 / 2,000")


def test_stop_stops(visit, vendor, sheet, tmp_path):
    vendor.post("latency", {"seconds": 1})
    case = visit.begin(sheet(1_000))
    visit.arrive("progress")
    visit.begin(sheet(3))
    visit.arrive("progress")
    visit.press("progress.stop")
    expect(visit.page.locator("[data-live=state]")).to_have_text(visit.say("progress.state_stopped"))
    visit.page.on("load", lambda _: visit.complaints.append("A page at rest was loaded anew."))
    wait_until(lambda: vendor.total() > 60, process=visit.server.process)
    visit.new_tab()
    visit.go(f"/jobs/{case}")
    visit.arrive("progress")
    visit.press("progress.stop")
    time.sleep(1)
    after = vendor.total()
    visit.finish()
    time.sleep(0.5)

    assert after == vendor.total() < 1_000
    with visit.download("result.download", tmp_path).open(encoding="utf-8-sig") as file:
        statuses = [line.split(",")[3] for line in file.read().splitlines()[1:]]
    assert statuses.count("matched") == after
    assert statuses.count("not_run") == 1_000 - after


def test_a_server_that_was_killed_goes_on_by_itself_and_pays_nothing_twice(visit, server, vendor, sheet, let_in):
    vendor.post("latency", {"seconds": 0.5})
    case = visit.begin(sheet(600))
    visit.arrive("progress")
    wait_until(lambda: vendor.total() > 100, process=server.process)
    server.kill()
    assert vendor.total() < 600
    vendor.post("latency", {"seconds": 0})
    server.start()
    visit.page.wait_for_url(re.compile("/login"))  # the tab that stayed open finds out by itself
    let_in[1](visit)
    visit.go(f"/jobs/{case}")
    visit.page.wait_for_url(re.compile(r"/(progress|result)$"))
    visit.finish()

    bill = vendor.bill()
    assert set(bill["per_question"].values()) == {1}
    doubt = visit.page.locator(".s-in_doubt").count()
    assert bill["total"] == 600 or doubt
    visit.go(f"/jobs/{case}/result?status=matched")
    matched = int(re.search(r"of ([\d,]+)", visit.page.get_by_role("navigation", name=visit.say("result.pages")).inner_text())[1])
    asked_in_vain = 600 - matched
    assert bill["total"] in range(600 - asked_in_vain, 601)
    assert asked_in_vain <= 50, "no more than were in flight"


def test_only_the_failed_rows_are_run_again_at_the_price_on_the_button(visit, vendor, sheet):
    path = sheet(5)
    vendor.post("faults", [{"fault": "throttle_429", "question": asked(cells), "seconds": 0.05} for cells in cells_of(path)[:2]])
    visit.begin(path)
    visit.finish()
    assert vendor.bill()["billed"] == 3
    vendor.post("faults", [])
    again = visit.link("result.rerun_failed")
    expect(again).to_have_text(re.compile("¥0.38"))
    again.click()
    visit.arrive("rerun")
    expect(visit.button("rerun.go")).to_have_text(re.compile("¥0.38"))
    visit.press("rerun.go")
    visit.finish()

    expect(visit.page.locator(".facts").first).to_contain_text("5 / 5")
    assert vendor.bill()["billed"] == 5


def test_the_keyboard_is_enough(visit, vendor, sheet, tmp_path):
    page, keys = visit.page, visit.page.keyboard
    visit.go("/")
    keys.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    visit.tab_to(page.locator("#file"))
    with page.expect_file_chooser() as chooser:
        keys.press("Space")
    chooser.value.set_files(sheet(3))
    for key, step in (("upload.go", "columns"), ("columns.go", "plan")):
        visit.tab_to(visit.button(key))
        keys.press("Enter")
        visit.arrive(step)
    visit.tab_to(visit.link("plan.next"))
    keys.press("Enter")
    visit.arrive("confirm")
    visit.tab_to(visit.button("confirm.go"))
    keys.press("Enter")
    visit.finish()
    visit.tab_to(visit.link("result.download").first)
    with page.expect_download() as download:
        keys.press("Enter")
    download.value.save_as(tmp_path / "result.csv")

    assert vendor.bill()["billed"] == 3
    assert (tmp_path / "result.csv").read_text("utf-8-sig").count("matched") == 3


@guards("scripts")
def test_names_that_are_scripts_are_texts(visit, tmp_path):
    visit.page.on("dialog", lambda _: visit.complaints.append("a script ran"))
    path = tmp_path / "<img src=x onerror=alert(1)>.csv"
    one, *_ = strangers(1)
    path.write_text(
        f"姓名,身份证号,银行卡号,<script>alert(2)</script>\n{','.join(one.cells)},<script>alert(3)</script>\n", "utf-8"
    )
    case = visit.begin(path)
    visit.finish()

    for place in (f"/jobs/{case}/result", "/jobs", "/acts", "/"):
        visit.go(place)
        expect(visit.page.get_by_text("_img src=x onerror=alert(1)_.csv").locator("visible=true").first).to_be_visible()
        assert "alert" not in visit.page.url
    visit.upload(path)
    expect(visit.page.locator("option", has_text="<script>alert(2)</script>").first).to_be_attached()


def test_one_cell_is_shown_at_a_time_and_that_is_on_record(visit, sheet):
    visit.begin(sheet(2))
    visit.finish()
    cell = visit.page.locator("button.cell").nth(1)
    assert "*" in cell.inner_text()
    cell.click()
    expect(visit.page.locator(".clear")).to_have_text(re.compile(r"^\d{17}[\dX]$"))
    visit.go("/acts")

    expect(visit.page.locator("tbody tr").first).to_contain_text("people-2.csv")


def test_the_language_is_the_browsers_until_somebody_chooses(visit):
    visit.go("/")
    expect(visit.page.locator("html")).to_have_attribute("lang", "en")
    visit.page.get_by_role("link", name="中文").click()
    expect(visit.page.locator("html")).to_have_attribute("lang", "zh-CN")
    visit.go("/jobs")
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("任务")
    visit.page.get_by_role("link", name="English").click()
    expect(visit.page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize(("lang", "scheme"), [(Lang.EN, "dark"), (Lang.ZH, "light")])
def test_no_page_shuts_anybody_out(browser, server, vendor, let_in, sheet, lang, scheme):
    """axe-core finds nothing, of any weight, in both languages and in both color schemes."""
    axe, found = Axe(), {}

    def look(visit: Visit, name: str) -> None:
        answer = axe.run(visit.page, options={"resultTypes": ["violations"]}).response
        assert answer["passes"], name
        found.update({(name, one["id"]): [node["html"] for node in one["nodes"]] for one in answer["violations"]})

    vendor.post("reset", {})
    with a_visit(browser, server, lang=lang, scheme=scheme, state=let_in[0]) as visit:
        waiting = visit.upload(SAMPLE)
        look(visit, "columns")
        visit.press("columns.go")
        visit.arrive("plan")
        look(visit, "plan")
        visit.follow("plan.next")
        visit.arrive("confirm")
        look(visit, "confirm")
        path = sheet(8)
        vendor.post("latency", {"seconds": 0.5})
        vendor.post(
            "faults",
            [
                {"fault": "throttle_429", "question": asked(cells_of(path)[0]), "seconds": 0.05},
                {"fault": "reset_after", "at": [6]},
            ],
        )
        case = visit.begin(path)
        visit.arrive("progress")
        look(visit, "progress")
        vendor.post("latency", {"seconds": 0})
        visit.finish()
        for place in (f"/jobs/{case}/result", f"/jobs/{case}/rerun?what=in_doubt", f"/jobs/{waiting}/remove", *_PLACES):
            visit.go(place)
            look(visit, place)
    with a_visit(browser, server, lang=lang, scheme=scheme) as visit:
        visit.go("/login")
        look(visit, "login")

    assert found == {}


_PLACES = (
    "/",
    "/jobs",
    "/quota?needed=4000",
    "/quota/usage",
    "/quota/reconcile",
    "/quota/invoice",
    "/settings",
    "/doctor",
    "/acts",
)


def test_of_two_people_over_tls_one_prepares_and_the_other_approves(browser, vendor, sheet, tmp_path):
    vendor.post("reset", {})
    certificate, key = a_certificate(tmp_path)
    desk = Desk(folder=tmp_path, vendor=vendor, environment={"BATCHVERIFY_APPROVAL": "true"})
    desk.home.mkdir(mode=0o700)
    people = People(desk.home)
    people.add("李雷", Secret("prepares-a-lot"), {Role.PREPARE})
    people.add("韩梅梅", Secret("approves-a-lot"), {Role.APPROVE})
    server = Server(desk, "--tls-cert", str(certificate), "--tls-key", str(key))
    assert server.base.startswith("https://127.0.0.1:")
    try:
        with a_visit(browser, server) as preparer, a_visit(browser, server, lang=Lang.ZH) as approver:
            preparer.log_in("李雷", "prepares-a-lot")
            case = preparer.begin(sheet(2), go="confirm.go_approval")
            preparer.arrive("confirm")
            expect(preparer.page.get_by_text(preparer.say("confirm.own"))).to_be_visible()
            expect(preparer.button("confirm.approve")).to_have_count(0)
            assert vendor.total() == 0

            approver.log_in("韩梅梅", "approves-a-lot")
            approver.go(f"/jobs/{case}")
            approver.arrive("confirm")
            approver.press("confirm.approve")
            approver.finish()
            expect(approver.link("result.download")).to_have_count(0)  # the approver's role does not take data home
            preparer.go(f"/jobs/{case}")
            preparer.arrive("result")
            expect(preparer.link("result.download").first).to_be_visible()
            approver.go("/acts")
            expect(approver.page.get_by_role("row", name=re.compile("韩梅梅.*审批通过"))).to_be_visible()
    finally:
        server.close()
    assert vendor.bill()["billed"] == 2
