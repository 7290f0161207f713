"""Options of tables and views: as CQL, and whether a table has those that a model asks for.

Servers tell an option in another way than it is given: numbers within maps as text, classes
with their package, ``99PERCENTILE`` as ``99p``, and maps with all that was left out.
"""

from __future__ import annotations

from cql_protocol.identifiers import protect_value, quote_text
from cqlengine.errors import CQLEngineException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

__all__ = [
    "changed_options",
    "check_options",
    "known_options",
    "option_cql",
    "same_option",
    "with_options",
]

_NO_OPTIONS = """
    keyspace_name table_name view_name id flags extensions base_table_id base_table_name
    include_all_columns where_clause
"""
"""Columns of the server's tables of tables and views that are no options."""

_OF_SCYLLA = """
    cdc in_memory paxos_grace_seconds per_partition_rate_limit synchronous_updates tablets
    tombstone_gc
"""
"""Options that ScyllaDB keeps elsewhere; other servers refuse them by themselves."""

_UNSET = {
    "allow_auto_snapshot": True,
    "cdc": False,
    "incremental_backups": True,
    "memtable": "default",
}
"""What options are that the server's tables have as null while nobody set them."""

_IMPLIED = {
    ("compaction", "enabled"): "true",
    ("compression", "enabled"): "true",
    ("compression", "min_compress_ratio"): "0",
}
"""What servers do not tell of maps, since it is what they do without."""

_IN_ANY_CASE = frozenset(("additional_write_policy", "read_repair", "speculative_retry"))
"""Options whose words the servers take in any case, and tell in their own."""
_OTHER_POLICIES = {"NONE": "NEVER"}

_COMPRESSION_NAMES = {
    "chunk_length_kb": "chunk_length_in_kb",
    "sstable_compression": "class",
}
"""Names of before Cassandra 3.0, which the servers still take."""

_CACHING = {
    "ALL": {"keys": "ALL", "rows_per_partition": "ALL"},
    "KEYS_ONLY": {"keys": "ALL", "rows_per_partition": "NONE"},
    "ROWS_ONLY": {"keys": "NONE", "rows_per_partition": "ALL"},
    "NONE": {"keys": "NONE", "rows_per_partition": "NONE"},
}
"""What the words of before Cassandra 2.1 mean."""


def known_options(columns: Iterable[str]) -> frozenset[str]:
    """Return the options that a server knows, by the columns of its ``system_schema.tables``."""
    found = frozenset(columns)
    return found and found.difference(_NO_OPTIONS.split()).union(_OF_SCYLLA.split())


def check_options(owner: str, options: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise `CQLEngineException` for an option that the server does not know."""
    known = set(known)
    unknown = sorted(name for name in options if name not in known)
    if unknown and known:
        raise CQLEngineException(
            f"{owner}: the server knows no option {', '.join(unknown)}; "
            f"it knows {', '.join(sorted(known))}"
        )


def given_option(name: str, value: Any) -> Any:
    """Return the value of an option of a model as servers of today take it."""
    if name == "caching" and isinstance(value, str):
        return _CACHING.get(value.upper(), value)
    if name == "compression" and hasattr(value, "items"):
        value = {_COMPRESSION_NAMES.get(key, key): found for key, found in value.items()}
        if value.get("class") == "":
            value = {"enabled": False}
    return value


def option_cql(name: str, value: Any) -> str:
    """Return an option as it stands behind WITH.

    Example::

        >>> option_cql("compaction", {"class": "LeveledCompactionStrategy"})
        "compaction = {'class': 'LeveledCompactionStrategy'}"
    """
    return f"{name} = {_value_cql(given_option(name, value))}"


def _value_cql(value: Any) -> str:
    if not hasattr(value, "items"):
        return protect_value(value)
    # The class first, as people write it.
    entries = sorted(value.items(), key=lambda entry: (entry[0] != "class", str(entry[0])))
    parts = [f"{quote_text(str(key))}: {_in_map(found)}" for key, found in entries]
    return f"{{{', '.join(parts)}}}"


def _in_map(value: Any) -> str:
    """Return a value within a map, which the servers keep as text whatever it is."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return quote_text(text)


def with_options(options: Mapping[str, Any], before: Iterable[str] = ()) -> str:
    """Return `` WITH … AND …`` with the options in the order of their names; empty for none."""
    parts = [*before, *(option_cql(name, options[name]) for name in sorted(options))]
    return f" WITH {' AND '.join(parts)}" if parts else ""


def changed_options(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the wanted options that a table has otherwise; others are left alone."""
    return {
        name: value
        for name, value in wanted.items()
        if not same_option(name, value, live.get(name))
    }


def same_option(name: str, wanted: Any, live: Any) -> bool:
    """Say whether a table whose option is `live` has what a model asks for.

    Of maps only what the model names is compared: the servers put in what was left out.
    """
    if name == "comment":
        return str(wanted) == str(live or "")
    wanted = given_option(name, wanted)
    if live is None:
        live = _UNSET.get(name)
    if hasattr(wanted, "items"):
        if not hasattr(live, "items"):
            return False
        return all(
            _normal(value) == _normal(live.get(key, _implied(name, key)))
            for key, value in wanted.items()
        )
    if hasattr(live, "items"):
        # ScyllaDB and Cassandra 5 have maps for what may be told in a word.
        return set(map(_normal, live.values())) == {_normal(wanted)}
    if name in _IN_ANY_CASE:
        return _policy(wanted) == _policy(live)
    return _normal(wanted) == _normal(live)


def _policy(value: Any) -> tuple[object, ...]:
    """Return the parts of ``MIN(99PERCENTILE, 50ms)``, or of a single word."""
    words = str(value).upper().replace("(", ",").replace(")", "").split(",")
    return tuple([_normal(_OTHER_POLICIES.get(word.strip(), word)) for word in words])


def _implied(name: str, key: str) -> Any:
    """Return what a server means that leaves a key out of a map."""
    return _IMPLIED.get((name, key))


def _normal(value: Any) -> object:
    """Return a value so that equal ones are equal, however they are written."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    try:
        return float(text)
    except ValueError:
        pass
    lower = text.lower()
    if lower in ("true", "false"):
        return lower == "true"
    for word in ("percentile", "p", "ms"):
        number = lower.removesuffix(word)
        if number != lower and number.replace(".", "", 1).isdigit():
            # Of milliseconds servers keep whole ones.
            return (int(float(number)), "ms") if word == "ms" else (float(number), "p")
    if lower.startswith("org.apache.cassandra."):
        text = text.rpartition(".")[2]
    return text.upper() if lower in ("all", "none", "always") else text
