"""What an import costs: the modules it loads in a fresh interpreter.

The interpreter starts without `site`, so nothing that an environment installs into every
process (the hooks of editable installs, for instance) hides what the import loads itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig

import pytest

from benchmarks.null_server import NullServer
from tests.architecture.source import IMPORT_NAMES, ROOT

SOURCES = [str(ROOT / "packages" / name / "src") for name in IMPORT_NAMES]

IO_MODULES = {"asyncio", "logging", "selectors", "socket", "ssl", "threading"}
SLOW_MODULES = {"concurrent.futures", "dataclasses", "importlib.metadata", "inspect", "numpy"}
SLOW_MODULES |= {"asyncio", "contextlib", "logging", "logging.config", "ssl", "typing"}
LATER = {"datetime", "decimal", "ipaddress", "re", "selectors", "socket", "uuid"}
"""What requests may need, and neither an import nor a connection does."""

MODELS = """
from cqlengine import columns, connection
from cqlengine.models import Model
class User(Model):
    id = columns.UUID(primary_key=True)
    name = columns.Text(required=True)
    age = columns.Integer()
    tags = columns.Set(columns.Text)
connection.setup(["127.0.0.1"], "shop", lazy_connect=True)
"""
"""What an application does with the object mapper before its first query."""

NEVER_LOADED = {
    "import cql_protocol": IO_MODULES | SLOW_MODULES | {"cql_driver", "lz4", "cramjam", "geomet"},
    "import cql_driver": SLOW_MODULES | LATER,
    "import cql_driver.cluster": SLOW_MODULES | LATER,
    "from cql_driver.cluster import Cluster; Cluster()": SLOW_MODULES | LATER,
    # What the first connection loads.
    "import cql_driver.core.engine, cql_driver.runtimes.selector": SLOW_MODULES | LATER,
    # And the first rows.
    "import cql_protocol.messages.type_options": SLOW_MODULES | LATER,
    "import cqlengine": SLOW_MODULES | LATER | {"cql_driver"},
    "import cqlengine.columns": SLOW_MODULES | LATER | {"cql_driver"},
    MODELS: SLOW_MODULES | LATER,
}

MOST_MODULES = {
    "import cql_driver.cluster": {"cql_driver": 50, "cql_protocol": 16},
    "from cql_driver.cluster import Cluster; Cluster()": {"cql_driver": 50, "cql_protocol": 16},
    MODELS: {"cqlengine": 40, "cql_driver": 50, "cql_protocol": 30},
}
"""How many modules of each package may be loaded: every one costs, however small it is.

Most of both packages is not needed to make a cluster. Whoever gets beyond these numbers has
probably imported at the top of a module what belongs to connecting, or to a rare feature.
"""

PROGRAM = """
import sys
before = set(sys.modules)
sys.path[:0] = {sources!r}
{code}
loaded = sorted(set(sys.modules) - before)
import json
from cql_protocol import _accel
print(json.dumps([_accel.IMPLEMENTATION, loaded]))
"""


def _load(code: str, implementation: str) -> tuple[str, set[str]]:
    """Run code in a new process and return the implementation and the modules it loaded."""
    program = PROGRAM.format(sources=SOURCES, code=code)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", program],
        env={**os.environ, "CQL_PROTOCOL_IMPL": implementation},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    used, loaded = json.loads(done.stdout)
    return used, set(loaded)


SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
COMPILED = any((ROOT / "packages" / "cql-speedups" / "src").rglob(f"*{SUFFIX}"))
CYTHON = pytest.param(
    "cython",
    marks=pytest.mark.skipif(
        not COMPILED and not os.environ.get("CI"),
        reason="cql_speedups is not compiled for this Python",
    ),
)


@pytest.mark.parametrize("implementation", ["python", CYTHON])
@pytest.mark.parametrize("code", NEVER_LOADED)
def test_an_import_loads_nothing_slow(code: str, implementation: str) -> None:
    used, loaded = _load(code, implementation)
    assert used == implementation
    assert "cql_protocol" in loaded
    assert loaded & NEVER_LOADED[code] == set()


@pytest.mark.parametrize("code", MOST_MODULES)
def test_an_import_loads_few_modules(code: str) -> None:
    _, loaded = _load(code, "python")
    for package, most in MOST_MODULES[code].items():
        own = sorted(name for name in loaded if name.partition(".")[0] == package)
        assert len(own) <= most, own


CONNECT = """
from cql_driver.cluster import Cluster
cluster = Cluster([{address!r}], port={port})
cluster.connect()
cluster.shutdown()
"""
OF_REQUESTS = {
    *("cql_driver.cluster.requests", "cql_driver.cluster.response", "cql_driver.cluster.results"),
    *("cql_driver.core.prepare", "cql_driver.query.prepared", "cql_driver.query.batch"),
}
"""What the first request loads, or the first of its kind."""


@pytest.mark.parametrize("implementation", ["python", CYTHON])
def test_a_connection_loads_nothing_slow(implementation: str) -> None:
    with NullServer() as server:
        code = CONNECT.format(address=server.address, port=server.port)
        used, loaded = _load(code, implementation)
    assert used == implementation
    assert "cql_driver.pools.pool" in loaded
    assert loaded & (SLOW_MODULES | LATER | OF_REQUESTS) == set()


def test_python_code_runs_without_the_extension_being_looked_at() -> None:
    _, loaded = _load("import cql_protocol", "python")
    assert not any(name.startswith("cql_speedups") for name in loaded)
