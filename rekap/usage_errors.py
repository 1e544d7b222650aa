"""Sentences for a command line that cannot be run, in place of click's where those name a class of Python or do not help."""

from __future__ import annotations

import difflib

import click

_NUMBERS = {
    "integer": "a whole number",
    "integer range": "a whole number",
    "float": "a number",
    "float range": "a number",
}


def explain(error: click.UsageError) -> None:
    """Change the message of an error that click is about to show."""
    if isinstance(error, click.MissingParameter):
        if isinstance(error.param, click.Option) and error.param.help and not error.message:
            error.message = f"Its value: {error.param.help}"
    elif (
        isinstance(error, click.BadParameter) and error.param is not None and isinstance(error.param.type, click.Choice)
    ):
        word, is_word, _ = error.message.partition(" is not one of ")
        choices = [str(each) for each in error.param.type.choices]
        if is_word and (near := difflib.get_close_matches(word.strip("'"), choices, 1)):
            error.message += f" Did you mean {near[0]!r}?"
    elif isinstance(error, click.BadParameter):
        for name, words in _NUMBERS.items():
            value, is_number, _ = error.message.partition(f" is not a valid {name}.")
            if is_number:
                error.message = f"expected {words}, got {value}"
    elif error.message.startswith("No such command ") and error.ctx is not None:
        group = error.ctx.command
        assert isinstance(group, click.Group), "only a group has commands"
        word = error.message.removeprefix("No such command ").strip("'.")
        if near := difflib.get_close_matches(word, group.list_commands(error.ctx), 1):
            error.message += f" Did you mean {near[0]!r}?"
