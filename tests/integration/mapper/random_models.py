"""Models with random columns, and random values for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from cqlengine import columns
from cqlengine.models import Model
from cqlengine.usertype import UserType

Kind = tuple[Callable[..., Any], st.SearchStrategy[Any]]


class Place(UserType):
    """A user type, whose values are compared by their fields."""

    street = columns.Text()
    number = columns.Integer()
    tags = columns.Set(columns.Text)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
INTS = st.integers(-(2**31), 2**31 - 1)
FEW = st.integers(0, 5)
WORDS = st.sampled_from(["a", "b", "c", "d", "o'clock", 'qu"ote', "é"])
MOMENTS = st.integers(-(2**40), 2**42).map(
    lambda milliseconds: datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)
)
DECIMALS = st.builds(
    lambda digits, scale: Decimal(digits).scaleb(-scale), st.integers(-(10**9), 10**9), FEW
)
PLACES = st.builds(
    Place, street=st.none() | WORDS, number=st.none() | FEW, tags=st.sets(WORDS, max_size=2)
)

SCALARS: dict[str, Kind] = {
    "text": (columns.Text, TEXTS),
    "ascii": (columns.Ascii, st.sampled_from(["", "x", "y'z"])),
    "integer": (columns.Integer, INTS),
    "tiny": (columns.TinyInt, st.integers(-128, 127)),
    "small": (columns.SmallInt, st.integers(-(2**15), 2**15 - 1)),
    "big": (columns.BigInt, st.integers(-(2**63), 2**63 - 1)),
    "var": (columns.VarInt, st.integers(-(2**90), 2**90)),
    "single": (columns.Float, st.floats(width=32, allow_nan=False)),
    "double": (columns.Double, st.floats(allow_nan=False)),
    "decimal": (columns.Decimal, DECIMALS),
    "boolean": (columns.Boolean, st.booleans()),
    "blob": (columns.Blob, st.binary(max_size=8)),
    "uuid": (columns.UUID, st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number))),
    "moment": (columns.DateTime, MOMENTS),
    "inet": (columns.Inet, st.sampled_from(["127.0.0.1", "::1", "10.1.2.3"])),
}

CONTAINERS: dict[str, Kind] = {
    "set": (lambda **o: columns.Set(columns.Text, **o), st.sets(WORDS, max_size=4)),
    "list": (lambda **o: columns.List(columns.Integer, **o), st.lists(FEW, max_size=5)),
    "map": (
        lambda **o: columns.Map(columns.Text, columns.Integer, **o),
        st.dictionaries(WORDS, FEW, max_size=4),
    ),
    "frozen": (
        lambda **o: columns.List(columns.Text, frozen=True, **o),
        st.lists(WORDS, max_size=3),
    ),
    "nested": (
        lambda **o: columns.Map(columns.Integer, columns.List(columns.Text), **o),
        st.dictionaries(FEW, st.lists(WORDS, max_size=2), max_size=3),
    ),
    "pair": (
        lambda **o: columns.Tuple(columns.Integer, columns.Text, **o),
        st.tuples(FEW, WORDS),
    ),
    "place": (lambda **o: columns.UserDefinedType(Place, **o), PLACES),
    "vector": (
        lambda **o: columns.Vector(columns.Float, 3, **o),
        st.lists(st.floats(-8, 8, width=16), min_size=3, max_size=3),
    ),
}

KINDS = {**SCALARS, **CONTAINERS}
KEYS: dict[str, Kind] = {
    "integer": (columns.Integer, FEW),
    "text": (columns.Text, WORDS.filter(lambda word: word.isascii())),
    "day": (columns.DateTime, FEW.map(lambda day: datetime(2026, 1, 1 + day))),
}


def random_model(
    random: Random, name: str
) -> tuple[type[Model], dict[str, st.SearchStrategy[Any]]]:
    """Return a model with a partition key ``p`` and random columns, and values for those.

    It has up to two clustering columns, with them perhaps a static column, two scalars, and
    three of what is more than a scalar.
    """
    attributes: dict[str, Any] = {"p": columns.Text(partition_key=True)}
    values: dict[str, st.SearchStrategy[Any]] = {}
    clustering = random.sample(sorted(KEYS), random.randint(0, 2))
    for at, kind in enumerate(clustering):
        make, strategy = KEYS[kind]
        order = random.choice([None, "ASC", "DESC"])
        attributes[f"c{at}"] = make(primary_key=True, clustering_order=order)
        values[f"c{at}"] = strategy
    if clustering:
        kind = random.choice(sorted(KINDS))
        make, strategy = KINDS[kind]
        attributes[f"static_{kind}"] = make(static=True)
        values[f"static_{kind}"] = strategy
    chosen = random.sample(sorted(SCALARS), 2) + random.sample(sorted(CONTAINERS), 3)
    for kind in chosen:
        make, strategy = KINDS[kind]
        attributes[f"a_{kind}"] = make(db_field=random.choice([None, f"{kind} In Table"]))
        values[f"a_{kind}"] = strategy
    return type(Model)(name, (Model,), {"__module__": __name__, **attributes}), values


def plain(value: Any) -> Any:
    """Return a value as it can be compared: user types, tuples and addresses by what is in them."""
    if isinstance(value, Place):
        return tuple(plain(each) for each in value.values())
    if isinstance(value, (list, tuple)):
        return tuple(map(plain, value)) or None
    if isinstance(value, (set, frozenset)) or type(value).__name__ == "SortedSet":
        return frozenset(map(plain, value)) or None
    if hasattr(value, "items"):
        return frozenset((plain(k), plain(v)) for k, v in value.items()) or None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return str(value) if type(value).__module__ == "ipaddress" else value
