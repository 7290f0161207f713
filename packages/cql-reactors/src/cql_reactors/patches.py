"""Whether the process is monkey-patched as a reactor needs; the library patches nothing itself."""

from __future__ import annotations

import _thread
import sys
from typing import TYPE_CHECKING

from cql_driver.core import runtime
from cql_driver.logs import get_logger
from cql_protocol.errors import PluginError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["check_patches", "patched_parts"]

log = get_logger("cql_driver.runtime")

PARTS = ("os", "select", "socket", "thread", "time")
"""Of the standard library, in eventlet's words, what a patched process has replaced."""

REMEDIES = {
    "eventlet": "eventlet.monkey_patch()",
    "gevent": "gevent.monkey.patch_all()",
}

_said: set[str] = set()


def patched_parts(framework: str) -> tuple[str, ...]:
    """Return the parts that a framework has patched; none when it is not even imported."""
    if framework == "eventlet":
        patcher: Any = sys.modules.get("eventlet.patcher")
        if patcher is None:
            return ()
        return tuple(part for part in PARTS if patcher.is_monkey_patched(part))
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is None:
        return ()
    names = {"thread": "threading"}
    return tuple(part for part in PARTS if monkey.is_module_patched(names.get(part, part)))


def check_patches(framework: str) -> None:
    """Say once what of the process is not patched for this framework.

    Raises `PluginError` when another framework has patched it: calls that wait would wait
    for the hub that does not run.
    """
    remedy = REMEDIES[framework]
    for other in REMEDIES:
        if other != framework and {"socket", "thread"}.intersection(patched_parts(other)):
            raise PluginError(
                f"reactor {framework!r} cannot be used: the process was monkey-patched for "
                f"{other}, whose hub would stand still while that of {framework} runs. Choose "
                f"reactor={other!r}, or call {remedy} in place of {REMEDIES[other]}"
            )
    patched = patched_parts(framework)
    missing = [part for part in PARTS if part not in patched]
    if missing:
        _say(
            framework,
            f"not patched for {framework} (missing: {', '.join(missing)})",
            remedy,
        )
    elif vars(runtime)["allocate_lock"] is not _thread.allocate_lock:
        _say(framework, f"patched for {framework} after cql_driver was imported", remedy)


def _say(framework: str, what: str, remedy: str) -> None:
    if framework in _said:
        return
    _said.add(framework)
    log.warning(
        "The process is %s: calls of the driver block their greenlet alone, but sleeps, locks and "
        "sockets of other code block all of them. Call %s before anything else is imported",
        what,
        remedy,
    )
