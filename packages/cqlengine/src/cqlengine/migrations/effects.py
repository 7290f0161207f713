"""What the live schema shows: whether a step is in effect, and whether a table has changed."""

from __future__ import annotations

from hashlib import sha256

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cqlengine.migrations.steps import Effect
    from cqlengine.schema.live import LiveKeyspace

__all__ = ["digest", "shows"]


def shows(live: LiveKeyspace, effect: Effect) -> bool:
    """Say whether a step with this effect is in effect."""
    return _has(live, effect.kind, effect.owner, effect.name) == effect.present


def _has(live: LiveKeyspace, kind: str, owner: str, name: str) -> bool:
    if kind == "keyspace":
        return live.exists
    if kind == "table":
        return name in live.tables
    if kind == "view":
        return name in live.views
    if kind == "type":
        return name in live.user_types
    if kind == "field":
        return owner in live.user_types and name in live.user_types[owner].field_names
    table = live.tables.get(owner)
    if table is None:
        return False
    return name in (table.columns if kind == "column" else table.indexes)


def digest(live: LiveKeyspace, unit: str) -> str:
    """Return a digest of all there is of a unit: "keyspace", "table x" (or a view) or "type x".

    To a table belong its columns, options, indexes and views, as they are exported as CQL. What
    is not there has a digest, too.
    """
    kind, _, name = unit.partition(" ")
    if kind == "keyspace":
        text = f"{live.exists} {live.replication!r} {live.durable_writes}"
    else:
        places = [live.user_types] if kind == "type" else [live.tables, live.views]
        found = next((place[name] for place in places if name in place), None)
        text = "" if found is None else found.export_as_string()
    return sha256(text.encode()).hexdigest()[:16]
