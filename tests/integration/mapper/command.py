"""``python -m cqlengine`` in processes of its own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

__all__ = ["Command", "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """How a process ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """The command line, run in a directory that has the modules of models."""

    def __init__(self, directory: Path, nodes: Nodes, keyspace: str) -> None:
        self.directory = directory
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("CQLENG_")},
            "CQLENG_HOSTS": ",".join(nodes.contact_points),
            "CQLENG_PORT": str(nodes.port),
            "CQLENG_KEYSPACE": keyspace,
        }
        self.environment.pop("DJANGO_SETTINGS_MODULE", None)

    def write(self, module: str, text: str) -> None:
        """Have a module that the command can import."""
        (self.directory / f"{module}.py").write_text(text)

    def __call__(self, *arguments: str, **environment: str) -> Outcome:
        """Run a command to its end."""
        process = self.start("-m", "cqlengine", *arguments, **environment)
        out, err = process.communicate(timeout=120)
        return Outcome(process.returncode, out, err)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a Python process in the directory."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.directory,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
