"""Builds the distributions of this tree and installs them into environments of their own.

Wheels are built by the hatchling of this environment and installed from the folder they lie in.
The index that pip is set up for is asked by `Workshop.fetched` and `Workshop.downloaded` alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Mapping
from functools import cached_property
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from tests.architecture.source import IMPORT_NAMES, ROOT, tree_files

STALE = {
    "cql-speedups": ["murmur3.cpython-399-x86_64-linux-gnu.so", "murmur3.cp399-win_amd64.pyd"],
    "cql-protocol": ["wire.c", "__pycache__/wire.cpython-399.pyc"],
}
"""Files that other builds leave beside the sources, and that no archive may carry."""


def run(
    *command: str | Path,
    cwd: Path | None = None,
    pip_settings: bool = False,
    settings: Mapping[str, str] | None = None,
) -> str:
    """Run a command without this environment's settings and return what it prints.

    Those of pip are kept with `pip_settings`; `settings` are variables besides.
    """
    ours = ["CQL_", "PYTHON", "UV_", "VIRTUAL_ENV", *(() if pip_settings else ("PIP_",))]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(tuple(ours))
    }
    if not pip_settings:
        environment["PIP_CONFIG_FILE"] = os.devnull
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    environment.update(settings or {})
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"{command}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class CommandFailed(Exception):
    """A command ended with an error; the text has what it printed."""


class Environment:
    """A virtual environment without pip, with what was installed into it."""

    def __init__(self, folder: Path, installer: Path) -> None:
        self.folder = folder
        self._installer = installer
        run(sys.executable, "-m", "venv", "--without-pip", folder)

    @cached_property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return _python_of(self.folder)

    def _pip(self, *words: str | Path) -> str:
        return run(self._installer, "-m", "pip", "--python", self.python, *words)

    def install(self, links: Path, *requirements: str | Path) -> Environment:
        """Install from the folder `links` only."""
        self._pip("install", "--quiet", "--no-index", "--find-links", links, *requirements)
        return self

    def installed(self) -> dict[str, str]:
        """Return the versions of what is installed, by name."""
        listed = json.loads(self._pip("list", "--format", "json"))
        return {entry["name"]: entry["version"] for entry in listed}

    def check(self) -> str:
        """Ask pip whether the requirements of all that is installed are met."""
        return self._pip("check").strip()

    def run(self, program: str) -> Any:
        """Run a program here; it leaves its answer in `answer`, which can be written as JSON."""
        code = f"{program}\nimport json; print(json.dumps(answer))"
        return json.loads(run(self.python, "-I", "-W", "error", "-c", code))


def _python_of(folder: Path) -> Path:
    scripts = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return folder / scripts


class Workshop:
    """The built distributions of this tree; they and all environments lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dist = folder / "dist"
        self._environments = 0
        source = folder / "source"
        _copy_tree(source)
        for name in IMPORT_NAMES:
            self.build(source / "packages" / name, self.dist)

    @staticmethod
    def build(
        project: Path, target: Path, *options: str, settings: Mapping[str, str] | None = None
    ) -> None:
        """Build the archives of one project; `settings` are variables, as those of a compiler."""
        command = (sys.executable, "-m", "hatchling", "build", "-d", target, *options)
        run(*command, cwd=project, settings=settings)

    def wheel(self, distribution: str) -> Path:
        """Return the wheel of a distribution."""
        (found,) = self.dist.glob(f"{distribution.replace('-', '_')}-*.whl")
        return found

    def sdist(self, distribution: str) -> Path:
        """Return the source archive of a distribution."""
        (found,) = self.dist.glob(f"{distribution.replace('-', '_')}-*.tar.gz")
        return found

    def unpacked_sdist(self, distribution: str) -> Path:
        """Unpack a source archive, far from the tree, and return the folder of the project."""
        archive = self.sdist(distribution)
        target = self.folder / "unpacked"
        # The first releases of 3.11 have no filters, the later Pythons warn without one.
        safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        with tarfile.open(archive) as opened:
            opened.extractall(target, **safely)
        return target / archive.name.removesuffix(".tar.gz")

    def fetched(self, extra: str) -> Path:
        """Return a folder with cql-driver and all that an extra of it asks for, as wheels.

        Those of others come from the index that pip is set up for.
        """
        return self.downloaded(f"{self.wheel('cql-driver')}[{extra}]", extra)

    def downloaded(self, requirement: str, name: str) -> Path:
        """Return a folder with what a requirement asks for, as wheels; `name` is the folder's."""
        folder = self.folder / "fetched" / name
        if not folder.exists():
            where = ("--find-links", self.dist, "--dest", folder, "--only-binary", ":all:")
            command = (self._installer, "-m", "pip", "download", "--quiet", *where, requirement)
            run(*command, pip_settings=True)
        return folder

    @cached_property
    def _installer(self) -> Path:
        """The one environment that has pip, which takes seconds to make."""
        folder = self.folder / "installer"
        run(sys.executable, "-m", "venv", folder)
        return _python_of(folder)

    def environment(self) -> Environment:
        """Return a new environment in which nothing is installed."""
        self._environments += 1
        return Environment(self.folder / f"environment-{self._environments}", self._installer)


def quick_compiler(folder: Path) -> dict[str, str]:
    """Return settings with which C is compiled without optimization, in a quarter of the time.

    The compiler is a program in `folder`, since what comes last on its command line wins.
    """
    if os.name == "nt":
        return {}
    compiler = folder / "cc"
    compiler.write_text(f'#!/bin/sh\nexec {sysconfig.get_config_var("CC")} "$@" -O0\n')
    compiler.chmod(0o755)
    return {"CC": str(compiler)}


def load_hatch_build() -> Any:
    """Return the build script of cql-speedups as a module."""
    path = ROOT / "packages" / "cql-speedups" / "hatch_build.py"
    spec = spec_from_file_location("cql_speedups_hatch_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _copy_tree(target: Path) -> None:
    """Copy what git knows, and lay beside it what other builds leave behind."""
    for path in tree_files():
        inside = path.relative_to(ROOT)
        if inside.parts[0] in ("packages", "version.py", ".gitignore"):
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / inside)
    for name, stale in STALE.items():
        for left in stale:
            path = target / "packages" / name / "src" / IMPORT_NAMES[name] / left
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"left by another build")


def make_wheel(
    folder: Path, name: str, modules: dict[str, str], entry_points: dict[str, dict[str, str]]
) -> Path:
    """Write the wheel of a small distribution by hand, and return its path."""
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    groups = (
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in entry_points.items()
    )
    files = {f"{module}.py": code for module, code in modules.items()}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: by-hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/entry_points.txt"] = "\n".join(groups)
    record = [f"{path},{_digest(text)},{len(text.encode())}\n" for path, text in files.items()]
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"])
    path = folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path


def _digest(text: str) -> str:
    raw = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={raw.decode().rstrip('=')}"
