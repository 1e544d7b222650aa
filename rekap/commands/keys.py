"""`rekap keys`: make the keys that sign submissions, and show their public half; keep the keys of the workers' seals."""

from __future__ import annotations

import csv
import io
import stat
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from rekap.errors import UnusableError
from rekap.terminal import complain, print_lines
from runtime.files.key_files import load_key_file, public_row, write_key_file
from runtime.kafka.seals import KEYS_MAX, make_seal_keys, new_seal_key, read_seal_keys, write_seal_keys
from runtime.package.shape_sentences import sentence
from schemas.definition.package import Key, Role

ROLES = click.Choice([role.value for role in Role])


@click.group()
def keys() -> None:
    """Make and show the keys that sign submissions, and those that workers seal their messages with."""


@keys.command("new")
@click.option("--role", type=ROLES, required=True, help="what the key may sign")
@click.option("--scope", required=True, metavar="CODE", help="area or station that the key signs for")
@click.option("--holder", metavar="TEXT", help="office or body that holds the key; never a person's name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="file for the private key (default: KEY_ID.pem in the current directory)",
)
def new_key(role: str, scope: str, holder: str | None, out: Path | None) -> None:
    """Make a key and print its row for keys.csv.

    The private key is written to a file that only you can read, and is never printed.

    \b
    Example:
      rekap keys new --role station_officer --scope 34.04 --holder 'KPPS Sleman'
    """
    private_key = Ed25519PrivateKey.generate()
    row = _row(private_key, Role(role), scope, holder)
    path = out or Path(f"{row.key_id}.pem")
    write_key_file(private_key, path)
    print_lines(_csv(row))
    complain(f"The private key is in {path}. Keep it secret; add the line above to keys.csv of the package.")


@keys.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--role", type=ROLES, required=True, help="what the key may sign")
@click.option("--scope", required=True, metavar="CODE", help="area or station that the key signs for")
@click.option("--holder", metavar="TEXT", help="office or body that holds the key; never a person's name")
def show_key(file: Path, role: str, scope: str, holder: str | None) -> None:
    """Print the row for keys.csv of the private key in FILE.

    \b
    Example:
      rekap keys show officer.pem --role station_officer --scope 34.04
    """
    private_key = load_key_file(file)
    open_to_others = file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    print_lines(_csv(_row(private_key, Role(role), scope, holder)))
    if open_to_others:
        complain(f"Others on this machine may read {file}: chmod 600 {file}")


@keys.command("workers")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--add", is_flag=True, help="add a key that is believed and does not seal yet")
@click.option("--use-newest", is_flag=True, help="let the key that was added last seal from now on")
@click.option("--drop-others", is_flag=True, help="believe only the key that seals")
def workers_keys(file: Path, add: bool, use_newest: bool, drop_others: bool) -> None:
    """Show the ids of the keys that workers seal their messages with, or change the keys in FILE (REKAP_WORKERS_KEY).

    A file that does not exist is made with one key. The key that seals is shown first. Workers read a changed file within a
    second; docs/operations.md has the order in which to change it on several machines.

    \b
    Examples:
      rekap keys workers workers-key.txt
      rekap keys workers workers-key.txt --add
    """
    if add + use_newest + drop_others > 1:
        raise click.UsageError("--add, --use-newest and --drop-others are three steps: give one of them at a time")
    make_seal_keys(file)
    keys = read_seal_keys(file)
    if add:
        keys = [*keys, new_seal_key()]
    elif use_newest:
        keys = [keys[-1], *keys[:-1]]
    elif drop_others:
        keys = keys[:1]
    if len(keys) > KEYS_MAX:
        raise UnusableError(f"{file} has {KEYS_MAX} keys, the most there may be; see --drop-others")
    if add or use_newest or drop_others:
        write_seal_keys(file, keys)
    for number, key in enumerate(keys):
        print_lines(f"{key.id.hex()}  {'seals' if number == 0 else 'is believed'}")


def _row(private_key: Ed25519PrivateKey, role: Role, scope: str, holder: str | None) -> Key:
    try:
        return public_row(private_key, role, scope, holder)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UnusableError(f"--{first['loc'][0]}: {sentence(first)}") from None


def _csv(row: Key) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if cell is None else cell for _, cell in row])
    return line.getvalue()
