"""The commands, each a thin word for something in `job`."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from batchverify.cli import options as given_options
from batchverify.errors import BatchVerifyError, InputError

if TYPE_CHECKING:
    from batchverify.cli.progress import Bar
    from batchverify.job import Plan, Rendered, Session
    from batchverify.model import RowStatus
    from batchverify.pool import Progress
    from batchverify.settings import Settings
    from batchverify.store.ledger import Job, Run

_EXIT_CODES = {"complete": 0, "open_rows": 3, "vendor_stop": 4, "home_error": 5, "interrupted": 130}
_WORST_FIRST = (5, 4, 130, 3, 0)
_BEIJING = timezone(timedelta(hours=8))  # where the people, the vendor and the windows of its bill are
_SHOWN_FROM = 16  # characters: four of an AppCode's 32 tell nobody the rest
_BUG, _USAGE, _INTERRUPTED = 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="batchverify")
def cli() -> None:
    """Verify spreadsheets of people against a paid bank-card and ID-card API.

    Each different question is paid once; the result is your own sheet with the answers beside it, and the bill.
    """


def main() -> NoReturn:
    """Run the command line and end the process with PRODUCT's exit codes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a console of code page 936 cannot say everything: never die of it
            reconfigure(errors="replace")
    try:
        code = cli.main(standalone_mode=False)
    except BatchVerifyError as error:
        _say(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
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
    click.echo(f"This is a bug in batchverify: {type(bug).__name__}. Please report these lines; they show no data.", err=True)
    for frame in traceback.extract_tb(bug.__traceback__):
        click.echo(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}", err=True)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@given_options.reading_options
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def inspect(file: Path, **given: Any) -> int:
    """Show what is in FILE: sheets, columns, masked examples. Free."""
    from batchverify.cli.show import inspection_text
    from batchverify.job import inspect_file

    settings = _start(given)
    options = given_options.options_of(given, settings)
    inspection = inspect_file(file, options.reading, home=_home(settings))
    _print(inspection.as_json() if given["as_json"] else inspection_text(inspection, options.delivery.lang))
    return 0


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@given_options.reading_options
@given_options.asking_options
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def plan(file: Path, **given: Any) -> int:
    """Count what a run of FILE would ask and cost, and list what is wrong with it. Free."""
    from batchverify.cli.show import plan_text
    from batchverify.job import plan_file

    settings = _start(given)
    options = given_options.options_of(given, settings)
    made = plan_file(file, options, _session(settings, given, _Watcher(given, settings)))
    _print(made.as_json() if given["as_json"] else plan_text(made, options.delivery.lang))
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
    from batchverify.job import run_file

    settings = _start(given)
    options, bounds = given_options.options_of(given, settings), given_options.bounds_of(given, settings)
    if len(files) > 1 and given["output"] is not None:
        raise InputError(
            "One --output cannot take the results of several files. Leave it out: each result goes beside its input."
        )
    for file in files:
        if not file.exists():  # looked at before the first of several is asked and paid
            raise InputError(f"There is no file {str(file)!r}. Check the name and the folder.")
    return _each(given, settings, files, lambda file, session: run_file(file, options, bounds, session))


@cli.command()
@click.argument("job")
@click.option("--sandbox", is_flag=True, hidden=True)
@given_options.spending_options
@given_options.delivery_options
@given_options.json_option
@given_options.home_options
@click.option("--endpoint", help="Another host of the vendor (https; plain http on loopback only).")
def resume(job: str, **given: Any) -> int:
    """Go on with JOB after a stop or a crash: what is answered is not asked again, what is in doubt is held."""
    from batchverify.job import resume_job

    settings = _start(given)
    bounds = given_options.bounds_of(given, settings)
    return _each(
        given,
        settings,
        (job,),
        lambda name, session: resume_job(name, bounds, session, change=lambda kept: given_options.with_output(kept, given)),
    )


@cli.command()
@click.argument("job")
@click.option(
    "--what",
    type=click.Choice(["failed", "locked", "in_doubt", "all-open"]),
    multiple=True,
    help="Which rows. Default: failed and locked.",
)
@click.option(
    "--accept-double-charge", is_flag=True, help="Ask what is in doubt again, although it may have been billed already."
)
@click.option("--sandbox", is_flag=True, hidden=True)
@given_options.spending_options
@given_options.delivery_options
@given_options.json_option
@given_options.home_options
@click.option("--endpoint", help="Another host of the vendor (https; plain http on loopback only).")
def rerun(job: str, **given: Any) -> int:
    """Ask only what failed, of a JOB or of a result file: answered rows are never bought again, edited rows are new."""
    from batchverify.job import rerun_file, rerun_job, statuses_to_rerun

    settings = _start(given)
    bounds = given_options.bounds_of(given, settings)
    what = statuses_to_rerun(given["what"], accept_double_charge=given["accept_double_charge"])

    def again(name: str, session: Session) -> Rendered:
        def change(kept: Any) -> Any:
            return given_options.with_output(kept, given)

        path = Path(name)
        if path.suffix and path.exists():
            return rerun_file(path, bounds, session, what=what, change=change)
        return rerun_job(name, bounds, session, what=what, change=change)

    return _each(given, settings, (job,), again)


@cli.command()
@click.argument("job")
@given_options.delivery_options
@given_options.json_option
@given_options.home_options
def render(job: str, **given: Any) -> int:
    """Draw the result file and summary of JOB again. Asks nothing."""
    from batchverify.job import render_job

    settings = _start(given)
    rendered = render_job(
        job, _session(settings, given, _Watcher(given, settings)), change=lambda kept: given_options.with_output(kept, given)
    )
    _show(rendered, given, settings)
    return 0


@cli.command()
@given_options.lang_option
@given_options.json_option
@given_options.home_options
def jobs(**given: Any) -> int:
    """List the jobs of the home, newest first."""
    from batchverify.job import all_jobs

    settings = _start(given)
    listed = [
        {
            "job": job.id,
            "file": job.spec.path,
            "product": job.spec.product,
            "created_at": job.created_at.astimezone(_BEIJING).isoformat(timespec="seconds"),
            "finished": job.finished_at is not None,
            "runs": len(runs),
            "ended": _ended(job, runs),
        }
        for job, runs in all_jobs(_session(settings, given, _Watcher(given, settings)))
    ]
    if given["as_json"]:
        _print(listed)
    else:
        for job in listed:
            _say(f"{job['job']}  {job['created_at']}  {job['ended']}  {job['product']}  {job['file']}")
    return 0


def _ended(job: Job, runs: Sequence[Run]) -> str:
    """How a job stands, in a word or two."""
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
    """Set, show or clear the AppCode."""


@key.command("set")
@given_options.home_options
def key_set(**given: Any) -> int:
    """Read the AppCode from a prompt or from standard input and keep it in a file only you may read."""
    from batchverify.model import Secret
    from batchverify.settings import store_app_code

    settings = _start(given)
    text = click.prompt("AppCode", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not text.strip() or not text.strip().isalnum():
        raise InputError("That is no AppCode: it has letters and digits only. Copy it from the vendor's console.")
    store_app_code(Secret(text.strip()), _home(settings))
    click.echo("The AppCode is kept.", err=True)
    return 0


@key.command("show")
@given_options.home_options
def key_show(**given: Any) -> int:
    """Show the last four characters of the AppCode in use; none of a short one."""
    from batchverify.settings import app_code

    settings = _start(given)
    text = app_code(settings, _home(settings)).reveal()
    click.echo(f"…{text[-4:]}" if len(text) >= _SHOWN_FROM else "…")
    return 0


@key.command("clear")
@given_options.home_options
def key_clear(**given: Any) -> int:
    """Forget the kept AppCode."""
    from batchverify.settings import clear_app_code

    settings = _start(given)
    click.echo("Cleared." if clear_app_code(_home(settings)) else "There was none.", err=True)
    return 0


@cli.command()
@given_options.json_option
@given_options.home_options
def doctor(**given: Any) -> int:
    """Look at the home: can it be written, is the ledger whole, do the chains hold, is there an AppCode."""
    from batchverify.job import examine

    settings = _start(given)
    findings = examine(_home(settings), settings)
    if given["as_json"]:
        _print([{"what": finding.what, "well": finding.is_well, "detail": finding.detail} for finding in findings])
    else:
        for finding in findings:
            _say(f"{'ok  ' if finding.is_well else 'BAD '} {finding.what}: {finding.detail}")
    return 0 if all(finding.is_well for finding in findings) else 5


class _Watcher:
    """Shows the plan, has it confirmed, and draws the bar. Everything goes to stderr."""

    def __init__(self, given: dict[str, Any], settings: Settings) -> None:
        self._given = given
        self._settings = settings
        self._lang = given_options.lang_of(settings)
        self._bar: Bar | None = None

    def approve(self, plan: Plan, *, cap_asks: int | None) -> None:
        from batchverify.cli.show import plan_text

        _say(plan_text(plan, self._lang), err=True)
        if not plan.asks or self._given.get("yes") or cap_asks is not None:
            return
        if not sys.stdin.isatty():
            raise InputError(
                "Nothing was asked: there is no terminal to confirm the plan. Add --yes, --max-asks N or --max-yuan X."
            )
        if not click.confirm(f"Ask {plan.asks:,} questions for at most ¥{plan.worst_price:.2f}?", err=True):
            raise InputError("Nothing was asked: the plan was not confirmed.")

    def asking(self, *, total: int, cap_asks: int | None) -> None:
        from batchverify.cli.progress import Bar

        self._bar = Bar(lang=self._lang, unit_price=self._settings.unit_price)
        self._bar.start(total=total, cap_asks=cap_asks)

    def progress(self, progress: Progress) -> None:
        if self._bar is not None:
            self._bar.show(progress)

    def sampled(self, statuses: Mapping[RowStatus, int]) -> None:
        from batchverify.cli.show import sample_text

        click.echo(sample_text(statuses, self._lang), err=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _start(given: dict[str, Any]) -> Settings:
    """Set up logging and read the settings."""
    try:
        handler = logging.FileHandler(given["log_file"], encoding="utf-8") if given["log_file"] else logging.StreamHandler()
    except OSError as error:
        raise InputError(f"The log file {str(given['log_file'])!r} cannot be written: {error.strerror}. Name another.") from None
    logging.basicConfig(
        level=given["log_level"].upper(), handlers=[handler], format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for name in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(name).disabled = True  # httpx writes the whole URL, and so the person, at INFO
    return given_options.settings_of(given)


def _home(settings: Settings) -> Path:
    from batchverify.settings import home_folder

    return home_folder(settings.home)


def _session(settings: Settings, given: dict[str, Any], watcher: _Watcher) -> Session:
    from batchverify.job import Session

    return Session(settings=settings, watcher=watcher, built_in=bool(given.get("sandbox")))


def _each(given: dict[str, Any], settings: Settings, names: tuple[Any, ...], act: Callable[[Any, Session], Rendered]) -> int:
    """Do the same for each name; the worst exit code counts."""
    from batchverify.cli.progress import stopping_on_signals

    codes, documents = [], []
    try:
        for name in names:
            watcher = _Watcher(given, settings)
            session = _session(settings, given, watcher)
            with stopping_on_signals(session.stop):
                try:
                    rendered = act(name, session)
                finally:
                    watcher.close()
            codes.append(_EXIT_CODES[rendered.summary.ending])
            documents.append(rendered.summary.as_json())
            if not given["as_json"]:
                _show(rendered, given, settings)
            if session.stop.level:
                break
    finally:
        # Also where a later file is refused: what was paid for the earlier ones is told.
        if given["as_json"] and documents:
            _print(documents[0] if len(names) == 1 else documents)
    return next(code for code in _WORST_FIRST if code in codes)


def _show(rendered: Rendered, given: dict[str, Any], settings: Settings) -> None:
    from batchverify.cli.show import summary_text

    document = rendered.summary.as_json()
    _print(
        document
        if given["as_json"]
        else summary_text(document, given_options.lang_of(settings), reason=rendered.reason, note=rendered.note)
    )


def _print(what: Any) -> None:
    _say(what if isinstance(what, str) else json.dumps(what, ensure_ascii=False, indent=2))


def _say(text: str, *, err: bool = False) -> None:
    """Write out a text that names files, sheets or headers: none of them may steer the terminal."""
    from batchverify.cli.show import visible

    click.echo(visible(text), err=err)
