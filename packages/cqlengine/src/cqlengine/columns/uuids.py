"""Columns of UUIDs."""

from __future__ import annotations

from cqlengine.columns.scalars import ScalarColumn, shown

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID as _UUID

__all__ = ["TimeUUID", "UUID"]


_classes: tuple[Any, ...] = ()
"""`uuid.UUID`, once there is a value: the module takes longer to load than the mapper."""


def _load_class() -> None:
    global _classes
    from uuid import UUID

    _classes = (UUID,)


class UUID(ScalarColumn["_UUID"]):
    """``uuid``. Accepts a `uuid.UUID` and the text of one."""

    db_type = "uuid"

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: _UUID | str | None) -> None:
            """Accept text, too."""

    def cast(self, value: Any) -> _UUID:
        """Return a `uuid.UUID`."""
        if isinstance(value, _classes):
            return value  # type: ignore[no-any-return] # a UUID
        if not _classes:
            _load_class()
            return self.cast(value)
        if not isinstance(value, str):
            raise self.refusal(f"{shown(value)} is no UUID")
        try:
            made: _UUID = _classes[0](value)
        except ValueError:
            raise self.refusal(f"{shown(value)} is no UUID") from None
        return made


class TimeUUID(UUID):
    """``timeuuid``: a UUID of version 1, which has a time in it.

    `uuid.uuid1` makes one, `cql_driver.util.uuid_from_time` makes one of a given time. Raises
    `ValidationError` for UUIDs of other versions.
    """

    db_type = "timeuuid"

    def cast(self, value: Any) -> _UUID:
        """Return a `uuid.UUID` of version 1."""
        made = super().cast(value)
        # The version's place among the bits (RFC 4122 section 4.1.3), whatever the variant:
        # the server looks at nothing else.
        version = made.int >> 76 & 0xF
        if version != 1:
            raise self.refusal(f"{made} is a UUID of version {version}: a timeuuid is of version 1")
        return made
