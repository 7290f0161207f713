"""Models and connections that a command line names, without a server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cqlengine.migrations import MigrationError, cli
from cqlengine.migrations.discovery import discover
from cqlengine.migrations.settings import Settings, gather

MODULE = """
from cqlengine import columns
from cqlengine.models import Model
from cqlengine.schema import MaterializedView
from cqlengine.usertype import UserType


class Address(UserType):
    street = columns.Text()


class Base(Model):
    __abstract__ = True
    id = columns.UUID(primary_key=True)


class User(Base):
    name = columns.Text()


class UserByName(MaterializedView):
    __base_model__ = User
    name = columns.Text(partition_key=True)
    id = columns.UUID(primary_key=True)


nothing = None
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory whose modules can be imported, and are forgotten."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "warehouse.py").write_text(MODULE)
    (tmp_path / "without.py").write_text("from warehouse import User\n")
    package = tmp_path / "parts"
    package.mkdir()
    (package / "__init__.py").write_text("from parts.users import User\nfrom warehouse import Base")
    (package / "users.py").write_text(MODULE)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.partition(".")[0] in ("warehouse", "without", "parts", "config", "broken"):
            del sys.modules[name]


def settings(*arguments: str, **environment: str) -> Settings:
    told = cli._parser().parse_args(["plan", *arguments])
    return gather(told, environment)


def names(models: list[Any]) -> list[str]:
    return [model.__name__ for model in models]


@pytest.mark.usefixtures("modules")
def test_models_that_are_named_by_two_options_are_all_there() -> None:
    """Those of the first would be dropped, if they were forgotten, where models are all."""
    found = settings("--models", "warehouse:User", "--models", "warehouse:Address", "--hosts", "a")
    assert names(found.models) == ["User", "Address"]


@pytest.mark.usefixtures("modules")
def test_a_module_gives_the_models_that_are_defined_in_it() -> None:
    assert names(discover(["warehouse"])) == ["Address", "User", "UserByName"]
    assert names(discover(["parts"])) == ["User"], "of a module below it"
    assert names(discover(["warehouse", "warehouse:User"])) == ["Address", "User", "UserByName"]
    assert names(discover(["warehouse:UserByName, User"])) == ["UserByName", "User"]


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere.models", "module 'nowhere.models' cannot be imported"),
        ("without", "no models are defined in without"),
        ("warehouse:Nobody", "it has Address, User, UserByName"),
        ("warehouse:Base", "has no model, view or user type 'Base'"),
        ("warehouse:nothing", "has no model, view or user type 'nothing'"),
        ("warehouse:", "no models are defined"),
        ("", "cannot be imported"),
    ],
)
def test_a_name_that_gives_none_is_refused(name: str, reason: str) -> None:
    with pytest.raises(MigrationError, match=reason):
        discover([name])


def test_an_error_within_a_module_is_its_own(modules: Path) -> None:
    (modules / "broken.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        discover(["broken"])


def test_options_come_before_the_environment_and_that_before_the_module(modules: Path) -> None:
    (modules / "config.py").write_text(
        "CQLENGINE = {'HOSTS': ['10.0.0.3'], 'PORT': 3, 'KEYSPACE': 'three', "
        "'MODELS': ['warehouse'], 'OPTIONS': {'connect_timeout': 7}}\n"
    )
    found = settings("--settings", "config")
    assert (names(found.models), found.keyspace) == (["Address", "User", "UserByName"], "three")
    assert found.connection is not None
    assert found.connection.hosts == ["10.0.0.3"]
    assert found.connection.cluster_options == {"connect_timeout": 7, "port": 3}

    environment = {
        "CQLENG_SETTINGS": "config",
        "CQLENG_HOSTS": "10.0.0.2, 10.0.1.2",
        "CQLENG_PORT": "2",
        "CQLENG_KEYSPACE": "two",
        "CQLENG_MODELS": "warehouse:User warehouse:Address",
    }
    found = settings(**environment)
    assert (names(found.models), found.keyspace) == (["User", "Address"], "two")
    assert found.connection is not None
    assert found.connection.hosts == ["10.0.0.2", "10.0.1.2"]
    assert found.connection.cluster_options["port"] == 2

    arguments = ["--hosts", "10.0.0.1", "--port", "1", "--keyspace", "one", "--models"]
    found = settings(*arguments, "warehouse:User", **environment)
    assert (names(found.models), found.keyspace) == (["User"], "one")
    assert found.connection is not None
    assert found.connection.hosts == ["10.0.0.1"]
    assert found.connection.cluster_options["port"] == 1


def test_a_password_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("o pen\n")
    found = settings("--user", "zoe", "--password-file", str(tmp_path / "secret"))
    assert found.connection is not None
    provider = found.connection.cluster_options["auth_provider"]
    assert (provider.username, provider.password) == ("zoe", "o pen")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "module config has no CQLENGINE"),
        ("CQLENGINE = 7", "is no dict"),
        ("CQLENGINE = {'HOST': '1'}", "has HOST"),
        ("CQLENGINE = {'HOSTS': 7}", "HOSTS=7: give a list"),
        ("CQLENGINE = {'PORT': 'x'}", "port 'x' is no number"),
        ("CQLENGINE = {'USER': 'zoe'}", "--password-file"),
    ],
)
def test_settings_that_are_wrong_are_told(modules: Path, text: str, reason: str) -> None:
    (modules / "config.py").write_text(text)
    with pytest.raises(MigrationError, match=reason):
        settings("--settings", "config")


def test_django_has_to_be_there_when_its_settings_are_named() -> None:
    program = (
        "import sys; sys.modules['django'] = None\n"
        "from cqlengine.migrations.cli import main\n"
        "sys.exit(main(['plan']))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 1
    assert "Django cannot be imported" in process.stderr
    assert "Traceback" not in process.stderr


DJANGO = {
    "django/__init__.py": "def setup():\n    import django.apps\n",
    "django/conf.py": "import config as settings\n",
    "django/apps.py": """
import shelf.models
import types

class Registry:
    ready = True
    def get_app_configs(self):
        return [
            types.SimpleNamespace(models_module=shelf.models),
            types.SimpleNamespace(models_module=None),
        ]

apps = Registry()
""",
    "config.py": "CQLENGINE = {'KEYSPACE': 'shelves', 'HOSTS': ['10.0.0.1']}\n",
    "shelf/__init__.py": "",
    "shelf/models.py": MODULE,
}
"""As much of Django as its settings and the models of its apps; the example has the real one."""


def test_a_project_of_django_is_set_up_and_has_the_models_of_its_apps(tmp_path: Path) -> None:
    for name, text in DJANGO.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    program = (
        "from cqlengine.migrations.cli import _parser\n"
        "from cqlengine.migrations.settings import gather\n"
        "found = gather(_parser().parse_args(['plan']), {'DJANGO_SETTINGS_MODULE': 'config'})\n"
        "print([model.__name__ for model in found.models], found.keyspace, found.connection.hosts)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.stdout == "['Address', 'User', 'UserByName'] shelves ['10.0.0.1']\n", process


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["move"],
        ["plan", "--rename", "x"],
        ["plan", "--rename", "t.a="],
        ["plan", "--port", "x"],
    ],
)
def test_a_command_line_that_is_wrong_is_told_how_it_is_used(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 1, "2 says that changes are pending"
    assert "usage: python -m cqlengine" in capsys.readouterr().err


def test_help_tells_of_commands_environment_and_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("plan", "apply", "status", "CQLENG_HOSTS", "Exit status"))


def test_what_is_planned_is_not_chosen_again_for_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["apply", str(tmp_path / "plan.json"), "--complete"]) == 1
    assert "are for planning" in capsys.readouterr().err


def showing(code: str, directory: Path, **choices: Any) -> subprocess.CompletedProcess[str]:
    """Run a command that shows what an expression is, in place of a plan."""
    program = (
        "import sys\n"
        "from cqlengine.migrations import cli\n"
        f"cli._run = lambda told: cli._show(told, {code}) or 0\n"
        "sys.exit(cli.main(['plan']))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=directory,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        **{"stdout": subprocess.PIPE, **choices},
    )


def test_what_the_output_cannot_write_is_escaped(tmp_path: Path) -> None:
    process = showing("'comment = Zo\\xeb'", tmp_path)
    assert (process.returncode, process.stdout) == (0, "comment = Zo\\xeb\n"), process.stderr


@pytest.mark.parametrize("length", [1, 1_000_000], ids=["buffered", "long"])
def test_it_ends_quietly_when_nobody_reads_the_output(tmp_path: Path, length: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = showing(f"'x' * {length}", tmp_path, stdout=writer)
    finally:
        os.close(writer)
    assert (process.returncode, process.stderr) == (1, "")


def test_an_interrupted_command_says_so(tmp_path: Path) -> None:
    process = showing("(_ for _ in ()).throw(KeyboardInterrupt)", tmp_path)
    assert (process.returncode, process.stdout) == (130, "")
    assert process.stderr.startswith("cqlengine: interrupted")
    assert "Traceback" not in process.stderr
