"""Steps of differences: a step for each statement, with what it does and how to see that."""

from __future__ import annotations

from cqlengine.migrations.steps import Effect, Step
from cqlengine.schema.differences import Kind, Safety

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cqlengine.schema.differences import Difference

__all__ = ["steps_of"]

_LABELS = {
    Kind.KEYSPACE_MISSING: "create keyspace",
    Kind.KEYSPACE_CHANGED: "change keyspace",
    Kind.TYPE_MISSING: "create type",
    Kind.TYPE_EXTRA: "drop type",
    Kind.FIELD_MISSING: "add field",
    Kind.TABLE_MISSING: "create table",
    Kind.TABLE_EXTRA: "drop table",
    Kind.COLUMN_MISSING: "add column",
    Kind.COLUMN_EXTRA: "drop column",
    Kind.OPTION_CHANGED: "change options",
    Kind.INDEX_MISSING: "create index",
    Kind.INDEX_EXTRA: "drop index",
    Kind.INDEX_CHANGED: "index",
    Kind.VIEW_MISSING: "create view",
    Kind.VIEW_EXTRA: "drop view",
    Kind.VIEW_CHANGED: "view",
}
_PRESENT = "missing"
_ABSENT = "extra"


def steps_of(differences: Iterable[Difference], first: int = 1) -> list[Step]:
    """Return the steps that carry differences out, in their order, numbered from `first`."""
    steps: list[Step] = []
    for found in differences:
        before: tuple[int, ...] = ()
        for cql in found.statements:
            number = first + len(steps)
            steps.append(_step(found, cql, number, before))
            before = (number,)
    return steps


def _step(found: Difference, cql: str, number: int, before: tuple[int, ...]) -> Step:
    safety, why, way_out = found.safety, found.why, found.way_out
    label = _LABELS.get(found.kind, str(found.kind))
    if len(found.statements) > 1:
        label = f"{'drop' if _drops(cql) else 'create'} {label}"
        # What is made in the place of what is dropped loses nothing itself, but needs that.
        if safety is Safety.DESTRUCTIVE and not _drops(cql):
            safety, why, way_out = Safety.COSTLY, "it is built from all rows", ""
    return Step(
        number=number,
        kind=label,
        target=found.target,
        unit=_unit(found),
        cql=cql,
        reason=found.what,
        safety=str(safety),
        why=why,
        way_out=way_out,
        effect=_effect(found, cql),
        needs=before,
    )


def _drops(cql: str) -> bool:
    return cql.startswith("DROP ")


def _noun(found: Difference) -> str:
    return str(found.kind).partition(" ")[0]


def _unit(found: Difference) -> str:
    """Return what the step changes as the name of what a digest is made of."""
    noun = _noun(found)
    if noun == "keyspace":
        return noun
    kind = "type" if noun in ("type", "field") else "table"
    return f"{kind} {found.table or found.name}"


def _effect(found: Difference, cql: str) -> Effect | None:
    noun, _, state = str(found.kind).partition(" ")
    owner = found.table or "" if noun in ("column", "field", "index") else ""
    if state == _PRESENT:
        # An index without a name gets one by the server; to make it twice does no harm.
        nameless = noun == "index" and " INDEX IF NOT EXISTS ON " in cql
        return None if nameless else Effect(noun, owner, found.name, True)
    if state == _ABSENT or _drops(cql):
        return Effect(noun, owner, found.name, False)
    return None
