"""Functions as values of filters."""

from __future__ import annotations

import datetime
import uuid
from typing import ClassVar

import pytest

from cqlengine import columns
from cqlengine.errors import QueryException, ValidationError
from cqlengine.functions import MaxTimeUUID, MinTimeUUID, QueryValue, Token, get_total_seconds

MOMENT = datetime.datetime(2024, 2, 29, 12, 30)


def test_a_value_is_a_marker_and_is_converted_by_its_column() -> None:
    value = QueryValue("5")
    assert value.text() == str(value) == "?"
    assert value.bind() == ["5"]
    assert value.bind([columns.Integer()]) == [5]
    assert value.get_context_size() == 1
    assert value == QueryValue("5")
    assert value != QueryValue("6")
    assert value != "5"


@pytest.mark.parametrize(
    ("function", "text"), [(MinTimeUUID, "minTimeuuid(?)"), (MaxTimeUUID, "maxTimeuuid(?)")]
)
def test_bounds_of_timeuuids_bind_their_time(function: type[MinTimeUUID], text: str) -> None:
    value = function(MOMENT)
    assert value.text() == text
    assert value.bind([columns.TimeUUID()]) == [MOMENT]
    assert repr(value) == f"{function.__name__}({MOMENT!r})"
    with pytest.raises(ValidationError, match="takes a datetime, not str"):
        function("now")  # type: ignore[arg-type]


def test_a_token_has_a_marker_for_each_value() -> None:
    token = Token(1, "a")
    assert token.text() == "token(?, ?)"
    assert token.bind() == [1, "a"]
    assert token.get_context_size() == 2
    assert repr(token) == "Token(1, 'a')"


def test_a_token_is_made_of_a_tuple_or_of_an_instance_too() -> None:
    class Instance:
        _partition_keys: ClassVar = {"id": None, "day": None}
        id = 5
        day = "today"

    assert Token((1, "a")).bind() == [1, "a"]
    assert Token([1]).text() == "token(?)"
    assert Token(Instance()).bind() == [5, "today"]


def test_a_token_s_values_are_converted_and_counted_by_the_columns_of_the_key() -> None:
    keys = [columns.UUID(partition_key=True), columns.Integer(partition_key=True)]
    for key, name in zip(keys, ("id", "day"), strict=True):
        key.set_column_name(name)
    text = "7d444840-9dc0-41d1-b245-5ffdce74fad2"
    token = Token(text, "5")
    token.set_columns(keys)
    assert token.bind() == [uuid.UUID(text), 5]
    with pytest.raises(
        QueryException, match=r"Token got 1 values for the partition key \(id, day\)"
    ):
        Token(text).set_columns(keys)
    with pytest.raises(QueryException, match="Token got 3 values"):
        Token(text, 5, 6).bind(keys)


def test_seconds_of_a_timedelta() -> None:
    assert get_total_seconds(datetime.timedelta(days=1, milliseconds=500)) == 86400.5
