"""Marks by which tests say what they prove, read from their source, so that a table in the docs can name no test that is not there.

The one thing to know: nothing is imported or run for it; `marked` reads the decorators of every test below a folder.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

TESTS = Path(__file__).parent
Row = TypeVar("Row")


class Proof(NamedTuple):
    """A test that proves a row: its file below `tests`, and its name with the id of the case."""

    file: str
    name: str


def marked(
    read: Callable[[ast.expr, str], Iterator[tuple[Row, str]]], *, by: str, folder: Path = TESTS
) -> Iterator[tuple[Row, Proof]]:
    """Read what tests say of themselves, in the order of the files: `read` takes a decorator and the test's name."""
    for path in sorted(folder.rglob("test_*.py")):
        text = path.read_text("utf-8")
        if f"@{by}" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for decorator in node.decorator_list:
                    for row, case in read(decorator, node.name):
                        name = f"{node.name}[{case}]" if case else node.name
                        yield row, Proof(file=path.relative_to(folder).as_posix(), name=name)


def case_in(keywords: list[ast.keyword]) -> str:
    """Give the id of the parametrized case that a mark names by `case=`, or "" for the whole test."""
    return next((ast.literal_eval(word.value) for word in keywords if word.arg == "case"), "")


def by_row(rows: Iterable[Row], found: Iterable[tuple[Row, Proof]]) -> dict[Row, list[Proof]]:
    """Sort proofs under the rows they prove; a row that no test proves is there with none."""
    sorted_: dict[Row, list[Proof]] = {row: [] for row in rows}
    for row, proof in found:
        sorted_[row].append(proof)
    return sorted_


def not_collected(named: set[Proof], *, mark: str) -> list[Proof]:
    """Let pytest collect the marked tests of these files; give the proofs it does not find, or finds and nobody named."""
    files = sorted({f"tests/{proof.file}" for proof in named})
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", mark, *files],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        cwd=TESTS.parent,
    )
    collected: dict[tuple[str, str], set[str]] = {}
    for line in listed.stdout.splitlines():
        if "::" in line:
            file, name, case = _split(line)
            collected.setdefault((file, name), set()).add(case)
    missing = [proof for proof in named if not _is_found(proof, collected)]
    # And no marked test is forgotten by the reader of the source.
    forgotten = set(collected) - {(proof.file, proof.name.partition("[")[0]) for proof in named}
    return missing + [Proof(file=file, name=name) for file, name in sorted(forgotten)]


def _split(line: str) -> tuple[str, str, str]:
    file, _, test = line.partition("::")
    name, _, case = test.partition("[")
    return file.removeprefix("tests/"), name, case.removesuffix("]")


def _is_found(proof: Proof, collected: dict[tuple[str, str], set[str]]) -> bool:
    # A fixture's parameter may stand before the case.
    name, _, case = proof.name.partition("[")
    cases = collected.get((proof.file, name), set())
    wanted = case.removesuffix("]")
    return bool(cases) if not wanted else any(found == wanted or found.endswith(f"-{wanted}") for found in cases)
