"""All groups of tests together."""

from __future__ import annotations

from cql_reactors.conformance.calls import Calls
from cql_reactors.conformance.closing import Closing
from cql_reactors.conformance.connecting import Connecting
from cql_reactors.conformance.ends import Ends
from cql_reactors.conformance.forks import Forks
from cql_reactors.conformance.lifetimes import Lifetimes
from cql_reactors.conformance.pressure import Pressure
from cql_reactors.conformance.streams import Streams
from cql_reactors.conformance.timers import TimedCalls
from cql_reactors.conformance.tls import Tls

__all__ = ["ReactorConformance"]


class ReactorConformance(
    Calls, TimedCalls, Connecting, Streams, Pressure, Closing, Tls, Ends, Lifetimes, Forks
):
    """All that an event loop must do. A subclass has the fixture `make_runtime`."""
