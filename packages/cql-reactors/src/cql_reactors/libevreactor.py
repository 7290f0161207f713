"""The reactor `libev`: the built-in loop, asleep in libev.

libev is bound by an extension of cql-speedups, which has it where libev's header was when it was
built. All that the built-in loop promises holds here too: blocking callers drive it in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cql_driver.runtimes.selector import SelectorRuntime
from cql_reactors.connections import ReactorConnection

if TYPE_CHECKING:
    from cql_driver.runtimes.system import Poller

try:
    from cql_speedups.libev import LibevPoller
except ModuleNotFoundError as exc:
    if exc.name != "cql_speedups.libev":
        raise
    raise ImportError(
        "cql-speedups was built without libev: install libev's headers (Debian: libev-dev, "
        "Fedora: libev-devel, macOS: brew install libev) and build cql-speedups anew: pip install "
        "--force-reinstall --no-deps --no-cache-dir --no-binary cql-speedups cql-speedups",
        name=exc.name,
    ) from exc

__all__ = ["LibevConnection", "LibevRuntime"]


class LibevRuntime(SelectorRuntime):
    """An event loop over libev, that its callers drive in turn."""

    name = "libev"

    def holds_up_greenlets(self) -> bool:
        """Say that no library patches libev."""
        return True

    def make_poller(self) -> Poller:
        """Return a loop of libev's own, which this runtime shares with nobody."""
        return LibevPoller()


class LibevConnection(ReactorConnection):
    """Names the reactor `libev`."""

    reactor = "libev"
