"""A server of one keyspace in memory, which knows the statements that these migrations send.

It stands for a real one where a test wants to cut a migration at each of its requests; what
servers really do with the statements is for the tests on real nodes to see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from typing import Any

from cql_protocol.errors import CASWriteUnknown, DriverException, InvalidRequest
from cqlengine.migrations.driving import Agreement, Pause
from cqlengine.query.requests import Request

__all__ = ["Answer", "Cut", "Server"]

KEYSPACE = "shop"

_ADD = re.compile(r'ALTER TABLE shop\.(\w+) ADD "(\w+)" (.+)')
_DROP = re.compile(r'ALTER TABLE shop\.(\w+) DROP "(\w+)"')
_CREATE = re.compile(r"CREATE TABLE IF NOT EXISTS shop\.(\w+) \((.*), PRIMARY KEY \(\((.*)\)\)\)")
_OPTIONS = re.compile(r"ALTER TABLE shop\.(\w+) WITH comment = '(.*)'")


class Answer:
    """A result: its rows as tuples, and whether a condition held."""

    def __init__(self, names: list[str], rows: list[tuple[Any, ...]], applied: bool = True) -> None:
        self.column_names = names
        self.current_rows = rows
        self.was_applied = applied


class Cut(Exception):
    """The process is dead: nothing more is asked."""


class Server:
    """The keyspace ``shop``, with tables of which every first column is the key."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, str]] = {}
        self.comments: dict[str, str] = {}
        self.dropped: dict[tuple[str, str], str] = {}
        self.record: dict[tuple[Any, int], dict[str, Any]] = {}
        self.holder: str | None = None
        self.has_record = False
        self.time = 0.0
        self.expires = 0.0
        self.statements: list[str] = []
        """What has changed the schema."""
        self.asked = 0
        self.broken: Callable[[str], Exception | None] = lambda text: None
        """Returns the error with which a statement fails."""
        self.unknown: Iterator[str] = iter(())
        """For each statement of the record: "" for its answer, or whether it fails unheard of
        "before" it was applied or "after"."""
        self.torn = 0
        """How often the columns of a table are not there yet when they are asked for."""
        self.agrees: Callable[[float | None], bool] = lambda seconds: True
        """Says whether the nodes agree within some seconds."""

    # --- driving -----------------------------------------------------------------------------

    def run(
        self,
        procedure: Generator[Any, Any, Any],
        cut_before: int | None = None,
        cut_after: int | None = None,
    ) -> Any:
        """Carry a procedure out; die before or after the request of a number, by `Cut`."""
        answer: Any = None
        error: Exception | None = None
        number = 0
        while True:
            try:
                action = procedure.send(answer) if error is None else procedure.throw(error)
            except StopIteration as stop:
                return stop.value
            number += 1
            if number == cut_before:
                raise Cut
            answer = error = None
            try:
                answer = self.perform(action)
            except DriverException as raised:
                error = raised
            if number == cut_after:
                raise Cut

    def run_together(
        self, procedures: list[Generator[Any, Any, Any]], turns: Iterator[int]
    ) -> list[Any]:
        """Carry out procedures whose requests come in any order; return what each returns."""
        outcomes: dict[int, Any] = {}
        answers: list[Any] = [None] * len(procedures)
        while len(outcomes) < len(procedures):
            running = [at for at in range(len(procedures)) if at not in outcomes]
            at = running[next(turns) % len(running)]
            answer, procedure = answers[at], procedures[at]
            try:
                failed = isinstance(answer, Exception)
                action = procedure.throw(answer) if failed else procedure.send(answer)
            except StopIteration as stop:
                outcomes[at] = stop.value
                continue
            try:
                answers[at] = self.perform(action)
            except DriverException as error:
                answers[at] = error
        return [outcomes[at] for at in range(len(procedures))]

    def perform(self, action: Any) -> Any:
        if isinstance(action, Pause):
            self.time += action.seconds
            return None
        if isinstance(action, Agreement):
            return self.agrees(action.seconds)
        self.asked += 1
        return self.answer(action)

    def answer(self, request: Request) -> Answer:
        text, values = " ".join(request.text.split()), tuple(request.values)
        if self.holder is not None and self.time >= self.expires:
            self.holder = None
        if "FROM system_schema." in text:
            return self._system(text.split("system_schema.")[1].split()[0])
        if "shop.cqlengine_migrations" in text:
            return self._record(text, values)
        if (error := self.broken(text)) is not None:
            raise error
        self._change(text)
        self.statements.append(text)
        return Answer([], [])

    # --- the schema --------------------------------------------------------------------------

    def _change(self, text: str) -> None:
        if found := _CREATE.fullmatch(text):
            parts = [part.strip().split(" ", 1) for part in found[2].split(",")]
            self.tables.setdefault(found[1], {name.strip('"'): kind for name, kind in parts})
        elif found := _ADD.fullmatch(text):
            columns = self.tables[found[1]]
            if found[2] in columns:
                raise InvalidRequest(f"a column {found[2]} is there already")
            columns[found[2]] = found[3]
        elif found := _DROP.fullmatch(text):
            columns = self.tables[found[1]]
            if found[2] not in columns:
                raise InvalidRequest(f"there is no column {found[2]}")
            self.dropped[found[1], found[2]] = columns.pop(found[2])
        elif found := _OPTIONS.fullmatch(text):
            self.comments[found[1]] = found[2]
        else:
            raise InvalidRequest(f"not known here: {text}")

    def _all(self) -> dict[str, dict[str, str]]:
        record = {"cqlengine_migrations": {"scope": "text"}} if self.has_record else {}
        return self.tables | record

    def _system(self, table: str) -> Answer:
        if table == "keyspaces":
            replication = {"class": "NetworkTopologyStrategy", "dc1": "1"}
            return Answer(["replication", "durable_writes"], [(replication, True)])
        if table == "tables":
            rows = [(name, {"compound"}, self.comments.get(name, "")) for name in self._all()]
            return Answer(["table_name", "flags", "comment"], rows)
        if table == "columns" and self.torn:
            self.torn -= 1
            return Answer(["table_name"], [])
        if table == "columns":
            return Answer(
                ["table_name", "column_name", "kind", "position", "type", "clustering_order"],
                [
                    (
                        name,
                        column,
                        *(("regular", -1) if place else ("partition_key", 0)),
                        kind,
                        "none",
                    )
                    for name, columns in self._all().items()
                    for place, (column, kind) in enumerate(columns.items())
                ],
            )
        if table == "dropped_columns":
            rows = [(*place, kind, "regular") for place, kind in self.dropped.items()]
            return Answer(["table_name", "column_name", "type", "kind"], rows)
        return Answer([], [])

    # --- the record --------------------------------------------------------------------------

    def _record(self, text: str, values: tuple[Any, ...]) -> Answer:
        if text.startswith("CREATE TABLE"):
            self.has_record = True
            return Answer([], [])
        assert self.has_record
        outcome = next(self.unknown, "")
        if outcome == "before":
            raise CASWriteUnknown("before")
        answer = self._of_record(text, values)
        if outcome == "after":
            raise CASWriteUnknown("after")
        return answer

    def _of_record(self, text: str, values: tuple[Any, ...]) -> Answer:
        if text.startswith("SELECT lease_holder"):
            return Answer(["lease_holder"], [(self.holder,)])
        if text.startswith("SELECT"):
            names = text.removeprefix("SELECT ").split(" FROM ")[0].split(", ")
            rows = [
                tuple({"run": run, "step": step, **row}.get(name) for name in names)
                for (run, step), row in reversed(self.record.items())
            ]
            return Answer(names, rows)
        if values[-1] != self.holder:
            return Answer(["[applied]"], [], applied=False)
        if "USING TTL" in text:
            self.holder, self.expires = values[1], self.time + values[0]
        elif "SET lease_holder = null" in text:
            self.holder = None
        else:
            names = re.findall(r"(\w+) = \?", text.split(" WHERE ")[0])
            *new, run, step, _ = values
            self.record.setdefault((run, step), {}).update(zip(names, new, strict=True))
        return Answer(["[applied]"], [])
