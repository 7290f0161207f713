"""A program that uses a runtime and ends without stopping it; run by `Lifetimes`."""

from __future__ import annotations

import atexit
import json
import sys
import threading
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cql_driver.core.runtime import Runtime

__all__ = ["ENDS", "WORD", "importable", "main"]

ENDS = ("idle", "waiting", "working", "stopped at exit", "stopped when collected")
"""What the program is about when it ends."""
WORD = "done"
"""What it prints."""


def importable(make: Callable[[], Runtime]) -> tuple[str | None, Mapping[str, Any]]:
    """Return ``module:attribute`` and the keywords that make the same runtimes elsewhere.

    None in place of the name when there is no such way.
    """
    keywords: Mapping[str, Any] = {}
    function: Any = make
    if isinstance(make, partial) and not make.args:
        function, keywords = make.func, make.keywords
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "<")
    if not module or "<" in name or module == "__main__":
        return None, {}
    try:
        json.dumps(keywords)
        if find(f"{module}:{name}") is not function:
            return None, {}
    except (ImportError, AttributeError, TypeError):
        return None, {}
    return f"{module}:{name}", keywords


def find(name: str) -> Any:
    """Return what ``module:attribute`` names."""
    module, _, attributes = name.partition(":")
    found: Any = import_module(module)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found


def patch(library: str) -> None:
    """Have a library replace what blocks in the standard library."""
    try:
        if library == "gevent":
            import_module("gevent.monkey").patch_all()
        else:
            import_module("eventlet").monkey_patch()
    except ImportError as exc:
        raise ImportError(f"to patch with {library} needs it: pip install {library}") from exc


def main(named: str, keywords: str, end: str, library: str) -> None:
    """Connect, do what `end` says, and return."""
    if library:
        patch(library)
    from cql_driver.core.pending import Waitable
    from cql_reactors.conformance.peers import connected, listen, on_loop

    runtime = find(named)(**json.loads(keywords))
    runtime.start()
    listener = listen()
    stream, peer = connected(runtime, listener)
    on_loop(runtime, stream.transport.write, b"hello")
    on_loop(runtime, runtime.call_later, 1000.0, print)

    def work() -> None:
        while True:
            on_loop(runtime, lambda: None)

    if end == "waiting":
        threading.Thread(target=runtime.wait, args=(Waitable(),), daemon=True).start()
    elif end == "working":
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        on_loop(runtime, stream.transport.write, bytes(1 << 24))
    elif end == "stopped at exit":
        atexit.register(runtime.stop)
    elif end == "stopped when collected":
        _keep(_Owner(runtime))
    on_loop(runtime, lambda: None)
    _keep(runtime, listener, stream, peer)
    sys.stdout.write(WORD + "\n")


class _Owner:
    """A cluster that is part of a cycle, so that only the end of the interpreter collects it."""

    def __init__(self, runtime: Runtime) -> None:
        self.me = self
        self._stop = runtime.stop

    def __del__(self) -> None:
        self._stop()


def _keep(*things: object) -> None:
    """Hold them until the interpreter takes its modules apart."""
    globals().setdefault("_kept", []).extend(things)


if __name__ == "__main__":
    main(*sys.argv[1:])
