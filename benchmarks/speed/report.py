"""What is printed of cells: a table for each, and what became of the limits."""

from __future__ import annotations

from benchmarks.report import number, table
from benchmarks.speed.cells import Cell, Ratio


def show(cell: Cell) -> str:
    """Return the tables of one cell."""
    rows = []
    for label, rounds in cell.figures.items():
        median = cell.median(label)
        rows.append([label, number(median), number(min(rounds)), number(max(rounds))])
    lines = [f"{cell.line}. {cell.title}", table([cell.unit, "median", "least", "most"], rows)]
    lines += [told(ratio) for ratio in cell.ratios()]
    lines += [f"  {label} is left out: {why}" for label, why in cell.left_out.items()]
    return "\n".join(lines)


def told(ratio: Ratio) -> str:
    """Return a line about a ratio and its limit."""
    limit = ratio.limit
    if ratio.found is None:
        return f"  MISSING {limit.of} / {ratio.than}: at most {limit.most}"
    mark = "kept   " if ratio.kept else "MISSED "
    return f"  {mark} {limit.of} / {ratio.than}: {ratio.found:.3g}, at most {limit.most}"


def missed(cells: list[Cell]) -> list[str]:
    """Return a line for every limit that was not kept."""
    return [
        f"line {cell.line}, {cell.title}:{told(ratio)}"
        for cell in cells
        for ratio in cell.ratios()
        if not ratio.kept
    ]
