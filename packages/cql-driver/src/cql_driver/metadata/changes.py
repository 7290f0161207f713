"""What changed between two states of a schema, as far as the driver looked."""

from __future__ import annotations

from cql_driver.metadata.schema import KeyspaceContents, same_schema

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

    from cql_driver.metadata.schema import KeyspaceMetadata

    Keyspaces = Mapping[str, KeyspaceMetadata]
    Target = tuple[str, str]
    """What an event names: its kind and its name, of a function without its arguments."""

__all__ = ["differences", "merged", "with_views"]

_KINDS = {
    "user_types": "TYPE",
    "tables": "TABLE",
    "views": "TABLE",
    "functions": "FUNCTION",
    "aggregates": "AGGREGATE",
}
"""The kind of target by the mapping in `KeyspaceContents`, each after what it depends on."""


def with_views(keyspace: KeyspaceMetadata, targets: Collection[Target]) -> set[Target]:
    """Return the targets with the views of their tables, which change along with them."""
    found = set(targets)
    for kind, name in targets:
        table = keyspace.tables.get(name) if kind == "TABLE" else None
        if table is not None:
            found.update(("TABLE", view) for view in table.views)
    return found


def merged(
    old: KeyspaceContents, new: KeyspaceContents, targets: Collection[Target] | None
) -> KeyspaceContents:
    """Return `old` with what is `new`; `targets` are all that was looked for, None for all.

    What did not change stays the object it is, and so does `old` when nothing did.
    """
    kinds: dict[str, dict[str, Any]] = {}
    same = old.problems == new.problems
    for kind, target in _KINDS.items():
        before, after = getattr(old, kind), getattr(new, kind)
        found = {
            key: entity
            for key, entity in before.items()
            if targets is not None and (target, entity.name) not in targets
        }
        for key, entity in after.items():
            known = before.get(key)
            found[key] = known if known is not None and same_schema(known, entity) else entity
        same = same and found.keys() == before.keys() and all(found[k] is before[k] for k in found)
        kinds[kind] = dict(sorted(found.items()))
    return old if same else KeyspaceContents(**kinds, problems=new.problems)


def differences(
    old: Keyspaces, new: Keyspaces, wanted: Callable[[str], bool]
) -> Iterator[tuple[Any, Any]]:
    """Give pairs of what was and what is, None for nothing; all of a keyspace by itself."""
    for name in filter(wanted, {**old, **new}):
        one, other = old.get(name), new.get(name)
        if one is None or other is None or not same_schema(one, other):
            yield one, other
        if one is None or other is None or one._contents is None or other._contents is None:
            continue
        for kind in _KINDS:
            before, after = getattr(one._contents, kind), getattr(other._contents, kind)
            yield from _changes(before, after)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    for key in {**before, **after}:
        one, other = before.get(key), after.get(key)
        if one is not other and not (one and other and same_schema(one, other)):
            yield one, other
