"""`Plan`: the way from the live schema to what the models say; kept in memory or in a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

from cqlengine.migrations.errors import MigrationError
from cqlengine.migrations.steps import Problem, Step

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from typing import Any

__all__ = ["Plan", "load"]

_FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """What must be done so that a keyspace is what the models say.

    - `keyspace`: its name
    - `steps`: the statements, in the order in which they are run
    - `problems`: differences that cannot be planned; a plan that has any is not applied
    - `notes`: what else there is to know, such as tables that no model describes
    - `basis`: a digest of each table and type that is changed, as it was when this was planned

    ``print(plan)`` shows it all, and ``if plan:`` asks whether there is anything to do.
    """

    keyspace: str
    steps: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    basis: Mapping[str, str] | None = None

    def __bool__(self) -> bool:
        return bool(self.steps or self.problems)

    @property
    def id(self) -> str:
        """A digest of the keyspace, what the plan was made for, and its statements.

        Plans that are the same have the same id, in whichever process they are made.
        """
        content: list[Any] = [self.keyspace, sorted((self.basis or {}).items())]
        content += [[step.cql, list(step.needs), step.safety] for step in self.steps]
        return sha256(json.dumps(content).encode()).hexdigest()[:16]

    @property
    def destructive(self) -> tuple[Step, ...]:
        """The steps that lose something."""
        return tuple(step for step in self.steps if step.destructive)

    def runnable(self, allow_destructive: bool = False) -> tuple[Step, ...]:
        """Return the steps that are run: all, or those that neither lose nor need what does."""
        if allow_destructive:
            return self.steps
        held: set[int] = set()
        for step in self.steps:
            if step.destructive or held.intersection(step.needs):
                held.add(step.number)
        return tuple(step for step in self.steps if step.number not in held)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, the same as is saved."""
        told = {
            "format": _FORMAT,
            "id": self.id,
            "keyspace": self.keyspace,
            "basis": dict(self.basis or {}),
            "steps": [step.as_dict() for step in self.steps],
            "problems": [problem.as_dict() for problem in self.problems],
            "notes": list(self.notes),
        }
        return {**told, "checksum": _checksum(told)}

    def save(self, path: str | PathLike[str]) -> None:
        """Write the plan to a file, for `load`."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.as_dict(), file, indent=2)
            file.write("\n")

    def __str__(self) -> str:
        from cqlengine.migrations.text import plan_text

        return plan_text(self)


def _checksum(told: dict[str, Any]) -> str:
    """Return the SHA-256 of all that a plan tells, in hexadecimal digits."""
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def load(path: str | PathLike[str]) -> Plan:
    """Return the plan that `Plan.save` wrote.

    Raises `MigrationError` if the file is no plan, or was changed since; `OSError` if it cannot
    be read.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        told = json.loads(text)
        version = told["format"]
        if version != _FORMAT:
            raise MigrationError(
                f"{path}: the plan has format {version!r}, and this version of cqlengine reads "
                f"{_FORMAT}: plan again"
            )
        plan = Plan(
            told["keyspace"],
            tuple(Step.from_dict(step) for step in told["steps"]),
            tuple(Problem(**problem) for problem in told["problems"]),
            tuple(told["notes"]),
            told["basis"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MigrationError(
            f"{path} is no plan that was saved by `plan --save` ({error!r}): plan again"
        ) from error
    if told != plan.as_dict():
        raise MigrationError(
            f"{path} was changed after it was saved: plans are not edited, change the models and "
            "plan again"
        )
    return plan
