"""What is installed with a wheel, and on what terms: licence list and SBOM out of an environment made from the lock, by its hashes.

    poe supply [--audit]

The one thing to know: it takes nothing but what `uv.lock` names, with the SHA-256 that stands there; another byte, and pip refuses
it. The files lie in `build/supply`: requirements.txt (hashed), sbom.cdx.json (CycloneDX), licenses.md. `--audit` also asks the
advisory database, strictly, which takes a network that lets it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "build" / "supply"
_EXPORT = ("--frozen", "--no-dev", "--all-extras", "--no-emit-project", "--no-header", "--format", "requirements.txt")


def main() -> None:
    """Make the three files; raises where a step fails."""
    TARGET.mkdir(parents=True, exist_ok=True)
    requirements, bom, licenses = (TARGET / name for name in ("requirements.txt", "sbom.cdx.json", "licenses.md"))
    _run(_tool("uv"), "export", "--quiet", *_EXPORT, "--output-file", str(requirements))
    with tempfile.TemporaryDirectory() as name:
        venv.create(name, with_pip=False)
        python = str(Path(name) / ("Scripts" if os.name == "nt" else "bin") / "python")
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python)
        _run(*pip, "install", "--require-hashes", "--no-deps", "--requirement", str(requirements))
        told = ("--pyproject", "pyproject.toml", "--output-reproducible", "--output-file", str(bom))
        _run(_tool("cyclonedx-py"), "environment", *told, python)
        columns = ("--with-urls", "--from=mixed", "--format=markdown", "--order=name")
        _run(_tool("pip-licenses"), f"--python={python}", *columns, f"--output-file={licenses}")
    if "--audit" in sys.argv[1:]:
        _run(_tool("pip-audit"), "--strict", "--require-hashes", "--disable-pip", "--requirement", str(requirements))
    count = len(json.loads(bom.read_text("utf-8"))["components"])
    print(
        f"{count} packages, each by its hash; {', '.join(path.name for path in (requirements, bom, licenses))} in {TARGET.relative_to(ROOT)}."
    )


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _run(*command: str) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise SystemExit(f"{' '.join(command)!r} failed.")


if __name__ == "__main__":
    main()
