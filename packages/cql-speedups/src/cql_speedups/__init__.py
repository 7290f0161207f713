"""Compiled twins of what cql_protocol and cql_driver have, chosen by `cql_protocol._accel`.

Each function and class is named after the one it replaces: same name, same arguments, same
results, same errors. Nobody else needs to import this package, and it is used only when it has
the same version::

    >>> import cql_speedups.murmur3
    >>> cql_speedups.murmur3.murmur3(b"123")
    -7468325962851647638

`cql_speedups.libev` is what the reactor `libev` of cql-reactors sleeps in. It is there only where
libev's header was when this package was built, and nobody else imports it.
"""

from __future__ import annotations

from cql_speedups._version import __version__

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_speedups import (
        attempts,
        awaiting,
        blocks,
        calls,
        columns,
        encoding,
        frames,
        intake,
        making,
        murmur3,
        outbox,
        pages,
        rounds,
        rows,
        segments,
        sockets,
        timestamps,
        turns,
    )

__all__ = [
    "__version__",
    "attempts",
    "awaiting",
    "blocks",
    "calls",
    "columns",
    "encoding",
    "frames",
    "intake",
    "making",
    "murmur3",
    "outbox",
    "pages",
    "rounds",
    "rows",
    "segments",
    "sockets",
    "timestamps",
    "turns",
]


def __getattr__(name: str) -> Any:
    """Import a module when it is first asked for: nobody needs all of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return __import__(f"{__name__}.{name}", fromlist=[name])
