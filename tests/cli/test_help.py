"""Every command says what it is for, and every option what it does."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from batchverify.cli.main import cli
from tests.threats import guards

WORDS = {
    "inspect": "Show what is in FILE: sheets, columns, masked examples. Free.",
    "plan": "Count what a run of FILE would ask and cost, and list what is wrong with it. Free.",
    "run": "Plan, confirm, ask, annotate and summarize FILES. Goes on with an unfinished job on the same input.",
    "resume": "Go on with JOB after a stop or a crash: what is answered is not asked again, what is in doubt is held.",
    "rerun": "Ask only what failed, of a JOB or of a result file: answered rows are never bought again, edited rows are new.",
    "render": "Draw the result file and summary of JOB again. Asks nothing.",
    "report": "Write the audit report of JOB, check one, or prove one row of it. Asks nothing.",
    "jobs": "List the jobs of the home, newest first.",
    "template": "Write a blank workbook to fill in: text cells, red where a number cannot be right. Never required.",
    "sandbox": "Serve the vendor in miniature on this machine, until Ctrl-C.",
    "key": "Set, show or clear the AppCode; renew the key of the home.",
    "key set": "Read the AppCode from a prompt or from standard input and keep it in a file only you may read.",
    "key show": "Show the last four characters of the AppCode in use; none of a short one.",
    "key clear": "Forget the kept AppCode.",
    "doctor": "Look at the home: can it be written, is the ledger whole, do the chains hold, is there an AppCode.",
}


def _commands(group: click.Group, before: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        found[before + name] = command
        if isinstance(command, click.Group):
            found |= _commands(command, f"{name} ")
    return found


COMMANDS = _commands(cli)


def test_the_commands_that_exist_say_what_they_are_for():
    said = {name: " ".join((command.help or "").split()) for name, command in COMMANDS.items()}

    assert {name: said[name] for name in WORDS} == WORDS
    assert [name for name, text in said.items() if not text.endswith(".")] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_ends_with_0_and_lists_its_options(name):
    shown = CliRunner().invoke(cli, [*name.split(), "--help"])

    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: cli {name} ")
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.opts[-1] in shown.output


def test_every_option_that_shows_says_what_it_does():
    """The level and the port of a command explain themselves by their default, which help shows."""
    silent = {
        option.opts[0]
        for command in COMMANDS.values()
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden and not option.help
    }
    assert silent <= {"--log-level"}


@guards("arguments", "app-code")
def test_no_option_takes_a_secret():
    options = {text for command in COMMANDS.values() for option in command.params for text in option.opts}

    assert not {text for text in options if any(word in text.lower() for word in ("appcode", "app-code", "secret", "token"))}


def test_the_program_itself_has_help_and_a_version(desk):
    shown = desk.run("--help")
    version = desk.run("--version")

    assert (shown.code, shown.err) == (0, "")
    assert [name for name in WORDS if " " not in name and f"\n  {name} " not in shown.out] == []
    assert (version.code, version.err) == (0, "")
    assert version.out.strip().endswith("version 0.1.0")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "Error: No such command 'nothing'."),
        (["run"], "Error: Missing argument 'FILES...'."),
        (["run", "people.csv", "--nonsense"], "Error: No such option '--nonsense'."),
        (["run", "people.csv", "--product", "bank9"], "Error: Invalid value for '--product': 'bank9' is not one of"),
        (["run", "people.csv", "--max-yuan", "much"], "Error: Invalid value for '--max-yuan': 'much' is no amount in yuan."),
        (["run", "people.csv", "--max-yuan", "-1"], "Error: Invalid value for '--max-yuan': '-1' is no amount in yuan."),
        (["run", "people.csv", "--map", "salary=D"], "Error: Invalid value for '--map': 'salary=D' is not FIELD=COLUMN"),
        (["run", "people.csv", "--qps", "0"], "Error: Invalid value for '--qps': 0.0 is not in the range x>0."),
        (["resume"], "Error: Missing argument 'JOB'."),
        (["rerun", "s-aaaa", "--what", "matched"], "Error: Invalid value for '--what': 'matched' is not one of"),
    ],
)
def test_a_word_that_is_no_option_is_refused_with_2_and_named(arguments, said, monkeypatch, capsys):
    """In this process, through the same `main` as the program's."""
    from batchverify.cli import main

    monkeypatch.setattr("sys.argv", ["batchverify", *arguments])
    with pytest.raises(SystemExit) as end:
        main()

    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
