"""How tests are dealt out to the two processes of pytest that `make test` runs (pytest-xdist).

A file stays together, and so do files that share nodes, which are started once then. What takes
long comes first, so that both processes end at about the same time. In one process, without
xdist, nothing of this matters.
"""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest

__all__ = ["Scheduler", "first_the_long_ones"]

SHARED = {
    "three nodes": {
        "tests/integration/aio/test_nodes.py",
        "tests/integration/driver/test_agreement.py",
        "tests/integration/driver/test_consistency.py",
        "tests/integration/driver/test_faults_nodes.py",
        "tests/integration/driver/test_nodes.py",
        "tests/integration/mapper/test_migration_nodes.py",
        "test_a_node_that_goes_meanwhile",
        "test_three_nodes",
        "test_three_nodes_and_a_control_connection_that_is_lost",
        "tests/soak/test_soak.py",
    },
    "archives": {
        "tests/packaging/test_archives.py",
        "tests/packaging/test_django_example.py",
        "tests/packaging/test_entry_points.py",
        "tests/packaging/test_install.py",
        "tests/packaging/test_reactors.py",
    },
    "guarded nodes": {
        "tests/integration/aio/test_security.py",
        "tests/integration/driver/test_security.py",
    },
    "strict node": {
        "tests/integration/test_server_errors.py",
        "tests/integration/test_strict_node.py",
    },
}
"""Files and tests that use the same nodes, or the archives, which take a minute to build.

The one node that most of ``tests/integration`` and others use is started by both processes, which
takes five seconds: its tests are many minutes, and end together if each file may run by itself.
"""

APART = (
    "test_random_changes_of_another_session",
    "test_statements_that_the_node_has_thrown_out",
    "tests/reactors/test_conformance.py",
    "tests/scenarios/test_hypothesis.py",
)
"""Files and tests of which each test may run by itself, since it takes long and shares nothing."""

LONG = (
    "three nodes",
    "tests/integration/mapper",
    "tests/integration/driver/test_host_life.py",
    "archives",
    "tests/demo",
    "tests/apps",
    "tests/integration/driver/test_schema.py",
    "tests/scenarios/test_hypothesis.py",
    "tests/integration/driver/test_scan.py",
    "tests/launcher/test_node.py",
    "tests/integration/schema",
    "tests/runtimes/test_selector.py",
    "tests/launcher",
    "tests/integration/aio/test_paging.py",
    "tests/integration/aio/test_concurrent.py",
    "tests/integration/driver/test_prepared.py",
    "guarded nodes",
    "tests/reactors",
    "tests/integration",
    "tests/simulacron",
    "tests/scan",
    "tests/speedups",
    "tests/packaging",
    "tests/protocol",
    "tests/aio",
)
"""What takes more than ten seconds, longest first."""


def scope_of(nodeid: str) -> str:
    """Return a name, the same for all tests that must run in one process."""
    path, _, name = nodeid.partition("::")
    function = name.partition("[")[0]
    if _is_in(path, APART) or function in APART:
        return nodeid
    for shared, users in SHARED.items():
        if path in users or function in users:
            return shared
    return path


@cache
def _is_in(path: str, places: tuple[str, ...]) -> bool:
    return any(PurePosixPath(path).is_relative_to(place) for place in places)


@cache
def _rank(scope: str) -> int:
    for rank, place in enumerate(LONG):
        if scope == place or _is_in(scope.partition("::")[0], (place,)):
            return rank
    return len(LONG)


def first_the_long_ones(items: list[pytest.Item]) -> None:
    """Put items in the order in which they are dealt out; among equals the order stays."""
    items.sort(key=lambda item: _rank(scope_of(item.nodeid)))


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    """Deals out whole scopes, in the order of the items."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        self.config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
