"""Random instances of random models, created, changed, deleted and read back for 2,000 steps.

What they hold is compared with a table in memory (`Truth`) after every read, and at the end of
each example with the rows that a plain session sees. Once blocking, once on asyncio.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cql_driver.query import dict_factory
from cqlengine.management import sync_table
from cqlengine.query import BatchQuery
from tests.integration.mapper.in_memory import Truth, is_null
from tests.integration.mapper.random_models import plain, random_model

if TYPE_CHECKING:
    from cql_driver.cluster import Session

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.usefixtures("connection"),
]

STEPS = 2000
"""Verbs at least, for each API."""

_partitions = count()


class Instances(RuleBasedStateMachine):
    """The writes and reads of a program; `models` are what it writes."""

    models: list[tuple[Any, dict[str, st.SearchStrategy[Any]]]]
    session: Session
    awaited: Callable[[Any], Any] | None
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.truths = [Truth(model) for model, _ in self.models]
        self.keys = [f"p{next(_partitions)}" for _ in range(2)]
        self.held: list[tuple[int, Any]] = []

    # --- how verbs are called --------------------------------------------------------------------

    def call(self, owner: Any, verb: str, *args: Any, **kwargs: Any) -> Any:
        type(self).steps += 1
        if self.awaited is None:
            return getattr(owner, verb)(*args, **kwargs)
        return self.awaited(getattr(owner, f"a{verb}")(*args, **kwargs))

    def rows(self, query: Any) -> list[Any]:
        type(self).steps += 1
        return list(query) if self.awaited is None else self.awaited(query.alist())

    # --- what is drawn ---------------------------------------------------------------------------

    def some_model(self, data: st.DataObject) -> int:
        return data.draw(st.integers(0, len(self.models) - 1), "model")

    def some_key(self, data: st.DataObject, at: int) -> dict[str, Any]:
        _, values = self.models[at]
        key = {"p": data.draw(st.sampled_from(self.keys), "p")}
        for name in self.truths[at].clustering:
            key[name] = data.draw(values[name], name)
        return key

    def some_values(self, data: st.DataObject, at: int) -> dict[str, Any]:
        _, values = self.models[at]
        truth = self.truths[at]
        names = data.draw(st.sets(st.sampled_from([*truth.statics, *truth.regular])), "columns")
        return {name: data.draw(st.none() | values[name], name) for name in sorted(names)}

    # --- writes ----------------------------------------------------------------------------------

    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        at = self.some_model(data)
        row = {**self.some_key(data, at), **self.some_values(data, at)}
        instance = self.call(self.models[at][0], "create", **row)
        self.truths[at].insert(row)
        self.hold(at, instance)

    def hold(self, at: int, instance: Any) -> None:
        # Another object of the same row would not know of what this one writes.
        self.held = [(n, each) for n, each in self.held if n != at or each.pk != instance.pk]
        truth = self.truths[at].row(key_of(instance))
        if truth is not None and all(
            plain(getattr(instance, name)) == plain(value) for name, value in truth.items()
        ):
            self.held.append((at, instance))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), in_place=st.booleans())
    def change_and_save(self, data: st.DataObject, in_place: bool) -> None:
        at, instance = data.draw(st.sampled_from(self.held), "instance")
        self.refresh(at, instance)
        values = self.some_values(data, at)
        for name, value in values.items():
            if in_place:
                assign(instance, name, value)
            else:
                setattr(instance, name, value)
        self.call(instance, "save")
        self.truths[at].update(key_of(instance), values)

    def refresh(self, at: int, instance: Any) -> None:
        """Have the static values of an instance be those of the table, which others change."""
        truth = self.truths[at]
        row = truth.row(key_of(instance))
        if row is None:
            return
        for name in truth.statics:
            column = type(instance)._columns[name]
            value = column.to_python(row[name]) if row[name] is not None else None
            setattr(instance, name, value)
            instance._previous[name] = column.snapshot(getattr(instance, name))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def update_instance(self, data: st.DataObject) -> None:
        at, instance = data.draw(st.sampled_from(self.held), "instance")
        self.refresh(at, instance)
        values = self.some_values(data, at)
        self.call(instance, "update", **values)
        self.truths[at].update(key_of(instance), values)

    @rule(data=st.data())
    def update_blindly(self, data: st.DataObject) -> None:
        at = self.some_model(data)
        key, values = self.some_key(data, at), self.some_values(data, at)
        truth = self.truths[at]
        if not any(name in truth.regular for name in values):
            return  # static columns alone have another key
        query = self.models[at][0].objects.filter(**key)
        self.call(query, "update", **values)
        truth.update(key, values)
        self.forget(at, key)

    @rule(data=st.data())
    def change_collections_blindly(self, data: st.DataObject) -> None:
        at = self.some_model(data)
        key, truth = self.some_key(data, at), self.truths[at]
        names = [n for n in truth.regular if n in ("a_set", "a_list", "a_map")]
        if not names:
            return
        name = data.draw(st.sampled_from(names), "collection")
        value = data.draw(self.models[at][1][name], "value")
        operation = data.draw(st.sampled_from(sorted(OPERATIONS[name])), "operation")
        given = set(value) if (name, operation) == ("a_map", "remove") else value
        query = self.models[at][0].objects.filter(**key)
        self.call(query, "update", **{f"{name}__{operation}": given})
        if value:
            truth.change(key, name, lambda old: OPERATIONS[name][operation](old, value))
        self.forget(at, key)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def delete_instance(self, data: st.DataObject) -> None:
        at, instance = data.draw(st.sampled_from(self.held), "instance")
        self.call(instance, "delete")
        self.truths[at].delete_row(key_of(instance))
        self.forget(at, key_of(instance))

    @rule(data=st.data())
    def delete_partition(self, data: st.DataObject) -> None:
        at, key = self.some_model(data), data.draw(st.sampled_from(self.keys), "p")
        self.call(self.models[at][0].objects.filter(p=key), "delete")
        self.truths[at].delete_partition(key)
        self.held = [(n, each) for n, each in self.held if n != at or each.p != key]

    @rule(data=st.data())
    def write_a_batch(self, data: st.DataObject) -> None:
        batch = BatchQuery()
        written = []
        for _ in range(data.draw(st.integers(0, 3), "writes")):
            at = self.some_model(data)
            row = {**self.some_key(data, at), **self.some_values(data, at)}
            place = (at, tuple(row[name] for name in self.models[at][0]._primary_keys))
            partition = (at, row["p"])
            if place not in [each[0] for each in written] and partition not in [
                each[2] for each in written
            ]:
                # What is in a batch has one time, so that nothing may be written twice in it.
                self.models[at][0].batch(batch).create(**row)
                written.append((place, row, partition))
        self.call(batch, "execute")
        for (at, _), row, _ in written:
            self.truths[at].insert(row)
            self.forget(at, row)

    def forget(self, at: int, key: dict[str, Any]) -> None:
        names = list(self.models[at][0]._primary_keys)
        wanted = tuple(key[name] for name in names)
        self.held = [(n, each) for n, each in self.held if n != at or as_tuple(each.pk) != wanted]

    # --- reads -----------------------------------------------------------------------------------

    @rule(data=st.data())
    def get(self, data: st.DataObject) -> None:
        at = self.some_model(data)
        key = self.some_key(data, at)
        expected = self.truths[at].row(key)
        query = self.models[at][0].objects.filter(**key)
        found = self.call(query, "first")
        if expected is None:
            assert found is None
            return
        compare(found, expected)
        self.hold(at, found)

    @rule(data=st.data(), fetch_size=st.sampled_from([1, 2, 5000]))
    def read_a_partition(self, data: st.DataObject, fetch_size: int) -> None:
        at, key = self.some_model(data), data.draw(st.sampled_from(self.keys), "p")
        expected = self.truths[at].rows(key)
        query = self.models[at][0].objects.filter(p=key)
        found = self.rows(query.fetch_size(fetch_size))
        assert len(found) == len(expected)
        for instance, row in zip(found, expected, strict=True):
            compare(instance, row)

    @rule(data=st.data())
    def count_a_partition(self, data: st.DataObject) -> None:
        at, key = self.some_model(data), data.draw(st.sampled_from(self.keys), "p")
        found = self.call(self.models[at][0].objects.filter(p=key), "count")
        assert found == len(self.truths[at].rows(key))

    def teardown(self) -> None:
        """Compare all partitions with what a plain session reads."""
        for truth in self.truths:
            model = truth.model
            names = {column.db_field_name: name for name, column in model._columns.items()}
            for key in self.keys:
                rows = self.session.execute(
                    f"SELECT * FROM {model.column_family_name()} WHERE p = ?",
                    (key,),
                    row_factory=dict_factory,
                ).all()
                found = [{names[n]: plain(v) for n, v in row.items()} for row in rows]
                expected = [
                    {name: plain(value) for name, value in row.items()} for row in truth.rows(key)
                ]
                assert found == expected, f"{found} is not {expected}"


def _put_back(old: Any, new: Any) -> Any:
    return {**(old or {}), **new}


OPERATIONS: dict[str, dict[str, Callable[[Any, Any], Any]]] = {
    "a_set": {
        "add": lambda old, new: (old or set()) | new,
        "remove": lambda old, new: (old or set()) - new,
    },
    "a_list": {
        "append": lambda old, new: (old or []) + new,
        "prepend": lambda old, new: new + (old or []),
        "remove": lambda old, new: [each for each in old or [] if each not in new],
    },
    "a_map": {
        "update": _put_back,
        "remove": lambda old, new: {k: v for k, v in (old or {}).items() if k not in new},
    },
}


def as_tuple(pk: Any) -> tuple[Any, ...]:
    return pk if isinstance(pk, tuple) else (pk,)


def key_of(instance: Any) -> dict[str, Any]:
    return {name: getattr(instance, name) for name in type(instance)._primary_keys}


def assign(instance: Any, name: str, value: Any) -> None:
    """Give a column a value by changing what it holds, where that can be changed."""
    current = getattr(instance, name)
    if isinstance(current, (set, dict)) and not is_null(value):
        current.clear()
        current.update(value)
    elif isinstance(current, list) and not is_null(value):
        current[:] = value
    else:
        setattr(instance, name, value)


def compare(instance: Any, expected: dict[str, Any]) -> None:
    found = {name: plain(getattr(instance, name)) for name in expected}
    assert found == {name: plain(value) for name, value in expected.items()}


@pytest.fixture(scope="module")
def models(connection: object) -> list[Any]:
    """Four models with random columns; the seed is printed, and can be given."""
    seed = int(os.environ.get("MAPPER_SEED") or Random().randrange(10**6))
    print(f"MAPPER_SEED={seed}")
    random = Random(seed)
    made = [random_model(random, f"Random{at}") for at in range(4)]
    for model, _ in made:
        sync_table(model)
    return made


def _run(session: Session, models: list[Any], awaited: Any) -> int:
    namespace = {"models": models, "session": session, "awaited": staticmethod(awaited)}
    if awaited is None:
        namespace["awaited"] = None
    machine: Any = type("Machine", (Instances,), {**namespace, "steps": 0})
    while machine.steps < STEPS:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=50,
                stateful_step_count=50,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                # A shorter example would take as long again, and again, on a real node.
                phases=[Phase.generate],
            ),
        )
    return int(machine.steps)


def test_blocking(session: Session, models: list[Any]) -> None:
    assert _run(session, models, None) >= STEPS


def test_on_asyncio(session: Session, models: list[Any], runner: asyncio.Runner) -> None:
    async def awaited(awaitable: Any) -> Any:
        return await awaitable

    assert _run(session, models, lambda awaitable: runner.run(awaited(awaitable))) >= STEPS
