"""Finds the programs that a cluster needs, with errors that say what to install."""

from __future__ import annotations

import functools
import glob
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.cassandra.errors import ServerUnavailable

JAVA_MAJOR = 17
_USUAL_JAVA = (
    f"/usr/lib/jvm/*{JAVA_MAJOR}*/bin/java",
    f"/Library/Java/JavaVirtualMachines/*{JAVA_MAJOR}*/Contents/Home/bin/java",
    f"/opt/homebrew/opt/openjdk@{JAVA_MAJOR}/bin/java",
)


@functools.cache
def find_java() -> Path:
    """The ``java`` of a Java 17: ``JAVA_HOME``, ``PATH``, then the usual folders of the systems.

    :raises ServerUnavailable: there is none; the message lists what was found instead.
    """
    seen = []
    for candidate in _java_candidates():
        major = java_major(candidate)
        if major == JAVA_MAJOR:
            return candidate
        seen.append(f"{candidate} is {f'Java {major}' if major else 'not usable'}")
    found = "; ".join(seen) or "no java in JAVA_HOME, PATH or the usual folders"
    raise ServerUnavailable(
        f"Cassandra needs Java {JAVA_MAJOR}, and there is none ({found}). Install it (for example "
        f"openjdk-{JAVA_MAJOR}-jdk-headless), or point JAVA_HOME to it"
    )


def _java_candidates() -> Iterator[Path]:
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    named = [Path(home) / "bin" / "java"] if home else []
    named += [Path(on_path)] if on_path else []
    usual = [Path(path) for pattern in _USUAL_JAVA for path in sorted(glob.glob(pattern))]
    known = set()
    for path in [*named, *usual]:
        if path not in known and path.is_file():
            known.add(path)
            yield path


def java_major(java: Path) -> int | None:
    """Major version of a ``java`` program, None when it does not run."""
    try:
        done = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(match[1]) if match else None


def find_maven(wanted: str = "the jars of Cassandra") -> Path:
    """The ``mvn`` program, which fetches jars; ``wanted`` says which, for the error's text.

    :raises ServerUnavailable: it is not installed.
    """
    found = shutil.which("mvn")
    if found is None:
        raise ServerUnavailable(
            f"{wanted} are not in the cache yet, and there is no mvn in PATH to fetch "
            "them: install Maven"
        )
    return Path(found)


def find_openssl() -> Path:
    """The ``openssl`` program, which makes the certificates of clusters with TLS.

    :raises ServerUnavailable: it is not installed.
    """
    found = shutil.which("openssl")
    if found is None:
        raise ServerUnavailable("clusters with TLS need openssl in PATH: install it")
    return Path(found)


def find_keytool() -> Path:
    """The ``keytool`` beside the Java in use, or in ``PATH``.

    :raises ServerUnavailable: there is none.
    """
    beside = find_java().resolve().parent / "keytool"
    found = str(beside) if beside.is_file() else shutil.which("keytool")
    if found is None:
        raise ServerUnavailable(f"clusters with TLS need keytool, and {beside} does not exist")
    return Path(found)


def run_tool(command: list[str | Path], *, cwd: Path | None = None, timeout: float = 60.0) -> str:
    """Run a program to its end and return what it printed.

    :raises ServerUnavailable: it failed or took longer than ``timeout`` seconds; with its output.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerUnavailable(f"{name} did not finish: {error}") from error
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip()[-2000:]
        raise ServerUnavailable(f"{name} failed (exit status {done.returncode}):\n{output}")
    return done.stdout
