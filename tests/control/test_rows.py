from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from cql_driver.control.rows import client_address, read_topology, rows_of
from cql_driver.errors import ProtocolError
from cql_protocol.errors import RemoteProtocolError
from cql_protocol.messages import ColumnSpec, RawRows, ResultMetadata, VoidResult
from cql_protocol.types import BOOLEAN, INET, TEXT
from tests.control.stand_ins import MURMUR3
from tests.metadata.rings import Address

OWN = Address("10.0.0.1")


def local(**changes: Any) -> dict[str, Any]:
    row = {
        "key": "local",
        "cluster_name": "c",
        "partitioner": MURMUR3,
        "broadcast_address": "10.0.0.1",
        "host_id": UUID(int=1),
        "data_center": "dc1",
        "rack": "r1",
        "tokens": {"1"},
    }
    return row | changes


def peer(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "peer": f"10.0.0.{number}",
        "rpc_address": f"10.0.0.{number}",
        "host_id": UUID(int=number),
        "data_center": "dc1",
        "rack": "r1",
        "tokens": {f"{number}00", f"{number}"},
    }
    return row | changes


def create(row: dict[str, Any]) -> Address:
    address = client_address(row)
    assert address is not None
    return Address(address, row.get("native_port") or 9042)


def read(*peers: dict[str, Any], own: Any = None, tokens: bool = True) -> Any:
    return read_topology([local() if own is None else own], peers, OWN, create, tokens=tokens)


def test_a_sound_cluster() -> None:
    topology = read(peer(2), peer(3, data_center="dc2", rack="r9"))
    assert topology.problems == []
    assert (topology.cluster_name, topology.partitioner) == ("c", MURMUR3)
    assert [node.endpoint for node in topology.nodes] == [
        OWN,
        Address("10.0.0.2"),
        Address("10.0.0.3"),
    ]
    last = topology.nodes[2]
    assert (last.host_id, last.datacenter, last.rack) == (UUID(int=3), "dc2", "r9")
    assert last.tokens == ("3", "300")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rpc_address": None}, "no address for clients"),
        ({"native_address": None}, "no address for clients"),
        ({"host_id": None}, "no host_id"),
        ({"data_center": None}, "no data_center"),
        ({"rack": None}, "no rack"),
        ({"rack": "", "host_id": None}, "no host_id, no rack"),
        ({"tokens": None}, "no tokens"),
        ({"tokens": set()}, "no tokens"),
        ({"host_id": UUID(int=1)}, "10.0.0.1.* has the same host_id"),
        ({"host_id": UUID(int=3)}, "10.0.0.3.* has the same host_id"),
        ({"rpc_address": "10.0.0.1"}, "has the same address"),
        ({"rpc_address": "10.0.0.3"}, "has the same address"),
    ],
)
def test_a_row_that_is_no_node_is_left_out_and_told_once(changes: dict[str, Any], why: str) -> None:
    topology = read(peer(3), peer(2, **changes))
    assert [node.host_id for node in topology.nodes] == [UUID(int=1), UUID(int=3)]
    (problem,) = topology.problems
    assert problem.startswith("node 10.0.0.2 (host_id ")
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(problem)


def test_a_translator_that_fails_concerns_one_node() -> None:
    def translate(row: dict[str, Any]) -> Address:
        if row["peer"] == "10.0.0.2":
            raise RuntimeError("no such address outside")
        return create(row)

    topology = read_topology([local()], [peer(2), peer(3)], OWN, translate)
    assert [node.host_id for node in topology.nodes] == [UUID(int=1), UUID(int=3)]
    assert "no such address outside" in topology.problems[0]


def test_without_tokens_every_node_is_taken() -> None:
    topology = read(peer(2, tokens=None), own=local(tokens=None), tokens=False)
    assert len(topology.nodes) == 2
    assert topology.problems == []


def test_a_coordinator_without_tokens_is_left_out_unless_it_is_alone() -> None:
    own = local(tokens=None)
    assert [node.host_id for node in read(peer(2), own=own).nodes] == [UUID(int=2)]
    assert [node.host_id for node in read(own=own).nodes] == [UUID(int=1)]
    doubled = read(peer(2), peer(1, tokens={"7"}), own=own)
    assert [node.host_id for node in doubled.nodes] == [UUID(int=2)]


def test_no_row_of_the_node_itself() -> None:
    topology = read_topology([], [peer(2)], OWN, create)
    assert [node.host_id for node in topology.nodes] == [UUID(int=2)]
    assert "no row of itself" in topology.problems[0]


@pytest.mark.parametrize(
    ("row", "address"),
    [
        ({"rpc_address": "1.1.1.1", "peer": "2.2.2.2"}, "1.1.1.1"),
        ({"native_address": "1.1.1.1", "peer": "2.2.2.2"}, "1.1.1.1"),
        ({"rpc_address": "0.0.0.0", "peer": "2.2.2.2"}, "2.2.2.2"),
        ({"rpc_address": "::", "broadcast_address": "2.2.2.2"}, "2.2.2.2"),
        ({"rpc_address": None, "peer": "2.2.2.2"}, None),
        ({"peer": "2.2.2.2"}, None),
    ],
)
def test_the_address_for_clients(row: dict[str, Any], address: str | None) -> None:
    assert client_address(row) == address


# --- rows ------------------------------------------------------------------------------------


LINK: Any = SimpleNamespace(endpoint="10.0.0.1:9042")


def answer_of(*cells: list[bytes | None]) -> RawRows:
    columns = [("name", TEXT), ("address", INET), ("good", BOOLEAN)]
    specs = [ColumnSpec("ks", "t", name, cql_type) for name, cql_type in columns]
    return RawRows.from_cells(ResultMetadata(specs), cells)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rows_are_dicts_with_addresses_as_text(count: int) -> None:
    cells = [b"a", bytes((10, 0, 0, 1)), None]
    found = rows_of(answer_of(*[list(cells)] * count), LINK)
    assert found == [{"name": "a", "address": "10.0.0.1", "good": None}] * count


@pytest.mark.parametrize("count", [1, 2])
def test_a_cell_that_cannot_be_read_is_told_with_its_place(count: int) -> None:
    rows = [[b"a", None, None]] * (count - 1) + [[b"\xff", None, None]]
    with pytest.raises(RemoteProtocolError, match=rf"row {count - 1}, column 0 \(name\)"):
        rows_of(answer_of(*rows), LINK)


def test_what_is_no_rows_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="answered a query by VoidResult"):
        rows_of(VoidResult(), LINK)
