"""The benchmark of all speeds: its lines and limits, its page and pictures; no figure itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from benchmarks.drivers import BenchError
from benchmarks.speed import command, page
from benchmarks.speed import scans as scans_module
from benchmarks.speed.cells import COMPILED, PURE, SCYLLA, Cell, Contender, Limit, Runner
from benchmarks.speed.lines import DRIVERS, PLAIN_C, cells
from benchmarks.speed.report import missed, show
from benchmarks.speed.scans import scans
from benchmarks.speed.starts import starts
from benchmarks.speed.words import HEADINGS, MEASURED
from tests.architecture.source import ROOT
from tests.benchmarks.test_commands import bench

pytestmark = pytest.mark.once

ALL = [*cells(), *scans(), *starts()]


def cell(figures: dict[str, list[float]], limits: list[Limit], line: int = 1) -> Cell:
    contenders = [Contender(label, Runner(label, "blocking"), "sync", "x") for label in figures]
    made = Cell(line, "a-name", "A title", "µs a request", contenders, limits)
    made.figures = figures
    return made


# --- what is measured --------------------------------------------------------------------------


def test_every_limit_is_of_contenders_of_its_cell() -> None:
    for each in ALL:
        labels = {contender.label for contender in each.contenders}
        assert len(labels) == len(each.contenders), each.name
        for limit in each.limits:
            assert labels.issuperset({limit.of, *limit.than}), each.name


def test_cells_have_names_of_their_own_and_every_line_has_some() -> None:
    names = [each.name for each in ALL]
    assert len(set(names)) == len(names)
    assert {each.line for each in ALL} == set(command.LINES) == set(HEADINGS) == set(MEASURED)


def test_lines_are_chosen_by_number_and_cells_by_name() -> None:
    options = command.parser().parse_args(["--lines", "4,5", "--cells", "dicts,uvloop-insert"])
    assert {each.name for each in command.chosen(options)} == {"dicts", "uvloop-insert"}
    options = command.parser().parse_args(["--lines", "5", "--without", "acsylla,scylla-driver"])
    left = {each.label for found in command.chosen(options) for each in found.contenders}
    assert {COMPILED, PURE, PLAIN_C} <= left
    assert not left & {"acsylla", "scylla-driver"}


@pytest.mark.parametrize("text", ["9", "1,x", ""])
def test_a_line_that_is_not_measured_is_refused(text: str) -> None:
    with pytest.raises(SystemExit):
        command.parser().parse_args(["--lines", text])


# --- ratios and limits -------------------------------------------------------------------------


def test_a_ratio_is_one_of_medians() -> None:
    found = cell({COMPILED: [1.0, 9.0, 2.0], SCYLLA: [10.0, 8.0, 90.0]}, [])
    assert found.ratio(Limit(COMPILED, (SCYLLA,), 0.2)).found == 0.2
    assert found.ratio(Limit(COMPILED, (SCYLLA,), 0.2)).kept
    assert not found.ratio(Limit(COMPILED, (SCYLLA,), 0.19)).kept


def test_the_fastest_of_several_is_compared_with() -> None:
    found = cell({COMPILED: [2.0], "slow": [10.0], "fast": [4.0]}, [])
    ratio = found.ratio(Limit(COMPILED, ("slow", "fast", "absent"), 0.5))
    assert (ratio.than, ratio.found) == ("fast", 0.5)


def test_what_is_missed_and_what_is_missing_is_told() -> None:
    limits = [Limit(COMPILED, (SCYLLA,), 0.2), Limit(COMPILED, ("absent",), 0.2)]
    found = cell({COMPILED: [3.0], SCYLLA: [10.0]}, limits)
    found.left_out["absent"] = "it cannot be installed"
    over, missing = missed([found])
    assert "MISSED" in over
    assert "0.3, at most 0.2" in over
    assert "MISSING" in missing
    assert "absent is left out: it cannot be installed" in show(found)


def test_scans_in_two_processes_are_compared_with_those_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Node:
        contact_points, port = ("127.0.0.1",), 9042

    def measured(
        server: object, order: object, rounds: int, ways: list[str]
    ) -> dict[str, list[dict[str, float]]]:
        assert ways == ["rows", "shingles"]
        return {
            f"{how} {processes}": [{"busiest": 4.0 / processes, "wall": 4.0}] * rounds
            for how in ways
            for processes in (1, 2)
        }

    monkeypatch.setattr(scans_module, "Server", lambda name: nullcontext(Node()))
    monkeypatch.setattr(scans_module.scan, "fill", lambda server, rows: None)
    monkeypatch.setattr(scans_module.scan, "check", lambda order, rows: True)
    monkeypatch.setattr(scans_module.scan, "measure", measured)
    found = list(scans())
    scans_module.measure_scans(found, 9, rows=500_000)
    assert found[0].figures == {"one process": [8000.0] * 3, "two processes": [4000.0] * 3}
    kept = {each.name: each.ratios()[0].kept for each in found}
    assert kept == {
        "scan-rows-busiest": True,
        "scan-shingles-busiest": True,
        "scan-shingles-wall": False,
    }
    monkeypatch.setattr(scans_module.scan, "check", lambda order, rows: False)
    with pytest.raises(BenchError, match="not those of a plain read"):
        scans_module.measure_scans(found, 1)


# --- the page ----------------------------------------------------------------------------------


def data_of(found: list[Cell], rounds: int = 3) -> dict[str, Any]:
    return page.collected(found, {COMPILED: "1.0", SCYLLA: "3.29"}, rounds)


def test_an_earlier_run_keeps_what_a_later_one_did_not_measure() -> None:
    old, new = cell({COMPILED: [1.0]}, [], 1), cell({COMPILED: [2.0]}, [], 2)
    new.name = "another"
    both = page.merged(data_of([old]), data_of([new]))
    assert [each["name"] for each in both["cells"]] == ["a-name", "another"]
    old.figures = {COMPILED: [5.0]}
    again = page.merged(both, data_of([old]))
    assert [each["figures"][COMPILED][0] for each in again["cells"]] == [5.0, 2.0]


def test_figures_of_another_python_are_not_kept() -> None:
    before = data_of([cell({COMPILED: [1.0]}, [])]) | {"python": "CPython 3.11.0"}
    after = page.merged(before, data_of([]))
    assert after["cells"] == []


def test_the_page_tells_of_kept_and_missed_limits() -> None:
    limits = [Limit(COMPILED, (SCYLLA,), most) for most in (0.5, 0.1)]
    found = cell({COMPILED: [1.0, 3.0, 2.0], SCYLLA: [10.0]}, limits)
    text = page.text_of({"3.11": data_of([found])})
    assert "| 1 | A title | scylla-driver | 0.2 | 0.5 | kept |" in text
    assert "| 1 | A title | scylla-driver | 0.2 | 0.1 | **missed** |" in text
    assert "| cql-driver | **2.00** (1.00–3.00) |" in text
    assert "scylla-driver 3.29" in text


def test_pictures_are_small(tmp_path: Path) -> None:
    pictures = pytest.importorskip("benchmarks.speed.pictures")
    pytest.importorskip("matplotlib", reason="matplotlib is only where `make bench` runs")
    labels = [COMPILED, PURE, *DRIVERS, "bare Python socket"]
    found = [cell({label: [1.0 + at, 2.0 + at] for at, label in enumerate(labels)}, [])] * 4
    pictures.draw(data_of(found), tmp_path, "3.11")
    (made,) = tmp_path.iterdir()
    assert made.name == "3.11-1.png"
    assert 1_000 < made.stat().st_size < 60_000


def test_what_is_written_agrees_with_its_data() -> None:
    files = {path.stem: json.loads(path.read_text()) for path in page.FOLDER.glob("*.json")}
    assert files
    assert page.PAGE.read_text() == page.text_of(dict(sorted(files.items())))
    for name in re.findall(r"!\[.*\]\((.*)\)", page.PAGE.read_text()):
        assert (page.PAGE.parent / name).stat().st_size < 60_000, name


# --- all of it ---------------------------------------------------------------------------------


def test_our_driver_and_the_bare_limits_run() -> None:
    output = bench(
        *("speed", "--rounds", "1", "--least-seconds", "0.01", "--without", ",".join(DRIVERS)),
        *("--cells", "one-select-idle,many-insert-with-args,uvloop-insert,dicts,vectors"),
    )
    for label in ("bare Python socket, pipelined", "plain C loop", "copy of the floats in C"):
        assert re.search(rf"^{label} +[\d.,]+", output, re.MULTILINE), output
    assert output.count("\ncql-driver ") == 4
    assert "left out" not in output


def test_plain_c_builds_what_our_decoder_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    # What runs in the environments of other drivers finds its modules beside it.
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import plain_c

    from benchmarks import kernels, schema
    from cql_protocol import RowDecoder

    body = kernels.page()
    wanted = RowDecoder(kernels.TYPES).decode(body, 0, kernels.ROWS)
    for build, made in (
        (plain_c.tuples, wanted),
        (plain_c.named, wanted),
        (plain_c.dicts, [dict(zip(schema.PAGE_COLUMNS, row, strict=True)) for row in wanted]),
    ):
        rows = build(body, 0, kernels.ROWS)
        assert rows == made
        for row, expected in zip(rows, made, strict=True):
            values, others = (
                (row.values(), expected.values()) if isinstance(row, dict) else (row, expected)
            )
            assert [type(value) for value in values] == [type(value) for value in others]
    assert plain_c.walk(body, 0, kernels.ROWS) == len(body) - 4 * 10 * kernels.ROWS
    with pytest.raises(ValueError, match="the page ends too early"):
        plain_c.tuples(body, 0, kernels.ROWS + 1)


def test_kernels_of_both_implementations_are_side_by_side() -> None:
    output = bench("kernels", "checksums", "encoding", "--rounds", "1")
    assert re.search(r"^murmur3 of 16 bytes( +[\d.,]+){5}$", output, re.MULTILINE), output


def test_perf_is_read_and_its_absence_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import profile

    text = " 12.50%\trows.cpython-311-x86_64-linux-gnu.so\t[.] __pyx_f_rows\n\n"
    text += " 44.00%\t[kernel.kallsyms]\t[k] schedule\n"
    assert profile.parsed(text) == [(44.0, "kernel", "schedule"), (12.5, "rows", "__pyx_f_rows")]
    monkeypatch.setattr(profile.shutil, "which", lambda name: None)
    assert profile.main([]) == 1


def test_a_cell_that_is_not_known_cannot_be_profiled() -> None:
    command_line = [sys.executable, "-m", "benchmarks", "profile", "--cells", "nonsense"]
    done = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nonsense" in done.stderr or "perf is not installed" in done.stderr
