"""The pictures of the page: bars for each line, on a scale that shows ratios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

OURS, PURE, BARE, OTHERS = "#0b6e4f", "#6bbf9a", "#b8b8b8", "#c8553d"
PER_ROW = 2
WIDTH, BAR, AROUND = 5.4, 0.26, 0.95
"""Inches: of one plot, of a bar, and around the bars."""


def draw(data: dict[str, Any], folder: Path, name: str) -> None:
    """Write a picture of each line of a file."""
    for line in sorted({cell["line"] for cell in data["cells"]}):
        cells = [cell for cell in data["cells"] if cell["line"] == line and cell["figures"]]
        if cells:
            draw_line(cells, folder / f"{name}-{line}.png")


def draw_line(cells: list[dict[str, Any]], target: Path) -> None:
    """Write a picture with a plot for each of these cells."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(PER_ROW, len(cells))
    down = -(-len(cells) // across)
    tallest = max(len(cell["figures"]) for cell in cells)
    figure = Figure(figsize=(WIDTH * across, (tallest * BAR + AROUND) * down), layout="constrained")
    FigureCanvasAgg(figure)
    for position, cell in enumerate(cells):
        _plot(figure.add_subplot(down, across, position + 1), cell)
    figure.savefig(target, dpi=72, metadata={"Software": None})
    _shrink(target)


def _shrink(target: Path) -> None:
    """Keep the picture in as few colours as it has, which are few."""
    from PIL import Image

    with Image.open(target) as picture:
        small = picture.convert("RGB").quantize(48)
    small.save(target, optimize=True)


def _plot(axes: Any, cell: dict[str, Any]) -> None:
    labels = list(cell["figures"])
    medians = [cell["figures"][label][0] for label in labels]
    figures = [cell["figures"][label] for label in labels]
    ranges = [
        [median - least for median, least, _ in figures],
        [most - median for median, _, most in figures],
    ]
    places = list(range(len(labels)))[::-1]
    colours = [colour_of(label) for label in labels]
    error = {"ecolor": "#00000066", "elinewidth": 0.8}
    axes.barh(places, medians, color=colours, xerr=ranges, error_kw=error, height=0.72)
    axes.set_xscale("log")
    axes.set_yticks(places, labels, fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    least, most = min(medians), max(figure[2] for figure in cell["figures"].values())
    axes.set_xlim(least / 2, most * 3)
    for place, label, median in zip(places, labels, medians, strict=True):
        told = f" {median:,.0f}" if median >= 100 else f" {median:.3g}"
        axes.text(max(cell["figures"][label][2], median), place, told, va="center", fontsize=7)
    axes.set_title(cell["title"].replace("; ", "\n"), fontsize=8.5)
    axes.set_xlabel(cell["unit"], fontsize=7.5, labelpad=1)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def colour_of(label: str) -> str:
    """Return the colour of a bar: ours, ours in pure Python, what is no driver, other drivers."""
    if "pure Python" in label:
        return PURE
    if label.startswith(("cql-driver", "protocol")):
        return OURS
    if label.startswith(("bare", "plain", "walk", "copy")):
        return BARE
    return OTHERS
