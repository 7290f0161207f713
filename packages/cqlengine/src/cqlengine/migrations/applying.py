"""Applying a plan: step by step, under a lease, each recorded before and after it is run."""

from __future__ import annotations

from dataclasses import dataclass
from random import uniform

from cql_protocol.errors import DriverException, RequestValidationException
from cqlengine.migrations.driving import Agreement, Pause
from cqlengine.migrations.effects import digest, shows
from cqlengine.migrations.errors import (
    MigrationError,
    MigrationInProgress,
    MigrationRefused,
    PlanOutdated,
    StepFailed,
)
from cqlengine.migrations.records import RECORD_TABLE, State
from cqlengine.query.requests import Request
from cqlengine.schema.live import read_keyspace

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cqlengine.migrations.driving import Procedure
    from cqlengine.migrations.plans import Plan
    from cqlengine.migrations.records import Record, Recorded
    from cqlengine.migrations.steps import Step
    from cqlengine.schema.live import LiveKeyspace

__all__ = ["Applied", "Options", "applying"]

_POLL = 0.5
"""Seconds between attempts to get the lease, more or less."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a plan is applied; see `apply`."""

    allow_destructive: bool = False
    wait: float = 60.0
    lease: int = 300
    timeout: float = 120.0
    agreement: float | None = None
    on_step: Callable[[Step, str], object] | None = None


@dataclass(frozen=True)
class Applied:
    """What came of applying a plan.

    - `plan`: the plan
    - `done`: the steps that were run
    - `found`: those that were in effect before it was their turn
    - `held_back`: those that are destructive, or need one that is, and were not allowed
    """

    plan: Plan
    done: tuple[Step, ...] = ()
    found: tuple[Step, ...] = ()
    held_back: tuple[Step, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "plan": self.plan.id,
            "keyspace": self.plan.keyspace,
            "done": [step.as_dict() for step in self.done],
            "found": [step.as_dict() for step in self.found],
            "held_back": [step.as_dict() for step in self.held_back],
        }

    def __str__(self) -> str:
        from cqlengine.migrations.text import applied_text

        return applied_text(self)


def applying(
    plan: Plan,
    record: Record,
    options: Options,
    again: Callable[[], Procedure[Plan]] | None = None,
) -> Procedure[Applied]:
    """Apply a plan; `again` plans anew once the lease is there, None for a plan as it is."""
    if again is None:
        check(plan)
    if not plan.problems and not plan.runnable(options.allow_destructive):
        return Applied(plan, held_back=plan.steps)
    yield from record.create()
    yield from _lease(record, options.wait)
    try:
        # What one node tells is the schema only once all have it.
        if not (yield Agreement(options.agreement)):
            raise MigrationError(
                "the nodes do not agree on the schema, so nothing was applied: apply again when "
                "all of them are up"
            )
        if again is not None:
            plan = yield from again()
            check(plan)
        applied = yield from _Run(plan, record, options).all_steps()
    except GeneratorExit:
        raise  # nobody is there any more to carry requests out
    except BaseException:
        yield from _release(record)
        raise
    yield from _release(record)
    return applied


def check(plan: Plan) -> None:
    """Raise `MigrationRefused` if the plan has problems."""
    if plan.problems:
        raise MigrationRefused(plan.problems)


def _lease(record: Record, wait: float) -> Procedure[None]:
    waited = 0.0
    while (holder := (yield from record.take())) is not None:
        if waited >= wait:
            raise MigrationInProgress(
                f"changes to {record.keyspace!r} are being applied by {holder}: try again when it "
                f"has ended; if it died, its lease expires by itself within {record.lease} s"
            )
        # Not in step with others that wait, which would disturb each other's transactions.
        pause = _POLL * uniform(0.5, 1.5)
        yield Pause(pause)
        waited += pause


def _release(record: Record) -> Procedure[None]:
    try:
        yield from record.release()
    except DriverException:
        # It expires by itself; what led here says more than this would.
        from cql_driver.logs import get_logger

        log = get_logger("cqlengine.migrations")
        log.warning("The lease on %s was not given back", record.table, exc_info=True)


class _Run:
    """One run of a plan, while its lease is held."""

    def __init__(self, plan: Plan, record: Record, options: Options) -> None:
        self.plan = plan
        self.record = record
        self.options = options
        self.steps = plan.runnable(options.allow_destructive)
        self.done: list[Step] = []
        self.found: list[Step] = []

    def all_steps(self) -> Procedure[Applied]:
        """Run what is not in effect yet."""
        for step in (yield from self._remaining()):
            yield from self._one(step)
        held_back = tuple(step for step in self.plan.steps if step not in self.steps)
        return Applied(self.plan, tuple(self.done), tuple(self.found), held_back)

    def _remaining(self) -> Procedure[list[Step]]:
        """Return the steps to run; raise `PlanOutdated` if they do not fit the live schema.

        A table (or type) that is what it was when this was planned gets all its steps. Else
        somebody began: of a plan with the same id the record tells how far it came, and the
        schema whether what was begun last is in effect.
        """
        now = yield from read_keyspace(self.plan.keyspace)
        basis = self.plan.basis or {}
        moved = {unit for unit, before in basis.items() if digest(now, unit) != before}
        if not moved:
            return list(self.steps)
        recorded = self.record.latest((yield from self.record.read()), self.plan.id)
        begun = {step.unit for step in self.plan.steps if step.number in recorded}
        if foreign := moved - begun:
            self._refuse(foreign, "changed since the plan was made")
        remaining = []
        for step in self.steps:
            if step.unit in moved and self._in_effect(step, recorded, now):
                self.found.append(step)
                self._tell(step, State.FOUND)
            else:
                remaining.append(step)
        return remaining

    def _in_effect(self, step: Step, recorded: Mapping[int, Recorded], now: LiveKeyspace) -> bool:
        entry = recorded.get(step.number)
        was_done = entry is not None and entry.in_effect
        if step.effect is None or _taken_back(step, self.steps):
            return was_done
        shown = shows(now, step.effect)
        if was_done and not shown:
            self._refuse({step.unit}, f"changed since step {step.number} was applied")
        return shown

    def _refuse(self, units: set[str], what: str) -> None:
        raise PlanOutdated(
            f"{', '.join(sorted(units))} of keyspace {self.plan.keyspace!r} {what}: nothing was "
            "applied by this run; plan again, and look at what comes out"
        )

    def _one(self, step: Step) -> Procedure[None]:
        record = self.record
        self._tell(step, State.RUNNING)
        yield from record.started(step, self.plan.id, len(self.steps))
        state = State.DONE
        try:
            yield Request(step.cql, timeout=self.options.timeout, prepared=False)
        except DriverException as error:
            # The server may have carried it out though the answer did not come, or another
            # session may have been first.
            if not (yield from self._took_effect(step)):
                yield from self._failed(step, str(error), error)
            state = State.FOUND if isinstance(error, RequestValidationException) else State.DONE
        if not (yield Agreement(self.options.agreement)):
            yield from self._failed(
                step, "the nodes do not agree on the schema: some are down, or slow", None
            )
        yield from record.finished(step, state)
        (self.done if state == State.DONE else self.found).append(step)
        self._tell(step, state)

    def _took_effect(self, step: Step) -> Procedure[bool]:
        if step.effect is None:
            return False
        try:
            yield Agreement(self.options.agreement)
            now = yield from read_keyspace(self.plan.keyspace)
        except DriverException:
            return False  # what the step itself failed by says more
        return shows(now, step.effect)

    def _failed(self, step: Step, reason: str, error: DriverException | None) -> Procedure[None]:
        failure = StepFailed(step, reason)
        try:
            yield from self.record.finished(step, State.FAILED, reason)
        except DriverException as another:
            failure.add_note(f"that could not be recorded in {RECORD_TABLE} either: {another}")
        self._tell(step, State.FAILED)
        raise failure from error

    def _tell(self, step: Step, state: str) -> None:
        if self.options.on_step is not None:
            self.options.on_step(step, state)


def _taken_back(step: Step, steps: tuple[Step, ...]) -> bool:
    """Whether a later step undoes the effect, as where an index is dropped and made anew.

    What is made in the place of something needs the step that drops that.
    """
    wanted = step.effect
    return wanted is not None and any(
        later.number > step.number
        and (
            step.number in later.needs
            or (
                later.effect is not None
                and (later.effect.kind, later.effect.owner, later.effect.name)
                == (wanted.kind, wanted.owner, wanted.name)
            )
        )
        for later in steps
    )
