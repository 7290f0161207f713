"""The example of a third party's reactor passes the kit; so does what all such are built on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cql_driver.errors import InvalidArgument
from cql_reactors.conformance import ReactorConformance
from examples.reactor.poll_reactor import PollRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.runtime import Runtime

pytestmark = pytest.mark.once

_ROOT = Path(__file__).parents[2]


class TestExample(ReactorConformance):
    @pytest.fixture
    def make_runtime(self) -> Callable[[], Runtime]:
        return PollRuntime


def test_it_is_a_thread() -> None:
    with pytest.raises(InvalidArgument, match="thread"):
        PollRuntime(background_thread=False)


def test_its_entry_point_names_it() -> None:
    project = tomllib.loads((_ROOT / "examples/reactor/pyproject.toml").read_text())["project"]
    assert project["entry-points"]["cql_driver.reactors"] == {"poll": "poll_reactor:PollRuntime"}


def test_the_guide_shows_it_in_full() -> None:
    guide = (_ROOT / "docs/reactors.md").read_text()
    assert (_ROOT / "examples/reactor/poll_reactor.py").read_text() in guide
