"""The reactor `asyncore`: the kit, and what its import tells."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cql_reactors.conformance import ReactorConformance
from tests.reactors.harness import reactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.runtime import Runtime

pytestmark = pytest.mark.once


class TestAsyncore(ReactorConformance):
    @pytest.fixture
    def make_runtime(self) -> Callable[[], Runtime]:
        return reactor("asyncore")


def test_the_import_warns_of_nothing_and_others_are_warned_still() -> None:
    reactor("asyncore")
    program = (
        "import warnings; before = list(warnings.filters)\n"
        "import cql_reactors.asyncorereactor\n"
        "assert warnings.filters == before\n"
        "import asyncore; assert asyncore.socket_map == {}"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
