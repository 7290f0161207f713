"""The older way to configure a session: attributes instead of execution profiles."""

from __future__ import annotations

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.cluster.cluster import Cluster

__all__ = ["LegacyAttributes"]


class LegacyAttributes:
    """Attributes of a session that stand for those of the default execution profile.

    They can be read always, and set only where the cluster was made without execution
    profiles; what they say holds for all sessions of the cluster.
    """

    cluster: Cluster

    def _read(self, name: str) -> Any:
        return getattr(self.cluster.profile_manager.profiles[EXEC_PROFILE_DEFAULT], name)

    def _write(self, name: str, legacy_name: str, value: Any) -> None:
        self.cluster.use_legacy_configuration(f"Session.{legacy_name}")
        setattr(self.cluster.profile_manager.default, name, value)

    @property
    def default_timeout(self) -> float | None:
        """Seconds until a request times out, None for never."""
        return self._read("request_timeout")  # type: ignore[no-any-return]

    @default_timeout.setter
    def default_timeout(self, timeout: float | None) -> None:
        self._write("request_timeout", "default_timeout", timeout)

    @property
    def default_consistency_level(self) -> int:
        """The level of statements that have none of their own."""
        return int(self._read("consistency_level"))

    @default_consistency_level.setter
    def default_consistency_level(self, level: int) -> None:
        self._write("consistency_level", "default_consistency_level", level)

    @property
    def default_serial_consistency_level(self) -> int | None:
        """The serial level of statements that have none of their own."""
        return self._read("serial_consistency_level")  # type: ignore[no-any-return]

    @default_serial_consistency_level.setter
    def default_serial_consistency_level(self, level: int | None) -> None:
        self._write("serial_consistency_level", "default_serial_consistency_level", level)

    @property
    def row_factory(self) -> Callable[..., Any]:
        """What rows become, see `cql_driver.query`."""
        return self._read("row_factory")  # type: ignore[no-any-return]

    @row_factory.setter
    def row_factory(self, factory: Callable[..., Any]) -> None:
        self._write("row_factory", "row_factory", factory)
