"""cql_speedups built for the fuzzer: with AddressSanitizer, and with coverage of its C code.

Needs clang with its runtime libraries (Debian: clang-14 and libclang-rt-14-dev) and atheris, whose
distribution has the sanitizer's runtime with the fuzzer in it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "packages" / "cql-speedups"
SOURCES = PACKAGE / "src" / "cql_speedups"
TARGET = PACKAGE / "build" / "fuzz"
PROBE = Path(__file__).with_name("probe.pyx")
ROOTS = ("blocks", "columns", "encoding", "frames", "murmur3", "rows", "segments")
"""What meets bytes or values that others made."""
_USED = re.compile(
    r"^from cql_speedups\.(\w+) c?import|^from cql_speedups cimport (\w+)", re.MULTILINE
)
FLAGS = [
    *("-O1", "-g", "-fPIC", "-shared", "-fno-omit-frame-pointer", "-fno-strict-aliasing"),
    # Python's own assertions about what its macros are given count too: no -DNDEBUG.
    "-fsanitize=address,fuzzer-no-link",
    "-w",
]
AT_ONCE = 2


def build() -> Path:
    """Compile what is older than its source; return the folder for the front of the path."""
    from Cython.Build import cythonize

    clang = _clang()
    package = TARGET / "cql_speedups"
    package.mkdir(parents=True, exist_ok=True)
    for source in SOURCES.glob("*.py"):
        shutil.copy2(source, package)
    before = Path.cwd()
    os.chdir(SOURCES.parent)  # Cython finds the declarations of the package from here
    try:
        modules = cythonize(
            [*(f"cql_speedups/{name}.pyx" for name in _modules()), str(PROBE)],
            build_dir=str(TARGET / "c"),
            compiler_directives={"language_level": 3},
            include_path=[str(SOURCES.parent)],
            quiet=True,
        )
    finally:
        os.chdir(before)
    for copied in (TARGET / "c").rglob("*.h"):
        copied.unlink()  # Cython's copies may be of an older day: those of the package are included
    headers = max(header.stat().st_mtime for header in SOURCES.glob("*.h"))
    jobs = []
    for module in modules:
        source = SOURCES.parent / module.sources[0]
        folder = TARGET if source.stem == "probe" else package
        library = folder / (source.stem + sysconfig.get_config_var("EXT_SUFFIX"))
        newest = max(headers, source.stat().st_mtime)
        if not library.exists() or library.stat().st_mtime < newest:
            jobs.append([clang, *FLAGS, *_includes(), str(source), "-o", str(library)])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda job: subprocess.run(job, check=True), jobs))
    return TARGET


def _modules() -> list[str]:
    """Return the roots, and what they use."""
    found, waiting = set[str](), list(ROOTS)
    while waiting:
        name = waiting.pop()
        source = SOURCES / f"{name}.pyx"
        if name not in found and source.exists():
            found.add(name)
            for each in (source, source.with_suffix(".pxd")):
                text = each.read_text() if each.exists() else ""
                waiting += [one or other for one, other in _USED.findall(text)]
    return sorted(found)


def _includes() -> list[str]:
    return [f"-I{sysconfig.get_path('include')}", f"-I{SOURCES}"]


def _clang() -> str:
    for name in (os.environ.get("CC", ""), "clang", *(f"clang-{n}" for n in range(22, 13, -1))):
        if "clang" in name and (found := shutil.which(name)):
            return found
    raise SystemExit("no clang: install it with its runtime (clang-14 and libclang-rt-14-dev)")


def environment() -> dict[str, str]:
    """Return what a process that fuzzes the build needs of its environment."""
    spec = importlib.util.find_spec("atheris")
    if spec is None or spec.origin is None:
        raise SystemExit("no atheris: pip install atheris")
    runtime = Path(spec.origin).parents[1] / "asan_with_fuzzer.so"
    path = [str(TARGET), str(ROOT / "packages" / "cql-protocol" / "src")]
    if inherited := os.environ.get("PYTHONPATH"):
        path.append(inherited)
    return {
        **os.environ,
        "CQL_PROTOCOL_IMPL": "cython",
        "LD_PRELOAD": str(runtime),
        "PYTHONMALLOC": "malloc",  # so that each object has its own guarded place
        # Python itself ends with memory in use: leaks are looked for by `leaks.py`.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=64",
        "PYTHONPATH": os.pathsep.join(path),
    }


if __name__ == "__main__":
    print(build(), file=sys.stderr)
