"""In what a user type is not what a model says."""

from __future__ import annotations

from cql_protocol.identifiers import protect_name
from cqlengine.schema import ddl
from cqlengine.schema.differences import Difference, Kind, Safety
from cqlengine.schema.normal import normal_type

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.metadata.schema import UserType

__all__ = ["compare_type"]

_NO_DROP = "servers have no statement that takes a field out of a type"


def compare_type(wanted: UserType, live: UserType | None) -> list[Difference]:
    """Return what differs; `live` is None where there is no such type."""
    target = ddl.name_of_type(wanted.keyspace, wanted.name)
    if live is None:
        what = f"there is no type {target}"
        return [
            _difference(
                *(Kind.TYPE_MISSING, wanted, what, Safety.SAFE, "it is new"),
                *(ddl.create_type(wanted), "", None),
            )
        ]
    has = dict(zip(live.field_names, live.field_types, strict=True))
    wants = dict(zip(wanted.field_names, wanted.field_types, strict=True))
    missing = [field for field in wants if field not in has]
    extra = [field for field in has if field not in wants]
    found = [
        _changed(wanted, field, kind, has[field])
        for field, kind in wants.items()
        if field in has and normal_type(kind) != normal_type(has[field])
    ]
    for field in list(missing):
        old = _old_name(field, wants, has, extra)
        if old is not None:
            missing.remove(field)
            extra.remove(old)
            found.append(_renamed(wanted, old, field))
    for field in missing:
        what = f"{target} has no field {protect_name(field)}"
        found.append(
            _difference(
                *(Kind.FIELD_MISSING, wanted, what, Safety.SAFE),
                "values that are there have null for it",
                *(ddl.add_field(wanted, field, wants[field]), "", field),
            )
        )
    for field in extra:
        what = f"{target} has a field {protect_name(field)} that the model has not"
        way_out = "leave it, its value is null in what is written; or add it to the model"
        found.append(
            _difference(
                *(Kind.FIELD_EXTRA, wanted, what, Safety.REFUSED, _NO_DROP, None, way_out, field)
            )
        )
    return found


def _old_name(
    field: str, wants: dict[str, str], has: dict[str, str], extra: list[str]
) -> str | None:
    """Return the field that stands where this one is wanted, if only the names differ."""
    place = list(wants).index(field)
    if place >= len(has):
        return None
    old = list(has)[place]
    same = old in extra and normal_type(has[old]) == normal_type(wants[field])
    return old if same else None


def _changed(wanted: UserType, field: str, kind: str, before: str) -> Difference:
    target = ddl.name_of_type(wanted.keyspace, wanted.name)
    return _difference(
        Kind.FIELD_CHANGED,
        wanted,
        f"{target}.{protect_name(field)} is a {normal_type(before)}, not a {normal_type(kind)}",
        Safety.REFUSED,
        "servers since Cassandra 3.10 never change the type of a field",
        None,
        f"add a field of another name with type {normal_type(kind)}, write your values anew, and "
        f"leave {protect_name(field)} unused",
        field,
    )


def _renamed(wanted: UserType, old: str, new: str) -> Difference:
    target = ddl.name_of_type(wanted.keyspace, wanted.name)
    names = f"{protect_name(old)} TO {protect_name(new)}"
    return _difference(
        Kind.FIELD_RENAMED,
        wanted,
        f"{target} has {protect_name(old)} where the model has {protect_name(new)}",
        Safety.REFUSED,
        "whether it is the same field under another name cannot be told, and programs that know "
        "the old name would fail",
        None,
        f'keep the name with db_field="{old}"; or run ALTER TYPE {target} RENAME {names}, once '
        "no program uses the old name",
        old,
    )


def _difference(
    kind: Kind,
    wanted: UserType,
    what: str,
    safety: Safety,
    why: str,
    statement: str | None,
    way_out: str,
    field: str | None,
) -> Difference:
    target = ddl.name_of_type(wanted.keyspace, wanted.name)
    return Difference(
        kind,
        target if field is None else f"{target}.{protect_name(field)}",
        what,
        safety,
        why,
        () if statement is None else (statement,),
        way_out,
        wanted.keyspace,
        None if field is None else wanted.name,
        wanted.name if field is None else field,
    )
