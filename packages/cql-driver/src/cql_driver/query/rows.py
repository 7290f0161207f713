"""Row factories: in which form the rows of a result are given.

A row factory is called with the names of the columns and the rows of a page as tuples, and
returns the rows in its form. Give one to an execution profile: ``row_factory=dict_factory``.
"""

from __future__ import annotations

from functools import partial
from itertools import starmap
from keyword import iskeyword
from operator import itemgetter

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol._lazy import pattern

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, TypeVar

    Rows = Sequence[tuple[Any, ...]]

    _T = TypeVar("_T")

__all__ = [
    "PseudoNamedTupleRow",
    "dataclass_factory",
    "dict_factory",
    "named_tuple_factory",
    "ordered_dict_factory",
    "pseudo_namedtuple_factory",
    "tuple_factory",
]

_KEPT = 512

_makers: dict[tuple[str, ...], Callable[[Any], Any]] = {}
_no_letter = pattern("[^a-zA-Z0-9]", "sub")
_bad_ends = pattern("^[^a-zA-Z0-9]+|[^a-zA-Z0-9_]+$", "sub")


def tuple_factory(colnames: Sequence[str], rows: Rows) -> Rows:
    """Give each row as a tuple, as it comes: the fastest.

    Example::

        >>> tuple_factory(["id", "name"], [(1, "Zoë")])
        [(1, 'Zoë')]
    """
    return rows


def dict_factory(colnames: Sequence[str], rows: Rows) -> list[dict[str, Any]]:
    """Give each row as a dict of column names to values.

    Example::

        >>> dict_factory(["id", "name"], [(1, "Zoë")])
        [{'id': 1, 'name': 'Zoë'}]
    """
    return [dict(zip(colnames, row, strict=False)) for row in rows]


def ordered_dict_factory(colnames: Sequence[str], rows: Rows) -> list[OrderedDict[str, Any]]:
    """Give each row as an `OrderedDict`, for code that needs one: a dict has the order too."""
    from collections import OrderedDict

    return [OrderedDict(zip(colnames, row, strict=False)) for row in rows]


def named_tuple_factory(colnames: Sequence[str], rows: Rows) -> list[Any]:
    """Give each row as a named tuple, whose fields are called as the columns: the default.

    In names that are none in Python, other signs than letters and digits become ``_``, those
    at the ends go; what is left without a name, or is a keyword, is ``field_N_`` by
    its index, and a name that comes twice gets a ``_`` behind it. Rows can be pickled.

    Example::

        >>> rows = named_tuple_factory(["id", "ttl(name)", "[applied]"], [(1, 60, True)])
        >>> rows[0].id, rows[0].ttl_name, rows[0].applied
        (1, 60, True)
    """
    return list(map(named_tuple_maker(tuple(colnames)), rows))


def named_tuple_maker(colnames: tuple[str, ...]) -> Callable[[Any], Any]:
    """Return what makes a named tuple of a row, the same each time: making the class is slow."""
    make = _makers.get(colnames)
    return _make_class(colnames) if make is None else make


def _make_class(colnames: tuple[str, ...]) -> Callable[[Any], Any]:
    from collections import namedtuple

    make_class: Any = namedtuple
    cls = make_class("Row", field_names(colnames))
    # The class stands in no module: a pickle holds what it is made of.
    cls.__reduce__ = lambda self: (_remake, (colnames, tuple(self)))
    # As cls._make without its check of the length, which the decoder of the rows has made.
    make = partial(tuple.__new__, cls)
    if len(_makers) >= _KEPT:
        _makers.clear()
    _makers[colnames] = make
    return make


def _remake(colnames: tuple[str, ...], row: tuple[Any, ...]) -> Any:
    return named_tuple_factory(colnames, [row])[0]


def field_names(colnames: Sequence[str]) -> list[str]:
    """Return the names of attributes for columns: identifiers of Python, each once."""
    names: list[str] = []
    taken: set[str] = set()
    for index, column in enumerate(colnames):
        name = column
        if not (name.isascii() and name.isidentifier()) or name[0] == "_":
            name = _no_letter("_", _bad_ends("", name))
        if not name or name[0].isdigit() or name[0] == "_" or iskeyword(name):
            name = f"field_{index}_"
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    return names


class PseudoNamedTupleRow:
    """A row with attributes, indexes and iteration like a named tuple, but made of a dict."""

    _dict: Mapping[str, Any]
    _values: tuple[Any, ...]

    def __init__(self, ordered_dict: Mapping[str, Any]) -> None:
        self._dict = ordered_dict
        self._values = tuple(ordered_dict.values())
        self.__dict__.update(zip(field_names(list(ordered_dict)), self._values, strict=True))

    def __getitem__(self, idx: Any) -> Any:
        return self._values[idx]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"PseudoNamedTupleRow({dict(self._dict)!r})"


def pseudo_namedtuple_factory(colnames: Sequence[str], rows: Rows) -> list[PseudoNamedTupleRow]:
    """Give each row as a `PseudoNamedTupleRow`, which no class has to be made for."""
    return [PseudoNamedTupleRow(row) for row in ordered_dict_factory(colnames, rows)]


def dataclass_factory(cls: Callable[..., _T]) -> Callable[[Sequence[str], Rows], list[_T]]:
    """Return a row factory that makes an instance of `cls` of each row.

    `cls` is a dataclass, or any class whose ``__init__`` takes the names of the columns: they
    are given to it as keywords. The factory raises `InvalidArgument` when a column has no field,
    or a field without a default has no column; `InvalidArgumentType` is raised when `cls`
    is no class.

    Example::

        @dataclass
        class User:
            id: UUID
            name: str
            email: str | None = None

        profile = ExecutionProfile(row_factory=dataclass_factory(User))
    """
    if not isinstance(cls, type):
        raise InvalidArgumentType(f"dataclass_factory is for a class, not {cls!r}")
    parameters: tuple[dict[str, bool], list[str]] | None = None
    plans: dict[tuple[str, ...], Callable[[Rows], list[_T]]] = {}

    def factory(colnames: Sequence[str], rows: Rows) -> list[_T]:
        nonlocal parameters
        key = tuple(colnames)
        make = plans.get(key)
        if make is None:
            if parameters is None:
                parameters = _parameters(cls)
            fields, in_order = parameters
            make = _maker(cls, _match(cls, fields, key), in_order)
            if len(plans) >= _KEPT:
                plans.clear()
            plans[key] = make
        return make(rows)

    return factory


def _maker(
    cls: Callable[..., _T], names: tuple[str, ...], in_order: list[str]
) -> Callable[[Rows], list[_T]]:
    """Return what makes an instance of each row, whose values are for the parameters `names`.

    By position where that is the same as by keyword: it takes a sixth of the time.
    """
    first = in_order[: len(names)]
    if first == list(names):
        return lambda rows: list(starmap(cls, rows))
    if set(first) == set(names):
        arrange = itemgetter(*map(names.index, first))
        return lambda rows: list(starmap(cls, map(arrange, rows)))
    return lambda rows: [cls(**dict(zip(names, row, strict=False))) for row in rows]


_ANY_NAME = "**"


def _parameters(cls: type) -> tuple[dict[str, bool], list[str]]:
    """Return the keywords that `cls` can be called with, and whether each is needed.

    Behind them are the keywords that can be given by position too, in the order of positions.
    """
    from inspect import Parameter, signature

    try:
        parameters = signature(cls).parameters.values()
    except (TypeError, ValueError):
        raise InvalidArgument(f"the parameters of {cls.__name__} cannot be told") from None
    fields: dict[str, bool] = {}
    for parameter in parameters:
        if parameter.kind is Parameter.VAR_KEYWORD:
            fields[_ANY_NAME] = False
        elif parameter.kind is Parameter.POSITIONAL_ONLY:
            if parameter.default is Parameter.empty:
                raise InvalidArgument(
                    f"{cls.__name__} takes {parameter.name!r} by position only; "
                    "columns are given by name"
                )
        elif parameter.kind is not Parameter.VAR_POSITIONAL:
            fields[parameter.name] = parameter.default is Parameter.empty
    kinds = {parameter.name: parameter.kind for parameter in parameters}
    in_order = [name for name, kind in kinds.items() if kind is Parameter.POSITIONAL_OR_KEYWORD]
    return fields, [] if Parameter.POSITIONAL_ONLY in kinds.values() else in_order


def _match(cls: type, fields: dict[str, bool], colnames: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keyword for each column: its own name, or the one a named tuple would have."""
    names = []
    for column, clean in zip(colnames, field_names(colnames), strict=True):
        name = column if column in fields or _ANY_NAME in fields else clean
        if name not in fields and _ANY_NAME not in fields:
            raise InvalidArgument(
                f"{cls.__name__} has no field for the column {column!r}; it has "
                f"{', '.join(fields) or 'none'}: add it, or do not select the column"
            )
        if name in names:
            raise InvalidArgument(
                f"two columns would be the field {name!r} of {cls.__name__}: "
                "rename one in the statement (AS)"
            )
        names.append(name)
    missing = [name for name, needed in fields.items() if needed and name not in names]
    if missing:
        raise InvalidArgument(
            f"the result has no column for {', '.join(missing)} of {cls.__name__}: "
            "select it, or give the field a default"
        )
    return tuple(names)
