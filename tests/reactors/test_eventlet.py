"""The reactor `eventlet`, in processes of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.null_server import NullServer
from tests.reactors.green import run_scenarios
from tests.reactors.harness import run_kit

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.once

NAME = "eventlet"


@pytest.fixture(scope="module")
def server() -> Iterator[NullServer]:
    with NullServer() as running:
        yield running


def test_the_kit_in_a_patched_process() -> None:
    run_kit(NAME, patch=NAME)


@pytest.mark.parametrize("patch", [["--patch"], []], ids=["patched", "not-patched"])
def test_sessions(server: NullServer, patch: list[str]) -> None:
    run_scenarios(NAME, server, *patch)
