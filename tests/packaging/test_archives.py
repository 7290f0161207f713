"""What is in the wheels and source archives, and what they say of themselves."""

from __future__ import annotations

import email
import struct
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from tests.architecture.source import IMPORT_NAMES, ROOT, pyproject, tree_files
from tests.packaging.workshop import Workshop, load_hatch_build, quick_compiler

COMPILED = {"cql-speedups"}
LARGEST_WHEEL = 160_000
"""In bytes: the wheel of cql-protocol must stay a small thing to depend on."""
LARGEST_DRIVER = 560_000
"""The wheels of cql-protocol and cql-driver together: what a function in a cloud has to carry.

It was 400,000 before the schema, sick nodes and host life, 440,000 before asyncio, 480,000 before
rows and requests had functions made for their shapes, 500,000 before columns and scans; the next
raise needs as good a reason.
"""
LARGEST_EXTENSION = 1_100_000
"""The wheel of cql-speedups, which whoever wants speed carries beside them."""


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        return set(archive.namelist())


def _info(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (n for n in archive.namelist() if n.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


def _metadata(wheel: Path) -> Message:
    return email.message_from_string(_info(wheel, "METADATA"))


def _sources(distribution: str) -> set[str]:
    """Return the files of a distribution's package, below ``src``."""
    folder = ROOT / "packages" / distribution / "src"
    return {
        path.relative_to(folder).as_posix()
        for path in tree_files()
        if path.is_relative_to(folder) and path.name != "_version.py"
    }


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_tags(workshop: Workshop, distribution: str) -> None:
    name, version, _, tags = parse_wheel_filename(workshop.wheel(distribution).name)
    assert name == distribution
    assert str(version) == _metadata(workshop.wheel(distribution))["Version"]
    pure = distribution not in COMPILED
    assert f"Root-Is-Purelib: {str(pure).lower()}" in _info(workshop.wheel(distribution), "WHEEL")
    if pure:
        assert {str(tag) for tag in tags} == {"py3-none-any"}
    else:
        assert tags <= set(sys_tags())
        assert all(tag.abi != "none" and tag.platform != "any" for tag in tags)


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_a_wheel_carries_the_package_and_nothing_else(
    workshop: Workshop, distribution: str
) -> None:
    package = IMPORT_NAMES[distribution]
    inside = {name for name in _names(workshop.wheel(distribution)) if ".dist-info/" not in name}
    compiled = {name for name in inside if name.endswith((".so", ".pyd"))}
    wanted = {name for name in _sources(distribution) if not name.endswith((".pyx", ".pxd", ".h"))}
    assert inside - compiled == wanted | {f"{package}/_version.py"}
    assert f"{package}/py.typed" in inside
    kernels = {name for name in _sources(distribution) if name.endswith(".pyx")}
    if load_hatch_build().find_libev() is None:
        kernels.discard("cql_speedups/libev.pyx")
    assert {name.partition(".")[0] for name in compiled} == {
        name.removesuffix(".pyx") for name in kernels
    }
    assert len(compiled) == len(kernels)
    assert bool(compiled) == (distribution in COMPILED)


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_no_archive_carries_what_other_builds_left(workshop: Workshop, distribution: str) -> None:
    with tarfile.open(workshop.sdist(distribution)) as archive:
        sdist = set(archive.getnames())
    for name in _names(workshop.wheel(distribution)) | sdist:
        assert "399" not in name
        assert "__pycache__" not in name
        assert not name.endswith(".c")
        assert "tests" not in name.split("/")
    assert not any(name.endswith((".so", ".pyd")) for name in sdist)


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_a_source_archive_carries_all_that_a_build_needs(
    workshop: Workshop, distribution: str
) -> None:
    archive = workshop.sdist(distribution)
    top = archive.name.removesuffix(".tar.gz")
    with tarfile.open(archive) as opened:
        inside = {m.name.removeprefix(f"{top}/") for m in opened.getmembers() if m.isfile()}
    wanted = {f"src/{name}" for name in _sources(distribution)}
    wanted |= {f"src/{IMPORT_NAMES[distribution]}/_version.py"}
    wanted |= {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO"}
    if distribution in COMPILED:
        wanted.add("hatch_build.py")
    assert inside - {".gitignore"} == wanted


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_metadata(workshop: Workshop, distribution: str) -> None:
    wheel = workshop.wheel(distribution)
    found = _metadata(wheel)
    project = pyproject(distribution)["project"]
    assert found["Name"] == distribution
    assert found["License-Expression"] == "Apache-2.0"
    assert found.get_all("License-File") == ["LICENSE"]
    assert found["Requires-Python"] == ">=3.11"
    assert found.get_payload() == (ROOT / "packages" / distribution / "README.md").read_text()
    extras = project.get("optional-dependencies", {})
    assert set(found.get_all("Provides-Extra") or ()) == set(extras)
    required = [Requirement(text) for text in found.get_all("Requires-Dist") or ()]
    plain = [r for r in required if r.marker is None]
    assert sorted(map(str, plain)) == sorted(project["dependencies"])
    for name in IMPORT_NAMES:
        pins = {str(r.specifier) for r in required if r.name == name != distribution}
        assert pins <= {f"=={found['Version']}"}


def test_cql_protocol_depends_on_nothing(workshop: Workshop) -> None:
    required = _metadata(workshop.wheel("cql-protocol")).get_all("Requires-Dist") or []
    assert required
    assert all("extra ==" in text for text in required)


def test_cql_protocol_is_small(workshop: Workshop) -> None:
    assert workshop.wheel("cql-protocol").stat().st_size < LARGEST_WHEEL


def test_the_driver_is_small(workshop: Workshop) -> None:
    wheels = [workshop.wheel(name) for name in ("cql-protocol", "cql-driver")]
    assert sum(wheel.stat().st_size for wheel in wheels) < LARGEST_DRIVER


def test_the_extension_is_small(workshop: Workshop) -> None:
    assert workshop.wheel("cql-speedups").stat().st_size < LARGEST_EXTENSION


@pytest.mark.skipif(sys.platform != "linux", reason="reads libraries as they are on Linux")
def test_compiled_libraries_are_stripped(workshop: Workshop) -> None:
    symbols = 2  # the type of the section that only debuggers and profilers read
    with zipfile.ZipFile(workshop.wheel("cql-speedups")) as archive:
        libraries = [name for name in archive.namelist() if name.endswith(".so")]
        assert libraries
        assert [n for n in libraries if symbols in _sections(archive.read(n))] == []


def _sections(library: bytes) -> set[int]:
    """Return the types of the sections of an ELF library."""
    assert library[:4] == b"\x7fELF"
    order = "<" if library[5] == 1 else ">"
    wide = library[4] == 2
    (table,) = struct.unpack_from(order + ("Q" if wide else "I"), library, 40 if wide else 32)
    size, count = struct.unpack_from(order + "HH", library, 58 if wide else 46)
    types = (struct.unpack_from(order + "I", library, table + at * size + 4) for at in range(count))
    return {kind for (kind,) in types}


def test_the_extension_is_compiled_for_speed_on_any_machine() -> None:
    for extension in load_hatch_build()._extensions():
        flags = extension.extra_compile_args
        assert sys.platform == "win32" or "-O3" in flags
        assert not any(flag.startswith(("-march", "-mtune", "-mavx")) for flag in flags)
        assert "-ffast-math" not in flags


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_entry_points(workshop: Workshop, distribution: str) -> None:
    declared = pyproject(distribution)["project"].get("entry-points", {})
    if not declared:
        names = _names(workshop.wheel(distribution))
        assert not any(name.endswith("entry_points.txt") for name in names)
        return
    parser = ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(_info(workshop.wheel(distribution), "entry_points.txt"))
    assert {group: dict(parser[group]) for group in parser.sections()} == declared


@pytest.mark.parametrize("distribution", ["cql-protocol", "cql-speedups"])
def test_a_source_archive_builds_alone(
    workshop: Workshop, distribution: str, tmp_path: Path
) -> None:
    project = workshop.unpacked_sdist(distribution)
    assert not (project.parents[1] / "version.py").exists()
    # All is compiled, as it was for the wheel, but nobody runs this one.
    quick = quick_compiler(tmp_path)
    workshop.build(project, project / "rebuilt", "-t", "wheel", settings=quick)
    (again,) = (project / "rebuilt").glob("*.whl")
    wheel = workshop.wheel(distribution)
    assert again.name == wheel.name
    assert _names(again) == _names(wheel)
    assert _info(again, "METADATA") == _info(wheel, "METADATA")
