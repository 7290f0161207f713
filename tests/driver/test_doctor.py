"""``python -m cql_driver``: it tells the truth, and nothing that is broken stops it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cql_driver import doctor
from cql_driver.runtimes import REACTORS

pytestmark = pytest.mark.once

INFO = "{name}-1.0.dist-info"


class Site:
    """A folder on the path of a process, with distributions that offer reactors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def offer(self, distribution: str, name: str, target: str, code: str = "") -> None:
        info = self.folder / INFO.format(name=distribution.replace("-", "_"))
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\n")
        (info / "entry_points.txt").write_text(f"[cql_driver.reactors]\n{name} = {target}\n")
        (self.folder / f"{target.partition(':')[0]}.py").write_text(code)

    def ask(self, *arguments: str, code: str = "", **environment: str) -> tuple[int, str]:
        """Run the doctor; `code` runs before it in its process."""
        start = "import runpy; runpy.run_module('cql_driver', run_name='__main__')"
        command = [sys.executable, "-W", "error", "-c", f"{code}\n{start}", *arguments]
        kept = {key: value for key, value in os.environ.items() if key != "CQL_DRIVER_REACTOR"}
        done = subprocess.run(
            command,
            env={**kept, "PYTHONPATH": str(self.folder), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout

    def examine(self, **environment: str) -> tuple[int, dict[str, Any]]:
        status, output = self.ask("--json", **environment)
        found: dict[str, Any] = json.loads(output)
        return status, found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_it_tells_of_all_that_is_known(site: Site) -> None:
    status, found = site.examine()
    assert status == 0
    assert found["packages"]["cql-driver"] == version("cql-driver")
    assert found["reactors"].keys() == REACTORS.known.keys()
    assert found["reactors"]["selector"] == {
        "usable": True,
        "reason": None,
        "offered_by": ["cql-driver"],
        "ignored": [],
    }
    assert found["chosen"] == {
        "reactor": "selector",
        "by": "default",
        "usable": True,
        "reason": None,
    }
    assert found["authenticators"]["plain"]["usable"]
    assert found["compressors"].keys() == {"lz4", "snappy"}
    assert "PointType" in found["codecs"]
    assert found["patches"] == {}
    assert found["hints"] == []


def test_people_read_the_same(site: Site) -> None:
    status, output = site.ask()
    assert status == 0
    assert output.startswith(f"{platform.python_implementation()} {platform.python_version()} on ")
    lines = output.splitlines()
    assert f"  cql-driver    {version('cql-driver')}" in lines
    assert "  selector  usable" in lines
    assert "reactor chosen: selector (by default)" in lines
    assert "patched by gevent or eventlet: nothing" in lines


def test_broken_speedups_are_told_with_the_reason(site: Site) -> None:
    _, found = site.examine(CQL_PROTOCOL_IMPL="nonsense")
    assert found["speedups"]["implementation"] is None
    assert "CQL_PROTOCOL_IMPL='nonsense' is unknown" in found["speedups"]["reason"]


def test_a_choice_that_nobody_offers_is_told_by_the_status_too(site: Site) -> None:
    status, found = site.examine(CQL_DRIVER_REACTOR="nonesuch", CQL_PROTOCOL_IMPL="python")
    assert status == 1
    assert found["chosen"]["by"] == "CQL_DRIVER_REACTOR=nonesuch"
    assert "no reactor is called 'nonesuch'" in found["chosen"]["reason"]
    assert found["speedups"] == {"implementation": "python", "reason": "CQL_PROTOCOL_IMPL=python"}


LOOP = "from cql_driver.runtimes.selector import SelectorRuntime as Loop"


BROKEN = {
    "needy": ("import a_library_nobody_has", "a_library_nobody_has"),
    "quitting": ("raise SystemExit(5)", "SystemExit: 5"),
    "failing": ("print('noise')\n1 / 0", "division by zero"),
    "strange": ("def Loop(background_thread): return 5", "which is no Runtime"),
    "empty": ("import warnings; warnings.warn('old', DeprecationWarning)", "no attribute 'Loop'"),
}


def test_plugins_of_third_parties_are_told_of_and_what_is_broken_stops_nothing(site: Site) -> None:
    site.offer("acme-loop", "acme", "acme_loop:Loop", LOOP)
    site.offer("acme-first", "twice", "acme_first:Loop", LOOP)
    site.offer("acme-second", "twice", "acme_second:Loop", LOOP)
    site.offer("acme-intruder", "selector", "acme_intruder:Loop", "1 / 0")
    for name, (code, _) in BROKEN.items():
        site.offer(f"acme-{name}", name, f"acme_{name}:Loop", code)
    status, found = site.examine(CQL_DRIVER_REACTOR="acme")
    assert status == 0
    assert found["chosen"]["reactor"] == "acme"
    reactors = found["reactors"]
    assert reactors["acme"]["usable"]
    assert reactors["acme"]["offered_by"] == ["acme-loop"]
    for name, (_, told) in BROKEN.items():
        assert told in reactors[name]["reason"]
    assert (
        "offered twice, by acme-first (acme_first:Loop) and acme-second"
        in (reactors["twice"]["reason"])
    )
    assert reactors["twice"]["offered_by"] == ["acme-first", "acme-second"]
    assert reactors["selector"]["usable"]
    assert reactors["selector"]["ignored"] == ["acme-intruder"]
    status, output = site.ask(CQL_DRIVER_REACTOR="twice")
    assert status == 1
    assert "selector  usable (also offered by acme-intruder, which is ignored)" in output
    assert "reactor chosen: twice (by CQL_DRIVER_REACTOR=twice), but it cannot be used" in output


def test_letters_that_the_output_has_not(site: Site) -> None:
    site.offer("odd", "odd", "oddmod:make", "raise ValueError('\\u00e9\\u2192')")
    status, output = site.ask(PYTHONIOENCODING="ascii")
    assert status == 0
    assert r"ValueError: \xe9\u2192" in output


def test_patches_of_the_process_are_told(site: Site) -> None:
    code = (
        "import sys, types\n"
        "module = sys.modules['eventlet.patcher'] = types.ModuleType('eventlet.patcher')\n"
        "module.already_patched = {'socket': True, 'os': True}"
    )
    _, output = site.ask(code=code)
    assert "patched by eventlet: os, socket" in output
    assert "choose the reactor 'eventlet', by Cluster(reactor='eventlet')" in output


def test_another_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--nonsense"]) == 2
    assert "usage: python -m cql_driver" in capsys.readouterr().err
