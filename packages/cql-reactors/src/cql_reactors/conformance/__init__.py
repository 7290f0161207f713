"""The conformance kit: what every event loop of the driver must do, as tests for pytest.

Who writes a reactor has it tested by one class::

    import pytest
    from cql_reactors.conformance import ReactorConformance
    from my_package import MyRuntime

    class TestMyRuntime(ReactorConformance):
        @pytest.fixture
        def make_runtime(self):
            return MyRuntime

or by one command, also in a process that is monkey-patched::

    python -m cql_reactors.conformance my_package:MyRuntime
    python -m cql_reactors.conformance gevent --patch gevent -k Streams

It needs pytest and trustme: ``pip install 'cql-reactors[conformance]'``.
"""

from __future__ import annotations

import sys

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_reactors.conformance.calls import Calls
    from cql_reactors.conformance.closing import Closing
    from cql_reactors.conformance.connecting import Connecting
    from cql_reactors.conformance.ends import Ends
    from cql_reactors.conformance.forks import Forks
    from cql_reactors.conformance.kit import Kit
    from cql_reactors.conformance.lifetimes import Lifetimes
    from cql_reactors.conformance.pressure import Pressure
    from cql_reactors.conformance.streams import Streams
    from cql_reactors.conformance.suite import ReactorConformance
    from cql_reactors.conformance.timers import TimedCalls
    from cql_reactors.conformance.tls import Tls

__all__ = [
    "ReactorConformance",
    "Kit",
    "Calls",
    "TimedCalls",
    "Connecting",
    "Streams",
    "Pressure",
    "Closing",
    "Tls",
    "Ends",
    "Lifetimes",
    "Forks",
]

_PLACES = {
    "cql_reactors.conformance.calls": "Calls",
    "cql_reactors.conformance.closing": "Closing",
    "cql_reactors.conformance.connecting": "Connecting",
    "cql_reactors.conformance.ends": "Ends",
    "cql_reactors.conformance.forks": "Forks",
    "cql_reactors.conformance.kit": "Kit",
    "cql_reactors.conformance.lifetimes": "Lifetimes",
    "cql_reactors.conformance.pressure": "Pressure",
    "cql_reactors.conformance.streams": "Streams",
    "cql_reactors.conformance.suite": "ReactorConformance",
    "cql_reactors.conformance.timers": "TimedCalls",
    "cql_reactors.conformance.tls": "Tls",
}

# Loaded when asked for, so that `python -m cql_reactors.conformance --patch` comes first.
_load, __dir__ = lazily(__name__, _PLACES)


def __getattr__(name: str) -> object:
    pytest = sys.modules.get("pytest")
    if pytest is not None:
        # Failures are to show values, as those of test modules do.
        pytest.register_assert_rewrite(*(_PLACES.keys() - sys.modules.keys()))
    if name in __all__:
        _load("Kit")  # says what is missing
    return _load(name)
