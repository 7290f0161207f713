"""What is installed, what of it is used, what is broken, and why: ``python -m cql_driver``.

Put its output into a report of a problem. With ``--json`` it can be read by programs. The exit
status is 1 when the event loop that is chosen cannot be used. Nothing that is broken stops it.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import warnings
from importlib import import_module, metadata
from typing import TYPE_CHECKING

from cql_driver.runtimes import DEFAULT, REACTORS, VARIABLE, make_runtime
from cql_protocol.registry import CODECS, COMPRESSORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_protocol.registry import Registry

__all__ = ["examine", "main", "shown"]

PACKAGES = (
    "cql-driver",
    "cql-protocol",
    "cql-reactors",
    "cql-speedups",
    "cqlengine",
    "cql-compat",
)
LIBRARIES = (
    *("cramjam", "eventlet", "geomet", "gevent", "greenlet", "lz4", "numpy"),
    *("opentelemetry-api", "prometheus-client", "pure-sasl", "pyasyncore", "twisted", "uvloop"),
)
"""Distributions of others that the extras install, or that the driver works with."""

_PATCHES = (
    ("gevent.monkey", "gevent", "saved"),
    ("eventlet.patcher", "eventlet", "already_patched"),
)
"""Where libraries that patch Python keep what they patched: module, name, attribute."""


def examine() -> dict[str, Any]:
    """Return what is found, as it is written by ``--json``."""
    patches = _patches()  # before a plugin is imported
    # What plugins print or warn of is not the answer.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reactors = _plugins(REACTORS, _make)
        chosen = _chosen(reactors)
        return {
            "python": {
                "version": platform.python_version(),
                "implementation": platform.python_implementation(),
                "platform": platform.platform(),
            },
            "packages": {name: _version(name) for name in PACKAGES},
            "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
            "speedups": _speedups(),
            "compressors": _plugins(COMPRESSORS),
            "codecs": _plugins(CODECS),
            "authenticators": _authenticators(),
            "reactors": reactors,
            "chosen": chosen,
            "patches": patches,
            "hints": _hints(chosen["reactor"], patches),
        }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except Exception:  # noqa: BLE001 - not installed, or without metadata that can be read
        return None


def _speedups() -> dict[str, Any]:
    try:
        accel = import_module("cql_protocol._accel")
        return {"implementation": accel.IMPLEMENTATION, "reason": accel.REASON}
    except Exception as exc:  # noqa: BLE001 - what is broken is what is told
        return {"implementation": None, "reason": _reason(exc)}


def _patches() -> dict[str, list[str]]:
    """Return the modules that each library has patched in this process."""
    found = {}
    for module, name, attribute in _PATCHES:
        patched = getattr(sys.modules.get(module), attribute, None)
        if patched:
            found[name] = sorted(
                each for each in map(str, patched) if not each.startswith("_gevent")
            )
    return found


# --- plugins ---------------------------------------------------------------------------------


def _authenticators() -> dict[str, dict[str, Any]]:
    from cql_driver.auth import AUTHENTICATORS, auth_provider

    def use(name: str) -> object:
        if name == "sasl":  # only a provider that is made asks for its library
            return auth_provider(name, service="cassandra", mechanism="PLAIN")
        return AUTHENTICATORS.load(name)

    return _plugins(AUTHENTICATORS, use)


def _make(name: str) -> None:
    """Make an event loop and throw it away; it was not started."""
    make_runtime(name).stop()


def _plugins(
    registry: Registry, use: Callable[[str], object] | None = None
) -> dict[str, dict[str, Any]]:
    """Return of each plugin whether it can be had, else why not, and who offers it."""
    offers = _offers(registry.group)
    found = {}
    for name in sorted(offers.keys() | registry.known.keys()):
        reason = _tried(use or registry.load, name)
        # A name that is known is served from here, whoever else offers it.
        known = registry.known.get(name)
        others = (
            [] if known is None else [who for who, what in offers.get(name, ()) if what != known]
        )
        found[name] = {
            "usable": reason is None,
            "reason": reason,
            "offered_by": sorted({who for who, _ in offers.get(name, ())} - set(others)),
            "ignored": sorted(others),
        }
    return found


def _offers(group: str) -> dict[str, list[tuple[str, str]]]:
    """Return (distribution, target) by the name that is offered."""
    offers: dict[str, list[tuple[str, str]]] = {}
    try:
        for entry in metadata.entry_points(group=group):
            who = entry.dist.name if entry.dist is not None else "?"
            offers.setdefault(entry.name, []).append((who, entry.value))
    except Exception:  # noqa: BLE001 - metadata that cannot be read; each plugin tells of it
        pass
    return offers


def _tried(use: Callable[[str], object], name: str) -> str | None:
    """Return why a plugin cannot be used, None when it can."""
    try:
        use(name)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001 - whatever the import of a plugin raises
        return _reason(exc)
    return None


def _reason(exc: BaseException) -> str:
    from cql_protocol.errors import DriverException

    return str(exc) if isinstance(exc, DriverException) else f"{type(exc).__name__}: {exc}"


def _chosen(reactors: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return which event loop a `Cluster` gets that names none, and why."""
    named = os.environ.get(VARIABLE)
    name = named or DEFAULT
    found = reactors.get(name)
    reason = found["reason"] if found is not None else _tried(make_runtime, name)
    return {
        "reactor": name,
        "by": f"{VARIABLE}={name}" if named else "default",
        "usable": reason is None,
        "reason": reason,
    }


def _hints(chosen: str, patches: dict[str, list[str]]) -> list[str]:
    return [
        f"this process is patched by {name}, of which {chosen!r} knows nothing: choose the "
        f"reactor {name!r}, by Cluster(reactor={name!r}) or {VARIABLE}={name}"
        for name in patches
        if name != chosen
    ]


# --- for people ------------------------------------------------------------------------------


def shown(found: dict[str, Any]) -> str:
    """Return the lines that people read."""
    python, speedups, chosen = found["python"], found["speedups"], found["chosen"]
    lines = [
        "{implementation} {version} on {platform}".format(**python),
        "",
        *_section("packages", {k: v or "not installed" for k, v in found["packages"].items()}),
        *_section("libraries", found["libraries"]),
        f"speedups: {speedups['implementation'] or 'broken'} ({speedups['reason']})",
        "",
    ]
    for kind in ("compressors", "codecs", "authenticators", "reactors"):
        lines += _section(kind, {n: _state(n, each) for n, each in found[kind].items()})
    state = "" if chosen["usable"] else f", but it cannot be used: {chosen['reason']}"
    lines.append(f"reactor chosen: {chosen['reactor']} (by {chosen['by']}){state}")
    for name, modules in found["patches"].items():
        lines.append(f"patched by {name}: {', '.join(modules)}")
    if not found["patches"]:
        lines.append("patched by gevent or eventlet: nothing")
    return "\n".join(lines + found["hints"])


def _section(title: str, entries: dict[str, str]) -> list[str]:
    width = max(map(len, entries), default=0)
    rows = [f"  {name:<{width}}  {text}" for name, text in entries.items()]
    return [f"{title}:", *(rows or ["  none"]), ""]


def _state(name: str, plugin: dict[str, Any]) -> str:
    text = "usable"
    if not plugin["usable"]:
        _, told, reason = plugin["reason"].partition(f" {name!r} ")
        text = reason if told else plugin["reason"]
    others = ", ".join(plugin["ignored"])
    return f"{text} (also offered by {others}, which is ignored)" if others else text


def main(arguments: list[str]) -> int:
    """Print what is found; return 1 when the chosen event loop cannot be used, else 0."""
    if set(arguments) - {"--json"}:
        print("usage: python -m cql_driver [--json]", file=sys.stderr)  # noqa: T201
        return 2
    found = examine()
    text = json.dumps(found, indent=2) if arguments else shown(found)
    # What a plugin has raised may have letters that a terminal or a pipe has not.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))  # noqa: T201
    return 0 if found["chosen"]["usable"] else 1
