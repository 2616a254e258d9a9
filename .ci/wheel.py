"""The wheel as a stranger gets it: built, installed into a fresh environment, and doing the main job away from this checkout.

The one thing to know: what is tested elsewhere is the working copy; a data file missing from the wheel shows only here.
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
OPEN_ROWS = 3


def main() -> None:
    """Build, install, run; raises where a step fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
        (wheel,) = folder.glob("batchverify-*.whl")
        venv.create(folder / "fresh", with_pip=False)
        bin_folder = folder / "fresh" / ("Scripts" if os.name == "nt" else "bin")
        _run([*pip, "--python", str(bin_folder / "python"), "install", str(wheel)])
        command = str(bin_folder / "batchverify")
        shown = _run([command, "--help"], cwd=folder)
        told = ["run", str(ROOT / "samples" / "名单.xlsx"), "--sandbox", "--yes", "--json", "-o", "result.xlsx", "--home", "home"]
        summary = json.loads(_run([command, *told], cwd=folder, code=OPEN_ROWS))
        if "run" not in shown or summary["rows"]["total"] != sum(summary["status"].values()) or summary["asks"]["billed"] == 0:
            raise SystemExit(f"{wheel.name} does not do the main job: {summary['rows']}, {summary['status']}, {summary['asks']}")
        print(f"{wheel.name} installs and verifies {summary['rows']['total']} rows with {summary['asks']['sent']} asks.")


def _run(command: list[str], *, cwd: Path = ROOT, code: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "BATCHVERIFY_"))}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != code:
        print(done.stderr, file=sys.stderr)
        raise SystemExit(f"{' '.join(command)!r} ended with {done.returncode}, expected {code}.")
    return done.stdout


if __name__ == "__main__":
    main()
