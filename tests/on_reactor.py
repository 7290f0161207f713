"""Runs the tests of the blocking API on real nodes, on one reactor::

    python -m tests.on_reactor gevent [--alone] [arguments of pytest]

What the reactor's framework patches is patched before anything else is imported, as its users
do. With ``--alone`` no other framework may be installed. `make reactors` runs it for each reactor
in an environment of its own.
"""

from __future__ import annotations

import os
import sys

from tests import unpatched  # noqa: F401 - keeps what is patched below

REACTORS = ("selector", "asyncio", "asyncore", "eventlet", "gevent", "libev", "twisted")
FRAMEWORKS = ("eventlet", "gevent", "twisted", "uvloop")
"""What is installed for one reactor, and must not be there for others."""

PATCHES = {
    "gevent": "import gevent.monkey\ngevent.monkey.patch_all()",
    # Which says of itself, by a warning, that it is deprecated.
    "eventlet": (
        "import warnings\n"
        "with warnings.catch_warnings(action='ignore'):\n"
        "    import eventlet\n"
        "eventlet.monkey_patch()"
    ),
}
"""How programs begin that use these reactors."""

SUITE = "tests/integration/driver"


def patch(reactor: str) -> None:
    """Do what a program does that uses the reactor."""
    exec(PATCHES.get(reactor, ""), {})


def main(arguments: list[str]) -> int:
    """Patch, then run pytest; return its status."""
    if not arguments or arguments[0] not in REACTORS:
        print(f"usage: python -m tests.on_reactor {{{','.join(REACTORS)}}} [pytest arguments]")
        return 2
    reactor, *rest = arguments
    patch(reactor)
    os.environ["CQL_DRIVER_REACTOR"] = reactor
    print(f"==== the blocking API on {reactor} ====", flush=True)
    if "--alone" in rest:
        rest.remove("--alone")
        others = [name for name in FRAMEWORKS if name != reactor and _is_installed(name)]
        if others:
            print(f"not alone: {', '.join(others)} is installed here too")
            return 2
    import pytest

    if not any(os.path.exists(argument.partition("::")[0]) for argument in rest):
        rest.append(SUITE)
    # Where it hangs, it should say where.
    return int(pytest.main(["-o", "faulthandler_timeout=300", *rest]))


def _is_installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
