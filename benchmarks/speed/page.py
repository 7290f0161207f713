"""docs/performance.md and its data: a file of figures for each Python, one page of all of them.

The figures of one run are kept in ``docs/performance/VERSION.json``; the page and its pictures
are made of those files, so a run on one Python leaves what others measured as it is.
"""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime
from typing import Any

from benchmarks.drivers import ROOT
from benchmarks.speed.cells import Cell
from benchmarks.speed.words import HEADINGS, MEASURED

FOLDER = ROOT / "docs" / "performance"
PAGE = ROOT / "docs" / "performance.md"
Data = dict[str, Any]
"""The content of one file."""


def tag() -> str:
    """Return the name of this Python's file."""
    return "{}.{}".format(*sys.version_info[:2])


def write(cells: list[Cell], versions: dict[str, str], rounds: int) -> None:
    """Keep the figures of a run, and make the page and its pictures of all that are kept."""
    from benchmarks.speed.pictures import draw

    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / f"{tag()}.json"
    before = json.loads(target.read_text()) if target.exists() else None
    data = merged(before, collected(cells, versions, rounds))
    target.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    files = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
    for name, content in files.items():
        draw(content, FOLDER, name)
    PAGE.write_text(text_of(files))


def collected(cells: list[Cell], versions: dict[str, str], rounds: int) -> Data:
    """Return the content of a file: this run's."""
    run = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {label: told for label, told in sorted(versions.items()) if told},
        "cells": [cell.as_json() | {"run": run, "rounds": rounds} for cell in cells],
    }


def merged(before: Data | None, now: Data) -> Data:
    """Return the figures of this run, and those of an earlier one that it did not measure."""
    if before is None or before["python"] != now["python"]:
        return now
    measured = {cell["name"] for cell in now["cells"]}
    cells = now["cells"] + [cell for cell in before["cells"] if cell["name"] not in measured]
    cells.sort(key=lambda cell: cell["line"])
    return now | {"cells": cells, "versions": before["versions"] | now["versions"]}


# ------------------------------------------------------------------------------- the page

HEAD = """\
# Performance

Written by `make bench`, which measures all of this in one run; do not edit it. On another Python:
`make bench PYTHON=python3.13`.

Every figure is CPU time of the client's process, user and system and all of its threads, for one
request or one row. The server is `benchmarks/null_server.py`, which answers from memory, on the
same machine. In a round one driver after the other does the same work, and a figure is the median
of the rounds, with the least and the most behind it. Microseconds depend on the machine and on what
else it does: ratios of one run say something.
*Pure Python* is our driver without `cql-speedups`.
"""


def text_of(files: dict[str, Data]) -> str:
    """Return the page of these files, by the names of their Pythons."""
    parts = [HEAD]
    for name, data in files.items():
        parts.append(f"\n## {data['python']}\n")
        parts.append(_run_of(data))
        parts.append(_limits(data["cells"]))
        for line, heading in HEADINGS.items():
            cells = [cell for cell in data["cells"] if cell["line"] == line]
            if not cells:
                continue
            parts.append(f"\n### {line}. {heading} ({name})\n\n{MEASURED[line]}")
            if (FOLDER / f"{name}-{line}.png").exists():
                parts.append(f"\n![{heading}](performance/{name}-{line}.png)\n")
            parts.append(_figures(cells))
    return "".join(parts)


def _run_of(data: Data) -> str:
    runs = sorted({cell["run"] for cell in data["cells"]})
    rounds = sorted({cell["rounds"] for cell in data["cells"]})
    told = "one run" if len(runs) == 1 else f"{len(runs)} runs, so not all ratios are of one run"
    versions = ", ".join(
        f"{label} {version}"
        for label, version in data["versions"].items()
        if not label.startswith("cql-driver")
    )
    counts = " or ".join(map(str, rounds))
    return (
        f"\nMeasured in {told} ({runs[-1]} UTC), medians of {counts} rounds, beside {versions}.\n"
    )


def _limits(cells: list[Data]) -> str:
    lines = ["", "| line | what | against | ratio | at most | |", "|--:|---|---|--:|--:|---|"]
    for cell in cells:
        for ratio in cell["ratios"]:
            found = ratio["found"]
            kept = found is not None and found <= ratio["most"]
            mark = "kept" if kept else "**missed**" if found is not None else "not measured"
            of = ratio["of"].removeprefix("cql-driver").lstrip(", ")
            what = cell["title"] + (f" ({of})" if of and cell["line"] != 8 else "")
            shown = "–" if found is None else f"{found:.3g}"
            row = [str(cell["line"]), what, ratio["than"], shown, str(ratio["most"]), mark]
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def _figures(cells: list[Data]) -> str:
    """Return a table: a row for each contender, a column for each cell."""
    labels = list(dict.fromkeys(label for cell in cells for label in cell["figures"]))
    units = sorted({cell["unit"] for cell in cells})
    head = [units[0], *(cell["title"] for cell in cells)]
    lines = ["", "| " + " | ".join(head) + " |", "|---|" + "--:|" * len(cells)]
    for label in labels:
        row = [label, *(_shown(cell["figures"].get(label)) for cell in cells)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def _shown(figures: list[float] | None) -> str:
    if figures is None:
        return "–"
    median, least, most = (_digits(value) for value in figures)
    return f"**{median}** ({least}–{most})"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
