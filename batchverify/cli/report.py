"""`batchverify report`: the audit report of a job, its check, and the proof of one row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchverify.cli import options as given_options
from batchverify.cli.terminal import Terminal, print_out, say, session_of, start
from batchverify.errors import InputError

if TYPE_CHECKING:
    from batchverify.job.comparing import Checked

_NOT_GENUINE = 2


@click.command()
@click.argument("job", required=False)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where it goes: .html, .pdf, .xlsx or .json."
)
@click.option(
    "--check",
    "checked",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check a report or a proof: its signature, its sums, what it shows, and the ledger if it is here.",
)
@click.option("--key", metavar="PUBLIC_KEY", help="The key that must have signed it, taken from elsewhere than the report.")
@click.option("--prove", type=click.IntRange(min=1), metavar="ROW", help="Prove one row; the proof tells nothing of any other.")
@given_options.password_option
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def report(job: str | None, output: Path | None, checked: Path | None, key: str | None, prove: int | None, **given: Any) -> int:
    """Write the audit report of JOB, check one, or prove one row of it. Asks nothing."""
    _refuse_mixed(job, output=output, checked=checked, key=key, prove=prove)
    from batchverify.job.checking import check_report
    from batchverify.job.reporting import prove_row, report_job

    settings = start(given)
    session = session_of(settings, given, Terminal(given, settings))
    if checked is not None:
        found = check_report(checked, session, key=key)
        print_out(found.as_json() if given["as_json"] else checked_text(found))
        return 0 if found.is_genuine else _NOT_GENUINE
    if job is None or (output is None and prove is None):
        raise InputError("Name a job and where its report goes: `batchverify report JOB -o report.html`. Nothing was written.")
    if prove is not None:
        _write_proof(prove_row(job, prove, session), output)
    elif output is not None:
        written = report_job(job, output, session, lang=given_options.lang_of(settings))
        if given["as_json"]:
            print_out({"report": str(written)})
        else:
            say(f"Report: {written}")
    return 0


def checked_text(found: Checked) -> str:
    """What a check has found, in sentences, the verdict first."""
    verdict = f"{found.name} is genuine." if found.is_genuine else f"{found.name} is NOT genuine."
    return "\n".join(
        [
            verdict,
            *(f"  WRONG {one}" for one in found.wrong),
            *(f"  ok    {one}" for one in found.well),
            *(f"  note  {one}" for one in found.notes),
        ]
    )


def _write_proof(proof: dict[str, Any], output: Path | None) -> None:
    if output is None:
        print_out(proof)
        return
    from batchverify.job.reporting import write_proof

    say(f"Proof: {write_proof(proof, output)}")


def _refuse_mixed(job: str | None, *, output: Path | None, checked: Path | None, key: str | None, prove: int | None) -> None:
    if checked is not None and (job is not None or output is not None or prove is not None):
        raise InputError("--check stands alone: it takes a file and, with --key, a public key.")
    if key is not None and checked is None:
        raise InputError("--key belongs to --check. A report is signed with the home's own key.")
