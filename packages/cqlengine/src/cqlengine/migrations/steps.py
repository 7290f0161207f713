"""What plans consist of: steps, and problems that no step can solve."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, Self

__all__ = ["Effect", "Problem", "Step"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What tells in the live schema that a step is in effect: something is there, or is gone.

    - `kind`: "table", "column", "index", "view", "type" or "field"
    - `owner`: the table or type it is in; empty for tables, views and types
    - `name`: its name, unquoted
    - `present`: whether it is there afterwards
    """

    kind: str
    owner: str
    name: str
    present: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a plan, with what there is to know of it before it is run.

    - `number`: its place in the plan, from 1
    - `kind`: what it does, such as "add column"
    - `target`: what it does it to, such as ``shop.orders.note``
    - `unit`: the table or type whose state the plan was made for, such as ``table orders``
    - `cql`: the statement, without a semicolon
    - `reason`: the difference that it makes up for
    - `safety`: "safe"; "costly" where nothing is lost, but the cluster has work with it; or
      "destructive", see `cqlengine.schema.Safety`
    - `why`: why it is as safe as that: of a destructive step, what is lost
    - `way_out`: what else can be done, or should be done before; may be empty
    - `effect`: how to see that it is in effect; None where to run it twice does no harm
    - `needs`: numbers of steps without which it cannot be run
    """

    number: int
    kind: str
    target: str
    unit: str
    cql: str
    reason: str
    safety: str = "safe"
    why: str = ""
    way_out: str = ""
    effect: Effect | None = None
    needs: tuple[int, ...] = ()

    @property
    def destructive(self) -> bool:
        """Whether it is run only where that is allowed in so many words."""
        return self.safety == "destructive"

    @property
    def checksum(self) -> str:
        """The SHA-256 of the statement, in hexadecimal digits."""
        return sha256(self.cql.encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {**asdict(self), "destructive": self.destructive, "needs": list(self.needs)}

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Self:
        """Return the step that `as_dict` wrote."""
        fields = {name: told[name] for name in cls.__dataclass_fields__}
        effect = fields["effect"]
        fields["effect"] = None if effect is None else Effect(**effect)
        fields["needs"] = tuple(fields["needs"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Problem:
    """A difference that cannot be planned: the reason, and what can be done instead."""

    target: str
    reason: str
    way_out: str

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)
