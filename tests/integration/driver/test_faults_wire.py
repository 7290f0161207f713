"""Answers that are damaged or make no sense, and every error, from a real node to the driver.

The numbers are those of ``docs/scenarios.md``.
"""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from cql_driver import DriverException
from cql_driver.policies import FallthroughRetryPolicy
from cql_protocol import StatusChange, UnknownEvent, errors
from cql_protocol.messages import opcodes
from tests.integration.driver.faults import OFTEN, alive, all_links, read, through
from tests.integration.driver.support import until
from tests.proxy import Corrupt, Forge, Frame, Hold, Proxy, ProxyCluster, Rewrite, Statement

# --- damage on the wire --------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [False, "lz4"])
@pytest.mark.parametrize("direction", ["request", "response"])
def test_scenario_45_a_damaged_segment_ends_the_connection_alone(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str, compression: Any, direction: str
) -> None:
    with through(
        proxies, keyspace, compression=compression, protocol_version=5, reconnection_policy=OFTEN
    ) as session:
        for seed in range(5):
            [old] = all_links(session)
            held = proxy.on_response(Statement("k = 9"), Hold())
            waits = session.execute_async("SELECT k, v FROM t WHERE k = 9")
            held.wait()
            add = getattr(proxy, f"on_{direction}")
            damaged = add(Statement("UPDATE"), Corrupt(seed=seed), times=1)
            future = session.execute_async("UPDATE t SET v = 'v1' WHERE k = 1")
            damaged.wait()
            # There is no other node to ask.
            with pytest.raises(DriverException, match=r"damaged|broke|reset"):
                future.result()
            with pytest.raises(errors.NoHostAvailable, match=r"ended before|broke"):
                waits.result()
            until(lambda: old.closed, "the connection is closed")  # noqa: B023 - called here
            until(lambda: alive(session), "it is connected again")
            assert read(session) == (1, "v1")
            proxy.clear()


@pytest.mark.parametrize("compression", [False, "lz4"])
@pytest.mark.parametrize("version", [4, 5])
def test_scenario_45_large_values_span_segments(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str, version: int, compression: Any
) -> None:
    sizes = (1, 100, 128 * 1024 - 200, 128 * 1024 - 1, 128 * 1024, 300_000, 1_000_000)
    with through(proxies, keyspace, protocol_version=version, compression=compression) as session:
        noise = random.Random(45)
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        texts = {}
        for number, size in enumerate(sizes):
            texts[1000 + number] = "x" * size
            # What cannot be compressed travels plain in its segment.
            texts[2000 + number] = noise.randbytes(size // 2).hex()
        session.execute_concurrent([(insert, item) for item in texts.items()])
        found = session.execute_concurrent([(select, (k,)) for k in texts])
        assert [r.result_or_exc.one().v for r in found] == list(texts.values())
        session.execute_concurrent([("DELETE FROM t WHERE k = %s", (k,)) for k in texts])


def body_of(flags: int, opcode: int, body: bytes) -> Any:
    """A rewriting that gives a response this body."""

    def change(frame: Frame) -> bytes:
        head = struct.pack(">BBhBi", 0x80 | frame.version, flags, frame.stream, opcode, len(body))
        return head + body

    return change


UNKNOWN_WRITE_TYPE = (
    b"\x00\x00\x11\x00\x00\x04oops\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x07NEWTYPE"
)
DAMAGED = {
    "an lz4 body without its length": (0x01, opcodes.RESULT, b"\x00\x01"),
    "an lz4 body that announces too much": (0x01, opcodes.RESULT, b"\x7f\xff\xff\xff\x00"),
    "an lz4 body that is none": (0x01, opcodes.RESULT, b"\x00\x00\x00\x10????????????"),
    "a RESULT without a kind": (0, opcodes.RESULT, b"\x00"),
    "a RESULT of an unknown kind": (0, opcodes.RESULT, b"\x00\x00\x00\x63"),
    "rows that end early": (0, opcodes.RESULT, b"\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x09"),
    "an unknown opcode": (0, 0x66, b""),
    "an unknown error code": (0, opcodes.ERROR, b"\x00\x00\x77\x77\x00\x04oops"),
    "an unknown write type": (0, opcodes.ERROR, UNKNOWN_WRITE_TYPE),
    "an ERROR that ends early": (0, opcodes.ERROR, b"\x00\x00\x10\x00\x00\x04oops\x00"),
    "an answer of another request": (0, opcodes.AUTH_SUCCESS, b"\xff\xff\xff\xff"),
}


@pytest.mark.parametrize(
    ("damage", "version"),
    # Protocol 5 compresses segments, not bodies.
    [(damage, v) for damage in DAMAGED for v in (3, 4, 5) if v < 5 or "lz4" not in damage],
)
def test_scenario_46_an_answer_that_makes_no_sense_concerns_its_request_alone(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str, damage: str, version: int
) -> None:
    options: dict[str, Any] = {"protocol_version": version, "compression": "lz4"}
    with through(
        proxies, keyspace, profile={"retry_policy": FallthroughRetryPolicy()}, **options
    ) as session:
        [link] = all_links(session)
        before = proxy.opened
        proxy.on_response(Statement("UPDATE"), Rewrite(body_of(*DAMAGED[damage])), times=1)
        hold = Hold()
        held = proxy.on_response(Statement("SELECT k, v"), hold)
        others = [session.execute_async(f"SELECT k, v FROM t WHERE k = {k}") for k in range(10)]
        held.wait(10)
        with pytest.raises(DriverException) as caught:
            session.execute("UPDATE t SET v = 'v1' WHERE k = 1")
        if damage == "an unknown error code":
            assert caught.value.code == 0x7777
        if damage == "an unknown write type":
            assert isinstance(caught.value, errors.WriteTimeout)
            assert "NEWTYPE" in str(caught.value)
        hold.release()
        assert [f.result().one().k for f in others] == list(range(10))
        assert (all_links(session), proxy.opened) == ([link], before)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_scenario_46_a_negative_length_ends_the_connection(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str, version: int
) -> None:
    def negative(frame: Frame) -> bytes:
        return struct.pack(">BBhBi", 0x80 | frame.version, 0, frame.stream, opcodes.RESULT, -5)

    with through(proxies, keyspace, protocol_version=version, reconnection_policy=OFTEN) as session:
        [link] = all_links(session)
        proxy.on_response(Statement("UPDATE"), Rewrite(negative), times=1)
        with pytest.raises(DriverException):
            session.execute("UPDATE t SET v = 'v1' WHERE k = 1")
        until(lambda: link.closed, "the connection is closed")
        until(lambda: alive(session), "it is connected again")
        assert read(session) == (1, "v1")


def test_scenario_46_events_that_nobody_knows(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    with through(proxies, keyspace) as session:
        control = [t for t in proxy.tunnels if t.registered]
        assert proxy.push(UnknownEvent("COFFEE_CHANGE", b"\x00\x05EMPTY")) == 1
        assert proxy.push(StatusChange("SIDEWAYS", "10.9.9.9", 9042)) == 1
        for _ in range(3):
            assert read(session) == (1, "v1")
        assert [t for t in proxy.tunnels if t.registered] == control


# --- errors --------------------------------------------------------------------------------------

ERRORS: list[DriverException] = [
    errors.ServerError("x"),
    errors.ProtocolViolation("x"),
    errors.AuthenticationFailed("x"),
    errors.Unavailable("x", 1, 3, 1),
    errors.Overloaded("x"),
    errors.IsBootstrapping("x"),
    errors.TruncateError("x"),
    errors.WriteTimeout("x", 0, consistency=1, received_responses=0, required_responses=1),
    errors.ReadTimeout("x", False, consistency=1, received_responses=0, required_responses=1),
    errors.ReadFailure("x", False, consistency=1, received_responses=0, required_responses=1),
    errors.FunctionFailure("x", "ks", "f", ["int"]),
    errors.WriteFailure("x", 0, consistency=1, received_responses=0, required_responses=1),
    errors.CDCWriteFailure("x"),
    errors.CASWriteUnknown("x", consistency=1, received_responses=0, required_responses=1),
    errors.SyntaxException("x"),
    errors.Unauthorized("x"),
    errors.InvalidRequest("x"),
    errors.ConfigurationException("x"),
    errors.AlreadyExists("ks", "t"),
    errors.PreparedQueryNotFound("x", b"\x01" * 16),
]


@pytest.mark.parametrize("version", [3, 4, 5])
def test_scenario_60_every_error_of_the_specification_is_of_the_tree(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str, version: int
) -> None:
    profile = {"retry_policy": FallthroughRetryPolicy()}
    with through(proxies, keyspace, protocol_version=version, profile=profile) as session:
        before = proxy.opened
        for error in ERRORS:
            with proxy.on_response(Statement("UPDATE"), Forge(error)) as forged:
                with pytest.raises(DriverException) as caught:
                    session.execute("UPDATE t SET v = 'v1' WHERE k = 1")
                assert type(caught.value) is type(error)
                assert forged.used >= 1
        assert read(session) == (1, "v1")
        assert proxy.opened == before
