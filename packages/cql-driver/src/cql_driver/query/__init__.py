"""Statements, and the forms in which rows are given.

Example::

    from cql_driver.query import BatchStatement, SimpleStatement, dict_factory

    statement = SimpleStatement("SELECT * FROM users WHERE id = %s", fetch_size=100)
    rows = session.execute(statement, (user_id,))
"""

from __future__ import annotations

from cql_protocol._lazy import lazily
from cql_protocol.values.sentinels import UNSET

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.columnar.factory import arrow_factory
    from cql_driver.encoder import Encoder
    from cql_driver.errors import TraceUnavailable
    from cql_driver.query.batch import BatchStatement
    from cql_driver.query.bound import BoundStatement
    from cql_driver.query.checks import FETCH_SIZE_UNSET
    from cql_driver.query.prepared import PreparedState, PreparedStatement
    from cql_driver.query.rows import (
        PseudoNamedTupleRow,
        dataclass_factory,
        dict_factory,
        named_tuple_factory,
        ordered_dict_factory,
        pseudo_namedtuple_factory,
        tuple_factory,
    )
    from cql_driver.query.snapshot import Snapshot
    from cql_driver.query.statement import (
        HostTargetingStatement,
        SimpleStatement,
        Statement,
        bind_params,
    )
    from cql_driver.query.trace import QueryTrace, TraceEvent
    from cql_protocol.enums import BatchType, ConsistencyLevel
    from cql_protocol.errors import OperationTimedOut
    from cql_protocol.literals import ValueSequence
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_driver.columnar.factory": "arrow_factory",
            "cql_driver.encoder": "Encoder",
            "cql_driver.errors": "TraceUnavailable",
            "cql_driver.query.batch": "BatchStatement",
            "cql_driver.query.bound": "BoundStatement",
            "cql_driver.query.checks": "FETCH_SIZE_UNSET",
            "cql_driver.query.prepared": "PreparedState PreparedStatement",
            "cql_driver.query.rows": (
                "PseudoNamedTupleRow dataclass_factory dict_factory named_tuple_factory "
                "ordered_dict_factory pseudo_namedtuple_factory tuple_factory"
            ),
            "cql_driver.query.snapshot": "Snapshot",
            "cql_driver.query.statement": (
                "HostTargetingStatement SimpleStatement Statement bind_params"
            ),
            "cql_driver.query.trace": "QueryTrace TraceEvent",
            "cql_protocol.enums": "BatchType ConsistencyLevel",
            "cql_protocol.errors": "OperationTimedOut",
            "cql_protocol.literals": "ValueSequence",
        },
    )

UNSET_VALUE = UNSET
"""Stands for a value that is not given: the column keeps what it holds (protocol 4 and newer)."""

__all__ = [
    "FETCH_SIZE_UNSET",
    "UNSET_VALUE",
    "BatchStatement",
    "BatchType",
    "BoundStatement",
    "ConsistencyLevel",
    "Encoder",
    "HostTargetingStatement",
    "OperationTimedOut",
    "PreparedState",
    "PreparedStatement",
    "PseudoNamedTupleRow",
    "QueryTrace",
    "SimpleStatement",
    "Snapshot",
    "Statement",
    "TraceEvent",
    "TraceUnavailable",
    "ValueSequence",
    "arrow_factory",
    "bind_params",
    "dataclass_factory",
    "dict_factory",
    "named_tuple_factory",
    "ordered_dict_factory",
    "pseudo_namedtuple_factory",
    "tuple_factory",
]
