"""What is installed with it: the lock says what pyproject says, by hashes, and nothing is imported that nobody declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import metadata, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.threats import guards

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
OURS = "batchverify"
#: Where a wheel may come from, by the lock.
INDEX, FILES = "https://pypi.org/simple", "https://files.pythonhosted.org/"
#: Imported by name, where it is there.
BY_NAME = {"alibabacloud-market20151101"}
#: What a licence may be, by the words of its metadata: all of them let a wheel be used and handed on with a program under MIT.
FREE = re.compile(
    r"MIT|BSD|Apache|MPL|Mozilla Public|PSF|Python Software Foundation|ISC|Zlib|Unlicense|Public Domain|0BSD|LGPL", re.IGNORECASE
)


def locked() -> dict[str, dict]:
    return {package["name"]: package for package in LOCK["package"]}


def declared() -> dict[str, list[Requirement]]:
    """Give what pyproject declares: "" for the wheel itself, then each extra."""
    project = PROJECT["project"]
    kinds = {"": project["dependencies"], **project["optional-dependencies"]}
    return {kind: [Requirement(line) for line in lines] for kind, lines in kinds.items()}


@guards("dependencies")
def test_the_lock_agrees_with_pyproject():
    """Whoever adds a dependency runs `poe lock`."""
    ours = locked()[OURS]
    wanted = {(canonicalize_name(one.name), str(one.specifier), kind) for kind, lines in declared().items() for one in lines}
    found = {
        (one["name"], one.get("specifier", ""), (re.findall(r"extra == '(\w+)'", one.get("marker", "")) or [""])[0])
        for one in ours["metadata"]["requires-dist"]
    }
    groups = {
        (canonicalize_name(Requirement(line).name), str(Requirement(line).specifier), group)
        for group, lines in PROJECT["dependency-groups"].items()
        for line in lines
    }
    kept = {
        (one["name"], one.get("specifier", ""), group)
        for group, lines in ours["metadata"]["requires-dev"].items()
        for one in lines
    }

    assert found == wanted
    assert kept == groups
    assert LOCK["requires-python"] == PROJECT["project"]["requires-python"]


@guards("dependencies")
def test_every_file_that_the_lock_names_has_its_hash_and_comes_from_pypi():
    files = 0
    for name, package in locked().items():
        if name == OURS:
            continue
        assert package["source"] == {"registry": INDEX}, name
        for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]:
            files += 1
            assert file["url"].startswith(FILES), name
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"]), name

    assert files > 500


@guards("dependencies")
def test_what_is_locked_is_no_older_than_its_floor():
    for lines in declared().values():
        for one in lines:
            version = locked()[canonicalize_name(one.name)]["version"]
            assert one.specifier.contains(version, prereleases=True), f"{one.name} {version}"


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Walk what a file imports from elsewhere, each with whether it happens as soon as the file is imported."""
    tree = ast.parse(path.read_text("utf-8"))
    lazy = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and top != OURS:
                yield top, id(node) not in lazy


@guards("dependencies")
def test_nothing_is_imported_that_the_wheel_does_not_declare():
    named = {kind: {canonicalize_name(one.name) for one in lines} for kind, lines in declared().items()}
    extras = set().union(*(names for kind, names in named.items() if kind))
    homes = packages_distributions()
    undeclared, eager, used = set(), set(), set()
    for path in sorted((ROOT / OURS).rglob("*.py")):
        place = path.relative_to(ROOT / OURS)
        for module, is_eager in imports(path):
            found = {canonicalize_name(one) for one in homes.get(module, [module])}
            used |= found
            if not found & (named[""] | extras):
                undeclared.add((module, str(place)))
            # What only an extra brings is imported where it is needed, or in the rooms that are entered with it only.
            elif is_eager and not found & named[""] and place.parts[0] != "web" and not place.stem.endswith("_child"):
                eager.add((module, str(place)))

    assert undeclared == set()
    assert eager == set()
    # And nothing is installed that nobody imports.
    assert (named[""] | extras) - used - BY_NAME == set()


@guards("dependencies")
def test_each_floor_of_the_wheel_has_its_reason_beside_it():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = text[text.index("\ndependencies = [") : text.index("[project.scripts]")]
    lines = [line for line in block.splitlines() if re.search(r'"[\w.-]+>=', line)]

    assert len(lines) > 20
    assert [line for line in lines if not re.search(r"# \w", line)] == []
    assert all(one.specifier for requirements in declared().values() for one in requirements)


@guards("dependencies")
def test_everything_that_is_installed_with_the_wheel_may_be_handed_on():
    """By the lock: whatever the wheel and its extras bring along, however far down."""
    packages, seen = locked(), set()
    wanted = [canonicalize_name(one.name) for lines in declared().values() for one in lines]
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += [one["name"] for one in packages[name].get("dependencies", [])]
    installed = {canonicalize_name(name) for names in packages_distributions().values() for name in names}
    odd = {}
    for name in sorted(seen & installed):
        told = metadata(name)
        license_words = " ".join(
            [told.get("License-Expression") or "", told.get("License") or "", *(told.get_all("Classifier") or [])]
        )
        if not FREE.search(license_words):
            odd[name] = license_words[:80]

    assert len(seen & installed) > 40
    assert odd == {}


def test_what_is_not_locked_is_noticed(monkeypatch):
    monkeypatch.setitem(PROJECT["project"], "dependencies", [*PROJECT["project"]["dependencies"], "newcomer>=1"])

    with pytest.raises(AssertionError):
        test_the_lock_agrees_with_pyproject()
