"""`Version`: the releases of servers, compared."""

from __future__ import annotations

import re
from functools import total_ordering

from cql_driver.errors import InvalidArgument, InvalidArgumentType

__all__ = ["Version"]

_FORM = re.compile(
    r"(?P<major>\d+)(?:\.(?P<minor>\d+)(?:\.(?P<patch>\d+)(?:\.(?P<build>[0-9A-Za-z_]+))?)?)?"
    r"(?:[-~](?P<prerelease>[0-9A-Za-z.+~_-]+))?"
)
_PART = re.compile(r"\d+|[A-Za-z]+")

_Order = tuple[int, int, int, tuple[int, int, str], tuple[int, tuple[tuple[int, int, str], ...]]]


@total_ordering
class Version:
    """A release of a server: up to four parts, and what it is a pre-release of.

    A pre-release comes before its release, and numbers within its name count as numbers. Parts
    that are left out are 0. Raises `InvalidArgumentType` for what is no text,
    `InvalidArgument` for text that is no version.

    Example::

        >>> Version("4.0-rc2") < Version("4.0-rc10") < Version("4.0") == Version("4.0.0")
        True
    """

    __slots__ = ("_order", "_text", "build", "major", "minor", "patch", "prerelease")

    major: int
    minor: int
    patch: int
    build: int | str
    """The fourth part, a number where it is one."""
    prerelease: str | int
    """What follows the dash, or 0."""

    def __init__(self, version: str) -> None:
        if not isinstance(version, str):
            raise InvalidArgumentType(f"version must be a str, not {type(version).__name__}")
        match = _FORM.fullmatch(version)
        if match is None or not version.isascii():
            raise InvalidArgument(
                f"{version!r} is not a version such as '4.1.3', '3.11.4.1' or '5.0-rc1'"
            )
        build = match["build"] or "0"
        self._text = version
        self.major = int(match["major"])
        self.minor = int(match["minor"] or 0)
        self.patch = int(match["patch"] or 0)
        self.build = int(build) if build.isdigit() else build
        self.prerelease = match["prerelease"] or 0
        self._order: _Order = (
            self.major,
            self.minor,
            self.patch,
            _ordered(build),
            (0, tuple(map(_ordered, _PART.findall(match["prerelease"]))))
            if match["prerelease"]
            else (1, ()),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._order == other._order

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._order < other._order

    def __hash__(self) -> int:
        return hash(self._order)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Version({self._text!r})"


def _ordered(part: str) -> tuple[int, int, str]:
    """Return what a part is ordered by: numbers by their value, before texts."""
    return (0, int(part), "") if part.isdigit() else (1, 0, part.lower())
