"""Fixtures for tests of the codec against a real node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.integration.client import Client

if TYPE_CHECKING:
    from tests.cassandra import Cluster, ClusterPool

COMBINATIONS = [
    pytest.param((version, compression), id=f"v{version}-{compression or 'plain'}")
    for version in (3, 4, 5)
    for compression in (False, "lz4", "snappy")
    if not (version == 5 and compression == "snappy")
]
"""Every protocol version with every compression that it has; protocol 5 has no snappy."""

Combination = tuple[int, bool | str]
Connect = Callable[[Combination], Client]


@pytest.fixture(scope="module")
def connect(cassandra: Cluster) -> Iterator[Connect]:
    """A function that returns this module's connection of a combination, opened on first need."""
    opened: dict[Combination, Client] = {}
    with ExitStack() as stack:

        def get(combination: Combination) -> Client:
            if combination not in opened:
                version, compression = combination
                client = Client(
                    cassandra.contact_points[0],
                    cassandra.port,
                    version=version,
                    compression=compression,
                )
                opened[combination] = stack.enter_context(client)
            return opened[combination]

        yield get


@pytest.fixture(scope="module")
def strict(clusters: ClusterPool) -> Cluster:
    """A node that asks for a login and for permissions, fails what others let pass, takes more.

    Few tombstones fail a read, conditional writes have hardly time to agree, and messages may
    be of 64 MiB.
    """
    from tests.cassandra import ClusterOptions

    settings = {
        "commitlog_segment_size": "128MiB",
        "commitlog_total_space": "512MiB",
        "native_transport_max_frame_size": "64MiB",
        "native_transport_max_message_size": "64MiB",
        "native_transport_max_request_data_in_flight": "256MiB",
        "native_transport_max_request_data_in_flight_per_ip": "256MiB",
        "tombstone_warn_threshold": 100,
        "tombstone_failure_threshold": 200,
        "cas_contention_timeout": "2ms",
        "page_size_warn_threshold": 1000,
        "page_size_fail_threshold": 2000,
    }
    options = ClusterOptions(authentication=True, authorization=True, heap="1g", settings=settings)
    return clusters.get(options)


@pytest.fixture
def login(strict: Cluster) -> Iterator[Callable[..., Client]]:
    """A function that logs in to the strict node: ``login((5, "lz4"), user, password)``."""
    with ExitStack() as stack:

        def get(
            combination: Combination, user: str = "cassandra", password: str = "cassandra"
        ) -> Client:
            version, compression = combination
            client = Client(
                strict.contact_points[0],
                strict.port,
                version=version,
                compression=compression,
                credentials=(user, password),
            )
            return stack.enter_context(client)

        yield get


@pytest.fixture(params=COMBINATIONS)
def combination(request: pytest.FixtureRequest) -> Combination:
    """A protocol version and a compression, each test runs with all of them."""
    found: Combination = request.param
    return found


@pytest.fixture
def client(connect: Connect, combination: Combination) -> Client:
    """A connection of the combination under test."""
    return connect(combination)
