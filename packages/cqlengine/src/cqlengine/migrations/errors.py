"""What goes wrong when a schema is migrated."""

from __future__ import annotations

from cqlengine.errors import CQLEngineException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cqlengine.migrations.steps import Problem, Step

__all__ = [
    "LeaseLost",
    "MigrationError",
    "MigrationInProgress",
    "MigrationRefused",
    "PlanOutdated",
    "StepFailed",
]


class MigrationError(CQLEngineException):
    """A migration cannot be planned or applied."""


class MigrationRefused(MigrationError):
    """The plan has changes that CQL cannot make, so none of it was applied.

    `problems` tell for each one the reason, and a way out.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        told = "; ".join(f"{found.target}: {found.reason}: {found.way_out}" for found in problems)
        super().__init__(f"nothing was applied, since the plan has what cannot be done: {told}")
        self.problems = tuple(problems)


class PlanOutdated(MigrationError):
    """The live schema is not what the plan was made for: nothing more was applied, plan again."""


class MigrationInProgress(MigrationError):
    """Another process applies changes to the keyspace: wait for it, or try again later."""


class LeaseLost(MigrationError):
    """This process stood still for so long that another one may apply changes now.

    The step that it was at may or may not be in effect. Apply again: what is in effect is found.
    """


class StepFailed(MigrationError):
    """A step failed; those before it are in effect and recorded, those after it were not begun.

    `step` is the one, and the cause (``__cause__``) what the server or the driver said. Once
    that is mended apply again: it goes on with this step.
    """

    def __init__(self, step: Step, reason: str) -> None:
        super().__init__(
            f"step {step.number} ({step.kind} {step.target}) failed: {reason}; the steps before it "
            "are in effect: mend the cause and apply again, which goes on from here"
        )
        self.step = step
