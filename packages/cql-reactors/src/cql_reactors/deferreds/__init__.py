"""Sessions whose methods return Deferreds; `cql_reactors.twistedreactor` shows them too."""

from __future__ import annotations

from cql_reactors.deferreds.cluster import TwistedCluster
from cql_reactors.deferreds.results import TwistedResultSet
from cql_reactors.deferreds.session import TwistedSession

__all__ = ["TwistedCluster", "TwistedResultSet", "TwistedSession"]
