"""Options of tables, as they are given and as servers tell them."""

from __future__ import annotations

from typing import Any

import pytest

from cqlengine.errors import CQLEngineException
from cqlengine.schema.options import (
    changed_options,
    check_options,
    known_options,
    option_cql,
    same_option,
    with_options,
)

PACKAGE = "org.apache.cassandra.db.compaction."
LEVELED = {"class": f"{PACKAGE}LeveledCompactionStrategy", "sstable_size_in_mb": "160"}
LZ4 = {"class": "org.apache.cassandra.io.compress.LZ4Compressor", "chunk_length_in_kb": "16"}


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("gc_grace_seconds", 3600, 3600),
        ("gc_grace_seconds", "3600", 3600),
        ("comment", "users", "users"),
        ("bloom_filter_fp_chance", 0.01, 0.01),
        ("compaction", {"class": "LeveledCompactionStrategy"}, LEVELED),
        ("compaction", {"class": LEVELED["class"], "sstable_size_in_mb": 160}, LEVELED),
        ("compression", {"sstable_compression": "LZ4Compressor"}, LZ4),
        ("compression", {"chunk_length_kb": 16}, LZ4),
        ("compression", {"class": "LZ4Compressor", "enabled": True}, LZ4),
        ("compression", {"sstable_compression": ""}, {"enabled": "false"}),
        ("caching", "KEYS_ONLY", {"keys": "ALL", "rows_per_partition": "NONE"}),
        ("caching", {"keys": "all"}, {"keys": "ALL", "rows_per_partition": "NONE"}),
        ("speculative_retry", "99PERCENTILE", "99p"),
        ("speculative_retry", "99.0percentile", "99p"),
        ("speculative_retry", "50ms", "50.0ms"),
        ("speculative_retry", "always", "ALWAYS"),
        ("speculative_retry", "50.5ms", "50ms"),
        ("speculative_retry", "NONE", "NEVER"),
        ("speculative_retry", "min(99PERCENTILE, 50ms)", "MIN(99p,50ms)"),
        ("additional_write_policy", "never", "NEVER"),
        ("read_repair", "blocking", "BLOCKING"),
        ("compression", {"class": "LZ4Compressor", "min_compress_ratio": 0}, LZ4),
        ("comment", "", None),
        ("cdc", False, None),
        ("memtable", "default", None),
    ],
)
def test_what_is_given_is_there(name: str, given: Any, told: Any) -> None:
    assert same_option(name, given, told)
    assert changed_options({name: given}, {name: told}) == {}


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("gc_grace_seconds", 3600, 864000),
        ("comment", "Users", "users"),
        ("comment", "1.0", "1"),
        ("comment", " users", "users"),
        ("comment", "org.apache.cassandra.Users", "Users"),
        ("speculative_retry", "MIN(99p,50ms)", "MAX(99p,50ms)"),
        ("speculative_retry", "MIN(99p,50ms)", "MIN(99p,60ms)"),
        ("compaction", {"class": "SizeTieredCompactionStrategy"}, LEVELED),
        ("compaction", {"class": "LeveledCompactionStrategy", "sstable_size_in_mb": 64}, LEVELED),
        ("compaction", {"class": "LeveledCompactionStrategy", "x": 1}, LEVELED),
        ("compression", {"sstable_compression": ""}, LZ4),
        ("caching", "ALL", {"keys": "ALL", "rows_per_partition": "NONE"}),
        ("speculative_retry", "99p", "95p"),
        ("speculative_retry", "99ms", "99p"),
        ("cdc", True, None),
        ("compaction", {"class": "x"}, None),
    ],
)
def test_what_is_given_is_not_there(name: str, given: Any, told: Any) -> None:
    assert not same_option(name, given, told)
    assert changed_options({name: given}, {name: told}) == {name: given}


def test_options_as_cql() -> None:
    assert with_options({}) == ""
    assert with_options({"gc_grace_seconds": 5, "comment": "it's"}) == (
        " WITH comment = 'it''s' AND gc_grace_seconds = 5"
    )
    given = {"sstable_size_in_mb": 64, "enabled": True, "class": "LeveledCompactionStrategy"}
    assert option_cql("compaction", given) == (
        "compaction = {'class': 'LeveledCompactionStrategy', 'enabled': 'true', "
        "'sstable_size_in_mb': '64'}"
    )
    assert option_cql("caching", "none") == (
        "caching = {'keys': 'NONE', 'rows_per_partition': 'NONE'}"
    )
    assert option_cql("compression", {"sstable_compression": ""}) == (
        "compression = {'enabled': 'false'}"
    )
    assert option_cql("cdc", True) == "cdc = true"


def test_an_unknown_option_is_refused_and_the_known_ones_are_named() -> None:
    known = known_options(["keyspace_name", "table_name", "id", "comment", "gc_grace_seconds"])
    check_options("User", {"comment": "x", "tombstone_gc": {}}, known)
    with pytest.raises(CQLEngineException, match=r"no option coment.*comment.*gc_grace_seconds"):
        check_options("User", {"coment": "x"}, known)
    with pytest.raises(CQLEngineException, match="no option keyspace_name"):
        check_options("User", {"keyspace_name": "x"}, known)
