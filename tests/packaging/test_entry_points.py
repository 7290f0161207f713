"""Plugins of third parties: distributions made here, installed, and asked for by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.packaging.workshop import Environment, Workshop, make_wheel

CODECS = "cql_protocol.codecs"

MAKER = """
from cql_protocol.types import INT
def MONEY(text):
    return INT if text == "com.acme.MadeType(5)" else None
"""

ASK = """
from cql_protocol.errors import PluginError
from cql_protocol.registry import CODECS
def ask(name):
    try:
        return repr(CODECS.load(name))
    except PluginError as exc:
        return "PluginError: " + str(exc)
"""


@pytest.fixture(scope="module")
def environment(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with cql-protocol and plugins, of which some get on and some do not."""
    folder = tmp_path_factory.mktemp("plugins")
    wheels = [
        _wheel(folder, "acme-money", "acme_money", "MONEY = 'money'\nOTHER = 'other'", "MoneyType"),
        _wheel(folder, "acme-first", "acme_first", "MONEY = 1", "TwiceType"),
        _wheel(folder, "acme-second", "acme_second", "MONEY = 2", "TwiceType"),
        _wheel(folder, "acme-needy", "acme_needy", "import a_library_nobody_has", "NeedyType"),
        _wheel(folder, "acme-failing", "acme_failing", "raise RuntimeError('bug')", "FailingType"),
        _wheel(folder, "acme-empty", "acme_empty", "", "EmptyType"),
        _wheel(folder, "acme-point", "acme_point", "MONEY = 'mine'", "PointType"),
        _wheel(folder, "acme-maker", "acme_maker", MAKER, "MadeType"),
    ]
    return workshop.environment().install(workshop.dist, "cql-protocol", *wheels)


def _wheel(folder: Path, name: str, module: str, code: str, plugin: str) -> Path:
    return make_wheel(folder, name, {module: code}, {CODECS: {plugin: f"{module}:MONEY"}})


def _ask(environment: Environment, name: str) -> Any:
    return environment.run(f"{ASK}\nanswer = ask({name!r})")


def test_a_plugin_of_a_third_party_is_found(environment: Environment) -> None:
    assert _ask(environment, "MoneyType") == "'money'"


def test_the_known_ones_are_declared_too_and_served_from_here(environment: Environment) -> None:
    """Another distribution that offers a known name changes nothing."""
    assert "mine" not in _ask(environment, "PointType")


def test_a_type_of_a_server_uses_the_plugin(environment: Environment) -> None:
    program = """
from cql_protocol.types import INT
from cql_protocol.types.parse_class import parse_class_name
answer = parse_class_name("com.acme.MadeType(5)") is INT
"""
    assert environment.run(program) is True


def test_two_distributions_with_one_name_are_both_named(environment: Environment) -> None:
    assert _ask(environment, "TwiceType") == (
        "PluginError: codec 'TwiceType' is offered twice, by acme-first (acme_first:MONEY) and "
        "acme-second (acme_second:MONEY): uninstall one"
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("NeedyType", "a_library_nobody_has"),
        ("FailingType", "bug"),
        ("EmptyType", "MONEY"),
    ],
)
def test_a_broken_plugin_is_named_with_the_reason(
    environment: Environment, name: str, shown: str
) -> None:
    found = _ask(environment, name)
    assert found.startswith(f"PluginError: codec '{name}' (acme_")
    assert "cannot be loaded" in found
    assert shown in found


def test_a_name_nobody_offers_lists_those_that_are(environment: Environment) -> None:
    found = _ask(environment, "NobodysType")
    assert found.startswith("PluginError: no codec is called 'NobodysType'; there are: ")
    for name in ("DateRangeType", "MoneyType", "PointType", "TwiceType"):
        assert name in found


def test_all_names_of_an_installation(environment: Environment) -> None:
    program = "from cql_protocol.registry import CODECS\nanswer = sorted(CODECS.names())"
    found = set(environment.run(program))
    assert {"LineStringType", "PolygonType", "MoneyType", "FailingType"} <= found
