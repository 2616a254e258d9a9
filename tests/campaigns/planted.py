"""Plant a bug, run the test that must catch it, and do so for every kind of bug that would cost money or leak.

    python -m tests.campaigns.planted

The one thing to know: a test that cannot fail proves nothing. Each bug is a small change of the text of a copy, and when
that text is not there any more, planting fails and says so, so that the list cannot rot.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.campaigns.bugs import BUGS, Bug

ROOT = Path(__file__).parents[2]
_COPIED = ("batchverify", "tests", "samples", "pyproject.toml", "README.md")
_PATIENCE_SECONDS = 120
_SOME_FAILED = 1
#: How pytest begins the message of a claim that did not hold, as opposed to code that broke.
_CLAIMS = ("AssertionError", "assert ", "Failed: DID NOT RAISE")


class NotPlanted(Exception):
    """The text that a bug changes is not there, or not once: the list must follow the code."""


def copy_of_the_tree(folder: Path) -> Path:
    """Copy package and tests, so that nothing is ever planted where it could stay."""
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.verified*"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


def planted_texts(bug: Bug, tree: Path = ROOT) -> dict[Path, str]:
    """Give the files that a bug changes, changed. Raises NotPlanted where the code has moved on."""
    texts: dict[Path, str] = {}
    for change in bug.changes:
        path = tree / "batchverify" / change.file
        text = texts.get(path) or path.read_text("utf-8")
        if text.count(change.before) != 1:
            raise NotPlanted(f"{bug.word}: {change.file} has {change.before!r} {text.count(change.before)} times, not once.")
        texts[path] = text.replace(change.before, change.after)
    for path, text in texts.items():
        try:
            compile(text, path.name, "exec")
        except SyntaxError as error:
            raise NotPlanted(f"{bug.word}: {path.name} is no Python any more ({error.msg}, line {error.lineno}).") from None
    return texts


def plant(bug: Bug, tree: Path) -> None:
    """Put a bug into a copy. Raises NotPlanted where the code has moved on."""
    for path, text in planted_texts(bug, tree).items():
        path.write_text(text, "utf-8")


def environment_of(tree: Path) -> dict[str, str]:
    """Give an environment in which every process imports the copy, and none is measured or told what to do by a test around it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST", "BATCHVERIFY"))}
    # No compiled files: two texts of one size within one second would be taken for each other.
    return kept | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


def imported_from(tree: Path) -> Path:
    """Tell from where a process in that environment imports the package."""
    program = "import batchverify; print(batchverify.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tree, env=environment_of(tree)
    )
    return Path(found.stdout.strip())


def outcome_of(tree: Path, tests: Iterable[str], *, patience_seconds: float = _PATIENCE_SECONDS) -> tuple[int, str, list[str]]:
    """Run tests in a copy; pytest's exit code, what it printed, and the first line of each failure's message."""
    told = tree / "told.xml"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--junitxml={told}", *tests],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=patience_seconds,
        cwd=tree,
        env=environment_of(tree),
    )
    failures = ET.parse(told).iter("failure") if told.exists() else ()
    return ended.returncode, ended.stdout + ended.stderr, [failure.get("message", "").partition("\n")[0] for failure in failures]


def escaped(bug: Bug, folder: Path) -> str:
    """Plant a bug and run its test: "" when the test's claim failed, else why the bug counts as not caught."""
    tree = copy_of_the_tree(folder)
    try:
        plant(bug, tree)
    except NotPlanted as error:
        return str(error)
    found = imported_from(tree)
    if not found.is_relative_to(tree):
        return f"The package was imported from {found.parent}, not from the copy."
    try:
        code, printed, failures = outcome_of(tree, [bug.caught_by])
    except subprocess.TimeoutExpired:
        return f"{bug.caught_by} does not end."
    if code == 0:
        return f"{bug.caught_by} passes all the same."
    if code != _SOME_FAILED or not any(message.startswith(_CLAIMS) for message in failures):
        return f"{bug.caught_by} broke without its claim failing (exit code {code}): {failures}\n{printed[-2000:]}"
    return ""


def unplanted(bugs: Iterable[Bug], folder: Path) -> str:
    """Run the tests that must catch these bugs on a copy without any: "" when all pass."""
    tests = sorted({bug.caught_by for bug in bugs})
    code, printed, _ = outcome_of(copy_of_the_tree(folder), tests, patience_seconds=_PATIENCE_SECONDS * len(tests))
    return "" if code == 0 else printed[-4000:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print which test caught which bug; 1 where one got away."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.planted", description="Plant bugs and see them caught.")
    parser.add_argument("words", nargs="*", metavar="BUG", help="Only these, by their word. Default: all.")
    chosen = parser.parse_args(arguments).words
    by_word: Mapping[str, Bug] = {bug.word: bug for bug in BUGS}
    if unknown := [word for word in chosen if word not in by_word]:
        parser.error(f"There is no bug {', '.join(unknown)}. There are: {', '.join(by_word)}.")
    bugs = [by_word[word] for word in chosen] or BUGS
    began, free = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        if complaint := unplanted(bugs, Path(folder) / "as-it-is"):
            sys.stdout.write(f"Without a bug the tests do not pass:\n{complaint}\n")
            return 1
        for bug in bugs:
            complaint = escaped(bug, Path(folder) / bug.word)
            free += [bug.word] if complaint else []
            sys.stdout.write(f"{bug.word:26}  {complaint or bug.caught_by.rpartition('::')[2]}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(bugs) - len(free)} of {len(bugs)} planted bugs caught in {time.monotonic() - began:.0f} s\n")
    return 1 if free else 0


if __name__ == "__main__":
    sys.exit(main())
