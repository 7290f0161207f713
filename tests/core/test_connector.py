"""`Connector`: versions, authentication, compression, addresses, and what is left of failures."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.auth import Authenticator, AuthProvider, PlainTextAuthProvider
from cql_driver.errors import ConnectionException
from cql_protocol.connection import RequestReceived
from cql_protocol.errors import (
    AuthenticationFailed,
    DriverException,
    InvalidRequest,
    NoHostAvailable,
    OperationTimedOut,
    ProtocolViolation,
    RemoteProtocolError,
)
from cql_protocol.messages import (
    AuthChallenge,
    AuthResponse,
    AuthSuccess,
    Options,
    Startup,
    Supported,
)
from tests.simulation import Answer, Delay, Drop, Garbage, Rule, Simulation
from tests.simulation.faults import Reaction
from tests.simulation.node import NodeConnection, SimNode


def connecting(sim: Simulation, number: int = 1, **options: Any) -> Any:
    """Open a connection to a node by the connector of a cluster with these options."""
    session = sim.connect(**options)
    node = sim[number]
    host = session.cluster.metadata.get_host(node.address)
    return session.pools.engine.connector, host


def open_link(sim: Simulation, connector: Any, host: Any, keyspace: str | None = None) -> Any:
    return sim.runtime.run(connector.open(host.endpoint, host, keyspace))


@pytest.mark.parametrize("highest", [3, 4, 5])
def test_the_version_is_negotiated(highest: int) -> None:
    with Simulation(1, nodes=1, versions=range(3, highest + 1)) as sim:
        connector, host = connecting(sim)
        link = open_link(sim, connector, host)
        assert link.dialect.version == host.protocol_version == highest
        before = sim[1].connections_accepted
        open_link(sim, connector, host).close()
        assert sim[1].connections_accepted == before + 1  # it is remembered
        link.close()


def test_the_cluster_tells_the_version_once_connected() -> None:
    with Simulation(1, versions=(3, 4)) as sim:
        cluster = sim.new_cluster()
        assert cluster.protocol_version == 5
        cluster.connect()
        assert cluster.protocol_version == 4


def test_each_node_has_its_own_version() -> None:
    with Simulation(2) as sim:
        sim[2].versions, sim[3].versions = (3, 4), (3,)
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        versions = {
            host.address: host.protocol_version for host in session.cluster.metadata.all_hosts()
        }
        assert [versions[node.address] for node in sim.nodes] == [5, 4, 3]
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        for host in session.cluster.metadata.all_hosts():
            assert session.execute(select, (1,), host=host).one().v == "a"
        sim.cluster.kill(sim[2])
        sim.run(0.5)
        sim[2].versions = (3, 4, 5)  # it comes back upgraded
        sim.cluster.start(sim[2])
        sim.run(5.0)
        host = session.cluster.metadata.get_host(sim[2].address)
        assert host.protocol_version == 5


def test_an_older_cluster_is_told_of_once_and_not_by_each_node(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Simulation(2, nodes=9, versions=(3, 4)) as sim, caplog.at_level("WARNING"):
        sim.connect()
    assert [record.getMessage() for record in caplog.records] == [
        "10.0.1.1:9042 speaks protocol version 4 at most"
    ]


def test_a_version_that_was_asked_for_is_not_replaced() -> None:
    with (
        Simulation(3, nodes=1, versions=(3, 4)) as sim,
        pytest.raises(NoHostAvailable, match="does not speak protocol version 5"),
    ):
        sim.connect(protocol_version=5)


class InVersion5(Reaction):
    """What a node answers on connections of version 5; on others it answers as always."""

    def __init__(self, reply: Any) -> None:
        super().__init__()
        self.reply = reply

    def react(self, node: SimNode, connection: NodeConnection, event: RequestReceived) -> None:
        fifth = connection.server.dialect.version == 5
        connection.answer(event.stream, self.reply if fifth else node.respond(connection, event))


@pytest.mark.parametrize("told", ["by SUPPORTED", "by an error"])
def test_a_version_that_the_server_calls_beta_is_used_only_if_allowed(told: str) -> None:
    listed = {"PROTOCOL_VERSIONS": ["3/v3", "4/v4", "5/v5-beta"], "CQL_VERSION": ["3.4.4"]}
    reply: Any = Supported(listed)
    if told == "by an error":
        reply = ProtocolViolation(
            "Beta version of the protocol used (5/v5-beta), but USE_BETA flag is unset"
        )
    with Simulation(15, nodes=1) as sim:
        node = sim[1]
        node.rules.append(Rule(InVersion5(reply), message=Options))
        connector, host = connecting(sim)
        link = open_link(sim, connector, host)
        assert link.dialect.version == 4
        link.close()
        with pytest.raises(NoHostAvailable, match=r"protocol version 5: .*beta"):
            sim.connect(protocol_version=5)
        if told == "by SUPPORTED":
            session = sim.connect(protocol_version=5, allow_beta_protocol_version=True)
            assert session.pools.engine.protocol_version == 5


@pytest.mark.parametrize(
    ("wanted", "offered", "agreed"),
    [
        (True, ("snappy", "lz4"), "lz4"),
        (True, (), None),
        (False, ("lz4",), None),
        ("lz4", ("snappy", "lz4"), "lz4"),
        ("snappy", ("snappy", "lz4"), None),  # protocol 5 has none
    ],
)
def test_compression(wanted: Any, offered: tuple[str, ...], agreed: str | None) -> None:
    with Simulation(4, nodes=1, compressions=offered) as sim:
        session = sim.connect("ks", compression=wanted)
        for connection in sim[1].connections:
            assert connection.startup.get("COMPRESSION") == agreed
        session.execute("INSERT INTO t (k, v) VALUES (1, %s)", ("x" * 5000,))
        assert session.execute("SELECT v FROM t WHERE k = 1").one().v == "x" * 5000


def test_a_compression_that_the_server_lacks_is_an_error() -> None:
    with (
        Simulation(5, nodes=1, versions=(3, 4), compressions=("snappy",)) as sim,
        pytest.raises(NoHostAvailable, match="lz4"),
    ):
        sim.connect(compression="lz4")


# --- authentication ----------------------------------------------------------------------------


def test_right_and_wrong_passwords() -> None:
    with Simulation(6, nodes=1, users={"ann": "secret"}) as sim:
        session = sim.connect("ks", auth_provider=PlainTextAuthProvider("ann", "secret"))
        assert {connection.user for connection in sim[1].connections} == {"ann"}
        session.cluster.shutdown()
        for provider, told in (
            (PlainTextAuthProvider("ann", "wrong"), "incorrect"),
            (PlainTextAuthProvider("bob", "secret"), "incorrect"),
            (None, "requires authentication by org.apache.cassandra.auth"),
        ):
            with pytest.raises(NoHostAvailable, match=told) as caught:
                sim.connect(auth_provider=provider)
            [error] = caught.value.errors.values()
            assert isinstance(error, AuthenticationFailed)
        sim.run(0.1)
        assert not sim[1].connections


def test_a_server_that_asks_again_and_again() -> None:
    class Riddles(AuthProvider):
        seen: list[Any] = []  # noqa: RUF012 - of this test alone

        def new_authenticator(self, host: str) -> Authenticator:
            seen = self.seen

            class Answers(Authenticator):
                def initial_response(self) -> bytes | None:
                    seen.append(("hello", self.server_authenticator_class))
                    return b"hello"

                def evaluate_challenge(self, challenge: bytes | None) -> bytes | None:
                    seen.append(challenge)
                    return None if challenge == b"silence?" else b"answer to " + (challenge or b"")

                def on_authentication_success(self, token: bytes | None) -> None:
                    seen.append(("success", token))

            return Answers()

    answers = {
        b"hello": AuthChallenge(b"one?"),
        b"answer to one?": AuthChallenge(b"silence?"),
        None: AuthSuccess(b"welcome"),
    }
    with Simulation(7, nodes=1, users={}) as sim:
        rule = Rule(Answer(lambda event: answers[event.message.token]), message=AuthResponse)
        sim[1].rules.append(rule)
        connector, host = connecting(sim, auth_provider=Riddles())
        Riddles.seen.clear()
        open_link(sim, connector, host).close()
        [hello, *rest] = Riddles.seen
        assert hello[1].endswith("PasswordAuthenticator")
        assert rest == [b"one?", b"silence?", ("success", b"welcome")]


def test_an_authenticator_that_raises_leaves_nothing() -> None:
    class Broken(AuthProvider):
        def new_authenticator(self, host: str) -> Authenticator:
            raise ZeroDivisionError("a bug of the user's")

    with Simulation(8, nodes=2, users={"ann": "secret"}) as sim:
        with pytest.raises(NoHostAvailable, match="ZeroDivisionError"):
            sim.connect(auth_provider=Broken())
        sim.run(0.1)
        assert not any(node.connections for node in sim.nodes)


# --- what cannot be reached, and what is left of it ----------------------------------------------


@pytest.mark.parametrize("where", ["connect", Options, Startup, "USE"])
def test_a_server_that_does_not_answer(where: Any) -> None:
    with Simulation(9, nodes=1) as sim:
        connector, host = connecting(sim, connect_timeout=2.0, idle_heartbeat_interval=0)
        accepted, open_before = sim[1].connections_accepted, len(sim[1].connections)
        if where == "connect":
            sim[1].listening = "silent"
        elif where == "USE":
            sim[1].rules.append(Rule(Drop(), text="USE"))
        else:
            sim[1].rules.append(Rule(Drop(), message=where))
        began = sim.time
        with pytest.raises(OperationTimedOut, match=r"connecting to 10\.0\.1\.1"):
            open_link(sim, connector, host, "ks")
        assert 2.0 <= sim.time - began < 2.01
        sim.run(0.1)
        assert len(sim[1].connections) == open_before
        assert sim[1].connections_accepted == accepted + (where != "connect")
        assert not sim.runtime.connecting


def test_refusals_are_told() -> None:
    with Simulation(10, nodes=1) as sim:
        connector, host = connecting(sim)
        sim.network.fail_connects(sim[1].address, ConnectionRefusedError(111, "refused!"))
        with pytest.raises(ConnectionException, match=r"cannot connect to .*refused!"):
            open_link(sim, connector, host)
        with pytest.raises(InvalidRequest):
            open_link(sim, connector, host, "missing")
        ready, challenge = Garbage(b"", 0x02), Garbage(b"\0\0\0\0", 0x0E)
        for reaction, message in ((ready, Options), (challenge, Startup)):
            sim[1].rules[:] = [Rule(reaction, message=message, times=1)]
            with pytest.raises(RemoteProtocolError, match="while the connection is"):
                open_link(sim, connector, host)
        sim.run(0.1)
        assert len(sim[1].connections) == 2


def test_addresses_are_tried_in_turn_within_one_time_limit() -> None:
    with Simulation(11, nodes=2) as sim:
        sim.network.names["node.example"] = ["10.8.8.1", "10.8.8.2", sim[2].address]
        session = sim.connect(contact_points=["node.example"], connect_timeout=1.0)
        assert session.cluster.get_control_connection_host().address == sim[2].address
        sim.network.names["gone.example"] = OSError(5, "no such luck")
        with pytest.raises(DriverException, match=r"gone\.example"):
            sim.connect(contact_points=["gone.example"])


def test_few_places_for_requests_leave_room_for_the_control_connection() -> None:
    with Simulation(12) as sim:
        session = sim.connect("ks", max_requests_per_connection=1, max_connections_per_host=1)
        limits = {link.streams.limit for link in session.pools.links()}
        assert limits == {1}
        assert session.pools.engine.control.link.streams.limit > 1
        assert len(session.pools.links()) == 3


def test_slow_servers_within_the_limit() -> None:
    with Simulation(13, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(0.4), message=(Options, Startup)))
        session = sim.connect("ks", connect_timeout=1.0, idle_heartbeat_interval=0)
        assert len(session.pools.links()) == 1
