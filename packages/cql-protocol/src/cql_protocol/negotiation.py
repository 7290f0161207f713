"""From SUPPORTED to STARTUP: which compression and which extensions to ask for."""

from __future__ import annotations

from cql_protocol.connection.base import load_compressor
from cql_protocol.dialect import Features
from cql_protocol.errors import LocalProtocolError, PluginError
from cql_protocol.messages import Startup, Supported

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["startup"]

PREFERENCE = ("lz4", "snappy")
"""Compressions in the order in which they are tried when the caller leaves the choice."""


def startup(
    supported: Supported,
    version: int,
    *,
    compression: bool | str = True,
    options: Mapping[str, str] | None = None,
) -> Startup:
    """Return the STARTUP message that fits what the server supports.

    `compression` is True for the best that both sides have, False for none, or a name.
    Every extension of ScyllaDB that this library speaks is turned on where it is offered.
    `options` are added, or replace what would be there.

    Raises `LocalProtocolError` when the compression named is not supported by the server
    or by this protocol version, `PluginError` when its library is not installed.

    Example::

        sock.sendall(connection.send(startup(supported, 5, compression="lz4")))
    """
    offered = [name.lower() for name in supported.options.get("COMPRESSION", ())]
    chosen = _choose(offered, version, compression)
    found = Features.from_supported(supported.options).startup_options()
    if chosen is not None:
        found["COMPRESSION"] = chosen
    return Startup({**found, **(options or {})})


def _choose(offered: list[str], version: int, compression: bool | str) -> str | None:
    if compression is False:
        return None
    if compression is True:
        return next((name for name in PREFERENCE if _usable(name, offered, version)), None)
    if compression not in offered:
        raise LocalProtocolError(
            f"the server does not support compression {compression!r}; "
            f"it has: {', '.join(offered) or 'none'}"
        )
    load_compressor(compression, version)
    return compression


def _usable(name: str, offered: list[str], version: int) -> bool:
    """Say whether both sides can compress by `name`; its library need not be installed."""
    if name not in offered:
        return False
    try:
        load_compressor(name, version)
    except (PluginError, LocalProtocolError):
        return False
    return True
