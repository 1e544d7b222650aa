"""Each command that cannot do its work ends with a sentence on standard error and the exit code of the table."""

from __future__ import annotations

import importlib
import pkgutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import audit
import rekap
import rekap.commands.run
import rekap.commands.witness
import rekap.station.delivery
from audit.findings import Verdict
from rekap.cli import main
from rekap.embedded.ports import free_port
from rekap.errors import RekapError
from rekap.exit_codes import MEANINGS, ExitCode
from rekap.failures import OUTCOMES
from runtime.files.key_files import write_key_file
from runtime.kafka.seals import make_seal_keys
from runtime.package.writing import write_package
from tests.support.ledger import private_key
from tests.support.small_election import small_package

Run = Callable[..., Result]
NOBODY = "127.0.0.1:9"
UP = ("up", "election", "--data", "data")
SUBMIT = ("submit", "form.json")
AUDIT = ("audit", f"http://{NOBODY}", "--package")
KAFKA_AWAY = f"Error: Kafka at {NOBODY} (REKAP_KAFKA) cannot be used: no broker answers there (KafkaConnectionError)"
WITH_KAFKA = {
    "open": ("open", "--key", "authority.pem"),
    "up": (*UP, "--key", "authority.pem"),
    "kafka-roles": ("kafka-roles", "--passwords", "passwords"),
    "ledger export": ("ledger", "export", "files"),
    "doctor": ("doctor",),
    "rebuild": ("rebuild",),
    "run api": ("run", "api"),
    "run tabulator": ("run", "tabulator"),
    "run rollup": ("run", "rollup"),
    "run recorder": ("run", "recorder"),
    "run notary": ("run", "notary"),
}
BY_SETTING = [arguments for name, arguments in WITH_KAFKA.items() if name != "up"]
"""Commands that take the package from REKAP_PACKAGE."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`rekap` in a directory with a package, a key and a form, and nothing at the addresses of Kafka and PostgreSQL."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "REKAP_PACKAGE": "election",
        "REKAP_KAFKA": NOBODY,
        "REKAP_DATABASE": f"postgresql://{NOBODY}/rekap",
        "REKAP_WORKERS_KEY": "workers-key.txt",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rekap.station.delivery, "ATTEMPTS", 1)
    for command in (rekap.commands.run, rekap.commands.witness):
        monkeypatch.setattr(command, "start_logs", lambda: None)  # it would take pytest's own handlers away
    write_package(small_package(), tmp_path / "election")
    write_package(small_package(), tmp_path / "wrong")
    (tmp_path / "wrong/areas.csv").write_text("code,name,level,parent\n1,Nowhere,county,\n")
    write_key_file(private_key("authority"), tmp_path / "authority.pem")
    make_seal_keys(tmp_path / "workers-key.txt")
    (tmp_path / "form.json").write_text('{"type":"result.reported"}')

    def rekap_(*arguments: str) -> Result:
        if arguments[0] == "up" and "--port" not in arguments:  # a demo may run at the usual one
            arguments = (*arguments, "--port", str(free_port()))
        return CliRunner().invoke(main, arguments)

    return rekap_


def _ended(result: Result, code: ExitCode, *sentences: str) -> None:
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    assert "Error: " in result.stderr
    for sentence in sentences:
        assert sentence in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "wrong", "--key", "authority.pem", "--data", "data"),
        ("election", "maps", "wrong", "maps"),
        (*SUBMIT, "--package", "wrong"),
        ("replay", f"http://{NOBODY}", "--package", "wrong"),
        (*AUDIT, "wrong"),
    ],
)
def test_a_wrong_package(run: Run, arguments: tuple[str, ...]) -> None:
    _ended(run(*arguments), ExitCode.UNUSABLE, "areas.csv")


@pytest.mark.parametrize("arguments", BY_SETTING)
def test_a_wrong_package_of_the_settings(run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.setenv("REKAP_PACKAGE", "wrong")
    _ended(run(*arguments), ExitCode.UNUSABLE, "areas.csv")


def test_a_wrong_package_is_what_a_check_finds(run: Run) -> None:
    result = run("election", "check", "wrong")
    assert result.exit_code == ExitCode.BAD_OUTCOME
    assert result.stderr.startswith("areas.csv")


@pytest.mark.parametrize(
    "arguments",
    [
        (*UP, "--key", "none.pem"),
        ("open", "--key", "none.pem"),
        (*SUBMIT, "--package", "election", "--key", "none.pem"),
        ("keys", "show", "none.pem", "--role", "authority", "--scope", "0"),
    ],
)
def test_a_key_file_that_is_not_there(run: Run, arguments: tuple[str, ...]) -> None:
    _ended(run(*arguments), ExitCode.UNUSABLE, "none.pem")


def test_a_file_where_the_data_directory_should_be(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    (tmp_path / "a-loop").symlink_to("a-loop")
    for name in ("a-file", "a-loop"):
        _ended(
            run("up", "election", "--key", "authority.pem", "--data", name),
            ExitCode.UNUSABLE,
            f"{name} cannot be a data directory (File exists)",
        )


@pytest.mark.parametrize("arguments", WITH_KAFKA.values(), ids=WITH_KAFKA)
def test_a_kafka_that_is_not_there(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    _ended(result, ExitCode.NOT_REACHED)
    assert result.stderr.splitlines()[-1] == KAFKA_AWAY
    assert "AIOKafka" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("watch", "--once", "--url", f"http://{NOBODY}"), ExitCode.NOT_REACHED),
        (("replay", f"http://{NOBODY}"), ExitCode.NOT_REACHED),
        (("replay", f"kafka://{NOBODY}"), ExitCode.NOT_REACHED),
        ((*AUDIT, "election"), ExitCode.NOT_REACHED),
        (("audit", f"kafka://{NOBODY}", "--package", "election"), ExitCode.NOT_REACHED),
        (
            ("witness", "--name", "w", "--key", "w.pem", "--state", "w.sqlite", "--server", f"http://{NOBODY}"),
            ExitCode.NOT_REACHED,
        ),
        (("watch", "--once", "--url", "nonsense"), ExitCode.UNUSABLE),
        (("proof", "1.1.1-1", "-o", "proof.json", "--url", f"http://{NOBODY}"), ExitCode.NOT_REACHED),
        ((*SUBMIT, "--url", "nonsense"), ExitCode.UNUSABLE),
        (("audit", "nonsense"), ExitCode.UNUSABLE),
    ],
)
def test_an_address_where_nobody_answers(run: Run, arguments: tuple[str, ...], code: ExitCode) -> None:
    result = run(*arguments)
    _ended(result, code)
    assert "ConnectError" not in result.stderr
    assert "Errno" not in result.stderr
    assert NOBODY in result.stderr or code is not ExitCode.NOT_REACHED


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("replay", "127.0.0.1:9"), "nor a directory; did you mean http://127.0.0.1:9?"),
        (("audit", "count.example"), "nor a directory; did you mean http://count.example?"),
        (("replay", "nowhere"), "'nowhere' is neither an http address, nor kafka://…, nor a directory\n"),
        (("replay", f"http://{NOBODY}", "--to", "yesterday"), "--to: expected"),
        (("audit", "election"), "election has no package.zip, so it is neither an archive of `rekap archive` nor"),
        (("proof", "1.1.1-1", "-o", "none/p.json", "--url", f"http://{NOBODY}"), "there is no directory"),
        (("form", "--package", "election", "-o", "none/form.json"), "there is no directory"),
    ],
)
def test_what_cannot_be_done_is_found_before_anything_is_asked(
    run: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    _ended(run(*arguments), ExitCode.UNUSABLE, sentence)


def test_a_port_that_is_in_use(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments in ((*UP, "--key", "authority.pem"), ("demo", "--stations", "1000")):
            _ended(run(*arguments, "--port", port), ExitCode.NOT_REACHED, f"port {port} of 127.0.0.1 is in use")


@pytest.mark.parametrize(
    "arguments",
    [
        ("election", "check", "none"),
        ("up", "none", "--key", "authority.pem"),
        ("submit", "none.json"),
        ("outbox", "list", "--outbox", "none.sqlite"),
        ("outbox", "show", "3f1c0a9b", "--outbox", "none.sqlite"),
        ("outbox", "drop", "3f1c0a9b", "--outbox", "none.sqlite"),
        ("outbox", "retry", "3f1c0a9b", "--outbox", "none.sqlite"),
        ("outbox", "gateways", "--outbox", "none.sqlite"),
        ("ledger", "import", "none"),
        ("import", "kawalpemilu-2019", "none"),
        ("keys", "new", "--role", "authority", "--scope", "0", "--out", "none/key.pem"),
        ("keys", "workers", "form.json/key.txt"),
        ("audit", "form.json"),
        ("audit", ".", "--package", "election", "--receipt", "none"),
        (*AUDIT, "form.json"),
        ("election", "new", "form.json/new"),
    ],
)
def test_a_file_that_is_not_there_or_is_not_what_it_should_be(run: Run, arguments: tuple[str, ...]) -> None:
    _ended(run(*arguments), ExitCode.UNUSABLE)


def test_a_foreign_file_is_not_taken_for_an_outbox(run: Run) -> None:
    _ended(run("outbox", "list", "--outbox", "form.json"), ExitCode.UNUSABLE, "form.json")
    _ended(run("submit", "--outbox", "form.json"), ExitCode.UNUSABLE, "form.json")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("elction", "new"), "No such command 'elction'. Did you mean 'election'?"),
        (("election", "nwe"), "No such command 'nwe'. Did you mean 'new'?"),
        (("zzz",), "No such command 'zzz'.\n"),
        (("run", "gatewy"), "'exporter'. Did you mean 'gateway'?"),
        (("election", "new", "x", "--stations", "abc"), "'--stations': expected a whole number, got 'abc'"),
        (("submit", "--wait", "soon"), "'--wait': expected a number, got 'soon'"),
        (("up", "election"), "Missing option '--key'. Its value: private key of the authority"),
        (("keys", "workers", "w.txt", "--add", "--use-newest"), "give one of them at a time"),
    ],
)
def test_a_command_line_that_cannot_be_run_is_explained_in_our_words(
    run: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == ExitCode.UNUSABLE
    assert sentence in result.stderr
    assert not Path("w.txt").exists()


def test_a_directory_that_is_not_an_export_is_found_before_anything_is_started(run: Run, tmp_path: Path) -> None:
    for name in ("none", "election"):
        result = run(*UP, "--key", "authority.pem", "--import-ledger", name)
        _ended(result, ExitCode.UNUSABLE, name)
        assert "starting" not in result.stdout
    assert not (tmp_path / "data").exists()


def test_without_any_settings_a_command_names_the_directory_of_a_running_stack(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REKAP_PACKAGE", "REKAP_DATABASE"):
        monkeypatch.delenv(name)
    package = Path("election").rename("mine")
    for command in (("doctor",), ("rebuild",), ("export", "out"), ("archive", "out"), ("publish", "out")):
        _ended(
            run(*command),
            ExitCode.UNUSABLE,
            "REKAP_PACKAGE: election: there is no",
            "--data DIRECTORY finds all settings",
        )
    monkeypatch.setenv("REKAP_PACKAGE", str(package))
    _ended(run("doctor"), ExitCode.UNUSABLE, "REKAP_DATABASE: expected", "--data DIRECTORY finds all settings")


def test_a_variable_that_is_nearly_a_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REKAP_KAFKA_USR", "me")
    monkeypatch.setenv("REKAP_DATABASE_HOST", "compose.example")
    result = run("doctor")
    assert "note: REKAP_KAFKA_USR is not a setting and was ignored; did you mean REKAP_KAFKA_USER?" in result.stderr
    assert "REKAP_DATABASE_HOST" not in result.stderr


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _all_modules(package: object) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):  # type: ignore[attr-defined]
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _below(error: type[BaseException]) -> Iterator[type[BaseException]]:
    for each in error.__subclasses__():
        yield each
        yield from _below(each)


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    _all_modules(rekap)
    drawn = [line.strip("│├└─ ").split()[0] for line in (rekap.__doc__ or "").splitlines() if "Error  " in line]
    assert sorted(drawn) == sorted({each.__name__ for each in _below(RekapError) if not each.__name__.startswith("_")})


def test_the_errors_of_the_auditor_are_those_that_are_drawn() -> None:
    _all_modules(audit)
    drawn = {line.strip("└─ ").split()[0] for line in (audit.__doc__ or "").splitlines() if "Error  " in line}
    found = {each.__name__ for each in _below(Exception) if each.__module__.startswith("audit.")}
    assert drawn == found


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_error_of_the_table_is_the_class_that_it_names(name: str) -> None:
    module, _, error = name.rpartition(".")
    found = getattr(importlib.import_module(module), error)
    assert (found.__module__, found.__qualname__) == (module, error)
    assert issubclass(found, Exception)


def test_each_code_has_one_meaning_and_an_audit_ends_with_these() -> None:
    assert set(MEANINGS) == set(ExitCode)
    codes = {each.name: each.value for each in Verdict}
    assert codes == {"VERIFIED": ExitCode.DONE, "DIFFERS": ExitCode.BAD_OUTCOME, "TAMPERED": ExitCode.TAMPERED}
