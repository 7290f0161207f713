"""`SimNode`: a Cassandra node made of `ServerConnection`."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from cql_protocol.connection import BadRequest, RequestReceived, ServerConnection, State
from cql_protocol.errors import (
    AuthenticationFailed,
    DriverException,
    InvalidRequest,
    PreparedQueryNotFound,
    ProtocolViolation,
    RemoteProtocolError,
)
from cql_protocol.messages import (
    Authenticate,
    AuthResponse,
    AuthSuccess,
    Batch,
    Event,
    Execute,
    Options,
    Prepare,
    PreparedResult,
    Query,
    QueryParameters,
    Ready,
    Register,
    Response,
    SchemaChangeResult,
    SetKeyspaceResult,
    Startup,
    VoidResult,
)
from cql_protocol.messages.base import Extras
from tests.simulation.plans import Plan
from tests.simulation.statements import parse
from tests.simulation.system import System

if TYPE_CHECKING:
    from cql_driver.core.runtime import Transport
    from cql_protocol.dialect import Features
    from tests.simulation.cluster import SimCluster
    from tests.simulation.faults import Rule
    from tests.simulation.transport import SimTransport

__all__ = ["NodeConnection", "SimNode"]

Reply = Response | DriverException
_DDL = ("CREATE", "ALTER", "DROP")


class NodeConnection:
    """A node's end of a stream: what was asked on it, and the answers."""

    transport: SimTransport

    def __init__(self, node: SimNode, features: Features | None) -> None:
        self.node = node
        self.server = ServerConnection(node.versions, features=features)
        self.keyspace: str | None = None
        self.registered: set[str] = set()
        self.user: str | None = None
        self.startup: Mapping[str, str] = {}
        self.requests = 0
        self._together: list[bytes] | None = None

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        server = self.server
        try:
            server.receive_data(data)
        except RemoteProtocolError as exc:
            self.node.world.note("garbage", self.node.name, str(exc))
            self.transport.abort()
            return
        self._together = []
        while (event := server.next_event()) is not None:
            self.requests += 1
            self.node.receive(self, event)
        together, self._together = self._together, None
        if together:
            self.transport.write(server.wrap(together))

    def connection_lost(self, exc: BaseException | None) -> None:
        self.node.connections.pop(self, None)

    def pause_writing(self) -> None:
        """Go on writing: a node has its own buffers."""

    def resume_writing(self) -> None:
        """Go on writing."""

    def answer(self, stream: int, response: Reply) -> None:
        """Send an answer, unless the node hangs (then later) or the stream is over."""
        node = self.node
        if node.hanging:
            node.held.append((self, stream, response))
            return
        server = self.server
        if self.transport.closing or server.state is State.CLOSED:
            return
        if node.world.recording:
            node.world.note("answer", node.name, stream, type(response).__name__)
        if self._together is not None and server.state is State.READY:
            self._together.append(server.frame(stream, response))
        else:
            self.transport.write(server.send(stream, response))

    def push(self, event: Event) -> None:
        """Send an event, if the client registered for its type."""
        if event.event_type in self.registered:
            self.answer(-1, event)


class SimNode:
    """One node. What is public may be changed while the cluster runs.

    - `versions`: protocol versions; `compressions`: what it offers; `shards`: ScyllaDB's
    - `service`: seconds an answer takes, as (least, most), or None for none at all
    - `rules`: scripted behaviour (`faults`), tried in order for each request
    - `schema_version`: by default the cluster's; `edit_peers`: changes the rows of
      ``peers`` and ``peers_v2``, called with the table's name and the rows
    - `warnings`, `echo_payload`: what comes with every answer of a statement
    """

    def __init__(self, cluster: SimCluster, number: int, address: str, dc: str, rack: str) -> None:
        self.cluster = cluster
        self.world = cluster.world
        self.number = number
        self.name = f"n{number}"
        self.address = address
        self.port = cluster.port
        self.dc = dc
        self.rack = rack
        self.host_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{cluster.name}/{number}")
        self.tokens: list[int] = []
        self.versions = cluster.versions
        self.compressions: tuple[str, ...] = cluster.compressions
        self.release_version = cluster.release_version
        self.features: Callable[[SimTransport], Features | None] = lambda transport: None
        self.service: tuple[float, float] | None = None
        self.rules: list[Rule] = []
        self.warnings: list[str] = []
        self.echo_payload = False
        self.edit_peers: Callable[[str, list[dict[str, Any]]], None] | None = None
        self.hidden: set[SimNode] = set()
        """Nodes this one does not tell of in its peers."""
        self.listening = "no"
        self.accept_delay = 0.0
        self.hanging = False
        self.restarts = 0
        self.requests = 0
        self.executed = 0
        """Statements that were carried out here."""
        self.connections: dict[NodeConnection, None] = {}
        self.connections_accepted = 0
        self.prepared: dict[bytes, tuple[str | None, str]] = {}
        self.prepares: list[str] = []
        """Texts that were prepared here, each time."""
        self.id_salt = b""
        """Changes the ids of what is prepared from now on."""
        self.held: list[tuple[NodeConnection, int, Reply]] = []
        self.system = System(self)
        self._schema_version: uuid.UUID | None = None
        self._plans: dict[tuple[str | None, str], Plan] = {}
        self._epoch = (0, 0)

    def __repr__(self) -> str:
        return f"<{self.name} {self.address}>"

    @property
    def endpoint(self) -> tuple[str, int]:
        """Address and port."""
        return self.address, self.port

    @property
    def up(self) -> bool:
        """Whether it listens and answers."""
        return self.listening == "yes" and not self.hanging

    @property
    def schema_version(self) -> uuid.UUID:
        """The version of the schema it tells of."""
        found = self._schema_version
        return self.cluster.store.version if found is None else found

    @schema_version.setter
    def schema_version(self, version: uuid.UUID | None) -> None:
        self._schema_version = version
        self.cluster.reshaped()

    def peers(self) -> list[SimNode]:
        """Return the other nodes, as it sees them."""
        return [n for n in self.cluster.nodes if n is not self and n not in self.hidden]

    # --- up and down -------------------------------------------------------------------------

    def start(self) -> None:
        """Listen."""
        self.listening = "yes"
        self.cluster.network.listeners[self.endpoint] = self
        self.world.note("start", self.name)
        self.cluster.network.retry()

    def kill(self, *, silently: bool = False) -> None:
        """End the process: streams are reset, connecting is refused, nothing is remembered.

        `silently`: the machine is gone too, so that nobody is told anything.
        """
        self.world.note("kill", self.name)
        self.listening = "silent" if silently else "no"
        self.hanging = False
        self.held.clear()
        self.prepared.clear()
        for connection in list(self.connections):
            if silently:
                connection.transport.out.dead = True
                connection.transport.inward.dead = True
                connection.transport.inward.update()
            else:
                connection.transport.abort()
        self.connections.clear()

    def restart(self) -> None:
        """Kill it and start it at once."""
        self.kill()
        self.restarts += 1
        self.cluster.reshaped()
        self.start()

    def hang(self) -> None:
        """Stop the process (SIGSTOP): connecting works, but nothing is answered."""
        self.world.note("hang", self.name)
        self.hanging = True
        for connection in self.connections:
            connection.transport.pause_reading()

    def resume(self) -> None:
        """Let the process go on: it answers what was asked meanwhile."""
        self.world.note("resume", self.name)
        self.hanging = False
        held, self.held = self.held, []
        for connection, stream, response in held:
            connection.answer(stream, response)
        for connection in self.connections:
            connection.transport.resume_reading()

    def forget_prepared(self) -> None:
        """Forget what was prepared."""
        self.prepared.clear()

    def accept(self, transport: SimTransport) -> NodeConnection:
        """Take a connection."""
        connection = NodeConnection(self, self.features(transport))
        connection.transport = transport
        self.connections[connection] = None
        self.connections_accepted += 1
        if self.hanging:
            transport.pause_reading()
        return connection

    # --- answering -----------------------------------------------------------------------------

    def receive(self, connection: NodeConnection, event: RequestReceived | BadRequest) -> None:
        """Answer a request, or do what the rules say instead."""
        if isinstance(event, BadRequest):
            connection.answer(event.stream, ProtocolViolation(str(event.error)))
            return
        self.requests += 1
        if self.world.recording:
            self.world.note("request", self.name, event.stream, type(event.message).__name__)
        for rule in self.rules:
            if rule.takes(self, event):
                rule.reaction.react(self, connection, event)
                return
        self.serve(connection, event)

    def serve(self, connection: NodeConnection, event: RequestReceived) -> None:
        """Answer a request as a healthy node does."""
        response = self.respond(connection, event)
        if self.service is None:
            connection.answer(event.stream, response)
        else:
            low, high = self.service
            delay = low + (high - low) * self.world.random.random()
            self.world.after(delay, connection.answer, event.stream, response)

    def respond(self, connection: NodeConnection, event: RequestReceived) -> Reply:
        """Carry a request out and return the answer."""
        message = event.message
        response: Reply
        try:
            response = _ANSWERS[type(message)](self, connection, message)
        except DriverException as exc:
            response = exc
        if event.tracing or event.custom_payload is not None or self.warnings:
            response = self._with_extras(response, event, connection)
        return response

    def _with_extras(
        self, response: Reply, event: RequestReceived, connection: NodeConnection
    ) -> Reply:
        extras = Extras()
        if event.tracing:
            extras.tracing_id = self.cluster.trace(self, event.message)
        if connection.server.version >= 4 and connection.server.state is State.READY:
            extras.warnings = tuple(self.warnings)
            if self.echo_payload:
                extras.custom_payload = event.custom_payload
        return with_extras(response, extras)

    def plan(self, text: str, keyspace: str | None) -> Plan:
        """Return the plan of a statement; raise what is wrong with it."""
        epoch = (self.cluster.store.epoch, self.cluster.shape)
        if epoch != self._epoch:
            self._epoch = epoch
            self._plans.clear()
            self.system.forget()
        found = self._plans.get((keyspace, text))
        if found is None:
            statement = parse(text)
            space = statement.keyspace if statement.keyspace is not None else keyspace
            tables = self.system if space == "system" else self.cluster.tables(space)
            found = self._plans[keyspace, text] = Plan(statement, keyspace, tables)
        return found

    def run(
        self,
        connection: NodeConnection,
        plan: Plan,
        parameters: QueryParameters,
        metadata_id: bytes | None = None,
    ) -> Response:
        """Carry a statement out."""
        values: Any = parameters.values
        if isinstance(values, Mapping):
            names = {spec.name: i for i, spec in enumerate(plan.markers)}
            if unknown := [name for name in values if name not in names]:
                raise InvalidRequest(f"unknown bind variables {unknown}")
            values = [values.get(spec.name) for spec in plan.markers]
        self.executed += 1
        canned = plan.canned
        if canned is None or values:
            result = plan.run(values or [], parameters, metadata_id)
            if isinstance(result, SetKeyspaceResult):
                connection.keyspace = result.keyspace
            return result
        key = (parameters.skip_metadata, parameters.page_size, parameters.paging_state, metadata_id)
        if key not in canned:
            canned[key] = plan.run([], parameters, metadata_id)
        return canned[key]

    def change_schema(self, statement: Any, keyspace: str | None) -> Response:
        """Carry out DDL, and have everybody told who wants to know."""
        change = self.cluster.store.change(statement, keyspace)
        if change is None:
            return VoidResult()
        self.executed += 1
        self.cluster.schema_changed(change)
        return SchemaChangeResult(change)


def with_extras(response: Reply, extras: Extras) -> Reply:
    """Return an answer with what comes around it; the one given may be shared."""
    if isinstance(response, DriverException):
        response.tracing_id = extras.tracing_id
        response.warnings = extras.warnings
        response.custom_payload = extras.custom_payload
        return response
    response = copy(response)
    response.extras = extras
    return response


def _options(node: SimNode, connection: NodeConnection, message: Options) -> Reply:
    supported = connection.server.supported(COMPRESSION=list(node.compressions))
    return node.cluster.edit_supported(node, supported)


def _startup(node: SimNode, connection: NodeConnection, message: Startup) -> Reply:
    connection.startup = message.options
    node.world.note("startup", node.name, f"v{connection.server.version}")
    if node.cluster.users is None:
        return Ready()
    return Authenticate("org.apache.cassandra.auth.PasswordAuthenticator")


def _auth(node: SimNode, connection: NodeConnection, message: AuthResponse) -> Reply:
    _, user, password = (message.token or b"").split(b"\0", 2)
    users = node.cluster.users or {}
    if users.get(user.decode()) != password.decode():
        return AuthenticationFailed("Provided username and/or password are incorrect")
    connection.user = user.decode()
    return AuthSuccess(None)


def _register(node: SimNode, connection: NodeConnection, message: Register) -> Reply:
    connection.registered.update(message.event_types)
    return Ready()


def _query(node: SimNode, connection: NodeConnection, message: Query) -> Reply:
    parameters = message.parameters
    space = parameters.keyspace if parameters.keyspace is not None else connection.keyspace
    text = message.query
    if text.lstrip()[:6].upper().startswith(_DDL):
        return node.change_schema(parse(text), space)
    return node.run(connection, node.plan(text, space), parameters)


def _prepare(node: SimNode, connection: NodeConnection, message: Prepare) -> Reply:
    space = message.keyspace if message.keyspace is not None else connection.keyspace
    plan = node.plan(message.query, space)
    named = node.id_salt + f"{space or ''}{message.query}".encode()
    query_id = hashlib.md5(named).digest()
    node.prepared[query_id] = (space, message.query)
    node.prepares.append(message.query)
    return PreparedResult(query_id, plan.metadata, plan.result_metadata(), plan.metadata_id)


def _execute(node: SimNode, connection: NodeConnection, message: Execute) -> Reply:
    known = node.prepared.get(message.query_id)
    if known is None:
        raise unprepared(message.query_id)
    held = message.result_metadata_id
    return node.run(connection, node.plan(known[1], known[0]), message.parameters, held)


def _batch(node: SimNode, connection: NodeConnection, message: Batch) -> Reply:
    plans = []
    space = message.parameters.keyspace or connection.keyspace
    for entry in message.entries:
        if isinstance(entry.statement, bytes):
            known = node.prepared.get(entry.statement)
            if known is None:
                raise unprepared(entry.statement)
            plan = node.plan(known[1], known[0])
        else:
            plan = node.plan(entry.statement, space)
        if not plan.changes:
            raise InvalidRequest("Invalid statement in batch: only UPDATE, INSERT and DELETE")
        plans.append((plan, entry.values))
    for plan, values in plans:
        node.executed += 1
        plan.run(values, message.parameters, None)
    return VoidResult()


def unprepared(query_id: bytes) -> PreparedQueryNotFound:
    """Return the error for an id that a node does not know."""
    return PreparedQueryNotFound(f"Prepared query with ID {query_id.hex()} not found", query_id)


_ANSWERS: dict[type, Callable[[SimNode, NodeConnection, Any], Reply]] = {
    Options: _options,
    Startup: _startup,
    AuthResponse: _auth,
    Register: _register,
    Query: _query,
    Prepare: _prepare,
    Execute: _execute,
    Batch: _batch,
}
