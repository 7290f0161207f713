"""Plugins by name: compressors and codecs here, more groups in the packages above.

Scanning the metadata of installed distributions costs over 20 ms, as much as the rest of a
lean driver. So a registry first tries the names it knows by itself, written
``module:attribute``, and scans the entry points only for a name that it does not know.
"""

from __future__ import annotations

from cql_protocol.errors import PluginError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint
    from typing import Any

__all__ = ["CODECS", "COMPRESSORS", "Registry"]


class Registry:
    """The plugins of one entry-point group.

    `group` is the group's name, `kind` what one plugin is called in messages, `known` maps
    the names served without a scan to their targets, and `extras` tells for a known name
    what to install when its import fails.

    Example::

        >>> COMPRESSORS.load("lz4").name
        'lz4'
    """

    __slots__ = ("_loaded", "_scanned", "extras", "group", "kind", "known")

    def __init__(
        self,
        group: str,
        kind: str,
        known: Mapping[str, str],
        extras: Mapping[str, str] | None = None,
    ) -> None:
        self.group = group
        self.kind = kind
        self.known = dict(known)
        self.extras = dict(extras or {})
        self._loaded: dict[str, Any] = {}
        self._scanned: list[EntryPoint] | None = None

    def load(self, name: str) -> Any:
        """Return the plugin called `name`.

        Raises `PluginError` when nobody offers it, when two distributions do, or when its
        import fails; the message says what to install.
        """
        found = self.find(name)
        if found is None:
            offered = ", ".join(sorted(self.names()))
            raise PluginError(f"no {self.kind} is called {name!r}; there are: {offered or 'none'}")
        return found

    def find(self, name: str) -> Any | None:
        """Return the plugin called `name`, or None when nobody offers it.

        Raises `PluginError` when it is offered but cannot be had.
        """
        if name in self._loaded:
            return self._loaded[name]
        target = self.known.get(name)
        if target is None:
            entry = self._scan(name)
            if entry is None:
                return None
            target = entry.value
        plugin = self._loaded[name] = self._import(name, target)
        return plugin

    def names(self) -> set[str]:
        """Return every name that can be asked for: the known ones and those installed."""
        return {entry.name for entry in self._entry_points()} | set(self.known)

    def _scan(self, name: str) -> EntryPoint | None:
        # The same distribution may be seen twice, by two entries of sys.path.
        offers = {
            (entry.dist.name if entry.dist else "?", entry.value): entry
            for entry in self._entry_points()
            if entry.name == name
        }
        if len(offers) > 1:
            told = " and ".join(f"{who} ({value})" for who, value in sorted(offers))
            raise PluginError(f"{self.kind} {name!r} is offered twice, by {told}: uninstall one")
        return next(iter(offers.values()), None)

    def _entry_points(self) -> list[EntryPoint]:
        """Return what the installed distributions offer; scanned once, on first need."""
        if self._scanned is None:
            from importlib.metadata import entry_points

            self._scanned = list(entry_points(group=self.group))
        return self._scanned

    def _import(self, name: str, target: str) -> Any:
        module, _, attributes = target.partition("[")[0].partition(":")
        try:
            # Not by importlib, which has to be imported.
            found: Any = __import__(module.strip(), fromlist=["__name__"])
            for attribute in filter(None, attributes.strip().split(".")):
                found = getattr(found, attribute)
        except Exception as exc:
            raise PluginError(self._reason(name, target, exc)) from exc
        return found

    def _reason(self, name: str, target: str, exc: Exception) -> str:
        """Return why a plugin cannot be had, and what to install where that is known."""
        cure = self.extras.get(name) if isinstance(exc, ImportError) else None
        missing = exc.name if isinstance(exc, ModuleNotFoundError) else None
        if cure and missing and "." not in missing:
            return f"{self.kind} {name!r} needs {missing}: pip install {cure!r}"
        reason = f"{type(exc).__name__}: {exc}"
        hint = f": pip install {cure!r}" if cure and "pip install" not in reason else ""
        return f"{self.kind} {name!r} ({target}) cannot be loaded: {reason}{hint}"


COMPRESSORS = Registry(
    "cql_protocol.compressors",
    "compressor",
    {
        "lz4": "cql_protocol.compression.lz4:Lz4Compressor",
        "snappy": "cql_protocol.compression.snappy:SnappyCompressor",
    },
    {"lz4": "cql-protocol[lz4]", "snappy": "cql-protocol[snappy]"},
)
"""Body compressors by the name that STARTUP carries."""

CODECS = Registry(
    "cql_protocol.codecs",
    "codec",
    {
        "PointType": "cql_protocol.geo:POINT",
        "LineStringType": "cql_protocol.geo:LINE_STRING",
        "PolygonType": "cql_protocol.geo:POLYGON",
        "DateRangeType": "cql_protocol.geo:DATE_RANGE",
    },
)
"""Types of custom columns by the last part of the server's class name."""
