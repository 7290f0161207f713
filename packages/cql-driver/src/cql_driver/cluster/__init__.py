"""Clusters and sessions: start here.

Example::

    from cql_driver.cluster import Cluster

    with Cluster(["127.0.0.1"]) as cluster, cluster.connect() as session:
        for row in session.execute("SELECT release_version FROM system.local"):
            print(row.release_version)
"""

from __future__ import annotations

from cql_driver.cluster.cluster import Cluster
from cql_driver.cluster.configuration import ControlConnectionQueryFallback
from cql_driver.cluster.hosts import SchemaAgreementScope
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, ExecutionProfile, ProfileManager
from cql_driver.cluster.schema import SchemaListener
from cql_driver.cluster.session import Session
from cql_driver.errors import (
    ClientOverloaded,
    ForkedError,
    NoHostAvailable,
    QueryExhausted,
    SessionShutdown,
    UserTypeDoesNotExist,
)
from cql_driver.policies import default_lbp_factory
from cql_driver.query import FETCH_SIZE_UNSET
from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.cluster.response import ResponseFuture
    from cql_driver.cluster.results import NotConditional, ResultSet
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_driver.cluster.response": "ResponseFuture",
            "cql_driver.cluster.results": "NotConditional ResultSet",
        },
    )

__all__ = [
    "EXEC_PROFILE_DEFAULT",
    "FETCH_SIZE_UNSET",
    "ClientOverloaded",
    "Cluster",
    "ControlConnectionQueryFallback",
    "ExecutionProfile",
    "ForkedError",
    "NoHostAvailable",
    "NotConditional",
    "ProfileManager",
    "QueryExhausted",
    "ResponseFuture",
    "ResultSet",
    "SchemaAgreementScope",
    "SchemaListener",
    "Session",
    "SessionShutdown",
    "UserTypeDoesNotExist",
    "default_lbp_factory",
]
