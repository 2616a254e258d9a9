"""README is true: its commands run as they stand, and end as it says.

The one thing to know: lines that begin with `$ ` are run in order, in a copy of the samples, with one home. `JOB` stands
for the newest job; a line ends with `# exit code N` where N is not 0. Without `--sandbox` they ask the test's sandbox.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batchverify.sandbox import running

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT_CODE = re.compile(r"\s+# exit code (\d+)$")
_SET_UP = "pip install -q -e ."


def blocks(language: str) -> list[str]:
    return [text for found, text in _BLOCK.findall(README) if found == language]


def one_liners() -> list[str]:
    return [text.strip() for text in blocks("sh") if _SET_UP in text]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the samples, where `batchverify` is on the path and the vendor is a sandbox of the test's."""
    shutil.copytree(ROOT / "samples", tmp_path / "samples", ignore=shutil.ignore_patterns("*.verified*", "*.summary.json"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("BATCHVERIFY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    with running() as vendor:
        monkeypatch.setenv("BATCHVERIFY_ENDPOINT", vendor.endpoint)
        monkeypatch.setenv("BATCHVERIFY_APPCODE", "sandbox")
        yield vendor


def typed(line: str, *, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], input=stdin, capture_output=True, encoding="utf-8", check=False, timeout=60)


def newest_job() -> str:
    return str(json.loads(typed("batchverify jobs --json").stdout)[0]["job"])


def test_the_examples_run_and_end_as_they_say(desk):
    lines = [line.removeprefix("$ ") for text in blocks("console") for line in text.splitlines()]
    assert len(lines) > 10

    for line in lines:
        expected = int(found[1]) if (found := _EXIT_CODE.search(line)) else 0
        command = re.sub(r"\bJOB\b", lambda _: newest_job(), _EXIT_CODE.sub("", line))
        done = typed(command, stdin="testappcode\n" if command.endswith("key set") else "")
        assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"


def test_the_first_command_verifies_the_sample_and_ends_with_3(desk):
    command = one_liners()[0].rpartition(" && ")[2]

    done = typed(command.removeprefix(".venv/bin/"))

    assert done.returncode == 3
    assert "exit code 3" in README.partition("**Test it.**")[0]
    assert done.stdout.startswith("Rows: 17 · matched 4 · mismatched 3 · unverifiable 1 · locked 1 · invalid 3 · blocked 5\n")
    assert Path("samples/名单.verified.xlsx").is_file()
    assert "samples/名单.verified.xlsx" in README


def test_the_chinese_command_is_the_first_one_in_chinese():
    first, _, chinese = one_liners()

    assert chinese == f"{first} --lang zh"


def test_the_second_command_is_the_gate():
    second = one_liners()[1]

    assert second in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()


def test_the_sandbox_of_the_examples_is_asked(desk):
    (text,) = [text for text in blocks("sh") if "batchverify sandbox" in text]
    serve, ask = text.splitlines()
    with subprocess.Popen(
        ["sh", "-c", f"exec {serve.replace('8765', '0')}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as process:
        try:
            assert process.stdout is not None
            endpoint = process.stdout.readline().removeprefix("Sandbox at ").strip()
            done = typed(ask.replace("http://127.0.0.1:8765", endpoint))
        finally:
            process.terminate()

    assert done.returncode == 0, done.stderr
    assert "6 billed" in done.stdout


def test_the_python_example_runs(desk):
    (example,) = blocks("python")

    done = subprocess.run([sys.executable, "-c", example], capture_output=True, encoding="utf-8", check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "5 of 6 match"
    assert "测试乙" in done.stdout


def test_links_within_lead_to_a_heading():
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    }

    links = re.findall(r"\]\(#([^)]+)\)", README)

    assert links
    assert set(links) <= headings
