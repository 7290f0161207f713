"""What a connection does without the module uuid, and who asks gets all the same."""

from __future__ import annotations

import subprocess
import sys
from uuid import UUID, uuid1

import pytest

from cql_driver.cluster import Cluster, Session
from cql_driver.connection import DefaultEndPoint
from cql_driver.control.rows import NodeInfo, _read_raw_uuid
from cql_driver.metadata import Metadata
from cql_driver.policies import SimpleConvictionPolicy
from cql_driver.pools.host import Host
from cql_protocol.errors import DecodeError


def _host(number: int, host_id: object = None) -> Host:
    endpoint = DefaultEndPoint(f"10.0.0.{number}")
    return Host(endpoint, SimpleConvictionPolicy, host_id=host_id)  # type: ignore[arg-type]


def test_the_server_is_told_the_id_of_the_cluster() -> None:
    cluster = Cluster(["10.0.0.1"])
    told = cluster.make_settings().startup_options["SESSION_ID"]
    assert told == str(UUID(told))
    assert UUID(told).version == 4
    assert UUID(told).variant == "specified in RFC 4122"
    assert cluster.session_id == UUID(told)
    assert cluster.session_id is cluster.session_id
    assert Cluster(["10.0.0.1"]).session_id != cluster.session_id


def test_an_id_that_was_given_is_told() -> None:
    cluster = Cluster(["10.0.0.1"])
    given = cluster.session_id = uuid1()
    assert cluster.make_settings().startup_options["SESSION_ID"] == str(given)


def test_a_host_has_the_id_that_its_row_has() -> None:
    number = UUID(int=7)
    host = _host(1, number)
    assert (host.host_id, host.raw_id) == (number, number.bytes)
    host.host_id = None
    assert (host.host_id, host.raw_id) == (None, None)
    host.raw_id = UUID(int=8).bytes
    assert host.host_id == UUID(int=8)
    node = NodeInfo(host.endpoint, {"host_id": number.bytes})
    assert node.host_id == NodeInfo(host.endpoint, {"host_id": number}).host_id == number
    assert NodeInfo(host.endpoint, {}).host_id is None


def test_hosts_are_found_by_their_ids() -> None:
    hosts = [_host(1, UUID(int=1)), _host(2, UUID(int=2)), _host(3)]
    metadata = Metadata()
    for host in hosts:
        assert metadata.add_or_return_host(host) == (host, True)
    assert metadata.get_host_by_host_id(UUID(int=2)) is hosts[1]
    assert metadata.get_host_by_host_id(UUID(int=3)) is None
    assert metadata.all_hosts_items() == [(UUID(int=1), hosts[0]), (UUID(int=2), hosts[1])]
    assert metadata.add_or_return_host(_host(4, UUID(int=1))) == (hosts[0], False)
    assert metadata.remove_host_by_host_id(UUID(int=1))
    assert not metadata.remove_host_by_host_id(UUID(int=1))


@pytest.mark.parametrize("size", [1, 15, 17])
def test_an_id_of_another_size_is_none(size: int) -> None:
    with pytest.raises(DecodeError, match=f"{size} bytes"):
        _read_raw_uuid(bytes(size))
    assert _read_raw_uuid(b"") is None
    assert _read_raw_uuid(bytes(16)) == bytes(16)


ENCODE = """
import sys
from cql_protocol.errors import InvalidValue
from cql_protocol.types import TIMEUUID, UUID
assert "uuid" not in sys.modules
for cql_type in (UUID, TIMEUUID):
    try:
        cql_type.encode(5)
    except InvalidValue:
        continue
    raise AssertionError
import uuid
made = uuid.uuid1()
assert UUID.encode(made) == TIMEUUID.encode(made) == TIMEUUID.encode(str(made)) == made.bytes
assert UUID.reader()(made.bytes) == made
"""


def test_uuids_are_written_by_who_did_not_load_the_module_before() -> None:
    subprocess.run([sys.executable, "-I", "-c", ENCODE], check=True)


def test_a_session_without_an_attribute_says_so() -> None:
    session = Session(Cluster(["10.0.0.1"]))
    assert session._requests is session._requests
    with pytest.raises(AttributeError, match="'Session' object has no attribute 'exeute'"):
        session.exeute  # type: ignore[attr-defined]  # noqa: B018
    assert Session.execute.__qualname__ == "Session.execute"
    assert session.execute.__doc__ == Session.execute.__doc__
