"""What a real Cassandra answered, in every chunking. The recorder is ``transcripts_real``."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cql_protocol import errors
from cql_protocol.connection import Answer, ClientConnection
from cql_protocol.messages import Event, RawRows, SchemaChange, Supported
from cql_protocol.rows import RowDecoder
from cql_protocol.types import UserType, VectorType
from tests.protocol.samples import content
from tests.protocol.transcripts import Cut
from tests.protocol.transcripts_real import TALKS, recorded, replay

every_talk = pytest.mark.parametrize("number", range(len(TALKS)), ids=map(str, TALKS))


def _whole(data: bytes) -> Iterable[bytes]:
    return (data,)


def _pieces(size: int) -> Cut:
    def cut(data: bytes) -> Iterator[bytes]:
        return (data[at : at + size] for at in range(0, len(data), size))

    return cut


@functools.cache
def _transcript(number: int) -> dict[str, Any]:
    found = recorded()[number]
    assert (found["version"], found["compression"]) == TALKS[number]
    return found


@functools.cache
def _events(number: int) -> list[Any]:
    return _comparable(replay(_transcript(number), _whole))


def _comparable(events: list[Any]) -> list[Any]:
    """The events as something that compares by content."""
    return [(e.stream, content(e.response)) if isinstance(e, Answer) else e for e in events]


@every_talk
def test_everything_is_understood(number: int) -> None:
    events = replay(_transcript(number), _whole)
    answers = [event.response for event in events if isinstance(event, Answer)]
    assert not [each for each in answers if isinstance(each, errors.RemoteProtocolError)]
    failures = [type(each) for each in answers if isinstance(each, errors.DriverException)]
    assert failures == [
        errors.SyntaxException,
        errors.InvalidRequest,
        errors.InvalidRequest,
        errors.AlreadyExists,
        errors.PreparedQueryNotFound,
    ]
    assert isinstance(answers[0], Supported)
    assert "CQL_VERSION" in answers[0].options
    told = [event for event in events if isinstance(event, Event)]
    assert told
    kinds = Counter(event.target for event in told if isinstance(event, SchemaChange))
    assert kinds["TABLE"] >= 1
    assert sum(each.tracing_id is not None for each in answers) == 1


@every_talk
def test_rows_are_decoded(number: int) -> None:
    version, compression = TALKS[number]
    answers = [e.response for e in replay(_transcript(number), _whole) if isinstance(e, Answer)]
    pages = [each for each in answers if isinstance(each, RawRows)]
    columns = pages[0].metadata.columns
    assert columns is not None
    assert [page.metadata.columns for page in pages[1:3]] == [None, None]
    assert [page.row_count for page in pages[:3]] == [2, 2, 1]
    decoder = RowDecoder([column.type for column in columns])
    rows = [row for page in pages[:3] for row in page.decode(decoder)]
    by_name = [dict(zip([column.name for column in columns], row, strict=True)) for row in rows]
    assert [row["c"] for row in by_name] == [1, 2, 3, 4, 5]
    assert [row["v"] for row in by_name] == ["é", None, None, "four", None]
    assert by_name[0]["p"] == ("x", 1)
    assert by_name[1]["e"] == [1.0, 2.5, -1.0]
    assert by_name[1]["m"] == {"a": [1, 2]}
    assert str(by_name[0]["d"]) == "1mo2d3ns"
    types = {column.name: column.type for column in columns}
    assert isinstance(types["p"], UserType)
    assert isinstance(types["e"], VectorType)
    if compression is not None:
        large = pages[-1].metadata.columns
        assert large is not None
        (row,) = pages[-1].decode(RowDecoder([large[0].type]))
        assert row == (bytes(200_000),)
    assert ClientConnection(version).version == version


@every_talk
@pytest.mark.parametrize("size", [1, 2, 9, 100, 4096])
def test_pieces_of_one_size(number: int, size: int) -> None:
    assert _comparable(replay(_transcript(number), _pieces(size))) == _events(number)


@every_talk
@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=10))
def test_random_pieces(number: int, sizes: list[int]) -> None:
    def cut(data: bytes) -> Iterator[bytes]:
        at = turn = 0
        while at < len(data):
            yield data[at : at + sizes[turn % len(sizes)]]
            at += sizes[turn % len(sizes)]
            turn += 1

    assert _comparable(replay(_transcript(number), cut)) == _events(number)
