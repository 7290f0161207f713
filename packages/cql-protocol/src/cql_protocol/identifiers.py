"""Names in CQL: when they must be quoted, and how.

A name is taken as it is only inside double quotes; outside them the server lowers its case,
and reads the words of its grammar as what they mean there.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "RESERVED_WORDS",
    "escape_name",
    "is_valid_name",
    "maybe_escape_name",
    "protect_name",
    "protect_names",
    "protect_type_name",
    "protect_value",
    "quote_text",
]

# Read out of the servers' grammars; each word was tried on the parser of Cassandra 5.0.8.
# Quoting a name that does not need it does no harm, so the lists are the union of all versions.
_RESERVED_BY_CASSANDRA_5 = """
    add allow alter and apply asc authorize batch begin by columnfamily create delete desc
    describe drop entries execute from full grant if in index infinity insert into is keyspace
    limit materialized modify nan norecursive not null of on or order primary rename revoke
    schema select set table to token truncate unlogged update use using view where with
"""
# The booleans cannot be names either, though the server's own list of reserved words forgets them.
_CONSTANTS = "true false"
_RESERVED_BY_CASSANDRA_3_AND_4 = "default mbean mbeans replace unset"
_RESERVED_BY_SCYLLA = """
    ann cast concurrency empty scylla_clustering_bound scylla_counter_shard_list
    scylla_timeuuid_list_index vector_search_indexing
"""

# What an unquoted user type cannot be called: the types themselves, and more of the server's own.
_NO_TYPE_NAMES = """
    ascii bigint bitstring blob boolean byte cast complex count counter date decimal distinct
    double duration enum float frozen inet int interval json list macaddr map maxwritetime set
    smallint text time timestamp timeuuid tinyint ttl tuple uuid varchar varint vector writetime
"""
_TYPE_WORDS = frozenset(_NO_TYPE_NAMES.split())

RESERVED_WORDS = frozenset(
    f"{_RESERVED_BY_CASSANDRA_5} {_CONSTANTS} {_RESERVED_BY_CASSANDRA_3_AND_4} "
    f"{_RESERVED_BY_SCYLLA}".split()
)
"""Words that cannot be names without quotes, in lower case."""

_PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789_"


def is_valid_name(name: str | None) -> bool:
    """Say whether `name` can stand in a statement without quotes and still mean itself."""
    return (
        name is not None
        and "a" <= name[:1] <= "z"
        and not name.strip(_PLAIN)  # nothing but these
        and name not in RESERVED_WORDS
    )


def escape_name(name: str) -> str:
    """Return `name` in double quotes, the ones inside doubled.

    Example::

        >>> escape_name('a "b"')
        '"a ""b\"""'
    """
    return '"' + str.replace(name, '"', '""') + '"'


def protect_name(name: str) -> str:
    """Return `name` as it can be put in a statement: in double quotes if it needs them.

    Example::

        >>> protect_name("users"), protect_name("Users"), protect_name("table")
        ('users', '"Users"', '"table"')
    """
    return name if is_valid_name(name) else escape_name(name)


maybe_escape_name = protect_name
"""The other name that drivers have for it."""


def protect_type_name(name: str) -> str:
    """Return the name of a user type as `protect_name` does, quoting names of other types too.

    Example::

        >>> protect_type_name("address"), protect_type_name("date")
        ('address', '"date"')
    """
    return escape_name(name) if name in _TYPE_WORDS else protect_name(name)


def protect_names(names: Iterable[str]) -> list[str]:
    """Return each of `names` as `protect_name` does."""
    return [protect_name(name) for name in names]


def quote_text(text: str) -> str:
    """Return `text` as a CQL string: in single quotes, the ones inside doubled.

    A CQL string knows no other escape: backslashes, line ends and NUL stand for themselves.
    """
    # Not text.replace(): a subclass of str could have a method of its own.
    return "'" + str.replace(text, "'", "''") + "'"


def protect_value(value: object) -> str:
    """Return the value of a table's or keyspace's option as it stands in a statement.

    None is ``NULL``, booleans are ``true`` and ``false``, numbers stand bare, and the text of
    everything else is quoted.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value).lower()
    return quote_text(str(value))
