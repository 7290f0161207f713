"""Planning: from differences between models and the live schema to steps and problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from cql_protocol.errors import RequestValidationException
from cql_protocol.identifiers import quote_text
from cqlengine.connection.registry import default_keyspace
from cqlengine.errors import UndefinedKeyspaceException
from cqlengine.migrations.driving import Agreement, Pause
from cqlengine.migrations.effects import digest
from cqlengine.migrations.errors import MigrationError
from cqlengine.migrations.plans import Plan
from cqlengine.migrations.records import RECORD_TABLE
from cqlengine.migrations.refusals import split_impossible
from cqlengine.migrations.renames import parse_renames, rename_keys, split_suspected
from cqlengine.migrations.statements import steps_of
from cqlengine.query.requests import Request
from cqlengine.schema.compare import compare_models
from cqlengine.schema.differences import Kind
from cqlengine.schema.live import read_keyspace
from cqlengine.schema.wanted import is_view, wanted_tables

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Self

    from cqlengine.migrations.driving import Procedure
    from cqlengine.migrations.refusals import Dropped
    from cqlengine.migrations.renames import Rename
    from cqlengine.schema.differences import Difference
    from cqlengine.schema.live import LiveKeyspace

__all__ = ["Choices", "Question", "no_keyspace", "planning"]


class Choices(TypedDict, total=False):
    """What `plan` may be told besides."""

    complete: bool
    renames: Mapping[str, str]
    not_renamed: Sequence[str]


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be planned; see `cqlengine.migrations.plan`."""

    models: tuple[Any, ...]
    user_types: tuple[Any, ...]
    keyspace: str
    complete: bool = False
    renames: tuple[Rename, ...] = ()
    not_renamed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def made(cls, models: Iterable[Any], keyspace: str | None, choices: Choices) -> Self:
        """Return the question; raises `MigrationError` where it is not clear."""
        given = tuple(models)
        tables = _with_relatives(model for model in given if not _is_user_type(model))
        keyspace = keyspace or _keyspace_of(tables)
        elsewhere = [model for model in tables if model.__keyspace__ not in (None, keyspace)]
        if choices.get("complete") and not (tables and len(tables) > len(elsewhere)):
            raise MigrationError(
                f"no model that was given is of keyspace {keyspace!r}, so to be complete would be "
                "to drop all of it: correct the keyspace, or the models; an empty keyspace is "
                "what DROP KEYSPACE and CREATE KEYSPACE make"
            )
        return cls(
            tuple(model for model in tables if model not in elsewhere),
            tuple(model for model in given if _is_user_type(model)),
            keyspace,
            choices.get("complete", False),
            parse_renames(choices.get("renames")),
            tuple(choices.get("not_renamed", ())),
            tuple(
                f"{model.__name__} is left out: it belongs to keyspace {model.__keyspace__}"
                for model in elsewhere
            ),
        )


def _is_user_type(model: Any) -> bool:
    return hasattr(model, "_fields")


def _with_relatives(models: Iterable[Any]) -> list[Any]:
    """Add the models that share a table, so that no column of theirs seems to be nobody's.

    And of views the models of their tables, without which there is nothing to show.
    """
    found: dict[Any, None] = {}
    given = list(models)
    bases = [model.__base_model__ for model in given if is_view(model)]
    for model in (*given, *bases):
        found[model] = None
        base = getattr(model, "_polymorphic_base", None)
        if base is not None:
            family = (base, *base._discriminator_map.values())
            found.update(dict.fromkeys(each for each in family if not each.__abstract__))
    return list(found)


def _keyspace_of(models: list[Any]) -> str:
    named = {model._get_keyspace() for model in models} or {default_keyspace()}
    if None in named:
        raise UndefinedKeyspaceException(
            "no keyspace is known: say keyspace=... (--keyspace), or give connection.setup a "
            "default_keyspace, or the models __keyspace__"
        )
    if len(named) > 1:
        raise MigrationError(
            f"the models are of the keyspaces {', '.join(sorted(named))}: plan each of them by "
            "itself, with keyspace=... (--keyspace)"
        )
    return str(named.pop())


_UNKNOWN = (Kind.TABLE_EXTRA, Kind.TYPE_EXTRA, Kind.VIEW_EXTRA)
"""What is in the keyspace without a model of its own."""


_READS = 5
"""How often a schema is read again whose parts do not fit."""


def planning(question: Question) -> Procedure[Plan]:
    """Compare models with the live schema, and plan."""
    keyspace = question.keyspace
    live = yield from _read(keyspace)
    if not live.exists:
        raise no_keyspace(keyspace)
    dropped = yield from _dropped_columns(keyspace)
    renamed, steps, problems = rename_keys(question.renames, live)
    found = compare_models(
        question.models, renamed, user_types=question.user_types, ignored=(RECORD_TABLE,)
    )
    wanted = wanted_tables(question.models, keyspace)
    found, notes = _without_unknown(found, question)
    found, suspected = split_suspected(found, wanted, renamed, question.not_renamed)
    problems += suspected
    found, impossible = split_impossible(found, wanted, renamed, dropped)
    problems += impossible
    steps += steps_of(found, len(steps) + 1)
    basis = {step.unit: digest(live, step.unit) for step in steps}
    return Plan(keyspace, tuple(steps), tuple(problems), (*question.notes, *notes), basis)


def no_keyspace(keyspace: str) -> MigrationError:
    """Return the error of a keyspace that is not there."""
    return MigrationError(
        f"there is no keyspace {keyspace!r}: create it first, by cqlengine.management."
        "create_keyspace_network_topology for instance; how it is replicated is not for "
        "models to say"
    )


def _read(keyspace: str) -> Procedure[LiveKeyspace]:
    """Read the schema; once more where its parts do not fit, since somebody is changing it."""
    live = yield from read_keyspace(keyspace)
    for _ in range(_READS):
        if not _unread(live):
            return live
        yield Pause(0.5)
        yield Agreement()
        live = yield from read_keyspace(keyspace)
    if unread := _unread(live):
        raise MigrationError(
            f"the schema of keyspace {keyspace!r} cannot be read as a whole, so nothing is "
            f"planned: {'; '.join(unread)}; try again when nobody changes it"
        )
    return live


def _unread(live: LiveKeyspace) -> list[str]:
    relations = (*live.tables.values(), *live.views.values())
    found = [f"{each.name}: {each.problem}" for each in relations if each.problem]
    return [*live.contents.problems, *found]


def _without_unknown(
    differences: list[Difference], question: Question
) -> tuple[list[Difference], list[str]]:
    """Leave alone what no model describes, unless the models are all there is; tell of it."""
    if question.complete:
        return differences, []
    known = [found for found in differences if found.kind not in _UNKNOWN]
    notes = [
        f"{found.what}: it is left alone; complete=True (--complete) plans to drop it"
        for found in differences
        if found.kind in _UNKNOWN
    ]
    return known, notes


def _dropped_columns(keyspace: str) -> Procedure[Dropped]:
    """Ask the server for columns that were dropped, which it remembers."""
    try:
        answer = yield Request(
            "SELECT * FROM system_schema.dropped_columns "
            f"WHERE keyspace_name = {quote_text(keyspace)}",
            fetch_size=None,
            is_idempotent=True,
            prepared=False,
        )
    except RequestValidationException:
        return {}  # this server has no such table, or does not show it to us
    rows = [dict(zip(answer.column_names, row, strict=True)) for row in answer.current_rows]
    return {(row["table_name"], row["column_name"]): (row["type"], row.get("kind")) for row in rows}
