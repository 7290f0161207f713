"""Settings that change between requests, by chance: each request is sent as they are then."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.policies import RoundRobinPolicy
from cql_driver.protocol import ProtocolHandler
from cql_driver.query import dict_factory, named_tuple_factory, tuple_factory
from tests.simulation import Simulation

ROWS = {
    dict_factory: {"k": 1, "v": "a"},
    tuple_factory: (1, "a"),
    named_tuple_factory: (1, "a"),
}
OF_SESSION: dict[str, list[Any]] = {
    "default_fetch_size": [None, 10, 5000],
    "use_client_timestamp": [False, True],
    "timestamp_generator": [lambda: 7, lambda: 8, None],
}
OF_PROFILE: dict[str, list[Any]] = {
    "consistency_level": [1, 4, 6, 10],
    "serial_consistency_level": [None, 8, 9],
    "row_factory": list(ROWS),
}
OF_STATEMENT: dict[str, list[Any]] = {
    "consistency_level": [2, None],
    "fetch_size": [3, None],
    "serial_consistency_level": [8, None],
}


class World:
    """A session, two statements, and what the node was asked for last."""

    def __init__(self, sim: Simulation, seed: int) -> None:
        self.random = random.Random(seed)
        self.profile = ExecutionProfile(RoundRobinPolicy())
        self.session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: self.profile})
        self.select = self.session.prepare("SELECT k, v FROM t WHERE k = ?")
        self.insert = self.session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        self.own: dict[Any, dict[str, Any]] = {self.select: {}, self.insert: {}}
        self.asked: list[Any] = []
        run = sim[1].run

        def noted(connection: Any, plan: Any, parameters: Any, *rest: Any) -> Any:
            if plan.table.keyspace == "ks":
                self.asked.append(parameters)
            return run(connection, plan, parameters, *rest)

        sim[1].run = noted  # type: ignore[method-assign]

    def change(self) -> None:
        """Change a setting of the session, of the profile, or of a statement."""
        draw = self.random
        what = draw.choice((self.session, self.profile, self.select, self.insert))
        kinds: dict[Any, dict[str, list[Any]]] = {
            self.session: OF_SESSION,
            self.profile: OF_PROFILE,
        }
        kind = kinds.get(what, OF_STATEMENT)
        if kind is OF_STATEMENT and draw.random() < 0.9:
            return  # most statements have nothing of their own
        name = draw.choice(list(kind))
        value = draw.choice(kind[name])
        setattr(what, name, value)
        if what in self.own:
            self.own[what][name] = value

    def ask(self) -> None:
        """Run a statement in one way or another, and see what was asked for."""
        draw, session, profile = self.random, self.session, self.profile
        statement, values = draw.choice(((self.select, (1,)), (self.insert, (1, "a"))))
        self.asked.clear()
        way = draw.randrange(3)
        if way == 0:
            result = session.execute(statement, values)
        elif way == 1:
            result = session.execute_async(statement, values).result()
        else:
            [(_, result)] = session.execute_concurrent([(statement, values)])
        [asked] = self.asked
        own = self.own[statement]
        assert asked.consistency == (own.get("consistency_level") or profile.consistency_level)
        serial = own.get("serial_consistency_level") or profile.serial_consistency_level
        assert asked.serial_consistency == serial
        assert asked.page_size == own.get("fetch_size", session.default_fetch_size)
        generator = session.timestamp_generator
        timed = statement is self.insert and session.use_client_timestamp and generator
        assert asked.timestamp == (generator() if timed else None)
        if statement is self.select:
            assert result.one() == ROWS[profile.row_factory]


@pytest.mark.parametrize("seed", range(8))
def test_each_request_is_sent_as_settings_are_then(seed: int) -> None:
    with Simulation(seed, nodes=1) as sim:
        sim.cluster.t.add(k=1, v="a")
        world = World(sim, seed)
        world.session.timestamp_generator = OF_SESSION["timestamp_generator"][0]
        for _ in range(120):
            world.change()
            for _ in range(world.random.randrange(1, 4)):
                world.ask()


def test_who_listens_for_requests_may_come_and_go() -> None:
    with Simulation(1, nodes=1) as sim:
        session = sim.connect("ks")
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        heard: list[Any] = []
        for times in range(1, 3):
            session.execute(insert, (1, "a"))
            session.add_request_init_listener(heard.append)
            session.execute(insert, (1, "b"))
            session.execute(insert, (1, "c"))
            session.remove_request_init_listener(heard.append)
            session.execute(insert, (1, "d"))
            assert len(heard) == 2 * times


class Counting(ProtocolHandler):
    """Gives the number of rows in place of the rows."""

    @classmethod
    def decode_page(cls, page_decoder: Any, execution: Any) -> Any:
        return [len(super().decode_page(page_decoder, execution))]


def test_a_handler_may_come_and_go() -> None:
    with Simulation(1, nodes=1) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        select = session.prepare("SELECT k, v FROM t WHERE k = ?")
        for _ in range(2):
            for _ in range(3):
                assert session.execute(select, (1,)).one() == (1, "a")
            session.client_protocol_handler = Counting
            for _ in range(3):
                assert session.execute(select, (1,)).one() == 1
            session.client_protocol_handler = None
