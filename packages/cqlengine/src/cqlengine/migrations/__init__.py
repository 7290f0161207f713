"""Migrations: the way from the live schema to what the models say, planned, shown and applied.

- `plan` compares models with a keyspace, and returns the statements that are due, each with its
  reason, and whether it is safe; what CQL cannot do is refused, with a way out
- `apply` runs them one by one, under a lease, and records each; it goes on where one that died
  has stopped. What loses data is run only where that is allowed
- `status` tells what was applied; `load` reads a plan that `Plan.save` wrote
- `aplan`, `aapply` and `astatus` are awaited
- ``python -m cqlengine plan|apply|status`` is the same for a command line

Example::

    from cqlengine import migrations

    found = migrations.plan([User, Order], keyspace="shop")
    print(found)
    migrations.apply(found)
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cqlengine.migrations.applying import Applied
    from cqlengine.migrations.errors import (
        LeaseLost,
        MigrationError,
        MigrationInProgress,
        MigrationRefused,
        PlanOutdated,
        StepFailed,
    )
    from cqlengine.migrations.plans import Plan, load
    from cqlengine.migrations.records import RECORD_TABLE, Recorded
    from cqlengine.migrations.steps import Effect, Problem, Step
    from cqlengine.migrations.verbs import Status, aapply, aplan, apply, astatus, plan, status
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cqlengine.migrations.applying": "Applied",
            "cqlengine.migrations.errors": (
                "LeaseLost MigrationError MigrationInProgress MigrationRefused PlanOutdated "
                "StepFailed"
            ),
            "cqlengine.migrations.plans": "Plan load",
            "cqlengine.migrations.records": "RECORD_TABLE Recorded",
            "cqlengine.migrations.steps": "Effect Problem Step",
            "cqlengine.migrations.verbs": "Status aapply aplan apply astatus plan status",
        },
    )

__all__ = [
    "Applied",
    "Effect",
    "LeaseLost",
    "MigrationError",
    "MigrationInProgress",
    "MigrationRefused",
    "Plan",
    "PlanOutdated",
    "Problem",
    "RECORD_TABLE",
    "Recorded",
    "Status",
    "Step",
    "StepFailed",
    "aapply",
    "aplan",
    "apply",
    "astatus",
    "load",
    "plan",
    "status",
]
