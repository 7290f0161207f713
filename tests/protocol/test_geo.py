from __future__ import annotations

import datetime
import math
import pickle
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.errors import (
    DecodeError,
    InvalidValue,
    InvalidValueType,
    PluginError,
    ValueOutOfRange,
)
from cql_protocol.geo import (
    DATE_RANGE,
    LINE_STRING,
    OPEN_BOUND,
    POINT,
    POLYGON,
    DateRange,
    DateRangeBound,
    DateRangePrecision,
    Distance,
    LinearRing,
    LineString,
    Point,
    Polygon,
)
from cql_protocol.registry import CODECS
from cql_protocol.types import MARSHAL, ListType, ReadOptions
from cql_protocol.values import EMPTY

TYPES = [POINT, LINE_STRING, POLYGON, DATE_RANGE]
SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 0.0))
HOLE = ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 1.0))

numbers = st.floats(allow_nan=False)
coordinates = st.lists(st.tuples(numbers, numbers), max_size=6)
points = st.builds(Point, numbers, numbers)
lines = st.builds(LineString, coordinates)
polygons = st.builds(
    Polygon, coordinates.filter(bool), st.lists(coordinates, max_size=3)
) | st.just(Polygon())
milliseconds = st.integers(-(2**63), 2**63 - 1)
bounds = st.builds(DateRangeBound, milliseconds, st.sampled_from(DateRangePrecision.PRECISIONS))
open_bounds = bounds | st.just(OPEN_BOUND)
date_ranges = st.builds(DateRange, open_bounds, open_bounds) | st.builds(
    DateRange, value=open_bounds
)


# --- shapes


@pytest.mark.parametrize(
    ("shape", "text", "shown"),
    [
        (Point(1.0, 2.5), "POINT (1.0 2.5)", "Point(1.0, 2.5)"),
        (Point(1, -2), "POINT (1 -2)", "Point(1, -2)"),
        (LineString(), "LINESTRING EMPTY", "LineString(())"),
        (
            LineString([[0.0, 1.0], (2.0, 3.0)]),
            "LINESTRING (0.0 1.0, 2.0 3.0)",
            "LineString(((0.0, 1.0), (2.0, 3.0)))",
        ),
        (Polygon(), "POLYGON EMPTY", "Polygon((), [])"),
        (
            Polygon(SQUARE, [HOLE]),
            "POLYGON ((0.0 0.0, 4.0 0.0, 4.0 4.0, 0.0 0.0), (1.0 1.0, 2.0 1.0, 2.0 2.0, 1.0 1.0))",
            f"Polygon({SQUARE!r}, [{HOLE!r}])",
        ),
        (LinearRing(SQUARE[:1]), "LINEARRING (0.0 0.0)", "LinearRing(((0.0, 0.0),))"),
        (Distance(1.0, 2.0, 3.0), "DISTANCE ((1.0 2.0) 3.0)", "Distance(1.0, 2.0, 3.0)"),
    ],
)
def test_shapes_have_texts(shape, text, shown):
    assert str(shape) == text
    assert repr(shape) == shown
    assert eval(shown) == shape
    assert pickle.loads(pickle.dumps(shape)) == shape
    if not isinstance(shape, LinearRing):
        assert type(shape).from_wkt(text) == shape


def test_shapes_are_values():
    assert Point(1.0, 2.0) == Point(1, 2)
    assert len({Point(1.0, 2.0), Point(1, 2), Point(2, 1)}) == 2
    assert LineString([(1, 2)]) == LineString(((1.0, 2.0),))
    assert LineString([(1, 2)]) != LinearRing([(1, 2)])
    assert Polygon(SQUARE) != Polygon(SQUARE, [HOLE])
    assert hash(Polygon(SQUARE, [HOLE])) == hash(Polygon(list(SQUARE), [list(HOLE)]))
    assert Point(1, 2) != (1, 2)
    with pytest.raises(AttributeError):
        Point(1, 2).x = 3


def test_the_attributes_of_shapes():
    polygon = Polygon(SQUARE, [HOLE])
    assert polygon.exterior.coords == SQUARE
    assert [ring.coords for ring in polygon.interiors] == [HOLE]
    assert Polygon(SQUARE).interiors == ()
    assert math.isnan(Point().x)
    assert math.isnan(Point().y)
    assert math.isnan(Distance().radius)


@pytest.mark.parametrize("wrong", [[1, 2], [(1,)], [(1, 2, 3)], [None], 5, "ab"])
def test_coordinates_are_pairs(wrong):
    with pytest.raises(InvalidValueType, match="pairs"):
        LineString(wrong)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("POINT EMPTY", Point),
        ("point(1 2)", Point(1.0, 2.0)),
        ("POINT (1e-7 -2.5E+300)", Point(1e-7, -2.5e300)),
        ("LINESTRING EMPTY", LineString()),
        ("POLYGON EMPTY", Polygon()),
        ("  distance ( ( 1.5 -2 ) 3e2 ) ", Distance(1.5, -2.0, 300.0)),
    ],
)
def test_texts_of_shapes(text, shape):
    kind = shape if isinstance(shape, type) else type(shape)
    found = kind.from_wkt(text)
    assert found == shape or (kind is Point and math.isnan(found.x))


NO_SHAPES = """|x|POINT|POINT (|POINT (a b)|MULTIPOINT ((1 2))|GEOMETRYCOLLECTION EMPTY
|POLYGON (1 2)|DISTANCE ((1 2))|DISTANCE ((1 2) 3)x|DISTANCE ((1- 2) 3)"""


@pytest.mark.parametrize("kind", [Point, LineString, Polygon, Distance])
@pytest.mark.parametrize("text", NO_SHAPES.split("|"))
def test_what_is_no_text_of_a_shape(kind, text):
    with pytest.raises(ValueOutOfRange, match="well-known text"):
        kind.from_wkt(text)


def test_a_text_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="LineString"):
        LineString.from_wkt("POINT (1 2)")


def test_without_geomet(monkeypatch):
    monkeypatch.setitem(sys.modules, "geomet", None)
    with pytest.raises(PluginError, match=r"pip install 'cql-protocol\[geo\]'"):
        Point.from_wkt("POINT (1 2)")
    assert Distance.from_wkt("DISTANCE ((1 2) 3)") == Distance(1, 2, 3)


@given(points | lines | polygons)
def test_any_shape_reads_its_own_text(shape):
    if "inf" not in str(shape) and all(ring.coords for ring in getattr(shape, "interiors", ())):
        assert type(shape).from_wkt(str(shape)) == shape


# --- types


@pytest.mark.parametrize(
    ("cql_type", "value", "cell"),
    [
        (POINT, Point(1.0, -2.0), "0101000000" + struct.pack("<dd", 1, -2).hex()),
        (LINE_STRING, LineString(), "010200000000000000"),
        (
            LINE_STRING,
            LineString([(1, 2), (3, 4)]),
            "010200000002000000" + struct.pack("<4d", 1, 2, 3, 4).hex(),
        ),
        (POLYGON, Polygon(), "010300000000000000"),
        (
            POLYGON,
            Polygon([(1, 2)], [[], [(3, 4)]]),
            "010300000003000000"
            + ("01000000" + struct.pack("<dd", 1, 2).hex())
            + "00000000"
            + ("01000000" + struct.pack("<dd", 3, 4).hex()),
        ),
        (DATE_RANGE, DateRange(value=(0, "DAY")), "00000000000000000002"),
        (
            DATE_RANGE,
            DateRange((0, "YEAR"), (1, "MILLISECOND")),
            "01" + "000000000000000000" + "000000000000000106",
        ),
        (DATE_RANGE, DateRange((-1000, "SECOND")), "02fffffffffffffc1805"),
        (DATE_RANGE, DateRange(None, (59_999, "MINUTE")), "03000000000000ea5f04"),
        (DATE_RANGE, DateRange(OPEN_BOUND, OPEN_BOUND), "04"),
        (DATE_RANGE, DateRange(value=OPEN_BOUND), "05"),
    ],
)
def test_bytes_of_values(cql_type, value, cell):
    assert cql_type.encode(value).hex() == cell
    assert cql_type.decode(bytes.fromhex(cell)) == value


@given(points | lines | polygons | date_ranges)
def test_values_come_back(value):
    cql_type = {Point: POINT, LineString: LINE_STRING, Polygon: POLYGON}.get(
        type(value), DATE_RANGE
    )
    assert cql_type.decode(cql_type.encode(value)) == value


def test_big_endian_is_read():
    pair = struct.pack(">dd", 1, 2)
    count = (1).to_bytes(4, "big")
    assert POINT.decode(b"\0" + (1).to_bytes(4, "big") + pair) == Point(1, 2)
    line = b"\0" + (2).to_bytes(4, "big") + count + pair
    assert LINE_STRING.decode(line) == LineString([(1, 2)])
    polygon = b"\0" + (3).to_bytes(4, "big") + count + count + pair
    assert POLYGON.decode(polygon) == Polygon([(1, 2)])


@pytest.mark.parametrize("cql_type", TYPES, ids=repr)
def test_nothing_in_a_cell(cql_type):
    assert cql_type.decode(b"") is None
    assert cql_type.decode(b"", ReadOptions(empty_values=True)) is EMPTY
    assert cql_type.encode(EMPTY) == b""


@pytest.mark.parametrize("cql_type", TYPES, ids=repr)
@pytest.mark.parametrize(
    "value", [5, "POINT (1 2)", (1.0, 2.0), b"\x01", Distance(1, 2, 3), OPEN_BOUND]
)
def test_values_of_other_classes_are_refused(cql_type, value):
    with pytest.raises(InvalidValueType, match="expected a"):
        cql_type.encode(value)
    with pytest.raises(InvalidValueType):
        cql_type.literal(value)


@pytest.mark.parametrize(
    ("cql_type", "value"),
    [
        (POINT, Point("a", 1)),
        (POINT, Point(None, 1)),
        (LINE_STRING, LineString([("1", 2)])),
        (POLYGON, Polygon([(1, 2)], [[(1, None)]])),
        (POINT, Point(10**400, 1)),
    ],
)
def test_coordinates_are_numbers(cql_type, value):
    with pytest.raises(InvalidValue, match="coordinate"):
        cql_type.encode(value)


@pytest.mark.parametrize(
    ("cql_type", "cell"),
    [
        (POINT, "02010000000000000000000000"),
        (POINT, "0101000000" + "00" * 15),
        (POINT, "0101000000" + "00" * 17),
        (POINT, "0102000000" + "00" * 16),
        (POINT, "01e9030000" + "00" * 16),
        (LINE_STRING, "0102000000"),
        (LINE_STRING, "0102000000ffffffff"),
        (LINE_STRING, "010200000001000000" + "00" * 15),
        (LINE_STRING, "010200000001000000" + "00" * 17),
        (POLYGON, "0103000000"),
        (POLYGON, "0103000000ffffffff"),
        (POLYGON, "010300000001000000"),
        (POLYGON, "010300000001000000ffffffff"),
        (POLYGON, "01030000000100000000000000ff"),
        (DATE_RANGE, "06"),
        (DATE_RANGE, "0400"),
        (DATE_RANGE, "00"),
        (DATE_RANGE, "00000000000000000007"),
        (DATE_RANGE, "01000000000000000000"),
    ],
)
def test_bytes_that_are_no_value(cql_type, cell):
    with pytest.raises(DecodeError):
        cql_type.decode(bytes.fromhex(cell))


_HEADS = st.sampled_from([b"\1\1\0\0\0", b"\1\2\0\0\0", b"\1\3\0\0\0", b"\0\0\0\0\3", b"\1", b""])
_COUNTS = st.sampled_from([b"\1\0\0\0", b"\2\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b""])


@given(st.sampled_from(TYPES), _HEADS, _COUNTS, _COUNTS, st.binary(max_size=40))
def test_any_bytes_are_a_value_or_a_decode_error(cql_type, head, count, second, rest):
    cell = head + count + second + rest
    try:
        found = cql_type.decode(cell)
    except DecodeError:
        found = None
    again = b"" if found is None else cql_type.encode(found)
    assert found is None or len(again) == len(cell) or isinstance(found, Polygon)


@pytest.mark.parametrize("cql_type", TYPES, ids=repr)
def test_the_types_are_the_plugins_of_their_names(cql_type):
    short = cql_type.class_name.removeprefix(MARSHAL)
    assert CODECS.find(short) is cql_type
    assert cql_type.name == f"'{cql_type.class_name}'"
    assert pickle.loads(pickle.dumps(ListType(cql_type))).element is cql_type
    assert eval(repr(cql_type)) is cql_type


# --- date ranges


@pytest.mark.parametrize(
    ("precision", "down", "up", "text"),
    [
        ("YEAR", "2024-01-01T00:00:00.000", "2024-12-31T23:59:59.999", "2024"),
        ("MONTH", "2024-02-01T00:00:00.000", "2024-02-29T23:59:59.999", "2024-02"),
        ("DAY", "2024-02-28T00:00:00.000", "2024-02-28T23:59:59.999", "2024-02-28"),
        ("HOUR", "2024-02-28T22:00:00.000", "2024-02-28T22:59:59.999", "2024-02-28T22Z"),
        ("MINUTE", "2024-02-28T22:33:00.000", "2024-02-28T22:33:59.999", "2024-02-28T22:33Z"),
        ("SECOND", "2024-02-28T22:33:44.000", "2024-02-28T22:33:44.999", "2024-02-28T22:33:44Z"),
        (
            "MILLISECOND",
            "2024-02-28T22:33:44.555",
            "2024-02-28T22:33:44.555",
            "2024-02-28T22:33:44.555Z",
        ),
    ],
)
def test_precisions(precision, down, up, text):
    moment = datetime.datetime(2024, 2, 28, 22, 33, 44, 555_999)
    bound = DateRangeBound(moment, precision.lower())
    assert bound.precision == getattr(DateRangePrecision, precision) == precision
    assert bound.round_down().datetime() == datetime.datetime.fromisoformat(down)
    assert bound.round_up().datetime() == datetime.datetime.fromisoformat(up)
    assert str(bound) == text
    ms = bound.milliseconds
    assert DateRangePrecision.round_down_to_precision(ms, precision) == (
        bound.round_down().milliseconds
    )


def test_december_ends_with_its_year():
    bound = DateRangeBound(datetime.datetime(2023, 12, 5), "MONTH")
    assert bound.round_up().datetime() == datetime.datetime(2023, 12, 31, 23, 59, 59, 999_000)


@given(bounds)
def test_rounding_encloses_the_moment(bound):
    low, high = bound.round_down(), bound.round_up()
    assert low.milliseconds <= bound.milliseconds <= high.milliseconds
    assert low.round_down() == low
    assert high.round_up() == high
    assert str(low)


def test_bounds_are_made_of_moments():
    moment = datetime.datetime(1970, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    assert DateRangeBound(moment, "DAY") == DateRangeBound(0, "DAY")
    assert DateRangeBound.from_value({"milliseconds": 5, "precision": "DAY"}).milliseconds == 5
    assert DateRangeBound.from_value((5, "DAY")) == DateRangeBound.from_value([5, "day"])
    assert DateRangeBound.from_value(OPEN_BOUND) is OPEN_BOUND
    assert str(OPEN_BOUND) == "*"
    assert OPEN_BOUND.round_up() is OPEN_BOUND is OPEN_BOUND.round_down()
    assert str(DateRangeBound(-(2**63), "YEAR")) == "-292275055"


@pytest.mark.parametrize(
    ("value", "precision"),
    [
        (None, "DAY"),
        (5, None),
        (5, 2),
        ("2020", "DAY"),
        (5.5, "DAY"),
        (5, "WEEK"),
        (2**63, "DAY"),
        (datetime.datetime.max.replace(tzinfo=datetime.timezone.min), "DAY"),
    ],
)
def test_what_is_no_bound(value, precision):
    with pytest.raises(InvalidValue):
        DateRangeBound(value, precision)


@pytest.mark.parametrize("value", [5, "ab", (1, 2, 3), {"milliseconds": 5}, None])
def test_what_a_bound_is_not_made_of(value):
    with pytest.raises(InvalidValue):
        DateRangeBound.from_value(value)


def test_moments_that_datetime_cannot_hold():
    for bound in (OPEN_BOUND, DateRangeBound(2**63 - 1, "DAY")):
        with pytest.raises(ValueOutOfRange, match="datetime"):
            bound.datetime()


def test_bounds_and_ranges_are_ordered():
    early, late = DateRangeBound(9, "DAY"), DateRangeBound(10, "DAY")
    assert OPEN_BOUND < early < late
    assert DateRangeBound(9, "YEAR") < early
    assert sorted([late, OPEN_BOUND, early]) == [OPEN_BOUND, early, late]
    assert len({early, DateRangeBound(9, "day")}) == 1
    year = DateRange((0, "YEAR"), (0, "YEAR"))
    assert DateRange(None, (0, "DAY")) < year < DateRange((0, "DAY"), (0, "DAY"))
    assert len({year, DateRange((1, "YEAR"), (2, "YEAR"))}) == 1
    assert year != DateRange(value=(0, "YEAR"))
    assert year != 5
    with pytest.raises(TypeError):
        assert early < 5
    with pytest.raises(TypeError):
        assert year < 5


def test_ranges():
    single = DateRange(value=(86_400_000 + 5, "DAY"))
    assert (single.lower_bound, single.upper_bound) == (None, None)
    assert single.value == DateRangeBound(86_400_000, "DAY")
    assert str(single) == "1970-01-02"
    closed = DateRange((5, "DAY"), (5, "MONTH"))
    assert closed.value is None
    assert closed.lower_bound.milliseconds == 0
    assert closed.upper_bound.milliseconds == 31 * 86_400_000 - 1
    assert str(closed) == "[1970-01-01 TO 1970-01]"
    assert str(DateRange(lower_bound=(5, "DAY"))) == "[1970-01-01 TO *]"
    assert str(DateRange(upper_bound=(5, "DAY"))) == "[* TO 1970-01-01]"
    assert eval(repr(closed)) == closed
    assert pickle.loads(pickle.dumps(closed)) == closed
    assert DATE_RANGE.literal(closed) == "'[1970-01-01 TO 1970-01]'"


@pytest.mark.parametrize(
    "arguments",
    [{}, {"value": (0, "DAY"), "lower_bound": (0, "DAY")}, {"value": 5}, {"lower_bound": "x"}],
)
def test_what_is_no_range(arguments):
    with pytest.raises(InvalidValue):
        DateRange(**arguments)
