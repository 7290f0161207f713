"""The reactor `twisted`: the kit on Twisted's own reactor and on asyncio's loop, and programs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cql_driver.runtimes import REACTORS
from tests.reactors.harness import reactor, run_kit, run_python

pytestmark = pytest.mark.once


def _programs(where: str) -> list[str]:
    """The names of the programs in a list; they are not imported, so as to have no reactor."""
    tree = ast.parse(Path(__file__).with_name("twisted_programs.py").read_text())
    found = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == where
    )
    assert isinstance(found, ast.List)
    return [ast.unparse(each) for each in found.elts]


def test_the_kit() -> None:
    run_kit("twisted")


def test_the_kit_on_asyncio() -> None:
    reactor("twisted")
    run_kit("tests.reactors.twisted_on_asyncio:TwistedRuntime")


@pytest.mark.parametrize("program", _programs("PROGRAMS"))
def test_a_program(program: str) -> None:
    run(program)


@pytest.mark.parametrize("program", _programs("ON_ASYNCIO"))
def test_a_program_on_asyncio(program: str) -> None:
    run(program, "asyncio")


def run(*program: str) -> None:
    reactor("twisted")
    done = run_python("-W", "error", "-m", "tests.reactors.twisted_programs", *program)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_connection_class_names_the_reactor() -> None:
    reactor("twisted")
    from cql_reactors.twistedreactor import TwistedConnection, TwistedRuntime

    assert REACTORS.load(TwistedConnection.reactor) is TwistedRuntime
