"""What the documents show works as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.cassandra import Cluster

ROOT = Path(__file__).resolve().parents[2]

CONNECTING = """
from cql_driver.cluster import Cluster
cluster = Cluster(["127.0.0.1"])
session = cluster.connect("library")
"""
ENDING = "cluster.shutdown()"


def programs(document: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def awaiting(program: str) -> str:
    """A program that runs one which awaits outside of functions, as ``python -m asyncio`` does."""
    return (
        "import ast, asyncio\n"
        f'code = compile({program!r}, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)\n'
        "asyncio.run(eval(code, {}))\n"
    )


def output(program: str, cassandra: Cluster) -> str:
    program = program.replace("127.0.0.1", cassandra.contact_points[0])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_readmes_examples(cassandra: Cluster) -> None:
    driver, awaited, columns, protocol = programs("README.md")
    lines = output(driver, cassandra).splitlines()
    assert sorted(lines[:3]) == ["1 Emma", "2 Middlemarch", "3 Orlando"]
    assert lines[3:] == ["Middlemarch"]
    assert sorted(output(awaiting(awaited), cassandra).splitlines()) == sorted(lines[:3])
    assert "(3, 2)" in output(f"{CONNECTING}{columns}print(frame.shape)\n{ENDING}", cassandra)
    assert cassandra.version in output(protocol, cassandra)


def test_the_page_of_the_driver_on_the_index_has_the_same_example() -> None:
    assert programs("packages/cql-driver/README.md")[:1] == programs("README.md")[:1]


def test_the_example_of_the_page_for_asyncio(cassandra: Cluster) -> None:
    driver, awaited = programs("packages/cql-driver/README.md")
    output(driver, cassandra)
    assert "Emma" in output(awaiting(awaited), cassandra)


def test_the_sans_io_demo(cassandra: Cluster) -> None:
    demo = ROOT / "examples" / "sans_io.py"
    done = subprocess.run(
        [
            sys.executable,
            str(demo),
            cassandra.contact_points[0],
            "--rows",
            "2000",
            "--version",
            "4",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"written +2,000 rows", done.stdout)
    assert re.search(r"read +2,000 rows", done.stdout)
