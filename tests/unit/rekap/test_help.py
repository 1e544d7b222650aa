"""The help of each command shows an example that can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from rekap.cli import COMMANDS, main


def _leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Each command that does something, by the words that are typed for it."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command, info_name=name)
    for each in command.list_commands(context):
        found = command.get_command(context, each)
        assert found is not None
        yield from _leaves(found, f"{name} {each}")


LEAVES = dict(_leaves(main, "rekap"))


@pytest.mark.parametrize("name", LEAVES)
def test_the_help_of_a_command_has_an_example_that_parses(name: str) -> None:
    command = LEAVES[name]
    text = command.get_help(click.Context(command, info_name=name))
    _, heading, rest = re.split(r"^\s*(Examples?\b.*):$", text, maxsplit=1, flags=re.MULTILINE)
    assert heading
    examples = [line.strip() for line in rest.splitlines() if line.strip().startswith("rekap ")]
    assert examples, f"no line of the help of `{name}` begins with `rekap`"
    for example in examples:
        assert example.startswith(f"{name} ") or example == name, example
        command.make_context(name, shlex.split(example)[len(name.split()) :])


@pytest.mark.parametrize("name", LEAVES)
def test_each_option_has_a_help(name: str) -> None:
    missing = [each.name for each in LEAVES[name].params if isinstance(each, click.Option) and not each.help]
    assert not missing, f"options of `{name}` without help"


def test_the_list_of_commands_is_shown_whole_without_importing_one() -> None:
    """Importing all of them costs 1.7 s of CPU."""
    shows = "import sys; from rekap.cli import main; main(['--help'], standalone_mode=False)"
    counts = "print(sum(name.startswith('rekap.commands.') for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{shows}\n{counts}"], capture_output=True, text=True, timeout=60, check=True
    )
    *lines, imported = done.stdout.splitlines()
    assert imported == "0"
    for name, (_, summary) in COMMANDS.items():
        assert any(re.fullmatch(rf"  {name} +{re.escape(summary)}", line) for line in lines), name
