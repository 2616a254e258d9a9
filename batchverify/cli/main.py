"""The commands, each a thin word for something in `job`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from batchverify.cli import options as given_options
from batchverify.cli.discretion import keep_discreet, told, without_numbers
from batchverify.cli.keeping import approve, forget, purge
from batchverify.cli.people import people
from batchverify.cli.quota import quota
from batchverify.cli.renewing import rotate
from batchverify.cli.report import report
from batchverify.cli.serve import serve
from batchverify.cli.template import template
from batchverify.cli.terminal import Terminal, each, home_of, print_out, say, session_of, show_result, start
from batchverify.errors import BatchVerifyError, InputError

if TYPE_CHECKING:
    from batchverify.job import Options, Rendered, Session
    from batchverify.store.ledger import Job, Run

_BUG, _USAGE, _INTERRUPTED = 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="batchverify")
def cli() -> None:
    """Verify spreadsheets of people against a paid bank-card and ID-card API.

    Each different question is paid once; the result is your own sheet with the answers beside it, and the bill.
    """


cli.add_command(people)
cli.add_command(quota)
cli.add_command(report)
cli.add_command(serve)
cli.add_command(template)


def main() -> NoReturn:
    """Run the command line and end the process with PRODUCT's exit codes."""
    # Whatever it writes (results, logs, exports, reports) holds people, or says who was asked about.
    os.umask(0o077)
    keep_discreet()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a console of code page 936 cannot say everything: never die of it
            reconfigure(errors="replace")
    try:
        code = cli.main(standalone_mode=False)
    except BatchVerifyError as error:
        say(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        vars(error)["message"] = without_numbers(error.message)
        error.show()
        sys.exit(_USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(_INTERRUPTED)
    except Exception as bug:  # noqa: BLE001 - the last line of defense: a bug must not show a person
        _show_bug(bug)
        sys.exit(_BUG)
    sys.exit(code if isinstance(code, int) else 0)


def _show_bug(bug: BaseException) -> None:
    """Where it happened and of which kind, without the message or any value: either could hold a cell."""
    name, *places = told(bug)
    click.echo(f"This is a bug in batchverify: {name}. Please report these lines; they show no data.", err=True)
    for place in places:
        click.echo(place, err=True)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@given_options.reading_options
@click.option("--forget-mapping", is_flag=True, help="Forget the columns that --map has named for this header.")
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def inspect(file: Path, *, forget_mapping: bool, **given: Any) -> int:
    """Show what is in FILE: sheets, columns, masked examples. Free."""
    from batchverify.cli.inspecting import show_inspection

    return show_inspection(file, given, forget_mapping=forget_mapping)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@given_options.reading_options
@given_options.asking_options
@click.option("--operator", default=None, help="Who does this. Recorded.")
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def plan(file: Path, **given: Any) -> int:
    """Count what a run of FILE would ask and cost, and list what is wrong with it. Free."""
    from batchverify.cli.passwords import passwords_of
    from batchverify.cli.sheets import readings_of
    from batchverify.cli.show import hash_text, plan_text
    from batchverify.job import plan_file

    settings = start(given)
    options, passwords = given_options.options_of(given, settings), passwords_of(given)
    session = session_of(settings, given, Terminal(given, settings), passwords)
    plans = [plan_file(file, one, session) for file, one in readings_of([file], options, settings, given, passwords)]
    if given["as_json"]:
        print_out(plans[0].as_json() if len(plans) == 1 else [made.as_json() for made in plans])
    else:
        lang = options.delivery.lang
        print_out("\n\n".join(f"{plan_text(made, lang)}\n{hash_text(made, lang)}" for made in plans))
    return 0


@cli.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@given_options.reading_options
@given_options.asking_options
@given_options.spending_options
@given_options.delivery_options
@given_options.mandate_options
@given_options.json_option
@given_options.home_options
def run(files: tuple[Path, ...], **given: Any) -> int:
    """Plan, confirm, ask, annotate and summarize FILES. Goes on with an unfinished job on the same input."""
    from batchverify.cli.passwords import passwords_of
    from batchverify.cli.sheets import readings_of
    from batchverify.job import run_file

    settings = start(given)
    options, left, passwords = (
        given_options.options_of(given, settings),
        given_options.bounds_of(given, settings),
        passwords_of(given),
    )
    for file in files:
        if not file.exists():  # looked at before the first of several is asked and paid
            raise InputError(f"There is no file {str(file)!r}. Check the name and the folder.")
    work = readings_of(files, options, settings, given, passwords)
    if len(work) > 1 and given["output"] is not None:
        raise InputError(
            "One --output cannot take the results of several files or sheets. Leave it out: each result goes beside its input."
        )

    def verify(one: tuple[Path, Options], session: Session) -> Rendered:
        nonlocal left
        watcher = session.watcher
        try:
            return run_file(*one, left, session)
        finally:
            if isinstance(watcher, Terminal):  # a cap is on the whole command, whatever it names
                left = left.after(watcher.billed, unit_price=watcher.unit_price)

    return each(given, settings, work, verify, passwords=passwords)


@cli.command()
@click.argument("job")
@given_options.again_options
def resume(job: str, **given: Any) -> int:
    """Go on with JOB after a stop or a crash: what is answered is not asked again, what is in doubt is held."""
    from batchverify.job import resume_job

    settings = start(given)
    bounds = given_options.bounds_of(given, settings)
    return each(
        given,
        settings,
        (job,),
        lambda name, session: resume_job(name, bounds, session, change=lambda kept: given_options.with_output(kept, given)),
    )


@cli.command()
@click.argument("job", metavar="JOB|RESULT_FILE")
@click.option(
    "--what",
    type=click.Choice(["failed", "locked", "in_doubt", "edited", "all-open"]),
    multiple=True,
    help="Which rows; repeatable. Default: failed, and locked that are due; of a file all that is open and due, and edited.",
)
@click.option(
    "--from",
    "from_file",
    metavar="FIXED_FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A corrected file of JOB: its result or its input, with rows edited, added, removed or sorted.",
)
@click.option("--sheet", help="The sheet of the file to read, for example 'To fix'. Default: the one that the job has read.")
@click.option(
    "--accept-double-charge", is_flag=True, help="Ask what is in doubt again, although it may have been billed already."
)
@given_options.again_options
def rerun(job: str, **given: Any) -> int:
    """Ask only what failed, of a JOB or of a result file: answered rows are never bought again, edited rows are new."""
    from batchverify.job import asks_edited, rerun_file, rerun_job, statuses_to_rerun

    settings = start(given)
    bounds = given_options.bounds_of(given, settings)
    itself = Path(job)
    is_file = bool(itself.suffix) and itself.exists()
    if is_file and given["from_file"] is not None:
        raise InputError("Name a job before --from, not a file: the file after it is the one that is read. Nothing was sent.")
    file = itself if is_file else given["from_file"]
    if file is None and given["sheet"] is not None:
        raise InputError("A job goes on with the sheet that it has read. Leave out --sheet, or name a file. Nothing was sent.")
    words = given["what"]
    what = statuses_to_rerun(words, accept_double_charge=given["accept_double_charge"], from_file=file is not None)

    def again(name: str, session: Session) -> Rendered:
        def change(kept: Any) -> Any:
            return given_options.with_output(kept, given)

        if file is None:
            return rerun_job(name, bounds, session, what=what, change=change)
        return rerun_file(
            file,
            bounds,
            session,
            what=what,
            edited=asks_edited(words),
            job=None if is_file else name,
            sheet=given["sheet"],
            change=change,
        )

    return each(given, settings, (job,), again)


@cli.command()
@click.argument("job")
@given_options.delivery_options
@given_options.password_option
@given_options.json_option
@given_options.home_options
def render(job: str, **given: Any) -> int:
    """Draw the result file and summary of JOB again. Asks nothing."""
    from batchverify.job import render_job

    settings = start(given)
    rendered = render_job(
        job, session_of(settings, given, Terminal(given, settings)), change=lambda kept: given_options.with_output(kept, given)
    )
    show_result(rendered, given, settings)
    return 0


@cli.command()
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def jobs(**given: Any) -> int:
    """List the jobs of the home, newest first."""
    from batchverify.job import all_jobs
    from batchverify.rules.windows import beijing_time

    settings = start(given)
    listed = [
        {
            "job": job.id,
            "file": job.spec.path,
            "product": job.spec.product,
            "created_at": beijing_time(job.created_at),
            "finished": job.finished_at is not None,
            "runs": len(runs),
            "ended": _ended(job, runs),
        }
        for job, runs in all_jobs(session_of(settings, given, Terminal(given, settings)))
    ]
    if given["as_json"]:
        print_out(listed)
    else:
        for job in listed:
            say(f"{job['job']}  {job['created_at']}  {job['ended']}  {job['product']}  {job['file']}")
    return 0


def _ended(job: Job, runs: Sequence[Run]) -> str:
    """How a job stands, in a word or two."""
    if job.closed_at is not None:
        return "erased"
    if job.finished_at is not None:
        return "finished"
    if not runs:
        return "not begun"
    return "running" if runs[-1].ended_at is None else runs[-1].reason or "open rows"


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes any free one.")
@click.option("--latency-ms", type=click.FloatRange(min=0), default=0.0, help="How long each answer takes.")
@click.option("--quota", type=click.IntRange(min=0), help="Asks that the package holds.")
def sandbox(port: int, latency_ms: float, quota: int | None) -> int:
    """Serve the vendor in miniature on this machine, until Ctrl-C."""
    from batchverify import sandbox as vendor

    settings = vendor.Settings(latency_seconds=latency_ms / 1000)
    if quota is not None:
        settings = vendor.Settings(latency_seconds=latency_ms / 1000, quota=quota)
    vendor.serve(settings, port=port, on_ready=lambda endpoint: click.echo(f"Sandbox at {endpoint}"))
    return 0


@cli.group()
def key() -> None:
    """Set, show or clear the AppCode; renew the key of the home."""


@key.command("set")
@given_options.home_options
def key_set(**given: Any) -> int:
    """Read the AppCode from a prompt or from standard input and keep it in a file only you may read."""
    from batchverify.settings import app_code_typed, store_app_code

    settings = start(given)
    text = click.prompt("AppCode", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    store_app_code(app_code_typed(text), home_of(settings))
    click.echo("The AppCode is kept.", err=True)
    return 0


@key.command("show")
@given_options.home_options
def key_show(**given: Any) -> int:
    """Show the last four characters of the AppCode in use; none of a short one."""
    from batchverify.settings import app_code, end_of

    settings = start(given)
    click.echo(end_of(app_code(settings, home_of(settings))))
    return 0


@key.command("clear")
@given_options.home_options
def key_clear(**given: Any) -> int:
    """Forget the kept AppCode."""
    from batchverify.settings import clear_app_code

    settings = start(given)
    click.echo("Cleared." if clear_app_code(home_of(settings)) else "There was none.", err=True)
    return 0


@cli.command()
@click.option("--alert", is_flag=True, help="Also send a test message to the places of alerts.")
@given_options.json_option
@given_options.home_options
def doctor(alert: bool, **given: Any) -> int:  # noqa: FBT001 - a flag of the command line
    """Look at the home: can it be written, is the ledger whole, do the chains hold, is there an AppCode."""
    from batchverify.job import examine

    settings = start(given)
    findings = examine(home_of(settings), settings, alert=alert)
    if given["as_json"]:
        print_out([{"what": finding.what, "well": finding.is_well, "detail": finding.detail} for finding in findings])
    else:
        for finding in findings:
            say(f"{'ok  ' if finding.is_well else 'BAD '} {finding.what}: {finding.detail}")
    return 0 if all(finding.is_well for finding in findings) else 5


key.add_command(rotate)
cli.add_command(approve)
cli.add_command(purge)
cli.add_command(forget)
