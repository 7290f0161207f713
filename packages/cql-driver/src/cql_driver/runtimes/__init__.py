"""Event loops the core runs on: `selector` is built in, others are plugins.

A plugin is an entry point of the group ``cql_driver.reactors`` whose object makes a `Runtime`.
"""

from __future__ import annotations

import os

from cql_protocol.registry import Registry

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.core.runtime import Runtime

__all__ = ["REACTORS", "make_runtime"]

REACTORS = Registry(
    "cql_driver.reactors",
    "reactor",
    {
        "asyncio": "cql_reactors.asyncioreactor:AsyncioRuntime",
        "asyncore": "cql_reactors.asyncorereactor:AsyncoreRuntime",
        "eventlet": "cql_reactors.eventletreactor:EventletRuntime",
        "gevent": "cql_reactors.geventreactor:GeventRuntime",
        "libev": "cql_reactors.libevreactor:LibevRuntime",
        "selector": "cql_driver.runtimes.selector:SelectorRuntime",
        "twisted": "cql_reactors.twistedreactor:TwistedRuntime",
    },
    {
        "asyncio": "cql-driver[asyncio]",
        "asyncore": "cql-driver[asyncore]",
        "eventlet": "cql-driver[eventlet]",
        "gevent": "cql-driver[gevent]",
        "libev": "cql-driver[libev]",
        "twisted": "cql-driver[twisted]",
    },
)
"""Event loops by name."""

_VARIABLE = "CQL_DRIVER_REACTOR"


def make_runtime(reactor: str | None = None, background_thread: bool = True) -> Runtime:
    """Return a new event loop, not started: the one named, else by the environment, else selector.

    Raises `PluginError` when it cannot be had; the message says what to install.
    """
    name = reactor or os.environ.get(_VARIABLE) or "selector"
    return REACTORS.load(name)(background_thread=background_thread)  # type: ignore[no-any-return]
