"""Real applications under load, all at once on one node: no error, no loop that stands still."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from cql_driver.cluster import Cluster as Client
from tests.apps.run import APPS, Application, Running
from tests.apps.service import fill

if TYPE_CHECKING:
    from tests.cassandra import Cluster

pytestmark = [pytest.mark.once, pytest.mark.slow]

SECONDS = 30
RATE = 30
STALL = 0.1
"""Seconds that a loop may stand still."""


class Record(NamedTuple):
    """What became of one application."""

    load: dict[str, Any]
    watch: dict[str, Any]
    status: int | None
    errors: str


@pytest.fixture(scope="module")
def records(cassandra: Cluster) -> dict[str, Record]:
    """Run all applications that can be had, at the same time, each in a keyspace of its own."""
    apps = [app for app in APPS if not app.missing]
    address, port = cassandra.contact_points[0], cassandra.port
    with Client([address], port=port) as client:
        session = client.connect()
        for app in apps:
            fill(session, app.name)
    with ExitStack() as stack:
        running = [
            stack.enter_context(closing(Running(app, address, port, app.name))) for app in apps
        ]
        for app in running:
            app.wait_until_it_serves()
        load = _load(running)
        return {
            app.app.name: Record(load[app.app.name], app.report(), app.end(), app.errors())
            for app in running
        }


def _load(running: list[Running]) -> Any:
    command = [sys.executable, "-m", "tests.apps.load", "--seconds", str(SECONDS)]
    command += ["--rate", str(RATE), *(f"{app.app.name}={app.port}" for app in running)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=SECONDS + 120)
    return json.loads(done.stdout)


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_an_application_serves_without_errors_and_without_standing_still(
    app: Application, records: dict[str, Record]
) -> None:
    if app.missing and not os.environ.get("CI"):
        pytest.skip(f"{app.name} needs {', '.join(app.missing)}")
    assert not app.missing
    record = records[app.name]
    print(record)
    assert record.errors == ""
    assert (record.load["errors"], record.load["failed"]) == ([], 0)
    assert record.load["requests"] == SECONDS * RATE
    assert record.status == 0
    assert record.watch["ticks"] > SECONDS / 0.01 / 10
    assert record.watch["stall"] < STALL, record.watch
