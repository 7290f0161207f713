"""`plan`, `apply` and `status`, and their twins that are awaited."""

from __future__ import annotations

from dataclasses import dataclass

from cqlengine.connection.registry import find_connection
from cqlengine.migrations.applying import Options, applying, check
from cqlengine.migrations.driving import adrive, drive
from cqlengine.migrations.errors import MigrationError
from cqlengine.migrations.planning import Question, no_keyspace, planning
from cqlengine.migrations.plans import Plan
from cqlengine.migrations.records import Record
from cqlengine.schema.live import read_keyspace

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Unpack

    from cqlengine.migrations.applying import Applied
    from cqlengine.migrations.driving import Procedure
    from cqlengine.migrations.planning import Choices
    from cqlengine.migrations.records import Recorded

    Models = Iterable[Any]

__all__ = ["Status", "aapply", "aplan", "apply", "astatus", "plan", "status"]


def plan(
    models: Models,
    *,
    keyspace: str | None = None,
    connection: Any = None,
    **choices: Unpack[Choices],
) -> Plan:
    """Return what must be done so that a keyspace is what the models say; nothing is changed.

    - `models`: classes of models, materialized views and user types. Types come with the models
      that use them
    - `keyspace`: of models that name none, None for the default one. Those that name another are
      left out, with a note
    - `connection`: a registered name, a `Connection` or a `Session`; None for the default one
    - `complete`: the models are all there is in the keyspace, so that a table, view or type
      without a model is to be dropped. Else it is left alone, with a note
    - `renames`: columns of primary keys that have another name now, ``{"orders.day": "date"}``
    - `not_renamed`: columns that are to be dropped though it looks as if they had another name
      in the models now, ``["orders.note"]``

    Raises `MigrationError` where there is no such keyspace, or the models are of several.

    Example::

        found = plan([User, Order])
        print(found)
        if not found.problems:
            apply(found)
    """
    procedure = planning(Question.made(models, keyspace, choices))
    return drive(procedure, find_connection(connection))


async def aplan(
    models: Models,
    *,
    keyspace: str | None = None,
    connection: Any = None,
    **choices: Unpack[Choices],
) -> Plan:
    """Do as `plan` on the running event loop; `connection` may be an `AsyncSession`, too."""
    procedure = planning(Question.made(models, keyspace, choices))
    return await adrive(procedure, find_connection(connection))


def apply(
    what: Plan | Models,
    *,
    connection: Any = None,
    keyspace: str | None = None,
    allow_destructive: bool = False,
    wait: float = 60.0,
    lease: int = 300,
    timeout: float = 120.0,
    agreement: float | None = None,
    on_step: Any = None,
    **choices: Unpack[Choices],
) -> Applied:
    """Apply a plan, or what `plan` finds for models; return what was done.

    Steps are run one after the other; the nodes agree on the schema after each, and each is
    recorded in the table ``cqlengine_migrations`` of the keyspace. Whoever dies in the middle is
    followed by whoever applies next: what is in effect is found, the rest is done.

    - `what`: a plan, which is refused if the schema is not what it was made for; or models,
      with `keyspace` and the other parameters of `plan`
    - `allow_destructive`: run steps that lose data, too. Without it they are held back, and
      those that need them; all others are run
    - `wait`: seconds to wait for another process that applies changes
    - `lease`: seconds after which a process that does not get on is taken for dead; more than a
      step may take, with `timeout` and `agreement`
    - `timeout`: seconds for a statement
    - `agreement`: seconds to wait for agreement, None for as long as the cluster is told to
    - `on_step`: called with each step and "running", "done", "found" or "failed"

    Raises `MigrationRefused` if the plan has problems, `PlanOutdated`, `MigrationInProgress`,
    `StepFailed` and `LeaseLost`.

    Example::

        applied = apply([User, Order], keyspace="shop")
        print(applied)
    """
    options = Options(allow_destructive, wait, lease, timeout, agreement, on_step)
    procedure = _applying(what, keyspace, choices, options)
    return drive(procedure, find_connection(connection))


async def aapply(
    what: Plan | Models,
    *,
    connection: Any = None,
    keyspace: str | None = None,
    allow_destructive: bool = False,
    wait: float = 60.0,
    lease: int = 300,
    timeout: float = 120.0,  # noqa: ASYNC109 - of each statement, by the server's session
    agreement: float | None = None,
    on_step: Any = None,
    **choices: Unpack[Choices],
) -> Applied:
    """Do as `apply` on the running event loop; `connection` may be an `AsyncSession`, too."""
    options = Options(allow_destructive, wait, lease, timeout, agreement, on_step)
    procedure = _applying(what, keyspace, choices, options)
    return await adrive(procedure, find_connection(connection))


def _applying(
    what: Plan | Models, keyspace: str | None, choices: Choices, options: Options
) -> Procedure[Applied]:
    if isinstance(what, Plan):
        if choices:
            raise MigrationError(
                f"{', '.join(choices)}: that is for planning, and what was given is a plan already"
            )
        if keyspace not in (None, what.keyspace):
            raise MigrationError(
                f"the plan is for keyspace {what.keyspace!r}, not for {keyspace!r}: plan for that "
                "one, or leave the keyspace out"
            )
        return (yield from applying(what, Record(what.keyspace, options.lease), options))
    question = Question.made(what, keyspace, choices)
    record = Record(question.keyspace, options.lease)
    first = yield from planning(question)
    # While another process applies changes, its half of them may look impossible: only what is
    # planned under the lease counts. Nothing is recorded for what cannot be done, though.
    if not (yield from record.exists()):
        check(first)
    return (yield from applying(first, record, options, lambda: planning(question)))


@dataclass(frozen=True)
class Status:
    """What was applied to a keyspace, and what is to be.

    - `keyspace`: its name
    - `recorded`: the record, the newest run first
    - `holder`: who applies changes now, None if nobody does
    - `pending`: what `plan` finds for the models that were given, None without models
    """

    keyspace: str
    recorded: tuple[Recorded, ...] = ()
    holder: str | None = None
    pending: Plan | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "keyspace": self.keyspace,
            "holder": self.holder,
            "recorded": [entry.as_dict() for entry in self.recorded],
            "pending": None if self.pending is None else self.pending.as_dict(),
        }

    def __str__(self) -> str:
        from cqlengine.migrations.text import status_text

        return status_text(self)


def status(
    models: Models | None = None,
    *,
    keyspace: str | None = None,
    connection: Any = None,
    **choices: Unpack[Choices],
) -> Status:
    """Return what was applied to a keyspace, and what is pending for the models, if given.

    Raises `MigrationError` where there is no such keyspace.

    Example::

        found = status(keyspace="shop")
        for entry in found.recorded:
            print(entry.started_at, entry.state, entry.cql)
    """
    procedure = _status(models, keyspace, choices)
    return drive(procedure, find_connection(connection))


async def astatus(
    models: Models | None = None,
    *,
    keyspace: str | None = None,
    connection: Any = None,
    **choices: Unpack[Choices],
) -> Status:
    """Do as `status` on the running event loop; `connection` may be an `AsyncSession`, too."""
    procedure = _status(models, keyspace, choices)
    return await adrive(procedure, find_connection(connection))


def _status(models: Models | None, keyspace: str | None, choices: Choices) -> Procedure[Status]:
    question = Question.made(models or (), keyspace, choices)
    pending = None if models is None else (yield from planning(question))
    record = Record(question.keyspace, 0)
    if not (yield from record.exists()):
        if not (yield from read_keyspace(question.keyspace)).exists:
            raise no_keyspace(question.keyspace)
        return Status(question.keyspace, pending=pending)
    recorded = yield from record.read()
    holder = yield from record.read_holder()
    return Status(question.keyspace, tuple(recorded), holder, pending)
