"""Functions over the rows of a group: `Count`, `Min`, `Max`, `Sum`, `Avg`."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Aggregate", "Avg", "Count", "Max", "Min", "Sum"]


class Aggregate:
    """A function of a column over the rows of a group.

    Example::

        days = Sale.objects.filter(shop=7).group_by("shop", "day")
        for row in days.annotate(sold=Sum("pieces"), most=Max("price")):
            print(row["day"], row["sold"], row["most"])
    """

    __slots__ = ("column",)

    function = ""

    def __init__(self, column: str) -> None:
        self.column = column

    def text(self, model: Any) -> str:
        """Return the call as it stands in a SELECT."""
        from cqlengine.query.lookups import find_column

        return f"{self.function}({find_column(model, self.column).quoted})"


class Count(Aggregate):
    """How many rows there are, or how many of them have a value in a column."""

    __slots__ = ()

    function = "count"

    def __init__(self, column: str = "*") -> None:
        super().__init__(column)

    def text(self, model: Any) -> str:
        """Return the call as it stands in a SELECT."""
        return "count(*)" if self.column == "*" else super().text(model)


class Min(Aggregate):
    """The least value."""

    __slots__ = ()

    function = "min"


class Max(Aggregate):
    """The greatest value."""

    __slots__ = ()

    function = "max"


class Sum(Aggregate):
    """The sum of the values, in the type of the column."""

    __slots__ = ()

    function = "sum"


class Avg(Aggregate):
    """The mean of the values, in the type of the column: of integers it is one."""

    __slots__ = ()

    function = "avg"
