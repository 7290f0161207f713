"""Event loops the core runs on: `selector` is built in, others are plugins.

A plugin is an entry point of the group ``cql_driver.reactors`` whose object makes a `Runtime`.
"""

from __future__ import annotations

import os

from cql_driver.errors import InvalidArgumentType
from cql_protocol.errors import DriverException, PluginError
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

VARIABLE = "CQL_DRIVER_REACTOR"
"""The environment variable that chooses where no argument does."""
DEFAULT = "selector"


def make_runtime(reactor: str | None = None, background_thread: bool = True) -> Runtime:
    """Return a new event loop, not started: the one named, else by the environment, else selector.

    Raises `PluginError` when it cannot be had; the message says what to install.
    """
    if reactor is not None and not isinstance(reactor, str):
        raise InvalidArgumentType(f"reactor={reactor!r} is not a str, such as 'gevent'")
    if reactor:
        return _made(reactor, background_thread)
    name = os.environ.get(VARIABLE)
    if not name:
        return _made(DEFAULT, background_thread)
    try:
        return _made(name, background_thread)
    except PluginError as exc:
        raise PluginError(f"{exc} (by {VARIABLE})") from exc


def _made(name: str, background_thread: bool) -> Runtime:
    """Return what a plugin makes; raise `PluginError` when that is no event loop."""
    from cql_driver.core.runtime import Runtime

    plugin = REACTORS.load(name)
    try:
        made = plugin(background_thread=background_thread)
    except DriverException:
        raise
    except Exception as exc:
        raise PluginError(
            f"reactor {name!r} cannot be made: {plugin!r} raised {type(exc).__name__}: {exc}"
        ) from exc
    if not isinstance(made, Runtime):
        raise PluginError(
            f"reactor {name!r}: {plugin!r} made a {type(made).__name__}, which is no Runtime "
            "(cql_driver.core.runtime)"
        )
    return made
