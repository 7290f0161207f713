"""The choice of the implementation, each case in a process of its own.

The processes start without `site` and see the sources by path, so that what is installed in
this environment does not matter: the extension is there when its folder is on the path.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import cql_protocol
from cql_protocol._version import __version__

PROTOCOL = Path(cql_protocol.__file__).parent.parent
SPEEDUPS = PROTOCOL.parents[1] / "cql-speedups" / "src"

COMPILED = any(SPEEDUPS.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"))
needs_extension = pytest.mark.skipif(
    not COMPILED and not os.environ.get("CI"),
    reason="cql_speedups is not compiled for this Python",
)

PROGRAM = """
import json, sys, warnings
sys.path[:0] = json.loads(sys.argv[1])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        from cql_protocol import _accel
        import cql_protocol.murmur3 as module
    except Exception as exc:
        found = {"error": type(exc).__name__, "text": str(exc)}
    else:
        found = {
            "implementation": _accel.IMPLEMENTATION,
            "reason": _accel.REASON,
            "hash": module.murmur3(b"123"),
            "home": type(module.murmur3).__name__,
        }
found["warnings"] = [[w.category.__name__, str(w.message)] for w in caught]
print(json.dumps(found))
"""

CURE = f"pip install 'cql-speedups=={__version__}'"


def _run(program: str, wanted: str | None, *folders: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "CQL_PROTOCOL_IMPL"}
    if wanted is not None:
        environment["CQL_PROTOCOL_IMPL"] = wanted
    path = json.dumps([str(folder) for folder in (PROTOCOL, *folders)])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _choose(wanted: str | None, *folders: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run(PROGRAM, wanted, *folders))
    return found


def _runs(found: dict[str, Any], implementation: str) -> bool:
    """Say whether `implementation` was chosen, is what murmur3 runs, and is right."""
    return found["implementation"] == implementation and _hashes_by(found, implementation)


def _hashes_by(found: dict[str, Any], implementation: str) -> bool:
    compiled = found["home"] in ("cython_function_or_method", "builtin_function_or_method")
    return compiled == (implementation == "cython") and found["hash"] == -7468325962851647638


@pytest.fixture
def fake(tmp_path: Path) -> Any:
    """Write an extension package that misbehaves; returns the folder to put on the path."""

    def write(code: str, **modules: str) -> Path:
        package = tmp_path / "cql_speedups"
        package.mkdir()
        (package / "__init__.py").write_text(code)
        for name, text in modules.items():
            (package / f"{name}.py").write_text(text)
        return tmp_path

    return write


# --- no extension ------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [None, "", "python"])
def test_without_the_extension_python_runs_and_nobody_is_bothered(wanted: str | None) -> None:
    found = _choose(wanted)
    assert _runs(found, "python")
    assert found["warnings"] == []
    reason = "CQL_PROTOCOL_IMPL=python" if wanted else "cql-speedups is not installed"
    assert found["reason"] == reason


def test_insisting_on_what_is_not_installed() -> None:
    found = _choose("cython")
    assert found["error"] == "PluginError"
    assert found["text"] == (f"CQL_PROTOCOL_IMPL=cython, but cql-speedups is not installed: {CURE}")


@pytest.mark.parametrize("wanted", ["c", "Python", "CYTHON", "1", " python"])
def test_a_word_that_means_nothing(wanted: str) -> None:
    found = _choose(wanted, SPEEDUPS)
    assert found["error"] == "PluginError"
    assert found["text"] == f"CQL_PROTOCOL_IMPL={wanted!r} is unknown: use 'python' or 'cython'"


# --- the real extension ------------------------------------------------------------------


@needs_extension
@pytest.mark.parametrize("wanted", [None, "", "cython"])
def test_the_extension_runs_when_it_is_installed(wanted: str | None) -> None:
    found = _choose(wanted, SPEEDUPS)
    assert _runs(found, "cython")
    assert found["warnings"] == []
    assert found["reason"] == "cql-speedups is installed"


def test_python_can_be_kept() -> None:
    found = _choose("python", SPEEDUPS)
    assert _runs(found, "python")
    assert (found["reason"], found["warnings"]) == ("CQL_PROTOCOL_IMPL=python", [])


HASHES = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import random
from cql_protocol.murmur3 import murmur3
source = random.Random({seed})
keys = [source.randbytes(source.randrange(200)) for _ in range(2000)]
print(json.dumps([murmur3(key) for key in keys]))
"""


@needs_extension
def test_both_give_the_same_hashes() -> None:
    program = HASHES.format(seed=random.randrange(2**32))
    slow = json.loads(_run(program, "python"))
    fast = json.loads(_run(program, "cython", SPEEDUPS))
    assert len(set(slow)) > 1900
    assert fast == slow, program


# --- an extension that cannot be used ----------------------------------------------------

WRONG = {
    "ImportError": (
        "raise ImportError('undefined symbol: PyFoo')",
        "ImportError: undefined symbol",
    ),
    "RuntimeError": ("raise RuntimeError('no GIL here')", "RuntimeError: no GIL here"),
    "missing dependency": ("import a_library_nobody_has", "No module named 'a_library_nobody_has'"),
    "syntax": ("def f(:", "SyntaxError"),
    "another version": ("__version__ = '0.0.1'", "is version 0.0.1, cql-protocol"),
    "no version": ("", "is version None, cql-protocol"),
}


@pytest.mark.parametrize("wanted", [None, ""])
@pytest.mark.parametrize("case", WRONG)
def test_python_runs_and_one_warning_says_why(fake: Any, case: str, wanted: str | None) -> None:
    code, why = WRONG[case]
    found = _choose(wanted, fake(code))
    assert _runs(found, "python")
    assert len(found["warnings"]) == 1
    category, text = found["warnings"][0]
    assert category == "RuntimeWarning"
    assert why in text
    assert text.endswith(f"; running pure Python. Cure: {CURE}")
    assert why in found["reason"]


@pytest.mark.parametrize("case", WRONG)
def test_insisting_on_what_cannot_be_used(fake: Any, case: str) -> None:
    code, why = WRONG[case]
    found = _choose("cython", fake(code))
    assert found["error"] == "PluginError"
    assert found["text"].startswith("CQL_PROTOCOL_IMPL=cython, but cql-speedups ")
    assert why in found["text"]
    assert found["text"].endswith(CURE)
    assert found["warnings"] == []


@pytest.mark.parametrize("case", WRONG)
def test_python_that_is_kept_does_not_look(fake: Any, case: str) -> None:
    found = _choose("python", fake(WRONG[case][0]))
    assert _runs(found, "python")
    assert found["warnings"] == []


LACKING = [
    pytest.param("", {}, id="no module"),
    pytest.param("from cql_speedups import murmur3", {"murmur3": "other = 1"}, id="no function"),
    pytest.param(
        "def __getattr__(name): raise ImportError(f'{name}: undefined symbol')",
        {},
        id="a library that cannot be loaded",
    ),
]
"""A wheel that was damaged, or a library built before the last change of its source."""


@pytest.mark.parametrize(("code", "kernels"), LACKING)
def test_a_function_that_is_lacking_is_run_by_python(
    fake: Any, code: str, kernels: dict[str, str]
) -> None:
    found = _choose(None, fake(f"__version__ = {__version__!r}\n{code}\n", **kernels))
    assert _hashes_by(found, "python")
    assert len(found["warnings"]) == 1
    category, text = found["warnings"][0]
    assert category == "RuntimeWarning"
    assert "cql-speedups" in text
    assert CURE in text


@pytest.mark.parametrize(("code", "kernels"), LACKING)
def test_insisting_on_a_function_that_is_lacking(
    fake: Any, code: str, kernels: dict[str, str]
) -> None:
    found = _choose("cython", fake(f"__version__ = {__version__!r}\n{code}\n", **kernels))
    assert found["error"] == "PluginError"
    assert CURE in found["text"]


def test_the_warning_can_be_an_error(fake: Any) -> None:
    program = "import warnings; warnings.simplefilter('error')\n" + PROGRAM.replace(
        'warnings.simplefilter("always")', 'warnings.simplefilter("error")'
    )
    found = json.loads(_run(program, None, fake("__version__ = '0.0.1'")))
    assert found["error"] == "RuntimeWarning"
