"""The command line: ``python -m cqlengine plan|apply|status``."""

from __future__ import annotations

import argparse
import json
import os
import sys

from cql_protocol.errors import DriverException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from cqlengine.migrations.settings import Settings
    from cqlengine.migrations.steps import Step

__all__ = ["main"]

NOTHING_TO_DO = 0
FAILED = 1
PENDING = 2
INTERRUPTED = 130
"""What shells say of a program that was ended by SIGINT."""

_EPILOG = """\
Models are named by module, or by module and class: --models shop.models stock.models:Item.
What is not said by an option is taken from the environment (CQLENG_HOSTS, CQLENG_PORT,
CQLENG_KEYSPACE, CQLENG_MODELS, CQLENG_USER, CQLENG_PASSWORD_FILE, CQLENG_SETTINGS), then from the
dict CQLENGINE of the settings module, which is Django's where DJANGO_SETTINGS_MODULE is set, then
from the connection that the application sets up when it is imported.

Exit status: 0 if nothing is left to do or all went well, 1 for an error, and for a plan with
refused changes; with --check 2 if changes are pending; 130 if it was interrupted.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    _write_any_character()
    told = _parser().parse_args(arguments)
    # Modules of models are found as `python -m` finds them, also when this is a script.
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        status = _run(told)
        sys.stdout.flush()  # so that it fails here, if at all
        return status
    except BrokenPipeError:
        # Nobody reads any more, as in `plan | head`. What the interpreter writes out when it ends
        # must not fail for the same reason.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("cqlengine: interrupted; what was applied is seen by `status`\n")
        return INTERRUPTED
    except (DriverException, OSError) as error:
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        if told.json:
            _write_json({"error": f"{error}{notes}", "type": type(error).__name__})
        else:
            sys.stderr.write(f"cqlengine: {error}{notes}\n")
        return FAILED


def _run(told: argparse.Namespace) -> int:
    from cqlengine.migrations.settings import gather

    settings = gather(told, os.environ)
    try:
        return int(told.command(told, settings))
    finally:
        if settings.connection is not None:
            settings.connection.close()


# --- the commands ----------------------------------------------------------------------------


def _plan(told: argparse.Namespace, settings: Settings) -> int:
    from cqlengine.migrations.verbs import plan

    found = plan(
        _models(settings),
        keyspace=settings.keyspace,
        connection=settings.connection,
        **_choices(told),
    )
    _show(told, found)
    if told.save:
        found.save(told.save)
    if found.problems:
        return FAILED
    return PENDING if found and told.check else NOTHING_TO_DO


def _apply(told: argparse.Namespace, settings: Settings) -> int:
    from cqlengine.migrations.errors import MigrationError
    from cqlengine.migrations.plans import load
    from cqlengine.migrations.verbs import apply

    if told.file and (told.complete or told.rename or told.not_renamed):
        raise MigrationError(
            "--complete, --rename and --not-renamed are for planning: the file has a plan already"
        )
    choices: dict[str, Any] = {} if told.file else _choices(told)
    applied = apply(
        load(told.file) if told.file else _models(settings),
        # The environment's is for models; of a plan only what was said by an option counts.
        keyspace=told.keyspace if told.file else settings.keyspace,
        connection=settings.connection,
        allow_destructive=told.allow_destructive,
        wait=told.wait,
        lease=told.lease,
        timeout=told.timeout,
        on_step=None if told.json else _tell,
        **choices,
    )
    _show(told, applied)
    return PENDING if applied.held_back and told.check else NOTHING_TO_DO


def _status(told: argparse.Namespace, settings: Settings) -> int:
    from cqlengine.migrations.verbs import status

    found = status(
        settings.models or None,
        keyspace=settings.keyspace,
        connection=settings.connection,
        **_choices(told),
    )
    _show(told, found)
    return PENDING if found.pending and told.check else NOTHING_TO_DO


def _models(settings: Settings) -> list[Any]:
    from cqlengine.migrations.errors import MigrationError

    if not settings.models:
        raise MigrationError(
            "no models are named: say --models shop.models, or set CQLENG_MODELS, or MODELS in "
            "the settings"
        )
    return settings.models


def _choices(told: argparse.Namespace) -> dict[str, Any]:
    return {
        "complete": told.complete,
        "renames": dict(told.rename),
        "not_renamed": told.not_renamed,
    }


# --- output ------------------------------------------------------------------------------------


def _write_any_character() -> None:
    """Have what the encoding of the output lacks written as escapes.

    Names and comments may have any character; a step must not fail because it cannot be told.
    """
    import io

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _show(told: argparse.Namespace, found: Any) -> None:
    if told.json:
        _write_json(found.as_dict())
    else:
        sys.stdout.write(f"{found}\n")


def _write_json(found: dict[str, Any]) -> None:
    json.dump(found, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _tell(step: Step, state: str) -> None:
    if state == "running":
        sys.stdout.write(f"{step.number:3}. {step.kind} {step.target} ... ")
    elif state == "found":
        sys.stdout.write(f"{step.number:3}. {step.kind} {step.target}: in effect before\n")
    else:
        sys.stdout.write(f"{state}\n")
    sys.stdout.flush()


# --- arguments ---------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser whose errors end with status 1, as 2 says that changes are pending."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"{self.prog}: error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m cqlengine",
        description="Bring the schema of a keyspace to what the models of an application say.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    plan = _command(commands, "plan", _plan, "show what is to be done, and change nothing")
    plan.add_argument("--save", metavar="FILE", help="write the plan to a file for apply")
    apply = _command(commands, "apply", _apply, "do it, step by step")
    apply.add_argument("file", nargs="?", metavar="FILE", help="a plan that was saved")
    apply.add_argument(
        "--allow-destructive",
        action="store_true",
        help="run steps that lose data, too; without it they are held back",
    )
    apply.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for another process that applies changes (%(default)g)",
    )
    apply.add_argument(
        "--lease",
        type=int,
        default=300,
        metavar="SECONDS",
        help="after which time a process that does not get on is taken for dead (%(default)d)",
    )
    apply.add_argument(
        "--timeout",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="how long a statement may take (%(default)g)",
    )
    _command(commands, "status", _status, "show what was applied, and what is pending")
    return parser


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=run)
    parser.add_argument("--json", action="store_true", help="write JSON, for programs")
    parser.add_argument(
        "--check", action="store_true", help="exit with status 2 if changes are pending"
    )
    where = parser.add_argument_group("where")
    where.add_argument(
        "--models", nargs="+", action="extend", default=[], metavar="MODULE[:CLASS,...]"
    )
    where.add_argument("--hosts", metavar="HOST,...", help="contact points")
    where.add_argument("--port", type=int)
    where.add_argument("--keyspace", help="of models that name none")
    where.add_argument("--user", help="to log in as")
    where.add_argument("--password-file", metavar="FILE", help="has the password of the user")
    where.add_argument("--settings", metavar="MODULE", help="has the dict CQLENGINE")
    choices = parser.add_argument_group("choices")
    choices.add_argument(
        "--complete",
        action="store_true",
        help="the models are all there is: plan to drop tables, views and types without one",
    )
    choices.add_argument(
        "--rename",
        action="append",
        default=[],
        type=_rename,
        metavar="TABLE.OLD=NEW",
        help="a column of a primary key has another name now",
    )
    choices.add_argument(
        "--not-renamed",
        action="append",
        default=[],
        metavar="TABLE.COLUMN",
        help="a column is to be dropped, though another one looks like it under a new name",
    )
    return parser


def _rename(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (equals and new and "." in old):
        raise argparse.ArgumentTypeError(f"{text!r}: say TABLE.OLD=NEW")
    return old, new
