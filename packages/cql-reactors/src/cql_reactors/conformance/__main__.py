"""The kit as a command: ``python -m cql_reactors.conformance NAME [--patch gevent|eventlet]``."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from cql_reactors.conformance import program

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.runtime import Runtime

__all__ = ["main"]

_WARNINGS = ("PytestUnhandledThreadExceptionWarning", "PytestUnraisableExceptionWarning")


def main() -> int:
    """Patch the process if asked to, run the tests, and return pytest's status."""
    parser = argparse.ArgumentParser(
        prog="python -m cql_reactors.conformance",
        description="Test an event loop of cql-driver. Other arguments are pytest's.",
    )
    parser.add_argument("reactor", help="the name of an entry point, or module:attribute")
    parser.add_argument(
        "--patch", choices=["gevent", "eventlet"], help="monkey-patch the process before"
    )
    ours, theirs = parser.parse_known_args()
    try:
        if ours.patch is not None:
            program.patch(ours.patch)
        make = find(ours.reactor)
        import_module("cql_reactors.conformance.kit")  # says what is missing
        from cql_reactors.conformance import plugin
    except Exception as exc:  # noqa: BLE001 - told to who runs it
        parser.exit(4, f"{parser.prog}: {exc}\n")
    return plugin.run(make, theirs)


def find(name: str) -> Callable[[], Runtime]:
    """Return what makes the runtime that `name` stands for.

    Raises `PluginError` for a name that nobody offers, and what the import of one raises.
    """
    if ":" not in name:
        from cql_driver.runtimes import REACTORS

        return partial(REACTORS.load(name), background_thread=True)
    sys.path.insert(0, os.getcwd())
    return program.find(name)  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main())
