"""Agreement on a schema: waited for wherever a user may be, within its bound."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.cluster import SchemaAgreementScope, Session
from tests.integration.driver.support import (
    callbacks_wait,
    connected,
    keyspace_of,
    new_name,
)

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

pytestmark = pytest.mark.once


def table() -> str:
    return f"CREATE TABLE {new_name()} (k int PRIMARY KEY)"


@callbacks_wait
def test_scenario_38_a_callback_may_wait_for_agreement(session: Session) -> None:
    told: list[Any] = []

    def done(rows: object) -> None:
        future = session.execute_async(table())
        future.result()
        told.extend((future.is_schema_agreed, session.wait_for_schema_agreement()))

    first = session.execute_async(table())
    first.add_callback(done)
    first.result()
    deadline = time.monotonic() + 60
    while len(told) < 2 and time.monotonic() < deadline:
        session.execute("SELECT release_version FROM system.local")
    assert told == [True, True]


def test_scenario_38_a_node_that_hangs_holds_nobody_up_for_longer_than_the_bound(
    three: Nodes,
) -> None:
    with (
        connected(three, contact_points=three.contact_points[:1]) as session,
        keyspace_of(session, 3),
    ):
        session.execute(table())
        three.nodes[2].hang()
        session.cluster.max_schema_agreement_wait = 3
        try:
            host = session.cluster.metadata.get_host(three.nodes[0].address)
            started = time.monotonic()
            future = session.execute_async(table(), host=host, timeout=60)
            future.result()
            assert isinstance(future.is_schema_agreed, bool)
            session.wait_for_schema_agreement(2)
            assert time.monotonic() - started < 30
        finally:
            three.nodes[2].resume()
        for scope in (
            SchemaAgreementScope.RACK,
            SchemaAgreementScope.DC,
            SchemaAgreementScope.CLUSTER,
        ):
            assert session.wait_for_schema_agreement(60, scope)
