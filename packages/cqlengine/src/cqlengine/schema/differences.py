"""`Difference`: one thing in which a keyspace is not what the models say, and what to do about it.

`cqlengine.schema.compare` finds them; `sync_table` carries out those that add something, and
migrations plan from all of them.
"""

from __future__ import annotations

from enum import StrEnum

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Difference", "Kind", "Safety", "in_order"]


class Kind(StrEnum):
    """What differs. "Missing" is what the models have and the keyspace has not."""

    KEYSPACE_MISSING = "keyspace missing"
    KEYSPACE_CHANGED = "keyspace changed"
    """Its replication, or its durable writes."""

    TYPE_MISSING = "type missing"
    TYPE_EXTRA = "type extra"
    FIELD_MISSING = "field missing"
    FIELD_EXTRA = "field extra"
    FIELD_CHANGED = "field changed"
    """It has another type."""
    FIELD_RENAMED = "field renamed"
    """One of the type's fields is not in the model, which has another one in its place."""

    TABLE_MISSING = "table missing"
    TABLE_EXTRA = "table extra"
    KEY_CHANGED = "key changed"
    """The primary key consists of other columns, or they are divided otherwise."""
    ORDER_CHANGED = "order changed"
    """The clustering order."""
    COLUMN_MISSING = "column missing"
    COLUMN_EXTRA = "column extra"
    COLUMN_CHANGED = "column changed"
    """It has another type."""
    STATIC_CHANGED = "static changed"
    OPTION_CHANGED = "option changed"

    INDEX_MISSING = "index missing"
    INDEX_EXTRA = "index extra"
    INDEX_CHANGED = "index changed"

    VIEW_MISSING = "view missing"
    VIEW_EXTRA = "view extra"
    VIEW_CHANGED = "view changed"
    """Its columns, its key or its conditions; options of views are `OPTION_CHANGED`."""


class Safety(StrEnum):
    """What it means to carry a difference out."""

    SAFE = "safe"
    """Nothing is lost, and programs that know the schema of before go on working."""
    COSTLY = "costly"
    """Nothing is lost, but the cluster has work with it: an index is built, a repair is due."""
    DESTRUCTIVE = "destructive"
    """Data is lost, or queries that worked fail: only if somebody asks for it."""
    REFUSED = "refused"
    """The server has no statement for it: `Difference.way_out` says what to do instead."""


class Difference:
    """One thing in which a keyspace is not what the models say.

    - `kind`: what differs, see `Kind`
    - `target`: what it is about, as it stands in CQL: ``shop.users``, ``shop.users.age``
    - `what`: the difference in a sentence without a full stop
    - `safety`: what it means to carry it out, see `Safety`
    - `why`: why it is as safe as that, in a sentence without a full stop
    - `statements`: CQL without semicolons that carries it out, in order; none if it is refused
    - `way_out`: what to do instead of what is refused, or before what is destructive; may be empty
    - `keyspace`, `table`, `name`: the names as the server has them, for whoever looks for one;
      `table` is that of a column, an index or a view, or the user type of a field

    Two are equal if they say the same. They never change.

    Example::

        for difference in compare_models([User], live):
            print(difference.safety, difference.what)
            print(*difference.statements, sep=";\\n")
    """

    __slots__ = (
        "keyspace",
        "kind",
        "name",
        "safety",
        "statements",
        "table",
        "target",
        "way_out",
        "what",
        "why",
    )

    def __init__(
        self,
        kind: Kind,
        target: str,
        what: str,
        safety: Safety,
        why: str,
        statements: Sequence[str] = (),
        way_out: str = "",
        keyspace: str = "",
        table: str | None = None,
        name: str = "",
    ) -> None:
        self.kind = kind
        self.target = target
        self.what = what
        self.safety = safety
        self.why = why
        self.statements = tuple(statements)
        self.way_out = way_out
        self.keyspace = keyspace
        self.table = table
        self.name = name

    @property
    def is_safe(self) -> bool:
        """Whether nothing is lost by carrying it out; it may still be costly."""
        return self.safety in (Safety.SAFE, Safety.COSTLY)

    @property
    def is_refused(self) -> bool:
        """Whether it cannot be carried out at all."""
        return self.safety is Safety.REFUSED

    @property
    def sentence(self) -> str:
        """All that a person needs to know, on one line."""
        more = f"; {self.way_out}" if self.way_out else ""
        return f"{self.what} ({self.safety}: {self.why}{more})"

    def _identity(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Difference):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"<Difference {self.kind}: {self.what} ({self.safety})>"


_ORDER = (
    # What is in the way of others goes first, views before the columns they show.
    Kind.VIEW_EXTRA,
    Kind.INDEX_EXTRA,
    Kind.KEYSPACE_MISSING,
    Kind.KEYSPACE_CHANGED,
    Kind.TYPE_MISSING,
    Kind.FIELD_RENAMED,
    Kind.FIELD_CHANGED,
    Kind.FIELD_MISSING,
    Kind.FIELD_EXTRA,
    Kind.TABLE_MISSING,
    Kind.KEY_CHANGED,
    Kind.ORDER_CHANGED,
    Kind.STATIC_CHANGED,
    Kind.COLUMN_CHANGED,
    Kind.COLUMN_MISSING,
    # May take an index off a column that goes, and give its name to one of a column that comes.
    Kind.INDEX_CHANGED,
    Kind.COLUMN_EXTRA,
    Kind.OPTION_CHANGED,
    Kind.INDEX_MISSING,
    Kind.VIEW_CHANGED,
    Kind.VIEW_MISSING,
    # What others may have used until now goes last.
    Kind.TABLE_EXTRA,
    Kind.TYPE_EXTRA,
)
_PLACE = {kind: place for place, kind in enumerate(_ORDER)}


def in_order(differences: Iterable[Difference]) -> list[Difference]:
    """Return the differences so that each can be carried out after those before it.

    Those of one kind stay in the order they are in, as types do that use each other.
    """
    return sorted(differences, key=lambda difference: _PLACE[difference.kind])
