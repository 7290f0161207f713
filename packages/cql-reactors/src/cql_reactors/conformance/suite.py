"""All groups of tests together."""

from __future__ import annotations

from cql_reactors.conformance.calls import Calls
from cql_reactors.conformance.connecting import Connecting
from cql_reactors.conformance.ends import Ends
from cql_reactors.conformance.streams import Streams
from cql_reactors.conformance.timers import TimedCalls

__all__ = ["ReactorConformance"]


class ReactorConformance(Calls, TimedCalls, Connecting, Streams, Ends):
    """All that an event loop must do. A subclass has the fixture `make_runtime`."""
