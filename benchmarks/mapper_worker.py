"""The measured process of `benchmarks.mapper`: one object mapper, told what to run.

It is run as a file in the environment of each driver, and imports nothing but the standard
library and that mapper::

    python benchmarks/mapper_worker.py cassandra '{"contact_points": ["127.0.9.1"], "port": 9042}'

The first argument names the driver; its mapper is ``cqlengine`` or ``cassandra.cqlengine``, and
the code that is measured is the same for both. Each line of input is a JSON object:
{"operation", "model", "count", "least_seconds"}. Each line of output is the answer to one:
{"operations", "requests", "seconds", "cpu"} (the CPU time is that of all threads of this
process), or {"error"}.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import resource
import sys
import traceback
import uuid
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from time import perf_counter
from typing import Any

import schema

IN_FLIGHT = 100
"""Instances of a batch, and tasks of an asyncio operation."""
OURS = "cql_driver"


class Bench:
    """A mapper that is set up, its two models, and what is done with them."""

    def __init__(self, root: str, options: dict[str, Any]) -> None:
        self._package = "cqlengine" if root == OURS else f"{root}.cqlengine"
        self._root = root
        # Else both mappers warn that tables are made.
        os.environ["CQLENG_ALLOW_SCHEMA_MANAGEMENT"] = "1"
        self.connection = self._module("connection")
        self.connection.setup(
            options["contact_points"],
            schema.KEYSPACE,
            port=options["port"],
            protocol_version=options.get("protocol", 4),
            compression=False,
        )
        self._batch: Any = self._module("query").BatchQuery
        made = _models(self._module("models"), self._module("columns"))
        self.models = dict(zip(schema.MAPPED, made, strict=True))
        for table, model in self.models.items():
            self._module("management").sync_table(model)
            if options.get("fill"):
                self._fill(model, table)
        self.operations = {
            "create": self.create,
            "get": self.get,
            "filter": self.filter,
            "filter, all read": self.filter_and_read,
            "batch": self.batch,
            "acreate": self.acreate,
            "aget": self.aget,
        }
        self._values = {table: [*_values(table)] for table in schema.MAPPED}
        self._turn = {table: cycle(values) for table, values in self._values.items()}
        self._loop: asyncio.AbstractEventLoop | None = None

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"{self._package}.{name}")

    def _fill(self, model: Any, table: str) -> None:
        """Make the rows that are read, in one partition."""
        for row in schema.mapped_rows(table):
            model.create(**row)

    def about(self) -> dict[str, Any]:
        """Return what is told of the driver beside its figures."""
        protocol = sys.modules.get("cql_protocol._accel")
        compiled = str(sys.modules[f"{self._root}.cluster"].__file__).endswith((".so", ".pyd"))
        return {
            "version": getattr(sys.modules[self._root], "__version__", "?"),
            "implementation": getattr(protocol, "IMPLEMENTATION", None)
            or ("cython" if compiled else "python"),
            "python": sys.version.split()[0],
            "pid": os.getpid(),
        }

    def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """Run an operation so many times, again until it took long enough."""
        operation = self.operations[order["operation"]]
        table, count = order["model"], order["count"]
        gc.collect()
        done = 0
        cpu, begin = _cpu(), perf_counter()
        while True:
            operation(self.models[table], table, count)
            done += count
            seconds = perf_counter() - begin
            if seconds >= order.get("least_seconds", 0.0):
                break
        return {"operations": done, "requests": done, "seconds": seconds, "cpu": _cpu() - cpu}

    # ------------------------------------------------------------------ what is measured

    def create(self, model: Any, table: str, count: int) -> None:
        """Insert one instance after the other, each in a partition of its own."""
        for values in islice(self._turn[table], count):
            model.create(**values)

    def get(self, model: Any, table: str, count: int) -> None:
        """Read one row by its whole primary key, and look at a column."""
        part = schema.MAPPED_PART
        for number in range(count):
            assert model.objects.get(id=part, number=number % schema.MAPPED_ROWS).name

    def filter(self, model: Any, table: str, count: int) -> None:
        """Read a partition, and look at its instances, at one column of each."""
        for _ in range(count):
            found = 0
            for each in model.objects.filter(id=schema.MAPPED_PART):
                found += each.number
            assert found == schema.MAPPED_ROWS * (schema.MAPPED_ROWS - 1) // 2

    def filter_and_read(self, model: Any, table: str, count: int) -> None:
        """Read a partition, and look at every column of each instance."""
        names = [*schema.TABLES[table]]
        for _ in range(count):
            found = 0
            for each in model.objects.filter(id=schema.MAPPED_PART):
                found += len([getattr(each, name) for name in names])
            assert found == schema.MAPPED_ROWS * len(names)

    def batch(self, model: Any, table: str, count: int) -> None:
        """Insert instances of one partition in one batch."""
        part = schema.MAPPED_PART
        values = [{**each, "id": part} for each in self._values[table][:IN_FLIGHT]]
        for _ in range(count):
            with self._batch() as batch:
                for each in values:
                    model.batch(batch).create(**each)

    def acreate(self, model: Any, table: str, count: int) -> None:
        """Insert from tasks of asyncio, each awaiting one after the other."""

        async def one(values: Any) -> None:
            await model.acreate(**values)

        self._in_tasks(one, [*islice(self._turn[table], count)])

    def aget(self, model: Any, table: str, count: int) -> None:
        """Read by the key from tasks of asyncio, each awaiting one after the other."""
        part = schema.MAPPED_PART

        async def one(number: int) -> None:
            assert (await model.objects.aget(id=part, number=number)).name

        self._in_tasks(one, [number % schema.MAPPED_ROWS for number in range(count)])

    def _in_tasks(self, one: Callable[[Any], Any], works: list[Any]) -> None:
        rest = iter(works)

        async def share() -> None:
            for work in rest:
                await one(work)

        async def together() -> None:
            await asyncio.gather(*(share() for _ in range(IN_FLIGHT)))

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(together())


def _models(models: Any, columns: Any) -> tuple[Any, Any]:
    """Return the two models in the words of a mapper, which are those of both."""

    class Mapped(models.Model):  # type: ignore[misc]
        __keyspace__ = schema.KEYSPACE
        __table_name__ = "mapped"
        id = columns.UUID(primary_key=True)
        number = columns.Integer(primary_key=True)
        name = columns.Text()
        large = columns.BigInt()
        at = columns.DateTime()
        good = columns.Boolean()
        tags = columns.List(columns.Text)
        counts = columns.Map(columns.Text, columns.Integer)

    class Flat(models.Model):  # type: ignore[misc]
        __keyspace__ = schema.KEYSPACE
        __table_name__ = "mapped_flat"
        id = columns.UUID(primary_key=True)
        number = columns.Integer(primary_key=True)
        name = columns.Text()
        large = columns.BigInt()
        at = columns.DateTime()
        good = columns.Boolean()
        kind = columns.Text()
        ratio = columns.Double()

    return Mapped, Flat


def _values(table: str) -> Iterator[dict[str, Any]]:
    """Yield what instances are created of, each with another partition key."""
    for number, row in enumerate(schema.mapped_rows(table), 1):
        yield {**row, "id": uuid.UUID(int=number)}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Set the mapper up, tell about it, and do what standard input says until it ends."""
    root, options = sys.argv[1], json.loads(sys.argv[2])
    # What a driver prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        bench = Bench(root, options)
    except Exception:  # noqa: BLE001 - the parent tells of it
        print(json.dumps({"error": traceback.format_exc()}), file=answers)
        return
    print(json.dumps(bench.about()), file=answers)
    for line in sys.stdin:
        try:
            answer = bench.run(json.loads(line))
        except Exception:  # noqa: BLE001 - the parent tells of it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)
    bench.connection.unregister_connection("default")


if __name__ == "__main__":
    main()
