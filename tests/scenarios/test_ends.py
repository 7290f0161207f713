"""Scenarios 58 to 60: clusters that are dropped or shut down, and every error of the protocol."""

from __future__ import annotations

import gc
import os
import struct
import threading
import weakref
from typing import Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cql_driver.errors import SessionShutdown
from cql_driver.policies import NeverRetryPolicy
from cql_protocol import errors
from cql_protocol.errors import DriverException
from tests.simulation import Delay, Drop, Garbage, Rule, Simulation

READ = "SELECT v FROM t WHERE k = 1"


def test_scenario_58_clusters_that_never_connect_cost_nothing() -> None:
    gc.collect()
    threads, files = threading.active_count(), len(os.listdir("/dev/fd"))
    clusters = [Cluster(["192.0.2.1"]) for _ in range(50)]
    assert threading.active_count() == threads
    assert len(os.listdir("/dev/fd")) == files
    dropped = [weakref.ref(cluster) for cluster in clusters]
    clusters.clear()
    gc.collect()
    assert [cluster() for cluster in dropped] == [None] * 50


@pytest.mark.parametrize("what", ["session", "cluster"])
def test_scenario_59_a_shutdown_ends_all_requests_at_once(what: str) -> None:
    with Simulation(59) as sim:
        session = sim.connect("ks", max_requests_per_connection=4, max_connections_per_host=1)
        for node in sim.nodes:
            node.rules.append(Rule(Drop(), text="SELECT"))
            node.rules.append(Rule(Delay(5.0), text="INSERT"))
        futures = [session.execute_async(READ, timeout=None) for _ in range(20)]
        futures += [session.execute_async("INSERT INTO t (k, v) VALUES (1, 'a')")]
        futures += [session.execute_async("SELECT v FROM t WHERE k = ?", (1,), timeout=60)]
        told: list[Any] = []
        for future in futures:
            future.add_callbacks(told.append, told.append)
        sim.run(0.1)
        assert told == []
        assert session.pools.waiting
        began = sim.time
        (session if what == "session" else session.cluster).shutdown()
        for future in futures:
            with pytest.raises(SessionShutdown, match="shut down"):
                future.result()
        assert sim.time - began < 0.01
        sim.run(0.01)
        assert len(told) == len(futures)
        with pytest.raises(SessionShutdown):
            session.execute(READ)


# --- error codes ---------------------------------------------------------------------------------


def text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()


THREE = struct.pack(">Hii", 4, 1, 2)
"""A consistency level, and the responses received and required."""

CODES: dict[int, tuple[str, bytes]] = {
    0x0000: ("ServerError", b""),
    0x000A: ("ProtocolViolation", b""),
    0x0100: ("AuthenticationFailed", b""),
    0x1000: ("Unavailable", struct.pack(">Hii", 4, 2, 1)),
    0x1001: ("Overloaded", b""),
    0x1002: ("IsBootstrapping", b""),
    0x1003: ("TruncateError", b""),
    0x1100: ("WriteTimeout", THREE + text("SIMPLE")),
    0x1200: ("ReadTimeout", THREE + b"\0"),
    0x1300: ("ReadFailure", THREE + struct.pack(">i", 1) + b"\0"),
    0x1400: ("FunctionFailure", text("ks") + text("f") + struct.pack(">H", 1) + text("int")),
    0x1500: ("WriteFailure", THREE + struct.pack(">i", 1) + text("SIMPLE")),
    0x1600: ("CDCWriteFailure", b""),
    0x1700: ("CASWriteUnknown", THREE),
    0x2000: ("SyntaxException", b""),
    0x2100: ("Unauthorized", b""),
    0x2200: ("InvalidRequest", b""),
    0x2300: ("ConfigurationException", b""),
    0x2400: ("AlreadyExists", text("ks") + text("t")),
    0x2500: ("PreparedQueryNotFound", struct.pack(">H", 2) + b"id"),
}
"""The codes of the specification (section 9): the class, and the fields behind the text."""


@pytest.mark.parametrize("code", CODES, ids=hex)
def test_scenario_60_every_error_code_has_a_class_of_the_tree(code: int) -> None:
    name, fields = CODES[code]
    with Simulation(60, versions=(3, 4)) as sim:
        profile = ExecutionProfile(retry_policy=NeverRetryPolicy())
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        body = struct.pack(">i", code) + text("what the server says") + fields
        for node in sim.nodes:
            node.rules.append(Rule(Garbage(body, 0x00), text="INSERT"))
        with pytest.raises(DriverException) as caught:
            session.execute("INSERT INTO t (k, v) VALUES (1, 'a')")
        assert type(caught.value) is getattr(errors, name)
        assert "what the server says" in str(caught.value)
        assert session.execute(READ).all() == []


def test_scenario_60_an_unknown_code_is_an_error_of_the_server_with_its_code() -> None:
    with Simulation(60) as sim:
        session = sim.connect("ks")
        body = struct.pack(">i", 0x7777) + text("from a later version")
        for node in sim.nodes:
            node.rules.append(Rule(Garbage(body, 0x00), text="INSERT"))
        with pytest.raises(errors.ServerError, match="from a later version") as caught:
            session.execute("INSERT INTO t (k, v) VALUES (1, 'a')")
        assert caught.value.code == 0x7777
