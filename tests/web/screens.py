"""Pictures of every page, to be looked at: `python -m tests.web.screens --to FOLDER`.

The one thing to know: nothing is judged here. It serves the page against a sandbox of its own, brings one job to each step, and
takes a picture of each page in both languages, light and dark, wide and narrow; a person looks at them.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from batchverify.sandbox import running
from batchverify.sandbox.bill import question_digest
from batchverify.sandbox.faults import Fault, Rule
from tests.builders import a_row, a_sheet, rows
from tests.web.browsing import CHROMIUM

SAMPLE = Path(__file__).parents[2] / "samples" / "名单.xlsx"
LANGUAGES = {"zh": "zh-CN", "en": "en-US"}
MODES = ("light", "dark")
#: A vendor who fails is asked again soon, or nobody would wait for the pictures.
QUICK = {"back_off_seconds": "0.1", "breaker_pause_seconds": "0.5"}
#: A page that is as wide as this scrolls down only.
NARROWEST = 320
WIDTHS = {"wide": (1280, 900), "narrow": (390, 844)}
#: What the sandbox says to a card, and how many such people there are in a sheet.
VERDICTS = {"00": 58, "02": 9, "09": 4, "10": 2, "13": 3, "52": 2, "53": 3, "56": 1, "99": 3}
#: People for whom the vendor has no time.
UNREACHED = (90,)


def people_of_every_status() -> list[dict[str, object]]:
    """People who match, people who do not, and every other case that a row may be in."""
    verdicts = [verdict for verdict, number in VERDICTS.items() for _ in range(number)]
    people = [
        a_row(person, verdict=verdict, mobile=f"138{person:08d}", 部门=("销售部", "财务部", "研发部")[person % 3])
        for person, verdict in enumerate(verdicts, 1)
    ]
    people[7] = dict(people[3])
    people[11]["idCard"] = "110101199001010011"
    people[17]["accountNo"] = 6217000000000018002
    people[23]["name"] = ""
    people[31]["name"] = "<script>alert(1)</script>"
    people[40]["accountNo"] = people[39]["accountNo"]
    return [*people, *map(a_row, UNREACHED)]


@contextmanager
def served(home: Path, *arguments: str, **settings: str) -> Iterator[str]:
    """Serve the page in a process of its own; gives the one-time link."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BATCHVERIFY_")}
    environment |= {f"BATCHVERIFY_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "batchverify", "serve", "--no-browser", "--port", "0", "--home", str(home), *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home.parent
    ) as process:
        try:
            told = process.stdout.readline() if process.stdout is not None else ""
            found = re.search(r"https?://\S+", told)
            if found is None:
                rest = process.stdout.read() if process.stdout is not None else ""
                raise RuntimeError(told + rest)
            yield found[0]
        finally:
            process.terminate()


def upload(page: Page, path: Path) -> str:
    """Upload a file by the form; gives the address of its job."""
    page.goto("/")
    page.set_input_files("#file", path)
    page.click("form[data-upload] button")
    page.wait_for_url("**/columns")
    return page.url.rsplit("/", 1)[0]


def plan(page: Page, path: Path, *, product: str = "bank3") -> str:
    """The same, and on to the plan."""
    job = upload(page, path)
    page.check(f"[name=product][value={product}]")
    page.click("main form button.primary")
    page.wait_for_url("**/plan")
    return job


def start(page: Page, path: Path, *, product: str = "bank3") -> str:
    """The same, and begin."""
    job = plan(page, path, product=product)
    page.goto(f"{job}/confirm")
    page.fill("#purpose", "十一月开户核验")
    page.click("main form button.primary")
    page.wait_for_url(re.compile("/(progress|result)$"))
    return job


def prepared(page: Page, folder: Path) -> dict[str, str]:
    """Bring a job to each step; gives the page of each by its name."""
    ended = start(page, a_sheet(folder, people_of_every_status(), name="客户名单 2026-11.xlsx"), product="bank3-detail")
    page.wait_for_url("**/result", timeout=120_000)
    stopped = start(page, a_sheet(folder, rows(300, first=1_000), name="开户申请 第二批.csv"))
    page.wait_for_timeout(4000)
    page.click("form[action$='/pause'] button")
    page.wait_for_selector("form[action$='/continue']:not([hidden])")
    columns = upload(page, SAMPLE)
    planned = plan(page, a_sheet(folder, [*people_of_every_status(), *people_of_every_status()], name="代发工资.xlsx"))
    asking = start(page, a_sheet(folder, rows(6_000, first=5_000), name="存量客户核验.csv"))
    return {
        "1-upload": "/",
        "2-columns": f"{columns}/columns",
        "3-plan": f"{planned}/plan",
        "4-confirm": f"{planned}/confirm",
        "5-progress": f"{asking}/progress",
        "5-paused": f"{stopped}/progress",
        "6-result": f"{ended}/result",
        "6-filtered": f"{ended}/result?status=in_doubt",
        "6-stopped": f"{stopped}/result",
        "6-rerun": f"{ended}/rerun",
        "6-doubt": f"{ended}/rerun?what=in_doubt",
        "6-correct": f"{ended}/correct",
        "6-remove": f"{ended}/remove",
        "7-jobs": "/jobs",
        "8-quota": "/quota",
        "8-usage": "/quota/usage",
        "8-reconcile": "/quota/reconcile",
        "8-invoice": "/quota/invoice",
        "8-settings": "/settings",
        "8-doctor": "/doctor",
        "8-acts": "/acts",
        "9-nowhere": "/jobs/c-nothing",
        "9-login": "/login",
    }


def _failing(row: dict[str, str]) -> Rule:
    """A question that the vendor always turns away."""
    asked = question_digest("bank3-detail", name=row["name"], id_card=row["idCard"], account_no=row["accountNo"])
    return Rule(fault=Fault.THROTTLE_429, question=asked.hex(), seconds=0.05)


def pictures(browser: Browser, link: str, *, work: Path, to: Path, only: str) -> Iterator[Path]:
    """Take all pictures whose name has `only` in it."""
    base = "/".join(link.split("/")[:3])
    with browser.new_context(base_url=base, locale="zh-CN") as context:
        page = context.new_page()
        page.goto(link)
        page.wait_for_url(f"{base}/")
        pages = prepared(page, work)
        state = context.storage_state()
        for language, mode, width in product(LANGUAGES, MODES, WIDTHS):
            size = {"width": WIDTHS[width][0], "height": WIDTHS[width][1]}
            with browser.new_context(
                base_url=base, storage_state=state, locale=LANGUAGES[language], color_scheme=mode, viewport=size
            ) as one:
                seen = one.new_page()
                for name, place in pages.items():
                    path = to / f"{name}.{language}.{mode}.{width}.png"
                    if only in path.name:
                        seen.goto(place)
                        seen.wait_for_timeout(1500 if "progress" in name else 50)
                        seen.screenshot(path=path, full_page=True)
                        yield path
                        seen.set_viewport_size({"width": min(size["width"], NARROWEST), "height": size["height"]})
                        if seen.evaluate("document.scrollingElement.scrollWidth") > NARROWEST:
                            print(f"{place} scrolls sideways in {NARROWEST} pixels.")  # noqa: T201
                        seen.set_viewport_size(size)


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--only", default="", help="part of the names of those to take, such as 'columns' or 'zh.dark'")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running() as sandbox, sync_playwright() as playwright:
        sandbox.vendor.script_faults(*(_failing(a_row(person)) for person in UNREACHED))
        work = Path(folder)
        with served(work / "home", "--endpoint", sandbox.endpoint, appcode="sandbox", qps="20", operator="王芳", **QUICK) as link:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
            )
            for path in pictures(browser, link, work=work, to=given.to, only=given.only):
                print(path)  # noqa: T201
            browser.close()


if __name__ == "__main__":
    main()
