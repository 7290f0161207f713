"""The routing of tablets in custom payloads."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.errors import DecodeError
from cql_protocol.tablets import PAYLOAD_KEY, TabletRouting, tablet_routing

HOST = uuid.UUID("01020304-0506-0708-090a-0b0c0d0e0f10")


def cell(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def payload(first: int, last: int, *replicas: bytes) -> bytes:
    tokens = cell(first.to_bytes(8, "big", signed=True)) + cell(
        last.to_bytes(8, "big", signed=True)
    )
    return tokens + cell(len(replicas).to_bytes(4, "big") + b"".join(map(cell, replicas)))


def replica(shard: int) -> bytes:
    return cell(HOST.bytes) + cell(shard.to_bytes(4, "big"))


def test_the_routing_of_a_tablet() -> None:
    data = payload(-(2**63), -5, replica(3), replica(7))
    routing = tablet_routing({"other": None, PAYLOAD_KEY: data})
    assert routing == TabletRouting(-(2**63), -5, ((HOST, 3), (HOST, 7)))


@pytest.mark.parametrize("given", [None, {}, {"other": b"x"}, {PAYLOAD_KEY: None}])
def test_no_routing(given: dict[str, bytes | None] | None) -> None:
    assert tablet_routing(given) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        cell(b"\0" * 8),
        payload(1, 2),
        payload(1, 2, cell(HOST.bytes)),
        payload(1, 2, b""),
        payload(1, 2, replica(1))[:-1],
    ],
)
def test_what_is_damaged(data: bytes) -> None:
    with pytest.raises(DecodeError):
        tablet_routing({PAYLOAD_KEY: data})


@given(st.binary(max_size=120))
def test_arbitrary_bytes(data: bytes) -> None:
    try:
        routing = tablet_routing({PAYLOAD_KEY: data})
    except DecodeError:
        return
    assert routing is not None
    assert routing.replicas
