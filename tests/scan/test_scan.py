"""Scans whose calls block, in one process."""

from __future__ import annotations

import gc
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import cql_driver
from cql_driver import ConsistencyLevel, ReadTimeout
from cql_driver.cluster import Session
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query import dict_factory, tuple_factory
from cql_driver.scans import ScanPartition, plan, scan
from cql_driver.scans.connecting import Connector
from cql_protocol.errors import InvalidRequest
from tests.aio.live import LiveNodes
from tests.scan.conftest import ROWS, PagesGiven
from tests.simulation import Answer, Drop, Fail, Rule

ALL = list(range(ROWS))


def in_flight(session: Session) -> int:
    return sum(link.in_flight for pool in session.get_pools() for link in list(pool.all_links))


def test_rows_are_those_of_a_plain_read(session: Session) -> None:
    plain = session.execute("SELECT * FROM t").all()
    found = list(cql_driver.scan(session, "t"))
    assert sorted(found) == sorted(plain)
    assert len(found) == ROWS


@pytest.mark.parametrize(("concurrency", "partitions"), [(1, 1), (3, 200), (50, 7)])
@pytest.mark.parametrize("page_size", [3, 10, 5000])
def test_sizes(session: Session, concurrency: int, partitions: int, page_size: int) -> None:
    found = scan(session, "t", concurrency=concurrency, partitions=partitions, page_size=page_size)
    assert sorted(row.k for row in found) == ALL
    assert found.done == len(found.partitions)


def test_empty_pages_are_left_out(session: Session, nodes: LiveNodes) -> None:
    nodes.cluster.t.empty_pages = 3
    pages = list(scan(session, "t").pages())
    assert all(pages)
    assert sorted(row.k for page in pages for row in page) == ALL


def test_an_empty_table(session: Session) -> None:
    assert list(scan(session, "ks.w")) == []


def test_columns_and_names_that_need_quotes(session: Session, nodes: LiveNodes) -> None:
    table = nodes.cluster.tables("ks").table("ks", "Odd")
    table.add(a=1, B="one", c=2)
    found = scan(session, "Odd", columns=["c", "B"], row_factory=dict_factory)
    assert list(found) == [{"c": 2, "B": "one"}]
    assert found.partitions[0].query.text == (
        'SELECT c, "B" FROM ks."Odd" WHERE token("B", a) > ? AND token("B", a) <= ?'
    )


def test_a_condition(session: Session) -> None:
    found = scan(session, "t", where="v = ?", parameters=["value 7"], row_factory=tuple_factory)
    assert list(found) == [(7, "value 7")]


def test_a_function_gives_one_thing_a_page(session: Session) -> None:
    counts = list(scan(session, "t", function=len, page_size=7))
    assert sum(counts) == ROWS
    assert max(counts) == 7


def test_each_range_is_asked_of_a_replica(session: Session, nodes: LiveNodes) -> None:
    metadata = session.cluster.metadata
    asked: list[tuple[Any, int]] = []

    class Told(Rule):
        def takes(self, node: Any, event: Any) -> bool:
            query = getattr(event.message, "query_id", None)
            if query is not None:
                asked.append((node.address, event.message.parameters.values[1]))
            return False

    for node in nodes.cluster.nodes:
        node.rules.append(Told(Drop()))
    assert len(list(scan(session, "t"))) == ROWS
    assert {address for address, _ in asked} == set(nodes.cluster.addresses())
    for address, end in asked:
        replicas = metadata.replicas("ks", int.from_bytes(end, "big", signed=True))
        assert address in [host.address for host in replicas]


def test_no_more_pages_are_held_than_asked_for(session: Session, nodes: LiveNodes) -> None:
    given = PagesGiven(nodes)
    found = scan(session, "t", concurrency=4, partitions=20, page_size=2)
    for taken in range(1, 100):
        next(found.pages())
        assert given.count <= taken + 4
    assert given.count >= 99
    found.close()


def test_leaving_a_loop_leaves_nothing(session: Session) -> None:
    for row in scan(session, "t", page_size=2):
        assert row.k in ALL
        break
    gc.collect()
    assert in_flight(session) <= 8  # orphans, until they are answered
    for _ in range(3):
        session.execute("SELECT * FROM t")
    assert not [thread for thread in threading.enumerate() if thread.name == "scan"]


def test_closing_ends_it(session: Session) -> None:
    with scan(session, "t", page_size=2) as found:
        next(found)
    assert list(found) == []
    found.close()


def test_closing_after_the_session(session: Session) -> None:
    found = scan(session, "t", page_size=2)
    next(found)
    session.shutdown()
    found.close()


def test_an_error_names_the_range_and_ends_it(session: Session, nodes: LiveNodes) -> None:
    found = scan(session, "t", page_size=2, concurrency=2)
    next(found)
    error = InvalidRequest("not today")
    for node in nodes.cluster.nodes:
        node.rules.append(Rule(Fail(error), text="token"))
    with pytest.raises(InvalidRequest, match="not today") as raised:
        list(found)
    (note,) = raised.value.__notes__
    assert "of ks.t, tokens (" in note
    assert list(found) == []


def test_retries_are_the_policies_own(session: Session, nodes: LiveNodes) -> None:
    error = ReadTimeout("slow", consistency=1, required_responses=1, received_responses=1)
    nodes[1].rules.append(Rule(Fail(error), text="token", times=1))
    assert len(list(scan(session, "t"))) == ROWS
    assert nodes[1].rules[0].used == 1


def test_a_timeout_is_of_each_page(session: Session, nodes: LiveNodes) -> None:
    found = scan(session, "t", timeout=0.2, page_size=2)
    for node in nodes.cluster.nodes:
        node.rules.append(Rule(Drop(), text="token"))
    with pytest.raises(cql_driver.OperationTimedOut) as raised:
        list(found)
    assert "partition" in raised.value.__notes__[0]


def test_the_profile_counts(session: Session, nodes: LiveNodes) -> None:
    levels: set[int] = set()

    class Told(Rule):
        def takes(self, node: Any, event: Any) -> bool:
            if hasattr(event.message, "query_id"):
                levels.add(event.message.parameters.consistency)
            return False

    for node in nodes.cluster.nodes:
        node.rules.append(Told(Answer(None)))
    rows = scan(session, "t", consistency_level=ConsistencyLevel.TWO, row_factory=tuple_factory)
    assert isinstance(next(rows), tuple)
    rows.close()
    assert levels == {ConsistencyLevel.TWO}


def test_a_partition_can_be_pickled_and_read_by_itself(session: Session) -> None:
    partitions = plan(session, "t", partitions=5)
    copies = [pickle.loads(pickle.dumps(partition)) for partition in partitions]
    assert all(len(pickle.dumps(partition)) < 2000 for partition in partitions)
    assert [str(copy) for copy in copies] == [str(partition) for partition in partitions]
    found = [row.k for copy in copies for row in copy.rows(session)]
    assert sorted(found) == ALL
    found = [k for copy in copies for k, _ in copy.rows(row_factory=tuple_factory)]
    assert sorted(found) == ALL  # on its own connection
    addresses = {str(host.address) for host in session.cluster.metadata.all_hosts()}
    assert all(set(partition.replicas) <= addresses for partition in copies)


def test_threads_of_a_process_share_its_session(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Session] = []
    open_one = Connector.open

    def counted(connector: Connector) -> Session:
        opened.append(open_one(connector))
        return opened[-1]

    monkeypatch.setattr(Connector, "open", counted)
    copies = [pickle.loads(pickle.dumps(partition)) for partition in plan(session, "t")]
    with ThreadPoolExecutor(8) as pool:
        rows = sum(pool.map(lambda copy: len(copy.rows()), copies))
    assert rows == ROWS
    assert len(opened) == 1


def test_pages_of_a_partition(session: Session) -> None:
    (partition,) = {partition.index: partition for partition in plan(session, "t")[:1]}.values()
    assert isinstance(partition, ScanPartition)
    pages = list(partition.pages(session, row_factory=dict_factory))
    assert all(row.keys() == {"k", "v"} for page in pages for row in page)
    with pytest.raises(InvalidArgumentType, match="is not a Session"):
        partition.rows("session")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"table": "nothing"}, "there is no table ks.nothing"),
        ({"table": "nowhere.t"}, "there is no table nowhere.t"),
        ({"table": 7}, "table=7 is not the name"),
        ({"table": "system.local"}, r"by session\.execute"),
        ({"columns": ["k", "x"]}, "no column 'x'; it has k, v"),
        ({"columns": "k"}, "give a list of names"),
        ({"columns": []}, "names of columns"),
        ({"concurrency": 0}, "concurrency=0: at least 1"),
        ({"partitions": 1.5}, "partitions=1.5 is not an int"),
        ({"processes": -1}, "processes=-1: at least 1"),
        ({"page_size": 0}, "page_size=0: at least 1"),
        ({"function": "len"}, "function='len' cannot be called"),
        ({"connect": "here"}, "connect='here' cannot be called"),
        ({"where": 7}, "where=7 is not a str"),
        ({"parameters": [7]}, "where, which is not given"),
        ({"timeout": "long"}, "timeout='long' is not a number"),
        ({"execution_profile": "none"}, "execution_profile='none' is not known"),
        ({"session": "here", "keyspace": "ks"}, "session='here' is not a"),
    ],
)
def test_what_is_wrong_is_told(session: Session, changes: dict[str, Any], told: str) -> None:
    given = {"session": session, "table": "t", **changes}
    with pytest.raises(cql_driver.DriverException, match=told) as raised:
        scan(given.pop("session"), given.pop("table"), **given)
    assert isinstance(raised.value, InvalidArgument | InvalidArgumentType)


def test_a_table_without_a_keyspace(nodes: LiveNodes) -> None:
    with cql_driver.cluster.Cluster(**nodes.options) as cluster, cluster.connect() as session:
        with pytest.raises(InvalidArgument, match="is in no keyspace"):
            scan(session, "t")
        assert len(list(scan(session, "t", keyspace="ks"))) == ROWS
