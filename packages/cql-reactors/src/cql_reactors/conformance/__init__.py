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

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_reactors.conformance.kit import Kit
    from cql_reactors.conformance.suite import ReactorConformance

__all__ = ["Kit", "ReactorConformance"]

# Loaded when asked for, so that `python -m cql_reactors.conformance --patch` comes first.
__getattr__, __dir__ = lazily(
    __name__,
    {
        "cql_reactors.conformance.kit": "Kit",
        "cql_reactors.conformance.suite": "ReactorConformance",
    },
)
