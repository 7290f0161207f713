"""The drivers that are compared: the one of this tree, and others in environments of their own.

Those environments are made when they are first needed, below ``.hatch``, so that ``make clean``
removes them.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
OURS = "cql-driver"
PEERS = ("scylla-driver", "cassandra-driver")
ASYNCIO_PEERS = (
    "scylla-driver",
    "acsylla==1.2.0",
    "scyllapy==1.3.3",
    "scylladb-rs-driver==0.2.0",
)
BASELINE = PEERS[0]
_ROOTS = {"acsylla": "acsylla", "scyllapy": "scyllapy", "scylladb-rs-driver": "scylla"}
_BESIDE = ("lz4", "uvloop", "numpy")
"""What is installed beside each of the others."""
IMPLEMENTATIONS = ("python", "cython")
WORKER = Path(__file__).with_name("worker.py")
MOST_SECONDS = 600.0


class BenchError(Exception):
    """A benchmark cannot go on; the text says why."""


class Driver(NamedTuple):
    """A driver to measure: how it is called, where it is, and what its package is called."""

    label: str
    root: str
    python: str
    environment: dict[str, str]

    @property
    def ours(self) -> bool:
        """Whether it is the driver of this tree."""
        return self.root == "cql_driver"


def drivers(
    names: list[str], implementations: list[str], reactors: list[str] | None = None
) -> list[Driver]:
    """Return the drivers of these names, ready to run; ``NAME==VERSION`` asks for a version.

    The driver of this tree comes once for each of its implementations on each of the reactors.
    """
    found = []
    for name in names:
        if name == OURS:
            ours = [_ours(impl, on) for impl in implementations for on in reactors or (None,)]
            found += ours if len(ours) > 1 else [ours[0]._replace(label=OURS)]
        else:
            root = _ROOTS.get(name.partition("==")[0], "cassandra")
            found.append(Driver(name, root, _peer(name), dict(os.environ)))
    return found


def _ours(implementation: str, reactor: str | None) -> Driver:
    environment = {**os.environ, "CQL_PROTOCOL_IMPL": implementation}
    told = implementation
    if reactor is not None:
        environment["CQL_DRIVER_REACTOR"] = reactor
        told += f", {reactor}"
    return Driver(f"{OURS} ({told})", "cql_driver", sys.executable, environment)


def driver_parser(
    command: str,
    description: str | None,
    default: list[str] | None = None,
    peers: tuple[str, ...] = PEERS,
) -> argparse.ArgumentParser:
    """Return the parser of a command that measures drivers: all of them when not told which."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks {command}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    names = [OURS, *peers] if default is None else default
    known = {name.partition("==")[0] for name in (OURS, *peers)}

    def driver_name(text: str) -> str:
        if text.partition("==")[0] not in known:
            raise argparse.ArgumentTypeError(f"{text} is not one of {', '.join(sorted(known))}")
        return text

    add("--driver", nargs="+", type=driver_name, default=names, metavar="NAME[==VERSION]")
    add("--impl", nargs="+", choices=IMPLEMENTATIONS, default=["python"], help="of cql-driver")
    return made


def _peer(requirement: str) -> str:
    """Return the Python of the environment that has this driver; make it if need be."""
    tag = "{}.{}".format(*sys.version_info[:2])
    folder = ROOT / ".hatch" / tag / "peers" / requirement
    python = folder / "bin" / "python"
    ready = folder / "ready"
    wanted = " ".join((requirement, *_BESIDE))
    if not ready.exists() or ready.read_text() != wanted:
        print(f"setting up {requirement} in {folder.relative_to(ROOT)}", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True, symlinks=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*command, *wanted.split()], check=False)
        if done.returncode:
            raise BenchError(f"{requirement} cannot be installed; pip said why above")
        ready.write_text(wanted)
    return str(python)


class Worker:
    """A process that has one driver and runs what it is told, as `script` says."""

    def __init__(self, driver: Driver, options: dict[str, Any], script: Path = WORKER) -> None:
        self.driver = driver
        self._process = subprocess.Popen(
            [driver.python, str(script), driver.root, json.dumps(options)],
            env=driver.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.about = self.answer()
        except BaseException:
            self.close()
            raise

    def start(self, order: dict[str, Any]) -> None:
        """Tell it to run something; `answer` waits for the figures."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Return the next answer; raise `BenchError` when there is none or it is an error."""
        stream = self._process.stdout
        assert stream is not None
        ready, _, _ = select.select([stream], [], [], MOST_SECONDS)
        if not ready:
            raise BenchError(f"{self.driver.label} hangs: no answer in {MOST_SECONDS:.0f} s")
        line = stream.readline()
        if not line:
            raise BenchError(f"the process of {self.driver.label} ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(f"{self.driver.label} failed:\n{answer['error']}")
        return answer

    def close(self) -> None:
        """End the process."""
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
