"""Messages of every kind, for tests that send them somewhere.

`requests` and `responses` list every variant a protocol version has, each under a name;
`random_request` and `random_response` make more of them from a seeded generator.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from cql_protocol import errors, types
from cql_protocol.dialect import Features
from cql_protocol.enums import OperationType, WriteType
from cql_protocol.errors import DriverException
from cql_protocol.messages import (
    AuthChallenge,
    Authenticate,
    AuthResponse,
    AuthSuccess,
    Batch,
    BatchEntry,
    ColumnSpec,
    Event,
    Execute,
    Options,
    Prepare,
    PreparedMetadata,
    PreparedResult,
    Query,
    QueryParameters,
    RawRows,
    Ready,
    Register,
    Request,
    Response,
    ResultMetadata,
    SchemaChange,
    SchemaChangeResult,
    SetKeyspaceResult,
    Startup,
    StatusChange,
    Supported,
    TopologyChange,
    UnknownEvent,
    VoidResult,
)
from cql_protocol.values import UNSET

Answering = Response | DriverException

SCYLLA = Features(rate_limit_error=0xF000, lwt_mask=1 << 31, tablets_v1=True, metadata_id=True)
TRACE = uuid.UUID("a3f1c2d4-0000-11ee-8000-0123456789ab")
TEXTS = ("", "a", "ks", "Zoë", "日本", "select", 'it\'s "quoted"', "\U0001f600", "x" * 300)
VALUES: tuple[Any, ...] = (b"", b"\0", b"\xff\xff\xff\xff", bytes(range(256)), None, b"v" * 700)


def parameter_sets(version: int) -> Iterator[tuple[str, QueryParameters]]:
    """Every combination of flags that QUERY and EXECUTE have in a version."""
    unset = [UNSET] if version >= 4 else []
    value_sets: tuple[tuple[str, Any], ...] = (
        ("none", None),
        ("positional", [b"\0\0\0\7", None, *unset, b""]),
        ("named", {"id": b"\0\0\0\7", "Zoë": None, **dict.fromkeys("u" * len(unset), UNSET)}),
    )
    choices: dict[str, Any] = {
        "skip_metadata": True,
        "page_size": 5000,
        "paging_state": b"\1state",
        "serial_consistency": 9,
        "timestamp": -1_234_567_890_123_456,
    }
    if version >= 5:
        choices |= {"keyspace": "Ks", "now_in_seconds": 1_700_000_000}
    for (name, values), *on in itertools.product(value_sets, *[(False, True)] * len(choices)):
        chosen = {key: choices[key] for key, flag in zip(choices, on, strict=True) if flag}
        yield "+".join((name, *chosen)), QueryParameters(6, values, **chosen)


def requests(version: int) -> Iterator[tuple[str, Request]]:
    """Every request that a client can send once the handshake is over, but AUTH_RESPONSE."""
    yield "options", Options()
    for name, parameters in parameter_sets(version):
        yield f"query {name}", Query("SELECT * FROM t WHERE k = 'ö'", parameters)
    for name, parameters in itertools.islice(parameter_sets(version), 0, None, 7):
        metadata_id = b"metadata id" if version >= 5 else None
        yield f"execute {name}", Execute(bytes(range(16)), parameters, metadata_id)
    yield "query, empty", Query("")
    yield "prepare", Prepare("INSERT INTO t (k) VALUES (?)")
    if version >= 5:
        yield "prepare in keyspace", Prepare("INSERT INTO t (k) VALUES (?)", "ks")
        yield "execute, no metadata id", Execute(b"id")
    yield "register", Register(["TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"])
    yield "register nothing", Register([])
    yield from _batches(version)


def _batches(version: int) -> Iterator[tuple[str, Request]]:
    values = [b"1", None, UNSET] if version >= 4 else [b"1", None]
    entries = [
        BatchEntry("INSERT INTO t (k, v) VALUES (?, ?)", values),
        BatchEntry(b"\0prepared\xff", [b""]),
        BatchEntry("DELETE FROM t WHERE k = 1"),
    ]
    yield "batch, empty", Batch([])
    choices: dict[str, Any] = {"serial_consistency": 8, "timestamp": (1 << 63) - 1}
    if version >= 5:
        choices |= {"keyspace": "ks", "now_in_seconds": -1}
    for kind, *on in itertools.product((0, 1, 2), *[(False, True)] * len(choices)):
        chosen = {key: choices[key] for key, flag in zip(choices, on, strict=True) if flag}
        name = "+".join((f"batch {kind}", *chosen))
        yield name, Batch(entries, kind, QueryParameters(4, **chosen))


def handshake_requests() -> Iterator[tuple[str, Request]]:
    """The requests that only the handshake has."""
    yield "startup", Startup()
    yield "startup, more", Startup({"DRIVER_NAME": "Zoë", "NO_COMPACT": "true"})
    yield "auth response", AuthResponse(b"\0user\0password")
    yield "auth response, empty", AuthResponse(b"")
    yield "auth response, null", AuthResponse(None)


def handshake_responses() -> Iterator[tuple[str, Response]]:
    """The responses that only the handshake has."""
    yield "authenticate", Authenticate("org.apache.cassandra.auth.PasswordAuthenticator")
    for token in (None, b"", b"\xfftoken"):
        yield f"auth challenge {token!r}", AuthChallenge(token)
        yield f"auth success {token!r}", AuthSuccess(token)


def responses(version: int) -> Iterator[tuple[str, Answering]]:
    """Every answer to a request in READY; errors are new objects each time."""
    yield "ready", Ready()
    yield "supported", Supported({"COMPRESSION": ["lz4", "snappy"], "CQL_VERSION": [], "é": [""]})
    yield "void", VoidResult()
    yield "set keyspace", SetKeyspaceResult("Größe")
    for name, change in _schema_changes(version):
        yield f"result {name}", SchemaChangeResult(change)
    yield from _rows(version)
    yield from _prepared(version)
    yield from server_errors(version)


def events(version: int) -> Iterator[tuple[str, Event]]:
    """Every event."""
    for change in ("UP", "DOWN"):
        yield f"status {change}", StatusChange(change, "127.0.0.1", 9042)
    for change in ("NEW_NODE", "REMOVED_NODE", "MOVED_NODE"):
        yield f"topology {change}", TopologyChange(change, "2001:db8::ff00:42:8329", 65535)
    yield from _schema_changes(version)


def unknown_event() -> UnknownEvent:
    """An event that no specification has."""
    return UnknownEvent("CLIENT_ROUTES_CHANGE", b"\0\1whatever")


def _schema_changes(version: int) -> Iterator[tuple[str, SchemaChange]]:
    for change in ("CREATED", "UPDATED", "DROPPED"):
        yield f"{change} keyspace", SchemaChange(change, "KEYSPACE", "ks")
        for target in ("TABLE", "TYPE"):
            yield f"{change} {target}", SchemaChange(change, target, "ks", "naïve")
    if version >= 4:
        for target, arguments in (("FUNCTION", ["int", "frozen<list<text>>"]), ("AGGREGATE", [])):
            yield f"{target}", SchemaChange("CREATED", target, "ks", "f", arguments)


# --- results -----------------------------------------------------------------------------------


def all_types() -> list[types.CqlType]:
    """Every type that a column can have, simple ones and some that are made of others."""
    text, number = types.TEXT, types.INT
    user = types.UserType("ks", "Address", [("street", text), ("zip", number)])
    return [
        *dict.fromkeys(types.SIMPLE_TYPES.values()),
        types.ListType(text),
        types.SetType(types.UUID),
        types.MapType(text, types.ListType(types.MapType(number, types.SetType(text)))),
        types.TupleType(number, text, types.TupleType(types.DOUBLE)),
        user,
        types.ListType(types.UserType("ks", "outer", [("home", user), ("tags", text)])),
        types.VectorType(types.FLOAT, 3),
        types.ListType(types.VectorType(text, 2)),
        types.CustomType("com.example.Rational"),
    ]


def _columns(cql_types: list[types.CqlType], table: Callable[[int], str]) -> list[ColumnSpec]:
    return [ColumnSpec("ks", table(n), f"c{n}", each) for n, each in enumerate(cql_types)]


def _rows(version: int) -> Iterator[tuple[str, Response]]:
    one_table = _columns(all_types(), lambda n: "t")
    two_tables = _columns(all_types()[:3], lambda n: f"t{n % 2}")
    nulls = [[None] * len(one_table), [b""] * len(one_table)]
    yield "rows of every type", RawRows.from_cells(ResultMetadata(one_table), nulls)
    cells = [[b"\0\0\0\1", None, b"x" * 40], [b"", b"y", None]]
    shapes: dict[str, dict[str, Any]] = {
        "one table": {"columns": one_table[:3]},
        "two tables": {"columns": two_tables},
        "no metadata": {"column_count": 3},
    }
    extras: list[dict[str, Any]] = [{}, {"paging_state": b"next"}, {"paging_state": b""}]
    if version >= 5:
        extras += [{"new_metadata_id": b"new id"}, {"new_metadata_id": b"n", "paging_state": b"p"}]
    for (name, shape), extra in itertools.product(shapes.items(), extras):
        metadata = ResultMetadata(**shape, **extra)
        yield "+".join(("rows", name, *extra)), RawRows.from_cells(metadata, cells)
    yield "rows, none", RawRows.from_cells(ResultMetadata(one_table[:1]), [])


def _prepared(version: int) -> Iterator[tuple[str, Response]]:
    metadata_id = b"result id" if version >= 5 else None
    one_table = _columns(all_types(), lambda n: "t")
    two_tables = _columns(all_types()[:2], lambda n: f"t{n}")
    for indexes in [(), (0,), (2, 0, 1)] if version >= 4 else [()]:
        markers = PreparedMetadata(one_table, indexes)
        result = ResultMetadata(two_tables)
        yield f"prepared {indexes}", PreparedResult(b"id" * 8, markers, result, metadata_id)
    nothing = ResultMetadata(None, column_count=0)
    yield "prepared write", PreparedResult(b"i", PreparedMetadata(two_tables), nothing, metadata_id)
    yield "prepared, no markers", PreparedResult(b"", PreparedMetadata(), nothing, metadata_id)


# --- errors ------------------------------------------------------------------------------------

_PLAIN = {
    0x0000: errors.ServerError,
    0x000A: errors.ProtocolViolation,
    0x0100: errors.AuthenticationFailed,
    0x1001: errors.Overloaded,
    0x1002: errors.IsBootstrapping,
    0x1003: errors.TruncateError,
    0x1600: errors.CDCWriteFailure,
    0x2000: errors.SyntaxException,
    0x2100: errors.Unauthorized,
    0x2200: errors.InvalidRequest,
    0x2300: errors.ConfigurationException,
}


def server_errors(version: int) -> Iterator[tuple[str, DriverException]]:
    """Every error of the specification's section 9, in all its variants."""
    for code, cls in _PLAIN.items():
        yield f"error 0x{code:04x}", _coded(code, cls(f"it broke: {code} ✗"))
    counts: dict[str, Any] = {
        "consistency": 6,
        "required_responses": 3,
        "received_responses": 1,
    }
    yield "unavailable", _coded(0x1000, errors.Unavailable("too few", 4, 3, 2))
    yield "cas unknown", _coded(0x1700, errors.CASWriteUnknown("who knows", **counts))
    for retrieved in (False, True):
        error = errors.ReadTimeout("slow", retrieved, **counts)
        yield f"read timeout {retrieved}", _coded(0x1200, error)
    for kind in WriteType:
        if kind is not WriteType.OTHER:
            error = errors.WriteTimeout("slow", kind, **counts)
            yield f"write timeout {kind.name}", _coded(0x1100, error)
    yield from _failures(version, counts)
    function = errors.FunctionFailure("division", "ks", "f", ["int", "text"])
    yield "function failure", _coded(0x1400, function)
    for table in (None, "t"):
        error = errors.AlreadyExists("ks", table, "it is there")
        yield f"already exists {table}", _coded(0x2400, error)
    unknown = errors.PreparedQueryNotFound("unknown", b"\0id\xff")
    yield "unprepared", _coded(0x2500, unknown)


def _failures(version: int, counts: dict[str, Any]) -> Iterator[tuple[str, DriverException]]:
    maps: list[dict[str, int]] = [{}, {"127.0.0.1": 1}, {"10.0.0.1": 0, "2001:db8::1": 0xFFFF}]
    for reasons in maps:
        fields = {**counts, "failures": len(reasons)}
        if version >= 5:
            fields["error_code_map"] = reasons
        for retrieved in (False, True):
            read = errors.ReadFailure("tombstones", retrieved, **fields)
            yield f"read failure {len(reasons)} {retrieved}", _coded(0x1300, read)
        write = errors.WriteFailure("disk", WriteType.UNLOGGED_BATCH, **fields)
        yield f"write failure {len(reasons)}", _coded(0x1500, write)


def contended() -> DriverException:
    """A timeout of a conditional write in protocol 5, which counts contentions."""
    error = errors.WriteTimeout(
        "slow", WriteType.CAS, consistency=8, required_responses=2, received_responses=1
    )
    error.contentions = 7
    return _coded(0x1100, error)


def scylla_responses(version: int) -> Iterator[tuple[str, Answering]]:
    """What a connection with ScyllaDB's extensions (`SCYLLA`) has besides."""
    for operation in OperationType:
        error = errors.RateLimitReached(operation, operation is OperationType.Read, "too fast")
        yield f"rate limit {operation.name}", _coded(0xF000, error)
    indexes = (1,) if version >= 4 else ()
    markers = PreparedMetadata(_columns(all_types()[:2], lambda n: "t"), indexes, True)
    result = ResultMetadata(None, column_count=0)
    yield "conditional statement", PreparedResult(b"id", markers, result, b"result id")
    changed = ResultMetadata(_columns(all_types()[:1], lambda n: "t"), None, b"new id")
    yield "metadata changed", RawRows.from_cells(changed, [[b"1"]])


def _coded(code: int, error: DriverException) -> DriverException:
    error.code = code
    return error


def content(message: Any) -> Any:
    """What two equal messages have in common; errors do not compare by themselves."""
    if isinstance(message, BaseException):
        fields = {key: value for key, value in vars(message).items() if value not in (None, ())}
        return type(message), str(message), fields
    return message


# --- at random ---------------------------------------------------------------------------------


def random_parameters(rng: random.Random, version: int) -> QueryParameters:
    """Parameters of a QUERY or EXECUTE."""
    count = rng.choice((0, 0, 1, 2, 9))
    choices = VALUES + (UNSET,) * (version >= 4)
    values: Any = [rng.choice(choices) for _ in range(count)] or None
    if values and rng.random() < 0.3:
        values = {f"{rng.choice(TEXTS)}{n}": value for n, value in enumerate(values)}
    found = random_options(rng, version)
    found.values = values
    found.skip_metadata = rng.random() < 0.5
    if rng.random() < 0.5:
        found.page_size = rng.choice((1, 5000, (1 << 31) - 1))
    if rng.random() < 0.3:
        found.paging_state = rng.randbytes(rng.choice((0, 1, 40)))
    return found


def random_options(rng: random.Random, version: int) -> QueryParameters:
    """Those parameters that a BATCH has as well."""
    found = QueryParameters(rng.randrange(11))
    if rng.random() < 0.3:
        found.serial_consistency = rng.choice((8, 9))
    if rng.random() < 0.5:
        found.timestamp = rng.randrange(-(1 << 63), 1 << 63)
    if version >= 5 and rng.random() < 0.3:
        found.keyspace = rng.choice(TEXTS)
    if version >= 5 and rng.random() < 0.3:
        found.now_in_seconds = rng.randrange(-(1 << 31), 1 << 31)
    return found


def random_request(rng: random.Random, version: int) -> Request:
    """A request that may be sent in READY."""
    kind = rng.randrange(6)
    if kind == 0:
        return Query(rng.choice(TEXTS), random_parameters(rng, version))
    if kind == 1:
        metadata_id = rng.choice((None, rng.randbytes(16))) if version >= 5 else None
        return Execute(rng.randbytes(16), random_parameters(rng, version), metadata_id)
    if kind == 2:
        keyspace = rng.choice((None, *TEXTS)) if version >= 5 else None
        return Prepare(rng.choice(TEXTS), keyspace)
    if kind == 3:
        return Register([rng.choice(TEXTS) for _ in range(rng.randrange(4))])
    if kind == 4:
        return Options()
    entries = []
    for _ in range(rng.choice((0, 1, 3, 20))):
        statement = rng.choice((rng.choice(TEXTS), rng.randbytes(16)))
        values = [rng.choice(VALUES) for _ in range(rng.randrange(4))]
        entries.append(BatchEntry(statement, values))
    return Batch(entries, rng.randrange(3), random_options(rng, version))


def random_type(rng: random.Random, depth: int = 0) -> types.CqlType:
    """A type, nested to a depth of three at most."""
    if depth == 3 or rng.random() < 0.6:
        return rng.choice(all_types())
    inner = [random_type(rng, depth + 1) for _ in range(3)]
    makers: tuple[Callable[[], types.CqlType], ...] = (
        lambda: types.ListType(inner[0]),
        lambda: types.SetType(inner[0]),
        lambda: types.MapType(inner[0], inner[1]),
        lambda: types.TupleType(*inner[: rng.randrange(1, 4)]),
        lambda: types.UserType("ks", "ü", [(f"f{n}", each) for n, each in enumerate(inner)]),
        lambda: types.VectorType(inner[0], rng.randrange(1, 9)),
    )
    return rng.choice(makers)()


def random_rows(rng: random.Random, version: int) -> RawRows:
    """A page of rows; its cells are bytes that need not fit the types."""
    width = rng.randrange(1, 6)
    tables = [rng.choice(("t", "u")) for _ in range(width)]
    columns = _columns([random_type(rng) for _ in range(width)], tables.__getitem__)
    state = rng.choice((None, rng.randbytes(20)))
    new_id = rng.choice((None, rng.randbytes(16))) if version >= 5 else None
    known: list[ColumnSpec] | None = columns if rng.random() < 0.7 else None
    metadata = ResultMetadata(known, state, new_id, width)
    rows = [[rng.choice(VALUES) for _ in range(width)] for _ in range(rng.randrange(5))]
    return RawRows.from_cells(metadata, rows)


def random_response(rng: random.Random, version: int) -> Answering:
    """An answer or an event, with tracing id, warnings and payload at random."""
    if rng.random() < 0.5:
        found: Answering = random_rows(rng, version)
    else:
        pool = (*responses(version), *events(version))
        found = rng.choice(pool)[1]
    tracing_id = uuid.UUID(int=rng.getrandbits(128)) if rng.random() < 0.3 else None
    warnings = [rng.choice(TEXTS) for _ in range(rng.randrange(3))]
    payload = {text: rng.choice(VALUES) for text in rng.sample(TEXTS, rng.randrange(1, 4))}
    add_extras(
        found,
        tracing_id,
        warnings if version >= 4 else [],
        payload if version >= 4 and rng.random() < 0.3 else None,
    )
    return found


def add_extras(
    message: Answering,
    tracing_id: uuid.UUID | None,
    warnings: list[str],
    payload: dict[str, bytes | None] | None,
) -> None:
    """Give a response, or an error, what may come around it."""
    if tracing_id is None and not warnings and payload is None:
        return
    fields: dict[str, Any] = {
        "tracing_id": tracing_id,
        "warnings": warnings or (),
        "custom_payload": payload,
    }
    if isinstance(message, Response):
        message.with_extras(**fields)
        return
    for name, value in fields.items():
        setattr(message, name, value)
