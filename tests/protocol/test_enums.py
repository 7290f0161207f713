"""The numbers of the specification and what may be asked of them."""

from __future__ import annotations

import copy
import pickle

import pytest

from cql_protocol.enums import (
    BatchType,
    ConsistencyLevel,
    OperationType,
    ProtocolVersion,
    SchemaChangeType,
    SchemaTargetType,
    WriteType,
    consistency_value_to_name,
)


def test_consistency_levels_have_the_numbers_of_section_3() -> None:
    names = "ANY ONE TWO THREE QUORUM ALL LOCAL_QUORUM EACH_QUORUM SERIAL LOCAL_SERIAL LOCAL_ONE"
    assert [(level.name, level.value) for level in ConsistencyLevel] == [
        (name, number) for number, name in enumerate(names.split())
    ]


@pytest.mark.parametrize("enum", [ConsistencyLevel, WriteType])
def test_both_ways_by_name_and_number(enum: type[ConsistencyLevel] | type[WriteType]) -> None:
    assert enum.name_to_value == {member.name: member.value for member in enum}
    assert enum.value_to_name == {member.value: member.name for member in enum}
    assert all(enum.value_to_name[enum.name_to_value[name]] == name for name in enum.name_to_value)


@pytest.mark.parametrize("level", ConsistencyLevel)
def test_serial_levels(level: ConsistencyLevel) -> None:
    assert ConsistencyLevel.is_serial(level) == ("SERIAL" in level.name)
    assert ConsistencyLevel.is_serial(int(level)) == ("SERIAL" in level.name)


def test_names_for_people() -> None:
    assert consistency_value_to_name(6) == "LOCAL_QUORUM"
    assert consistency_value_to_name(ConsistencyLevel.ANY) == "ANY"
    assert consistency_value_to_name(None) == "Not Set"
    assert consistency_value_to_name(77) == "77"


def test_levels_are_ints_and_print_by_name() -> None:
    assert int(ConsistencyLevel.ONE) == 1
    assert {1: "one"}[ConsistencyLevel.ONE] == "one"
    assert hash(ConsistencyLevel.ONE) == hash(1)
    assert repr(ConsistencyLevel.ONE) == "<ConsistencyLevel.ONE: 1>"
    assert ConsistencyLevel(10) is ConsistencyLevel.LOCAL_ONE
    with pytest.raises(ValueError, match="11"):
        ConsistencyLevel(11)


def test_versions() -> None:
    assert ProtocolVersion.SUPPORTED_VERSIONS == (5, 4, 3)
    assert (ProtocolVersion.MIN_SUPPORTED, ProtocolVersion.MAX_SUPPORTED) == (3, 5)
    assert not set(ProtocolVersion.BETA_VERSIONS) & set(ProtocolVersion.SUPPORTED_VERSIONS)
    assert [v.name for v in ProtocolVersion] == ["V3", "V4", "V5", "V6", "DSE_V1", "DSE_V2"]


@pytest.mark.parametrize(
    ("version", "lower"), [(0x42, 5), (0x41, 5), (6, 5), (5, 4), (4, 3), (3, 0), (1, 0)]
)
def test_the_next_version_to_try(version: int, lower: int) -> None:
    assert ProtocolVersion.get_lower_supported(version) == lower


FEATURES = {
    "uses_int_query_flags": {5, 6, 0x42},
    "uses_prepare_flags": {5, 6, 0x42},
    "uses_prepared_metadata": {5, 6, 0x42},
    "uses_error_code_map": {5, 6, 0x41, 0x42},
    "uses_keyspace_flag": {5, 6, 0x42},
    "has_checksumming_support": {5, 6},
}


@pytest.mark.parametrize("version", ProtocolVersion)
@pytest.mark.parametrize("feature", FEATURES)
def test_what_a_version_has(feature: str, version: ProtocolVersion) -> None:
    assert getattr(ProtocolVersion, feature)(version) == (version in FEATURES[feature])
    assert getattr(ProtocolVersion, feature)(int(version)) == (version in FEATURES[feature])


def test_write_types() -> None:
    names = "SIMPLE BATCH UNLOGGED_BATCH COUNTER BATCH_LOG CAS VIEW CDC"
    known = [kind for kind in WriteType if kind >= 0]
    assert [kind.name for kind in known] == names.split()
    assert [kind.value for kind in known] == list(range(8))
    assert WriteType(-1).name == "OTHER"


def test_batch_types_have_the_numbers_of_section_4_1_7() -> None:
    assert [(kind.name, kind.value) for kind in BatchType] == [
        ("LOGGED", 0),
        ("UNLOGGED", 1),
        ("COUNTER", 2),
    ]


def test_schema_words_are_texts() -> None:
    assert [str(word) for word in SchemaChangeType] == ["CREATED", "UPDATED", "DROPPED"]
    assert [f"{word}" for word in SchemaTargetType] == [
        "KEYSPACE",
        "TABLE",
        "TYPE",
        "FUNCTION",
        "AGGREGATE",
    ]
    assert SchemaTargetType.TYPE == "TYPE"


def test_operations_of_rate_limits() -> None:
    assert [(kind.name, kind.value) for kind in OperationType] == [("Read", 0), ("Write", 1)]


MEMBERS: list[object] = [ConsistencyLevel.ONE, ProtocolVersion.V5, WriteType.CAS, BatchType.COUNTER]
MEMBERS += [OperationType.Read, SchemaChangeType.CREATED, SchemaTargetType.TABLE]


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_stays_itself_when_pickled_and_copied(member: object) -> None:
    assert pickle.loads(pickle.dumps(member)) is member
    assert copy.deepcopy(member) is member
